// Where staging and backups lie: on the file system of what they replace, so that one rename is enough. Usually in our own
// state folder; where a root is a mount of its own, in a folder `.prepatch` at its top.

import { dirname, join } from 'node:path';
import type { RootedPath } from '../home/entry.js';
import { absolute, type Layout, STATE_FOLDER, splitRooted } from '../home/layout.js';
import type { Files } from '../system/files.js';
import type { WorkFolder } from './journal.js';

/** The name of the file in each work folder that says that the home may have changed. */
export const BEGUN = 'begun';

export interface Placement {
  readonly folders: readonly WorkFolder[];
  /** For each path given, the index of its folder. */
  readonly places: readonly number[];
}

export function placeWork(files: Files, layout: Layout, transaction: string, paths: readonly RootedPath[]): Placement {
  const home = { key: keyOf(files, layout.components), top: layout.work };
  const folders: WorkFolder[] = [];
  const keys: string[] = [];
  const byFolder = new Map<string, { key: string; top: string }>();
  const places = paths.map((path) => {
    const target = absolute(layout, path);
    const existing = nearestExisting(files, dirname(target));
    let found = byFolder.get(existing);
    if (found === undefined) {
      const key = keyOf(files, existing);
      found = key === home.key ? home : { key, top: join(topOf(files, layout, path, existing), STATE_FOLDER) };
      byFolder.set(existing, found);
    }
    const known = keys.indexOf(found.key);
    if (known >= 0) return known;
    keys.push(found.key);
    folders.push({ path: join(found.top, transaction), device: files.stat(existing)?.device ?? 0 });
    return keys.length - 1;
  });
  return { folders, places };
}

/** Every folder that may hold the work of an interrupted transaction, whatever its journal says. */
export function workTops(layout: Layout): string[] {
  const roots = [layout.plugins, layout.patches, layout.servicepacks, layout.components, layout.home];
  return [layout.work, ...roots.map((root) => join(root, STATE_FOLDER)).filter((top) => top !== layout.state)];
}

function keyOf(files: Files, path: string): string {
  const real = files.realPath(path);
  return `${files.stat(real)?.device ?? 0}:${files.mountOf(real)}`;
}

function topOf(files: Files, layout: Layout, path: RootedPath, existing: string): string {
  const root = files.realPath(layout[splitRooted(path).root]);
  const mount = files.mountOf(files.realPath(existing));
  return mount.length > root.length ? mount : root;
}

function nearestExisting(files: Files, folder: string): string {
  let path = folder;
  while (files.stat(path) === undefined && path !== dirname(path)) path = dirname(path);
  return path;
}
