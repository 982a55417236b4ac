// Payloads that `watch` copies, flushes and reads back before a start needs them, each named by its MD5. A copy counts only
// where it is still the very file whose digest was recorded; in any doubt a start copies as if there were none. The folder may
// be deleted at any time. What a start takes it moves, so that no file in plugins shares an inode with one here.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { DigestCache } from '../home/digest-cache.js';
import type { FileEntry, Md5 } from '../home/entry.js';
import { absolute, type Layout } from '../home/layout.js';
import { type Operation, stagedBytes, type WriteOperation } from '../plan/operation.js';
import type { Bulk } from '../system/bulk.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { randomName } from '../system/transaction-id.js';
import type { Files, FileStat } from '../system/files.js';
import { isRunning } from '../system/is-main-program.js';
import { removeIfEmpty } from '../system/remove-if-empty.js';
import { placeWork } from './work-folders.js';

/** Bytes that `watch` leaves free: what it does ahead must never be what fills the disk. */
const SPACE_MARGIN_BYTES = 256 * 1024 * 1024;
/** Between two chunks it looks whether a start has begun. */
const CHUNK_BYTES = 32 * 1024 * 1024;
const CHUNK_ITEMS = 128;
const RECORD = 'inventory.json';
const PARTIAL = /^new\.(\d+)\.[0-9a-f]+$/;

interface AheadCopy {
  readonly path: string;
  /** As it was when its digest was recorded. */
  readonly stat: FileStat;
}

export interface AheadContext {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly layout: Layout;
}

export interface AheadReport {
  /** What a start will find in place, of all that it will have to copy. */
  readonly readyItems: number;
  readonly readyBytes: number;
  readonly totalItems: number;
  readonly totalBytes: number;
  /** Copied in this pass. */
  readonly copiedItems: number;
  readonly copiedBytes: number;
  /** Why something is left to the start; null where nothing is. */
  readonly left: 'no-space' | 'changed' | 'interrupted' | 'unwritable' | 'other-file-system' | null;
}

/** What one transaction takes of the copies that are there. Operations are named by their index. */
export class AheadStock {
  readonly #files: Files;
  readonly #layout: Layout;
  readonly #found = new Map<number, AheadCopy>();
  readonly #taken = new Map<number, FileStat>();
  readonly #wanted = new Set<Md5>();

  constructor(files: Files, layout: Layout) {
    this.#files = files;
    this.#layout = layout;
  }

