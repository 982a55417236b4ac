// Packs that come as zips: lists what is in one, or refuses it by name. A zip that is accepted has one meaning only: its
// entries and bytes are those that Java's ZipFile sees, and every byte of the file belongs to one of them.

import { PatchError } from '../error.js';
import type { Files } from '../system/files.js';
import { placeEntries } from './place-entries.js';
import { checkNames } from './archive-names.js';
import { type CentralRecord, readRecords, refuseCount } from './archive-record.js';
import { type Refused, refuse } from './archive-refusal.js';
import { listWithYauzl } from './list-with-yauzl.js';
import {
  type ByteSource,
  type CentralDirectory,
  END64_BYTES,
  END_BYTES,
  END_MARK,
  ENTRY_SIGNATURE,
  findManifest,
  LOCATOR64_BYTES,
  LOCATOR64_SIGNATURE,
  MAGIC_16,
  readDirectory,
  readUInt64,
  TailSource,
} from './central-directory.js';

export interface ArchiveEntry {
  readonly kind: 'file' | 'directory';
  /** Relative, segments separated by `/`, none of them empty, `.` or `..`; no slash at the end. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly storedBytes: number;
  readonly method: 'stored' | 'deflated';
  readonly crc: number;
  /** Permission bits, 0 to 0o777; undefined where the archive says nothing. */
  readonly mode: number | undefined;
  /** Where the entry's data starts in the file. */
  readonly dataOffset: number;
}

export type ArchiveListing = { readonly kind: 'archive'; readonly entries: readonly ArchiveEntry[] } | Refused;

export interface ArchiveLimits {
  readonly entries: number;
  /** Of all entries, unpacked. */
  readonly totalBytes: number;
  /** Unpacked over stored bytes, of each entry and of all; looked at from `ratioFromBytes` unpacked bytes on. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
  /** Bounds the memory of a listing. */
  readonly directoryBytes: number;
}

/** A service pack of 10,000 JARs and 8 GiB passes; class files and text do not reach a ratio of 200, a bomb starts at 1,000. */
export const ARCHIVE_LIMITS: ArchiveLimits = {
  entries: 20_000,
  totalBytes: 8 * 1024 ** 3,
  ratio: 200,
  ratioFromBytes: 1024 * 1024,
  directoryBytes: 16 * 1024 * 1024,
};

export type ArchiveFiles = Pick<Files, 'readRange' | 'stat'>;

const MODE_TYPE = 0o170000;
const MODE_FILE = 0o100000;
const MODE_FOLDER = 0o040000;
const MODE_LINK = 0o120000;
const DOS_FOLDER = 0x10;

/**
 * Lists an archive, or says why it is refused. Reads the central directory and the local headers, not the data: that is
 * checked when it is read (`extractEntry`), or by `verifyArchive`.
 * @throws PatchError NOT_A_FILE; the errors of `stat` and `readRange`
 */
export async function inspectArchive(
  files: ArchiveFiles,
  path: string,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): Promise<ArchiveListing> {
  const stat = files.stat(path);
  if (stat?.kind !== 'file') throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
  const source: ByteSource = {
    sizeBytes: stat.sizeBytes,
    read: (offset, length) => files.readRange(path, offset, length),
  };
  const tail = new TailSource(source);
  const directory = readDirectory(tail);
  if (directory.kind === 'bad') return refuse('not-an-archive', directory.reason);
  const records = checkEnd(tail, directory, limits) ?? readRecords(directory, limits.entries);
  if (!Array.isArray(records)) return records;
  // Our own reading is the stricter one; should Java's still find a fault, the archive is not one for the server.
  const java = findManifest(directory);
  if (java.kind === 'bad') return refuse('broken-directory', java.reason);
  const fault = checkSizes(records, limits) ?? checkNames(records);
  if (fault !== undefined) return fault;
  const places = placeEntries(source, directory, records);
  if (!Array.isArray(places)) return places;
  const disagreement = await listWithYauzl(source, records);
  if (disagreement !== undefined) return disagreement;
  return { kind: 'archive', entries: records.map((record, index) => toEntry(record, places[index] ?? 0)) };
}

