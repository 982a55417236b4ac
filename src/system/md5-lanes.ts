// MD5 and SHA-256 of many files, eight at a time on one core: while one message waits for its own last step, the others go on. Some five
// times as fast as one after the other (bench/README.md). node:crypto does what does not come in eights, and everything where
// there is no WebAssembly with vectors.

import { createHash, type Hash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { toError } from '../error.js';
import type { Md5, Sha256 } from '../home/entry.js';
import type { Digests } from './files.js';
import { BLOCK_BYTES, constants, LANES, MEMORY, makeMd5LanesCode } from './md5-lanes-code.js';

/** Bytes that are read at once for a lane. */
const PIECE_BYTES = 64 * 1024;
/** A last piece may need its mark, its length, and what fills up the block. */
const ROOM_BYTES = PIECE_BYTES + 2 * BLOCK_BYTES;
const PAGE_BYTES = 64 * 1024;
const LENGTH_BYTES = 8;
/** RFC 1321, 3.3. */
const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
/** What eight lanes cost for a block, in terms of node:crypto's block: measured 138 and 90 ns. */
const COST_OF_LANES = 1.5;

/** What is used of the WebAssembly interface, which Node's types only name. */
interface WebAssemblyLike {
  validate(code: Uint8Array): boolean;
  readonly Module: new (code: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly compress: Compress } };
}

type Compress = (blocks: number) => void;

export interface OpenFile {
  /** Open for reading at its start; closed when its digests are known, or have failed. */
  readonly descriptor: number;
  readonly withSha256: boolean;
}

export class Md5Lanes {
  readonly #compress: Compress;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;

  private constructor(compress: Compress, memory: ArrayBuffer) {
    this.#compress = compress;
    this.#bytes = Buffer.from(memory);
    this.#words = new Uint32Array(memory);
    const table = MEMORY.constants / 4;
    for (const [n, value] of constants().entries()) this.#words.fill(value, table + n * 4, table + n * 4 + 4);
  }

