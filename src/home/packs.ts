// Finds the packs of a home and reads what they are made of (Carbon rules 5 to 11). Reads only; everything odd is a problem
// that names the pack. Order is decided here, layers in the plan.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { jarsNameFault, packNameFault, parseAbsorbed } from './carbon-state.js';
import type { ListedDigest } from '../plan/pack-manifest.js';
import { errorProblem, notice, type Problem, problemOf } from '../problem.js';
import type { Files, FileStat } from '../system/files.js';
import type { DirectoryEntry, FileEntry, RootedPath } from './entry.js';
import type { Inventory, Learned, Wanted } from './inventory.js';
import { type JarReading, jarTargetName } from './jar.js';
import {
  ABSORBED_LIST,
  absolute,
  BACKUP_PACK,
  display,
  HELD_FOLDER,
  type Layout,
  parentOf,
  rooted,
  splitRooted,
} from './layout.js';
import type { Pack, PackContent, PackDirectory, PackFile, PackKind, Unpacking } from './pack.js';
import {
  below,
  type ListedPack,
  type ListedZip,
  MANIFEST,
  PAYLOAD_FOLDER,
  packFolder,
  packsRoot,
} from './pack-source.js';
import { type ManifestParser, namedTops, type ReadManifest, readManifest } from './read-manifest.js';
import { walkTree } from './tree.js';
import { forgetUnpacked } from './zip-cache.js';

export interface PackRules {
  readonly order: 'lexicographic' | 'natural';
  /** Carbon's own patcher runs after us: its reading of the folders wins, or the pack is held. */
  readonly companion: boolean;
}

export interface PackListing {
  /** The one that applies: the last of its kind (Carbon rule 7). */
  readonly servicepack: ListedPack | undefined;
  readonly olderServicepacks: readonly ListedPack[];
  /** In order, without `patch0000`. */
  readonly patches: readonly ListedPack[];
  /** What lies there by the name `patch0000`; a link to a folder is one for Carbon, and not followed by us. */
  readonly backup: 'folder' | 'link' | undefined;
  /** Names of the files `<pack>.json` beside the patches. */
  readonly manifests: ReadonlySet<string>;
  /** Names of the patches that have a folder of their own for what their manifests name. */
  readonly payloads: ReadonlySet<string>;
  /** What was set aside, by the folder that it was in. */
  readonly kept: Readonly<Record<PackKind, ReadonlySet<string>>>;
  /** Digests of the zips that are there. */
  readonly zips: readonly string[];
  readonly problems: readonly Problem[];
  readonly found: FoundPacks;
}

const LIST_LIMIT_BYTES = 1024 * 1024;

/** The packs by their names; a zip goes by its own name until it is opened. @throws PatchError NOT_A_DIRECTORY, UNREADABLE */
export function listPacks(files: Files, layout: Layout, rules: PackRules): PackListing {
  const found: FoundPacks = {
    patch: listFolder(files, layout, 'patch'),
    servicepack: listFolder(files, layout, 'servicepack'),
    payloads: listPayloads(files, layout),
  };
  return arrange(layout, found, [...found.patch.packs, ...found.servicepack.packs], [], [], rules);
}

/** Opens the zips among the packs but for those that stay closed, and puts each in its place by what is in it. */
export async function openPacks(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  listing: PackListing,
  rules: PackRules,
  staysClosed: (zip: ListedZip) => boolean,
): Promise<PackListing> {
  const { found } = listing;
  const packs = [...found.patch.packs, ...found.servicepack.packs];
  const zips = packs.filter((pack) => pack.zip !== undefined);
  if (zips.length === 0) return listing;
  const { openZips } = await import('./open-zips.js');
  const folders = packs.filter((pack) => pack.zip === undefined);
  const left = zips.filter(({ zip }) => zip !== undefined && staysClosed(zip));
  const taken = zips.filter((pack) => !left.includes(pack));
  const opened = await openZips(files, layout, inventory, taken, folders);
  return arrange(layout, found, [...folders, ...left, ...opened.packs], opened.digests, opened.problems, rules);
}

function arrange(
  layout: Layout,
  found: FoundPacks,
  packs: readonly ListedPack[],
  zips: readonly string[],
  more: readonly Problem[],
  rules: PackRules,
): PackListing {
  const problems = [...found.patch.problems, ...found.servicepack.problems, ...more];
  const sorted = [...packs].sort((a, b) => comparePackNames(a.name, b.name, rules.order));
  const all = sorted.filter((pack) => pack.kind === 'patch');
  // A zip by that name is no backup, and refused when it is opened, unless it holds another patch.
  const isBackup = (pack: ListedPack) => pack.name === BACKUP_PACK && pack.zip === undefined;
  const real = all.filter((pack) => !isBackup(pack));
  warnOfOrder(real, rules, problems);
  const candidates = sorted.filter((pack) => pack.kind === 'servicepack');
  const last = candidates.at(-1);
  const manifests = new Set(found.patch.plainFiles.filter((name) => name.endsWith('.json')));
  warnOfStrays(layout, manifests, all, problems);
  return {
    servicepack: last,
    olderServicepacks: candidates.slice(0, -1),
    patches: real,
    backup: all.some(isBackup) ? 'folder' : found.patch.hasLinkedBackup ? 'link' : undefined,
    manifests,
    payloads: found.payloads,
    kept: { patch: found.patch.kept, servicepack: found.servicepack.kept },
    zips,
    problems,
    found,
  };
}

