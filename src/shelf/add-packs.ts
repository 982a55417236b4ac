// `prepatch add`: folders, zips and bare JARs into the drop folders. They are copied under a name that does not count, checked
// there exactly as a start would check them in their place, and renamed; all of them or none. A start may run meanwhile: what is
// renamed into place is for the next one.

import { basename, dirname, extname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { inspectArchive } from '../home/archive.js';
import { verifyArchive } from '../home/archive-entry.js';
import { BACKUP_PACK, display, HELD_FOLDER, type Layout } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import { MANIFEST } from '../home/pack-source.js';
import type { PlanReport } from '../patcher/reports.js';
import type { Problem } from '../problem.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { randomName } from '../system/transaction-id.js';
import type { Files } from '../system/files.js';
import { toPatchError } from '../transaction/to-patch-error.js';
import { dropFolder, findPacks, kindOfName, readZip } from './find-pack.js';
import { listShelf } from './list-shelf.js';
import { newChanges, newProblems, type PlannedChange, previewPlan, type ShelfDoors } from './shelf-doors.js';
import { copyTree, isSameTree, ownName, removeQuietly, sizeOfTree, sweepOwn } from './tree-copy.js';
import { unpackZip } from './unpack-zip.js';

export interface AddRequest {
  /** Absolute. */
  readonly paths: readonly string[];
  readonly name: string | undefined;
  readonly dryRun: boolean;
}

/** A bare JAR that became a pack of its own. MD5s in hex; `before` is null where it is a new plugin. */
export interface AddedJar {
  readonly file: string;
  readonly target: string;
  readonly before: string | null;
  readonly after: string;
}

export interface AddedPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly outcome: 'added' | 'would-be-added' | 'there-already';
  readonly sources: readonly string[];
  /** Relative to the home. */
  readonly path: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly jars: readonly AddedJar[];
}

export interface AddReport {
  readonly home: string;
  readonly dryRun: boolean;
  readonly packs: readonly AddedPack[];
  /** What the next start will do because of it. */
  readonly changes: readonly PlannedChange[];
  readonly problems: readonly Problem[];
}

/** A pack that is to be added: what comes from where. */
interface Drop {
  readonly name: string;
  readonly kind: PackKind;
  readonly sources: readonly string[];
  /** What it is copied from; `place` is relative to the drop folder. */
  readonly parts: readonly DropPart[];
  readonly isBare: boolean;
}

interface DropPart {
  readonly source: string;
  readonly place: string;
  /** It was unpacked for this run and can be moved. */
  readonly isOurs?: true;
}

interface StagedDrop extends Drop {
  readonly files: number;
  readonly sizeBytes: number;
  readonly staged: readonly { readonly path: string; readonly target: string }[];
}

/**
 * Adds packs, or says what adding them would do.
 * @throws PatchError BAD_USAGE, PACK_REFUSED and the other codes of a pack's problems, CONFLICT, NO_SPACE, UNREADABLE, UNWRITABLE
 */
export async function addPacks(doors: ShelfDoors, request: AddRequest): Promise<AddReport> {
  const { files, layout } = doors;
  const folders = new Map<PackKind, string>();
  try {
    const drops = await readDrops(doors, request, folders);
    const fresh: Drop[] = [];
    for (const drop of drops) if (!(await isThereAlready(doors, drop))) fresh.push(drop);
    const staged: StagedDrop[] = [];
    for (const drop of fresh) staged.push(await stageDrop(doors, drop, folders));
    const before = await previewPlan(doors);
    const shown = new Map(staged.flatMap((drop) => drop.staged.map((part) => [part.target, part.path] as const)));
    const plan = await previewPlan(doors, { shown });
    for (const drop of staged) refuseBroken(layout, drop, plan);
    if (!request.dryRun) await place(doors, staged);
    const packs: AddedPack[] = [];
    for (const drop of drops) {
      const one = staged.find((other) => other.name === drop.name);
      packs.push({
        name: drop.name,
        kind: drop.kind,
        outcome: one === undefined ? 'there-already' : request.dryRun ? 'would-be-added' : 'added',
        sources: drop.sources,
        path: display(layout, join(dropFolder(layout, drop.kind), drop.parts[0]?.place ?? drop.name)),
        files: one?.files ?? 0,
        sizeBytes: one?.sizeBytes ?? 0,
        jars: one === undefined || !drop.isBare ? [] : await describeJars(doors, drop, plan),
      });
    }
    return {
      home: layout.home,
      dryRun: request.dryRun,
      packs,
      changes: newChanges(plan, before),
      problems: newProblems(plan, before),
    };
  } catch (error) {
    throw toPatchError(error, 'adding to', layout.components, 'UNWRITABLE');
  } finally {
    for (const folder of folders.values()) removeQuietly(files, folder);
  }
}

