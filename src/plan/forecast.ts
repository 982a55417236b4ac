// How much work a plan is, and how long that will take: from what the history says of transactions like it. Pure.

import type { HistoryRecord } from '../state/history.js';
import type { Operation } from './operation.js';

/** What the time of a transaction depends on. */
export interface Work {
  /** Bytes that are copied. */
  readonly stagedBytes: number;
  /** Files that are put in place or removed, lists aside. */
  readonly changedFiles: number;
  /** Operations that are actions of packs. */
  readonly actions: number;
}

/** What a file costs beside its bytes, as bytes: it is made, flushed, renamed, read again. */
const FILE_BYTES = 256 * 1024;
/** Work that is this many times as much, or as little, is of another kind: what is small costs more for its size. */
const COMPARABLE = 8;
/** As many of the last comparable transactions count: disks get faster and slower. */
const LAST = 20;

export function countWork(operations: readonly Operation[]): Work {
  let stagedBytes = 0;
  let changedFiles = 0;
  let actions = 0;
  for (const operation of operations) {
    if (operation.kind === 'action') actions += 1;
    if (operation.kind === 'delete') changedFiles += 1;
    if (operation.kind !== 'write') continue;
    const { source, after } = operation;
    // What is written from a text are lists, of which every transaction has some.
    if (source.kind !== 'path' && source.kind !== 'store') continue;
    changedFiles += 1;
    if (source.kind === 'path' || !source.lastUse) stagedBytes += after.sizeBytes;
  }
  return { stagedBytes, changedFiles, actions };
}

/**
 * Milliseconds from the first look to the commit; null where no transaction of about this size is on record, or where actions
 * run, which take as long as they take.
 * @param records the oldest first
 */
export function forecastMs(records: readonly HistoryRecord[], work: Work): number | null {
  const wanted = sizeOf(work);
  if (wanted === 0 || work.actions > 0) return null;
  const rates = records.flatMap(({ outcome, summary, stepsMs }) => {
    const { stagedBytes, changedFiles, actions } = summary;
    if (outcome !== 'committed' || stepsMs === undefined || stagedBytes === undefined || changedFiles === undefined)
      return [];
    const done = sizeOf({ stagedBytes, changedFiles });
    if ((actions ?? 0) > 0 || done * COMPARABLE < wanted || done > wanted * COMPARABLE) return [];
    return [Object.values(stepsMs).reduce((sum, ms) => sum + ms, 0) / done];
  });
  const rate = median(rates.slice(-LAST));
  return rate === undefined ? null : Math.round(rate * wanted);
}

function sizeOf({ stagedBytes, changedFiles }: Pick<Work, 'stagedBytes' | 'changedFiles'>): number {
  return stagedBytes + changedFiles * FILE_BYTES;
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 0 && low !== undefined && high !== undefined ? (low + high) / 2 : high;
}
