// The compression function of MD5 (RFC 1321, 3.4) for eight messages at once, as a WebAssembly module. One message is a chain of steps
// that wait for each other; other messages fill that time. Two groups of four lanes: a group is a register of 128 bits, and the
// groups are chains that a core runs side by side. The module has one function, `compress(count)`: it works `count` blocks from
// where each lane's pointer is into the lane's state, and moves no pointer.

export const LANES = 8;
export const BLOCK_BYTES = 64;
const GROUPS = LANES / 4;
const WORDS = 16;
const VECTOR_BYTES = 16;

/** Byte offsets in the module's memory. */
export const MEMORY = {
  /** 64 constants, each four times. */
  constants: 0,
  /** For each group a, b, c, d, each for four lanes. */
  states: 1024,
  /** For each lane, where its next block is. */
  pointers: 1024 + GROUPS * 4 * VECTOR_BYTES,
  /** For each group the 16 words of a block, each for four lanes. */
  words: 2048,
  /** From here on: what the lanes read. */
  buffers: 4096,
} as const;

/** Rotations of the four rounds. */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];

/** Which word of the block a step takes, for each round: first, and from step to step. */
const ORDER = [
  [0, 1],
  [1, 5],
  [5, 3],
  [0, 7],
];

const I32 = 0x7f;
const V128 = 0x7b;

const OP = {
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i32Load: 0x28,
  i32Add: 0x6a,
  i32Sub: 0x6b,
};
const SIMD = {
  load: 0,
  store: 11,
  shuffle: 13,
  not: 77,
  and: 78,
  or: 80,
  xor: 81,
  shl: 171,
  shrUnsigned: 173,
  add: 174,
};

/** Bytes of the module. It imports its memory as `m.m` and exports `compress`. */
export function makeMd5LanesCode(): Uint8Array<ArrayBuffer> {
  const module = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const text = (name: string) => [name.length, ...Buffer.from(name)];
  const section = (id: number, content: readonly number[]) => {
    module.push(id);
    pushUnsigned(module, content.length);
    pushAll(module, content);
  };
  section(1, [1, 0x60, 1, I32, 0]);
  section(2, [1, ...text('m'), ...text('m'), 0x02, 0x00, 1]);
  section(3, [1, 0]);
  section(7, [1, ...text('compress'), 0x00, 0]);
  const code = compressCode();
  const body = [1];
  pushUnsigned(body, code.length);
  pushAll(body, code);
  section(10, body);
  return Uint8Array.from(module);
}

/** floor(2^32 × |sin(n + 1)|), n from 0 to 63. */
export function constants(): number[] {
  return Array.from({ length: 64 }, (_, n) => Math.floor(2 ** 32 * Math.abs(Math.sin(n + 1))) >>> 0);
}

// Locals: the count, a pointer for each lane, then vectors.
const COUNT = 0;
const pointer = (lane: number) => 1 + lane;
const FIRST_VECTOR = 1 + LANES;
/** a, b, c, d of a group. */
const state = (group: number, register: number) => FIRST_VECTOR + group * 4 + register;
const scratch = (n: number) => FIRST_VECTOR + GROUPS * 4 + n;
const SCRATCHES = 8;

