// Undoes what the actions of one operation have done, the last first, by what the journal recorded before each of them began
// and by what is observed. Idempotent, and safe to be interrupted: each undone step is recorded before the next is begun.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../../error.js';
import { type FileEntry, type ObservedEntry, type RootedPath, sameContent } from '../../home/entry.js';
import { absolute, display } from '../../home/layout.js';
import { ensureFolder } from '../../system/ensure-folder.js';
import { flushFolders } from '../../system/flush-folders.js';
import { removeIfEmpty } from '../../system/remove-if-empty.js';
import { realCommands } from '../../system/run-command.js';
import { formatUndoing } from '../journal.js';
import { observeEntry } from '../observe-entry.js';
import { decideMoveBack } from '../recovery-table.js';
import type { Undoable } from '../rollback.js';
import { setAside } from '../set-aside.js';
import type { TransactionContext } from '../transaction-context.js';
import { runPackCommand } from './pack-command.js';
import { callModule, MODULE_SECONDS } from './pack-module.js';
import { readSteps, type RecordedChange, type RecordedStep, wasSoEarlier } from './step-record.js';

/** @throws PatchError ROLLBACK_FAILED; what could not be undone is tried again by the next run */
export async function undoActions(
  context: TransactionContext,
  undoable: Undoable,
  operation: number,
  cause: string,
): Promise<void> {
  const all = readSteps(undoable.undo);
  for (const [index, step] of [...all.entries()].reverse()) {
    if (step.operation !== operation || step.undone) continue;
    const earlier = all.slice(0, index).flatMap((one) => one.record.changes);
    await undoStep(context, undoable, step, earlier, cause);
    recordUndone(context, operation, step.record.step);
  }
}