  /** Finds the proven copies for operations; `workOf` gives the folder that an operation is staged in. */
  find(operations: readonly Operation[], workOf: (index: number) => string): void {
    const folder = this.#layout.ahead;
    if (this.#files.stat(folder)?.kind !== 'directory') return;
    const cache = DigestCache.load(this.#files, folder);
    for (const [index, operation] of operations.entries()) {
      if (operation.kind !== 'write' || operation.source.kind !== 'path') continue;
      const { after } = operation;
      // Elsewhere is another file system, to which nothing can be renamed.
      if (this.#wanted.has(after.md5) || dirname(workOf(index)) !== this.#layout.work) continue;
      const path = join(folder, after.md5);
      const stat = this.#files.stat(path);
      if (stat === undefined || !isProven(cache, path, stat, after)) continue;
      this.#wanted.add(after.md5);
      this.#found.set(index, { path, stat });
    }
  }

  /** Whether an operation needs no space any more. */
  has(index: number): boolean {
    return this.#found.has(index);
  }

  /** Deletes the copies that this transaction has no use for. */
  makeRoom(): void {
    sweepAhead(this.#files, this.#layout, this.#wanted);
  }

  /** Moves the copy for an operation to a path that is free. False where there is none, or it is not the same file any more. */
  take(index: number, target: string): boolean {
    const copy = this.#found.get(index);
    if (copy === undefined) return false;
    try {
      this.#files.rename(copy.path, target);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
    const stat = this.#files.stat(target);
    if (stat !== undefined && isUntouched(copy.stat, stat)) {
      this.#taken.set(index, stat);
      return true;
    }
    if (stat !== undefined) this.#files.unlink(target);
    return false;
  }

  /** Makes it durable that what was taken has no name here any more. */
  flush(): void {
    if (this.#taken.size === 0) return;
    try {
      this.#files.flushDirectory(this.#layout.ahead);
    } catch (error) {
      // Deleted meanwhile: no name is left in it either.
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }

  /** The file at a path, if it is the very one that was taken for it and was not written to since it was read. */
  asTaken(index: number, path: string): FileStat | undefined {
    const taken = this.#taken.get(index);
    const stat = taken === undefined ? undefined : this.#files.stat(path);
    return taken !== undefined && stat !== undefined && isUntouched(taken, stat) ? stat : undefined;
  }
}

/** Of what these operations have to copy, the bytes that are there already. */
export function countAhead(files: Files, layout: Layout, operations: readonly Operation[]): number {
  const stock = new AheadStock(files, layout);
  // What lies ahead is only ever for operations that are staged beside it.
  const folder = join(layout.work, randomName());
  stock.find(operations, () => folder);
  return operations.reduce((sum, operation, index) => sum + (stock.has(index) ? stagedBytes(operation) : 0), 0);
}

/** Whether a file is the same, with the same content and no other name, whatever it is called now. */
function isUntouched(before: FileStat, now: FileStat): boolean {
  return (
    now.kind === 'file' &&
    now.links === 1 &&
    now.inode === before.inode &&
    now.sizeBytes === before.sizeBytes &&
    now.mtimeMs === before.mtimeMs &&
    now.mode === before.mode
  );
}

/** Removes every copy that is not for one of these contents. What cannot be removed is left: nothing depends on it. */
export function sweepAhead(files: Files, layout: Layout, wanted: ReadonlySet<string> = new Set()): void {
  const folder = layout.ahead;
  try {
    if (files.stat(folder)?.kind !== 'directory') return;
    for (const name of files.list(folder)) {
      if (wanted.has(name) || (wanted.size > 0 && name === RECORD) || isBeingMade(name)) continue;
      files.unlink(join(folder, name));
    }
    if (wanted.size === 0) removeIfEmpty(files, folder);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

function isBeingMade(name: string): boolean {
  const owner = PARTIAL.exec(name)?.[1];
  return owner !== undefined && Number(owner) !== process.pid && isRunning(Number(owner));
}

/**
 * Copies ahead what these operations will have to copy. Takes no lock and changes nothing outside its own folder; ends early
 * where `mayGoOn` is false, where space gets short, or where the folder is taken away. Errors of the file system are in `left`.
 */
export async function stageAhead(
  context: AheadContext,
  operations: readonly Operation[],
  mayGoOn: () => boolean,
): Promise<AheadReport> {
  const { files, layout } = context;
  const wanted = wantedOf(operations);
  const all = [...wanted.values()];
  const total = { totalItems: all.length, totalBytes: bytesOf(all) };
  if (all.length > 0 && !isOnOneFileSystem(files, layout, all)) {
    sweepAhead(files, layout);
    return { ...total, readyItems: 0, readyBytes: 0, copiedItems: 0, copiedBytes: 0, left: 'other-file-system' };
  }
  sweepAhead(files, layout, new Set(wanted.keys()));
  const cache = DigestCache.load(files, layout.ahead);
  const missing = all.filter(({ after }) => {
    const path = join(layout.ahead, after.md5);
    const stat = files.stat(path);
    return stat === undefined || !isProven(cache, path, stat, after);
  });
  let copied: WriteOperation[] = [];
  let left: AheadReport['left'] = null;
  try {
    if (missing.length > 0) ensureFolder(files, layout.ahead);
    for (const chunk of toChunks(missing)) {
      if (!mayGoOn()) left = 'interrupted';
      else if (files.freeBytes(layout.ahead) < bytesOf(chunk) + SPACE_MARGIN_BYTES) left = 'no-space';
      if (left === 'interrupted' || left === 'no-space') break;
      const result = await copyChunk(context, cache, chunk);
      copied = [...copied, ...result.copied];
      left = result.left ?? left;
      if (result.left === 'interrupted' || result.left === 'unwritable') break;
    }
  } catch (error) {
    left = leftBy(error);
  }
  const ready = all.filter((operation) => !missing.includes(operation) || copied.includes(operation));
  return {
    ...total,
    readyItems: ready.length,
    readyBytes: bytesOf(ready),
    copiedItems: copied.length,
    copiedBytes: bytesOf(copied),
    left,
  };
}

async function copyChunk(
  { files, bulk, layout }: AheadContext,
  cache: DigestCache,
  chunk: readonly WriteOperation[],
): Promise<{ copied: WriteOperation[]; left: AheadReport['left'] }> {
  const folder = layout.ahead;
  const items = chunk.map((operation) => ({
    source: operation.source.kind === 'path' ? absolute(layout, operation.source.path) : '',
    target: join(folder, `new.${process.pid}.${randomName()}`),
    sizeBytes: operation.after.sizeBytes,
    mode: operation.after.mode,
    withSha256: operation.after.sha256 !== undefined,
  }));
  const results = await bulk.copy(items);
  const copied: WriteOperation[] = [];
  let left: AheadReport['left'] = null;
  for (const [index, operation] of chunk.entries()) {
    const { md5, sha256, sizeBytes } = operation.after;
    const [item, result] = [items[index], results[index]];
    if (item === undefined || result === undefined) throw new Error('prepatch has a defect: a copy is missing');
    try {
      if (result.kind === 'failed') {
        left = files.stat(item.source) === undefined ? 'changed' : leftBy(result.error);
        if (files.stat(item.target) !== undefined) files.unlink(item.target);
        continue;
      }
      const { digests } = result;
      if (
        digests.md5 !== md5 ||
        digests.sizeBytes !== sizeBytes ||
        (sha256 !== undefined && digests.sha256 !== sha256)
      ) {
        left = 'changed';
        files.unlink(item.target);
        continue;
      }
      const path = join(folder, md5);
      files.rename(item.target, path);
      const stat = files.stat(path);
      if (stat === undefined) left = 'interrupted';
      else {
        cache.record(path, stat, digests.sha256 === undefined ? { md5 } : { md5, sha256: digests.sha256 }, 'made');
        copied.push(operation);
      }
    } catch (error) {
      left = leftBy(error);
    }
  }
  if (copied.length > 0) cache.save();
  return { copied, left };
}

/** One operation a content: what a second path needs of it a start copies. */
function wantedOf(operations: readonly Operation[]): Map<Md5, WriteOperation> {
  const wanted = new Map<Md5, WriteOperation>();
  for (const operation of operations) {
    if (operation.kind !== 'write' || operation.source.kind !== 'path' || wanted.has(operation.after.md5)) continue;
    wanted.set(operation.after.md5, operation);
  }
  return wanted;
}

/** Where plugins are a mount of their own, a copy here could not be renamed to there. */
function isOnOneFileSystem(files: Files, layout: Layout, operations: readonly WriteOperation[]): boolean {
  const paths = operations.map((operation) => operation.path);
  return placeWork(files, layout, 'ahead', paths).folders.every((folder) => dirname(folder.path) === layout.work);
}

function isProven(cache: DigestCache, path: string, stat: FileStat, wanted: FileEntry): boolean {
  if (stat.kind !== 'file' || stat.links !== 1) return false;
  if (stat.sizeBytes !== wanted.sizeBytes || stat.mode !== wanted.mode) return false;
  const facts = cache.lookup(path, stat);
  return facts?.md5 === wanted.md5 && (wanted.sha256 === undefined || facts.sha256 === wanted.sha256);
}

function toChunks(operations: readonly WriteOperation[]): WriteOperation[][] {
  const chunks: WriteOperation[][] = [];
  let room = 0;
  for (const operation of operations) {
    const last = chunks.at(-1);
    if (last === undefined || last.length >= CHUNK_ITEMS || room < operation.after.sizeBytes) {
      chunks.push([operation]);
      room = CHUNK_BYTES - operation.after.sizeBytes;
    } else {
      last.push(operation);
      room -= operation.after.sizeBytes;
    }
  }
  return chunks;
}

function bytesOf(operations: readonly WriteOperation[]): number {
  return operations.reduce((sum, operation) => sum + operation.after.sizeBytes, 0);
}

function leftBy(error: unknown): AheadReport['left'] {
  if (error instanceof PatchError) return 'changed';
  switch (errnoOf(error)) {
    case undefined:
      throw error;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no-space';
    // A start has taken the folder away, or somebody has.
    case 'ENOENT':
    case 'ENOTDIR':
      return 'interrupted';
    default:
      return 'unwritable';
  }
}
