// From an observation to a plan: layers over the base, compared with what is there. Pure. The result depends on the packs and
// the base alone, not on the order in which packs came and went.

import { formatJars, formatNames } from '../home/carbon-state.js';
import {
  ABSENT,
  type DirectoryEntry,
  type Entry,
  type FileEntry,
  type Md5,
  type ObservedEntry,
  type RootedPath,
  type Sha256,
  sameContent,
} from '../home/entry.js';
import { BACKUP_PACK, display, HELD_FOLDER, parentOf, rooted, splitRooted } from '../home/layout.js';
import type { Pack, PackFile } from '../home/pack.js';
import { errorProblem, notice, type Problem } from '../problem.js';
import type { ActionRules } from './action-operation.js';
import { type ActionPlan, planActions } from './action-plan.js';
import { adopt } from './adopt.js';
import { type BundlesInfoEdits, editBundlesInfo, NO_EDITS, type PlacedBundle } from './bundles-info.js';
import { detectChanges, type Detection } from './detect.js';
import { hasError } from './judge-plan.js';
import type { BaseEntry, Ledger, LedgerFile, LedgerPack, SeenFile } from './ledger.js';
import type { Observation, SeenPlugin } from './observation.js';
import type { Keep, Operation, Source } from './operation.js';
import type { Change, Plan } from './plan.js';
import { type HealthRecord, recordHealth } from './probation.js';
import { findReopened } from './reopened.js';
import { type Ground, type Layer, type Stack, stackLayers } from './stack-layers.js';

export interface PlanRules {
  readonly drift: 'repair' | 'report' | 'refuse';
  /** The id that the transaction will have, if there is one. */
  readonly transaction: string;
  /** Takes plugins that no pack covers as they are now, without a word about what changed in them. */
  readonly rebase: boolean;
  /** When a server will be started after this plan, in milliseconds since the epoch; absent where none will. */
  readonly serverStartsMs?: number;
  /** Absent: commands are allowed, modules are not. */
  readonly actions?: ActionRules;
}

/** What was there before this run: the ledger, or what could be told of a home that we see for the first time. */
export interface Prior {
  readonly ledger: Ledger | undefined;
  readonly packs: readonly LedgerPack[];
  readonly base: Readonly<Record<RootedPath, BaseEntry>>;
  readonly seen: Readonly<Record<RootedPath, SeenFile>>;
  /** Paths that no pack covers and that are to be as Carbon's backup has them. */
  readonly restore: ReadonlyMap<RootedPath, { readonly source: RootedPath; readonly entry: FileEntry }>;
  /** Where the content of a base comes from that is neither in place nor in the store. */
  readonly baseSources: ReadonlyMap<RootedPath, RootedPath>;
  readonly problems: readonly Problem[];
}

const BUNDLE_MODE = 0o644;
/** What every pack has on record: name, kind, absorbs, files, directories. */
const PLAIN_KEYS = 5;

export function makePlan(observation: Observation, rules: PlanRules): Plan {
  return new Planner(observation, rules).plan();
}

/** Builds one plan; its fields are the parts of it. */
class Planner {
  readonly #seen: Observation;
  readonly #rules: PlanRules;
  readonly #prior: Prior;
  readonly #packs: readonly Pack[];
  readonly #stack: Stack;
  readonly #layers: ReadonlyMap<RootedPath, Layer>;
  /** What the packs of the record have left at each path. */
  readonly #left = new Map<RootedPath, { readonly after: Entry; readonly setsMode: boolean }>();
  readonly #problems: Problem[] = [];
  readonly #changes: Change[] = [];
  readonly #drifted: string[] = [];
  readonly #makes: Operation[] = [];
  readonly #writes: Operation[] = [];
  readonly #deletes: Operation[] = [];
  readonly #removes: Operation[] = [];
  readonly #moves: Operation[] = [];
  readonly #base: Record<RootedPath, BaseEntry> = {};
  #actions: ActionPlan | undefined;
  readonly #records = new Map<Pack, LedgerPack>();
  readonly #recordedPacks: ReadonlyMap<string, LedgerPack>;
  #recordedContents: ReadonlyMap<RootedPath, ReadonlySet<Md5>> | undefined;

  constructor(observation: Observation, rules: PlanRules) {
    this.#seen = observation;
    this.#rules = rules;
    this.#prior = observation.ledger === undefined ? adopt(observation) : fromLedger(observation.ledger);
    this.#packs = observation.packs.filter((pack) => !hasError(pack));
    this.#recordedPacks = new Map(this.#prior.packs.map((pack) => [pack.name, pack]));
    for (const pack of this.#prior.packs) {
      for (const { target, mode } of pack.directories)
        this.#left.set(target, { after: { kind: 'directory', mode }, setsMode: false });
      for (const { target, md5, sizeBytes, mode, setsMode } of pack.files)
        this.#left.set(target, { after: { kind: 'file', md5, sizeBytes, mode }, setsMode: setsMode === true });
      for (const path of pack.removes ?? []) this.#left.set(path, { after: ABSENT, setsMode: false });
    }
    this.#stack = stackLayers(this.#packs, this.#ground());
    this.#layers = this.#stack.layers;
  }

