// Digests of many files on one core: side by side what can be, alone what is faster so.

import { toError } from '../error.js';
import type { DigestItem } from './bulk.js';
import type { Digests, Files } from './files.js';
import { divideWork, Md5Lanes, type OpenFile } from './md5-lanes.js';
import { openToDigest } from './real-files.js';

interface NumberedFile extends OpenFile {
  readonly index: number;
}

export class FileDigester {
  readonly #files: Pick<Files, 'digest'>;
  readonly #lanes = Md5Lanes.make();

  constructor(files: Pick<Files, 'digest'>) {
    this.#files = files;
  }

  /** In the order of the items: digests, or what reading the file has thrown. Its errors are those of `Files.digest`. */
  digest(items: readonly DigestItem[]): (Digests | Error)[] {
    const results = new Array<Digests | Error>(items.length);
    const lanes = this.#lanes;
    const sizes = items.map((item) => item.sizeBytes);
    const { alone, together } = lanes === undefined ? { alone: [...items.keys()], together: [] } : divideWork(sizes);
    for (const index of alone) {
      const item = items[index];
      if (item !== undefined) results[index] = attempt(() => this.#files.digest(item.path, item.withSha256));
    }
    const waiting = together.values();
    const next = (): NumberedFile | undefined => {
      for (const index of waiting) {
        const item = items[index];
        if (item === undefined) continue;
        const descriptor = attempt(() => openToDigest(item.path));
        if (typeof descriptor === 'number') return { index, descriptor, withSha256: item.withSha256 };
        results[index] = descriptor;
      }
      return undefined;
    };
    lanes?.digest(next, (file, result) => {
      results[file.index] = result;
    });
    return results;
  }
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return toError(error);
  }
}