// --- what the paths are

async function readDrops(doors: ShelfDoors, request: AddRequest, folders: Map<PackKind, string>): Promise<Drop[]> {
  const { files } = doors;
  const { paths, name } = request;
  if (paths.length === 0)
    throw new PatchError('BAD_USAGE', 'name what is to be added: folders, zips or JARs', {
      hint: 'See prepatch add --help.',
    });
  if (name !== undefined && kindOfName(name) === undefined) throw badName(name, name);
  const jars: string[] = [];
  const drops: Drop[] = [];
  for (const given of paths) {
    const path = realPathOf(files, given);
    const kind = files.stat(path)?.kind;
    if (kind === 'directory') drops.push(folderDrop(files, path, name));
    else if (kind === 'file' && /\.zip$/i.test(path)) drops.push(await zipDrop(doors, path, name, folders));
    else if (kind === 'file' && path.endsWith('.jar')) jars.push(path);
    else if (kind === 'file' && /\.jar$/i.test(path))
      throw new PatchError('PACK_REFUSED', `${given} is no JAR to the server: only names that end with .jar are`, {
        path: given,
        hint: `Rename it to ${basename(path, extname(path))}.jar, and add that.`,
      });
    else
      throw new PatchError('BAD_USAGE', `${given} is neither a folder nor a zip nor a JAR`, {
        path: given,
        hint: 'Give a folder patchNNNN or servicepackNNN, a zip of one, or a JAR.',
      });
  }
  if (jars.length > 0) drops.push(await jarsDrop(doors, jars, name));
  if (name !== undefined && drops.length > 1)
    throw new PatchError('BAD_USAGE', `--name ${name} is for one pack, and ${drops.length} are given`, {
      hint: 'Add them one by one.',
    });
  const twice = drops.find((drop, index) => drops.findIndex((other) => other.name === drop.name) !== index);
  if (twice !== undefined)
    throw new PatchError('BAD_USAGE', `${twice.name} is given twice`, { hint: 'Give each pack once.' });
  return drops;
}

function realPathOf(files: Files, path: string): string {
  try {
    return files.realPath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw new PatchError('BAD_USAGE', `there is no ${path}`, {
        path,
        hint: 'Give a folder patchNNNN or servicepackNNN, a zip of one, or a JAR.',
        cause: error,
      });
    throw toPatchError(error, 'reading', path, 'UNREADABLE');
  }
}

function folderDrop(files: Files, path: string, given: string | undefined): Drop {
  const name = given ?? basename(path);
  const kind = kindOfName(name);
  if (kind === undefined) {
    const inside = files.list(path).filter((entry) => kindOfName(entry) !== undefined);
    const [first] = inside;
    if (first === undefined) throw badName(name, path);
    throw new PatchError('PACK_REFUSED', `${path} is no pack, but holds ${inside.slice(0, 6).join(', ')}`, {
      path,
      hint: `Add what is in it: prepatch add ${join(path, first)}`,
    });
  }
  const manifest = join(dirname(path), `${basename(path)}.json`);
  const hasManifest = files.stat(manifest)?.kind === 'file';
  return {
    name,
    kind,
    sources: [path],
    isBare: false,
    parts: [{ source: path, place: name }, ...(hasManifest ? [{ source: manifest, place: `${name}.json` }] : [])],
  };
}

/** A zip becomes the folder that it holds; one with a manifest, which may name more of the zip than that folder, stays a zip. */
async function zipDrop(
  doors: ShelfDoors,
  path: string,
  given: string | undefined,
  folders: Map<PackKind, string>,
): Promise<Drop> {
  const { files } = doors;
  const listing = await inspectArchive(files, path);
  const refused = listing.kind === 'refused' ? listing : await verifyArchive(files, path, listing.entries);
  if (refused !== undefined)
    throw new PatchError('PACK_REFUSED', `${path} is refused: ${describeRefusal(refused)}`, {
      path,
      hint: 'Get the zip again, from who made it.',
    });
  for (const kind of ['servicepack', 'patch'] as const) {
    const found = await readZip(files, path, kind);
    if (found === undefined) continue;
    const manifest = found.root === '' ? MANIFEST : `${found.root}/${MANIFEST}`;
    if (found.entries.some((entry) => entry.path === manifest)) {
      if (given !== undefined && given !== found.name)
        throw new PatchError('BAD_USAGE', `${path} says itself that it is ${found.name}; --name cannot change that`, {
          path,
          hint: 'Add it without --name.',
        });
      return {
        name: found.name,
        kind,
        sources: [path],
        isBare: false,
        parts: [{ source: path, place: placeOfZip(path, found.name, kind) }],
      };
    }
    const name = given ?? found.name;
    const unpacked = join(ownFolder(doors, kind, folders), `.unpacked-${randomName()}`);
    files.makeDirectory(unpacked);
    await unpackZip(files, path, found.entries, found.folder, unpacked);
    return { name, kind, sources: [path], isBare: false, parts: [{ source: unpacked, place: name, isOurs: true }] };
  }
  throw new PatchError('PACK_REFUSED', `${path} holds no patch and no service pack that can be told`, {
    path,
    hint: 'Unpack it, and add the folder that holds the JARs, with --name patchNNNN.',
  });
}

