// Finds the packs of a home and reads what they are made of (Carbon rules 5 to 11). Reads only; everything odd is a problem
// that names the pack. Order is decided here, layers in the plan.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { parseAbsorbed } from './carbon-state.js';
import { errorProblem, notice, type Problem, problemOf } from '../problem.js';
import type { Files } from '../system/files.js';
import type { FileEntry } from './entry.js';
import type { Inventory, Wanted } from './inventory.js';
import { jarTargetName } from './jar.js';
import { ABSORBED_LIST, absolute, BACKUP_PACK, display, HELD_FOLDER, type Layout, rooted } from './layout.js';
import type { Pack, PackDirectory, PackFile, PackKind } from './pack.js';
import { type TreeEntry, walkTree } from './tree.js';

export interface PackRules {
  readonly order: 'lexicographic' | 'natural';
  /** Carbon's own patcher runs after us: its reading of the folders wins, or the pack is held. */
  readonly companion: boolean;
}

/** A pack that was found, not yet read. */
export interface ListedPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly held: boolean;
}

export interface PackListing {
  /** The one that applies: the last of its kind (Carbon rule 7). */
  readonly servicepack: ListedPack | undefined;
  readonly olderServicepacks: readonly ListedPack[];
  /** In order, without `patch0000`. */
  readonly patches: readonly ListedPack[];
  readonly hasBackup: boolean;
  /** Plain files among the service packs that sort last and hide them from Carbon. */
  readonly hidingFiles: readonly string[];
  readonly problems: readonly Problem[];
}

const LIST_LIMIT_BYTES = 1024 * 1024;

/** @throws PatchError NOT_A_DIRECTORY, UNREADABLE */
export function listPacks(files: Files, layout: Layout, rules: PackRules): PackListing {
  const problems: Problem[] = [];
  const patches = listFolder(files, layout, 'patch', rules, problems);
  const servicepacks = listFolder(files, layout, 'servicepack', rules, problems);
  const real = patches.packs.filter((pack) => pack.name !== BACKUP_PACK);
  warnOfOrder(real, rules, problems);
  const last = servicepacks.packs.at(-1);
  const hidingFiles = last === undefined ? [] : servicepacks.plainFiles.filter((name) => name > last.name);
  for (const name of hidingFiles) {
    const path = display(layout, rooted('servicepacks', name));
    problems.push(
      notice('NEAR_MISS', 'warning', `${path} is a plain file, no service pack; ${last?.name} applies`, {
        path,
        hint: `Move ${path} away: Carbon’s own patcher would take it for the last service pack.`,
      }),
    );
  }
  return {
    servicepack: last,
    olderServicepacks: servicepacks.packs.slice(0, -1),
    patches: real,
    hasBackup: patches.packs.length !== real.length,
    hidingFiles,
    problems,
  };
}

function listFolder(
  files: Files,
  layout: Layout,
  kind: PackKind,
  rules: PackRules,
  problems: Problem[],
): { packs: ListedPack[]; plainFiles: string[] } {
  const root = kind === 'patch' ? 'patches' : 'servicepacks';
  const folder = layout[root];
  const names = listNames(files, folder, problems);
  const packs = new Map<string, ListedPack>();
  const plainFiles: string[] = [];
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const stat = files.stat(`${folder}/${name}`);
    if (stat === undefined) continue;
    if (stat.kind === 'directory' && name.startsWith(kind)) {
      packs.set(name, { name, kind, held: false });
      continue;
    }
    const path = display(layout, rooted(root, name));
    if (stat.kind === 'link' && name.startsWith(kind)) {
      problems.push(
        errorProblem('PACK_REFUSED', `${path} is a link; a pack must be a folder`, {
          pack: name,
          path,
          hint: `Put the folder itself in place of the link ${path}.`,
        }),
      );
    } else {
      if (name.startsWith(kind)) plainFiles.push(name);
      const miss = nearMiss(name, kind, stat.kind === 'directory', path);
      if (miss !== undefined) problems.push(miss);
    }
  }
  const heldFolder = join(folder, HELD_FOLDER);
  if (files.stat(heldFolder)?.kind === 'directory') {
    for (const name of files.list(heldFolder)) {
      const isPack = name.startsWith(kind) && files.stat(join(heldFolder, name))?.kind === 'directory';
      if (isPack && !packs.has(name)) packs.set(name, { name, kind, held: true });
    }
  }
  return { packs: [...packs.values()].sort((a, b) => comparePackNames(a.name, b.name, rules.order)), plainFiles };
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
  if (!isFolder && lower.endsWith('.zip') && lower.includes(kind))
    return says(`${path} is not unpacked; only folders count`, 'Unpack it, or take it in with prepatch add.');
  return undefined;
}

