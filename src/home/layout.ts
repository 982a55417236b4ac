// Every path of a home, once. Carbon rules 1 to 4: the repository, its folders, the two layouts of the state files.
// Pure: strings in, strings out.

import { isAbsolute, join, relative, sep } from 'node:path';
import { PatchError } from '../error.js';
import type { RootedPath } from './entry.js';

/** `carbon-4.2` keeps one list of names; `carbon-4.4` keeps names and JARs in `patches/.metadata`. */
export type LayoutName = 'carbon-4.2' | 'carbon-4.4';

/** The directories that rooted paths start from. All but `home` may be put outside the home by configuration. */
export const ROOTS = ['home', 'components', 'plugins', 'patches', 'servicepacks', 'state'] as const;
export type Root = (typeof ROOTS)[number];

/** Carbon's backup of the original plugins; never a patch (Carbon rule 11). */
export const BACKUP_PACK = 'patch0000';
export const ABSORBED_LIST = 'servicepack_patches.txt';
export const HELD_FOLDER = '.held';
export const STATE_FOLDER = '.prepatch';
/** Below our own state: what zips were unpacked to, and what deltas have made. */
export const ZIPS_CACHE = 'cache/zips';
export const DELTAS_CACHE = 'cache/deltas';

export interface LayoutOverrides {
  /** Carbon rule 1: `CARBON_REPOSITORY`, `carbon.repository`. */
  readonly repository?: string;
  /** Carbon rule 2: `carbon.components.dir.path`. */
  readonly components?: string;
  readonly patches?: string;
  readonly servicepacks?: string;
}

export interface Layout {
  readonly home: string;
  readonly name: LayoutName;
  /** Where the start scripts of the server are, if it has some. */
  readonly bin: string;
  readonly repository: string;
  readonly components: string;
  readonly plugins: string;
  readonly patches: string;
  readonly servicepacks: string;
  readonly logs: string;
  readonly patchesLog: string;
  readonly statusPage: string;
  /** Our own state; see docs/formats.md. */
  readonly state: string;
  readonly journal: string;
  readonly ledger: string;
  /** A second copy of the ledger, for `doctor`; never read in a start. */
  readonly ledgerCopy: string;
  readonly locks: string;
  /** Originals that packs shadow, by SHA-256. */
  readonly store: string;
  /** Staging and backups of the one transaction that runs. */
  readonly work: string;
  /** Foreign content that had to make way; never deleted by us. */
  readonly aside: string;
  /** What `watch` has copied for the next start. */
  readonly ahead: string;
  /** What `remove` took out, for `restore`. */
  readonly shelf: string;
  readonly cache: string;
  readonly zips: string;
  readonly deltas: string;
  readonly history: string;
  readonly historyFile: string;
  /** The files that say what is applied, in this layout. */
  readonly namesFile: string;
  readonly jarsFile: string | undefined;
  readonly configFile: string;
}

const METADATA = '.metadata';

/** The folder whose presence in `patches` chooses the 4.4 layout (Carbon rule 3). */
export function metadataFolder(patches: string): string {
  return join(patches, METADATA);
}

export function makeLayout(home: string, name: LayoutName, overrides: LayoutOverrides = {}): Layout {
  const within = (value: string | undefined, fallback: string) =>
    value === undefined ? fallback : isAbsolute(value) ? value : join(home, value);
  const repository = within(overrides.repository, join(home, 'repository'));
  const components = within(overrides.components, join(repository, 'components'));
  const patches = within(overrides.patches, join(components, 'patches'));
  const servicepacks = within(overrides.servicepacks, join(components, 'servicepacks'));
  const logs = join(repository, 'logs');
  const state = join(components, STATE_FOLDER);
  const metadata = metadataFolder(patches);
  return {
    home,
    name,
    bin: join(home, 'bin'),
    repository,
    components,
    plugins: join(components, 'plugins'),
    patches,
    servicepacks,
    logs,
    patchesLog: join(logs, 'patches.log'),
    statusPage: join(logs, 'patch-status.html'),
    state,
    journal: join(state, 'journal'),
    ledger: join(state, 'ledger.json'),
    ledgerCopy: join(state, 'ledger.copy.json'),
    locks: join(state, 'locks'),
    store: join(state, 'store'),
    work: join(state, 'work'),
    aside: join(state, 'aside'),
    ahead: join(state, 'ahead'),
    shelf: join(state, 'shelf'),
    cache: join(state, 'cache'),
    zips: join(state, ZIPS_CACHE),
    deltas: join(state, DELTAS_CACHE),
    history: join(state, 'history'),
    historyFile: join(state, 'history', 'transactions.jsonl'),
    namesFile:
      name === 'carbon-4.4'
        ? join(metadata, 'prePatchedDir.txt')
        : join(components, 'default', 'configuration', 'prePatched.txt'),
    jarsFile: name === 'carbon-4.4' ? join(metadata, 'prePatchedJARs.txt') : undefined,
    configFile: join(home, 'prepatch.yaml'),
  };
}

