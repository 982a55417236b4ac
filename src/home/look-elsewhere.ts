// What is at the paths outside plugins that packs change, or have changed: those that a manifest names, with the folders that
// lead there, and everything below the folders that it names. No link on the way is followed.

import { PatchError } from '../error.js';
import type { Ledger } from '../plan/ledger.js';
import type { SeenPlugin } from '../plan/observation.js';
import { errorProblem, type Problem } from '../problem.js';
import { toPathError } from './to-path-error.js';
import type { Files, FileStat } from '../system/files.js';
import type { RootedPath } from './entry.js';
import type { Inventory, Wanted } from './inventory.js';
import { absolute, display, type Layout, parentOf, splitRooted } from './layout.js';
import type { Pack } from './pack.js';
import { below } from './pack-source.js';
import { walkTree } from './tree.js';

/** The paths that operations of packs are about. */
export interface Touched {
  /** With the pack, where one that is to be applied says so. */
  readonly paths: ReadonlyMap<RootedPath, string | undefined>;
  /** Folders whose whole content is concerned. */
  readonly trees: ReadonlyMap<RootedPath, string>;
}

export function touchedBy(packs: readonly Pack[], ledger: Ledger | undefined): Touched {
  const paths = new Map<RootedPath, string | undefined>();
  const trees = new Map<RootedPath, string>();
  for (const path of Object.keys(ledger?.base ?? {}) as RootedPath[]) paths.set(path, undefined);
  for (const pack of ledger?.packs ?? []) {
    for (const { target } of [...pack.files, ...pack.directories]) paths.set(target, undefined);
    for (const path of pack.removes ?? []) paths.set(path, undefined);
  }
  for (const pack of packs) {
    for (const operation of pack.operations ?? []) {
      paths.set(operation.path, pack.name);
      if (operation.kind === 'rename') paths.set(operation.to, pack.name);
      if (operation.type === 'directory') trees.set(operation.path, pack.name);
      const source = 'source' in operation ? operation.source : undefined;
      if (operation.type !== 'directory' || source === undefined) continue;
      for (const name of pack.content?.keys() ?? []) {
        if (name.startsWith(`${source}/`)) paths.set(below(operation.path, name.slice(source.length + 1)), pack.name);
      }
    }
  }
  return { paths, trees };
}

/** Whether a path is one of them, or below one of the folders. */
export function isTouched(touched: Touched, path: RootedPath): boolean {
  if (touched.paths.has(path)) return true;
  for (const tree of touched.trees.keys()) if (path.startsWith(`${tree}/`)) return true;
  return false;
}

/** @throws PatchError UNREADABLE, HOME_CHANGED */
export async function lookElsewhere(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  touched: Touched,
  needs: { readonly ledger: Ledger | undefined; readonly deep: boolean },
): Promise<{ readonly seen: Map<RootedPath, SeenPlugin>; readonly problems: readonly Problem[] }> {
  const seen = new Map<RootedPath, SeenPlugin>();
  const problems: Problem[] = [];
  const stats = new Map<RootedPath, FileStat>();
  const look = (path: RootedPath, stat: FileStat | undefined) => {
    if (stat === undefined || seen.has(path)) return;
    stats.set(path, stat);
    seen.set(path, toSeen(stat));
  };
  for (const [path, pack] of touched.paths) {
    if (splitRooted(path).root === 'plugins') continue;
    const way: RootedPath[] = [];
    for (let one: RootedPath | undefined = path; one !== undefined; one = parentOf(one))
      if (splitRooted(one).path !== '') way.unshift(one);
    for (const one of way) {
      const stat = files.stat(absolute(layout, one));
      look(one, stat);
      if (stat?.kind === 'directory') continue;
      if (one !== path && (stat?.kind === 'link' || stat?.kind === 'other')) {
        const shown = display(layout, one);
        problems.push(
          errorProblem('OUTSIDE_HOME', `${shown} is a link, on the way to ${display(layout, path)}`, {
            pack,
            path: shown,
          }),
        );
      }
      break;
    }
  }
  for (const tree of touched.trees.keys()) {
    if (splitRooted(tree).root === 'plugins' || seen.get(tree)?.kind !== 'directory') continue;
    try {
      for (const entry of walkTree(files, absolute(layout, tree))) look(below(tree, entry.path), entry.stat);
    } catch (error) {
      throw toPathError(error, absolute(layout, tree));
    }
  }
  await learnDigests(layout, inventory, needs, seen, stats);
  return { seen, problems };
}

async function learnDigests(
  layout: Layout,
  inventory: Inventory,
  needs: { readonly ledger: Ledger | undefined; readonly deep: boolean },
  seen: Map<RootedPath, SeenPlugin>,
  stats: ReadonlyMap<RootedPath, FileStat>,
): Promise<void> {
  const wanted: Wanted[] = [];
  const paths: RootedPath[] = [];
  for (const [path, stat] of stats) {
    if (stat.kind !== 'file') continue;
    // What may become an original needs the digest by which the store keeps it.
    const withSha256 = needs.ledger?.base[path] === undefined;
    wanted.push({ path: absolute(layout, path), stat, withSha256, asJar: false });
    paths.push(path);
  }
  const learned = await inventory.learn(wanted, needs.deep);
  for (const [index, path] of paths.entries()) {
    const result = learned[index];
    const one = seen.get(path);
    if (result === undefined || one?.kind !== 'file') continue;
    if (result.kind === 'failed')
      throw result.error instanceof PatchError ? result.error : toPathError(result.error, absolute(layout, path));
    const { md5, sha256 } = result.facts;
    seen.set(path, { ...one, md5, ...(sha256 === undefined ? {} : { sha256 }) });
  }
}

export function toSeen(stat: FileStat): SeenPlugin {
  if (stat.kind === 'file')
    return { kind: 'file', sizeBytes: stat.sizeBytes, mtimeMs: stat.mtimeMs, mode: stat.mode & 0o7777 };
  return stat.kind === 'directory' ? { kind: 'directory', mode: stat.mode & 0o7777 } : { kind: 'foreign' };
}
