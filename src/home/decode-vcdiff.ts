// Applies a delta in VCDIFF (RFC 3284) to its basis. Deltas come from outside: every length is checked before it is used, the
// result is allocated once and within a limit, and time grows with the sizes of delta and result alone. Known beyond the RFC: the
// application header and the Adler-32 of xdelta3 and open-vcdiff. Second compressors and other code tables are refused.

export type DecodedDelta =
  | { readonly kind: 'decoded'; readonly bytes: Uint8Array }
  | { readonly kind: 'unsound'; readonly reason: string }
  | { readonly kind: 'too-large'; readonly sizeBytes: number };

/** Never throws for what is in the delta. */
export function decodeVcdiff(delta: Uint8Array, basis: Uint8Array, limitBytes: number): DecodedDelta {
  try {
    const first = readHeader(new ByteReader(delta));
    let sizeBytes = 0;
    for (const reader = new ByteReader(delta, first); !reader.isAtEnd; ) {
      sizeBytes += readWindow(reader).targetBytes;
      if (sizeBytes > limitBytes) return { kind: 'too-large', sizeBytes };
    }
    const target = new Uint8Array(sizeBytes);
    let position = 0;
    for (const reader = new ByteReader(delta, first); !reader.isAtEnd; ) {
      const window = readWindow(reader);
      fillWindow(window, basis, target, position);
      position += window.targetBytes;
    }
    return { kind: 'decoded', bytes: target };
  } catch (error) {
    if (error instanceof Unsound) return { kind: 'unsound', reason: error.message };
    throw error;
  }
}

class Unsound extends Error {}

function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Unsound(what);
}

const MAGIC = [0xd6, 0xc3, 0xc4, 0x00] as const;
/** Bits of the header's indicator (RFC 3284, 4.1), and of xdelta3. */
const SECOND_COMPRESSOR = 1;
const OWN_CODE_TABLE = 2;
const APPLICATION_HEADER = 4;
/** Bits of a window's indicator (4.2), and of open-vcdiff. */
const FROM_BASIS = 1;
const FROM_TARGET = 2;
const CHECKSUM = 4;
/** Larger numbers mean nothing here, and would not be exact. */
const LARGEST_NUMBER = 2 ** 40;

