// One look at a home: packs, plugins, state files. Reads only what planning needs; what has not changed since an earlier
// look is known from the cache and not read again.

import { join, sep } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { Ledger } from '../plan/ledger.js';
import type { BackupFile, Observation, SeenPlugin } from '../plan/observation.js';
import { notice, type Problem } from '../problem.js';
import { md5OfText } from '../system/digest-text.js';
import type { Files, FileStat } from '../system/files.js';
import { formatJars, formatNames, parseJars, parseNames } from './carbon-state.js';
import { ABSENT, type DirectoryEntry, type FileEntry, type Md5, type RootedPath, type Sha256 } from './entry.js';
import { findCollisions } from './find-collisions.js';
import type { Inventory, Wanted } from './inventory.js';
import {
  absolute,
  BACKUP_PACK,
  bundlesInfoPath,
  display,
  HELD_FOLDER,
  type Layout,
  rooted,
  STATE_FOLDER,
} from './layout.js';
import { findHidingFiles, listPacks, openPacks, type PackListing } from './list-packs.js';
import { listReadable } from './list-readable.js';
import { isTouched, lookElsewhere, type Touched, touchedBy, toSeen } from './look-elsewhere.js';
import type { Pack } from './pack.js';
import type { PackRules } from './pack-rules.js';
import { type ListedPack, type ListedZip, PAYLOAD_FOLDER } from './pack-source.js';
import { readPacks } from './read-packs.js';
import { type ManifestRules, type Selection, selectPacks } from './select-packs.js';
import { walkTree } from './tree.js';
import { type WalkedPack, walkPack } from './walk-pack.js';

export interface Exclusion {
  readonly name: string;
  readonly kind: Pack['kind'];
  readonly reason: string;
  /** A zip that is not to be opened; `name` is then its own, which need not be that of the pack in it. */
  readonly zip?: RootedPath;
}

export interface LookOptions {
  readonly rules: PackRules;
  readonly deep: boolean;
  readonly excluded: readonly Exclusion[];
  readonly ledger: Ledger | undefined;
  readonly manifests: ManifestRules;
  readonly progress?: (doneItems: number, totalItems: number, doneBytes: number, totalBytes: number) => void;
}

const STATE_LIMIT_BYTES = 64 * 1024 * 1024;

/** @throws PatchError NOT_A_DIRECTORY, UNREADABLE */
export async function observe(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  options: LookOptions,
): Promise<Observation> {
  const { ledger, rules, excluded } = options;
  const problems: Problem[] = [];
  if (inventory.cache.damaged) {
    problems.push(
      notice('CACHE_DAMAGED', 'info', 'the cache of digests is damaged; what it does not tell is read again', {
        path: display(layout, layout.cache),
        hint: 'Nothing has to be done.',
      }),
    );
  }
  const isMeant = (one: Exclusion, pack: ListedPack) =>
    one.kind === pack.kind && (one.zip === undefined ? one.name === pack.name : one.zip === pack.zip?.path);
  const isExcluded = (pack: ListedPack) => excluded.some((one) => isMeant(one, pack));
  // Which pack a zip is, and so whether it is left out, is known when it has been opened.
  const staysClosed = ({ path }: ListedZip) => excluded.some((one) => one.zip === path);
  const listing = await openPacks(files, layout, inventory, listPacks(files, layout, rules), rules, staysClosed);
  problems.push(...listing.problems);
  const candidates = [
    ...listing.olderServicepacks,
    ...(listing.servicepack === undefined ? [] : [listing.servicepack]),
  ];
  const { manifests } = options;
  const selection = await selectPacks(files, layout, listing, { rules, manifests, ledger, isExcluded });
  const { servicepack, absorbs, walked } = selection;
  problems.push(...selection.problems);
  const listed = [...candidates, ...listing.patches];
  const leftOut = [...excluded, ...selection.leftOut].map((one) => {
    const there = listed.find((pack) => isMeant(one, pack));
    const zip = there?.zip?.path;
    return { ...one, held: there?.held === true, ...(zip === undefined ? {} : { zip }) };
  });
  const leaving = new Set([servicepack?.zip?.path, ...leftOut.map((one) => one.zip)]);
  const hiding = findHidingFiles(layout, listing, servicepack, leaving, rules);
  problems.push(...hiding.problems);
  warnOfAbsorbList(layout, servicepack, absorbs, listing.patches, problems);
  const packs = await readPacks(files, layout, inventory, walked, {
    rules,
    deep: options.deep,
    kept: listing.kept,
    ...(options.progress === undefined ? {} : { progress: options.progress }),
  });
  const state = readState(files, layout);
  const passedOver =
    ledger === undefined
      ? await readPassedOver(files, layout, inventory, listing, selection, state.names, options)
      : [];
  const { backup, backupFolders } =
    ledger === undefined && listing.backup === 'folder'
      ? await readBackup(files, layout, inventory, options.deep)
      : { backup: new Map<RootedPath, BackupFile>(), backupFolders: new Map<RootedPath, DirectoryEntry>() };
  const touched = touchedBy(packs, ledger);
  const plugins = await lookAtPlugins(files, layout, inventory, {
    packs: [...packs, ...passedOver],
    ledger,
    backup,
    touched,
    claimed: ledger === undefined ? state.jars : undefined,
    deep: options.deep,
  });
  const elsewhere = await lookElsewhere(files, layout, inventory, touched, { ledger, deep: options.deep });
  problems.push(...elsewhere.problems);
  problems.push(...findCollisions(files, layout, { packs, ledger, touched, plugins, elsewhere: elsewhere.seen }));
  const stateFiles = [layout.namesFile, ...(layout.jarsFile === undefined ? [] : [layout.jarsFile]), layout.ledger];
  return {
    layout,
    companion: rules.companion,
    packs,
    passedOver,
    excluded: leftOut,
    leftovers: rules.companion ? findLeftovers(ledger, listing) : [],
    zipsInUse: listing.zips,
    elsewhere: elsewhere.seen,
    ...(selection.homeVersion === undefined ? {} : { homeVersion: selection.homeVersion }),
    absorbed: listing.patches.filter((pack) => absorbs.includes(pack.name)).map((pack) => pack.name),
    hidingFiles: hiding.names,
    kept: listing.kept,
    problems,
    hasBackup: listing.backup !== undefined,
    backupAbsorbed: absorbs.includes(BACKUP_PACK),
    backup,
    backupFolders,
    state,
    ledger,
    plugins,
    stateEntries: new Map(stateFiles.map((path) => [stateRooted(layout, path), stateEntry(files, inventory, path)])),
    bundlesInfo: readBundlesInfo(files, layout),
    missingDirectories: missingDirectories(files, layout, [
      layout.plugins,
      ...stateFiles.map((path) => join(path, '..')),
    ]),
    stored: readStore(files, layout),
  };
}

