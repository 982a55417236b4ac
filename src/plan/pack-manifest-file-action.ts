// From a file operation among the actions, its values put in, to one with checked paths: the same as those of `files`.

import { unreachable } from '../error.js';
import type { FileAction, FileOperation } from './pack-manifest.js';
import { HOME_PATH_EXPECTED, homePath, PACK_PATH_EXPECTED, packPath } from './pack-manifest-path.js';

export type ResolvedFileAction =
  | { readonly kind: 'operation'; readonly operation: FileOperation }
  /** A value made a path of it that leaves its root, or is none. `field` is a JSON pointer inside the action. */
  | { readonly kind: 'invalid'; readonly field: string; readonly found: string; readonly expected: string };

/** The operation of an action that went through `interpolateAction`. Its id, title and condition are left out. */
export function resolveFileAction(action: FileAction): ResolvedFileAction {
  const path = homePath(action.path);
  if (path === undefined) return wrong('/path', action.path, HOME_PATH_EXPECTED);
  const { type } = action;
  const before = action.kind === 'create' || action.before === undefined ? {} : { before: action.before };
  switch (action.kind) {
    case 'delete':
      return { kind: 'operation', operation: { kind: 'delete', type, path, ...before } };
    case 'rename': {
      const to = homePath(action.to);
      if (to === undefined) return wrong('/to', action.to, HOME_PATH_EXPECTED);
      if (to === path || to.startsWith(`${path}/`))
        return wrong('/to', action.to, 'a path that is neither path nor below it');
      return { kind: 'operation', operation: { kind: 'rename', type, path, to, ...before } };
    }
    case 'create':
    case 'update': {
      const source = action.source === undefined ? undefined : packPath(action.source);
      if (action.source !== undefined && source === undefined)
        return wrong('/source', action.source, PACK_PATH_EXPECTED);
      const permissions = {
        ...(action.mode === undefined ? {} : { mode: action.mode }),
        ...(action.flags === undefined ? {} : { flags: action.flags }),
      };
      const content = { type, path, ...(source === undefined ? {} : { source }), ...permissions };
      if (action.kind === 'create') return { kind: 'operation', operation: { kind: 'create', ...content } };
      if (action.delta === undefined)
        return { kind: 'operation', operation: { kind: 'update', ...content, ...before } };
      const deltaSource = packPath(action.delta.source);
      if (deltaSource === undefined) return wrong('/delta/source', action.delta.source, PACK_PATH_EXPECTED);
      return {
        kind: 'operation',
        operation: { kind: 'update', ...content, ...before, delta: { ...action.delta, source: deltaSource } },
      };
    }
    default:
      return unreachable(action);
  }
}

function wrong(field: string, value: string, expected: string): ResolvedFileAction {
  return { kind: 'invalid', field, found: JSON.stringify(value), expected };
}
