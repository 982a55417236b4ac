// After the commit: modules clean up, and what a later revert needs of replaced content goes to the store. Each step can be
// done again; a module that fails here changes nothing about the success.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../../error.js';
import type { Sha256 } from '../../home/entry.js';
import { ensureFolder } from '../../system/ensure-folder.js';
import { isInStore } from '../is-in-store.js';
import type { ActionRecord, StageRecord } from '../journal.js';
import type { TransactionContext } from '../transaction-context.js';
import { callModule, MODULE_SECONDS } from './pack-module.js';
import { type RecordedStep, readSteps } from './step-record.js';
import { backupPath } from './undo-actions.js';

export async function cleanUpActions(
  context: TransactionContext,
  stage: StageRecord,
  records: ReadonlyMap<number, readonly ActionRecord[]>,
): Promise<void> {
  const steps = readSteps(records);
  for (const step of steps) await cleanUpModule(context, stage, step);
  let stored = false;
  for (const { record } of steps.filter((one) => one.record.keep)) {
    for (const { change, backup } of record.changes) {
      const path = backupPath({ stage }, backup);
      if (path === undefined || change.kind !== 'content' || change.before.kind !== 'file') continue;
      stored = keep(context, path, change.before.sha256, change.before.mode) || stored;
    }
    const { module } = record;
    const folder = stage.folders[module?.folder ?? -1]?.path;
    if (module !== undefined && folder !== undefined)
      stored = keep(context, join(folder, module.name), module.sha256, 0o644) || stored;
  }
  if (stored) context.files.flushDirectory(context.layout.store);
}

async function cleanUpModule(context: TransactionContext, stage: StageRecord, { record }: RecordedStep): Promise<void> {
  const { module, title } = record;
  const folder = stage.folders[module?.folder ?? -1]?.path;
  if (module === undefined || folder === undefined || module.method !== 'rollback') return;
  const path = join(folder, module.name);
  // A clean-up that was interrupted behind this point has moved the copy already.
  if (context.files.stat(path) === undefined) return;
  const { sha256, options, values, undo, timeoutSeconds = MODULE_SECONDS } = module;
  try {
    await callModule(context, 'cleanup', {
      path,
      sha256,
      title,
      options,
      timeoutSeconds,
      values: new Map(Object.entries(values)),
      undo,
    });
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    context.emit({ kind: 'problem', code: 'CLEAN_UP', severity: 'warning', message: error.message, path: error.path });
  }
}

/** Moves a file into the store under its digest; false where it is there already, or was moved before. */
function keep({ files, layout }: TransactionContext, path: string, sha256: Sha256 | undefined, mode: number): boolean {
  if (sha256 === undefined || files.stat(path) === undefined) return false;
  ensureFolder(files, layout.store);
  const target = join(layout.store, sha256);
  if (isInStore(files, target, sha256)) {
    files.unlink(path);
    return false;
  }
  try {
    files.rename(path, target);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    const partial = `${target}.new`;
    if (files.stat(partial) !== undefined) files.unlink(partial);
    files.copyNew(path, partial, mode);
    files.rename(partial, target);
    files.flushDirectory(layout.store);
    files.unlink(path);
  }
  files.flushDirectory(dirname(path));
  return true;
}
