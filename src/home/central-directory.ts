// Where a zip's central directory is and whether it is whole, decided as java.util.zip.ZipFile of Java 17 decides it, so
// that what we call readable is what the server can read. Reads through a `ByteSource`; every fault is data.

import { isUtf8 } from 'node:buffer';

/** A file's bytes. `read` returns fewer bytes than asked for only at the end of the file. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** With `into`, which must have room for it, the bytes are there. */
  read(offset: number, length: number, into?: Buffer): Buffer;
}

export interface CentralDirectory {
  readonly kind: 'directory';
  /** The entries' records, one after the other, nothing else. */
  readonly bytes: Buffer;
  /** Where the records start in the file. */
  readonly offset: number;
  /** What to add to an entry's offset: the length of what was put before the zip, usually 0. */
  readonly shift: number;
  /** Where the end record (or the ZIP64 one, where that counts) starts in the file. */
  readonly endOffset: number;
  /** Where the plain end record starts in the file. */
  readonly plainEndOffset: number;
  /** The number of entries that the end record claims; Java counts for itself. */
  readonly claimedCount: number;
  readonly isZip64: boolean;
}

export interface BadZip {
  readonly kind: 'bad';
  /** What is wrong, in words, to follow the file's name. */
  readonly reason: string;
}

/** Bounds the memory that one file can make us use; a directory of 64 MiB has some 700,000 entries. */
const DIRECTORY_LIMIT_BYTES = 64 * 1024 * 1024;

export const ENTRY_SIGNATURE = 0x02014b50;
export const LOCAL_SIGNATURE = 0x04034b50;
export const LOCATOR64_SIGNATURE = 0x07064b50;
const END64_SIGNATURE = 0x06064b50;
export const END_BYTES = 22;
export const ENTRY_BYTES = 46;
export const LOCAL_BYTES = 30;
export const LOCATOR64_BYTES = 20;
export const END64_BYTES = 56;
export const MAGIC_16 = 0xffff;
export const MAGIC_32 = 0xffffffff;
export const ZIP64_TAG = 1;

/** 512 MiB: more of a lie than a server's heap has room for. */
const ARRAY_LIMIT = 128 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
export const END_MARK = Buffer.from([0x50, 0x4b, 5, 6]);
/** Enough for the directory of most JARs, so that one read finds all. */
const TAIL_BYTES = 8 * 1024;
/** Java looks for the end record in blocks of 128 bytes that overlap by 22, down to this distance from the end. */
const SEARCH_BYTES = 128 + 106 * 618;
const LONGEST_END_BYTES = 0xffff + END_BYTES;

/** A source that remembers the end of the file, where nearly everything is that we look at. */
export class TailSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #source: ByteSource;
  readonly #scratch: Buffer;
  #used = 0;
  #tail: Buffer = NOTHING;
  #offset: number;

  /**
   * What is read goes to `scratch`, one piece behind the other, as long as it has room: fresh memory for each would take longer
   * than what is done with it. So all of it is good until the scratch is given to another source.
   */
  constructor(source: ByteSource, scratch = NOTHING) {
    this.#source = source;
    this.#scratch = scratch;
    this.sizeBytes = source.sizeBytes;
    this.#offset = source.sizeBytes;
  }

  read(offset: number, length: number): Buffer {
    if (offset >= this.sizeBytes) return NOTHING;
    const start = offset - this.#offset;
    if (start >= 0) return this.#tail.subarray(start, start + length);
    return this.#readInto(offset, Math.min(length, this.sizeBytes - offset));
  }

  /** Remembers the last `length` bytes and returns them; the whole file where it is shorter. */
  keep(length: number): Buffer {
    const offset = Math.max(0, this.sizeBytes - length);
    if (offset < this.#offset) {
      this.#tail = this.#readInto(offset, this.sizeBytes - offset);
      this.#offset = offset;
    }
    return this.#tail;
  }

  #readInto(offset: number, length: number): Buffer {
    const end = this.#used + length;
    if (end > this.#scratch.length) return this.#source.read(offset, length);
    const room = this.#scratch.subarray(this.#used, end);
    this.#used = end;
    return this.#source.read(offset, length, room);
  }
}

interface End {
  cenBytes: number;
  cenOffset: number;
  count: number;
  position: number;
  plainPosition: number;
  isZip64: boolean;
}

