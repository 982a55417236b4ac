// The records of an archive's central directory, each taken apart and checked for itself. Pure.

import { isUtf8 } from 'node:buffer';
import { nameRefusal } from './archive-names.js';
import { type ArchiveRefusal, type Refused, refuse } from './archive-refusal.js';
import {
  type CentralDirectory,
  ENTRY_BYTES,
  ENTRY_SIGNATURE,
  entryComment,
  MAGIC_32,
  readUInt64,
  ZIP64_TAG,
} from './central-directory.js';

const ENCRYPTED_FLAGS = 0x2041;
const KNOWN_FLAGS = 0x080e;
const UNICODE_PATH_TAG = 0x7075;
const AES_TAG = 0x9901;
const DEFLATED = 8;

/** A record of the central directory, as far as it has been understood. */
export interface CentralRecord {
  readonly name: string;
  readonly rawName: Buffer;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly storedBytes: number;
  readonly sizeBytes: number;
  readonly attributes: number;
  /** Offset of the local header in the file. */
  readonly offset: number;
}

/** All records of a directory, in its order; a refusal where one cannot be accepted, or there are more than `limit`. */
export function readRecords(directory: CentralDirectory, limit: number): CentralRecord[] | Refused {
  const { bytes } = directory;
  const records: CentralRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const record = readRecord(bytes, at);
    if ('kind' in record) return record;
    records.push(record);
    if (records.length > limit) return refuseCount(records.length, limit);
    at += ENTRY_BYTES + record.rawName.length + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  if (at !== bytes.length) return refuse('broken-directory', 'the last record of the central directory is cut off');
  if (records.length !== directory.claimedCount) {
    return refuse(
      'count-mismatch',
      `the end record says ${directory.claimedCount} entries, there are ${records.length}`,
    );
  }
  return records;
}

function readRecord(bytes: Buffer, at: number): CentralRecord | Refused {
  if (at + ENTRY_BYTES > bytes.length || bytes.readUInt32LE(at) !== ENTRY_SIGNATURE) {
    return refuse('broken-directory', `there is no record at byte ${at} of the central directory`);
  }
  const nameStart = at + ENTRY_BYTES;
  const extraStart = nameStart + bytes.readUInt16LE(at + 28);
  const extraEnd = extraStart + bytes.readUInt16LE(at + 30);
  if (extraEnd + bytes.readUInt16LE(at + 32) > bytes.length) {
    return refuse('broken-directory', `the record at byte ${at} leads out of the central directory`);
  }
  const rawName = bytes.subarray(nameStart, extraStart);
  const badName = nameRefusal(rawName);
  if (badName !== undefined) return badName;
  const name = rawName.toString('utf8');
  const refuseEntry = (reason: ArchiveRefusal, detail: string) => refuse(reason, detail, name);
  // Java decodes it with the entry, and fails there.
  if (!isUtf8(entryComment(bytes, at))) return refuseEntry('bad-utf8', 'its comment is not UTF-8');
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  if ((flags & ENCRYPTED_FLAGS) !== 0) return refuseEntry('encrypted', 'it is encrypted');
  if ((flags & ~KNOWN_FLAGS) !== 0) return refuseEntry('unsupported-flags', `it has the flags 0x${flags.toString(16)}`);
  const extra = readExtra(bytes.subarray(extraStart, extraEnd));
  if (extra === undefined) return refuseEntry('bad-extra-field', 'its extra field does not add up');
  if (extra.some((field) => field.tag === AES_TAG)) return refuseEntry('encrypted', 'it is encrypted with AES');
  if (method !== 0 && method !== DEFLATED)
    return refuseEntry('unsupported-method', `it has the compression method ${method}`);
  const other = extra.find((field) => field.tag === UNICODE_PATH_TAG);
  if (other !== undefined && !other.data.subarray(5).equals(rawName)) {
    return refuseEntry('name-mismatch', 'its extra field gives it another name');
  }
  const sizes = readSizes(bytes, at, extra);
  if (sizes === undefined) return refuseEntry('zip64-inconsistent', 'its ZIP64 field does not match its sizes');
  const disk = bytes.readUInt16LE(at + 34);
  if (disk !== 0) return refuseEntry('multi-disk', `it starts on disk ${disk + 1}`);
  return {
    name,
    rawName,
    flags,
    method,
    crc: bytes.readUInt32LE(at + 16),
    attributes: bytes.readUInt32LE(at + 38),
    ...sizes,
  };
}

export interface ExtraField {
  readonly tag: number;
  readonly data: Buffer;
}

/** The fields of an extra area; undefined where they do not fill it. */
export function readExtra(bytes: Buffer): ExtraField[] | undefined {
  const fields: ExtraField[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const end = at + 4 + bytes.readUInt16LE(at + 2);
    if (end > bytes.length) return undefined;
    fields.push({ tag: bytes.readUInt16LE(at), data: bytes.subarray(at + 4, end) });
    at = end;
  }
  return fields;
}

/** Sizes and offset; undefined unless a ZIP64 field has exactly the values that the record leaves to it, and no others. */
function readSizes(
  bytes: Buffer,
  at: number,
  extra: readonly ExtraField[],
): Pick<CentralRecord, 'storedBytes' | 'sizeBytes' | 'offset'> | undefined {
  const values = [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)];
  const long = extra.filter((field) => field.tag === ZIP64_TAG);
  // Java finds the stored size at a fixed place, others by counting: with one size alone they read different numbers.
  if ((values[0] === MAGIC_32) !== (values[1] === MAGIC_32)) return undefined;
  const left = values.filter((value) => value === MAGIC_32).length;
  const field = long[0];
  if (long.length > 1 || (field?.data.length ?? 0) !== left * 8) return undefined;
  if (field !== undefined && left === 0) return undefined;
  let next = 0;
  const [sizeBytes = 0, storedBytes = 0, offset = 0] = values.map((value) => {
    if (value !== MAGIC_32 || field === undefined) return value;
    next += 8;
    return readUInt64(field.data, next - 8);
  });
  return { sizeBytes, storedBytes, offset };
}

export function refuseCount(count: number, limit: number): Refused {
  return refuse('too-many-entries', `it has ${count} entries, more than the ${limit} allowed`);
}
