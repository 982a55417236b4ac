// Where an archive's entries lie: one after the other from the first byte on, each with a local header that says what the
// central directory says, and nothing between them. Reads the local headers only.

import { type CentralRecord, readExtra } from './archive-record.js';
import { type Refused, refuse } from './archive-refusal.js';
import {
  type ByteSource,
  type CentralDirectory,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  MAGIC_32,
  readUInt64,
  ZIP64_TAG,
} from './central-directory.js';

const LATE_SIZES_FLAG = 8;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
/** Local headers of small entries lie close together; large entries cost one read each. */
const WINDOW_BYTES = 4096;

/** Where the data of each record starts, in the order of the records; a refusal where the file is not as it must be. */
export function placeEntries(
  source: ByteSource,
  directory: CentralDirectory,
  records: readonly CentralRecord[],
): number[] | Refused {
  const reader = new WindowReader(source);
  const order = records.map((_, index) => index).sort((a, b) => (records[a]?.offset ?? 0) - (records[b]?.offset ?? 0));
  const places = new Array<number>(records.length).fill(0);
  let cursor = 0;
  for (const [position, index] of order.entries()) {
    const record = records[index];
    if (record === undefined) continue;
    if (record.offset < cursor) return refuse('overlapping-entries', 'it lies on top of another entry', record.name);
    if (record.offset > cursor) {
      const gap = `${record.offset - cursor} bytes before it belong to no entry`;
      return refuse(cursor === 0 ? 'leading-data' : 'data-between-entries', gap, record.name);
    }
    const dataOffset = checkLocal(reader, record, directory.offset);
    if (typeof dataOffset !== 'number') return dataOffset;
    places[index] = dataOffset;
    const next = records[order[position + 1] ?? -1]?.offset ?? directory.offset;
    const end = checkDescriptor(reader, record, dataOffset + record.storedBytes, next);
    if (typeof end !== 'number') return end;
    cursor = end;
  }
  if (cursor !== directory.offset) {
    return refuse(
      'data-between-entries',
      `${directory.offset - cursor} bytes before the central directory belong to no entry`,
    );
  }
  return places;
}

/** Compares a local header with its record; returns where the data starts. */
function checkLocal(reader: WindowReader, record: CentralRecord, limit: number): number | Refused {
  const differs = (what: string) => refuse('local-header-mismatch', `its local header ${what}`, record.name);
  const head = reader.read(record.offset, LOCAL_BYTES);
  if (head.length < LOCAL_BYTES || record.offset + LOCAL_BYTES > limit) return differs('is outside');
  if (head.readUInt32LE(0) !== LOCAL_SIGNATURE) return differs('is not one');
  if (head.readUInt16LE(6) !== record.flags) return differs('has other flags');
  if (head.readUInt16LE(8) !== record.method) return differs('has another compression method');
  const nameBytes = head.readUInt16LE(26);
  const extraBytes = head.readUInt16LE(28);
  const dataOffset = record.offset + LOCAL_BYTES + nameBytes + extraBytes;
  if (dataOffset + record.storedBytes > limit) {
    return refuse('overlapping-entries', 'its data runs into the central directory', record.name);
  }
  const tail = reader.read(record.offset + LOCAL_BYTES, nameBytes + extraBytes);
  if (!tail.subarray(0, nameBytes).equals(record.rawName)) return differs('has another name');
  let stored = head.readUInt32LE(18);
  let size = head.readUInt32LE(22);
  if (stored === MAGIC_32 || size === MAGIC_32) {
    // Writers that only find out later how much it is put zeros there; only then may the sizes be behind the data.
    const field = readExtra(tail.subarray(nameBytes))?.find(({ tag }) => tag === ZIP64_TAG);
    if (field === undefined || field.data.length < 16)
      return refuse('zip64-inconsistent', 'its local ZIP64 field is missing', record.name);
    size = readUInt64(field.data, 0);
    stored = readUInt64(field.data, 8);
  }
  const crc = head.readUInt32LE(14);
  const isLate = (record.flags & LATE_SIZES_FLAG) !== 0 && crc === 0 && stored === 0 && size === 0;
  if (isLate) return dataOffset;
  if (crc !== record.crc) return differs('has another CRC');
  if (stored !== record.storedBytes || size !== record.sizeBytes) return differs('has other sizes');
  return dataOffset;
}

/** Checks the sizes behind the data, where the flags announce them; returns where the entry ends. */
function checkDescriptor(reader: WindowReader, record: CentralRecord, dataEnd: number, next: number): number | Refused {
  if ((record.flags & LATE_SIZES_FLAG) === 0) return dataEnd;
  const length = next - dataEnd;
  if (length < 0) return refuse('overlapping-entries', 'another entry lies in its data', record.name);
  for (const candidate of [16, 12, 24, 20]) {
    if (candidate > length) continue;
    if (isDescriptor(reader.read(dataEnd, candidate), candidate, record)) return dataEnd + candidate;
  }
  return refuse('descriptor-mismatch', 'the sizes behind its data are missing, or others', record.name);
}

function isDescriptor(bytes: Buffer, length: number, record: CentralRecord): boolean {
  if (bytes.length < length) return false;
  const isSigned = length === 16 || length === 24;
  if (isSigned && bytes.readUInt32LE(0) !== DESCRIPTOR_SIGNATURE) return false;
  const at = isSigned ? 4 : 0;
  if (bytes.readUInt32LE(at) !== record.crc) return false;
  if (length <= 16) {
    return bytes.readUInt32LE(at + 4) === record.storedBytes && bytes.readUInt32LE(at + 8) === record.sizeBytes;
  }
  return readUInt64(bytes, at + 4) === record.storedBytes && readUInt64(bytes, at + 12) === record.sizeBytes;
}

/** Reads ahead a little, for many small reads in ascending order. */
class WindowReader {
  readonly #source: ByteSource;
  #offset = 0;
  #window: Buffer = Buffer.alloc(0);

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Fewer bytes at the end of the file only. */
  read(offset: number, length: number): Buffer {
    const start = offset - this.#offset;
    if (start >= 0 && start + length <= this.#window.length) return this.#window.subarray(start, start + length);
    if (offset >= this.#source.sizeBytes) return Buffer.alloc(0);
    this.#window = this.#source.read(offset, Math.min(Math.max(length, WINDOW_BYTES), this.#source.sizeBytes - offset));
    this.#offset = offset;
    return this.#window.subarray(0, length);
  }
}
