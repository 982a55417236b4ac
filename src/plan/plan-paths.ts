// Each path that a pack covers, or has covered: from what is there to what the packs, or the base, say; drift, and what stands in
// the way. Pure.

import {
  ABSENT,
  type DirectoryEntry,
  type Entry,
  type FileEntry,
  type Md5,
  type ObservedEntry,
  type RootedPath,
  sameContent,
} from '../home/entry.js';
import { display } from '../home/layout.js';
import { errorProblem, notice } from '../problem.js';
import type { Bases } from './bases.js';
import type { Draft } from './draft.js';
import type { BaseEntry } from './ledger.js';
import { byPath, observedEntry } from './observed-entry.js';
import type { Keep } from './operation.js';
import type { Change } from './plan.js';
import type { Layer } from './stack-layers.js';

const BUNDLE_MODE = 0o644;

export function planPaths(draft: Draft, bases: Bases): void {
  new PathPlanner(draft, bases).plan();
}

class PathPlanner {
  readonly #draft: Draft;
  readonly #bases: Bases;
  #recordedContents: ReadonlyMap<RootedPath, ReadonlySet<Md5>> | undefined;

  constructor(draft: Draft, bases: Bases) {
    this.#draft = draft;
    this.#bases = bases;
  }

  plan(): void {
    for (const path of [...new Set([...this.#draft.layers.keys(), ...this.#bases.left.keys()])].sort(byPath))
      this.#planPath(path);
  }

  /** From what is there to what the packs, or the base, say. */
  #planPath(path: RootedPath): void {
    const layer = this.#draft.layers.get(path);
    const left = this.#bases.left.get(path);
    const observed = observedEntry(this.#bases.at(path));
    const base = this.#bases.baseOf(path, observed);
    if (layer !== undefined) this.#draft.base[path] = base;
    if (layer === undefined && base.kind === 'unknown') {
      // What is neither the pack's nor ours to judge: the operator has put the original back, as doctor says.
      if (left === undefined || !sameContent(observed, left.after)) return;
      this.#draft.problems.push(
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
      this.#bases.left.get(path)?.after.kind === 'directory' ||
      (layer?.operation === true && base.kind === 'directory');
    if (isOurs) this.#draft.removes.push({ kind: 'remove-directory', path, mode: observed.mode });
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
      const isOurs =
        this.#bases.left.get(path)?.after.kind === 'file' || (layer?.operation === true && base.kind === 'file');
      if (!isOurs) {
        this.#conflict(path, layer?.pack, `${layer?.pack ?? 'the original'} is a folder where there is a file`);
        return;
      }
      this.#planFile(path, layer, ABSENT, observed, base);
    }
    this.#draft.makes.push({ kind: 'make-directory', path, mode: after.mode | 0o700 });
  }

  #planFile(
    path: RootedPath,
    layer: Layer | undefined,
    after: Exclude<Entry, DirectoryEntry>,
    observed: Exclude<Entry, DirectoryEntry>,
    base: BaseEntry,
  ): void {
    const left = this.#bases.left.get(path);
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
      if (before.kind === 'file') this.#draft.deletes.push({ kind: 'delete', path, before, keep });
      return;
    }
    const source = layer === undefined ? this.#bases.baseSource(path, wanted) : this.#bases.sourceOf(layer);
    if (source === undefined && layer !== undefined && layer.origin?.kind !== 'base') {
      const shown = this.#show(path);
      this.#draft.problems.push(
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
      this.#draft.problems.push(
        errorProblem(
          'STORE_DAMAGED',
          `the original of ${this.#show(path)} (MD5 ${wanted.md5}) is not in the store any more`,
          { path: this.#show(path) },
        ),
      );
      return;
    }
    this.#draft.writes.push({ kind: 'write', path, before, after: wanted, source, keep });
  }

  /**
   * True where the drift does not stay. It only ever does where the packs say of the path what they said before: else what is on
   * record of it would be true of nothing, and its original lost.
   */
  #noteDrift(path: RootedPath, layer: Layer | undefined, observed: Entry, changes: boolean): boolean {
    const shown = this.#show(path);
    const what = observed.kind === 'absent' ? `${shown} is missing` : `${shown} was changed after it had been patched`;
    this.#draft.drifted.push(shown);
    if (this.#draft.rules.drift === 'repair') {
      this.#draft.problems.push(
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
    if (this.#draft.rules.drift === 'refuse') {
      this.#draft.problems.push(errorProblem('DRIFTED', what, { path: shown }));
      return true;
    }
    if (changes) {
      const outcome =
        layer === undefined ? 'the original is put back, since its pack is taken away' : `${layer.pack} changes it`;
      this.#draft.problems.push(
        notice('DRIFT', 'warning', `${what}; ${outcome}`, {
          path: shown,
          hint: 'Find out who changed it; what is found there is kept in the folder aside.',
        }),
      );
      return true;
    }
    this.#draft.problems.push(
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
      return base.sha256 !== undefined && this.#draft.layers.has(path) ? 'store' : 'drop';
    const known = this.#recorded().get(path)?.has(observed.md5) === true;
    return drift || !known ? 'aside' : 'drop';
  }

  /** Path → what the packs of the record brought there. */
  #recorded(): ReadonlyMap<RootedPath, ReadonlySet<Md5>> {
    if (this.#recordedContents !== undefined) return this.#recordedContents;
    const contents = new Map<RootedPath, Set<Md5>>();
    for (const pack of this.#draft.prior.packs)
      for (const { target, md5 } of pack.files) contents.set(target, (contents.get(target) ?? new Set()).add(md5));
    this.#recordedContents = contents;
    return contents;
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
    this.#draft.changes.push({
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

  /** Where packs have left something, what is in the way there came later: that is drift, too. */
  #conflict(path: RootedPath, pack: string | undefined, what: string): void {
    const shown = this.#show(path);
    if (this.#bases.left.has(path)) this.#draft.drifted.push(shown);
    this.#draft.problems.push(
      errorProblem('CONFLICT', `${shown}: ${what}`, {
        pack,
        path: shown,
        hint: `Move ${shown} away, or take the pack out.`,
      }),
    );
  }

  #show(path: RootedPath): string {
    return display(this.#draft.seen.layout, path);
  }
}
