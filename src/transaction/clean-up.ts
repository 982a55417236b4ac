// The last step of a transaction: originals go to the store, foreign content aside, everything else of the work is deleted, and
// the journal is closed. Each step can be done again: an interrupted clean-up is completed by the next start.

import { basename, dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { absolute, display } from '../home/layout.js';
import type { Ledger } from '../plan/ledger.js';
import { beforeOf, type Keep, type Operation } from '../plan/operation.js';
import { originalsOf } from '../plan/originals.js';
import { appendHistory, type StepsMs } from '../state/history.js';
import { copyLedger, readLedger } from '../state/ledger-file.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { removeIfEmpty } from '../system/remove-if-empty.js';
import type { ActionRecord, BeginRecord, StageRecord } from './journal.js';
import { isInStore } from './is-in-store.js';
import { setAside } from './set-aside.js';
import type { TransactionContext } from './transaction-context.js';
import { BEGUN } from './work-folders.js';

export interface Finished {
  readonly stage: StageRecord;
  readonly begin: BeginRecord | undefined;
  /** What the journal says of actions; needed where they are committed. */
  readonly undo?: ReadonlyMap<number, readonly ActionRecord[]>;
  /** The record that was committed, if it is at hand; else it is read. */
  readonly ledger?: Ledger | undefined;
  /** For the history; undefined where nobody knows any more. */
  readonly stepsMs?: StepsMs | undefined;
}

/** `swept`: nothing was deployed. `rolled-back`: everything is undone and verified. `committed`: the commit record is flushed. */
export type Outcome = 'committed' | 'rolled-back' | 'swept';

export async function cleanUp(context: TransactionContext, finished: Finished, outcome: Outcome): Promise<void> {
  const { files, layout } = context;
  const { stage, begin } = finished;
  if (outcome === 'committed' && begin !== undefined) {
    keepOriginals(context, stage, begin);
    if (finished.undo !== undefined && finished.undo.size > 0) {
      const { cleanUpActions } = await import('./actions/clean-up-actions.js');
      await cleanUpActions(context, stage, finished.undo);
    }
    releaseStore(context, begin, finished.ledger);
    copyLedger(files, layout);
    appendHistory(files, layout, {
      transaction: stage.transaction,
      outcome,
      reason: stage.reason,
      startedMs: stage.startedMs,
      summary: begin.summary,
      ...(finished.stepsMs === undefined ? {} : { stepsMs: finished.stepsMs }),
    });
  }
  if (outcome === 'swept') for (const folder of stage.folders) checkUntouched(context, folder.path);
  for (const folder of stage.folders) removeWork(context, folder.path);
  files.unlink(layout.journal);
  files.flushDirectory(layout.state);
}

function keepOriginals(context: TransactionContext, stage: StageRecord, begin: BeginRecord): void {
  const { files, layout } = context;
  const touched = new Set<string>();
  for (const [index, operation] of begin.operations.entries()) {
    const keep = keepOf(operation);
    const folder = stage.folders[begin.places[index] ?? -1]?.path;
    if (keep === 'drop' || folder === undefined) continue;
    const backup = join(folder, `${index}.old`);
    if (files.stat(backup) === undefined) continue;
    if (keep === 'aside') {
      const kept = setAside(context, stage.transaction, index, backup, basename(absolute(layout, operation.path)));
      const shown = display(layout, operation.path);
      context.emit({
        kind: 'problem',
        code: 'DRIFT',
        severity: 'info',
        message: `what was at ${shown} is kept as ${display(layout, kept)}`,
        path: shown,
      });
    } else {
      storeOriginal(context, operation, backup);
      touched.add(layout.store);
    }
    touched.add(folder);
  }
  for (const folder of touched) files.flushDirectory(folder);
}

function keepOf(operation: Operation): Keep {
  return beforeOf(operation) === undefined || (operation.kind !== 'write' && operation.kind !== 'delete')
    ? 'drop'
    : operation.keep;
}

function storeOriginal(context: TransactionContext, operation: Operation, backup: string): void {
  const { files, layout } = context;
  const sha256 = beforeOf(operation)?.sha256;
  if (sha256 === undefined)
    throw new PatchError(
      'JOURNAL_DAMAGED',
      `the journal has no SHA-256 for the original of ${display(layout, operation.path)}`,
    );
  ensureFolder(files, layout.store);
  const target = join(layout.store, sha256);
  if (isInStore(files, target, sha256)) {
    files.unlink(backup);
    return;
  }
  try {
    files.rename(backup, target);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    const partial = `${target}.new`;
    if (files.stat(partial) !== undefined) files.unlink(partial);
    files.copyNew(backup, partial, beforeOf(operation)?.mode ?? 0o644);
    if (files.digest(partial, true).sha256 !== sha256)
      throw new PatchError('STORE_DAMAGED', `${partial} is not what was copied`, { path: partial });
    files.rename(partial, target);
    files.flushDirectory(layout.store);
    files.unlink(backup);
  }
}

/** Deletes originals that nothing shadows any more. */
function releaseStore(context: TransactionContext, begin: BeginRecord, committed: Ledger | undefined): void {
  const { files, layout } = context;
  if (files.stat(layout.store) === undefined) return;
  const wroteLedger = begin.operations.some((operation) => absolute(layout, operation.path) === layout.ledger);
  if (!wroteLedger) return;
  const ledger = committed ?? readLedger(files, layout);
  // Where an original is not known, it may be among those that nothing names.
  if (ledger === undefined || Object.values(ledger.base).some((base) => base.kind === 'unknown')) return;
  const needed: ReadonlySet<string> = originalsOf(ledger);
  let removed = false;
  for (const name of files.list(layout.store)) {
    if (needed.has(name)) continue;
    files.unlink(join(layout.store, name));
    removed = true;
  }
  if (removed) files.flushDirectory(layout.store);
}

/** A journal without its operations may be swept only where none of them can have begun. */
function checkUntouched({ files }: TransactionContext, folder: string): void {
  if (files.stat(folder) === undefined) return;
  if (files.list(folder).some((name) => name.endsWith('.old') || name === BEGUN)) {
    throw new PatchError('JOURNAL_DAMAGED', `${folder} holds the backups of a change that the journal does not tell`, {
      path: folder,
    });
  }
}

function removeWork(context: TransactionContext, folder: string): void {
  const { files } = context;
  const top = dirname(folder);
  if (files.stat(folder) !== undefined) {
    for (const name of files.list(folder)) files.unlink(join(folder, name));
    files.removeDirectory(folder);
    files.flushDirectory(top);
  }
  removeIfEmpty(files, top);
  if (files.stat(dirname(top)) !== undefined) files.flushDirectory(dirname(top));
}
