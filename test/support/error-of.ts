// The error that a run was refused with, for tests that expect one.
import type { PatchError } from '../../src/error.js';
import type { Ended } from './engine-run.js';

/** @throws Error where the run was not refused */
export function errorOf(ended: Ended<unknown>): PatchError {
  if (ended.kind !== 'refused') throw new Error(`the run was not refused: ${ended.kind}`);
  return ended.error;
}