function warnOfOrder(packs: readonly ListedPack[], rules: PackRules, problems: Problem[]): void {
  if (rules.order === 'natural') return;
  const natural = [...packs].sort((a, b) => comparePackNames(a.name, b.name, 'natural'));
  const first = packs.findIndex((pack, index) => pack.name !== natural[index]?.name);
  if (first < 0) return;
  const [early, late] = [packs[first], natural[first]];
  problems.push(
    notice(
      'ORDER_SURPRISE',
      'warning',
      `${early?.name} is applied before ${late?.name}: names are compared letter by letter`,
      {
        hint: 'Write the numbers with as many digits each (patch0009, patch0010), or set order: natural.',
      },
    ),
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

export interface ReadOptions {
  readonly rules: PackRules;
  readonly deep: boolean;
  /** Whether a packed file with a declared SHA-256 needs one computed. */
  readonly progress?: (doneItems: number, totalItems: number, doneBytes: number, totalBytes: number) => void;
}

interface Walked {
  readonly listed: ListedPack;
  readonly top: string;
  readonly folder: Pack['folder'];
  readonly absorbs: readonly string[];
  readonly entries: readonly TreeEntry[];
  readonly problems: Problem[];
}

/** Reads packs, in order: their files with digests, sizes and targets. What is wrong with one is in its `problems`. */
export async function readPacks(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  listed: readonly ListedPack[],
  options: ReadOptions,
): Promise<Pack[]> {
  const walked = listed.map((pack) => walkPack(files, layout, pack));
  const wanted: Wanted[] = [];
  for (const one of walked) {
    for (const entry of one.entries) {
      if (entry.stat.kind !== 'file') continue;
      wanted.push({
        path: `${one.top}/${entry.path}`,
        stat: entry.stat,
        withSha256: false,
        asJar: isJarName(entry.path),
      });
    }
  }
  const totalBytes = wanted.reduce((sum, want) => sum + want.stat.sizeBytes, 0);
  const learned = await inventory.learn(wanted, options.deep, (items, bytes) =>
    options.progress?.(items, wanted.length, bytes, totalBytes),
  );
  let next = 0;
  return walked.map((one) => {
    const files: PackFile[] = [];
    const directories: PackDirectory[] = [];
    for (const entry of one.entries) {
      if (entry.stat.kind === 'directory') {
        directories.push({
          target: rooted('plugins', entry.path),
          entry: { kind: 'directory', mode: entry.stat.mode & 0o777 },
        });
      } else if (entry.stat.kind === 'file') {
        const result = learned[next++];
        if (result === undefined) throw new Error('prepatch has a defect: a pack’s file was not read');
        const file = packFile(layout, one, entry, result, options.rules);
        if (file !== undefined) files.push(file);
      }
    }
    checkTargets(layout, one, files, directories, options.rules);
    const broken = one.problems.some((problem) => problem.severity === 'error');
    return {
      name: one.listed.name,
      kind: one.listed.kind,
      folder: one.folder,
      held: one.listed.held,
      absorbs: one.absorbs,
      files: broken ? [] : files,
      directories: broken ? [] : directories,
      problems: one.problems,
    };
  });
}

function isJarName(path: string): boolean {
  return !path.includes('/') && path.endsWith('.jar');
}

/** The rooted folder of a pack, held or not. */
export function packFolder(pack: ListedPack): Pack['folder'] {
  return rooted(
    pack.kind === 'patch' ? 'patches' : 'servicepacks',
    pack.held ? `${HELD_FOLDER}/${pack.name}` : pack.name,
  );
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

function walkPack(files: Files, layout: Layout, listed: ListedPack): Walked {
  const folder = packFolder(listed);
  const own = absolute(layout, folder);
  const top = listed.kind === 'servicepack' ? join(own, 'lib') : own;
  const problems: Problem[] = [];
  let absorbs: readonly string[] = [];
  let entries: readonly TreeEntry[] = [];
  const where = { pack: listed.name, path: display(layout, own) };
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
      if (files.stat(top)?.kind !== 'directory')
        problems.push(
          errorProblem('PACK_REFUSED', `${listed.name} has no folder lib`, {
            ...where,
            hint: 'Copy the whole service pack; lib may be empty, but must be there.',
          }),
        );
      absorbs = list ?? [];
    }
    if (files.stat(top)?.kind === 'directory') entries = walkTree(files, top);
  } catch (error) {
    problems.push(readingProblem(error, top, listed.name));
  }
  for (const entry of entries) {
    if (entry.stat.kind === 'file' || entry.stat.kind === 'directory') continue;
    const path = display(layout, `${top}/${entry.path}`);
    if (entry.stat.kind === 'link')
      problems.push(
        errorProblem('PACK_REFUSED', `${path} is a link; a pack may hold only files and folders`, {
          pack: listed.name,
          path,
          hint: `Put the file itself in place of the link ${path}.`,
        }),
      );
    else
      problems.push(
        errorProblem('PACK_REFUSED', `${path} is neither a file nor a folder`, {
          pack: listed.name,
          path,
          hint: `Remove ${path}.`,
        }),
      );
  }
  if (
    listed.kind === 'patch' &&
    entries.length > 0 &&
    entries[0]?.path === listed.name &&
    entries.every((entry) => entry.path === listed.name || entry.path.startsWith(`${listed.name}/`))
  ) {
    problems.push(
      errorProblem(
        'PACK_REFUSED',
        `${listed.name} holds only a folder ${listed.name}: it was unpacked one level too deep`,
        { ...where, hint: `Move the content of ${where.path}/${listed.name} up into ${where.path}.` },
      ),
    );
  }
  for (const entry of entries) {
    if (listed.kind === 'patch' && /^readme/i.test(entry.path) && !entry.path.includes('/')) {
      problems.push(
        notice('README_IN_PACK', 'info', `${entry.path} of ${listed.name} is copied to plugins, as Carbon does`, {
          pack: listed.name,
          path: display(layout, `${top}/${entry.path}`),
          hint: 'Keep documentation outside the pack’s folder.',
        }),
      );
    }
  }
  return { listed, top, folder, absorbs, entries, problems };
}

function readingProblem(error: unknown, path: string, pack: string): Problem {
  if (error instanceof PatchError) return problemOf(error, pack);
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return errorProblem('UNREADABLE', `${path} cannot be read (${errno})`, { pack, path });
}

function packFile(
  layout: Layout,
  one: Walked,
  entry: TreeEntry,
  result: Awaited<ReturnType<Inventory['learn']>>[number],
  rules: PackRules,
): PackFile | undefined {
  const show = () => display(layout, `${one.top}/${entry.path}`);
  const pack = one.listed.name;
  if (result.kind === 'failed') {
    one.problems.push(readingProblem(result.error, show(), pack));
    return undefined;
  }
  const { facts } = result;
  const refuse = (message: string, hint: string) => {
    one.problems.push(errorProblem('PACK_REFUSED', message, { pack, path: show(), hint }));
    return undefined;
  };
  let name = entry.path;
  let bundle: PackFile['bundle'];
  if (facts.jar !== undefined) {
    if (facts.jar.kind === 'bad')
      return refuse(`${show()} is no sound JAR: ${facts.jar.reason}`, `Copy ${show()} again, completely.`);
    const target = jarTargetName(entry.path, facts.jar);
    if (target.kind === 'refused')
      return refuse(`${show()}: ${target.reason}`, 'Ask the author of the pack for a corrected JAR.');
    name = target.name;
    if (rules.companion && facts.jar.hasManifest === false)
      return refuse(
        `${show()} has no manifest; Carbon’s own patcher would stop at it at every start`,
        'Ask the author of the pack for a JAR with a manifest.',
      );
    if (facts.jar.bundle !== undefined) {
      bundle = { symbolicName: facts.jar.bundle.symbolicName, version: facts.jar.bundle.version };
      if (rules.companion && facts.jar.bundle.rawSymbolicName !== facts.jar.bundle.symbolicName) {
        return refuse(
          `${show()}: Carbon’s own patcher would take the blank in its Bundle-SymbolicName for a part of the name`,
          'Ask the author of the pack for a JAR without a blank before the parameters.',
        );
      }
    }
  }
  const fileEntry: FileEntry = {
    kind: 'file',
    md5: facts.md5,
    sizeBytes: entry.stat.sizeBytes,
    mode: entry.stat.mode & 0o777,
  };
  const sub = one.listed.kind === 'servicepack' ? `lib/${entry.path}` : entry.path;
  const source = rooted(
    one.listed.kind === 'patch' ? 'patches' : 'servicepacks',
    `${one.listed.held ? `${HELD_FOLDER}/` : ''}${pack}/${sub}`,
  );
  return {
    fileName: entry.path,
    source,
    target: rooted('plugins', name),
    entry: fileEntry,
    ...(bundle === undefined ? {} : { bundle }),
  };
}

/** Two files of one pack that land on one path, a folder that Carbon's own patcher cannot take. */
function checkTargets(
  layout: Layout,
  one: Walked,
  files: readonly PackFile[],
  directories: readonly PackDirectory[],
  rules: PackRules,
): void {
  const pack = one.listed.name;
  const path = display(layout, one.folder);
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