/**
 * The names of plain files behind the service pack that applies, which hide it from Carbon (Carbon rule 7). To its own patcher a
 * zip is one too: `leaving` are those that go out of the way already.
 */
export function findHidingFiles(
  layout: Layout,
  { found }: PackListing,
  servicepack: ListedPack | undefined,
  leaving: ReadonlySet<RootedPath | undefined>,
  rules: PackRules,
): { readonly names: readonly string[]; readonly problems: readonly Problem[] } {
  if (servicepack === undefined) return { names: [], problems: [] };
  const { packs, plainFiles } = found.servicepack;
  const zips = packs.flatMap(({ zip, held }) =>
    zip === undefined || held || leaving.has(zip.path) ? [] : [splitRooted(zip.path).path],
  );
  const names = [...plainFiles, ...(rules.companion ? zips : [])].filter((name) => name > servicepack.name).sort();
  const problems = names.map((name) => {
    const path = display(layout, rooted('servicepacks', name));
    const what = plainFiles.includes(name) ? 'is a plain file, no service pack' : 'does not count';
    return notice('NEAR_MISS', 'warning', `${path} ${what}; ${servicepack.name} applies`, {
      path,
      hint: `Move ${path} away: Carbon’s own patcher would take it for the last service pack.`,
    });
  });
  return { names, problems };
}

/** What lies in the two folders. */
export interface FoundPacks {
  readonly patch: FoundFolder;
  readonly servicepack: FoundFolder;
  readonly payloads: ReadonlySet<string>;
}

interface FoundFolder {
  readonly packs: readonly ListedPack[];
  readonly plainFiles: readonly string[];
  readonly kept: ReadonlySet<string>;
  readonly hasLinkedBackup: boolean;
  readonly problems: readonly Problem[];
}

function listFolder(files: Files, layout: Layout, kind: PackKind): FoundFolder {
  const problems: Problem[] = [];
  const root = packsRoot(kind);
  const folder = layout[root];
  const names = listNames(files, folder, problems);
  const folders = new Map<string, ListedPack>();
  const zips = new Map<string, ListedPack>();
  const plainFiles: string[] = [];
  let hasLinkedBackup = false;
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const stat = files.stat(`${folder}/${name}`);
    if (stat === undefined) continue;
    if (stat.kind === 'directory' && name.startsWith(kind)) {
      folders.set(name, { name, kind, held: false });
      continue;
    }
    const path = display(layout, rooted(root, name));
    if (stat.kind === 'link' && name === BACKUP_PACK && kind === 'patch') {
      hasLinkedBackup = isFolderBehind(files, `${folder}/${name}`);
      problems.push(
        notice('NEAR_MISS', 'warning', `${path} is a link; it does not count as the backup of the originals`, {
          path,
          hint: 'Put the folder itself in its place before the first start; afterwards it is not needed.',
        }),
      );
    } else if (stat.kind === 'link' && name.startsWith(kind)) {
      problems.push(
        errorProblem('PACK_REFUSED', `${path} is a link; a pack must be a folder`, {
          pack: name,
          path,
          hint: `Put the folder itself in place of the link ${path}.`,
        }),
      );
    } else if (stat.kind === 'file' && isZipName(name, kind)) {
      zips.set(name, unopened(name, kind, false));
    } else {
      if (name.startsWith(kind)) plainFiles.push(name);
      const miss = nearMiss(name, kind, stat.kind === 'directory', path);
      if (miss !== undefined) problems.push(miss);
    }
  }
  const heldFolder = join(folder, HELD_FOLDER);
  const kept = files.stat(heldFolder)?.kind === 'directory' ? files.list(heldFolder) : [];
  for (const name of kept) {
    if (!name.startsWith(kind) || name === BACKUP_PACK) continue;
    const stat = files.stat(join(heldFolder, name));
    if (stat?.kind === 'directory' && !folders.has(name)) folders.set(name, { name, kind, held: true });
    else if (stat?.kind === 'file' && isZipName(name, kind) && !zips.has(name))
      zips.set(name, unopened(name, kind, true));
  }
  return { packs: [...folders.values(), ...zips.values()], plainFiles, kept: new Set(kept), hasLinkedBackup, problems };
}