/** At first contact: packs that Carbon has applied and that a service pack absorbs, or follows, by now: what they are is there to be read. */
async function readPassedOver(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  listing: PackListing,
  { absorbs, walked }: Selection,
  claims: readonly string[],
  { rules, manifests, deep }: LookOptions,
): Promise<readonly Pack[]> {
  const found: WalkedPack[] = [];
  for (const pack of [...listing.olderServicepacks, ...listing.patches.filter(({ name }) => absorbs.includes(name))]) {
    if (!claims.includes(pack.name) || pack.zip !== undefined || walked.some((one) => one.listed === pack)) continue;
    const { manifests: beside, payloads } = listing;
    found.push(await walkPack(files, layout, pack, { rules, manifests: beside, payloads, parse: manifests.parse }));
  }
  const packs = await readPacks(files, layout, inventory, found, { rules, deep, kept: listing.kept });
  return packs.filter(
    (pack) => pack.manifest === undefined && !pack.problems.some(({ severity }) => severity === 'error'),
  );
}

/** What was unpacked beside patches that have been taken away. Kept under names that begin as no pack's does. */
function findLeftovers(ledger: Ledger | undefined, listing: PackListing): Observation['leftovers'] {
  const there = new Set(listing.patches.map((pack) => pack.name));
  const freeName = (name: string) => {
    let free = name;
    for (let n = 2; listing.kept.patch.has(free); n++) free = `${name}.${n}`;
    return rooted('patches', `${HELD_FOLDER}/${free}`);
  };
  return (ledger?.packs ?? []).flatMap(({ name, kind, manifest }) => {
    if (kind !== 'patch' || manifest === undefined || there.has(name)) return [];
    const file = `${name}.json`;
    return [
      ...(listing.manifests.has(file) ? [{ path: rooted('patches', file), keptAs: freeName(file) }] : []),
      ...(listing.payloads.has(name)
        ? [{ path: rooted('patches', `${PAYLOAD_FOLDER}/${name}`), keptAs: freeName(`payload-of-${name}`) }]
        : []),
    ];
  });
}

/** The rooted path of a state file: below `state`, `patches` or the home, whichever holds it. */
export function stateRooted(layout: Layout, path: string): RootedPath {
  for (const root of ['state', 'patches', 'components', 'home'] as const) {
    const folder = layout[root];
    if (isBelow(folder, path)) return rooted(root, path.slice(folder.length + 1).replaceAll(sep, '/'));
  }
  throw new PatchError('OUTSIDE_HOME', `${path} is not inside the home ${layout.home}`, { path });
}