/** What is around the entries: the end records, the comment, what follows and what comes first. */
function checkEnd(tail: TailSource, directory: CentralDirectory, limits: ArchiveLimits): Refused | undefined {
  const at = directory.plainEndOffset;
  const end = tail.read(at, tail.sizeBytes - at);
  const stop = END_BYTES + end.readUInt16LE(20);
  if (end.length !== stop) return refuse('trailing-data', `${end.length - stop} bytes follow the end of the zip`);
  if (hasSecondEnd(tail, at)) return refuse('second-end-record', 'the comment has an end record of a zip in it');
  const claimed = { here: end.readUInt16LE(8), disk: end.readUInt16LE(4), directoryDisk: end.readUInt16LE(6) };
  const fault = check64(tail, directory, claimed);
  if (fault !== undefined) return fault;
  if (!directory.isZip64 && (claimed.disk !== 0 || claimed.directoryDisk !== 0)) {
    return refuse('multi-disk', `it is disk ${claimed.disk + 1} of several`);
  }
  if (!directory.isZip64 && claimed.here !== directory.claimedCount) {
    return refuse('multi-disk', `${claimed.here} of ${directory.claimedCount} entries are on this disk`);
  }
  if (directory.claimedCount > limits.entries) return refuseCount(directory.claimedCount, limits.entries);
  if (directory.bytes.length > limits.directoryBytes) {
    return refuse('directory-too-large', `the central directory has ${directory.bytes.length} bytes`);
  }
  if (directory.plainEndOffset === 0 && (end.readUInt32LE(12) !== 0 || end.readUInt32LE(16) !== 0)) {
    return refuse('broken-directory', 'the end record is alone, and claims a central directory');
  }
  if (directory.shift !== 0) return refuseShift(tail, directory);
  return undefined;
}

/** The directory is not where the end record says: something is in front of the zip, or between the two. */
function refuseShift(tail: TailSource, directory: CentralDirectory): Refused {
  const record = tail.read(directory.offset - directory.shift, 4);
  if (record.length === 4 && record.readUInt32LE(0) === ENTRY_SIGNATURE) {
    return refuse('broken-directory', `${directory.shift} bytes lie between the central directory and its end record`);
  }
  return refuse('leading-data', `the zip starts after ${directory.shift} bytes of something else`);
}

/** Whether another end record could be meant: one in its own comment, or one whose comment this record would be. */
function hasSecondEnd(tail: TailSource, at: number): boolean {
  const bytes = tail.keep(END_BYTES + MAGIC_16);
  const start = tail.sizeBytes - bytes.length;
  for (let mark = bytes.lastIndexOf(END_MARK); mark !== -1; ) {
    const here = start + mark;
    if (here > at) return true;
    const fits =
      mark + END_BYTES <= bytes.length && here + END_BYTES + bytes.readUInt16LE(mark + 20) === tail.sizeBytes;
    if (here < at && fits) return true;
    mark = mark === 0 ? -1 : bytes.lastIndexOf(END_MARK, mark - 1);
  }
  return false;
}