  plan(): Plan {
    const { layout } = this.#seen;
    this.#problems.push(
      ...this.#seen.problems,
      ...this.#prior.problems,
      ...this.#seen.packs.flatMap((pack) => pack.problems),
    );
    this.#checkStateFiles();
    this.#problems.push(...this.#stack.problems);
    this.#planPaths();
    this.#planUnpacking();
    this.#planUncovered();
    this.#planMoves();
    this.#planActions();
    const detected = this.#detect();
    this.#warnOfReopened();
    const ledger = this.#planRecord(detected);
    return {
      home: layout.home,
      layout: layout.name,
      apply: detected.applied,
      revert: detected.reverted,
      update: detected.updated,
      packs: this.#packs.map((pack) => ({
        name: pack.name,
        kind: pack.kind,
        files: this.#recordOf(pack).files.map(({ fileName, target, md5 }) => ({ fileName, target, md5 })),
      })),
      changes: this.#changes,
      problems: this.#problems,
      detected: { lines: detected.lines, changed: detected.lines.length > 0 },
      operations: [
        ...(this.#actions?.undo ?? []),
        ...this.#moves,
        ...this.#deletes,
        ...this.#removes.reverse(),
        ...this.#makes,
        ...this.#markLastUses(),
        ...(this.#actions?.perform ?? []),
        ...ledger.operations,
      ],
      ledger: ledger.after,
      drifted: this.#drifted,
      deltas: this.#stack.deltas,
    };
  }

  #planPaths(): void {
    for (const path of [...new Set([...this.#layers.keys(), ...this.#left.keys()])].sort(byPath)) this.#planPath(path);
  }

  /** From what is there to what the packs, or the base, say. */
  #planPath(path: RootedPath): void {
    const layer = this.#layers.get(path);
    const left = this.#left.get(path);
    const observed = observedEntry(this.#at(path));
    const base = this.#baseOf(path, observed);
    if (layer !== undefined) this.#base[path] = base;
    if (layer === undefined && base.kind === 'unknown') {
      // What is neither the pack's nor ours to judge: the operator has put the original back, as doctor says.
      if (left === undefined || !sameContent(observed, left.after)) return;
      this.#problems.push(
        errorProblem(
          'BASE_UNKNOWN',
          `the original of ${this.#show(path)} is not known, so the pack that covers it cannot be reverted`,
          { path: this.#show(path) },
        ),
      );
      return;
    }
    const after = layer === undefined ? (base as Entry) : layer.after;
    if (observed.kind === 'foreign') {
      if (layer !== undefined) this.#conflict(path, layer.pack, `${layer.pack} changes it, and there is a link`);
      else if (base.kind !== 'absent') this.#conflict(path, undefined, 'the original is a file and there is a link');
      return;
    }
    if (observed.kind === 'directory') this.#planOverDirectory(path, layer, after, observed, base);
    else if (after.kind === 'directory') this.#planDirectory(path, layer, after, observed, base);
    else if (observed.kind === 'file' || after.kind === 'file' || left?.after.kind === 'file')
      this.#planFile(path, layer, after, observed, base);
  }

  /** A folder goes only where a pack brought it or takes it away; one that somebody else made is in the way. */
  #planOverDirectory(
    path: RootedPath,
    layer: Layer | undefined,
    after: Entry,
    observed: DirectoryEntry,
    base: BaseEntry,
  ): void {
    if (after.kind === 'directory') return;
    const isOurs =
      this.#left.get(path)?.after.kind === 'directory' || (layer?.operation === true && base.kind === 'directory');
    if (isOurs) this.#removes.push({ kind: 'remove-directory', path, mode: observed.mode });
    if (after.kind === 'absent') return;
    if (isOurs) this.#planFile(path, layer, after, ABSENT, base);
    else if (layer !== undefined)
      this.#conflict(path, layer.pack, `${layer.pack} brings a file where there is a folder`);
    else this.#conflict(path, undefined, 'the original is a file and there is a folder');
  }

  #planDirectory(
    path: RootedPath,
    layer: Layer | undefined,
    after: DirectoryEntry,
    observed: Exclude<Entry, DirectoryEntry>,
    base: BaseEntry,
  ): void {
    if (observed.kind === 'file') {
      const isOurs = this.#left.get(path)?.after.kind === 'file' || (layer?.operation === true && base.kind === 'file');
      if (!isOurs) {
        this.#conflict(path, layer?.pack, `${layer?.pack ?? 'the original'} is a folder where there is a file`);
        return;
      }
      this.#planFile(path, layer, ABSENT, observed, base);
    }
    this.#makes.push({ kind: 'make-directory', path, mode: after.mode | 0o700 });
  }

  #planFile(
    path: RootedPath,
    layer: Layer | undefined,
    after: Exclude<Entry, DirectoryEntry>,
    observed: Exclude<Entry, DirectoryEntry>,
    base: BaseEntry,
  ): void {
    const left = this.#left.get(path);
    const wanted =
      after.kind === 'file' && layer !== undefined ? this.#withMode(after, layer, left, observed, base) : after;
    const changesMode =
      (layer?.setsMode === true || left?.setsMode === true) &&
      wanted.kind === 'file' &&
      observed.kind === 'file' &&
      wanted.mode !== observed.mode;
    if (sameContent(observed, wanted) && !changesMode) return;
    const drift =
      left !== undefined &&
      left.after.kind !== 'directory' &&
      !sameContent(observed, left.after) &&
      !(layer !== undefined && sameContent(observed, layer.after));
    const changes = layer === undefined || left === undefined || !sameContent(left.after, layer.after);
    if (drift && !this.#noteDrift(path, layer, observed, changes)) return;
    const keep = this.#keepOf(path, observed, base, drift);
    const before =
      keep === 'store' && observed.kind === 'file' && base.kind === 'file' && base.sha256 !== undefined
        ? { ...observed, sha256: base.sha256 }
        : observed;
    this.#change(path, layer, drift, before, wanted, base);
    if (wanted.kind === 'absent') {
      if (before.kind === 'file') this.#deletes.push({ kind: 'delete', path, before, keep });
      return;
    }
    const source = layer === undefined ? this.#baseSource(path, wanted) : this.#sourceOf(layer);
    if (source === undefined && layer !== undefined && layer.origin?.kind !== 'base') {
      const shown = this.#show(path);
      this.#problems.push(
        errorProblem(
          'DRIFTED',
          `${shown} is not as ${layer.pack} had it, and ${layer.pack} is not there to put it back from`,
          {
            path: shown,
            hint: `Put ${layer.pack} back, or see to it that its removal can be applied.`,
          },
        ),
      );
      return;
    }
    if (source === undefined) {
      this.#problems.push(
        errorProblem(
          'STORE_DAMAGED',
          `the original of ${this.#show(path)} (MD5 ${wanted.md5}) is not in the store any more`,
          { path: this.#show(path) },
        ),
      );
      return;
    }
    this.#writes.push({ kind: 'write', path, before, after: wanted, source, keep });
  }

  #at(path: RootedPath): SeenPlugin | undefined {
    return this.#seen.plugins.get(path) ?? this.#seen.elsewhere.get(path);
  }

  /** What is below all packs, for the operations of their manifests. */
  #ground(): Ground {
    const { plugins, elsewhere, ledger, layout } = this.#seen;
    const startingWith = (folder: RootedPath, paths: Iterable<string>) =>
      [...paths].filter((path) => path.startsWith(`${folder}/`)) as RootedPath[];
    return {
      base: (path) => {
        const observed = observedEntry(this.#at(path), 'unread');
        return this.#prior.base[path] === undefined && observed.kind === 'foreign'
          ? observed
          : this.#baseOf(path, observed);
      },
      recordedBelow: (folder) => startingWith(folder, Object.keys(this.#prior.base)),
      presentBelow: (folder) => startingWith(folder, (folder.startsWith('plugins:') ? plugins : elsewhere).keys()),
      storePath: (file) => (file.sha256 === undefined ? undefined : rooted('state', `store/${file.sha256}`)),
      delta: (key) => this.#seen.deltas?.get(key),
      contentOf: (path, entry) => this.#contentOf(path, entry),
      isApplied: (name) => ledger?.packs.some((pack) => pack.name === name) === true,
      show: (path) => display(layout, path),
    };
  }

  /** Where the content of a layer is: in its pack, or the original of a path that it is renamed from. */
  #sourceOf(layer: Layer): Source | undefined {
    const { origin } = layer;
    if (origin === undefined) return undefined;
    if (origin.kind === 'pack') return { kind: 'path', path: origin.path };
    const observed = observedEntry(this.#at(origin.path));
    const base = this.#baseOf(origin.path, observed);
    if (base.kind !== 'file') return undefined;
    return (
      this.#baseSource(origin.path, base) ??
      (sameContent(observed, base) ? { kind: 'path', path: origin.path } : undefined)
    );
  }

  /** Where the original of a path is; or, of anything else, the path itself if that is what is there. */
  #contentOf(path: RootedPath, entry: FileEntry): RootedPath | undefined {
    const observed = observedEntry(this.#at(path), 'unread');
    const base = this.#prior.base[path];
    if (base === undefined || (base.kind === 'file' && sameContent(base, entry))) {
      const source = this.#baseSource(path, entry);
      if (source?.kind === 'store') return rooted('state', `store/${source.sha256}`);
      if (source?.kind === 'path') return source.path;
    }
    return sameContent(observed, entry) ? path : undefined;
  }

  /** The base of a path: as recorded, or, where no pack has covered it yet, as it is now. */
  #baseOf(path: RootedPath, observed: ObservedEntry): BaseEntry {
    const recorded = this.#prior.base[path];
    if (recorded !== undefined) return recorded;
    if (observed.kind === 'directory') return this.#left.get(path)?.after.kind === 'directory' ? ABSENT : observed;
    return observed.kind === 'file' ? observed : ABSENT;
  }

  /**
   * True where the drift does not stay. It only ever does where the packs say of the path what they said before: else what is on
   * record of it would be true of nothing, and its original lost.
   */
  #noteDrift(path: RootedPath, layer: Layer | undefined, observed: Entry, changes: boolean): boolean {
    const shown = this.#show(path);
    const what = observed.kind === 'absent' ? `${shown} is missing` : `${shown} was changed after it had been patched`;
    this.#drifted.push(shown);
    if (this.#rules.drift === 'repair') {
      this.#problems.push(
        notice(
          'DRIFT',
          'warning',
          layer === undefined
            ? `${what}; the original is put back (drift: repair)`
            : `${what}; it is put back as ${layer.pack} has it (drift: repair)`,
          { path: shown, hint: 'Find out who changed it; what a repair finds there is kept in the folder aside.' },
        ),
      );
      return true;
    }
    if (this.#rules.drift === 'refuse') {
      this.#problems.push(errorProblem('DRIFTED', what, { path: shown }));
      return true;
    }
    if (changes) {
      const outcome =
        layer === undefined ? 'the original is put back, since its pack is taken away' : `${layer.pack} changes it`;
      this.#problems.push(
        notice('DRIFT', 'warning', `${what}; ${outcome}`, {
          path: shown,
          hint: 'Find out who changed it; what is found there is kept in the folder aside.',
        }),
      );
      return true;
    }
    this.#problems.push(
      notice('DRIFT', 'warning', `${what}; it is left so (drift: report)`, {
        path: shown,
        hint: 'Run prepatch verify --repair to put it back.',
      }),
    );
    return false;
  }

  #keepOf(path: RootedPath, observed: Entry, base: BaseEntry, drift: boolean): Keep {
    if (observed.kind !== 'file') return 'drop';
    if (base.kind === 'file' && sameContent(observed, base))
      return base.sha256 !== undefined && this.#layers.has(path) ? 'store' : 'drop';
    const known = this.#recorded().get(path)?.has(observed.md5) === true;
    return drift || !known ? 'aside' : 'drop';
  }

  /** Path → what the packs of the record brought there. */
  #recorded(): ReadonlyMap<RootedPath, ReadonlySet<Md5>> {
    if (this.#recordedContents !== undefined) return this.#recordedContents;
    const contents = new Map<RootedPath, Set<Md5>>();
    for (const pack of this.#prior.packs)
      for (const { target, md5 } of pack.files) contents.set(target, (contents.get(target) ?? new Set()).add(md5));
    this.#recordedContents = contents;
    return contents;
  }

  #baseSource(path: RootedPath, base: FileEntry): Source | undefined {
    const sha256 = base.sha256;
    if (sha256 !== undefined && this.#seen.stored.has(sha256)) {
      return { kind: 'store', sha256, lastUse: false };
    }
    const source = this.#prior.baseSources.get(path);
    return source === undefined ? undefined : { kind: 'path', path: source };
  }

  /** An original that nothing needs in the store afterwards can be moved out of it and need not be copied. */
  #markLastUses(): readonly Operation[] {
    if (!this.#writes.some((write) => write.kind === 'write' && write.source.kind === 'store')) return this.#writes;
    const uses = new Map<Sha256, number>();
    const use = (sha256: Sha256 | undefined) => sha256 !== undefined && uses.set(sha256, (uses.get(sha256) ?? 0) + 1);
    for (const base of Object.values<BaseEntry>(this.#base)) if (base.kind === 'file') use(base.sha256);
    for (const write of this.#writes)
      if (write.kind === 'write' && write.source.kind === 'store') use(write.source.sha256);
    return this.#writes.map((write) =>
      write.kind === 'write' && write.source.kind === 'store'
        ? { ...write, source: { ...write.source, lastUse: uses.get(write.source.sha256) === 1 } }
        : write,
    );
  }

  /** The mode of what is replaced is kept; a new file has its pack's, without set-id bits. */
  #withMode(
    entry: FileEntry,
    layer: Layer,
    left: { readonly setsMode: boolean } | undefined,
    observed: ObservedEntry,
    base: BaseEntry,
  ): FileEntry {
    if (layer.setsMode) return entry;
    const own = entry.mode & 0o777 || BUNDLE_MODE;
    // What an earlier layer has set is no mode of the file itself.
    if (observed.kind === 'file' && left?.setsMode !== true) return { ...entry, mode: observed.mode };
    return { ...entry, mode: base.kind === 'file' ? base.mode : own };
  }

  #change(
    path: RootedPath,
    layer: Layer | undefined,
    drift: boolean,
    before: Entry,
    after: Entry,
    base: BaseEntry,
  ): void {
    const action: Change['action'] = drift
      ? 'repair'
      : after.kind === 'absent'
        ? 'delete'
        : layer === undefined
          ? 'restore'
          : before.kind === 'absent'
            ? 'create'
            : 'replace';
    const winner = layer?.pack ?? null;
    const reason =
      layer !== undefined
        ? layer.shadows.length > 0
          ? `${layer.pack} wins over ${layer.shadows.join(', ')}`
          : `${layer.pack} ${after.kind === 'absent' ? 'takes it away' : 'brings it'}`
        : base.kind === 'absent'
          ? 'no pack brings it any more'
          : 'no pack covers the original any more';
    this.#changes.push({
      action,
      path: this.#show(path),
      from: after.kind === 'absent' ? null : layer?.origin?.kind === 'pack' ? this.#show(layer.origin.shown) : 'base',
      winner,
      shadows: layer?.shadows ?? [],
      before,
      after,
      reason: drift ? `${reason}; it had been changed by hand` : reason,
    });
  }

  /** Plugins that no pack covers: restored from Carbon's backup at first contact, else only compared. */
  #planUncovered(): void {
    const covered = new Set<RootedPath>([...this.#layers.keys(), ...(Object.keys(this.#prior.base) as RootedPath[])]);
    for (const [path, { source, entry }] of [...this.#prior.restore].sort(([a], [b]) => byPath(a, b))) {
      if (covered.has(path)) continue;
      const before = observedEntry(this.#seen.plugins.get(path));
      if (before.kind === 'foreign' || before.kind === 'directory') continue;
      const after: FileEntry = { ...entry, mode: before.kind === 'file' ? before.mode : entry.mode };
      this.#makeParents(path);
      this.#writes.push({ kind: 'write', path, before, after, source: { kind: 'path', path: source }, keep: 'aside' });
      this.#changes.push({
        action: 'restore',
        path: this.#show(path),
        from: this.#show(source),
        winner: null,
        shadows: [],
        before,
        after,
        reason: `${BACKUP_PACK} is the base`,
      });
    }
    if (this.#rules.rebase) return;
    const notices: Problem[] = [];
    for (const [path, plugin] of this.#seen.plugins) {
      if (covered.has(path) || plugin.kind !== 'file' || this.#prior.restore.has(path)) continue;
      if (this.#isUnexplained(path)) notices.push(unexplained(this.#show(path)));
      const seen = this.#prior.seen[path];
      if (seen === undefined ? this.#prior.ledger === undefined : looksTheSame(plugin, seen)) continue;
      const shown = this.#show(path);
      if (seen === undefined) {
        notices.push(
          notice('ORPHAN', 'warning', `${shown} is new and no pack brings it`, {
            path: shown,
            hint: 'If it belongs to the server, run prepatch rebase; else move it away.',
          }),
        );
      } else {
        notices.push(
          notice('BASE_CHANGED', 'warning', `${shown} was changed, and no pack covers it; it is left as it is`, {
            path: shown,
            hint: 'If the vendor’s update did it, run prepatch rebase; else put the original back.',
          }),
        );
      }
    }
    for (const path of Object.keys(this.#prior.seen) as RootedPath[]) {
      if (covered.has(path) || this.#seen.plugins.has(path) || this.#prior.restore.has(path)) continue;
      const shown = this.#show(path);
      notices.push(
        notice('BASE_CHANGED', 'warning', `${shown} is missing, and no pack covers it`, {
          path: shown,
          hint: 'If it was meant to go, run prepatch rebase; else put the original back.',
        }),
      );
    }
    this.#problems.push(...notices);
  }

  /** At first contact: where Carbon has kept the originals, a plugin that is not among them came later, and nothing says how. */
  #isUnexplained(path: RootedPath): boolean {
    return this.#prior.ledger === undefined && this.#seen.backup.size > 0 && !this.#seen.backup.has(path);
  }

  #makeParents(path: RootedPath): void {
    const missing: RootedPath[] = [];
    for (
      let parent = parentOf(path);
      parent !== undefined && splitRooted(parent).path !== '';
      parent = parentOf(parent)
    ) {
      if (!this.#seen.plugins.has(parent) && !this.#makes.some((make) => make.path === parent)) missing.unshift(parent);
    }
    for (const parent of missing) this.#makes.push({ kind: 'make-directory', path: parent, mode: 0o755 });
  }

  #recordOf(pack: Pack): LedgerPack {
    const known = this.#records.get(pack);
    if (known !== undefined) return known;
    const record = this.#makeRecord(pack);
    this.#records.set(pack, record);
    return record;
  }

  #makeRecord(pack: Pack): LedgerPack {
    const recorded = this.#recordedPacks.get(pack.name);
    // Most packs are as they were: what is the same object need not be compared again.
    if (recorded !== undefined && isPlainlyAs(pack, recorded)) return recorded;
    const own = toLedgerPack(pack);
    const operations = this.#stack.operations.get(pack.name);
    if (operations === undefined || pack.operations === undefined) return own;
    return {
      ...own,
      files: [...own.files, ...operations.files],
      directories: [...own.directories, ...operations.directories],
      ...(operations.removes.length === 0 ? {} : { removes: operations.removes }),
    };
  }

  /** A zip becomes a folder where a companion has to see it. */
  #planUnpacking(): void {
    for (const { unpacking } of this.#packs) {
      if (unpacking === undefined) continue;
      for (const path of unpacking.directories) this.#makes.push({ kind: 'make-directory', path, mode: 0o755 });
      for (const { path, entry, source } of unpacking.files)
        this.#writes.push({
          kind: 'write',
          path,
          before: ABSENT,
          after: entry,
          source: { kind: 'path', path: source },
          keep: 'drop',
        });
      this.#moves.push({ kind: 'move', path: unpacking.zip, target: unpacking.keptAs });
    }
    // What was unpacked beside the folder of a patch goes out of the way with it.
    for (const { path, keptAs } of this.#seen.leftovers) this.#moves.push({ kind: 'move', path, target: keptAs });
  }

  #warnOfReopened(): void {
    for (const { pack, stays, fixes } of findReopened(this.#prior.packs, this.#packs)) {
      const what = stays ? `the new content of ${pack}` : `the revert of ${pack}`;
      this.#problems.push(
        notice('REOPENS', 'warning', `${what} reopens ${fixes.join(', ')}`, {
          pack,
          hint: `Put ${pack} back, or a pack that fixes the same.`,
        }),
      );
    }
  }

  /** With a companion, what is not applied is not left where it can see it, and what is applied is given back. */
  #planMoves(): void {
    if (!this.#seen.companion) return;
    const root = (kind: Pack['kind']) => (kind === 'patch' ? 'patches' : 'servicepacks');
    for (const pack of this.#seen.packs.filter((one) => this.#packs.includes(one))) {
      if (pack.held && pack.zip === undefined)
        this.#moves.push({ kind: 'move', path: pack.folder, target: rooted(root(pack.kind), pack.name) });
    }
    const aside = [
      ...this.#seen.packs
        .filter((pack) => !pack.held && !this.#packs.includes(pack))
        .map(({ name, kind, zip }) => ({ name, kind, zip })),
      ...this.#seen.excluded.filter((pack) => !pack.held),
      ...this.#seen.hidingFiles.map((name) => ({ name, kind: 'servicepack' as const, zip: undefined })),
    ];
    for (const { name: pack, kind, zip } of aside) {
      // Carbon passes over files among the patches; among the service packs the last one hides them all.
      if (zip !== undefined && kind === 'patch') continue;
      const name = zip === undefined ? pack : splitRooted(zip).path;
      const path = rooted(root(kind), name);
      const target = rooted(root(kind), `${HELD_FOLDER}/${name}`);
      if (this.#seen.kept[kind].has(name)) {
        const earlier = rooted(root(kind), `${HELD_FOLDER}/${this.#freeHeldName(kind, name)}`);
        this.#moves.push({ kind: 'move', path: target, target: earlier });
        const [shown, seen] = [this.#show(path), this.#show(target)];
        const what = `${shown} is set aside as ${seen}; the earlier one there is kept as ${this.#show(earlier)}`;
        const hint = `Each start looks at ${seen} again, and at no other; what is given up can be removed there.`;
        this.#problems.push(notice('HELD', 'warning', what, { pack, path: shown, hint }));
      }
      this.#moves.push({ kind: 'move', path, target });
    }
  }

  /** Where an earlier drop of the name is held still, it makes room under a name that begins as no pack's does. */
  #freeHeldName(kind: Pack['kind'], name: string): string {
    const kept = this.#seen.kept[kind];
    let free = name;
    for (let n = 1; kept.has(free); n++) free = n === 1 ? `another-${name}` : `another-${name}.${n}`;
    return free;
  }

  /** What is set aside after this plan: what it moves there, and what is there already and stays. */
  #heldAfter(): Ledger['held'] {
    const kept = new Set(
      [...this.#packs.map((pack) => pack.unpacking), ...this.#seen.leftovers].map((one) => one?.keptAs),
    );
    const zips = new Map([...this.#seen.packs, ...this.#seen.excluded].map((pack) => [pack.zip, pack.name]));
    const moved = this.#moves.flatMap((move) => {
      if (move.kind !== 'move' || !splitRooted(move.target).path.startsWith(`${HELD_FOLDER}/`)) return [];
      const { root, path } = splitRooted(move.path);
      return kept.has(move.target) || path.startsWith(`${HELD_FOLDER}/`)
        ? []
        : [{ root, path: zips.get(move.path) ?? path }];
    });
    const staying = [...this.#seen.packs.filter((pack) => !this.#packs.includes(pack)), ...this.#seen.excluded].filter(
      (pack) => pack.held,
    );
    const hiding = new Set(this.#seen.hidingFiles);
    return [
      ...moved
        .filter(({ root, path }) => root !== 'servicepacks' || !hiding.has(path))
        .map(({ root, path }) => ({
          name: path,
          kind: root === 'patches' ? ('patch' as const) : ('servicepack' as const),
        })),
      ...staying.map(({ name, kind }) => ({ name, kind })),
    ]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((one) => ({ ...one, reason: 'not applied' }));
  }

  /** A pack whose files are the same may have other actions. */
  #detect(): Detection {
    const after = this.#packs.map((pack) => this.#recordOf(pack));
    const detected = detectChanges(this.#prior.packs, after);
    const { undo = [], perform = [] } = this.#actions ?? {};
    const known = [...detected.applied, ...detected.reverted, ...detected.updated];
    const packs = new Set([...undo, ...perform].map((operation) => operation.pack));
    const others = [...packs].filter((pack) => !known.includes(pack));
    if (others.length === 0) return detected;
    return {
      ...detected,
      updated: [...detected.updated, ...others],
      lines: [...detected.lines, ...others.map((pack) => `The actions of ${pack} have changed`)],
    };
  }

  /** What packs did comes undone while their files are still there; what they do comes when their files are. */
  #planActions(): void {
    const { actions } = this.#seen;
    const isConcerned = (pack: { readonly actions?: unknown }) => pack.actions !== undefined;
    if (actions === undefined && ![...this.#prior.packs, ...this.#packs].some(isConcerned)) return;
    const rules = this.#rules.actions ?? { allowCommands: true, allowModules: false };
    this.#actions = planActions(this.#prior.packs, this.#packs, actions, rules);
    this.#problems.push(...this.#actions.problems);
  }

  /** The names file must say what we wrote, or (at first contact) nothing that contradicts the folders. */
  #checkStateFiles(): void {
    const { ledger, state, layout } = this.#seen;
    if (ledger === undefined || ledger.layout !== layout.name) return;
    const path = display(layout, layout.namesFile);
    if (!sameList(ledger.names, state.names)) {
      const said = (names: readonly string[]) => (names.length === 0 ? 'nothing' : names.join(', '));
      this.#problems.push(
        errorProblem(
          'LEDGER_EDITED',
          `${path} was changed: it says ${said(state.names)}; applied is ${said(ledger.names)}`,
          { path },
        ),
      );
    }
    if (layout.jarsFile === undefined || ledger.jars === undefined) return;
    const recorded = new Map(Object.entries(ledger.jars));
    const jars = state.jars ?? new Map<string, Md5>();
    const same = recorded.size === jars.size && [...recorded].every(([name, md5]) => jars.get(name) === md5);
    if (!same && (recorded.size > 0 || jars.size > 0)) {
      const jarsPath = display(layout, layout.jarsFile);
      this.#problems.push(
        errorProblem('LEDGER_EDITED', `${jarsPath} was changed: it does not say what was recorded`, { path: jarsPath }),
      );
    }
  }

  /** What is on probation afterwards; the commands of a check are subject to the same policy as those of actions. */
  #health(detected: Detection): HealthRecord {
    const fresh = new Set([...detected.applied, ...detected.updated]);
    const { transaction, serverStartsMs, actions } = this.#rules;
    for (const { name, manifest } of this.#packs) {
      if (!fresh.has(name) || manifest?.health?.kind !== 'command' || actions?.allowCommands !== false) continue;
      const message = `${name} checks the server’s health by a command, and allowCommands is false`;
      const hint = 'Set allowCommands: true if you trust the pack, or take it out.';
      this.#problems.push(errorProblem('PACK_REFUSED', message, { pack: name, hint }));
    }
    return recordHealth(this.#seen.health ?? {}, this.#packs, fresh, transaction, serverStartsMs);
  }

  /** The state files and our own record, as the last operations. */
  #planRecord(detected: Detection): { operations: Operation[]; after: Ledger | undefined } {
    const { layout, state } = this.#seen;
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
    const prior = this.#prior.ledger;
    const nothing =
      prior === undefined &&
      this.#packs.length === 0 &&
      this.#changes.length === 0 &&
      operations.length === 0 &&
      this.#moves.length === 0 &&
      this.#prior.packs.length === 0;
    if (nothing) return { operations, after: undefined };
    const after: Ledger = {
      format: 1,
      sequence: (prior?.sequence ?? 0) + 1,
      transaction: this.#rules.transaction,
      layout: layout.name,
      packs: this.#packs.map((pack) => {
        const actions = this.#actions?.ledger.get(pack.name);
        return actions === undefined ? this.#recordOf(pack) : { ...this.#recordOf(pack), actions };
      }),
      base: sortRecord(this.#base),
      seen: sortRecord(this.#seenAfter()),
      names,
      jars: jars === undefined ? undefined : Object.fromEntries([...jars].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(Object.keys(bundles.edits).length === 0 ? {} : { bundles: bundles.edits }),
      ...this.#health(detected),
      held: this.#heldAfter(),
    };
    const changed =
      this.#makes.length +
        this.#deletes.length +
        this.#writes.length +
        this.#removes.length +
        this.#moves.length +
        operations.length >
      0;
    if (!changed && prior !== undefined && sameRecord(prior, after)) return { operations, after: undefined };
    const needed = this.#seen.missingDirectories.filter((path) => this.#needsDirectory(path, operations));
    this.#makes.unshift(...needed.map((path): Operation => ({ kind: 'make-directory', path, mode: 0o755 })));
    return { operations, after };
  }

  /** What the packs add to plugins is loaded only where `bundles.info` lists it. */
  #listBundles(): { operations: Operation[]; edits: Record<RootedPath, BundlesInfoEdits> } {
    const operations: Operation[] = [];
    const edits: Record<RootedPath, BundlesInfoEdits> = {};
    const order = new Map(this.#packs.map((pack, index) => [pack.name, index]));
    const placed = [...this.#layers].flatMap(([path, { bundle, pack }]): PlacedBundle[] => {
      const { root, path: name } = splitRooted(path);
      const isAdded = root === 'plugins' && !name.includes('/') && this.#base[path]?.kind !== 'file';
      return isAdded && bundle !== undefined ? [{ ...bundle, file: name, order: order.get(pack) ?? 0 }] : [];
    });
    for (const [path, { text, entry }] of this.#seen.bundlesInfo) {
      const edited = editBundlesInfo(text, this.#prior.ledger?.bundles?.[path] ?? NO_EDITS, placed);
      if (edited.edits.added.length + edited.edits.replaced.length > 0) edits[path] = edited.edits;
      if (edited.text !== text) operations.push(writeText(path, entry, edited.text));
    }
    return { operations, edits };
  }

  /** Originals that only Carbon's backup has, and that packs go on to cover, are copied into the store. */
  #importOriginals(): Operation[] {
    const imports = new Map<Sha256, Operation>();
    for (const [path, source] of this.#prior.baseSources) {
      const base = this.#base[path];
      if (base?.kind !== 'file' || base.sha256 === undefined || this.#seen.stored.has(base.sha256)) continue;
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

  #needsDirectory(path: RootedPath, state: readonly Operation[]): boolean {
    const folder = this.#absolute(path);
    return [...state, ...this.#writes, ...this.#makes].some((operation) =>
      this.#absolute(operation.path).startsWith(`${folder}/`),
    );
  }

  #absolute(path: RootedPath): string {
    const { root, path: inside } = splitRooted(path);
    return inside === '' ? this.#seen.layout[root] : `${this.#seen.layout[root]}/${inside}`;
  }

  /** Carbon rule 12. */
  #names(): string[] {
    const { layout, hasBackup, backupAbsorbed } = this.#seen;
    const packs = this.#seen.visible ?? this.#packs;
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
    for (const pack of this.#seen.visible ?? this.#packs) {
      for (const file of pack.files) {
        const name = splitRooted(file.target).path;
        if (!name.includes('/') && file.operation !== true) jars.set(name, file.entry.md5);
      }
    }
    return jars;
  }

  #seenAfter(): Record<RootedPath, SeenFile> {
    const after: Record<RootedPath, SeenFile> = {};
    const known = this.#prior.ledger !== undefined && !this.#rules.rebase;
    for (const [path, plugin] of this.#seen.plugins) {
      if (plugin.kind !== 'file' || this.#layers.has(path) || this.#prior.base[path] !== undefined) continue;
      const before = this.#prior.seen[path];
      if (before !== undefined && !this.#rules.rebase) after[path] = before;
      else if (!known)
        after[path] = {
          sizeBytes: plugin.sizeBytes,
          mtimeMs: plugin.mtimeMs,
          ...(plugin.md5 === undefined ? {} : { md5: plugin.md5 }),
        };
    }
    if (!this.#rules.rebase) {
      for (const [path, seen] of Object.entries(this.#prior.seen) as [RootedPath, SeenFile][]) {
        if (!this.#layers.has(path) && after[path] === undefined) after[path] = seen;
      }
    }
    for (const [path, base] of Object.entries(this.#prior.base) as [RootedPath, BaseEntry][]) {
      if (this.#layers.has(path) || splitRooted(path).root !== 'plugins') continue;
      const plugin = this.#seen.plugins.get(path);
      if (base.kind === 'file') after[path] = { sizeBytes: base.sizeBytes, mtimeMs: 0, md5: base.md5 };
      else if (base.kind === 'unknown' && plugin?.kind === 'file') after[path] = toSeenFile(plugin);
    }
    for (const [path, { entry }] of this.#prior.restore) {
      if (!this.#layers.has(path)) after[path] = { sizeBytes: entry.sizeBytes, mtimeMs: 0, md5: entry.md5 };
    }
    return after;
  }

  #writeText(file: string, text: string): Operation {
    const path = [...this.#seen.stateEntries.keys()].find((one) => this.#absolute(one) === file);
    if (path === undefined) throw new Error(`prepatch has a defect: ${file} was not looked at`);
    return writeText(path, this.#seen.stateEntries.get(path) ?? ABSENT, text);
  }

  #conflict(path: RootedPath, pack: string | undefined, what: string): void {
    const shown = this.#show(path);
    this.#problems.push(
      errorProblem('CONFLICT', `${shown}: ${what}`, {
        pack,
        path: shown,
        hint: `Move ${shown} away, or take the pack out.`,
      }),
    );
  }

  #show(path: RootedPath): string {
    return display(this.#seen.layout, path);
  }
}

/** An operation that writes a short text; its digests are filled in when it is staged. */
export function writeText(path: RootedPath, before: Exclude<Entry, { kind: 'directory' }>, text: string): Operation {
  const placeholder = '0'.repeat(32) as Md5;
  const sizeBytes = Buffer.byteLength(text, 'utf8');
  const mode = before.kind === 'file' ? before.mode : 0o644;
  return {
    kind: 'write',
    path,
    before,
    after: { kind: 'file', md5: placeholder, sizeBytes, mode },
    source: { kind: 'text', text },
    keep: 'drop',
  };
}

function fromLedger(ledger: Ledger): Prior {
  return {
    ledger,
    packs: ledger.packs,
    base: ledger.base,
    seen: ledger.seen,
    restore: new Map(),
    baseSources: new Map(),
    problems: [],
  };
}

function unexplained(shown: string): Problem {
  return notice('ORPHAN', 'info', `${shown} is neither in ${BACKUP_PACK} nor in a pack; it is taken for the base`, {
    path: shown,
    hint: 'If a patch that is gone has left it, move it away; if it belongs to the server, leave it.',
  });
}

export function toLedgerPack(pack: Pack): LedgerPack {
  const { manifest } = pack;
  const record =
    pack.recorded ??
    (manifest === undefined ? undefined : { id: manifest.id, version: manifest.version, fixes: manifest.fixes });
  return {
    name: pack.name,
    kind: pack.kind,
    absorbs: pack.absorbs,
    files: pack.files.map((file) => ({
      fileName: file.fileName,
      target: file.target,
      md5: file.entry.md5,
      sizeBytes: file.entry.sizeBytes,
      mode: file.entry.mode,
      ...(file.bundle === undefined ? {} : { bundle: file.bundle }),
      ...(file.operation === true ? { operation: true } : {}),
      ...(file.operation === true && file.source?.startsWith('state:store/') === true ? { source: file.source } : {}),
      ...(file.setsMode === true ? { setsMode: true } : {}),
    })),
    directories: pack.directories.map((folder) => ({ target: folder.target, mode: folder.entry.mode })),
    ...(pack.removes === undefined ? {} : { removes: pack.removes }),
    ...(record === undefined ? {} : { manifest: record }),
  };
}

/** Whether a pack of nothing but files and folders would be recorded as it is; false in any doubt. */
function isPlainlyAs(pack: Pack, recorded: LedgerPack): boolean {
  const { files, directories } = pack;
  const isPlain =
    pack.manifest === undefined &&
    pack.recorded === undefined &&
    pack.operations === undefined &&
    pack.removes === undefined &&
    Object.keys(recorded).length === PLAIN_KEYS;
  return (
    isPlain &&
    recorded.kind === pack.kind &&
    sameList(recorded.absorbs, pack.absorbs) &&
    recorded.files.length === files.length &&
    recorded.directories.length === directories.length &&
    recorded.files.every((one, index) => isPlainFileAs(files[index], one)) &&
    recorded.directories.every((one, index) => {
      const folder = directories[index];
      return folder?.target === one.target && folder.entry.mode === one.mode;
    })
  );
}

function isPlainFileAs(file: PackFile | undefined, recorded: LedgerFile): boolean {
  return (
    file?.target === recorded.target &&
    file.entry.md5 === recorded.md5 &&
    file.fileName === recorded.fileName &&
    file.entry.sizeBytes === recorded.sizeBytes &&
    file.entry.mode === recorded.mode &&
    file.bundle?.symbolicName === recorded.bundle?.symbolicName &&
    file.bundle?.version === recorded.bundle?.version &&
    (file.operation ?? recorded.operation ?? file.setsMode ?? recorded.setsMode) === undefined &&
    recorded.source === undefined
  );
}

function toSeenFile(plugin: Extract<SeenPlugin, { kind: 'file' }>): SeenFile {
  const { sizeBytes, mtimeMs, md5 } = plugin;
  return { sizeBytes, mtimeMs, ...(md5 === undefined ? {} : { md5 }) };
}

/** `unread`: also of what was not read, since nothing will be compared with it. */
function observedEntry(plugin: SeenPlugin | undefined, need: 'read' | 'unread' = 'read'): ObservedEntry {
  if (plugin === undefined) return ABSENT;
  if (plugin.kind !== 'file') return plugin;
  if (plugin.md5 === undefined && need === 'unread')
    return { kind: 'file', md5: '' as Md5, sizeBytes: plugin.sizeBytes, mode: plugin.mode };
  if (plugin.md5 === undefined) throw new Error('prepatch has a defect: a covered plugin was not read');
  const { md5, sha256, sizeBytes, mode } = plugin;
  return { kind: 'file', md5, sizeBytes, mode, ...(sha256 === undefined ? {} : { sha256 }) };
}

function looksTheSame(plugin: Extract<SeenPlugin, { kind: 'file' }>, seen: SeenFile): boolean {
  if (plugin.sizeBytes !== seen.sizeBytes) return false;
  if (plugin.md5 !== undefined && seen.md5 !== undefined) return plugin.md5 === seen.md5;
  return plugin.mtimeMs === seen.mtimeMs;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Whether two ledgers say the same but for their numbers. */
function sameRecord(a: Ledger, b: Ledger): boolean {
  const plain = (ledger: Ledger) => ({ ...ledger, sequence: 0, transaction: '' });
  return sameData(plain(a), plain(b));
}

/** Whether two values would be the same JSON, but for the order of keys; without making the text. */
function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  for (const key in left) if (!sameData(left[key], right[key])) return false;
  for (const key in right) if (left[key] === undefined && right[key] !== undefined) return false;
  return true;
}

function sortRecord<V>(record: Readonly<Record<RootedPath, V>>): Record<RootedPath, V> {
  const keys = Object.keys(record) as RootedPath[];
  // A record that was read is sorted already; one with additions is nearly so.
  if (keys.every((key, index) => index === 0 || (keys[index - 1] as string) < key)) return record;
  return Object.fromEntries(keys.sort().map((key) => [key, record[key]])) as Record<RootedPath, V>;
}

/** Parents before what is in them. */
function byPath(a: RootedPath, b: RootedPath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The SHA-256 of every original that a ledger refers to. */
export function originalsOf(ledger: Ledger): Set<Sha256> {
  const found = new Set<Sha256>();
  for (const base of Object.values<BaseEntry>(ledger.base))
    if (base.kind === 'file' && base.sha256 !== undefined) found.add(base.sha256);
  for (const pack of ledger.packs) {
    for (const undo of pack.actions?.done.flatMap((done) => done.undo) ?? []) {
      if (undo.kind === 'module') found.add(undo.sha256);
      if (undo.kind === 'content' && undo.before.kind === 'file' && undo.before.sha256 !== undefined)
        found.add(undo.before.sha256);
    }
  }
  return found;
}