function warnOfAbsorbList(
  layout: Layout,
  servicepack: ListedPack | undefined,
  absorbs: readonly string[],
  patches: readonly ListedPack[],
  problems: Problem[],
): void {
  if (servicepack === undefined) return;
  const there = new Set(patches.map((patch) => patch.name));
  for (const name of absorbs) {
    const trimmed = name.trim();
    if (there.has(name) || name === trimmed || !there.has(trimmed)) continue;
    const path = display(layout, rooted('servicepacks', `${servicepack.name}/servicepack_patches.txt`));
    problems.push(
      notice(
        'ABSORB_LIST',
        'warning',
        `${path} lists ${JSON.stringify(name)}, with blanks; ${trimmed} is not absorbed`,
        { pack: servicepack.name, path, hint: 'Remove the blanks from that line.' },
      ),
    );
  }
}

/** The names in Carbon’s list of applied packs, in its order. @throws PatchError NOT_A_FILE, UNREADABLE */
export function readNames(files: Files, layout: Layout): readonly string[] {
  const names = readText(files, layout.namesFile);
  return names === undefined ? [] : parseNames(names);
}

function readState(files: Files, layout: Layout): Observation['state'] {
  const names = readText(files, layout.namesFile);
  const jars = layout.jarsFile === undefined ? undefined : readText(files, layout.jarsFile);
  const state = {
    names: names === undefined ? [] : parseNames(names),
    jars: jars === undefined ? undefined : parseJars(jars).jars,
  };
  return {
    ...state,
    namesFile: names === formatNames(state.names),
    jarsFile: state.jars !== undefined && jars === formatJars(state.jars),
  };
}

function readText(files: Files, path: string): string | undefined {
  const stat = files.stat(path);
  if (stat === undefined) return undefined;
  if (stat.kind !== 'file') throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
  try {
    return files.read(path, STATE_LIMIT_BYTES).toString('utf8');
  } catch (error) {
    if (error instanceof PatchError) throw error;
    throw new PatchError('UNREADABLE', `${path} cannot be read (${errnoOf(error) ?? 'unknown error'})`, {
      path,
      cause: error,
    });
  }
}

/** What is there before a state file is written. It is not in the way of a look that may not read: it is small, or known. */
export function stateEntry(files: Files, inventory: Inventory | undefined, path: string): FileEntry | typeof ABSENT {
  const stat = files.stat(path);
  if (stat === undefined) return ABSENT;
  if (stat.kind !== 'file') throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
  const { md5 } = inventory?.cache.lookup(path, stat) ?? files.digest(path, false);
  return { kind: 'file', md5, sizeBytes: stat.sizeBytes, mode: stat.mode };
}

function missingDirectories(files: Files, layout: Layout, folders: readonly string[]): RootedPath[] {
  const missing = new Set<string>();
  for (const folder of folders) {
    const chain: string[] = [];
    for (
      let path = folder;
      (isBelow(layout.home, path) || isBelow(layout.components, path)) && files.stat(path) === undefined;
      path = join(path, '..')
    )
      chain.unshift(path);
    for (const path of chain) if (path !== layout.state && !isBelow(layout.state, path)) missing.add(path);
  }
  return [...missing].map((path) => stateRooted(layout, path));
}

function readBundlesInfo(files: Files, layout: Layout): Observation['bundlesInfo'] {
  const found = new Map<RootedPath, { text: string; entry: FileEntry }>();
  for (const profile of listReadable(files, layout.components)) {
    if (profile.startsWith('.') || profile === 'plugins' || profile === 'patches' || profile === 'servicepacks')
      continue;
    const path = bundlesInfoPath(layout, profile);
    const stat = files.stat(path);
    if (stat?.kind !== 'file') continue;
    const bytes = files.read(path, STATE_LIMIT_BYTES);
    const text = bytes.toString('utf8');
    // A file that is not UTF-8 is not touched: it could not be written back as it was.
    if (!Buffer.from(text, 'utf8').equals(bytes)) continue;
    const entry: FileEntry = { kind: 'file', md5: md5OfText(text), sizeBytes: bytes.length, mode: stat.mode };
    found.set(stateRooted(layout, path), { text, entry });
  }
  return found;
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder + sep);
}

function readStore(files: Files, layout: Layout): Set<Sha256> {
  if (files.stat(layout.store)?.kind !== 'directory') return new Set();
  return new Set(files.list(layout.store).filter((name) => /^[0-9a-f]{64}$/.test(name)) as Sha256[]);
}

