// The record of what is applied, when it is lost: from the packs that are in place and the originals that are left. What a
// manifest has changed outside its pack is taken for done only where Carbon's list names the pack and the paths are as it says;
// what only the record knew, such as what takes actions back, is not made up. Pure.

import { ABSENT, type Entry, type FileEntry, type RootedPath } from '../home/entry.js';
import { BACKUP_PACK, display, rooted } from '../home/layout.js';
import type { Pack } from '../home/pack.js';
import type { BaseEntry, LedgerPack } from './ledger.js';
import type { Observation, SeenPlugin } from './observation.js';
import { toLedgerPack } from './pack-records.js';
import type { ExpectedContent, FileOperation } from './pack-manifest.js';
import { type Ground, type Stack, stackLayers } from './stack-layers.js';

/** What the store has. */
export interface Originals {
  find(expected: ExpectedContent): FileEntry | undefined;
  /** The base of a path that a file of a pack covers; asked when everything that can be found has been looked for. */
  baseOf(path: RootedPath): BaseEntry;
}

export interface RebuiltRecord {
  readonly packs: readonly LedgerPack[];
  readonly base: Readonly<Record<RootedPath, BaseEntry>>;
  /** Why it cannot be rebuilt; empty where it can. */
  readonly obstacles: readonly string[];
  /** What could not be told, though it can be rebuilt. */
  readonly notes: readonly string[];
}

export function rebuildRecord(observation: Observation, originals: Originals): RebuiltRecord {
  const listed = new Set(observation.state.names);
  const obstacles: string[] = [];
  const applied = observation.packs.filter((pack) => {
    const isPlain = (pack.operations ?? []).length === 0 && (pack.manifest?.actions ?? []).length === 0;
    if (isPlain) return pack.files.length > 0 && isInPlace(observation, pack);
    if (!listed.has(pack.name)) return false;
    const obstacle = obstacleOf(observation, pack);
    if (obstacle !== undefined) obstacles.push(obstacle);
    return true;
  });
  for (const { name, reason, manifest } of observation.excluded)
    if (listed.has(name) && manifest !== undefined) obstacles.push(`${name} is applied and left out now: ${reason}`);
  const ground = groundOf(observation, applied, originals);
  const stack = stackLayers(applied, ground);
  if (obstacles.length === 0)
    obstacles.push(...stack.problems.map((problem) => problem.message), ...mismatches(observation, stack));
  const base: Record<RootedPath, BaseEntry> = {};
  for (const pack of applied) {
    for (const { target } of pack.files) base[target] ??= originals.baseOf(target);
    const own = stack.operations.get(pack.name);
    for (const { target } of [...(own?.files ?? []), ...(own?.directories ?? [])])
      base[target] ??= ground.proven(target);
    for (const path of own?.removes ?? []) base[path] ??= ground.proven(path);
  }
  const known = new Set([...observation.packs, ...observation.excluded].map((pack) => pack.name));
  const gone = observation.state.names.filter((name) => name !== BACKUP_PACK && !known.has(name));
  return {
    packs: applied.map((pack) => recordOf(pack, stack)),
    base,
    obstacles,
    notes: [
      ...gone.map((name) => `${name} was applied and is not there: what it has left counts as the server’s own`),
      ...observation.packs
        .filter((pack) => pack.manifest?.health !== undefined)
        .map(({ name }) =>
          applied.some((pack) => pack.name === name)
            ? `${name} counts as healthy: whether it was on probation was in the record alone`
            : `whether ${name} was taken back for its health was in the record alone: the next start applies it`,
        ),
    ],
  };
}

/** Each file of a pack is there, or lies below that of another pack. */
function isInPlace(observation: Observation, pack: Pack): boolean {
  return pack.files.every(({ target }) => {
    const plugin = observation.plugins.get(target);
    if (plugin?.kind !== 'file') return false;
    return observation.packs.some((one) =>
      one.files.some((file) => file.target === target && file.entry.md5 === plugin.md5),
    );
  });
}