/** Without the record what is observed decides, and commands are run once more: a full disk must not stop the undoing. */
function recordUndone({ files, layout }: TransactionContext, operation: number, step: number): void {
  try {
    files.append(layout.journal, formatUndoing({ kind: 'undone', operation, step }));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

async function undoStep(
  context: TransactionContext,
  undoable: Undoable,
  step: RecordedStep,
  earlier: readonly RecordedChange[],
  cause: string,
): Promise<void> {
  const { record } = step;
  const part = step.done ? '' : ', which may have been done in part,';
  context.emit({ kind: 'log', level: 'info', body: `Action ${record.title}${part} is rolled back` });
  if (step.running !== undefined) await (context.commands ?? realCommands).stop(step.running);
  const folders = new Set<string>();
  for (const [index, recorded] of [...record.changes.entries()].reverse())
    undoChange(context, undoable, recorded, [...earlier, ...record.changes.slice(0, index)], folders);
  flushFolders(context.files, folders);
  if (record.undo !== undefined) {
    const { command, log } = record.undo;
    await runPackCommand(context, { command, log, pack: record.pack, title: `undo of ${record.title}` });
  }
  if (record.module !== undefined) await undoModule(context, undoable, record.module, record.title);
  if (record.notify !== undefined) await notify(context, undoable, record, cause);
}

async function undoModule(
  context: TransactionContext,
  undoable: Undoable,
  module: NonNullable<RecordedStep['record']['module']>,
  title: string,
): Promise<void> {
  const folder = undoable.stage.folders[module.folder]?.path;
  if (folder === undefined) throw new PatchError('JOURNAL_DAMAGED', `the journal names no work folder for ${title}`);
  const call = {
    path: join(folder, module.name),
    sha256: module.sha256,
    title,
    options: module.options,
    timeoutSeconds: module.timeoutSeconds ?? MODULE_SECONDS,
    values: new Map(Object.entries(module.values)),
    undo: module.undo,
  };
  await callModule(context, module.method, call);
}

/** A failure that cannot be told is none of the rollback's. */
async function notify(
  context: TransactionContext,
  undoable: Undoable,
  record: RecordedStep['record'],
  cause: string,
): Promise<void> {
  if (record.notify === undefined) return;
  const { command, log } = record.notify;
  const env = { PATCH_FAILURE: cause, PATCH_TRANSACTION: undoable.stage.transaction, PATCH_PACK: record.pack };
  try {
    await runPackCommand(context, { command, log, env, pack: record.pack, title: record.title });
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    context.emit({
      kind: 'problem',
      code: error.code,
      severity: 'warning',
      message: `the failure could not be told: ${error.message}`,
      path: error.path,
    });
  }
}

function undoChange(
  context: TransactionContext,
  undoable: Undoable,
  recorded: RecordedChange,
  earlier: readonly RecordedChange[],
  folders: Set<string>,
): void {
  const { files, layout } = context;
  const { change } = recorded;
  const target = absolute(layout, change.path);
  switch (change.kind) {
    case 'content':
      undoContent(context, undoable, recorded, earlier, folders);
      return;
    case 'make-directory':
      if (files.stat(target)?.kind !== 'directory') return;
      removeIfEmpty(files, target);
      folders.add(dirname(target));
      return;
    case 'remove-directory':
      if (files.stat(target) !== undefined) return;
      files.makeDirectory(target, change.mode | 0o700);
      if (files.stat(target)?.mode !== change.mode) files.setMode(target, change.mode);
      // Backups are moved into it: without its name on the disk they would be lost with it.
      files.flushDirectory(dirname(target));
      return;
    case 'mode': {
      const stat = files.stat(target);
      if (stat?.kind === 'directory' && stat.mode === change.after) files.setMode(target, change.before);
      return;
    }
    case 'rename': {
      const to = absolute(layout, change.to);
      const decision = decideMoveBack(files.stat(target) !== undefined, files.stat(to) !== undefined);
      if (decision === 'report') {
        report(context, change.path, 'was put there or taken away by someone else meanwhile; it is left as it is');
      } else if (decision === 'move-back') {
        ensureFolder(files, dirname(target));
        // As in `applyChanges`: before, where it goes to; after, where it was.
        flushFolders(files, folders);
        files.rename(to, target);
        flushFolders(files, new Set([dirname(target), dirname(to)]));
      }
      return;
    }
  }
}

function undoContent(
  context: TransactionContext,
  undoable: Undoable,
  { change, backup }: RecordedChange,
  earlier: readonly RecordedChange[],
  folders: Set<string>,
): void {
  const { files, layout } = context;
  if (change.kind !== 'content') return;
  const target = absolute(layout, change.path);
  const found = observeEntry(files, target, true);
  const { before, after } = change;
  if (sameContent(found, before) && (modeOf(found) === modeOf(before) || !sameContent(before, after))) return;
  const isForeign = !sameContent(found, after);
  if (isForeign && wasSoEarlier(earlier, change.path, found)) return;
  const path = before.kind === 'absent' ? undefined : checkedBackup(context, undoable, change.path, before, backup);
  if (isForeign && found.kind !== 'absent') {
    const kept = setAside(context, undoable.stage.transaction, undoable.begin.operations.length, target);
    report(
      context,
      change.path,
      `held content that is neither the old nor the new; it is kept as ${display(layout, kept)}`,
    );
  }
  if (path !== undefined) {
    ensureFolder(files, dirname(target));
    files.rename(path, target);
    folders.add(dirname(path));
  } else if (files.stat(target) !== undefined) {
    files.unlink(target);
  }
  folders.add(dirname(target));
}

/** Where the old content is. @throws PatchError ROLLBACK_FAILED where it is not, or not as it was */
function checkedBackup(
  { files, layout }: TransactionContext,
  undoable: Undoable,
  path: RootedPath,
  before: FileEntry,
  backup: RecordedChange['backup'],
): string {
  const place = backupPath(undoable, backup);
  if (place !== undefined && sameContent(observeEntry(files, place, true), before)) return place;
  const shown = display(layout, path);
  throw new PatchError('ROLLBACK_FAILED', `the backup of ${shown} is missing or damaged`, { path: shown });
}

export function backupPath({ stage }: Pick<Undoable, 'stage'>, backup: RecordedChange['backup']): string | undefined {
  const folder = stage.folders[backup?.folder ?? -1]?.path;
  return folder === undefined || backup === undefined ? undefined : join(folder, backup.name);
}

/** Where the old content of everything that actions have changed is kept. */
export function backupsOfSteps(stage: Undoable['stage'], undo: Undoable['undo']): string[] {
  return readSteps(undo).flatMap(({ record }) =>
    record.changes.flatMap(({ backup }) => backupPath({ stage }, backup) ?? []),
  );
}

function modeOf(entry: ObservedEntry): number {
  return entry.kind === 'file' ? entry.mode : 0;
}

function report(context: TransactionContext, path: RecordedChange['change']['path'], what: string): void {
  const shown = display(context.layout, path);
  context.emit({
    kind: 'problem',
    code: 'HOME_CHANGED',
    severity: 'warning',
    message: `${shown} ${what}`,
    path: shown,
  });
}
