// Undoes a transaction in reverse order, by what is observed at each path (formats 3, "Recovery"). Idempotent, and safe to be
// interrupted. A backup is read and compared before it is put back; what cannot be restored leaves everything for the next run.

import { basename, dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { ABSENT, type Entry, type ObservedEntry, sameContent } from '../home/entry.js';
import { absolute, display, HELD_FOLDER } from '../home/layout.js';
import type { ActionOperation } from '../plan/action-operation.js';
import {
  afterOf,
  type DeleteOperation,
  type MoveOperation,
  type Operation,
  type WriteOperation,
} from '../plan/operation.js';
import { appendHistory, type StepsMs } from '../state/history.js';
import { ensureFolder } from '../system/ensure-folder.js';
import type { Files } from '../system/files.js';
import { flushFolders } from '../system/flush-folders.js';
import { removeIfEmpty } from '../system/remove-if-empty.js';
import { checkPath } from './check-path.js';
import { cleanUp } from './clean-up.js';
import { isTakenOverError } from './guard-changes.js';
import { type ActionRecord, type BeginRecord, formatUndoing, type StageRecord } from './journal.js';
import { observeEntry } from './observe-entry.js';
import { decideMoveBack, decideUndo, type Seen } from './recovery-table.js';
import { setAside } from './set-aside.js';
import type { TransactionContext } from './transaction-context.js';
import { BEGUN } from './work-folders.js';

export interface Undoable {
  readonly stage: StageRecord;
  readonly begin: BeginRecord;
  readonly undo: ReadonlyMap<number, readonly ActionRecord[]>;
  /** For the history: what the steps up to now have taken; absent where nobody knows any more. */
  readonly stepsMs?: () => StepsMs;
}

/**
 * Puts the home back as it was before the transaction.
 * @throws PatchError ROLLBACK_FAILED; the journal and all backups stay, and the next run tries again
 */
export async function rollBack(context: TransactionContext, undoable: Undoable, cause: string): Promise<void> {
  const { files, layout } = context;
  tryAppend(context, { kind: 'rollback', cause });
  const failures: PatchError[] = [];
  const folders = new Set<string>();
  const operations = hasBegun(context, undoable.stage) ? [...undoable.begin.operations.entries()] : [];
  for (const [index, operation] of operations.reverse()) {
    try {
      if (operation.kind === 'action') await undoAction(context, undoable, index, cause);
      else undoOne(context, undoable, index, operation, folders);
      // What was written last tells that an undoing has begun (see recover): no other path is as before on the disk until it is.
      if (index === operations.length - 1) {
        flushFolders(files, folders);
        folders.clear();
      }
    } catch (error) {
      failures.push(rollbackError(context, operation, error));
    }
  }
  try {
    flushFolders(files, folders);
    restoreModes(context, operations);
    if (failures.length === 0 && operations.length > 0) verifyRestored(context, undoable);
  } catch (error) {
    failures.push(rollbackError(context, undefined, error));
  }
  const [first] = failures;
  if (first !== undefined) {
    tryAppend(context, { kind: 'rollback-failed', cause: first.message, path: first.path ?? null });
    context.emit({ kind: 'transaction', transaction: undoable.stage.transaction, state: 'rollback-failed' });
    throw first;
  }
  tryAppend(context, { kind: 'rolled-back' });
  try {
    appendHistory(files, layout, {
      transaction: undoable.stage.transaction,
      outcome: 'rolled-back',
      reason: undoable.stage.reason,
      startedMs: undoable.stage.startedMs,
      cause,
      summary: undoable.begin.summary,
      ...(undoable.stepsMs === undefined ? {} : { stepsMs: undoable.stepsMs() }),
    });
    await cleanUp(context, { stage: undoable.stage, begin: undoable.begin }, 'rolled-back');
  } catch (error) {
    // The home is as before, and verified; the work folders are swept by the next start.
    if (isTakenOverError(error)) throw error;
    if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
    context.emit({
      kind: 'problem',
      code: 'ROLLBACK_FAILED',
      severity: 'warning',
      message: `undone, but not cleaned up: ${String(error)}`,
      path: layout.work,
    });
  }
  context.emit({ kind: 'transaction', transaction: undoable.stage.transaction, state: 'rolled-back' });
}

async function undoAction(
  context: TransactionContext,
  undoable: Undoable,
  index: number,
  cause: string,
): Promise<void> {
  if (!undoable.undo.has(index)) return;
  const { undoActions } = await import('./actions/undo-actions.js');
  await undoActions(context, undoable, index, cause);
}

function undoOne(
  context: TransactionContext,
  undoable: Undoable,
  index: number,
  operation: Exclude<Operation, ActionOperation>,
  folders: Set<string>,
): void {
  const { files, layout } = context;
  const target = absolute(layout, operation.path);
  const { operations } = undoable.begin;
  // A file that was to make way for a folder may be there still, or again.
  checkPath(files, layout, operation.path, (file) =>
    operations.some((other) => other.kind === 'delete' && absolute(layout, other.path) === file),
  );
  switch (operation.kind) {
    case 'write':
    case 'delete':
      undoFile(context, undoable, index, operation, folders);
      return;
    case 'make-directory':
      if (files.stat(target)?.kind === 'directory') {
        removeIfEmpty(files, target);
        folders.add(dirname(target));
      }
      return;
    case 'remove-directory':
      if (files.stat(target) === undefined) {
        // What is in it has to be put back first: its own mode comes last.
        files.makeDirectory(target, operation.mode | 0o700);
        // Backups are moved into it: without its name on the disk they would be lost with it.
        files.flushDirectory(dirname(target));
      }
      return;
    case 'move':
      undoMove(context, operation, operations, folders);
      return;
  }
}

function undoFile(
  context: TransactionContext,
  undoable: Undoable,
  index: number,
  operation: WriteOperation | DeleteOperation,
  folders: Set<string>,
): void {
  const { files, layout } = context;
  const target = absolute(layout, operation.path);
  const action = decideUndo(seeOperation(context, undoable.begin.operations, operation));
  if (action === 'leave') return;
  const backup = workPath(undoable, index, 'old');
  if (action === 'set-aside-and-restore' && isSameFile(files, target, backup)) {
    reportLeft(context, operation);
    return;
  }
  if (operation.before.kind === 'file') checkBackup(context, operation.before, backup, operation);
  if (action === 'set-aside-and-restore') {
    const kept = setAside(context, undoable.stage.transaction, index, target);
    const shown = display(layout, operation.path);
    context.emit({
      kind: 'problem',
      code: 'HOME_CHANGED',
      severity: 'warning',
      message: `${shown} held content that is neither the old nor the new; it is kept as ${display(layout, kept)}`,
      path: shown,
    });
  }
  if (operation.before.kind === 'file') {
    ensureFolder(files, dirname(target));
    files.rename(backup, target);
    folders.add(dirname(backup));
  } else if (files.stat(target) !== undefined) files.unlink(target);
  folders.add(dirname(target));
}

/** The backup must be what was there before; only then may it be put in place. */
function checkBackup(context: TransactionContext, before: Entry, backup: string, operation: Operation): void {
  const found = observeEntry(context.files, backup, before.kind === 'file' && before.sha256 !== undefined);
  if (sameContent(found, before)) return;
  const shown = display(context.layout, operation.path);
  throw new PatchError(
    'ROLLBACK_FAILED',
    `the backup of ${shown}, ${backup}, is ${found.kind === 'absent' ? 'missing' : 'damaged'}`,
    { path: shown },
  );
}

function undoMove(
  context: TransactionContext,
  operation: MoveOperation,
  operations: readonly Operation[],
  folders: Set<string>,
): void {
  const { files, layout } = context;
  const source = absolute(layout, operation.path);
  const target = absolute(layout, operation.target);
  checkPath(files, layout, operation.target);
  const decision = decideMoveBack(files.stat(source) !== undefined, files.stat(target) !== undefined);
  // What another move was to take out of the way is there still, or again: this one has not been done, or is undone.
  const isBefore = operations.some((other) => other.kind === 'move' && other.path === operation.target);
  if (decision === 'report' && !(isBefore && files.stat(source) !== undefined)) reportLeft(context, operation);
  if (decision === 'move-back') {
    ensureFolder(files, dirname(source));
    files.rename(target, source);
    folders.add(dirname(source)).add(dirname(target));
  }
  if (basename(dirname(target)) === HELD_FOLDER && files.stat(dirname(target)) !== undefined) {
    // What was moved back must be durable before the folder that it came from goes.
    if (files.stat(dirname(source)) !== undefined) files.flushDirectory(dirname(source));
    files.flushDirectory(dirname(target));
    folders.delete(dirname(target));
    removeIfEmpty(files, dirname(target));
    folders.add(dirname(dirname(target)));
  }
}

/** Without its mark nothing can have been deployed (`BEGUN`): what is seen then was done by others, and is theirs. */
function hasBegun({ files }: TransactionContext, stage: StageRecord): boolean {
  try {
    return stage.folders.length === 0 || stage.folders.some(({ path }) => files.stat(join(path, BEGUN)) !== undefined);
  } catch (error) {
    // Where it cannot be seen it may be there: then every path is looked at, and what cannot be looked at fails by name.
    if (errnoOf(error) === undefined) throw error;
    return true;
  }
}

/** Two names of one file: what was to be replaced never was, and was written over in place by someone else. */
function isSameFile(files: Files, target: string, backup: string): boolean {
  const [a, b] = [files.stat(target), files.stat(backup)];
  return a !== undefined && b !== undefined && a.inode === b.inode && a.device === b.device;
}

function reportLeft(context: TransactionContext, operation: Operation): void {
  const shown = 'path' in operation ? display(context.layout, operation.path) : context.layout.home;
  context.emit({
    kind: 'problem',
    code: 'HOME_CHANGED',
    severity: 'warning',
    message: `${shown} was put there, changed or taken away by someone else meanwhile; it is left as it is`,
    path: shown,
  });
}

/** Folders that are back have the mode that they had, whatever the umask of this run. */
function restoreModes(
  { files, layout }: TransactionContext,
  operations: readonly (readonly [number, Operation])[],
): void {
  for (const [, operation] of operations) {
    if (operation.kind !== 'remove-directory') continue;
    const target = absolute(layout, operation.path);
    const stat = files.stat(target);
    if (stat?.kind === 'directory' && stat.mode !== operation.mode) files.setMode(target, operation.mode);
  }
}

function verifyRestored(context: TransactionContext, undoable: Undoable): void {
  for (const [index, operation] of undoable.begin.operations.entries()) {
    if (operation.kind !== 'write' && operation.kind !== 'delete') continue;
    if (seeOperation(context, undoable.begin.operations, operation) === 'before') continue;
    if (!isSameFile(context.files, absolute(context.layout, operation.path), workPath(undoable, index, 'old'))) {
      const shown = display(context.layout, operation.path);
      throw new PatchError('ROLLBACK_FAILED', `${shown} was restored and is not what it was before`, { path: shown });
    }
  }
}

/** How the path of an operation looks now. */
export function seeOperation(
  context: TransactionContext,
  operations: readonly Operation[],
  operation: WriteOperation | DeleteOperation,
): Seen {
  const observed = observeOperation(context, operation);
  const { before, path } = operation;
  const after = afterOf(operation);
  // A file that takes the place of a folder: the folder is what was there before.
  const isFolderBack = observed.kind === 'directory' && operation.kind === 'write' && before.kind === 'absent';
  if (isFolderBack && operations.some((other) => other.kind === 'remove-directory' && other.path === path))
    return 'before';
  // Where only the mode changes, the content tells nothing.
  if (observed.kind === 'file' && before.kind === 'file' && after.kind === 'file' && sameContent(before, after))
    if (sameContent(observed, before)) return observed.mode === before.mode ? 'before' : 'after';
  return compare(observed, before, after);
}

function observeOperation(context: TransactionContext, operation: WriteOperation | DeleteOperation): ObservedEntry {
  const withSha256 = operation.before.kind === 'file' && operation.before.sha256 !== undefined;
  return observeEntry(context.files, absolute(context.layout, operation.path), withSha256);
}

function compare(observed: ObservedEntry, before: Entry, after: Entry): Seen {
  if (sameContent(observed, before)) return 'before';
  if (sameContent(observed, after)) return 'after';
  return observed.kind === ABSENT.kind ? 'absent' : 'foreign';
}

export function workPath(
  undoable: { readonly stage: StageRecord; readonly begin: BeginRecord },
  index: number,
  role: 'new' | 'old',
): string {
  const folder = undoable.stage.folders[undoable.begin.places[index] ?? -1];
  if (folder === undefined)
    throw new PatchError('JOURNAL_DAMAGED', `the journal names no work folder for operation ${index}`);
  return join(folder.path, `${index}.${role}`);
}

/** What belongs to nobody's disk is thrown on: a defect, and that another run has the home now. */
function rollbackError(context: TransactionContext, operation: Operation | undefined, error: unknown): PatchError {
  if (isTakenOverError(error)) throw error;
  if (error instanceof PatchError && error.code === 'ROLLBACK_FAILED') return error;
  const errno = errnoOf(error);
  if (errno === undefined && !(error instanceof PatchError)) throw error;
  const path = operation === undefined ? context.layout.work : display(context.layout, operation.path);
  const what = error instanceof PatchError ? error.message : `${errno}`;
  return new PatchError(
    'ROLLBACK_FAILED',
    `${path} could not be put back (${what}); every backup is kept in ${context.layout.work}`,
    { path, cause: error },
  );
}

/** A record that helps and that nothing depends on: the table decides by what is observed where it is missing. */
function tryAppend(context: TransactionContext, record: Parameters<typeof formatUndoing>[0]): void {
  try {
    context.files.append(context.layout.journal, formatUndoing(record));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
