// The actions that change paths of the home: file operations, archives, edits. Preparing one checks its paths and stages what
// the pack brings; planning one says which changes it comes to, on the home as it is or as it is expected to be.

import type { RootedPath } from '../../home/entry.js';
import type { ActionUndo } from '../../plan/action-operation.js';
import type { FileOperation } from '../../plan/pack-manifest.js';
import type { FileAction, UnzipAction } from '../../plan/pack-manifest.js';
import { resolveFileAction } from '../../plan/pack-manifest-file-action.js';
import { HOME_PATH_EXPECTED, homePath, PACK_PATH_EXPECTED, packPath } from '../../plan/pack-manifest-path.js';
import type { TransactionContext } from '../transaction-context.js';
import { pathsOf } from './apply-changes.js';
import type { HomeView } from './home-view.js';
import { FileActionPlanner } from './plan-file-action.js';
import type { EditAction, planEdit } from './plan-edit.js';
import { actionError, checkTarget, type PlannedChange } from './planned-change.js';
import type { StagingArea } from './staging-area.js';
import { type PayloadSource, stageArchive, type StagedEntry, stageFile, stageFolder } from './stage-payload.js';

export type PathAction = FileAction | UnzipAction | EditAction;

/** A prepared action. */
export type PathWork =
  | { readonly kind: 'file'; readonly operation: FileOperation; readonly payload: readonly StagedEntry[] }
  | { readonly kind: 'unzip'; readonly into: RootedPath; readonly payload: readonly StagedEntry[] }
  | {
      readonly kind: 'edit';
      readonly path: RootedPath;
      readonly action: EditAction;
      readonly plan: typeof planEdit;
    };

/** @throws PatchError ACTION_FAILED, PACK_CHANGED, OUTSIDE_HOME, NOT_A_DIRECTORY, NAME_TOO_LONG */
export async function preparePathAction(
  context: TransactionContext,
  area: StagingArea,
  pack: PayloadSource,
  action: PathAction,
  covered: ReadonlySet<string>,
): Promise<PathWork> {
  const { files, layout } = context;
  const check = (path: RootedPath) => {
    checkTarget(files, layout, path, covered);
  };
  switch (action.kind) {
    case 'create':
    case 'update':
    case 'delete':
    case 'rename': {
      const resolved = resolveFileAction(action);
      if (resolved.kind === 'invalid')
        throw actionError(`${resolved.field} is ${resolved.found}, expected ${resolved.expected}`, resolved.found);
      const { operation } = resolved;
      check(operation.path);
      if (operation.kind === 'rename') check(operation.to);
      return { kind: 'file', operation, payload: await stage(context, area, pack, operation) };
    }
    case 'unzip': {
      const archive = packPath(action.archive);
      if (archive === undefined) throw actionError(`${action.archive} is not ${PACK_PATH_EXPECTED}`, action.archive);
      const into = homePath(action.into);
      if (into === undefined) throw actionError(`${action.into} is not ${HOME_PATH_EXPECTED}`, action.into);
      return { kind: 'unzip', into, payload: await stageArchive(context, area, pack, archive, into) };
    }
    default: {
      const path = homePath(action.file);
      if (path === undefined) throw actionError(`${action.file} is not ${HOME_PATH_EXPECTED}`, action.file);
      check(path);
      const loaded = await import('./plan-edit.js');
      return { kind: 'edit', path, action, plan: loaded.planEdit };
    }
  }
}

async function stage(
  context: TransactionContext,
  area: StagingArea,
  pack: PayloadSource,
  operation: FileOperation,
): Promise<readonly StagedEntry[]> {
  if (operation.kind === 'delete' || operation.kind === 'rename') return [];
  if (operation.source === undefined) return [];
  return operation.type === 'file'
    ? [await stageFile(area, pack, operation.source, operation.path)]
    : stageFolder(context, area, pack, operation.source, operation.path);
}

/** @throws PatchError as `preparePathAction`; Uncertain where the view cannot tell */
export function planPathAction(
  { files, layout }: TransactionContext,
  view: HomeView,
  covered: ReadonlySet<string>,
  work: PathWork,
): { readonly changes: readonly PlannedChange[]; readonly undo: readonly ActionUndo[] } {
  const { changes, undo } = planWork(layout, view, work);
  for (const { change } of changes) for (const path of pathsOf(change)) checkTarget(files, layout, path, covered);
  return { changes, undo };
}

function planWork(layout: TransactionContext['layout'], view: HomeView, work: PathWork) {
  switch (work.kind) {
    case 'file': {
      const changes = new FileActionPlanner(layout, view).plan(work.operation, work.payload);
      return { changes, undo: changes.map(({ change }): ActionUndo => change) };
    }
    case 'unzip': {
      const changes = new FileActionPlanner(layout, view).planUnzip(work.into, work.payload);
      return { changes, undo: changes.map(({ change }): ActionUndo => change) };
    }
    case 'edit':
      return work.plan(layout, view, work.path, work.action);
  }
}