/** Its own name, where that counts. */
function placeOfZip(path: string, pack: string, kind: PackKind): string {
  const own = basename(path);
  return kindOfName(own) === kind && own.endsWith('.zip') ? own : `${pack}.zip`;
}

function describeRefusal(refused: {
  readonly reason: string;
  readonly detail?: string;
  readonly entry?: string | undefined;
}): string {
  const where = refused.entry === undefined ? '' : `${JSON.stringify(refused.entry)}: `;
  return `${where}${refused.detail ?? refused.reason} (${refused.reason})`;
}

/** Bare JARs of one command are one patch: the next free one, or the one that is named. */
async function jarsDrop(doors: ShelfDoors, jars: readonly string[], given: string | undefined): Promise<Drop> {
  const name = given ?? (await nextFreePatch(doors));
  const kind = kindOfName(name);
  if (kind !== 'patch')
    throw new PatchError('BAD_USAGE', `a JAR can be a patch, and ${name} is the name of a service pack`, {
      hint: 'Give it a name that begins with patch.',
    });
  const names = jars.map((jar) => basename(jar));
  const twice = names.find((one, index) => names.indexOf(one) !== index);
  if (twice !== undefined)
    throw new PatchError('PACK_REFUSED', `${twice} is given twice`, { hint: 'Give each JAR once.' });
  return {
    name,
    kind,
    sources: jars,
    isBare: true,
    parts: jars.map((jar) => ({ source: jar, place: `${name}/${basename(jar)}` })),
  };
}

/** One more than the highest number, with as many digits as the widest, and at least four. Names on the shelf stay theirs. */
async function nextFreePatch({ files, layout }: ShelfDoors): Promise<string> {
  const names = [
    ...(await findPacks(files, layout)).map((pack) => pack.name),
    ...listShelf(files, layout).map((pack) => pack.name),
    BACKUP_PACK,
  ];
  const numbers = names.flatMap((name) => /^patch(\d{1,15})$/.exec(name)?.[1] ?? []);
  const width = Math.max(4, ...numbers.map((digits) => digits.length));
  return `patch${String(Math.max(...numbers.map(Number)) + 1).padStart(width, '0')}`;
}

// --- checks

/** @throws PatchError PACK_REFUSED where another pack has the name */
async function isThereAlready(doors: ShelfDoors, drop: Drop): Promise<boolean> {
  const { files, layout } = doors;
  const existing = (await findPacks(files, layout)).find((pack) => pack.name === drop.name && pack.kind === drop.kind);
  const taken = drop.parts.map((part) => join(dropFolder(layout, drop.kind), part.place));
  const other = taken.find((path) => files.stat(path) !== undefined);
  const top = existing?.parts[0]?.path;
  if (top === undefined && other === undefined) return false;
  if (existing !== undefined && (await areSame(doors, drop, existing.parts))) return true;
  const path = top ?? other ?? drop.name;
  throw new PatchError('PACK_REFUSED', `${display(layout, path)} is there already, with other content`, {
    path: display(layout, path),
    hint: `Give it another name (--name ${await nextFreePatch(doors)}), or take the other one out first: prepatch remove ${drop.name}`,
  });
}

async function areSame(
  doors: ShelfDoors,
  drop: Drop,
  existing: readonly { readonly path: string; readonly place: string }[],
): Promise<boolean> {
  const { files } = doors;
  const [pack] = existing;
  if (drop.isBare && pack !== undefined) {
    const isFolder = files.stat(pack.path)?.kind === 'directory';
    if (!isFolder || files.list(pack.path).length !== drop.parts.length) return false;
  }
  for (const part of drop.parts) {
    const inPack = pack === undefined ? part.source : join(pack.path, basename(part.place));
    const path = drop.isBare ? inPack : existing.find((one) => one.place === part.place)?.path;
    if (path === undefined || files.stat(path)?.kind !== files.stat(part.source)?.kind) return false;
    if (!(await isSameTree(doors, part.source, path))) return false;
  }
  return true;
}

