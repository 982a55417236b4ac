// Lists what is in a pack, and reads what it says of itself: its manifest, the list of a service pack (Carbon rule 8). Reads only;
// everything odd is a problem that names the pack.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { errorProblem, notice, type Problem, problemOf } from '../problem.js';
import type { Files, FileStat } from '../system/files.js';
import { packNameFault, parseAbsorbed } from './carbon-state.js';
import type { RootedPath } from './entry.js';
import { ABSORBED_LIST, absolute, display, type Layout, rooted } from './layout.js';
import type { PackListing } from './list-packs.js';
import type { PackRules } from './pack-rules.js';
import { below, type ListedPack, MANIFEST, PAYLOAD_FOLDER, packFolder } from './pack-source.js';
import { type ManifestParser, namedTops, type ReadManifest, readManifest } from './read-manifest.js';
import { walkTree } from './tree.js';

const LIST_LIMIT_BYTES = 1024 * 1024;

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
export interface PackEntry {
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
  if (listed.refusal !== undefined) problems.push(listed.refusal);
  const bare = { listed, folder, absorbs: [], entries: [], described: undefined, manifestPath: undefined };
  if (listed.refusal !== undefined || (listed.zip !== undefined && listed.zip.unpacked === undefined))
    return { ...bare, root: folder, problems };
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
export function shownEntry({ layout, listed }: Pick<Parts, 'layout' | 'listed'>, entry: PackEntry): string {
  if (listed.zip === undefined) return display(layout, entry.source);
  return `${display(layout, listed.zip.path)}!/${entry.name}`;
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

export function readingProblem(error: unknown, path: string, pack: string): Problem {
  if (error instanceof PatchError) return problemOf(error, pack);
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return errorProblem('UNREADABLE', `${path} cannot be read (${errno})`, { pack, path });
}