function check64(
  tail: TailSource,
  directory: CentralDirectory,
  claimed: { here: number; disk: number; directoryDisk: number },
): Refused | undefined {
  const at = directory.plainEndOffset;
  const locator = at < LOCATOR64_BYTES ? undefined : tail.read(at - LOCATOR64_BYTES, LOCATOR64_BYTES);
  const hasLocator = locator?.length === LOCATOR64_BYTES && locator.readUInt32LE(0) === LOCATOR64_SIGNATURE;
  if (!directory.isZip64) {
    if (hasLocator) return refuse('zip64-inconsistent', 'its ZIP64 end record does not agree with the plain one');
    return undefined;
  }
  if (locator === undefined || directory.endOffset + END64_BYTES + LOCATOR64_BYTES !== at) {
    return refuse('zip64-inconsistent', 'the ZIP64 end record is not where it belongs');
  }
  const record = tail.read(directory.endOffset, END64_BYTES);
  if (readUInt64(record, 4) !== END64_BYTES - 12)
    return refuse('zip64-inconsistent', 'the ZIP64 end record has a wrong size');
  const isZero = (disk: number) => disk === 0 || disk === MAGIC_16;
  const disks = record.readUInt32LE(16) + record.readUInt32LE(20) + locator.readUInt32LE(4);
  if (disks !== 0 || locator.readUInt32LE(16) > 1 || !isZero(claimed.disk) || !isZero(claimed.directoryDisk)) {
    return refuse('multi-disk', 'it is one of several disks');
  }
  const count = readUInt64(record, 32);
  if (readUInt64(record, 24) !== count || (claimed.here !== count && claimed.here !== MAGIC_16)) {
    return refuse('multi-disk', 'only a part of the entries is on this disk');
  }
  return undefined;
}

function checkSizes(records: readonly CentralRecord[], limits: ArchiveLimits): Refused | undefined {
  let total = 0;
  let stored = 0;
  for (const record of records) {
    const fault = checkKind(record);
    if (fault !== undefined) return fault;
    if (record.method === 0 && record.sizeBytes !== record.storedBytes) {
      return refuse('size-mismatch', 'it is stored as it is, and has two different sizes', record.name);
    }
    if (isTooDense(record.sizeBytes, record.storedBytes, limits)) {
      return refuse('ratio-too-high', `${record.storedBytes} bytes claim to become ${record.sizeBytes}`, record.name);
    }
    total += record.sizeBytes;
    stored += record.storedBytes;
  }
  if (total > limits.totalBytes) {
    return refuse('total-too-large', `its entries have ${total} bytes, more than the ${limits.totalBytes} allowed`);
  }
  if (isTooDense(total, stored, limits)) return refuse('ratio-too-high', `${stored} bytes claim to become ${total}`);
  return undefined;
}

function isTooDense(sizeBytes: number, storedBytes: number, limits: ArchiveLimits): boolean {
  return sizeBytes >= limits.ratioFromBytes && sizeBytes > storedBytes * limits.ratio;
}

/** A file or a folder, by its name and by its attributes alike. */
function checkKind(record: CentralRecord): Refused | undefined {
  const isFolder = record.name.endsWith('/');
  const type = (record.attributes >>> 16) & MODE_TYPE;
  if (type === MODE_LINK) return refuse('link', 'it is a symbolic link', record.name);
  if (type !== 0 && type !== MODE_FILE && type !== MODE_FOLDER) {
    return refuse('special-file', `it is neither a file nor a folder (mode 0${type.toString(8)})`, record.name);
  }
  const isMarked = type === MODE_FOLDER || (type === 0 && (record.attributes & DOS_FOLDER) !== 0);
  if (type === 0 ? isMarked && !isFolder : isMarked !== isFolder) {
    return refuse('kind-mismatch', 'its name and its attributes disagree whether it is a folder', record.name);
  }
  if (isFolder && (record.sizeBytes !== 0 || record.storedBytes > 2 || record.crc !== 0)) {
    return refuse('folder-with-data', 'it is a folder with data', record.name);
  }
  return undefined;
}

function toEntry(record: CentralRecord, dataOffset: number): ArchiveEntry {
  const isFolder = record.name.endsWith('/');
  const mode = record.attributes >>> 16;
  return {
    kind: isFolder ? 'directory' : 'file',
    path: isFolder ? record.name.slice(0, -1) : record.name,
    sizeBytes: record.sizeBytes,
    storedBytes: record.storedBytes,
    method: record.method === 0 ? 'stored' : 'deflated',
    crc: record.crc,
    mode: mode === 0 ? undefined : mode & 0o777,
    dataOffset,
  };
}
