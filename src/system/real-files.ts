// The real file system behind the `Files` door. Every creation is exclusive, nothing follows a link at its last segment,
// and a new entry made by root belongs to the owner of its directory, so that the server's user can go on with it.

import { createHash, randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type Stats,
  statfsSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { Md5, Sha256 } from '../home/entry.js';
import type { Digests, FileKind, FileStat, Files, RangeReader } from './files.js';

const PIECE_BYTES = 1024 * 1024;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** By the bits of a mode: the methods of Stats cost a walk of thousands a tenth of its time. */
const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = constants;

export class RealFiles implements Files {
  readonly #isRoot = process.getuid?.() === 0;
  #mounts: readonly string[] | undefined;
  readonly #buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);

  stat(path: string): FileStat | undefined {
    let stats: Stats | undefined;
    try {
      stats = lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
    return stats === undefined ? undefined : toFileStat(stats);
  }

  list(path: string): string[] {
    // Strings are sorted by their UTF-16 code units, as Java sorts them (Carbon rule 6).
    return readdirSync(path).sort();
  }

  read(path: string, limitBytes: number): Buffer {
    return withDescriptor(path, READ_FLAGS, (descriptor) => {
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
      if (stats.size > limitBytes) {
        throw new PatchError(
          'INPUT_TOO_LARGE',
          `${path} has ${stats.size} bytes, more than the ${limitBytes} allowed`,
          { path },
        );
      }
      const pieces: Buffer[] = [];
      let total = 0;
      for (;;) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(stats.size - total, 0) + 1));
        const count = readSync(descriptor, piece, 0, piece.length, null);
        if (count === 0)
          return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, total);
        total += count;
        if (total > limitBytes) {
          throw new PatchError('INPUT_TOO_LARGE', `${path} grows beyond the ${limitBytes} bytes allowed`, { path });
        }
        pieces.push(piece.subarray(0, count));
      }
    });
  }

  readRange(path: string, offset: number, length: number): Buffer {
    return withDescriptor(path, READ_FLAGS, (descriptor) => readFully(descriptor, offset, length));
  }

  readRanges<T>(path: string, use: (read: RangeReader) => T): T {
    return withDescriptor(path, READ_FLAGS, (descriptor) =>
      use((offset, length, into) => readFully(descriptor, offset, length, into)),
    );
  }

  realPath(path: string): string {
    return realpathSync.native(path);
  }

  digest(path: string, withSha256: boolean): Digests {
    const descriptor = openToDigest(path);
    try {
      return digestDescriptor(descriptor, withSha256, this.#buffer);
    } finally {
      closeSync(descriptor);
    }
  }

  freeBytes(path: string): number {
    const stats = statfsSync(path);
    return stats.bavail * stats.bsize;
  }

  checkWritable(folder: string): void {
    accessSync(folder, constants.W_OK | constants.X_OK);
  }

  mountOf(path: string): string {
    this.#mounts ??= readMounts();
    let longest = '';
    for (const mount of this.#mounts) {
      const holds = path === mount || path.startsWith(mount === '/' ? '/' : `${mount}/`);
      if (holds && mount.length > longest.length) longest = mount;
    }
    return longest;
  }

  fileSystemTime(folder: string): number {
    const path = `${folder}/.now-${process.pid}-${randomBytes(4).toString('hex')}`;
    return withDescriptor(path, CREATE_FLAGS, (descriptor) => {
      try {
        return fstatSync(descriptor).ctimeMs;
      } finally {
        unlinkIfThere(path);
      }
    });
  }

  identity(): { user: string; host: string } {
    const uid = process.getuid?.();
    return { user: userName() ?? (uid === undefined ? 'unknown' : String(uid)), host: hostname() };
  }

  makeDirectory(path: string, mode = 0o777): void {
    mkdirSync(path, mode);
    this.#giveToOwnerOfParent(path, (user, group) => lchownSync(path, user, group));
  }

  writeNew(path: string, data: Uint8Array | string, mode = 0o666, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    withDescriptor(
      path,
      CREATE_FLAGS,
      (descriptor) => {
        writeFully(descriptor, bytes);
        this.#giveToOwnerOfParent(path, (user, group) => fchownSync(descriptor, user, group));
        if (flush === 'flushed') fsyncSync(descriptor);
      },
      mode,
    );
  }

  append(path: string, data: Uint8Array | string, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    withDescriptor(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW, (descriptor) => {
      writeFully(descriptor, typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
      if (flush === 'flushed') fdatasyncSync(descriptor);
    });
  }

  copyNew(source: string, target: string, mode: number, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    // For reading: it may have the mode of a source that nobody may write.
    withDescriptor(target, READ_FLAGS, (descriptor) => {
      this.#giveToOwnerOfParent(target, (user, group) => fchownSync(descriptor, user, group));
      fchmodSync(descriptor, mode);
      if (flush === 'flushed') fsyncSync(descriptor);
    });
  }

  link(source: string, target: string): void {
    linkSync(source, target);
  }

  rename(source: string, target: string): void {
    renameSync(source, target);
  }

  unlink(path: string): void {
    unlinkSync(path);
  }

  removeDirectory(path: string): void {
    rmdirSync(path);
  }

  setMode(path: string, mode: number): void {
    withDescriptor(path, READ_FLAGS, (descriptor) => {
      fchmodSync(descriptor, mode);
      fsyncSync(descriptor);
    });
  }

  touch(path: string): void {
    const now = new Date();
    utimesSync(path, now, now);
  }

  flushDirectory(path: string): void {
    withDescriptor(path, constants.O_RDONLY | constants.O_DIRECTORY, (descriptor) => fsyncSync(descriptor));
  }

  /** `give` follows no link: the owner of the folder may have put one in place of what was made, to be given what it leads to. */
  #giveToOwnerOfParent(path: string, give: (user: number, group: number) => void): void {
    if (!this.#isRoot) return;
    const owner = lstatSync(dirname(path));
    if (owner.uid !== 0 || owner.gid !== 0) give(owner.uid, owner.gid);
  }
}

/** A descriptor of a regular file, which the caller closes. A link is not followed (ELOOP). @throws PatchError NOT_A_FILE */
export function openToDigest(path: string): number {
  const descriptor = openSync(path, READ_FLAGS);
  try {
    if (!fstatSync(descriptor).isFile()) throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Digests of an open file from its present position, through the given buffer. */
export function digestDescriptor(descriptor: number, withSha256: boolean, buffer: Buffer): Digests {
  const md5 = createHash('md5');
  const sha256 = withSha256 ? createHash('sha256') : undefined;
  let sizeBytes = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, 0, buffer.length, null);
    if (count === 0) break;
    const piece = buffer.subarray(0, count);
    md5.update(piece);
    sha256?.update(piece);
    sizeBytes += count;
  }
  const digests = { md5: md5.digest('hex') as Md5, sizeBytes };
  return sha256 === undefined ? digests : { ...digests, sha256: sha256.digest('hex') as Sha256 };
}

/** Undefined for a user that the system has no name for, as in many containers. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** Mount points by /proc/self/mountinfo, field 5 with its octal escapes; none where there is no such file. */
function readMounts(): string[] {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.flatMap((line) => {
      const point = line.split(' ')[4];
      return point === undefined
        ? []
        : [point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
    });
  } catch {
    return [];
  }
}

/** A run that takes this process for dead may have removed its file. */
function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function toFileStat(stats: Stats): FileStat {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    inode: stats.ino,
    device: stats.dev,
    mode: stats.mode & 0o7777,
    links: stats.nlink,
  };
}

function kindOf({ mode }: Stats): FileKind {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return 'file';
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return 'link';
    default:
      return 'other';
  }
}

function withDescriptor<T>(path: string, flags: number, use: (descriptor: number) => T, mode?: number): T {
  const descriptor = openSync(path, flags, mode);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readFully(descriptor: number, offset: number, length: number, into?: Buffer): Buffer {
  const bytes = into ?? Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written, bytes.length - written);
}
