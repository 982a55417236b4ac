// What the edits of a configuration file come to: one change of its whole content, and what takes the edits back.

import type { RootedPath } from '../../home/entry.js';
import { display, type Layout } from '../../home/layout.js';
import type { ActionUndo } from '../../plan/action-operation.js';
import { applyEdits, EDIT_LIMIT_BYTES, type EditKind, type EditResult } from '../../plan/edit/edit-file.js';
import type { Action } from '../../plan/pack-manifest.js';
import { digestBytes } from '../../system/digest-bytes.js';
import type { HomeView } from './home-view.js';
import { actionError, type PlannedChange } from './planned-change.js';

export type EditAction = Extract<Action, { kind: 'editXml' | 'editProperties' | 'editIni' | 'editJson' | 'editYaml' }>;

export interface PlannedEdit {
  readonly changes: readonly PlannedChange[];
  readonly undo: readonly ActionUndo[];
}

/** @throws PatchError ACTION_FAILED naming the file, the edit and why */
export function planEdit(layout: Layout, view: HomeView, path: RootedPath, action: EditAction): PlannedEdit {
  const shown = display(layout, path);
  const found = view.observe(path);
  if (found.kind !== 'file')
    throw actionError(`${shown} cannot be edited: it is ${found.kind === 'absent' ? 'missing' : 'no file'}`, shown);
  const { format, result } = edit(action, view.read(path, EDIT_LIMIT_BYTES));
  if (result.kind === 'failed')
    throw actionError(
      `${shown}: edit ${result.editIndex + 1} is not possible (${result.code}): ${result.message}`,
      shown,
    );
  const undo: ActionUndo[] = [{ kind: 'edit', path, format, undo: result.undo }];
  const after = { kind: 'file', ...digestBytes(result.bytes), mode: found.mode } as const;
  if (after.sha256 === found.sha256) return { changes: [], undo };
  const change = { kind: 'content', path, before: found, after } as const;
  return { changes: [{ change, source: { kind: 'bytes', bytes: result.bytes } }], undo };
}

function edit(action: EditAction, bytes: Uint8Array): { readonly format: EditKind; readonly result: EditResult } {
  switch (action.kind) {
    case 'editXml':
      return { format: 'xml', result: applyEdits('xml', bytes, action.edits) };
    case 'editProperties':
      return { format: 'properties', result: applyEdits('properties', bytes, action.edits) };
    case 'editIni':
      return { format: 'ini', result: applyEdits('ini', bytes, action.edits) };
    case 'editJson':
      return { format: 'json', result: applyEdits('json', bytes, action.edits) };
    case 'editYaml':
      return { format: 'yaml', result: applyEdits('yaml', bytes, action.edits) };
  }
}