function obstacleOf({ layout }: Observation, pack: Pack): string | undefined {
  if ((pack.manifest?.actions ?? []).length > 0)
    return `${pack.name} has run actions, and what takes them back was in the record alone`;
  const lost = (pack.operations ?? []).find(isLost);
  return lost === undefined
    ? undefined
    : `what ${pack.name} found at ${display(layout, lost.path)} was in the record alone (${lost.kind})`;
}

/** Whether what was there before an operation is told neither by the operation nor by the store. */
function isLost(operation: FileOperation): boolean {
  if (operation.kind === 'create') return false;
  return operation.type === 'directory' || operation.kind === 'rename' || 'delta' in operation;
}

/** The home as it was below all packs, as far as the operations say what they found. */
function groundOf(
  observation: Observation,
  packs: readonly Pack[],
  originals: Originals,
): Ground & { proven(path: RootedPath): BaseEntry } {
  const first = new Map<RootedPath, FileOperation>();
  for (const operation of packs.flatMap((pack) => pack.operations ?? []))
    if (!first.has(operation.path)) first.set(operation.path, operation);
  const at = (path: RootedPath) => observation.plugins.get(path) ?? observation.elsewhere.get(path);
  const proven = (path: RootedPath): BaseEntry => {
    const operation = first.get(path);
    if (operation === undefined || operation.kind === 'create') return ABSENT;
    const original = operation.before === undefined ? undefined : originals.find(operation.before);
    return original ?? { kind: 'unknown' };
  };
  return {
    proven,
    base: (path) => {
      const operation = first.get(path);
      if (operation === undefined) return asEntry(at(path));
      const base = proven(path);
      return base.kind === 'unknown' ? standIn(operation, at(path)) : base;
    },
    recordedBelow: () => [],
    presentBelow: () => [],
    storePath: (file) => (file.sha256 === undefined ? undefined : rooted('state', `store/${file.sha256}`)),
    delta: () => undefined,
    contentOf: () => undefined,
    isApplied: () => true,
    show: (path) => display(observation.layout, path),
  };
}

/** It was applied, so what it found was what it expects: enough to put a layer over, and not enough to put back. */
function standIn(operation: FileOperation, seen: SeenPlugin | undefined): Entry {
  const { md5, sha256, sizeBytes } = ('before' in operation ? operation.before : undefined) ?? {};
  return {
    kind: 'file',
    md5: (md5 ?? '') as FileEntry['md5'],
    ...(sha256 === undefined ? {} : { sha256 }),
    sizeBytes: sizeBytes ?? 0,
    mode: seen?.kind === 'file' ? seen.mode : 0o644,
  };
}

function asEntry(seen: SeenPlugin | undefined): Entry {
  return seen?.kind === 'directory' ? { kind: 'directory', mode: seen.mode } : ABSENT;
}

/** Paths of operations that are not as their top layer says. */
function mismatches(observation: Observation, { layers, operations }: Stack): string[] {
  const paths = [...operations.values()].flatMap((own) => [
    ...own.files.map((file) => file.target),
    ...own.directories.map((folder) => folder.target),
    ...own.removes,
  ]);
  return [...new Set(paths)].flatMap((path) => {
    const layer = layers.get(path);
    const seen = observation.plugins.get(path) ?? observation.elsewhere.get(path);
    const isThere =
      layer?.after.kind === 'file'
        ? seen?.kind === 'file' && seen.md5 === layer.after.md5
        : (seen?.kind ?? 'absent') === layer?.after.kind;
    return isThere ? [] : [`${display(observation.layout, path)} is not as ${layer?.pack ?? 'it'} has it`];
  });
}

function recordOf(pack: Pack, stack: Stack): LedgerPack {
  const own = toLedgerPack(pack);
  const operations = stack.operations.get(pack.name);
  if (operations === undefined) return own;
  return {
    ...own,
    files: [...own.files, ...operations.files],
    directories: [...own.directories, ...operations.directories],
    ...(operations.removes.length === 0 ? {} : { removes: operations.removes }),
  };
}