/** Whether a link leads to a folder, as Java's File.isDirectory has it. */
function isFolderBehind(files: Files, link: string): boolean {
  try {
    return files.stat(files.realPath(link))?.kind === 'directory';
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

function unopened(fileName: string, kind: PackKind, held: boolean): ListedPack {
  const path = rooted(packsRoot(kind), held ? `${HELD_FOLDER}/${fileName}` : fileName);
  return { name: fileName.slice(0, -'.zip'.length), kind, held, zip: { path, unpacked: undefined, problems: [] } };
}

function warnOfStrays(
  layout: Layout,
  manifests: ReadonlySet<string>,
  patches: readonly ListedPack[],
  problems: Problem[],
): void {
  const names = new Set(patches.map((pack) => pack.name));
  for (const file of manifests) {
    const name = file.slice(0, -'.json'.length);
    if (names.has(name)) continue;
    const path = display(layout, rooted('patches', file));
    problems.push(
      notice('NEAR_MISS', 'warning', `${path} describes the patch ${name}, which is not there`, {
        path,
        hint: `Put the folder ${name} beside it, or take ${path} away.`,
      }),
    );
  }
}

function listPayloads(files: Files, layout: Layout): ReadonlySet<string> {
  const folder = join(layout.patches, PAYLOAD_FOLDER);
  return new Set(files.stat(folder)?.kind === 'directory' ? files.list(folder) : []);
}

function isZipName(name: string, kind: PackKind): boolean {
  return name.startsWith(kind) && name.endsWith('.zip') && name.length > kind.length + '.zip'.length;
}

function listNames(files: Files, folder: string, problems: Problem[]): string[] {
  const stat = files.stat(folder);
  if (stat === undefined) return [];
  if (stat.kind === 'file' || stat.kind === 'other')
    throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder });
  const names = listReadable(files, folder);
  for (const name of names.filter((one) => one.includes('\uFFFD'))) {
    problems.push(
      notice('NEAR_MISS', 'warning', `${JSON.stringify(name)} in ${folder} has a name that is not UTF-8`, {
        path: folder,
        hint: 'Rename it.',
      }),
    );
  }
  return names;
}

/** @throws PatchError UNREADABLE */
export function listReadable(files: Files, folder: string): string[] {
  try {
    return files.list(folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTDIR')
      throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder, cause: error });
    throw new PatchError('UNREADABLE', `${folder} cannot be read (${errno ?? 'unknown error'})`, {
      path: folder,
      cause: error,
    });
  }
}

function nearMiss(name: string, kind: PackKind, isFolder: boolean, path: string): Problem | undefined {
  const lower = name.toLowerCase();
  const says = (message: string, hint: string) => notice('NEAR_MISS', 'warning', message, { path, hint });
  if (isFolder && lower.startsWith(kind))
    return says(
      `${path} does not count: names begin with ${kind} in lower case`,
      `Rename it to ${kind}${name.slice(kind.length)}.`,
    );
  if (isFolder && lower.includes(kind))
    return says(
      `${path} does not count: its name does not begin with ${kind}`,
      `Rename it so that it begins with ${kind}.`,
    );
  if (isFolder && kind === 'patch' && lower.startsWith('servicepack'))
    return says(`${path} is a service pack among the patches`, 'Move it to the folder servicepacks.');
  if (isFolder && kind === 'servicepack' && lower.startsWith('patch'))
    return says(`${path} is a patch among the service packs`, 'Move it to the folder patches.');
  if (!isFolder && lower.endsWith('.jar'))
    return says(`${path} is a bare JAR; only folders count`, `Put it into a folder ${kind}NNNN.`);
  if (!isFolder && lower.endsWith('.zip') && lower.startsWith(kind))
    return says(
      `${path} does not count: a zip counts where its name begins with ${kind} and ends with .zip, in lower case`,
      `Rename it to ${kind}${name.slice(kind.length, -'.zip'.length)}.zip.`,
    );
  if (!isFolder && lower.endsWith('.zip'))
    return says(
      `${path} does not count: the name of a zip must begin with ${kind}`,
      'Rename it, or take it in with prepatch add.',
    );
  return undefined;
}

function warnOfOrder(packs: readonly ListedPack[], rules: PackRules, problems: Problem[]): void {
  if (rules.order === 'natural') return;
  const natural = [...packs].sort((a, b) => comparePackNames(a.name, b.name, 'natural'));
  const first = packs.findIndex((pack, index) => pack.name !== natural[index]?.name);
  if (first < 0) return;
  const [early, late] = [packs[first], natural[first]];
  const who = rules.companion ? 'Carbon’s own patcher compares names' : 'names are compared';
  const otherwise = rules.companion ? '; order: natural does not count beside it' : ', or set order: natural';
  problems.push(
    notice('ORDER_SURPRISE', 'warning', `${early?.name} is applied before ${late?.name}: ${who} letter by letter`, {
      hint: `Write the numbers with as many digits each (patch0009, patch0010)${otherwise}.`,
    }),
  );
}

