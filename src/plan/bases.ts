// The base of each path, and where its content is: in place, in the store, in Carbon's backup. What lies below all packs. Pure.

import { ABSENT, type FileEntry, type ObservedEntry, type RootedPath, sameContent } from '../home/entry.js';
import { display, rooted } from '../home/layout.js';
import type { BaseEntry } from './ledger.js';
import type { Observation, SeenPlugin } from './observation.js';
import { observedEntry } from './observed-entry.js';
import type { Source } from './operation.js';
import { leftBy, type LeftPaths, type Prior } from './prior.js';
import type { Ground, Layer } from './stack-layers.js';

export class Bases {
  /** What the packs of the record have left at each path. */
  readonly left: LeftPaths;
  readonly #seen: Observation;
  readonly #prior: Prior;

  constructor(observation: Observation, prior: Prior) {
    this.#seen = observation;
    this.#prior = prior;
    this.left = leftBy(prior.packs);
  }

  at(path: RootedPath): SeenPlugin | undefined {
    return this.#seen.plugins.get(path) ?? this.#seen.elsewhere.get(path);
  }

  /** What is below all packs, for the operations of their manifests. */
  ground(): Ground {
    const { plugins, elsewhere, ledger, layout } = this.#seen;
    const startingWith = (folder: RootedPath, paths: Iterable<string>) =>
      [...paths].filter((path) => path.startsWith(`${folder}/`)) as RootedPath[];
    return {
      base: (path) => {
        const observed = observedEntry(this.at(path), 'unread');
        return this.#prior.base[path] === undefined && observed.kind === 'foreign'
          ? observed
          : this.baseOf(path, observed);
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
  sourceOf(layer: Layer): Source | undefined {
    const { origin } = layer;
    if (origin === undefined) return undefined;
    if (origin.kind === 'pack') return { kind: 'path', path: origin.path };
    const observed = observedEntry(this.at(origin.path));
    const base = this.baseOf(origin.path, observed);
    if (base.kind !== 'file') return undefined;
    return (
      this.baseSource(origin.path, base) ??
      (sameContent(observed, base) ? { kind: 'path', path: origin.path } : undefined)
    );
  }

  /** Where the original of a path is; or, of anything else, the path itself if that is what is there. */
  #contentOf(path: RootedPath, entry: FileEntry): RootedPath | undefined {
    const observed = observedEntry(this.at(path), 'unread');
    const base = this.#prior.base[path];
    if (base === undefined || (base.kind === 'file' && sameContent(base, entry))) {
      const source = this.baseSource(path, entry);
      if (source?.kind === 'store') return rooted('state', `store/${source.sha256}`);
      if (source?.kind === 'path') return source.path;
    }
    return sameContent(observed, entry) ? path : undefined;
  }

  /** The base of a path: as recorded, or, where no pack has covered it yet, as it is now. */
  baseOf(path: RootedPath, observed: ObservedEntry): BaseEntry {
    const recorded = this.#prior.base[path];
    if (recorded !== undefined) return recorded;
    if (observed.kind === 'directory') return this.left.get(path)?.after.kind === 'directory' ? ABSENT : observed;
    return observed.kind === 'file' ? observed : ABSENT;
  }

  baseSource(path: RootedPath, base: FileEntry): Source | undefined {
    const sha256 = base.sha256;
    if (sha256 !== undefined && this.#seen.stored.has(sha256)) {
      return { kind: 'store', sha256, lastUse: false };
    }
    const source = this.#prior.baseSources.get(path);
    return source === undefined ? undefined : { kind: 'path', path: source };
  }
}