function compressCode(): number[] {
  const body: number[] = [];
  const number = (value: number) => pushUnsigned(body, value);
  const get = (local: number) => body.push(OP.localGet, local);
  const set = (local: number) => body.push(OP.localSet, local);
  /** Below 64, so that its one byte is not taken for a negative number. */
  const constant = (value: number) => body.push(OP.i32Const, value);
  const simd = (operation: number) => {
    body.push(0xfd);
    number(operation);
  };
  const move = (operation: number, offset: number) => {
    simd(operation);
    body.push(4);
    number(offset);
  };
  const load = (offset: number) => move(SIMD.load, offset);
  const store = (offset: number) => move(SIMD.store, offset);
  const at = (base: number, index: number) => base + index * VECTOR_BYTES;

  /** Words 4q to 4q+3 of the four lanes of a group: rows are lanes in the buffers, and words in the memory that the steps read. */
  const transpose = (group: number, quarter: number) => {
    for (let lane = 0; lane < 4; lane++) {
      get(pointer(group * 4 + lane));
      // The buffers are aligned, the pointers to the blocks in them too.
      load(quarter * VECTOR_BYTES);
      set(scratch(lane));
    }
    const shuffle = (left: number, right: number, target: number, picks: readonly number[]) => {
      get(scratch(left));
      get(scratch(right));
      simd(SIMD.shuffle);
      for (const word of picks) body.push(word * 4, word * 4 + 1, word * 4 + 2, word * 4 + 3);
      set(scratch(target));
    };
    const low = [0, 4, 1, 5];
    const high = [2, 6, 3, 7];
    shuffle(0, 1, 4, low);
    shuffle(2, 3, 5, low);
    shuffle(0, 1, 6, high);
    shuffle(2, 3, 7, high);
    const halves: readonly (readonly [number, number, readonly number[]])[] = [
      [4, 5, [0, 1, 4, 5]],
      [4, 5, [2, 3, 6, 7]],
      [6, 7, [0, 1, 4, 5]],
      [6, 7, [2, 3, 6, 7]],
    ];
    for (const [word, [left, right, picks]] of halves.entries()) {
      shuffle(left, right, 0, picks);
      constant(0);
      get(scratch(0));
      store(at(MEMORY.words, group * WORDS + quarter * 4 + word));
    }
  };

  /** The function of a round, of b, c, d; left on the stack. */
  const mix = (round: number, b: number, c: number, d: number) => {
    if (round === 0) {
      // (b and c) or (not b and d) is d xor (b and (c xor d)).
      [c, d].forEach(get);
      simd(SIMD.xor);
      get(b);
      simd(SIMD.and);
      get(d);
      simd(SIMD.xor);
    } else if (round === 1) {
      [b, c].forEach(get);
      simd(SIMD.xor);
      get(d);
      simd(SIMD.and);
      get(c);
      simd(SIMD.xor);
    } else if (round === 2) {
      [c, d].forEach(get);
      simd(SIMD.xor);
      get(b);
      simd(SIMD.xor);
    } else {
      get(d);
      simd(SIMD.not);
      get(b);
      simd(SIMD.or);
      get(c);
      simd(SIMD.xor);
    }
  };

  const step = (group: number, n: number) => {
    const round = n >> 4;
    const [first = 0, stride = 0] = ORDER[round] ?? [];
    const word = (first + stride * (n & 15)) & 15;
    const rotation = ROTATIONS[round]?.[n & 3] ?? 0;
    const [a, b, c, d] = [0, 1, 2, 3].map((register) => state(group, (register - n) & 3)) as [
      number,
      number,
      number,
      number,
    ];
    // What does not depend on the step before comes first.
    get(a);
    constant(0);
    load(at(MEMORY.words, group * WORDS + word));
    simd(SIMD.add);
    constant(0);
    load(at(MEMORY.constants, n));
    simd(SIMD.add);
    mix(round, b, c, d);
    simd(SIMD.add);
    set(scratch(0));
    get(scratch(0));
    constant(rotation);
    simd(SIMD.shl);
    get(scratch(0));
    constant(32 - rotation);
    simd(SIMD.shrUnsigned);
    simd(SIMD.or);
    get(b);
    simd(SIMD.add);
    set(a);
  };

  for (let lane = 0; lane < LANES; lane++) {
    constant(0);
    body.push(OP.i32Load, 2);
    number(MEMORY.pointers + lane * 4);
    set(pointer(lane));
  }
  body.push(0x03, 0x40); // loop
  for (let group = 0; group < GROUPS; group++) {
    for (let quarter = 0; quarter < 4; quarter++) transpose(group, quarter);
    for (let register = 0; register < 4; register++) {
      constant(0);
      load(at(MEMORY.states, group * 4 + register));
      set(state(group, register));
    }
  }
  for (let n = 0; n < 64; n++) for (let group = 0; group < GROUPS; group++) step(group, n);
  for (let group = 0; group < GROUPS; group++) {
    for (let register = 0; register < 4; register++) {
      const place = at(MEMORY.states, group * 4 + register);
      constant(0);
      constant(0);
      load(place);
      get(state(group, register));
      simd(SIMD.add);
      store(place);
    }
  }
  for (let lane = 0; lane < LANES; lane++) {
    get(pointer(lane));
    // 64 as LEB128 with a sign.
    body.push(OP.i32Const, BLOCK_BYTES | 0x80, 0, OP.i32Add);
    set(pointer(lane));
  }
  get(COUNT);
  constant(1);
  body.push(OP.i32Sub, OP.localTee, COUNT);
  // Once more unless it is zero; the end of the loop, and of the function.
  body.push(0x0d, 0x00, 0x0b, 0x0b);
  return [2, LANES, I32, GROUPS * 4 + SCRATCHES, V128, ...body];
}

function pushAll(target: number[], bytes: readonly number[]): void {
  for (const byte of bytes) target.push(byte);
}

/** LEB128. */
function pushUnsigned(target: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) target.push((rest & 0x7f) | 0x80);
  target.push(rest);
}
