// First contact: what can be told of a home that has no record of ours. Carbon's state files say what is applied, patch0000
// what the originals were (Carbon rules 11 to 13); what neither says is not guessed. Pure.

import type { Md5, RootedPath } from '../home/entry.js';
import { display, rooted } from '../home/layout.js';
import { errorProblem, notice, type Problem } from '../problem.js';
import { hasError } from './judge-plan.js';
import type { BaseEntry, LedgerFile, LedgerPack, SeenFile } from './ledger.js';
import type { BackupFile, Observation } from './observation.js';
import { toLedgerPack } from './pack-records.js';
import type { Prior } from './prior.js';

/** The state before our first run, as far as it can be proven. */
export function adopt(observation: Observation): Prior {
  const claims = observation.state.names.filter((name) => name !== 'patch0000');
  const problems: Problem[] = [];
  const packs = claimedPacks(observation, claims);
  const missing = claims.filter((name) => !isThere(observation, name));
  const covered = coveredPaths(observation, packs);
  const base: Record<RootedPath, BaseEntry> = {};
  const baseSources = new Map<RootedPath, RootedPath>();
  const restore = new Map<RootedPath, { source: RootedPath; entry: BackupFile['entry'] }>();
  const hasBackup = observation.backup.size > 0;
  const brought = { claimed: contentsOf(packs), all: contentsOf(packs) };
  for (const pack of observation.packs)
    for (const file of pack.files) addContent(brought.all, file.target, file.entry.md5);
  for (const path of covered) {
    const found = baseOf(observation, path, brought, hasBackup, problems);
    if (found === undefined) continue;
    base[path] = found.base;
    if (found.source !== undefined) baseSources.set(path, found.source);
  }
  for (const { target } of packs.flatMap((pack) => pack.directories)) {
    const folder = observation.backupFolders.get(target);
    if (folder !== undefined) base[target] = folder;
  }
  const seen: Record<RootedPath, SeenFile> = {};
  for (const [path, backup] of observation.backup) {
    const plugin = observation.plugins.get(path);
    if (covered.has(path)) continue;
    if (!backup.sound) {
      problems.push(unsound(observation, path, backup));
      continue;
    }
    const same =
      plugin?.kind === 'file' && plugin.md5 === backup.entry.md5 && plugin.sizeBytes === backup.entry.sizeBytes;
    if (same) continue;
    // Where Carbon applied nothing that could explain it, its backup is the base; else the vendor changed it since (D12).
    if (claims.length === 0 || (observation.state.jars === undefined && missing.length > 0))
      restore.set(path, { source: backup.source, entry: backup.entry });
    else seen[path] = { sizeBytes: backup.entry.sizeBytes, mtimeMs: 0, md5: backup.entry.md5 };
  }
  for (const [path, plugin] of observation.plugins) {
    if (plugin.kind !== 'file' || seen[path] !== undefined || covered.has(path) || restore.has(path)) continue;
    seen[path] = {
      sizeBytes: plugin.sizeBytes,
      mtimeMs: plugin.mtimeMs,
      ...(plugin.md5 === undefined ? {} : { md5: plugin.md5 }),
    };
  }
  if (missing.length > 0 && !hasBackup) {
    const path = display(observation.layout, observation.layout.namesFile);
    problems.push(
      errorProblem(
        'LEDGER_MISSING',
        `${path} says that ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} applied; there is no such pack, no record of ours and no backup to revert it with`,
        { path },
      ),
    );
  }
  return { ledger: undefined, packs, base, seen, restore, baseSources, problems };
}

function isThere({ packs, passedOver }: Observation, name: string): boolean {
  return [...packs, ...passedOver].some((pack) => pack.name === name);
}

/** The packs that Carbon's files say are applied, with the MD5s that they were applied with where that is recorded. */
function claimedPacks(observation: Observation, claims: readonly string[]): LedgerPack[] {
  const unclaimed = new Map<string, Md5>(observation.state.jars ?? []);
  const present: LedgerPack[] = [];
  for (const name of claims) {
    const pack = [...observation.packs, ...observation.passedOver].find((one) => one.name === name);
    if (pack !== undefined) present.push(toLedgerPack(pack));
  }
  const winners = new Map<RootedPath, number>();
  for (const [index, pack] of present.entries()) for (const file of pack.files) winners.set(file.target, index);
  const corrected = present.map((pack, index): LedgerPack => {
    if (observation.state.jars === undefined) return pack;
    const files = pack.files.flatMap((file): LedgerFile[] => {
      const name = file.target.slice('plugins:'.length);
      if (name.includes('/') || winners.get(file.target) !== index) return [file];
      const md5 = unclaimed.get(name);
      unclaimed.delete(name);
      return md5 === undefined ? [] : [{ ...file, ...recordedContent(observation, file.target, md5) }];
    });
    return { ...pack, files };
  });
  const gone = claims.filter((name) => !present.some((pack) => pack.name === name));
  const orphans = [...unclaimed]
    .map(([name, md5]) => orphanFile(observation, name, md5))
    .filter((file) => file !== undefined);
  const taken = gone.length === 0 && !hasBroken(observation, claims) ? takenOut(observation, orphans) : [];
  return claims.map((name): LedgerPack => {
    const known = corrected.find((pack) => pack.name === name);
    if (known !== undefined) return name === claims.at(-1) ? { ...known, files: [...known.files, ...taken] } : known;
    return {
      name,
      kind: name.startsWith('servicepack') ? 'servicepack' : 'patch',
      absorbs: [],
      files: name === gone[0] ? orphans : [],
      directories: [],
    };
  });
}

