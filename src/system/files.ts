// The door to the file system: what the core may do to files, and nothing else. `RealFiles` is the real one; tests inject a
// faulty twin. Calls are synchronous, so that their order is the order of the text; bulk work goes through `bulk.ts`.
import type { Md5, Sha256 } from '../home/entry.js';

/** No file system in use has coarser change times (FAT: 2 s). For files of another device than the one whose clock is asked. */
export const COARSEST_MS = 3000;

export type FileKind = 'file' | 'directory' | 'link' | 'other';

export interface FileStat {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  /** Milliseconds with fraction; precise to about 0.25 µs. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly inode: number;
  readonly device: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly links: number;
}

export interface Digests {
  readonly md5: Md5;
  readonly sha256?: Sha256;
  readonly sizeBytes: number;
}

/** A range of an open file; shorter at its end. With `into`, which must have room for it, its bytes are there. */
export type RangeReader = (offset: number, length: number, into?: Buffer) => Buffer;

/** Errors are those of node:fs, with their errno `code`; an absent path is `undefined` from `stat` only. */
export interface Files {
  /** Does not follow a link. Undefined where nothing is there (ENOENT, ENOTDIR). */
  stat(path: string): FileStat | undefined;
  /** Names in UTF-16 order (Carbon rule 6). */
  list(path: string): string[];
  /** Whole content. @throws RangeError-free PatchError INPUT_TOO_LARGE above `limitBytes`. */
  read(path: string, limitBytes: number): Buffer;
  /** A range of a file; shorter at its end. */
  readRange(path: string, offset: number, length: number): Buffer;
  /** Several ranges of a file that is opened once. The reader is good until `use` returns. */
  readRanges<T>(path: string, use: (read: RangeReader) => T): T;
  realPath(path: string): string;
  /** Digests of a regular file, read in 1 MiB pieces. A link is not followed (ELOOP). */
  digest(path: string, withSha256: boolean): Digests;
  freeBytes(path: string): number;
  /** @throws EACCES, EROFS where names in a folder cannot be made or removed by who runs this */
  checkWritable(folder: string): void;
  /** The mount point that a path lies on, by its longest match; empty where the system does not tell. */
  mountOf(path: string): string;
  /** The present time in the clock and granularity of a folder's file system: the change time of a file made there for it. */
  fileSystemTime(folder: string): number;
  /** Who runs this, for the audit. */
  identity(): { readonly user: string; readonly host: string };

  makeDirectory(path: string, mode?: number): void;
  /** Creates a file that must not be there, writes, flushes; `unflushed` for what may be lost, such as a cache. */
  writeNew(path: string, data: Uint8Array | string, mode?: number, flush?: 'flushed' | 'unflushed'): void;
  /** Appends to a file that is there, and flushes its data; `unflushed` as in `writeNew`. */
  append(path: string, data: Uint8Array | string, flush?: 'flushed' | 'unflushed'): void;
  /** Creates `target`, which must not be there, with the bytes of `source` (by reflink where there is one). */
  copyNew(source: string, target: string, mode: number, flush?: 'flushed' | 'unflushed'): void;
  link(source: string, target: string): void;
  rename(source: string, target: string): void;
  unlink(path: string): void;
  removeDirectory(path: string): void;
  setMode(path: string, mode: number): void;
  /** Sets a file's modification time to now. */
  touch(path: string): void;
  /** Makes names in a directory durable. */
  flushDirectory(path: string): void;
}
