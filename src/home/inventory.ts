// Facts about files: from the cache where they have not changed, else read, in bulk. A file that changes while it is read
// gives PACK_CHANGED or HOME_CHANGED, never a digest of neither state.

import { PatchError, toError } from '../error.js';
import type { Bulk, BulkProgress } from '../system/bulk.js';
import type { Digests, Files, FileStat } from '../system/files.js';
import type { DigestCache, FileFacts } from './digest-cache.js';
import { type JarReading, readJar } from './jar.js';

export interface Wanted {
  readonly path: string;
  readonly stat: FileStat;
  readonly withSha256: boolean;
  /** Read its identity as a JAR too. */
  readonly asJar: boolean;
}

export type Learned =
  | { readonly kind: 'facts'; readonly facts: FileFacts }
  | { readonly kind: 'failed'; readonly error: Error };

/** What a look that may not read ends with, where something is not known. */
export class UnknownContent extends Error {
  constructor() {
    super('prepatch has a defect: a look that may not read was not asked whether it could end');
    this.name = 'UnknownContent';
  }
}

export class Inventory {
  readonly #files: Files;
  readonly #bulk: Bulk;
  readonly #mayRead: boolean;
  readonly cache: DigestCache;
  /** How many bytes had to be read because the cache did not know them. */
  readBytes = 0;

  constructor(files: Files, bulk: Bulk, cache: DigestCache, mayRead = true) {
    this.#files = files;
    this.#bulk = bulk;
    this.#mayRead = mayRead;
    this.cache = cache;
  }

  /**
   * Facts of each wanted file, in order. `deep` reads every file, whatever the cache says.
   * @throws UnknownContent where this inventory may not read and would have to
   */
  async learn(wanted: readonly Wanted[], deep: boolean, progress?: BulkProgress): Promise<Learned[]> {
    const known = wanted.map((want) => (deep ? undefined : this.#cached(want)));
    const missing = wanted.filter((_, index) => known[index] === undefined);
    const read = await this.#read(missing, progress);
    let next = 0;
    return known.map((facts): Learned => (facts === undefined ? (read[next++] as Learned) : { kind: 'facts', facts }));
  }

  #cached(want: Wanted): FileFacts | undefined {
    const facts = this.cache.lookup(want.path, want.stat);
    if (facts === undefined) return undefined;
    const enough = (!want.withSha256 || facts.sha256 !== undefined) && (!want.asJar || facts.jar !== undefined);
    return enough ? facts : undefined;
  }

  async #read(wanted: readonly Wanted[], progress: BulkProgress | undefined): Promise<Learned[]> {
    if (wanted.length === 0) return [];
    if (!this.#mayRead) throw new UnknownContent();
    this.cache.beginReading(wanted.reduce((newest, { stat }) => Math.max(newest, stat.ctimeMs), 0));
    const items = wanted.map((want) => ({
      path: want.path,
      sizeBytes: want.stat.sizeBytes,
      withSha256: want.withSha256,
    }));
    const learned = new Array<Learned | undefined>(wanted.length);
    await this.#bulk.digest(items, progress, (index, result) => {
      const want = wanted[index];
      if (want === undefined) return;
      this.readBytes += want.stat.sizeBytes;
      learned[index] = result.kind === 'failed' ? result : this.#complete(want, result.digests);
    });
    return learned.map((one) => {
      if (one === undefined) throw new Error('prepatch has a defect: a digest is missing');
      return one;
    });
  }

  #complete(want: Wanted, digests: Digests): Learned {
    let jar: JarReading | undefined;
    try {
      if (want.asJar)
        jar = this.cache.jarOf(want.path, digests) ?? readJar(this.#files, want.path, want.stat.sizeBytes);
    } catch (error) {
      return { kind: 'failed', error: toError(error) };
    }
    const after = this.#files.stat(want.path);
    if (after === undefined || !sameIdentity(after, want.stat) || digests.sizeBytes !== want.stat.sizeBytes) {
      return {
        kind: 'failed',
        error: new PatchError('PACK_CHANGED', `${want.path} changed while it was read`, { path: want.path }),
      };
    }
    const facts: FileFacts = {
      md5: digests.md5,
      ...(digests.sha256 === undefined ? {} : { sha256: digests.sha256 }),
      ...(jar === undefined ? {} : { jar }),
    };
    this.cache.record(want.path, want.stat, facts, 'read');
    return { kind: 'facts', facts };
  }
}

/** Whether two looks at a path have seen the same, unchanged file. */
export function sameIdentity(a: FileStat, b: FileStat): boolean {
  return a.inode === b.inode && a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}