class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  position: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.position = position;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.position === this.#end;
  }

  byte(): number {
    check(this.position < this.#end, 'it ends too early');
    return this.#bytes[this.position++] as number;
  }

  /** Base 128, the highest digits first; the high bit says that more follow (RFC 3284, 2). */
  number(): number {
    let value = 0;
    for (;;) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      check(value <= LARGEST_NUMBER, 'it has an absurd number');
      if (byte < 0x80) return value;
    }
  }

  /** The next bytes as a reader of their own. */
  section(length: number): ByteReader {
    const start = this.position;
    this.skip(length);
    return new ByteReader(this.#bytes, start, this.position);
  }

  /** The next bytes themselves. */
  take(length: number): Uint8Array {
    const start = this.position;
    this.skip(length);
    return this.#bytes.subarray(start, this.position);
  }

  skip(length: number): void {
    check(length <= this.#end - this.position, 'it ends too early');
    this.position += length;
  }
}

/** Returns where the first window is. */
function readHeader(reader: ByteReader): number {
  for (const byte of MAGIC) check(!reader.isAtEnd && reader.byte() === byte, 'it is no VCDIFF');
  const indicator = reader.byte();
  check((indicator & SECOND_COMPRESSOR) === 0, 'it went through a second compressor (xdelta3 -S none leaves that out)');
  check((indicator & OWN_CODE_TABLE) === 0, 'it has a code table of its own');
  check((indicator & ~APPLICATION_HEADER) === 0, 'its header says something unknown');
  if ((indicator & APPLICATION_HEADER) !== 0) reader.skip(reader.number());
  return reader.position;
}

interface Window {
  readonly source: 'none' | 'basis' | 'target';
  readonly sourceBytes: number;
  readonly sourcePosition: number;
  readonly targetBytes: number;
  readonly checksum: number | undefined;
  readonly data: ByteReader;
  readonly instructions: ByteReader;
  readonly addresses: ByteReader;
}

/** RFC 3284, 4.3. */
function readWindow(reader: ByteReader): Window {
  const indicator = reader.byte();
  check((indicator & ~(FROM_BASIS | FROM_TARGET | CHECKSUM)) === 0, 'a window says something unknown');
  const from = indicator & (FROM_BASIS | FROM_TARGET);
  check(from !== (FROM_BASIS | FROM_TARGET), 'a window has two sources');
  const sourceBytes = from === 0 ? 0 : reader.number();
  const sourcePosition = from === 0 ? 0 : reader.number();
  const body = reader.section(reader.number());
  const targetBytes = body.number();
  check(body.byte() === 0, 'a window went through a second compressor');
  const [dataBytes, instructionBytes, addressBytes] = [body.number(), body.number(), body.number()];
  const checksum = (indicator & CHECKSUM) === 0 ? undefined : readUInt32(body.take(4));
  const data = body.section(dataBytes);
  const instructions = body.section(instructionBytes);
  const addresses = body.section(addressBytes);
  check(body.isAtEnd, 'a window is longer than what is in it');
  const source = from === 0 ? 'none' : from === FROM_BASIS ? 'basis' : 'target';
  return { source, sourceBytes, sourcePosition, targetBytes, checksum, data, instructions, addresses };
}

function readUInt32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

/** Carries out the instructions of a window (RFC 3284, 5). */
function fillWindow(window: Window, basis: Uint8Array, target: Uint8Array, start: number): void {
  const { data, instructions, addresses, sourceBytes, sourcePosition, targetBytes } = window;
  const available = window.source === 'basis' ? basis : target.subarray(0, start);
  check(sourcePosition + sourceBytes <= available.length, 'a window reads beyond what there is');
  const segment = available.subarray(sourcePosition, sourcePosition + sourceBytes);
  const out = target.subarray(start, start + targetBytes);
  const cache = new AddressCache(addresses);
  let filled = 0;
  const perform = (type: number, size: number, mode: number) => {
    check(size <= targetBytes - filled, 'an instruction writes beyond its window');
    if (type === ADD) out.set(data.take(size), filled);
    else if (type === RUN) out.fill(data.byte(), filled, filled + size);
    else copy(segment, out, filled, cache.read(mode, sourceBytes + filled), size);
    filled += size;
  };
  while (!instructions.isAtEnd) {
    const code = instructions.byte() * FIELDS;
    const first = CODE_TABLE[code] as number;
    perform(first, sizeOf(CODE_TABLE[code + 1] as number, instructions), CODE_TABLE[code + 2] as number);
    const second = CODE_TABLE[code + 3] as number;
    if (second !== NONE)
      perform(second, sizeOf(CODE_TABLE[code + 4] as number, instructions), CODE_TABLE[code + 5] as number);
  }
  check(filled === targetBytes, 'a window is not filled');
  check(data.isAtEnd && addresses.isAtEnd, 'a window has more than its instructions use');
  if (window.checksum !== undefined) check(adler32(out) === window.checksum, 'the checksum of a window is wrong');
}

/** Zero in the code table: the size follows among the instructions. */
function sizeOf(coded: number, instructions: ByteReader): number {
  return coded === 0 ? instructions.number() : coded;
}

/** Copies within the source followed by the target; what a copy has written, the same copy may go on to read. */
function copy(segment: Uint8Array, out: Uint8Array, filled: number, address: number, size: number): void {
  const fromSegment = Math.max(0, Math.min(size, segment.length - address));
  if (fromSegment > 0) out.set(segment.subarray(address, address + fromSegment), filled);
  const rest = size - fromSegment;
  if (rest === 0) return;
  let from = address + fromSegment - segment.length;
  let to = filled + fromSegment;
  const end = to + rest;
  while (to < end) {
    const piece = Math.min(end - to, to - from);
    out.copyWithin(to, from, from + piece);
    from += piece;
    to += piece;
  }
}

const NEAR = 4;
const SAME = 3;

/** RFC 3284, 5.3. */
class AddressCache {
  readonly #addresses: ByteReader;
  readonly #near = new Array<number>(NEAR).fill(0);
  readonly #same = new Array<number>(SAME * 256).fill(0);
  #next = 0;

  constructor(addresses: ByteReader) {
    this.#addresses = addresses;
  }

  /** The address of a copy; always of something that is there already. */
  read(mode: number, here: number): number {
    const address = this.#decode(mode, here);
    check(address >= 0 && address < here, 'a copy reads beyond what there is');
    this.#near[this.#next] = address;
    this.#next = (this.#next + 1) % NEAR;
    this.#same[address % (SAME * 256)] = address;
    return address;
  }

  #decode(mode: number, here: number): number {
    if (mode === 0) return this.#addresses.number();
    if (mode === 1) return here - this.#addresses.number();
    if (mode < 2 + NEAR) return (this.#near[mode - 2] as number) + this.#addresses.number();
    return this.#same[(mode - 2 - NEAR) * 256 + this.#addresses.byte()] as number;
  }
}

const NONE = 0;
const ADD = 1;
const RUN = 2;
const COPY = 3;
const FIELDS = 6;
const MODES = 2 + NEAR + SAME;

/** The default code table (RFC 3284, 5.6): type, size and mode of two instructions for each of 256 codes. */
const CODE_TABLE: Uint8Array = (() => {
  const table = new Uint8Array(256 * FIELDS);
  let at = 0;
  const put = (...fields: readonly number[]) => {
    table.set(fields, at);
    at += FIELDS;
  };
  put(RUN, 0, 0, NONE, 0, 0);
  for (let size = 0; size <= 17; size++) put(ADD, size, 0, NONE, 0, 0);
  for (let mode = 0; mode < MODES; mode++)
    for (const size of [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]) put(COPY, size, mode, NONE, 0, 0);
  for (let mode = 0; mode < 2 + NEAR; mode++)
    for (let add = 1; add <= 4; add++) for (let size = 4; size <= 6; size++) put(ADD, add, 0, COPY, size, mode);
  for (let mode = 2 + NEAR; mode < MODES; mode++) for (let add = 1; add <= 4; add++) put(ADD, add, 0, COPY, 4, mode);
  for (let mode = 0; mode < MODES; mode++) put(COPY, 4, mode, ADD, 1, 0);
  return table;
})();

const ADLER_BASE = 65_521;
/** The most steps after which the sums still fit (as in zlib). */
const ADLER_STEPS = 5552;

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + ADLER_STEPS, bytes.length);
    for (; at < end; at++) {
      a += bytes[at] as number;
      b += a;
    }
    a %= ADLER_BASE;
    b %= ADLER_BASE;
  }
  return b * 65_536 + a;
}
