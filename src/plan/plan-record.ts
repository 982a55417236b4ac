// The last operations of a plan: Carbon's state files (Carbon rules 12, 13), `bundles.info` and our own record, as they are to be
// when everything else is done. Pure.

import { formatJars, formatNames } from '../home/carbon-state.js';
import { ABSENT, type FileEntry, type Md5, type RootedPath, sameContent, type Sha256 } from '../home/entry.js';
import { BACKUP_PACK, rooted, splitRooted } from '../home/layout.js';
import { errorProblem } from '../problem.js';
import type { ActionPlan } from './action-plan.js';
import { type BundlesInfoEdits, editBundlesInfo, NO_EDITS, type PlacedBundle } from './bundles-info.js';
import type { Bases } from './bases.js';
import type { Detection } from './detect.js';
import type { Draft } from './draft.js';
import type { BaseEntry, Ledger, SeenFile } from './ledger.js';
import { observedEntry } from './observed-entry.js';
import type { SeenPlugin } from './observation.js';
import type { Operation } from './operation.js';
import type { PackMoves } from './pack-moves.js';
import type { PackRecords } from './pack-records.js';
import { type HealthRecord, recordHealth } from './probation.js';
import { sameData, sameList } from './same-data.js';
import { writeText } from './write-text.js';

/** The state files and our own record, as the last operations. */
export function planRecord(
  draft: Draft,
  bases: Bases,
  detected: Detection,
  records: PackRecords,
  packMoves: PackMoves,
  actions: ActionPlan | undefined,
): { operations: Operation[]; after: Ledger | undefined } {
  return new RecordPlanner(draft, bases, records, packMoves, actions).plan(detected);
}

class RecordPlanner {
  readonly #draft: Draft;
  readonly #bases: Bases;
  readonly #actions: ActionPlan | undefined;
  readonly #records: PackRecords;
  readonly #packMoves: PackMoves;

  constructor(draft: Draft, bases: Bases, records: PackRecords, packMoves: PackMoves, actions: ActionPlan | undefined) {
    this.#draft = draft;
    this.#bases = bases;
    this.#records = records;
    this.#packMoves = packMoves;
    this.#actions = actions;
  }

  /** What is on probation afterwards; the commands of a check are subject to the same policy as those of actions. */
  #health(detected: Detection): HealthRecord {
    const fresh = new Set([...detected.applied, ...detected.updated]);
    const { transaction, serverStartsMs, actions } = this.#draft.rules;
    for (const { name, manifest } of this.#draft.packs) {
      if (!fresh.has(name) || manifest?.health?.kind !== 'command' || actions?.allowCommands !== false) continue;
      const message = `${name} checks the server’s health by a command, and allowCommands is false`;
      const hint = 'Set allowCommands: true if you trust the pack, or take it out.';
      this.#draft.problems.push(errorProblem('PACK_REFUSED', message, { pack: name, hint }));
    }
    return recordHealth(this.#draft.seen.health ?? {}, this.#draft.packs, fresh, transaction, serverStartsMs);
  }

