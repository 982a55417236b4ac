// Bulk reading and copying: the door for work that is worth several cores. `SerialBulk` does it in order on the calling
// thread; `WorkerBulk` spreads it. Results come in the order of the items; a failed item is its error, never a gap.

import { errnoOf } from '../error.js';
import type { Digests, Files } from './files.js';

export interface DigestItem {
  readonly path: string;
  readonly sizeBytes: number;
  readonly withSha256: boolean;
}

export interface CopyItem {
  readonly source: string;
  readonly target: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly withSha256: boolean;
}

export type BulkResult =
  | { readonly kind: 'done'; readonly digests: Digests }
  | { readonly kind: 'failed'; readonly error: Error };

/** Called now and then with the number of items and bytes that are done. */
export type BulkProgress = (doneItems: number, doneBytes: number) => void;

/** Called with each result as it comes, in any order, while others are still worked on. */
export type OnResult = (index: number, result: BulkResult) => void;

export interface Bulk {
  digest(items: readonly DigestItem[], progress?: BulkProgress, onResult?: OnResult): Promise<BulkResult[]>;
  /** Copies to targets that must not be there, flushes them, reads them back; the digests are those of the targets. */
  copy(items: readonly CopyItem[], progress?: BulkProgress): Promise<BulkResult[]>;
  /** Makes the names in directories durable. @throws the first error */
  flushDirectories(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export class SerialBulk implements Bulk {
  readonly #files: Files;

  constructor(files: Files) {
    this.#files = files;
  }

  async digest(items: readonly DigestItem[], progress?: BulkProgress, onResult?: OnResult): Promise<BulkResult[]> {
    return inOrder(items, progress, (item) => this.#files.digest(item.path, item.withSha256), onResult);
  }

  async copy(items: readonly CopyItem[], progress?: BulkProgress): Promise<BulkResult[]> {
    return inOrder(items, progress, (item) => {
      this.#files.copyNew(item.source, item.target, item.mode);
      return this.#files.digest(item.target, item.withSha256);
    });
  }

  async flushDirectories(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.#files.flushDirectory(path);
  }

  async close(): Promise<void> {}
}

function inOrder<T extends { readonly sizeBytes: number }>(
  items: readonly T[],
  progress: BulkProgress | undefined,
  work: (item: T) => Digests,
  onResult?: OnResult,
): BulkResult[] {
  let doneBytes = 0;
  return items.map((item, index) => {
    const result = attempt(() => work(item));
    onResult?.(index, result);
    doneBytes += item.sizeBytes;
    progress?.(index + 1, doneBytes);
    return result;
  });
}

function attempt(work: () => Digests): BulkResult {
  try {
    return { kind: 'done', digests: work() };
  } catch (error) {
    // What has no errno and is no error of ours is a defect: it must not be taken for a bad file.
    if (error instanceof Error && (errnoOf(error) !== undefined || error.name === 'PatchError'))
      return { kind: 'failed', error };
    throw error;
  }
}