/** Finds and reads the central directory. Entries are not looked at yet; see `findManifest` and `archive.ts`. */
export function readDirectory(source: TailSource): CentralDirectory | BadZip {
  const { sizeBytes } = source;
  if (sizeBytes <= 0) return bad('the file is empty');
  if (sizeBytes < END_BYTES) return bad('the file is too short for a zip');
  const end = findEnd(source);
  if ('kind' in end) return end;
  const { position, plainPosition, cenBytes, cenOffset, count, isZip64 } = end;
  if (position === 0) {
    const nothing = { bytes: NOTHING, offset: 0, shift: 0, endOffset: 0, claimedCount: count };
    return { kind: 'directory', ...nothing, plainEndOffset: plainPosition, isZip64 };
  }
  if (cenBytes > position) return bad('the central directory is larger than what lies before its end record');
  const offset = position - cenBytes;
  const shift = offset - cenOffset;
  if (shift < 0) return bad('the central directory starts before the place its end record gives');
  if (isZip64 && !canCount(count)) return bad('the ZIP64 end record claims an impossible number of entries');
  if (cenBytes > DIRECTORY_LIMIT_BYTES) return bad(`the central directory has ${cenBytes} bytes, too many`);
  const bytes = source.read(offset, cenBytes);
  if (bytes.length !== cenBytes) return bad('the file ends inside the central directory');
  return {
    kind: 'directory',
    bytes,
    offset,
    shift,
    endOffset: position,
    plainEndOffset: plainPosition,
    claimedCount: count,
    isZip64,
  };
}

/** Java makes an array of three times the count, in 32 bits, before it counts for itself. */
function canCount(count: number): boolean {
  const entries = Number(BigInt.asIntN(32, BigInt(count)));
  const cells = Math.imul(entries, 3);
  return entries >= 0 && cells >= 0 && cells <= ARRAY_LIMIT;
}

function findEnd(source: TailSource): End | BadZip {
  const { sizeBytes } = source;
  const lowest = sizeBytes > LONGEST_END_BYTES ? Math.max(0, sizeBytes - SEARCH_BYTES) : 0;
  let tail = source.keep(TAIL_BYTES);
  let start = sizeBytes - tail.length;
  // A file that shrank since its size was taken.
  if (tail.length < Math.min(TAIL_BYTES, sizeBytes)) return bad('the file is shorter than it was');
  let at = sizeBytes - END_BYTES;
  for (;;) {
    at = lastMark(tail, start, at);
    if (at < lowest) {
      if (start <= lowest) return bad('there is no end record of a zip; the file is not a zip, or not complete');
      at = start + END_MARK.length - 1;
      tail = source.keep(sizeBytes - lowest);
      start = sizeBytes - tail.length;
      if (start > lowest) return bad('the file is shorter than it was');
      continue;
    }
    const end = endAt(source, at);
    if (end !== undefined) return end;
    at--;
  }
}

/** The last end mark that starts at or before `at`, both as offsets in the file; -1 where there is none. */
function lastMark(tail: Buffer, start: number, at: number): number {
  if (at < start) return -1;
  const found = tail.lastIndexOf(END_MARK, at - start);
  return found === -1 ? -1 : found + start;
}

/** The end record at an offset; undefined where Java would go on looking. */
function endAt(source: TailSource, position: number): End | BadZip | undefined {
  const record = source.read(position, END_BYTES);
  if (record.length < END_BYTES) return undefined;
  const cenBytes = record.readUInt32LE(12);
  const cenOffset = record.readUInt32LE(16);
  const count = record.readUInt16LE(10);
  const commentBytes = record.readUInt16LE(20);
  const stop = position + END_BYTES + commentBytes;
  if (stop !== source.sizeBytes) {
    // Bytes after the zip are allowed where the record really leads to a directory and a first entry.
    const offset = position - cenBytes;
    const shift = offset - cenOffset;
    if (offset < 0 || shift < 0) return undefined;
    if (signatureAt(source, offset) !== ENTRY_SIGNATURE || signatureAt(source, shift) !== LOCAL_SIGNATURE)
      return undefined;
    if (stop > source.sizeBytes) return bad('the file ends inside the comment of the zip');
  }
  const end = { cenBytes, cenOffset, count, position, plainPosition: position, isZip64: false };
  return end64(source, end) ?? end;
}

