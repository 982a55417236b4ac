// What taking back a part of an action comes to, by what was recorded when it was done and by what is there now: changes of
// paths, or a conflict. Nothing is overwritten that is not as the action left it.

import { describeEntry, sameContent } from '../../home/entry.js';
import { display, type Layout } from '../../home/layout.js';
import type { ActionUndo } from '../../plan/action-operation.js';
import { EDIT_LIMIT_BYTES, revertEdits } from '../../plan/edit/edit-file.js';
import { digestBytes } from '../../system/digest-bytes.js';
import { ExpectedView, type HomeView, type ReadContent } from './home-view.js';
import type { PlannedChange } from './planned-change.js';

/** The parts of actions that are changes of paths. */
type PathUndo = Exclude<ActionUndo, { kind: 'command' | 'module' }>;

export type PlannedRevert =
  | { readonly kind: 'changes'; readonly changes: readonly PlannedChange[] }
  | { readonly kind: 'conflict'; readonly path: string; readonly message: string };

/** What taking back one action comes to: its parts from the last to the first, each on what the ones before it leave. */
export function planReverts(
  layout: Layout,
  view: HomeView,
  undos: readonly ActionUndo[],
  readContent: ReadContent,
): PlannedRevert {
  const expected = new ExpectedView(view, readContent);
  const changes: PlannedChange[] = [];
  for (const undo of [...undos].reverse()) {
    if (undo.kind === 'command' || undo.kind === 'module') continue;
    const planned = planRevert(layout, expected, undo);
    if (planned.kind === 'conflict') return planned;
    for (const change of planned.changes) expected.apply(change);
    changes.push(...planned.changes);
  }
  return { kind: 'changes', changes };
}

function planRevert(layout: Layout, view: HomeView, undo: PathUndo): PlannedRevert {
  const shown = display(layout, undo.path);
  const found = view.observe(undo.path);
  const conflict = (message: string): PlannedRevert => ({
    kind: 'conflict',
    path: shown,
    message: `${shown} ${message}`,
  });
  switch (undo.kind) {
    case 'content': {
      const { before, after, path } = undo;
      const isModeOnly = before.kind === 'file' && after.kind === 'file' && sameContent(before, after);
      if (isModeOnly && found.kind === 'file' && found.mode !== after.mode) return nothing;
      if (sameContent(found, before) && !isModeOnly) return nothing;
      if (!sameContent(found, after) || found.kind === 'foreign' || found.kind === 'directory')
        return conflict(`is not as the pack left it (${describeEntry(found)}, expected ${describeEntry(after)})`);
      if (before.kind === 'absent')
        return changing({ change: { kind: 'content', path, before: found, after: before } });
      if (before.sha256 === undefined) return conflict('has no old content that could be put back');
      return changing({
        change: { kind: 'content', path, before: found, after: before },
        source: { kind: 'store', sha256: before.sha256 },
      });
    }
    case 'make-directory':
      if (found.kind === 'absent') return nothing;
      if (found.kind !== 'directory') return conflict('is no folder any more');
      return changing({ change: { kind: 'remove-directory', path: undo.path, mode: found.mode } });
    case 'remove-directory':
      if (found.kind === 'directory') return nothing;
      if (found.kind !== 'absent') return conflict('is in the way of the folder that was there');
      return changing({ change: { kind: 'make-directory', path: undo.path, mode: undo.mode } });
    case 'mode':
      if (found.kind !== 'directory' || found.mode !== undo.after) return nothing;
      return changing({ change: { kind: 'mode', path: undo.path, before: undo.after, after: undo.before } });
    case 'rename': {
      const moved = view.observe(undo.to);
      if (found.kind !== 'absent') return conflict('is there again; what was renamed cannot go back');
      if (moved.kind === 'absent') return conflict(`cannot come back: ${display(layout, undo.to)} is gone`);
      return changing({ change: { kind: 'rename', path: undo.to, to: undo.path } });
    }
    case 'edit':
      return planEditRevert(view, shown, undo, found);
  }
}

function planEditRevert(
  view: HomeView,
  shown: string,
  undo: Extract<ActionUndo, { kind: 'edit' }>,
  found: ReturnType<HomeView['observe']>,
): PlannedRevert {
  const conflict = (message: string): PlannedRevert => ({ kind: 'conflict', path: shown, message });
  if (found.kind !== 'file')
    return conflict(
      `${shown} is ${found.kind === 'absent' ? 'missing' : 'no file any more'}; its edits cannot be taken back`,
    );
  const result = revertEdits(undo.format, view.read(undo.path, EDIT_LIMIT_BYTES), undo.undo);
  if (result.kind === 'conflict') {
    const said = result.conflicts.map(
      (one) =>
        `${one.path === '' ? '' : `${one.path}: `}found ${JSON.stringify(one.found)}, expected ${JSON.stringify(one.expected)}`,
    );
    return conflict(`${shown} was changed where the pack had edited it: ${said.join('; ')}`);
  }
  const after = { kind: 'file', ...digestBytes(result.bytes), mode: found.mode } as const;
  if (after.sha256 === found.sha256) return nothing;
  return changing({
    change: { kind: 'content', path: undo.path, before: found, after },
    source: { kind: 'bytes', bytes: result.bytes },
  });
}

const nothing: PlannedRevert = { kind: 'changes', changes: [] };

function changing(planned: PlannedChange): PlannedRevert {
  return { kind: 'changes', changes: [planned] };
}