/** What cannot be read now may be what a JAR is of. */
function hasBroken(observation: Observation, claims: readonly string[]): boolean {
  return observation.packs.some((pack) => claims.includes(pack.name) && hasError(pack));
}

/**
 * JARs that Carbon recorded, that no pack holds though none is gone, and that are still in plugins: they were taken out of an
 * applied pack (D6). Of which is not recorded, and makes no difference.
 */
function takenOut(observation: Observation, orphans: readonly LedgerFile[]): LedgerFile[] {
  return orphans.filter(({ target, md5 }) => {
    const plugin = observation.plugins.get(target);
    const backup = observation.backup.get(target);
    return plugin?.kind === 'file' && plugin.md5 === md5 && backup?.entry.md5 !== md5;
  });
}

/** A JAR that Carbon recorded and that no pack holds any more; undefined for a name that is no plugin's. */
function orphanFile(observation: Observation, name: string, md5: Md5): LedgerFile | undefined {
  if (name.includes('/') || name.includes('\\') || name === '.' || name === '..') return undefined;
  const target = rooted('plugins', name);
  return { fileName: name, target, ...recordedContent(observation, target, md5), mode: 0o644 };
}

/** Carbon records no size: where a plugin is what it recorded, it has the size of that. */
function recordedContent(
  observation: Observation,
  target: RootedPath,
  md5: Md5,
): Pick<LedgerFile, 'md5' | 'sizeBytes'> {
  const plugin = observation.plugins.get(target);
  return { md5, sizeBytes: plugin?.kind === 'file' ? plugin.sizeBytes : 0 };
}

function coveredPaths(observation: Observation, packs: readonly LedgerPack[]): Set<RootedPath> {
  const covered = new Set<RootedPath>();
  for (const pack of observation.packs) for (const file of pack.files) covered.add(file.target);
  for (const pack of packs) for (const file of pack.files) covered.add(file.target);
  return covered;
}

/** The base of a covered path; undefined where it is simply what is there now. */
function baseOf(
  observation: Observation,
  path: RootedPath,
  brought: { readonly claimed: Contents; readonly all: Contents },
  hasBackup: boolean,
  problems: Problem[],
): { base: BaseEntry; source?: RootedPath } | undefined {
  const plugin = observation.plugins.get(path);
  const backup = observation.backup.get(path);
  const claimed = brought.claimed.has(path);
  const isPatched = plugin?.kind === 'file' && brought.all.get(path)?.has(plugin.md5 ?? '') === true;
  if (backup !== undefined && backup.sound) {
    const here = plugin?.kind === 'file' && plugin.md5 === backup.entry.md5;
    return here ? { base: backup.entry } : { base: backup.entry, source: backup.source };
  }
  if (backup !== undefined) {
    problems.push(unsound(observation, path, backup));
    return isPatched || plugin?.kind !== 'file' ? { base: { kind: 'unknown' } } : undefined;
  }
  if (!claimed) return undefined;
  if (hasBackup) return isPatched || plugin === undefined ? { base: { kind: 'absent' } } : undefined;
  return plugin === undefined || isPatched ? { base: { kind: 'unknown' } } : undefined;
}

/** Path → the MD5s of what packs bring there. */
type Contents = Map<RootedPath, Set<string>>;

function contentsOf(packs: readonly LedgerPack[]): Contents {
  const contents: Contents = new Map();
  for (const pack of packs) for (const file of pack.files) addContent(contents, file.target, file.md5);
  return contents;
}

function addContent(contents: Contents, path: RootedPath, md5: string): void {
  const known = contents.get(path);
  if (known === undefined) contents.set(path, new Set([md5]));
  else known.add(md5);
}

function unsound(observation: Observation, path: RootedPath, backup: BackupFile): Problem {
  const shown = display(observation.layout, backup.source);
  return notice(
    'BACKUP_UNSOUND',
    'warning',
    `${shown} cannot be opened; it is not taken for the original of ${display(observation.layout, path)}`,
    { path: shown, hint: 'Put the vendor’s original in its place.' },
  );
}