/** The values of the ZIP64 end record, where there is one that agrees with the plain one. */
function end64(source: TailSource, end: End): End | undefined {
  if (end.position < LOCATOR64_BYTES) return undefined;
  const locator = source.read(end.position - LOCATOR64_BYTES, LOCATOR64_BYTES);
  if (locator.length < LOCATOR64_BYTES || locator.readUInt32LE(0) !== LOCATOR64_SIGNATURE) return undefined;
  const position = readUInt64(locator, 8);
  if (position + END64_BYTES > source.sizeBytes) return undefined;
  const record = source.read(position, END64_BYTES);
  if (record.length < END64_BYTES || record.readUInt32LE(0) !== END64_SIGNATURE) return undefined;
  const count = readUInt64(record, 32);
  const cenBytes = readUInt64(record, 40);
  const cenOffset = readUInt64(record, 48);
  const agrees = (long: number, short: number, magic: number) => long === short || short === magic;
  if (!agrees(cenBytes, end.cenBytes, MAGIC_32) || !agrees(cenOffset, end.cenOffset, MAGIC_32)) return undefined;
  if (!agrees(count, end.count, MAGIC_16)) return undefined;
  return { cenBytes, cenOffset, count, position, plainPosition: end.position, isZip64: true };
}

/**
 * Checks every record of a directory as Java does when it opens a zip, and finds the manifest: the last entry whose name
 * is META-INF/MANIFEST.MF in any case. `at` is the offset of its record in the directory, -1 where there is none.
 */
export function findManifest(directory: CentralDirectory): { kind: 'found'; at: number; count: number } | BadZip {
  const { bytes } = directory;
  // Most of the time of a start's look at new JARs is spent here: a DataView reads at any offset in one instruction.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const limit = bytes.length;
  let at = 0;
  let manifestAt = -1;
  let count = 0;
  while (at + ENTRY_BYTES <= limit) {
    const lengths = view.getUint32(at + 28, true);
    const nameBytes = lengths & 0xffff;
    const extraBytes = lengths >>> 16;
    const name = at + ENTRY_BYTES;
    const nameEnd = name + nameBytes;
    const isSound =
      view.getUint32(at, true) === ENTRY_SIGNATURE &&
      (view.getUint32(at + 8, true) & REFUSED_BITS) === 0 &&
      nameEnd <= limit;
    const fault = isSound
      ? extraBytes > 0
        ? extraFault(bytes, at, nameEnd, nameEnd + extraBytes)
        : undefined
      : recordFault(view, at);
    if (fault !== undefined) return bad(`${fault} (entry ${count + 1} of the central directory)`);
    if (!isAscii(view, name, nameEnd) && !isUtf8(bytes.subarray(name, nameEnd))) {
      return bad(`a name is not UTF-8 (entry ${count + 1} of the central directory)`);
    }
    if (nameBytes === MANIFEST_NAME.length && isManifestName(bytes, name)) manifestAt = at;
    at = nameEnd + extraBytes + view.getUint16(at + 32, true);
    count++;
  }
  if (at !== limit) return bad('the records of the central directory do not fill it');
  return { kind: 'found', at: manifestAt, count };
}

/** Of a record's flags and its method, which lie side by side: the bit of an encrypted entry, and those of methods other than 0 and 8. */
const REFUSED_BITS = 0xfff70001;

/** What makes Java refuse the zip that has this record, which is not sound. */
function recordFault(view: DataView, at: number): string {
  if (view.getUint32(at, true) !== ENTRY_SIGNATURE) return 'a record has a wrong signature';
  if ((view.getUint8(at + 8) & 1) !== 0) return 'an entry is encrypted';
  const method = view.getUint16(at + 10, true);
  if (method !== 0 && method !== 8) return `an entry has the unsupported compression method ${method}`;
  return 'a name leads out of the central directory';
}