/** The folder of the start guard, which looks for it at one place, wherever settings put the rest. */
export function guardFolder(home: string): string {
  return join(home, 'repository', 'components', STATE_FOLDER, 'guard');
}

/** Where a profile of the server lists the bundles that Equinox loads. */
export function bundlesInfoPath(layout: Layout, profile: string): string {
  return join(layout.components, profile, 'configuration', 'org.eclipse.equinox.simpleconfigurator', 'bundles.info');
}

/**
 * Makes a rooted path from untrusted parts.
 * @throws PatchError OUTSIDE_HOME for an absolute path, an empty, `.` or `..` segment, a backslash or a NUL.
 */
export function rooted(root: Root, path: string): RootedPath {
  if (isBad(path))
    throw new PatchError('OUTSIDE_HOME', `${JSON.stringify(path)} is not a path inside ${root}`, { path });
  return `${root}:${path}` as RootedPath;
}

/** Most paths have one segment and nothing odd: they are told without being taken apart. */
function isBad(path: string): boolean {
  if (path === '') return false;
  if (path.includes('\\') || path.includes('\0')) return true;
  if (!path.includes('/')) return path === '.' || path === '..';
  return path.split('/').some((part) => part === '' || part === '.' || part === '..');
}

export function splitRooted(path: RootedPath): { root: Root; path: string } {
  const root = rootOf(path);
  return { root, path: path.slice(root.length + 1) };
}

function rootOf(path: RootedPath): Root {
  const colon = path.indexOf(':');
  const root = path.slice(0, colon);
  if (!isRoot(root)) throw new PatchError('OUTSIDE_HOME', `${JSON.stringify(path)} names no root of a home`, { path });
  return root;
}

const ROOT_NAMES: ReadonlySet<string> = new Set(ROOTS);

function isRoot(name: string): name is Root {
  return ROOT_NAMES.has(name);
}

/** Checks a rooted path that was read from a file, and returns it typed. @throws PatchError OUTSIDE_HOME */
export function parseRooted(text: string): RootedPath {
  const parts = splitRooted(text as RootedPath);
  return rooted(parts.root, parts.path);
}

/** The absolute path of a rooted path. */
export function absolute(layout: Layout, path: RootedPath): string {
  const root = rootOf(path);
  const folder = layout[root];
  if (path.length === root.length + 1) return folder;
  return `${folder === '/' ? '' : folder}/${path.slice(root.length + 1)}`;
}

/** A rooted path's parent; the root itself has none. */
export function parentOf(path: RootedPath): RootedPath | undefined {
  const root = rootOf(path);
  if (path.length === root.length + 1) return undefined;
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? `${root}:` : path.slice(0, slash)) as RootedPath;
}

/** The folders that lead to a path, its root left out; the nearest first. */
export function foldersAbove(path: RootedPath): RootedPath[] {
  const folders: RootedPath[] = [];
  for (let parent = parentOf(path); parent !== undefined && parentOf(parent) !== undefined; parent = parentOf(parent))
    folders.push(parent);
  return folders;
}

/** How people see a path: relative to the home where it lies in it, else absolute. */
export function display(layout: Layout, path: RootedPath | string): string {
  const full =
    /^[a-z]+:/.test(path) && isRoot(path.slice(0, path.indexOf(':'))) ? absolute(layout, path as RootedPath) : path;
  // Most paths lie plainly below the home; `relative` is for the others.
  if (full.startsWith(`${layout.home}/`) && !full.includes('/../')) return full.slice(layout.home.length + 1);
  const inside = relative(layout.home, full);
  return inside === '' || inside.startsWith(`..${sep}`) || inside === '..' || isAbsolute(inside)
    ? full
    : inside.split(sep).join('/');
}