/** The folder of this run in a drop folder; its name does not count as a drop. */
function ownFolder({ files, layout }: ShelfDoors, kind: PackKind, folders: Map<PackKind, string>): string {
  const known = folders.get(kind);
  if (known !== undefined) return known;
  const top = dropFolder(layout, kind);
  ensureFolder(files, top);
  sweepOwn(files, top);
  const folder = ownName(top, 'add');
  files.makeDirectory(folder);
  folders.set(kind, folder);
  return folder;
}

async function stageDrop(doors: ShelfDoors, drop: Drop, folders: Map<PackKind, string>): Promise<StagedDrop> {
  const { files, layout } = doors;
  const top = dropFolder(layout, drop.kind);
  const folder = ownFolder(doors, drop.kind, folders);
  let count = 0;
  let sizeBytes = 0;
  const staged = new Map<string, string>();
  for (const part of drop.parts) {
    const target = join(folder, part.place);
    if (files.stat(dirname(target)) === undefined) files.makeDirectory(dirname(target));
    if (part.isOurs) files.rename(part.source, target);
    const size = part.isOurs ? sizeOfTree(files, target) : await copyTree(doors, part.source, target);
    count += size.files;
    sizeBytes += size.sizeBytes;
    const outer = part.place.split('/', 1)[0] ?? part.place;
    staged.set(join(top, outer), join(folder, outer));
  }
  return { ...drop, files: count, sizeBytes, staged: [...staged].map(([target, path]) => ({ target, path })) };
}

/** What a start would refuse is not added. */
function refuseBroken(layout: Layout, drop: StagedDrop, plan: PlanReport): void {
  const places = drop.staged.map((part) => display(layout, part.target));
  const errors = plan.problems.filter(
    (problem) =>
      (problem.severity === 'error' && problem.pack === drop.name) ||
      (problem.code === 'NEAR_MISS' && problem.path !== undefined && places.includes(problem.path)),
  );
  const [first, ...others] = errors;
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const code = first.severity === 'error' ? (first.code as PatchError['code']) : 'PACK_REFUSED';
  throw new PatchError(code, `${first.message}${more}; nothing was added`, {
    hint: first.hint,
    ...(drop.sources[0] === undefined ? {} : { path: drop.sources[0] }),
  });
}

// --- into place

async function place({ files, bulk, layout }: ShelfDoors, staged: readonly StagedDrop[]): Promise<void> {
  const tops = new Set<string>();
  for (const drop of staged) {
    // What lies beside a pack first: without the pack it says nothing.
    for (const { path, target } of drop.staged.toReversed()) {
      const held = join(dropFolder(layout, drop.kind), HELD_FOLDER, basename(target));
      if (files.stat(target) !== undefined || files.stat(held) !== undefined)
        throw new PatchError('CONFLICT', `${display(layout, target)} came at the same time; it is left as it is`, {
          path: display(layout, target),
          hint: 'Look at it, then add yours again.',
        });
      files.rename(path, target);
      tops.add(dirname(target));
    }
  }
  await bulk.flushDirectories([...tops]);
}

/** Which plugin each JAR takes the place of. */
async function describeJars(doors: ShelfDoors, drop: Drop, plan: PlanReport): Promise<AddedJar[]> {
  const { default: md5File } = await import('md5-file');
  const { layout } = doors;
  const folder = join(dropFolder(layout, drop.kind), drop.name);
  return Promise.all(
    drop.sources.map(async (source): Promise<AddedJar> => {
      const after = await md5File(source);
      const from = display(layout, join(folder, basename(source)));
      const change = plan.changes.find((one) => one.from === from);
      const before = change?.before.kind === 'file' ? change.before.md5 : null;
      // Without a change the plugin is the same already, or a later pack wins.
      const target = change?.path ?? basename(source);
      return { file: basename(source), target, before: change === undefined ? after : before, after };
    }),
  );
}

function badName(name: string, path: string): PatchError {
  const reason =
    name === BACKUP_PACK
      ? `${BACKUP_PACK} is Carbon’s backup and no patch`
      : `${JSON.stringify(name)} is no name of a pack`;
  return new PatchError(name === path ? 'BAD_USAGE' : 'PACK_REFUSED', reason, {
    path,
    hint: 'Names begin with patch or servicepack; give one with --name, such as --name patch0042.',
  });
}
