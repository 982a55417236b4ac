// Which packs change places in the drop folders: a zip becomes a folder, and what is not applied is set aside, where a companion
// has to see the one and not the other. Pure.

import { ABSENT, type RootedPath } from '../home/entry.js';
import { display, HELD_FOLDER, rooted, splitRooted } from '../home/layout.js';
import type { Pack } from '../home/pack.js';
import { notice } from '../problem.js';
import type { Draft } from './draft.js';
import type { Ledger } from './ledger.js';

export class PackMoves {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** A zip becomes a folder where a companion has to see it. */
  planUnpacking(): void {
    for (const { unpacking } of this.#draft.packs) {
      if (unpacking === undefined) continue;
      for (const path of unpacking.directories) this.#draft.makes.push({ kind: 'make-directory', path, mode: 0o755 });
      for (const { path, entry, source } of unpacking.files)
        this.#draft.writes.push({
          kind: 'write',
          path,
          before: ABSENT,
          after: entry,
          source: { kind: 'path', path: source },
          keep: 'drop',
        });
      this.#draft.moves.push({ kind: 'move', path: unpacking.zip, target: unpacking.keptAs });
    }
    // What was unpacked beside the folder of a patch goes out of the way with it.
    for (const { path, keptAs } of this.#draft.seen.leftovers)
      this.#draft.moves.push({ kind: 'move', path, target: keptAs });
  }

  /** With a companion, what is not applied is not left where it can see it, and what is applied is given back. */
  planMoves(): void {
    if (!this.#draft.seen.companion) return;
    const root = (kind: Pack['kind']) => (kind === 'patch' ? 'patches' : 'servicepacks');
    for (const pack of this.#draft.seen.packs.filter((one) => this.#draft.packs.includes(one))) {
      if (pack.held && pack.zip === undefined)
        this.#draft.moves.push({ kind: 'move', path: pack.folder, target: rooted(root(pack.kind), pack.name) });
    }
    const aside = [
      ...this.#draft.seen.packs
        .filter((pack) => !pack.held && !this.#draft.packs.includes(pack))
        .map(({ name, kind, zip }) => ({ name, kind, zip })),
      ...this.#draft.seen.excluded.filter((pack) => !pack.held),
      ...this.#draft.seen.hidingFiles.map((name) => ({ name, kind: 'servicepack' as const, zip: undefined })),
    ];
    for (const { name: pack, kind, zip } of aside) {
      // Carbon passes over files among the patches; among the service packs the last one hides them all.
      if (zip !== undefined && kind === 'patch') continue;
      const name = zip === undefined ? pack : splitRooted(zip).path;
      const path = rooted(root(kind), name);
      const target = rooted(root(kind), `${HELD_FOLDER}/${name}`);
      if (this.#draft.seen.kept[kind].has(name)) {
        const earlier = rooted(root(kind), `${HELD_FOLDER}/${this.#freeHeldName(kind, name)}`);
        this.#draft.moves.push({ kind: 'move', path: target, target: earlier });
        const [shown, seen] = [this.#show(path), this.#show(target)];
        const what = `${shown} is set aside as ${seen}; the earlier one there is kept as ${this.#show(earlier)}`;
        const hint = `Each start looks at ${seen} again, and at no other; what is given up can be removed there.`;
        this.#draft.problems.push(notice('HELD', 'warning', what, { pack, path: shown, hint }));
      }
      this.#draft.moves.push({ kind: 'move', path, target });
    }
  }

  /** Where an earlier drop of the name is held still, it makes room under a name that begins as no pack's does. */
  #freeHeldName(kind: Pack['kind'], name: string): string {
    const kept = this.#draft.seen.kept[kind];
    let free = name;
    for (let n = 1; kept.has(free); n++) free = n === 1 ? `another-${name}` : `another-${name}.${n}`;
    return free;
  }

  /** What is set aside after this plan: what it moves there, and what is there already and stays. */
  heldAfter(): Ledger['held'] {
    const kept = new Set(
      [...this.#draft.packs.map((pack) => pack.unpacking), ...this.#draft.seen.leftovers].map((one) => one?.keptAs),
    );
    const zips = new Map(
      [...this.#draft.seen.packs, ...this.#draft.seen.excluded].map((pack) => [pack.zip, pack.name]),
    );
    const moved = this.#draft.moves.flatMap((move) => {
      if (move.kind !== 'move' || !splitRooted(move.target).path.startsWith(`${HELD_FOLDER}/`)) return [];
      const { root, path } = splitRooted(move.path);
      return kept.has(move.target) || path.startsWith(`${HELD_FOLDER}/`)
        ? []
        : [{ root, path: zips.get(move.path) ?? path }];
    });
    const staying = [
      ...this.#draft.seen.packs.filter((pack) => !this.#draft.packs.includes(pack)),
      ...this.#draft.seen.excluded,
    ].filter((pack) => pack.held);
    const hiding = new Set(this.#draft.seen.hidingFiles);
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

  #show(path: RootedPath): string {
    return display(this.#draft.seen.layout, path);
  }
}
