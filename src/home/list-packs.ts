// Finds the packs of a home (Carbon rules 5 to 7): what lies in the drop folders, what of it counts, and what only looks as if it
// did. Reads only; nothing of a pack but a zip is opened.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { errorProblem, notice, type Problem } from '../problem.js';
import type { Files } from '../system/files.js';
import type { RootedPath } from './entry.js';
import type { Inventory } from './inventory.js';
import { BACKUP_PACK, display, HELD_FOLDER, type Layout, rooted, splitRooted } from './layout.js';
import { listReadable } from './list-readable.js';
import type { PackKind } from './pack.js';
import { comparePackNames, warnOfOrder } from './pack-order.js';
import type { PackRules } from './pack-rules.js';
import { type ListedPack, type ListedZip, PAYLOAD_FOLDER, packsRoot } from './pack-source.js';

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
      folders.set(name, linkedPack(name, kind, path, false));
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
    else if (stat?.kind === 'link' && !folders.has(name))
      folders.set(name, linkedPack(name, kind, display(layout, rooted(root, `${HELD_FOLDER}/${name}`)), true));
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

/** A link is not followed; to Carbon, what it leads to is a pack. */
function linkedPack(name: string, kind: PackKind, path: string, held: boolean): ListedPack {
  const refusal = errorProblem('PACK_REFUSED', `${path} is a link; a pack must be a folder`, {
    pack: name,
    path,
    hint: `Put the folder itself in place of the link ${path}.`,
  });
  return { name, kind, held, refusal };
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
