// Bulk work over worker threads, one for each core. Small work stays on the calling thread, where it is done before a thread
// would have started. Batches bound what is under way; each thread has eight files open at most.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { errnoOf, PatchError, toError } from '../error.js';
import type { Bulk, BulkProgress, BulkResult, CopyItem, DigestItem, OnResult } from './bulk.js';
import { SerialBulk } from './bulk.js';
import type { Digests, Files } from './files.js';
import { LANES } from './md5-lanes-code.js';

export interface BatchItem extends DigestItem {
  readonly kind: 'digest' | 'copy';
  /** The file to be read; for a copy, its target. */
  readonly path: string;
  readonly source: string;
  readonly mode: number;
}

export interface BatchRequest {
  readonly batch: number;
  readonly items: readonly BatchItem[];
}

export type PlainResult =
  | { readonly kind: 'done'; readonly digests: Digests }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly errno: string | undefined;
      readonly code: string | undefined;
    };

export interface BatchAnswer {
  readonly batch: number;
  readonly results: readonly PlainResult[];
}

/** Below so many bytes a thread costs more than it saves; above, the calling thread must stay free to keep its lock fresh. */
const WORTH_THREADS_BYTES = 16 * 1024 * 1024;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ITEMS = 64;
const MOST_THREADS = 8;
/** Node's own pool has four threads; more would only wait for it. */
const FLUSHES_AT_ONCE = 4;

export class WorkerBulk implements Bulk {
  readonly #serial: SerialBulk;
  readonly #startThread: () => Worker;
  readonly #threads: Worker[] = [];
  readonly #count = Math.min(MOST_THREADS, Math.max(1, availableParallelism()));

  /** `startThread` starts one that answers as digest-worker does. */
  constructor(files: Files, startThread = () => new Worker(new URL('./digest-worker.cjs', import.meta.url))) {
    this.#serial = new SerialBulk(files);
    this.#startThread = startThread;
  }

  async digest(items: readonly DigestItem[], progress?: BulkProgress, onResult?: OnResult): Promise<BulkResult[]> {
    const threads = this.#threadsFor(items);
    if (threads.length === 0) return this.#serial.digest(items, progress, onResult);
    const plain = items.map(
      ({ path, sizeBytes, withSha256 }): BatchItem => ({
        kind: 'digest',
        path,
        source: '',
        mode: 0,
        sizeBytes,
        withSha256,
      }),
    );
    return this.#spread(threads, plain, progress, onResult);
  }

  async copy(items: readonly CopyItem[], progress?: BulkProgress): Promise<BulkResult[]> {
    const threads = this.#threadsFor(items);
    if (threads.length === 0) return this.#serial.copy(items, progress);
    const plain = items.map(
      (item): BatchItem => ({
        kind: 'copy',
        path: item.target,
        source: item.source,
        mode: item.mode,
        sizeBytes: item.sizeBytes,
        withSha256: item.withSha256,
      }),
    );
    const flushes = new Flushes();
    let copied: BulkResult[];
    let failed: ReadonlyMap<number, BulkResult>;
    try {
      copied = await this.#spread(threads, plain, progress, (index, result) => {
        if (result.kind === 'done') flushes.add(index, plain[index]?.path ?? '');
      });
    } finally {
      failed = await flushes.end();
    }
    return copied.map((result, index) => failed.get(index) ?? result);
  }

  async flushDirectories(paths: readonly string[]): Promise<void> {
    await this.#serial.flushDirectories(paths);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.terminate()));
  }

  async #spread(
    threads: readonly Worker[],
    items: readonly BatchItem[],
    progress?: BulkProgress,
    onResult?: OnResult,
  ): Promise<BulkResult[]> {
    try {
      return await spread(threads, items, progress, onResult);
    } catch (error) {
      // An answer that is still on its way would be taken for one to what comes next.
      await this.close();
      throw error;
    }
  }

  /** Threads for some work: none where they would cost more than they save, or where the system gives none. */
  #threadsFor(items: readonly { readonly sizeBytes: number }[]): readonly Worker[] {
    let total = 0;
    for (const item of items) total += item.sizeBytes;
    if (total < WORTH_THREADS_BYTES) return [];
    const wanted = Math.min(this.#count, Math.ceil(total / BATCH_BYTES));
    try {
      while (this.#threads.length < wanted) this.#threads.push(this.#startThread());
    } catch (error) {
      // A limit on processes: what was started will do, or this thread alone.
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_INIT_FAILED')) throw error;
    }
    return this.#threads;
  }
}