  /** Undefined where there is no WebAssembly, none with vectors of 128 bits, or no room for its memory (`ulimit -v`). */
  static make(): Md5Lanes | undefined {
    const wasm = Reflect.get(globalThis, 'WebAssembly') as WebAssemblyLike | undefined;
    const code = makeMd5LanesCode();
    if (wasm?.validate(code) !== true) return undefined;
    const pages = Math.ceil((MEMORY.buffers + LANES * ROOM_BYTES) / PAGE_BYTES);
    try {
      // Gigabytes of addresses are set aside for it, whatever its size.
      const memory = new wasm.Memory({ initial: pages, maximum: pages });
      const { exports } = new wasm.Instance(new wasm.Module(code), { m: { m: memory } });
      return new Md5Lanes(exports.compress, memory.buffer);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /**
   * Digests of all files that `next` gives, until it gives none. It is asked again as soon as a lane is free, so at most eight are
   * open. `done` gets each file with its digests, or with the error of reading it, in any order.
   */
  digest<F extends OpenFile>(next: () => F | undefined, done: (file: F, result: Digests | Error) => void): void {
    const lanes: Lane<F>[] = [];
    for (let index = 0; index < LANES; index++) lanes.push(new Lane(index, this.#bytes, this.#words));
    const working = lanes.filter((lane) => lane.advance(next, done));
    while (working.length > 0) {
      let blocks = Number.POSITIVE_INFINITY;
      for (const lane of working) blocks = Math.min(blocks, lane.blocks);
      this.#compress(blocks);
      for (let index = working.length - 1; index >= 0; index--) {
        const lane = working[index];
        if (lane === undefined) continue;
        lane.take(blocks);
        if (lane.blocks === 0 && !lane.advance(next, done)) working.splice(index, 1);
      }
    }
  }
}

/** One of eight: reads a file piece by piece into its part of the memory. What is not in use is compressed all the same, for nothing. */
class Lane<F extends OpenFile> {
  /** How many whole blocks are ready. */
  blocks = 0;
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #base: number;
  /** Index of its pointer, and of its part of a, among the words of the memory; b, c, d follow at four words each. */
  readonly #pointer: number;
  readonly #state: number;
  #at = 0;
  #end = 0;
  #sizeBytes = 0;
  #isPadded = false;
  #file: F | undefined;
  #sha256: Hash | undefined;

  constructor(index: number, bytes: Buffer, words: Uint32Array) {
    this.#bytes = bytes;
    this.#words = words;
    this.#base = MEMORY.buffers + index * ROOM_BYTES;
    this.#pointer = MEMORY.pointers / 4 + index;
    this.#state = MEMORY.states / 4 + (index >> 2) * 16 + (index & 3);
    this.#words[this.#pointer] = this.#base;
  }

  take(blocks: number): void {
    this.blocks -= blocks;
    this.#point(this.#at + blocks * BLOCK_BYTES);
  }

  /** Gets blocks ready, of its file or of the next one. @returns false when there are no more */
  advance(next: () => F | undefined, done: (file: F, result: Digests | Error) => void): boolean {
    for (;;) {
      const file = this.#file ?? this.#open(next);
      if (file === undefined) return false;
      let result: Digests | Error | undefined;
      try {
        if (this.#isPadded) result = this.#result();
        else this.#read(file);
      } catch (error) {
        result = toError(error);
      }
      if (result === undefined) {
        if (this.blocks > 0) return true;
        continue;
      }
      this.#file = undefined;
      // An idle lane points to where whole pieces may be read.
      this.#point(this.#base);
      done(file, closed(file.descriptor) ?? result);
    }
  }

  #open(next: () => F | undefined): F | undefined {
    const file = next();
    if (file === undefined) return undefined;
    for (const [register, value] of START.entries()) this.#words[this.#state + register * 4] = value;
    this.#file = file;
    this.#sha256 = file.withSha256 ? createHash('sha256') : undefined;
    this.#isPadded = false;
    this.#sizeBytes = 0;
    this.#end = this.#base;
    this.blocks = 0;
    this.#point(this.#base);
    return file;
  }

  /** The next piece, behind what is left of the one before: less than a block. */
  #read(file: F): void {
    this.#bytes.copyWithin(this.#base, this.#at, this.#end);
    this.#end = this.#base + (this.#end - this.#at);
    this.#point(this.#base);
    const count = readSync(file.descriptor, this.#bytes, this.#end, PIECE_BYTES, null);
    this.#sha256?.update(this.#bytes.subarray(this.#end, this.#end + count));
    this.#end += count;
    this.#sizeBytes += count;
    if (count === 0) this.#pad();
    this.blocks = Math.floor((this.#end - this.#base) / BLOCK_BYTES);
  }

  /** RFC 1321, 3.1 and 3.2: a bit, zeros up to a block's last eight bytes, and the length in bits. */
  #pad(): void {
    this.#bytes[this.#end] = 0x80;
    const lengthAt = this.#base + ceilTo(this.#end + 1 + LENGTH_BYTES - this.#base, BLOCK_BYTES) - LENGTH_BYTES;
    this.#bytes.fill(0, this.#end + 1, lengthAt);
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(this.#sizeBytes) * 8n), lengthAt);
    this.#end = lengthAt + LENGTH_BYTES;
    this.#isPadded = true;
  }

  #result(): Digests {
    const digest = Buffer.allocUnsafe(START.length * 4);
    for (const register of START.keys())
      digest.writeUInt32LE(this.#words[this.#state + register * 4] ?? 0, register * 4);
    const digests = { md5: digest.toString('hex') as Md5, sizeBytes: this.#sizeBytes };
    return this.#sha256 === undefined ? digests : { ...digests, sha256: this.#sha256.digest('hex') as Sha256 };
  }

  #point(at: number): void {
    this.#at = at;
    this.#words[this.#pointer] = at;
  }
}

/**
 * Which files go faster alone: those that are so long that the other lanes would be idle beside them. @param sizes bytes, of all files
 * @returns their indexes, and the indexes of the others, the longest first, so that the lanes end together
 */
export function divideWork(sizes: readonly number[]): { readonly alone: number[]; readonly together: number[] } {
  const together = [...sizes.keys()].sort((left, right) => (sizes[right] ?? 0) - (sizes[left] ?? 0));
  const alone: number[] = [];
  let rest = 0;
  for (const size of sizes) rest += size;
  for (const index of together) {
    const size = sizes[index] ?? 0;
    rest -= size;
    const second = sizes[together[alone.length + 1] ?? -1] ?? 0;
    if (size * (COST_OF_LANES - 1) <= Math.max(second, rest / LANES) * COST_OF_LANES) break;
    alone.push(index);
  }
  return { alone, together: together.slice(alone.length) };
}

function closed(descriptor: number): Error | undefined {
  try {
    closeSync(descriptor);
    return undefined;
  } catch (error) {
    return toError(error);
  }
}

function ceilTo(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
