// What is known of files without reading them again, by (path, size, mtime, ctime, inode). An entry that is not older than
// the record itself is not trusted. The file may be lost or damaged at any time: it is then made anew.

import { dirname } from 'node:path';
import { toError } from '../error.js';
import { formatChecked, parseChecked, TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import type { Digests, Files, FileStat } from '../system/files.js';
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

interface CacheBody {
  readonly format: number;
  /** Change time of a file written after all that is recorded here was looked at, in the clock of this file system. */
  readonly stampMs: number;
  readonly files: Readonly<Record<string, CachedFile>>;
}

const FORMAT = 1;

export class DigestCache {
  readonly #files: Files;
  readonly #path: string;
  readonly #stampMs: number;
  readonly #old: Readonly<Record<string, CachedFile>>;
  readonly #used = new Map<string, CachedFile>();
  /** True where the cache file was there and could not be used. */
  readonly damaged: boolean;
  #changed = false;

  private constructor(files: Files, path: string, body: CacheBody | undefined, damaged: boolean) {
    this.#files = files;
    this.#path = path;
    this.#stampMs = body?.stampMs ?? 0;
    this.#old = body?.files ?? {};
    this.damaged = damaged;
  }

  /** Reads `<folder>/inventory.json`; a missing or damaged one is an empty cache. */
  static load(files: Files, folder: string): DigestCache {
    const path = `${folder}/inventory.json`;
    let text: string;
    try {
      if (files.stat(path) === undefined) return new DigestCache(files, path, undefined, false);
      text = files.read(path, TEXT_LIMIT_BYTES).toString('utf8');
    } catch {
      return new DigestCache(files, path, undefined, true);
    }
    const body = parseBody(text);
    return new DigestCache(files, path, body, body === undefined);
  }

  /** The facts of a file that has not changed since they were recorded; undefined in any doubt. */
  lookup(path: string, stat: FileStat): FileFacts | undefined {
    const known = this.#used.get(path) ?? this.#trusted(path);
    if (known === undefined) return undefined;
    const same =
      known.size === stat.sizeBytes &&
      known.mtime === stat.mtimeMs &&
      known.ctime === stat.ctimeMs &&
      known.inode === stat.inode;
    if (!same) return undefined;
    this.#used.set(path, known);
    return known;
  }

  /** What a JAR says of itself, where the bytes that were just read are those that it was read from. */
  jarOf(path: string, read: Digests): JarReading | undefined {
    const known = this.#used.get(path) ?? (Object.hasOwn(this.#old, path) ? this.#old[path] : undefined);
    return known?.md5 === read.md5 && known.size === read.sizeBytes ? known.jar : undefined;
  }

  record(path: string, stat: FileStat, facts: FileFacts): void {
    this.#used.set(path, {
      ...facts,
      size: stat.sizeBytes,
      mtime: stat.mtimeMs,
      ctime: stat.ctimeMs,
      inode: stat.inode,
    });
    this.#changed = true;
  }

  /**
   * Writes what was looked up or recorded, if anything is new. Nothing else depends on it, so a failure is only reported.
   * The stamp is the change time of a file made now; entries at or after it will not be trusted.
   */
  save(): Error | undefined {
    if (!this.#changed && !this.damaged) return undefined;
    const temporary = `${this.#path}.${process.pid}.new`;
    try {
      if (this.#files.stat(temporary) !== undefined) this.#files.unlink(temporary);
      const body: CacheBody = { format: FORMAT, stampMs: this.#stamp(), files: Object.fromEntries(this.#used) };
      this.#files.writeNew(temporary, formatChecked(body), 0o644, 'unflushed');
      this.#files.rename(temporary, this.#path);
      this.#changed = false;
      return undefined;
    } catch (error) {
      return toError(error);
    }
  }

  #trusted(path: string): CachedFile | undefined {
    const known = Object.hasOwn(this.#old, path) ? this.#old[path] : undefined;
    return known !== undefined && known.ctime < this.#stampMs ? known : undefined;
  }

  /** A time in the file system's own clock that is later than every change recorded here, if it gets there within 20 ms. */
  #stamp(): number {
    let newest = 0;
    for (const file of this.#used.values()) if (file.ctime > newest) newest = file.ctime;
    const until = performance.now() + 20;
    for (;;) {
      const now = this.#files.fileSystemTime(dirname(this.#path));
      if (now > newest || performance.now() > until) return now;
    }
  }
}

function parseBody(text: string): CacheBody | undefined {
  const body = parseChecked(text) as CacheBody | undefined;
  return body?.format === FORMAT && typeof body.stampMs === 'number' && typeof body.files === 'object'
    ? body
    : undefined;
}
