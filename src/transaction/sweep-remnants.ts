// What killed runs leave beside transactions: temporary files of caches, of the clock and of the status page, names of the dead. Only
// names that we make, of processes that are gone; a process on another machine that still needs one of them does without it.

import { join } from 'node:path';
import { errnoOf } from '../error.js';
import { guardFolder, type Layout } from '../home/layout.js';
import { isUnpacking } from '../home/zip-cache.js';
import type { Files } from '../system/files.js';
import { isRunning } from '../system/is-main-program.js';
import { removeTree } from '../system/remove-tree.js';

/** The id of the process that made it is the first group. */
const CLOCK = /^\.now-(\d+)-[0-9a-f]+$/;
const DIGESTS = /^inventory\.json\.(\d+)\.new$/;
const UNPACKING = /^[0-9a-f]{64}\.(\d+)\.new$/;
const DELTA = /^[0-9a-f-]+-[0-9a-f]{32}\.(\d+)\.new$/;
const GUARD_CANDIDATE = /^new\.(\d+)$/;
const PAGE = /^patch-status\.html\.(\d+)\.new$/;

/** To be called under the lock of the home. Removes nothing that is in use; what cannot be removed is left to the next run. */
export function sweepRemnants(files: Files, layout: Layout): void {
  for (const path of findRemnants(files, layout)) {
    try {
      removeTree(files, path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

export function findRemnants(files: Files, layout: Layout): string[] {
  return [
    ...inFolder(files, layout.components, [CLOCK]),
    ...inFolder(files, layout.state, [CLOCK]),
    ...inFolder(files, layout.locks, [CLOCK]),
    ...inFolder(files, layout.cache, [CLOCK, DIGESTS]),
    ...inFolder(files, guardFolder(layout.home), [CLOCK, GUARD_CANDIDATE]),
    ...inFolder(files, layout.zips, [UNPACKING]),
    ...inFolder(files, layout.deltas, [DELTA]),
    ...inFolder(files, layout.logs, [PAGE]),
  ];
}

function inFolder(files: Files, folder: string, patterns: readonly RegExp[]): string[] {
  try {
    if (files.stat(folder)?.kind !== 'directory') return [];
    return files
      .list(folder)
      .filter((name) => patterns.some((pattern) => isLeft(pattern, name)) && !isUnpacking(join(folder, name)))
      .map((name) => join(folder, name));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

function isLeft(pattern: RegExp, name: string): boolean {
  const owner = Number(pattern.exec(name)?.[1] ?? 0);
  if (owner === 0) return false;
  // In a container every run has the same id; all but unpacking is done in one go, so that nothing else of this process is at it.
  return owner === process.pid || !isRunning(owner);
}