async function readBackup(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  deep: boolean,
): Promise<Pick<Observation, 'backup' | 'backupFolders'>> {
  const top = join(layout.patches, BACKUP_PACK);
  const all = walkTree(files, top);
  const entries = all.filter((entry) => entry.stat.kind === 'file');
  const wanted = entries.map(
    (entry): Wanted => ({
      path: `${top}/${entry.path}`,
      stat: entry.stat,
      withSha256: true,
      asJar: entry.path.endsWith('.jar'),
    }),
  );
  const learned = await inventory.learn(wanted, deep);
  const backup = new Map<RootedPath, BackupFile>();
  for (const [index, entry] of entries.entries()) {
    const result = learned[index];
    if (result?.kind !== 'facts') continue;
    const { md5, sha256, jar } = result.facts;
    backup.set(rooted('plugins', entry.path), {
      source: rooted('patches', `${BACKUP_PACK}/${entry.path}`),
      entry: {
        kind: 'file',
        md5,
        ...(sha256 === undefined ? {} : { sha256 }),
        sizeBytes: entry.stat.sizeBytes,
        mode: entry.stat.mode & 0o777,
      },
      sound: jar?.kind !== 'bad',
    });
  }
  const backupFolders = new Map<RootedPath, DirectoryEntry>();
  for (const { path, stat } of all)
    if (stat.kind === 'directory')
      backupFolders.set(rooted('plugins', path), { kind: 'directory', mode: stat.mode & 0o777 });
  return { backup, backupFolders };
}

interface PluginNeeds {
  readonly packs: readonly Pack[];
  readonly ledger: Ledger | undefined;
  readonly backup: ReadonlyMap<RootedPath, BackupFile>;
  readonly touched: Touched;
  /** At first contact, the final names that Carbon's own files say are patched. */
  readonly claimed: ReadonlyMap<string, Md5> | undefined;
  readonly deep: boolean;
}

async function lookAtPlugins(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  needs: PluginNeeds,
): Promise<Map<RootedPath, SeenPlugin>> {
  const plugins = new Map<RootedPath, SeenPlugin>();
  const folder = layout.plugins;
  const top = files.stat(folder);
  if (top === undefined) return plugins;
  if (top.kind === 'file' || top.kind === 'other')
    throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder });
  listReadable(files, folder);
  const covered = new Set<RootedPath>(
    needs.packs.flatMap((pack) => [...pack.files, ...pack.directories].map(({ target }) => target)),
  );
  const wanted: Wanted[] = [];
  const rootedPaths: RootedPath[] = [];
  for (const entry of walkTree(files, folder, (path) => path === STATE_FOLDER)) {
    const path = `plugins:${entry.path}` as RootedPath;
    plugins.set(path, toSeen(entry.stat));
    const need = needOf(path, entry.stat, covered, needs);
    if (entry.stat.kind !== 'file' || need === 'none') continue;
    wanted.push({
      path: `${folder}/${entry.path}`,
      stat: entry.stat,
      withSha256: need === 'original',
      asJar: needs.backup.size > 0 && entry.path.endsWith('.jar'),
    });
    rootedPaths.push(path);
  }
  const learned = await inventory.learn(wanted, needs.deep);
  for (const [index, path] of rootedPaths.entries()) {
    const result = learned[index];
    const seen = plugins.get(path);
    if (result === undefined || seen?.kind !== 'file') continue;
    if (result.kind === 'failed') {
      if (result.error instanceof PatchError) throw result.error;
      throw new PatchError(
        'UNREADABLE',
        `${absolute(layout, path)} cannot be read (${errnoOf(result.error) ?? 'unknown error'})`,
        { path: absolute(layout, path), cause: result.error },
      );
    }
    const { md5, sha256, jar } = result.facts;
    plugins.set(path, {
      ...seen,
      md5,
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(jar === undefined ? {} : { sound: jar.kind === 'jar' }),
    });
  }
  return plugins;
}

/** `original`: its content may have to be kept, so SHA-256 too. `digest`: MD5 suffices. */
function needOf(
  path: RootedPath,
  stat: FileStat,
  covered: ReadonlySet<RootedPath>,
  needs: PluginNeeds,
): 'none' | 'digest' | 'original' {
  const base = needs.ledger?.base[path];
  if (base !== undefined) return 'digest';
  if (covered.has(path) || needs.backup.size > 0 || isTouched(needs.touched, path)) return 'original';
  if (needs.claimed?.has(path.slice('plugins:'.length))) return 'original';
  if (needs.deep) return 'digest';
  const seen = needs.ledger?.seen[path];
  if (seen === undefined || seen.md5 === undefined) return 'none';
  return seen.sizeBytes === stat.sizeBytes && seen.mtimeMs !== stat.mtimeMs ? 'digest' : 'none';
}