  plan(detected: Detection): { operations: Operation[]; after: Ledger | undefined } {
    const { layout, state } = this.#draft.seen;
    const operations: Operation[] = [];
    const names = this.#names();
    const jars = layout.jarsFile === undefined ? undefined : this.#jars();
    if (!sameList(names, state.names) || (names.length > 0 && !state.namesFile))
      operations.push(this.#writeText(layout.namesFile, formatNames(names)));
    if (layout.jarsFile !== undefined && jars !== undefined) {
      const onDisk = state.jars ?? new Map<string, Md5>();
      const same = jars.size === onDisk.size && [...jars].every(([name, md5]) => onDisk.get(name) === md5);
      if (!same || (jars.size > 0 && !state.jarsFile))
        operations.push(this.#writeText(layout.jarsFile, formatJars(jars)));
    }
    const bundles = this.#listBundles();
    operations.unshift(...this.#importOriginals(), ...bundles.operations);
    const prior = this.#draft.prior.ledger;
    // What a backup has told of the base is recorded: it grows old, and is not to be asked twice (D12).
    const nothing =
      prior === undefined &&
      this.#draft.seen.backup.size === 0 &&
      this.#draft.packs.length === 0 &&
      this.#draft.changes.length === 0 &&
      operations.length === 0 &&
      this.#draft.moves.length === 0 &&
      this.#draft.prior.packs.length === 0;
    if (nothing) return { operations, after: undefined };
    const after: Ledger = {
      format: 1,
      sequence: (prior?.sequence ?? 0) + 1,
      transaction: this.#draft.rules.transaction,
      layout: layout.name,
      packs: this.#draft.packs.map((pack) => {
        const actions = this.#actions?.ledger.get(pack.name);
        return actions === undefined ? this.#records.of(pack) : { ...this.#records.of(pack), actions };
      }),
      base: sortRecord(this.#draft.base),
      seen: sortRecord(this.#seenAfter()),
      names,
      jars: jars === undefined ? undefined : Object.fromEntries([...jars].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(Object.keys(bundles.edits).length === 0 ? {} : { bundles: bundles.edits }),
      ...this.#health(detected),
      held: this.#packMoves.heldAfter(),
    };
    const changed =
      this.#draft.makes.length +
        this.#draft.deletes.length +
        this.#draft.writes.length +
        this.#draft.removes.length +
        this.#draft.moves.length +
        operations.length >
      0;
    if (!changed && prior !== undefined && sameRecord(prior, after)) return { operations, after: undefined };
    const needed = this.#draft.seen.missingDirectories.filter((path) => this.#needsDirectory(path, operations));
    this.#draft.makes.unshift(...needed.map((path): Operation => ({ kind: 'make-directory', path, mode: 0o755 })));
    return { operations, after };
  }

  /** What the packs add to plugins is loaded only where `bundles.info` lists it. */
  #listBundles(): { operations: Operation[]; edits: Record<RootedPath, BundlesInfoEdits> } {
    const operations: Operation[] = [];
    const edits: Record<RootedPath, BundlesInfoEdits> = {};
    const order = new Map(this.#draft.packs.map((pack, index) => [pack.name, index]));
    const placed = [...this.#draft.layers].flatMap(([path, { bundle, pack }]): PlacedBundle[] => {
      const { root, path: name } = splitRooted(path);
      const isAdded = root === 'plugins' && !name.includes('/') && this.#draft.base[path]?.kind !== 'file';
      return isAdded && bundle !== undefined ? [{ ...bundle, file: name, order: order.get(pack) ?? 0 }] : [];
    });
    for (const [path, { text, entry }] of this.#draft.seen.bundlesInfo) {
      const edited = editBundlesInfo(text, this.#draft.prior.ledger?.bundles?.[path] ?? NO_EDITS, placed);
      if (edited.edits.added.length + edited.edits.replaced.length > 0) edits[path] = edited.edits;
      if (edited.text !== text) operations.push(writeText(path, entry, edited.text));
    }
    return { operations, edits };
  }

  /** Originals that no operation puts into the store: those that only Carbon's backup has, and those that a pack brings itself. */
  #importOriginals(): Operation[] {
    const { stored } = this.#draft.seen;
    const kept = new Set<Sha256 | undefined>();
    for (const operation of [...this.#draft.writes, ...this.#draft.deletes])
      if ('keep' in operation && operation.keep === 'store' && operation.before.kind === 'file')
        kept.add(operation.before.sha256);
    const imports = new Map<Sha256, Operation>();
    for (const [path, base] of Object.entries(this.#draft.base) as [RootedPath, BaseEntry][]) {
      if (base.kind !== 'file' || base.sha256 === undefined) continue;
      if (stored.has(base.sha256) || kept.has(base.sha256)) continue;
      const source = this.#draft.prior.baseSources.get(path) ?? (this.#isHere(path, base) ? path : undefined);
      if (source === undefined) continue;
      imports.set(base.sha256, {
        kind: 'write',
        path: rooted('state', `store/${base.sha256}`),
        before: ABSENT,
        after: base,
        source: { kind: 'path', path: source },
        keep: 'drop',
      });
    }
    return [...imports.values()];
  }

  #isHere(path: RootedPath, base: FileEntry): boolean {
    return sameContent(observedEntry(this.#bases.at(path)), base);
  }

  #needsDirectory(path: RootedPath, state: readonly Operation[]): boolean {
    const folder = this.#absolute(path);
    return [...state, ...this.#draft.writes, ...this.#draft.makes].some((operation) =>
      this.#absolute(operation.path).startsWith(`${folder}/`),
    );
  }

  #absolute(path: RootedPath): string {
    const { root, path: inside } = splitRooted(path);
    return inside === '' ? this.#draft.seen.layout[root] : `${this.#draft.seen.layout[root]}/${inside}`;
  }

  /** Carbon rule 12. */
  #names(): string[] {
    const { layout, hasBackup, backupAbsorbed } = this.#draft.seen;
    const packs = this.#draft.seen.visible ?? this.#draft.packs;
    const servicepacks = packs.filter((pack) => pack.kind === 'servicepack').map((pack) => pack.name);
    const patches = packs.filter((pack) => pack.kind === 'patch').map((pack) => pack.name);
    if (layout.name === 'carbon-4.4' && hasBackup && !backupAbsorbed) {
      // The others stay in applied order, which need not be letter by letter.
      const next = patches.findIndex((name) => name > BACKUP_PACK);
      patches.splice(next < 0 ? patches.length : next, 0, BACKUP_PACK);
    }
    return [...servicepacks, ...patches];
  }

  /** Carbon rule 13: final names in plugins, the last writer's MD5; folders are nothing that Carbon would list. */
  #jars(): Map<string, Md5> {
    const jars = new Map<string, Md5>();
    for (const pack of this.#draft.seen.visible ?? this.#draft.packs) {
      for (const file of pack.files) {
        const name = splitRooted(file.target).path;
        if (!name.includes('/') && file.operation !== true) jars.set(name, file.entry.md5);
      }
    }
    return jars;
  }

  #seenAfter(): Record<RootedPath, SeenFile> {
    const after: Record<RootedPath, SeenFile> = {};
    const known = this.#draft.prior.ledger !== undefined && !this.#draft.rules.rebase;
    for (const [path, plugin] of this.#draft.seen.plugins) {
      if (plugin.kind !== 'file' || this.#draft.layers.has(path) || this.#draft.prior.base[path] !== undefined)
        continue;
      const before = this.#draft.prior.seen[path];
      if (before !== undefined && !this.#draft.rules.rebase) after[path] = before;
      else if (!known)
        after[path] = {
          sizeBytes: plugin.sizeBytes,
          mtimeMs: plugin.mtimeMs,
          ...(plugin.md5 === undefined ? {} : { md5: plugin.md5 }),
        };
    }
    if (!this.#draft.rules.rebase) {
      for (const [path, seen] of Object.entries(this.#draft.prior.seen) as [RootedPath, SeenFile][]) {
        if (!this.#draft.layers.has(path) && after[path] === undefined) after[path] = seen;
      }
    }
    for (const [path, base] of Object.entries(this.#draft.prior.base) as [RootedPath, BaseEntry][]) {
      if (this.#draft.layers.has(path) || splitRooted(path).root !== 'plugins') continue;
      const plugin = this.#draft.seen.plugins.get(path);
      if (base.kind === 'file') after[path] = { sizeBytes: base.sizeBytes, mtimeMs: 0, md5: base.md5 };
      else if (base.kind === 'unknown' && plugin?.kind === 'file') after[path] = toSeenFile(plugin);
    }
    for (const [path, { entry }] of this.#draft.prior.restore) {
      if (!this.#draft.layers.has(path)) after[path] = { sizeBytes: entry.sizeBytes, mtimeMs: 0, md5: entry.md5 };
    }
    return after;
  }

  #writeText(file: string, text: string): Operation {
    const path = [...this.#draft.seen.stateEntries.keys()].find((one) => this.#absolute(one) === file);
    if (path === undefined) throw new Error(`prepatch has a defect: ${file} was not looked at`);
    return writeText(path, this.#draft.seen.stateEntries.get(path) ?? ABSENT, text);
  }
}

function toSeenFile(plugin: Extract<SeenPlugin, { kind: 'file' }>): SeenFile {
  const { sizeBytes, mtimeMs, md5 } = plugin;
  return { sizeBytes, mtimeMs, ...(md5 === undefined ? {} : { md5 }) };
}

/** Whether two ledgers say the same but for their numbers. */
function sameRecord(a: Ledger, b: Ledger): boolean {
  const plain = (ledger: Ledger) => ({ ...ledger, sequence: 0, transaction: '' });
  return sameData(plain(a), plain(b));
}

function sortRecord<V>(record: Readonly<Record<RootedPath, V>>): Record<RootedPath, V> {
  const keys = Object.keys(record) as RootedPath[];
  // A record that was read is sorted already; one with additions is nearly so.
  if (keys.every((key, index) => index === 0 || (keys[index - 1] as string) < key)) return record;
  return Object.fromEntries(keys.sort().map((key) => [key, record[key]])) as Record<RootedPath, V>;
}
