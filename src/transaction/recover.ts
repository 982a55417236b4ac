// Finishes or undoes an interrupted transaction, by the recovery table, before anything else is looked at (ARCHITECTURE, steps).

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { Files } from '../system/files.js';
import { flushFolders } from '../system/flush-folders.js';
import { absolute, type Layout, STATE_FOLDER } from '../home/layout.js';
import { cleanUp } from './clean-up.js';
import { type Journal, readJournal } from './journal.js';
import { decideRecovery, phaseOf, type RecoveryAction } from './recovery-table.js';
import { rollBack, seeOperation } from './rollback.js';
import type { TransactionContext } from './transaction-context.js';
import { sweepRemnants } from './sweep-remnants.js';
import { workTops } from './work-folders.js';

export interface Recovery {
  readonly action: RecoveryAction;
  readonly transaction: string | undefined;
}

/** Whether something was interrupted; cheap enough for every start. */
export function isInterrupted(files: Files, layout: Layout): boolean {
  return files.stat(layout.journal) !== undefined || strayWork(files, layout).length > 0;
}

/** What an interruption needs, without touching it: INTERRUPTED where recovery can do it, else what is in recovery’s way. */
export function examineInterruption(files: Files, layout: Layout): PatchError {
  const { journal: path } = layout;
  try {
    const journal = readJournal(files, path);
    if (journal === undefined) checkStrays(files, layout);
    else checkFolders(layout, journal);
    if (journal?.failed === undefined) return new PatchError('INTERRUPTED', 'a transaction was interrupted', { path });
    const { failed } = journal;
    return new PatchError('ROLLBACK_FAILED', `an interrupted transaction could not be undone: ${failed.cause}`, {
      path: failed.path ?? path,
    });
  } catch (error) {
    if (error instanceof PatchError) return error;
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return new PatchError('ROLLBACK_FAILED', `an interrupted transaction cannot be examined (${errno})`, { path });
  }
}

/** @throws PatchError JOURNAL_DAMAGED, JOURNAL_MISSING, ROLLBACK_FAILED; LOCKED where another run has taken this one for dead */
export async function recover(context: TransactionContext): Promise<Recovery> {
  const { files, layout } = context;
  try {
    const journal = readJournal(files, layout.journal);
    const recovery = journal === undefined ? sweepStrays(context) : await recoverJournal(context, journal);
    sweepRemnants(files, layout);
    return recovery;
  } catch (error) {
    // What is gone, or half done, may be another's work by now.
    context.check?.();
    throw error;
  }
}

/** @throws PatchError JOURNAL_DAMAGED, ROLLBACK_FAILED, LOCKED */
export async function recoverJournal(context: TransactionContext, journal: Journal): Promise<Recovery> {
  const { layout } = context;
  const transaction = journal.stage.transaction;
  checkFolders(layout, journal);
  await makeDurable(context, journal);
  const phase = phaseOf(journal);
  const action = decideRecovery(phase, phase === 'committed' && isUndoingBegun(context, journal));
  context.emit({ kind: 'phase', phase: 'recover', transaction });
  switch (action) {
    case 'nothing':
      break;
    case 'sweep':
      await cleanUp(context, { stage: journal.stage, begin: undefined }, 'swept');
      break;
    case 'finish-rollback':
      await cleanUp(context, { stage: journal.stage, begin: journal.begin }, 'rolled-back');
      break;
    case 'complete':
      await cleanUp(
        context,
        { stage: journal.stage, begin: journal.begin, undo: journal.undo, stepsMs: journal.stepsMs },
        'committed',
      );
      break;
    case 'roll-back':
      if (journal.begin === undefined)
        throw new PatchError('JOURNAL_DAMAGED', `the journal ${layout.journal} has no record of the operations`, {
          path: layout.journal,
        });
      await rollBack(context, { stage: journal.stage, begin: journal.begin, undo: journal.undo }, 'interrupted');
      break;
  }
  context.emit({ kind: 'transaction', transaction, state: 'recovered' });
  return { action, transaction };
}

/**
 * What the interrupted process did last may be in memory only, its commit record among it. Before anything is concluded from
 * what is seen, it is flushed: else a power cut could take that back, and leave what was concluded from it.
 */
async function makeDurable({ files, layout }: TransactionContext, journal: Journal): Promise<void> {
  files.append(layout.journal, '');
  const { state, store, history, aside } = layout;
  const folders = new Set([state, store, history, aside, join(aside, journal.stage.transaction)]);
  for (const { path } of journal.stage.folders)
    folders
      .add(path)
      .add(dirname(path))
      .add(dirname(dirname(path)));
  for (const operation of journal.begin?.operations ?? []) {
    if (operation.kind === 'action') continue;
    folders.add(dirname(absolute(layout, operation.path)));
    if (operation.kind === 'move') folders.add(dirname(absolute(layout, operation.target)));
  }
  if (journal.undo.size > 0) {
    const [{ readSteps }, { pathsOf }] = await Promise.all([
      import('./actions/step-record.js'),
      import('./actions/apply-changes.js'),
    ]);
    for (const { record } of readSteps(journal.undo))
      for (const { change } of record.changes)
        for (const path of pathsOf(change)) folders.add(dirname(absolute(layout, path)));
  }
  flushFolders(files, folders);
}

/** The work folders that a journal names must be ours: nothing else is ever deleted. */
function checkFolders(layout: Layout, journal: Journal): void {
  for (const { path } of journal.stage.folders) {
    const isOurs =
      path === join(layout.work, journal.stage.transaction) ||
      path.endsWith(join(STATE_FOLDER, journal.stage.transaction));
    if (!isOurs)
      throw new PatchError('JOURNAL_DAMAGED', `the journal ${layout.journal} names ${path} as a work folder`, {
        path: layout.journal,
      });
  }
}

/** What was written last, our own record, is put back first. Other paths may be as before because somebody made them so since. */
function isUndoingBegun(context: TransactionContext, journal: Journal): boolean {
  const operations = journal.begin?.operations ?? [];
  const last = operations.findLast((operation) => operation.kind === 'write' || operation.kind === 'delete');
  return last !== undefined && seeOperation(context, operations, last) === 'before';
}

/** A journal whose first record is torn, and empty work folders, are what a crash leaves before anything was done. */
function sweepStrays(context: TransactionContext): Recovery {
  const { files, layout } = context;
  const strays = checkStrays(files, layout);
  for (const folder of strays) files.removeDirectory(folder);
  if (files.stat(layout.journal) !== undefined) {
    files.unlink(layout.journal);
    files.flushDirectory(layout.state);
    return { action: 'sweep', transaction: undefined };
  }
  return { action: strays.length > 0 ? 'sweep' : 'nothing', transaction: undefined };
}

/** Work folders that no journal was found for; all are empty. @throws PatchError JOURNAL_MISSING */
function checkStrays(files: Files, layout: Layout): string[] {
  const strays = strayWork(files, layout);
  const full = strays.find((folder) => files.list(folder).length > 0);
  if (full === undefined) return strays;
  throw new PatchError(
    'JOURNAL_MISSING',
    `${full} holds the files of an interrupted transaction, and there is no journal`,
    { path: full },
  );
}

/** Work folders that no journal was found for. */
export function strayWork(files: Files, layout: Layout): string[] {
  return workTops(layout)
    .filter((top) => files.stat(top)?.kind === 'directory')
    .flatMap((top) => files.list(top).map((name) => join(top, name)))
    .filter((path) => files.stat(path)?.kind === 'directory');
}