function spread(
  threads: readonly Worker[],
  items: readonly BatchItem[],
  progress?: BulkProgress,
  onResult?: OnResult,
): Promise<BulkResult[]> {
  // The longest first: files of one length go side by side, and the threads end together.
  const order = [...items.keys()].sort((left, right) => sizeOf(items, right) - sizeOf(items, left));
  const batches = toBatches(order.map((index) => sizeOf(items, index)));
  const results: BulkResult[] = new Array<BulkResult>(items.length);
  let nextBatch = 0;
  let doneItems = 0;
  let doneBytes = 0;
  let open = batches.length;
  return new Promise((resolve, reject) => {
    const give = (thread: Worker) => {
      const batch = nextBatch++;
      const range = batches[batch];
      if (range === undefined) return;
      const indexes = order.slice(range.start, range.end);
      const request: BatchRequest = { batch, items: indexes.flatMap((index) => items[index] ?? []) };
      thread.postMessage(request);
    };
    const answered = (thread: Worker, answer: BatchAnswer) => {
      const range = batches[answer.batch];
      if (range === undefined) return;
      // First the next work, so that the thread goes on while its answer is looked at.
      open -= 1;
      if (open > 0) give(thread);
      for (const [n, plain] of answer.results.entries()) {
        const result = revive(plain);
        const index = order[range.start + n] ?? -1;
        results[index] = result;
        onResult?.(index, result);
      }
      doneItems += range.end - range.start;
      doneBytes += range.bytes;
      progress?.(doneItems, doneBytes);
      if (open === 0) settle(() => resolve(results));
    };
    const listeners = threads.map((thread) => ({
      thread,
      message: (answer: BatchAnswer) => {
        try {
          answered(thread, answer);
        } catch (error) {
          settle(() => reject(toError(error)));
        }
      },
      error: (error: Error) => settle(() => reject(error)),
      exit: () => settle(() => reject(new Error('a worker thread ended by itself'))),
    }));
    const settle = (end: () => void) => {
      for (const { thread, message, error, exit } of listeners)
        thread.off('message', message).off('error', error).off('exit', exit);
      end();
    };
    for (const { thread, message, error, exit } of listeners) {
      thread.on('message', message).on('error', error).on('exit', exit);
      give(thread);
    }
    // A second for each: it goes on with that while the answer to the first is on its way.
    for (const thread of threads) give(thread);
  });
}

function sizeOf(items: readonly BatchItem[], index: number): number {
  return items[index]?.sizeBytes ?? 0;
}

function toBatches(sizes: readonly number[]): { start: number; end: number; bytes: number }[] {
  const batches: { start: number; end: number; bytes: number }[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, size] of sizes.entries()) {
    bytes += size;
    const count = index + 1 - start;
    const isFull = count === BATCH_ITEMS || (bytes >= BATCH_BYTES && count % LANES === 0);
    if (!isFull && index + 1 < sizes.length) continue;
    batches.push({ start, end: index + 1, bytes });
    start = index + 1;
    bytes = 0;
  }
  return batches;
}

/** Flushes files while others are still copied, several at once, so that one commit of the file system's journal serves many. */
class Flushes {
  readonly #waiting: { readonly index: number; readonly path: string }[] = [];
  readonly #failed = new Map<number, BulkResult>();
  readonly #flushers: Promise<void>[] = [];
  #running = 0;

  add(index: number, path: string): void {
    this.#waiting.push({ index, path });
    if (this.#running < FLUSHES_AT_ONCE) this.#flushers.push(this.#flush());
  }

  /** Waits for all. @returns what has failed, by index */
  async end(): Promise<ReadonlyMap<number, BulkResult>> {
    await Promise.all(this.#flushers);
    return this.#failed;
  }

  async #flush(): Promise<void> {
    this.#running += 1;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        const failure = await flushOne(next.path);
        if (failure !== undefined) this.#failed.set(next.index, failure);
      }
    } finally {
      this.#running -= 1;
    }
  }
}

/** Undefined where it succeeded. A failed flush is never tried again. */
async function flushOne(path: string): Promise<BulkResult | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof Error && errnoOf(error) !== undefined) return { kind: 'failed', error };
    throw error;
  }
}

function revive(result: PlainResult): BulkResult {
  if (result.kind === 'done') return result;
  if (result.errno !== undefined)
    return { kind: 'failed', error: Object.assign(new Error(result.message), { code: result.errno }) };
  const known = result.code === 'NOT_A_FILE' || result.code === 'INPUT_TOO_LARGE' ? result.code : undefined;
  if (known === undefined) throw new Error(result.message);
  return { kind: 'failed', error: new PatchError(known, result.message) };
}
