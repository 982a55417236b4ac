// Names that a pack brings and that are one file with another, where the file system takes both spellings for one: they differ in
// the case of letters, or in their Unicode form. Found before anything is touched, and without writing anything.

import { basename, dirname, join } from 'node:path';
import { errnoOf } from '../error.js';
import type { Ledger } from '../plan/ledger.js';
import { errorProblem, type Problem } from '../problem.js';
import type { Files } from '../system/files.js';
import type { RootedPath } from './entry.js';
import { foldName } from './fold-name.js';
import { absolute, display, type Layout, parentOf, splitRooted } from './layout.js';
import type { Touched } from './look-elsewhere.js';
import type { Pack } from './pack.js';

export interface Collidable {
  readonly packs: readonly Pack[];
  readonly ledger: Ledger | undefined;
  readonly touched: Touched;
  /** Every path below plugins, as their folders list them. */
  readonly plugins: ReadonlyMap<RootedPath, unknown>;
  /** What was found at other paths, under the spellings by which it was asked for, and in folders. */
  readonly elsewhere: ReadonlyMap<RootedPath, unknown>;
}

/** A path that packs want, or wanted; `pack` is the one that is to blame for a collision. */
interface Claim {
  readonly path: RootedPath;
  readonly pack: string | undefined;
}

/** A CONFLICT of each pack that brings such a name: the newer one of two, whose name is not on record yet. */
export function findCollisions(files: Files, layout: Layout, seen: Collidable): Problem[] {
  const { plugins, elsewhere, touched } = seen;
  const claims = new Map<string, Claim>();
  const problems = new Map<string, Problem>();
  const judge = (claim: Claim, other: RootedPath, owner: string | undefined) => {
    const { pack, path } = claim;
    if (pack === undefined || problems.has(pack) || !areOne(files, layout, path, other)) return;
    const [shown, there] = [display(layout, path), display(layout, other)];
    const whose = owner === undefined ? 'is there' : `is brought by ${owner === pack ? 'it too' : owner}`;
    const message = `${pack} brings ${shown}, and ${there} ${whose}: the file system takes both names for one`;
    const hint = `Only one of the two can be there: rename one of them, or take ${pack} away.`;
    problems.set(pack, errorProblem('CONFLICT', message, { pack, path: shown, hint }));
  };
  const claim = (path: RootedPath, pack: string | undefined) => {
    // What is listed under its own spelling is no other file; so there is nothing to do where nothing is new.
    for (let one: RootedPath | undefined = path; one !== undefined && !plugins.has(one); one = parentOf(one)) {
      const key = keyOf(one);
      const known = key === undefined ? undefined : claims.get(key);
      if (key === undefined) return;
      if (known === undefined) claims.set(key, { path: one, pack });
      else if (known.path !== one) judge({ path: one, pack }, known.path, known.pack);
      else if (known.pack === undefined && pack !== undefined) claims.set(key, { path: one, pack });
      else return;
    }
  };
  const named = new Map<string, RootedPath[]>();
  for (const [path, pack] of touched.paths) {
    if (pack === undefined) claim(path, undefined);
    else if (named.get(pack)?.push(path) === undefined) named.set(pack, [path]);
  }
  const onRecord = new Set(seen.ledger?.packs.map((pack) => pack.name));
  const isOnRecord = (pack: Pack) => onRecord.has(pack.name);
  const byAge = [...seen.packs.filter(isOnRecord), ...seen.packs.filter((pack) => !isOnRecord(pack))];
  for (const pack of byAge) {
    for (const { target } of [...pack.directories, ...pack.files]) claim(target, pack.name);
    for (const path of named.get(pack.name) ?? []) claim(path, pack.name);
  }
  if (claims.size === 0) return [];
  for (const paths of [plugins, elsewhere]) {
    for (const path of paths.keys()) {
      const key = keyOf(path);
      const known = key === undefined ? undefined : claims.get(key);
      if (known !== undefined && known.path !== path) judge(known, path, undefined);
    }
  }
  return [...problems.values()];
}

/** The same for two spellings of a name in one folder; undefined for a root. Folders above that collide do so themselves. */
function keyOf(path: RootedPath): string | undefined {
  const inside = splitRooted(path).path;
  if (inside === '') return undefined;
  const start = path.lastIndexOf('/') + 1 || path.length - inside.length;
  return path.slice(0, start) + foldName(path.slice(start));
}

function areOne(files: Files, layout: Layout, path: RootedPath, other: RootedPath): boolean {
  const [a, b] = [absolute(layout, path), absolute(layout, other)];
  try {
    const folder = dirname(a);
    if (files.stat(folder)?.kind !== 'directory') return foldsNames(files, nearestFolder(files, folder));
    const names = files.list(folder);
    const [hasA, hasB] = [names.includes(basename(a)), names.includes(basename(b))];
    if (hasA && hasB) return false;
    // By the name that is not listed, the other one is found.
    if (hasA || hasB) return files.stat(hasA ? b : a) !== undefined;
    return foldsNames(files, folder);
  } catch (error) {
    // What cannot be looked at is named by the step that needs it.
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/**
 * Whether a folder takes names in another case for the same, asked with a name that is in it, or else its own. Where neither can
 * tell, the first of two files is found to be in the way of the second, and everything is undone.
 */
function foldsNames(files: Files, folder: string): boolean {
  const names = files.list(folder);
  for (const name of names) {
    const other = swapCase(name);
    if (other === name || name.includes('\uFFFD') || names.includes(other)) continue;
    return files.stat(join(folder, other)) !== undefined;
  }
  const [above, own, other] = [dirname(folder), basename(folder), swapCase(basename(folder))];
  if (own === other || files.stat(above)?.device !== files.stat(folder)?.device) return false;
  return !files.list(above).includes(other) && files.stat(join(above, other)) !== undefined;
}

function swapCase(name: string): string {
  return name.replace(/[a-z]+|[A-Z]+/g, (run) => (run < 'a' ? run.toLowerCase() : run.toUpperCase()));
}

function nearestFolder(files: Files, path: string): string {
  let folder = path;
  while (files.stat(folder)?.kind !== 'directory' && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