/** Eight bytes at a time; the last four, some of them a second time, where there are not as many left. */
function isAscii(view: DataView, start: number, end: number): boolean {
  let seen = 0;
  if (end - start < 4) {
    for (let at = start; at < end; at++) seen |= view.getUint8(at);
  } else {
    const last = end - 4;
    let at = start;
    for (; at + 4 <= last; at += 8) seen |= view.getInt32(at, true) | view.getInt32(at + 4, true);
    seen |= view.getInt32(Math.min(at, last), true) | view.getInt32(last, true);
  }
  return (seen & 0x80808080) === 0;
}

function extraFault(bytes: Buffer, record: number, start: number, end: number): string | undefined {
  if (end > bytes.length) return 'an extra field leads out of the central directory';
  for (let at = start; at + 4 <= end; ) {
    const tag = bytes.readUInt16LE(at);
    const length = bytes.readUInt16LE(at + 2);
    at += 4;
    if (at + length > end) return 'an extra field has a wrong size';
    if (tag === ZIP64_TAG) {
      const fault = zip64Fault(bytes, at, length, bytes.readUInt32LE(record + 20), bytes.readUInt32LE(record + 24));
      if (fault) return 'the ZIP64 sizes of an entry are not valid';
    }
    at += length;
  }
  return undefined;
}

function zip64Fault(bytes: Buffer, at: number, length: number, storedBytes: number, sizeBytes: number): boolean {
  if (length === 0) return storedBytes === MAGIC_32 || sizeBytes === MAGIC_32;
  if (length !== 8 && length !== 16 && length !== 24 && length !== 28) return true;
  if (sizeBytes === MAGIC_32 && (bytes[at + 7] ?? 0) >= 0x80) return true;
  return storedBytes === MAGIC_32 && length >= 16 && (bytes[at + 15] ?? 0) >= 0x80;
}

const MANIFEST_NAME = Buffer.from('meta-inf/manifest.mf', 'latin1');

/** Java's own comparison: letters in any case, the other characters as they are. */
function isManifestName(bytes: Buffer, at: number): boolean {
  for (let index = 0; index < MANIFEST_NAME.length; index++) {
    const wanted = MANIFEST_NAME[index] ?? 0;
    const isLetter = wanted >= 0x61;
    const byte = bytes[at + index] ?? 0;
    if ((isLetter ? byte | 0x20 : byte) !== wanted) return false;
  }
  return true;
}

export function entryComment(bytes: Buffer, at: number): Buffer {
  const start = at + ENTRY_BYTES + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30);
  return bytes.subarray(start, start + bytes.readUInt16LE(at + 32));
}

/** An entry's sizes and offset, with the ZIP64 values in their place, as Java takes them when it reads the entry. */
export interface EntryPlace {
  readonly storedBytes: number;
  readonly sizeBytes: number;
  /** Offset of the local header; `shift` is still to be added. */
  readonly offset: number;
}

export function entryPlace(bytes: Buffer, at: number): EntryPlace {
  let storedBytes = bytes.readUInt32LE(at + 20);
  let sizeBytes = bytes.readUInt32LE(at + 24);
  let offset = bytes.readUInt32LE(at + 42);
  if (storedBytes === MAGIC_32 || sizeBytes === MAGIC_32 || offset === MAGIC_32) {
    let extra = at + ENTRY_BYTES + bytes.readUInt16LE(at + 28);
    const end = Math.min(extra + bytes.readUInt16LE(at + 30), bytes.length);
    while (extra + 4 < end) {
      const tag = bytes.readUInt16LE(extra);
      let left = bytes.readUInt16LE(extra + 2);
      extra += 4;
      if (extra + left > end) break;
      if (tag !== ZIP64_TAG) {
        extra += left;
        continue;
      }
      const take = (value: number): number => {
        if (value !== MAGIC_32 || left < 8) return value;
        const long = readUInt64(bytes, extra);
        extra += 8;
        left -= 8;
        return long;
      };
      sizeBytes = take(sizeBytes);
      storedBytes = take(storedBytes);
      offset = take(offset);
      break;
    }
  }
  return { storedBytes, sizeBytes, offset };
}

function signatureAt(source: ByteSource, offset: number): number | undefined {
  const bytes = source.read(offset, 4);
  return bytes.length < 4 ? undefined : bytes.readUInt32LE(0);
}

/** Eight bytes as a number: exact up to 2^53, and beyond that still far larger than any file. */
export function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x100000000;
}

export function bad(reason: string): BadZip {
  return { kind: 'bad', reason };
}
