// Seeded damage to bytes: the same seed makes the same cases, so that a finding can be repeated.

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
}

const MARKS = ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', 'PK\x06\x06', 'PK\x06\x07', 'PK\x07\x08', ': ', '\r\n', '\n '];
const VALUES = [0, 1, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** One to four changes; half of them within 64 bytes of a signature, where the fields are. */
export function mutate(bytes: Buffer, other: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit);
  let result = Buffer.from(bytes);
  for (let left = 1 + below(4); left > 0; left--) {
    if (result.length === 0) return result;
    let at = below(result.length);
    if (random() < 0.5) {
      const found = result.indexOf(MARKS[below(MARKS.length)] ?? '', at, 'latin1');
      if (found !== -1) at = Math.min(found + below(64), result.length - 1);
    }
    const length = 1 + below(random() < 0.8 ? 8 : 400);
    const kind = below(8);
    if (kind === 0) result[at] = (result[at] ?? 0) ^ (1 << below(8));
    else if (kind === 1) result[at] = below(256);
    else if (kind === 2 && at + 2 <= result.length)
      result.writeUInt16LE((VALUES[below(VALUES.length)] ?? 0) & 0xffff, at);
    else if (kind === 3 && at + 4 <= result.length) result.writeUInt32LE(VALUES[below(VALUES.length)] ?? 0, at);
    else if (kind === 4) result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
    else if (kind === 5) {
      const from = below(result.length);
      result = Buffer.concat([result.subarray(0, at), result.subarray(from, from + length), result.subarray(at)]);
    } else if (kind === 6) result = result.subarray(0, at);
    else {
      const from = below(other.length);
      other.copy(result, at, from, from + length);
    }
  }
  return result;
}
