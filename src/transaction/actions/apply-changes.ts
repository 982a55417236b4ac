// Makes the changes of one action: old content is safe and the record of it flushed before anything is touched; new content is
// put in place by a rename and read again.

import { dirname } from 'node:path';
import { PatchError } from '../../error.js';
import { sameContent, type RootedPath } from '../../home/entry.js';
import { absolute, display } from '../../home/layout.js';
import type { Change } from '../../plan/action-operation.js';
import type { FileStat } from '../../system/files.js';
import { flushFolders } from '../../system/flush-folders.js';
import { removeIfEmpty } from '../../system/remove-if-empty.js';
import { tryLink } from '../../system/try-link.js';
import { checkPath } from '../check-path.js';
import { observeEntry } from '../observe-entry.js';
import type { TransactionContext } from '../transaction-context.js';
import type { PlannedChange } from './planned-change.js';
import type { StagingArea } from './staging-area.js';
import type { RecordedChange } from './step-record.js';

interface Ready {
  readonly change: Change;
  readonly staged: string | undefined;
  readonly backedUp: FileStat | undefined;
}

/**
 * `record` makes durable what a rollback needs; nothing is touched before it returns.
 * @throws PatchError HOME_CHANGED, VERIFY_FAILED, STORE_DAMAGED; the errors of the file system
 */
export function applyChanges(
  context: TransactionContext,
  area: StagingArea,
  planned: readonly PlannedChange[],
  record: (changes: readonly RecordedChange[]) => void,
): void {
  const recorded: RecordedChange[] = [];
  const ready: Ready[] = [];
  for (const { change, source } of planned) {
    const staged =
      change.kind === 'content' && change.after.kind === 'file' && source !== undefined
        ? area.materialise(source, change.path, change.after)
        : undefined;
    const backup = backUp(context, area, change);
    recorded.push(backup === undefined ? { change } : { change, backup: { folder: backup.folder, name: backup.name } });
    ready.push({ change, staged, backedUp: backup?.stat });
  }
  if (planned.some(({ change }) => change.kind === 'content')) area.flush();
  record(recorded);
  const folders = new Set<string>();
  for (const one of ready) perform(context, one, folders);
  for (const { change } of ready) settleMode(context, change);
  flushFolders(context.files, folders);
  // Of several changes of one path the last one counts.
  const last = new Map(ready.map(({ change }) => [change.path, change]));
  for (const change of last.values()) verify(context, change);
}

function backUp(
  { files, layout }: TransactionContext,
  area: StagingArea,
  change: Change,
): { readonly folder: number; readonly name: string; readonly stat: FileStat } | undefined {
  if (change.kind !== 'content' || change.before.kind !== 'file') return undefined;
  const target = absolute(layout, change.path);
  const folder = area.folderFor(change.path);
  const name = `${area.name()}.old`;
  const path = area.path(folder, name);
  const isLink = tryLink(files, target, path);
  if (!isLink) files.copyNew(target, path, change.before.mode);
  const found = files.digest(path, true);
  const stat = files.stat(target);
  const same = sameContent({ ...found, kind: 'file', mode: 0 }, change.before);
  if (!same || stat === undefined || (isLink && files.stat(path)?.inode !== stat.inode))
    throw changedMeanwhile(display(layout, change.path));
  return { folder, name, stat };
}

function perform(
  { files, layout }: TransactionContext,
  { change, staged, backedUp }: Ready,
  folders: Set<string>,
): void {
  const target = absolute(layout, change.path);
  for (const path of pathsOf(change)) checkPath(files, layout, path);
  switch (change.kind) {
    case 'content': {
      const stat = files.stat(target);
      const same = backedUp === undefined ? stat === undefined : stat !== undefined && isUnchanged(backedUp, stat);
      if (!same) throw changedMeanwhile(display(layout, change.path));
      if (change.after.kind === 'absent') files.unlink(target);
      else if (staged !== undefined) {
        files.rename(staged, target);
        folders.add(dirname(staged));
      }
      folders.add(dirname(target));
      return;
    }
    case 'make-directory':
      files.makeDirectory(target, change.mode | 0o700);
      folders.add(dirname(target));
      return;
    case 'remove-directory':
      removeIfEmpty(files, target);
      folders.add(dirname(target));
      return;
    case 'mode':
      return;
    case 'rename': {
      const to = absolute(layout, change.to);
      if (files.stat(to) !== undefined) throw changedMeanwhile(display(layout, change.to));
      // What is moved is nowhere else: the folder that it goes to must be there for certain, and the one that it has left, which
      // may be removed next, must not take it along.
      flushFolders(files, folders);
      files.rename(target, to);
      flushFolders(files, new Set([dirname(to), dirname(target)]));
      return;
    }
  }
}

/** Makes the names in folders durable, where they are still there. */
/** Permissions of directories come last: one without the right to write could not be filled. */
function settleMode({ files, layout }: TransactionContext, change: Change): void {
  if (change.kind !== 'make-directory' && change.kind !== 'mode') return;
  const target = absolute(layout, change.path);
  const mode = change.kind === 'mode' ? change.after : change.mode;
  const stat = files.stat(target);
  if (stat?.kind === 'directory' && stat.mode !== mode) files.setMode(target, mode);
}

function verify({ files, layout }: TransactionContext, change: Change): void {
  if (change.kind !== 'content') return;
  const found = observeEntry(files, absolute(layout, change.path), true);
  if (sameContent(found, change.after)) return;
  const shown = display(layout, change.path);
  throw new PatchError('VERIFY_FAILED', `${shown} is not what was put there`, { path: shown });
}

function isUnchanged(a: FileStat, b: FileStat): boolean {
  return a.kind === b.kind && a.inode === b.inode && a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs;
}

function changedMeanwhile(shown: string): PatchError {
  return new PatchError('HOME_CHANGED', `${shown} changed while the action was prepared`, { path: shown });
}

/** The paths that a change concerns. */
export function pathsOf(change: Change): readonly RootedPath[] {
  return change.kind === 'rename' ? [change.path, change.to] : [change.path];
}
