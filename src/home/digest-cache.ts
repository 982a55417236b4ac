// What is known of files without reading them again, by (path, size, mtime, ctime, inode). The file may be lost or damaged at any
// time: it is then made anew. What a run learns is appended as a line; after some lines the file is written whole (formats 5).

import { dirname } from 'node:path';
import { errnoOf, toError } from '../error.js';
import { formatCheckedLine, parseCheckedLines, TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import { COARSEST_MS, type Digests, type Files, type FileStat } from '../system/files.js';
import type { Md5, Sha256 } from './entry.js';
import type { JarReading } from './jar.js';

/** What reading a file once has told. */
export interface FileFacts {
  readonly md5: Md5;
  readonly sha256?: Sha256;
  readonly jar?: JarReading;
}

interface CachedFile extends FileFacts {
  readonly size: number;
  readonly mtime: number;
  readonly ctime: number;
  readonly inode: number;
}

/** What one run has learned: a line of the file. */
interface CacheLine {
  readonly format: number;
  /** Change time of a file written after all that is recorded here was looked at, in the clock of this file system. */
  readonly stampMs: number;
  readonly files: Readonly<Record<string, CachedFile>>;
}

/** How a content was learned: it was read where it lay, or it is what we have put there ourselves. */
export type LearnedBy = 'read' | 'made';

const FORMAT = 2;
/** The file is written whole after so many lines, or when the later ones are longer than this and than half of the first. */
const LINES = 16;
const LATER_BYTES = 64 * 1024;
const CLOCK_WAIT_MS = 20;

export class DigestCache {
  readonly #files: Files;
  readonly #path: string;
  /** The first line, which has most, and what others say that came later. */
  readonly #first: CacheLine;
  readonly #later: ReadonlyMap<string, { readonly stampMs: number; readonly file: CachedFile }>;
  /** True where the cache file was there and could not be used, or not all of it. */
  readonly damaged: boolean;
  /** What this run has learned; of it, what may be written, and what has to be. */
  readonly #learned = new Map<string, CachedFile>();
  readonly #lasting = new Map<string, CachedFile>();
  readonly #unsaved = new Map<string, CachedFile>();
  /** Lengths of the lines in the file, in bytes; none where it has to be written whole. */
  #lines: readonly number[];
  /** When the reading began, by the clock of the file system that the cache is on. */
  #since: { readonly timeMs: number; readonly device: number } | undefined;

  private constructor(files: Files, path: string, { lines, damaged }: Loaded) {
    const [first, ...others] = lines.map(({ value }) => value);
    this.#files = files;
    this.#path = path;
    this.#first = first ?? { format: FORMAT, stampMs: 0, files: {} };
    this.#later = new Map(
      others.flatMap(({ stampMs, files: known }) =>
        Object.entries(known).flatMap(([name, file]) =>
          isCachedFile(file) ? [[name, { stampMs, file }] as const] : [],
        ),
      ),
    );
    this.#lines = damaged ? [] : lines.map(({ sizeBytes }) => sizeBytes);
    this.damaged = damaged;
  }

  /** Reads `<folder>/inventory.json`; a missing or damaged one is an empty cache. */
  static load(files: Files, folder: string): DigestCache {
    const path = `${folder}/inventory.json`;
    try {
      if (files.stat(path) === undefined) return new DigestCache(files, path, { lines: [], damaged: false });
      return new DigestCache(files, path, parseCache(files.read(path, TEXT_LIMIT_BYTES)));
    } catch {
      return new DigestCache(files, path, { lines: [], damaged: true });
    }
  }

  /** The facts of a file that has not changed since they were recorded; undefined in any doubt. */
  lookup(path: string, stat: FileStat): FileFacts | undefined {
    const known = this.#learned.get(path) ?? this.#trusted(path);
    return known !== undefined && isSame(known, stat) ? known : undefined;
  }

  /** What a JAR says of itself, where the bytes that were just read are those that it was read from. */
  jarOf(path: string, read: Digests): JarReading | undefined {
    const known = this.#learned.get(path) ?? this.#written(path)?.file;
    return known?.md5 === read.md5 && known.size === read.sizeBytes ? known.jar : undefined;
  }

  /**
   * To be called before files are read that are then recorded; `newestMs` is the newest of their change times. What is changed in
   * the very granule of the clock in which it was read has one change time before and after, so this waits until that one is past,
   * if it soon is. Where nothing can be kept there is no need to.
   */
  beginReading(newestMs: number): void {
    try {
      this.#since = undefined;
      const folder = this.#ensureFolder();
      if (folder !== undefined) this.#since = { timeMs: this.#timeAfter(newestMs), device: folder.device };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** What was known of the very same file, and was not asked for this time, stays. */
  record(path: string, stat: FileStat, facts: FileFacts, by: LearnedBy): void {
    const written = this.#trusted(path);
    const isKnown = written !== undefined && isSame(written, stat) && written.md5 === facts.md5;
    const isWritten = isKnown && tellsAll(written, facts);
    const { sizeBytes: size, mtimeMs: mtime, ctimeMs: ctime, inode } = stat;
    const known = isWritten ? written : { ...(isKnown ? written : {}), ...facts, size, mtime, ctime, inode };
    const isLasting = !isWritten && (by === 'made' || this.#isPast(stat));
    this.#learned.set(path, known);
    for (const map of [this.#lasting, this.#unsaved]) {
      if (isLasting) map.set(path, known);
      else map.delete(path);
    }
  }

  /**
   * Writes what was recorded, if anything is new. Nothing else depends on it, so a failure is only reported. The stamp is the
   * change time of a file made now; entries at or after it will not be trusted.
   */
  save(): Error | undefined {
    const isWhole = !this.damaged || this.#lines.length > 0;
    if (this.#unsaved.size === 0 && isWhole) return undefined;
    try {
      if (this.#ensureFolder() === undefined) return undefined;
      if (!this.#append()) this.#writeWhole();
      this.#unsaved.clear();
      return undefined;
    } catch (error) {
      return toError(error);
    }
  }

  /** False where it is time to write the whole file. */
  #append(): boolean {
    const [first, ...later] = this.#lines;
    if (first === undefined || this.#lines.length >= LINES) return false;
    const line = this.#format(this.#unsaved);
    const laterBytes = later.reduce((sum, length) => sum + length, line.length);
    if (laterBytes > Math.max(first / 2, LATER_BYTES)) return false;
    this.#files.append(this.#path, line, 'unflushed');
    this.#lines = [...this.#lines, line.length];
    return true;
  }

  /** What was known and is so still, and what was learned. */
  #writeWhole(): void {
    const files = new Map<string, CachedFile>();
    for (const path of new Set([...Object.keys(this.#first.files), ...this.#later.keys()])) {
      if (this.#lasting.has(path)) continue;
      const known = this.#trusted(path);
      const stat = known === undefined ? undefined : this.#files.stat(path);
      if (known !== undefined && stat !== undefined && isSame(known, stat)) files.set(path, known);
    }
    for (const [path, known] of this.#lasting) files.set(path, known);
    const line = this.#format(files);
    const temporary = `${this.#path}.${process.pid}.new`;
    if (this.#files.stat(temporary) !== undefined) this.#files.unlink(temporary);
    this.#files.writeNew(temporary, line, 0o644, 'unflushed');
    this.#files.rename(temporary, this.#path);
    this.#lines = [line.length];
  }

  #format(files: ReadonlyMap<string, CachedFile>): Buffer {
    let newestMs = 0;
    for (const { ctime } of files.values()) if (ctime > newestMs) newestMs = ctime;
    const line: CacheLine = { format: FORMAT, stampMs: this.#timeAfter(newestMs), files: Object.fromEntries(files) };
    return Buffer.from(formatCheckedLine(line), 'utf8');
  }

  #trusted(path: string): CachedFile | undefined {
    const known = this.#written(path);
    return known !== undefined && known.file.ctime < known.stampMs ? known.file : undefined;
  }

  /** What the newest line that knows a file says of it. */
  #written(path: string): { readonly stampMs: number; readonly file: CachedFile } | undefined {
    const later = this.#later.get(path);
    if (later !== undefined) return later;
    const { stampMs, files } = this.#first;
    const file = Object.hasOwn(files, path) ? files[path] : undefined;
    return isCachedFile(file) ? { stampMs, file } : undefined;
  }

  /** Whether a file has another change time, whatever is done to it since the reading began. */
  #isPast({ ctimeMs, device }: FileStat): boolean {
    if (this.#since === undefined) return false;
    const granuleMs = device === this.#since.device ? 0 : COARSEST_MS;
    return ctimeMs < this.#since.timeMs - granuleMs;
  }

  /** Makes the folder of the cache, but not the one that it is in: a home that was never worked on has neither. */
  #ensureFolder(): FileStat | undefined {
    const folder = dirname(this.#path);
    const stat = this.#files.stat(folder);
    if (stat !== undefined || this.#files.stat(dirname(folder)) === undefined) return stat;
    this.#files.makeDirectory(folder);
    return this.#files.stat(folder);
  }

  /** A time in the file system's own clock that is later than the given one, if it gets there within 20 ms. */
  #timeAfter(timeMs: number): number {
    const until = performance.now() + CLOCK_WAIT_MS;
    for (;;) {
      const now = this.#files.fileSystemTime(dirname(this.#path));
      if (now > timeMs || performance.now() > until) return now;
    }
  }
}

interface Loaded {
  readonly lines: readonly { readonly value: CacheLine; readonly sizeBytes: number }[];
  readonly damaged: boolean;
}

function parseCache(bytes: Buffer): Loaded {
  const { values, damaged } = parseCheckedLines(bytes);
  const lines = values.flatMap(({ value, sizeBytes }) => (isCacheLine(value) ? [{ value, sizeBytes }] : []));
  return { lines, damaged: damaged || lines.length < values.length };
}

function isCacheLine(value: unknown): value is CacheLine {
  const line = value as Partial<CacheLine> | null;
  const { format, stampMs, files } = line ?? {};
  return format === FORMAT && typeof stampMs === 'number' && typeof files === 'object' && (files as unknown) !== null;
}

/** A line is as it was written, but may have been written by somebody else. */
function isCachedFile(value: unknown): value is CachedFile {
  return typeof value === 'object' && value !== null;
}

/** Whether one reading of a content has told all that another has. */
function tellsAll(known: FileFacts, facts: FileFacts): boolean {
  return (facts.sha256 ?? known.sha256) === known.sha256 && (facts.jar === undefined || known.jar !== undefined);
}

function isSame(known: CachedFile, stat: FileStat): boolean {
  return (
    known.size === stat.sizeBytes &&
    known.mtime === stat.mtimeMs &&
    known.ctime === stat.ctimeMs &&
    known.inode === stat.inode
  );
}
