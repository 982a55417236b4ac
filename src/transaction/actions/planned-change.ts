// A change of a path together with where its new content is, and the paths that no action may change: what other parts of the
// home keep exact (plugins, packs, state) and what leads out of the home.

import { dirname } from 'node:path';
import { PatchError } from '../../error.js';
import type { RootedPath, Sha256 } from '../../home/entry.js';
import { homeTarget } from '../../home/home-target.js';
import { absolute, display, type Layout } from '../../home/layout.js';
import type { Change } from '../../plan/action-operation.js';
import type { Files } from '../../system/files.js';
import { checkPath } from '../check-path.js';

/** Where the content of a changed file comes from. */
export type ContentSource =
  | { readonly kind: 'staged'; readonly path: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'store'; readonly sha256: Sha256 };

export interface PlannedChange {
  readonly change: Change;
  /** Only, and always, for a change of content to a file. */
  readonly source?: ContentSource;
}

/** Why an action cannot be done; the caller adds which action it is. */
export function actionError(message: string, path: string): PatchError {
  return new PatchError('ACTION_FAILED', message, { path });
}

/** Absolute paths that packs' files cover, with the folders that hold them. */
export function coveredPaths(layout: Layout, paths: Iterable<RootedPath>): Set<string> {
  const covered = new Set<string>();
  for (const path of paths) {
    for (
      let full = absolute(layout, path);
      full.startsWith(`${layout.home}/`) && !covered.has(full);
      full = dirname(full)
    )
      covered.add(full);
  }
  return covered;
}

/**
 * Whether actions may change a path.
 * @throws PatchError ACTION_FAILED where it belongs to something else; those of `checkPath`
 */
export function checkTarget(files: Files, layout: Layout, path: RootedPath, covered: ReadonlySet<string>): void {
  checkOwner(layout, path, covered);
  checkPath(files, layout, path);
}

/** @throws PatchError ACTION_FAILED where a path belongs to something else */
export function checkOwner(layout: Layout, path: RootedPath, covered: ReadonlySet<string>): void {
  const full = absolute(layout, path);
  const shown = display(layout, path);
  const target = homeTarget(layout, path);
  if (target.kind === 'protected') throw actionError(`${shown} is ${target.what}; an action may not change it`, shown);
  if (target.path !== path)
    throw actionError(`${shown} is a plugin; a pack brings plugins by its files, so that they are kept exact`, shown);
  if (covered.has(full))
    throw actionError(`${shown} is brought by the files of a pack; an action may not change it too`, shown);
}