/** Carbon rule 6, or runs of digits compared as numbers. */
export function comparePackNames(a: string, b: string, order: PackRules['order']): number {
  const plain = a < b ? -1 : a > b ? 1 : 0;
  if (order === 'lexicographic') return plain;
  const [left, right] = [splitDigits(a), splitDigits(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [x, y] = [left[index] as string, right[index] as string];
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = BigInt(x) - BigInt(y);
      if (difference !== 0n) return difference < 0n ? -1 : 1;
    } else if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length || plain;
}

function splitDigits(name: string): string[] {
  return name.match(/\d+|\D+/g) ?? [];
}

/** A pack whose folders were listed and whose manifest was read; its files were not. */
export interface WalkedPack {
  readonly listed: ListedPack;
  readonly folder: RootedPath;
  readonly absorbs: readonly string[];
  readonly entries: readonly PackEntry[];
  readonly described: ReadManifest | undefined;
  /** Where its manifest lies; undefined where there is none. */
  readonly manifestPath: RootedPath | undefined;
  /** What the paths of the manifest are relative to. */
  readonly root: RootedPath;
  readonly problems: Problem[];
}

/** A file or folder of a pack. */
interface PackEntry {
  readonly source: RootedPath;
  readonly stat: FileStat;
  /** By which the manifest names it. */
  readonly name: string;
  /** The path below plugins at which it lands (but for the name of a JAR); undefined where it does not. */
  readonly layer: string | undefined;
}

export interface WalkOptions {
  readonly rules: PackRules;
  readonly manifests: PackListing['manifests'];
  readonly payloads: PackListing['payloads'];
  readonly parse: ManifestParser;
}

/** Lists what is in a pack, and reads its manifest. What is wrong is in its `problems`. */
export async function walkPack(
  files: Files,
  layout: Layout,
  listed: ListedPack,
  options: WalkOptions,
): Promise<WalkedPack> {
  const folder = packFolder(listed);
  const problems: Problem[] = [...(listed.zip?.problems ?? [])];
  const bare = { listed, folder, absorbs: [], entries: [], described: undefined, manifestPath: undefined };
  if (listed.zip !== undefined && listed.zip.unpacked === undefined) return { ...bare, root: folder, problems };
  const where = { pack: listed.name, path: display(layout, listed.zip?.path ?? folder) };
  const top = listed.kind === 'servicepack' ? below(folder, 'lib') : folder;
  const parts: Parts = { layout, listed, folder, top };
  let absorbs: readonly string[] = [];
  let entries: readonly PackEntry[] = [];
  let described: ReadManifest | undefined;
  let manifestPath: RootedPath | undefined;
  const hasPayload = listed.kind === 'patch' && listed.zip === undefined && options.payloads.has(listed.name);
  const root = hasPayload
    ? rooted('patches', `${PAYLOAD_FOLDER}/${listed.name}`)
    : (listed.zip?.unpacked?.root ?? folder);
  try {
    if (listed.kind === 'servicepack') {
      const list = readAbsorbed(files, layout, listed);
      if (list === undefined)
        problems.push(
          errorProblem('PACK_REFUSED', `${listed.name} has no ${ABSORBED_LIST}`, {
            ...where,
            hint: `Copy the whole service pack; a list may be empty, but must be there.`,
          }),
        );
      if (files.stat(absolute(layout, top))?.kind !== 'directory')
        problems.push(
          errorProblem('PACK_REFUSED', `${listed.name} has no folder lib`, {
            ...where,
            hint: 'Copy the whole service pack; lib may be empty, but must be there.',
          }),
        );
      absorbs = list ?? [];
    }
    entries = listEntries(files, parts, [top]);
    const isThere = (path: RootedPath) =>
      path === below(top, MANIFEST)
        ? entries.some((entry) => entry.source === path && entry.stat.kind === 'file')
        : files.stat(absolute(layout, path))?.kind === 'file';
    manifestPath = findManifest(isThere, parts, root, options, problems);
    if (manifestPath !== undefined)
      described = await readManifest(files, layout, listed.name, manifestPath, options.parse, problems);
    if (manifestPath !== undefined || listed.zip !== undefined) entries = listEntries(files, parts, [root, folder]);
    if (manifestPath !== undefined) entries = entries.filter((entry) => entry.source !== manifestPath);
    if (described !== undefined && listed.kind === 'patch')
      entries = withoutNamed(entries, described, parts, options, problems);
  } catch (error) {
    problems.push(readingProblem(error, where.path, listed.name));
  }
  for (const entry of entries) {
    if (entry.stat.kind === 'file' || entry.stat.kind === 'directory') continue;
    const path = shownEntry(parts, entry);
    if (entry.stat.kind === 'link')
      problems.push(
        errorProblem('PACK_REFUSED', `${path} is a link; a pack may hold only files and folders`, {
          pack: listed.name,
          path,
          hint: `Put the file itself in place of the link ${path}.`,
        }),
      );
    else {
      const isNamed = !path.includes('\uFFFD');
      const what = isNamed ? 'is neither a file nor a folder' : 'has a name that is not UTF-8';
      problems.push(
        errorProblem('PACK_REFUSED', `${path} ${what}`, {
          pack: listed.name,
          path,
          hint: isNamed ? `Remove ${path}.` : 'Rename it.',
        }),
      );
    }
  }
  const fault = packNameFault(listed.name);
  if (fault !== undefined)
    problems.push(
      errorProblem('PACK_REFUSED', `${JSON.stringify(where.path)} is refused: ${fault}`, {
        ...where,
        hint: 'Rename it: Carbon’s list of what is applied has one name a line.',
      }),
    );
  if (listed.kind === 'patch') checkPlugins(parts, entries, where, problems);
  return { listed, folder, absorbs, entries, described, manifestPath, root, problems };
}

interface Parts {
  readonly layout: Layout;
  readonly listed: ListedPack;
  readonly folder: RootedPath;
  /** What lands in plugins. */
  readonly top: RootedPath;
}

/** What is odd about a patch whose content lands in plugins. */
function checkPlugins(
  parts: Parts,
  entries: readonly PackEntry[],
  where: { readonly pack: string; readonly path: string },
  problems: Problem[],
): void {
  const { name } = parts.listed;
  const layers = entries.filter((entry) => entry.layer !== undefined);
  if (
    layers[0]?.layer === name &&
    layers.every((entry) => entry.layer === name || entry.layer?.startsWith(`${name}/`) === true)
  ) {
    problems.push(
      errorProblem('PACK_REFUSED', `${name} holds only a folder ${name}: it was unpacked one level too deep`, {
        ...where,
        hint: `Move the content of ${where.path}/${name} up into ${where.path}.`,
      }),
    );
  }
  for (const entry of layers) {
    if (!/^readme[^/]*$/i.test(entry.layer ?? '')) continue;
    problems.push(
      notice('README_IN_PACK', 'info', `${entry.layer} of ${name} is copied to plugins, as Carbon does`, {
        pack: name,
        path: shownEntry(parts, entry),
        hint: 'Keep documentation outside the pack’s folder.',
      }),
    );
  }
}

/** Beside a patch, in its folder, or (a zip) where its paths are relative to; two are an error. */
function findManifest(
  isThere: (path: RootedPath) => boolean,
  parts: Parts,
  root: RootedPath,
  options: WalkOptions,
  problems: Problem[],
): RootedPath | undefined {
  const { layout, listed, folder } = parts;
  const name = `${listed.name}.json`;
  const beside = rooted('patches', name);
  const hasBeside = listed.kind === 'patch' && options.manifests.has(name);
  const places = [...new Set([below(root, MANIFEST), below(folder, MANIFEST)])].filter(isThere);
  const [first, second] = hasBeside ? [beside, ...places] : places;
  if (first === undefined) return undefined;
  const path = display(layout, first);
  if (second !== undefined) {
    problems.push(
      errorProblem('PACK_REFUSED', `${listed.name} has two manifests: ${path} and ${display(layout, second)}`, {
        pack: listed.name,
        path,
        hint: 'Leave only one of them.',
      }),
    );
  }
  const isInPatch = listed.kind === 'patch' && listed.zip === undefined && first === below(folder, MANIFEST);
  if (options.rules.companion && isInPatch) {
    problems.push(
      errorProblem('PACK_REFUSED', `${path} lies in the patch; Carbon’s own patcher would copy it to plugins`, {
        pack: listed.name,
        path,
        hint: `Move it to ${display(layout, beside)}.`,
      }),
    );
  }
  return first;
}

/** What lies in the folders of a pack; a folder inside another is listed once. */
function listEntries(files: Files, parts: Parts, folders: readonly RootedPath[]): PackEntry[] {
  const { layout, top, folder } = parts;
  const found: PackEntry[] = [];
  for (const one of new Set(folders)) {
    if (folders.some((other) => one.startsWith(`${other}/`))) continue;
    const full = absolute(layout, one);
    if (files.stat(full)?.kind !== 'directory') continue;
    for (const { path, stat } of walkTree(files, full)) {
      const source = below(one, path);
      if (source === top || source === folder) continue;
      const layer = source.startsWith(`${top}/`) ? source.slice(top.length + 1) : undefined;
      const name = source.startsWith(`${folder}/`) ? source.slice(folder.length + 1) : path;
      found.push({ source, stat, name, layer });
    }
  }
  return found;
}

/** What the manifest names at the top of a patch is what it works with, and does not land in plugins. */
function withoutNamed(
  entries: readonly PackEntry[],
  described: ReadManifest,
  parts: Parts,
  options: WalkOptions,
  problems: Problem[],
): readonly PackEntry[] {
  const { listed, layout } = parts;
  const tops = namedTops(described.manifest);
  if (tops === undefined) {
    problems.push(
      errorProblem('INPUT_INVALID', `a path in ${listed.name} begins with a value ($name$) in its manifest`, {
        pack: listed.name,
        path: display(layout, listed.zip?.path ?? parts.folder),
        hint: 'Begin it with the name of a folder.',
      }),
    );
    return entries;
  }
  const isNamed = (entry: PackEntry) => entry.layer !== undefined && tops.has(entry.layer.split('/')[0] ?? '');
  const first = entries.find(isNamed);
  if (first !== undefined && options.rules.companion && listed.zip === undefined) {
    const path = shownEntry(parts, first);
    const payload = display(layout, rooted('patches', `${PAYLOAD_FOLDER}/${listed.name}`));
    problems.push(
      errorProblem(
        'PACK_REFUSED',
        `${path} is for the manifest of ${listed.name} and not for plugins; Carbon’s own patcher would copy it there, or stop at it`,
        { pack: listed.name, path, hint: `Move what the manifest names to ${payload}.` },
      ),
    );
  }
  return entries.map((entry) => (isNamed(entry) ? { ...entry, layer: undefined } : entry));
}

/** An entry as the operator finds it: in the zip where there is one. */
function shownEntry({ layout, listed }: Pick<Parts, 'layout' | 'listed'>, entry: PackEntry): string {
  if (listed.zip === undefined) return display(layout, entry.source);
  return `${display(layout, listed.zip.path)}!/${entry.name}`;
}

export interface ReadOptions {
  readonly rules: PackRules;
  readonly deep: boolean;
  readonly kept: PackListing['kept'];
  readonly progress?: (doneItems: number, totalItems: number, doneBytes: number, totalBytes: number) => void;
}

/** Reads packs, in order: their files with digests, sizes and targets. What is wrong with one is in its `problems`. */
export async function readPacks(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  walked: readonly WalkedPack[],
  options: ReadOptions,
): Promise<Pack[]> {
  const wanted: Wanted[] = [];
  for (const one of walked) {
    const withSha256 = (one.described?.manifest.digests.size ?? 0) > 0;
    for (const entry of one.entries) {
      if (entry.stat.kind !== 'file') continue;
      const asJar = entry.layer !== undefined && isJarName(entry.layer);
      wanted.push({ path: absolute(layout, entry.source), stat: entry.stat, withSha256, asJar });
    }
  }
  const totalBytes = wanted.reduce((sum, want) => sum + want.stat.sizeBytes, 0);
  const learned = await inventory.learn(wanted, options.deep, (items, bytes) =>
    options.progress?.(items, wanted.length, bytes, totalBytes),
  );
  let next = 0;
  return walked.map((one) => {
    const packFiles: PackFile[] = [];
    const directories: PackDirectory[] = [];
    const content = new Map<string, PackContent>();
    for (const entry of one.entries) {
      const { layer, name, source, stat } = entry;
      if (stat.kind === 'directory') {
        const directory: DirectoryEntry = { kind: 'directory', mode: stat.mode & 0o777 };
        content.set(name, { source, entry: directory });
        if (layer !== undefined) directories.push({ target: rooted('plugins', layer), entry: directory });
      } else if (stat.kind === 'file') {
        const result = learned[next++];
        if (result === undefined) throw new Error('prepatch has a defect: a pack’s file was not read');
        const fileEntry = readEntry(files, layout, one, entry, result);
        if (fileEntry === undefined) continue;
        content.set(name, { source, entry: fileEntry });
        const file =
          layer === undefined
            ? undefined
            : packFile(layout, one, entry, layer, fileEntry, jarOf(result), options.rules);
        if (file !== undefined) packFiles.push(file);
      }
    }
    checkDigests(layout, one, content);
    checkTargets(layout, one, packFiles, directories, options.rules);
    const unpacking = options.rules.companion ? planUnpacking(files, layout, one, content, options.kept) : undefined;
    const broken = one.problems.some((problem) => problem.severity === 'error');
    return {
      name: one.listed.name,
      kind: one.listed.kind,
      folder: one.folder,
      held: one.listed.held,
      absorbs: one.absorbs,
      files: broken ? [] : packFiles,
      directories: broken ? [] : directories,
      problems: one.problems,
      ...(one.described === undefined
        ? {}
        : {
            manifest: one.described.manifest,
            operations: one.described.operations,
            root: one.root,
            content: sortContent(content),
          }),
      ...(one.listed.zip === undefined ? {} : { zip: one.listed.zip.path }),
      ...(unpacking === undefined ? {} : { unpacking }),
    };
  });
}

/** By name, so that a pack is the same whether its parts lie in one folder or in two. */
function sortContent(content: ReadonlyMap<string, PackContent>): ReadonlyMap<string, PackContent> {
  return new Map([...content].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function jarOf(result: Learned): JarReading | undefined {
  return result.kind === 'facts' ? result.facts.jar : undefined;
}

/** A file's digests and mode; of one out of a zip, only if it is still what came out. */
function readEntry(
  files: Files,
  layout: Layout,
  one: WalkedPack,
  entry: PackEntry,
  result: Learned,
): FileEntry | undefined {
  const show = () => shownEntry({ layout, listed: one.listed }, entry);
  if (result.kind === 'failed') {
    one.problems.push(readingProblem(result.error, show(), one.listed.name));
    return undefined;
  }
  const { md5, sha256 } = result.facts;
  const unpacked = one.listed.zip?.unpacked;
  const original = unpacked?.files.get(entry.source);
  if (unpacked !== undefined && original?.md5 !== md5) {
    forgetUnpacked(files, layout, unpacked.digest);
    one.problems.push(
      errorProblem('PACK_CHANGED', `what ${show()} was unpacked to has been changed; it will be unpacked again`, {
        pack: one.listed.name,
        path: display(layout, entry.source),
        hint: 'Run prepatch again.',
      }),
    );
    return undefined;
  }
  return {
    kind: 'file',
    md5,
    ...(sha256 === undefined ? {} : { sha256 }),
    sizeBytes: entry.stat.sizeBytes,
    mode: (original?.mode ?? entry.stat.mode) & 0o777,
  };
}

/** Every file of the pack is listed and as it is listed, and every listed file is there. */
function checkDigests(layout: Layout, one: WalkedPack, content: ReadonlyMap<string, PackContent>): void {
  const digests = one.described?.manifest.digests;
  if (digests === undefined || digests.size === 0) return;
  const pack = one.listed.name;
  const shown = display(layout, one.listed.zip?.path ?? one.folder);
  const refuse = (name: string, what: string) => {
    const path = `${shown}${one.listed.zip === undefined ? '/' : '!/'}${name}`;
    one.problems.push(
      errorProblem('PACK_REFUSED', `${path} ${what}`, {
        pack,
        path,
        hint: `Copy ${pack} again, completely; if that does not help, ask its author for a sound one.`,
      }),
    );
  };
  const listed = new Map<string, ListedDigest>();
  for (const [path, digest] of digests) listed.set(nameInPack(path, pack, content), digest);
  for (const [name, { entry }] of content) {
    if (entry.kind !== 'file') continue;
    const digest = listed.get(name);
    if (digest === undefined) refuse(name, 'is not among the digests of its manifest (unlisted)');
    else if (digest.sizeBytes !== undefined && digest.sizeBytes !== entry.sizeBytes)
      refuse(name, `has ${entry.sizeBytes} bytes, its manifest says ${digest.sizeBytes} (wrong-size)`);
    else if (digest.md5 !== entry.md5)
      refuse(name, `has the MD5 ${entry.md5}, its manifest says ${digest.md5} (wrong-checksum)`);
    else if (entry.sha256 !== undefined && digest.sha256 !== entry.sha256)
      refuse(name, `has the SHA-256 ${entry.sha256}, its manifest says ${digest.sha256} (wrong-checksum)`);
  }
  for (const name of listed.keys()) {
    if (content.get(name)?.entry.kind !== 'file')
      refuse(name, 'is among the digests of its manifest, and is not there (missing)');
  }
}

/** The name of a path in the pack: what lies in the folder of a patch may be written with or without that folder. */
function nameInPack(path: string, pack: string, content: ReadonlyMap<string, PackContent>): string {
  return content.has(path) || !path.startsWith(`${pack}/`) ? path : path.slice(pack.length + 1);
}

/** The folder that Carbon’s own patcher is to see in place of a zip. */
function planUnpacking(
  files: Files,
  layout: Layout,
  one: WalkedPack,
  content: ReadonlyMap<string, PackContent>,
  kept: PackListing['kept'],
): Unpacking | undefined {
  const { name, kind, zip } = one.listed;
  if (zip?.unpacked === undefined) return undefined;
  const isThere = (path: RootedPath) => files.stat(absolute(layout, path)) !== undefined;
  const home = rooted(packsRoot(kind), name);
  const payload = rooted('patches', `${PAYLOAD_FOLDER}/${name}`);
  const directories = new Set<RootedPath>([home]);
  const unpacked: Unpacking['files'][number][] = [];
  const places = one.described === undefined && kind === 'patch' ? [home] : [home, payload];
  for (const entry of one.entries) {
    const isInHome = kind === 'servicepack' || entry.layer !== undefined;
    // What lies beside the folder of a patch is documentation, unless there is a manifest that can name it.
    if (!isInHome && places.length === 1) continue;
    const target = below(isInHome ? home : payload, entry.name);
    for (let parent = parentOf(target); parent !== undefined && parent !== home; parent = parentOf(parent))
      if (splitRooted(parent).path !== '') directories.add(parent);
    const found = content.get(entry.name);
    if (found?.entry.kind === 'directory') directories.add(target);
    else if (found?.entry.kind === 'file') unpacked.push({ path: target, entry: found.entry, source: found.source });
  }
  if (one.manifestPath?.startsWith('state:') === true) {
    const path = kind === 'patch' ? rooted('patches', `${name}.json`) : below(home, MANIFEST);
    const { md5, sizeBytes } = files.digest(absolute(layout, one.manifestPath), false);
    const mode = zip.unpacked.files.get(one.manifestPath)?.mode ?? 0o644;
    unpacked.push({ path, entry: { kind: 'file', md5, sizeBytes, mode }, source: one.manifestPath });
  }
  const inTheWay = [...places, ...unpacked.map((file) => file.path)].find(isThere);
  if (inTheWay !== undefined) {
    const path = display(layout, inTheWay);
    one.problems.push(
      errorProblem('CONFLICT', `${path} is in the way: ${display(layout, zip.path)} is to be unpacked there`, {
        pack: name,
        path,
        hint: `Move ${path} away.`,
      }),
    );
  }
  const fileName = splitRooted(zip.path).path.split('/').at(-1) ?? name;
  let keptName = `${fileName}.unpacked`;
  for (let n = 2; kept[kind].has(keptName); n++) keptName = `${fileName}.unpacked.${n}`;
  return {
    zip: zip.path,
    keptAs: rooted(packsRoot(kind), `${HELD_FOLDER}/${keptName}`),
    directories: [...directories].sort().filter((path) => !isThere(path)),
    files: unpacked,
  };
}

function isJarName(path: string): boolean {
  return !path.includes('/') && path.endsWith('.jar');
}

/** The names of patches that a service pack absorbs; undefined where it has no list. @throws PatchError UNREADABLE */
export function readAbsorbed(files: Files, layout: Layout, pack: ListedPack): readonly string[] | undefined {
  const path = join(absolute(layout, packFolder(pack)), ABSORBED_LIST);
  const stat = files.stat(path);
  if (stat === undefined) return undefined;
  try {
    return parseAbsorbed(files.read(path, LIST_LIMIT_BYTES).toString('utf8'));
  } catch (error) {
    if (error instanceof PatchError) throw error;
    throw new PatchError('UNREADABLE', `${path} cannot be read (${errnoOf(error) ?? 'unknown error'})`, {
      path,
      cause: error,
    });
  }
}

function readingProblem(error: unknown, path: string, pack: string): Problem {
  if (error instanceof PatchError) return problemOf(error, pack);
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return errorProblem('UNREADABLE', `${path} cannot be read (${errno})`, { pack, path });
}

function packFile(
  layout: Layout,
  one: WalkedPack,
  entry: PackEntry,
  layer: string,
  fileEntry: FileEntry,
  jar: JarReading | undefined,
  rules: PackRules,
): PackFile | undefined {
  const show = () => shownEntry({ layout, listed: one.listed }, entry);
  const refuse = (message: string, hint: string): PackFile | undefined => {
    one.problems.push(errorProblem('PACK_REFUSED', message, { pack: one.listed.name, path: show(), hint }));
    return undefined;
  };
  let name = layer;
  let bundle: PackFile['bundle'];
  if (jar !== undefined) {
    if (jar.kind === 'bad')
      return refuse(`${show()} is no sound JAR: ${jar.reason}`, `Copy ${show()} again, completely.`);
    const target = jarTargetName(layer, jar);
    if (target.kind === 'refused')
      return refuse(`${show()}: ${target.reason}`, 'Ask the author of the pack for a corrected JAR.');
    name = target.name;
    if (rules.companion && jar.hasManifest === false)
      return refuse(
        `${show()} has no manifest; Carbon’s own patcher would stop at it at every start`,
        'Ask the author of the pack for a JAR with a manifest.',
      );
    if (jar.bundle !== undefined) {
      bundle = { symbolicName: jar.bundle.symbolicName, version: jar.bundle.version };
      if (rules.companion && jar.bundle.rawSymbolicName !== jar.bundle.symbolicName) {
        return refuse(
          `${show()}: Carbon’s own patcher would take the blank in its Bundle-SymbolicName for a part of the name`,
          'Ask the author of the pack for a JAR without a blank before the parameters.',
        );
      }
    }
  }
  // What lies deeper is in no list.
  const fault = layout.jarsFile === undefined || name.includes('/') ? undefined : jarsNameFault(name);
  if (fault !== undefined)
    return refuse(
      `${show()} would be ${JSON.stringify(name)} in plugins; ${fault}, and prePatchedJARs.txt could not say it`,
      name === layer ? 'Rename the file.' : 'Ask the author of the pack for a corrected JAR.',
    );
  return {
    fileName: layer,
    source: entry.source,
    target: rooted('plugins', name),
    entry: fileEntry,
    ...(bundle === undefined ? {} : { bundle }),
  };
}

/** Two files of one pack that land on one path, a folder that Carbon's own patcher cannot take. */
function checkTargets(
  layout: Layout,
  one: WalkedPack,
  files: readonly PackFile[],
  directories: readonly PackDirectory[],
  rules: PackRules,
): void {
  const pack = one.listed.name;
  const path = display(layout, one.listed.zip?.path ?? one.folder);
  const seen = new Map<string, PackFile>();
  for (const file of files) {
    const other = seen.get(file.target);
    if (other !== undefined && other.entry.md5 !== file.entry.md5) {
      one.problems.push(
        errorProblem(
          'PACK_REFUSED',
          `${other.fileName} and ${file.fileName} of ${pack} are both ${file.target.slice('plugins:'.length)}, with different content`,
          { pack, path, hint: 'Leave only one of them in the pack.' },
        ),
      );
    }
    seen.set(file.target, file);
  }
  if (!rules.companion || directories.length === 0) return;
  if (one.listed.kind === 'patch') {
    one.problems.push(
      errorProblem('PACK_REFUSED', `${pack} has a folder in it; Carbon’s own patcher would stop at it at every start`, {
        pack,
        path,
        hint: 'Take the folder out, or put it into a service pack.',
      }),
    );
  } else {
    one.problems.push(
      notice(
        'COMPANION',
        'warning',
        `${pack} has a folder in its lib; Carbon’s own verification will warn of it at every start`,
        { pack, path, hint: 'Nothing has to be done.' },
      ),
    );
  }
}
