// Plugins that no pack covers: what differs from what was seen of them is said, and left. Pure.

import type { FileEntry, RootedPath } from '../home/entry.js';
import { BACKUP_PACK, display, foldersAbove } from '../home/layout.js';
import { errorProblem, notice, type Problem } from '../problem.js';
import type { Draft } from './draft.js';
import type { SeenFile } from './ledger.js';
import type { SeenPlugin } from './observation.js';
import { byPath, observedEntry } from './observed-entry.js';

export function planUncovered(draft: Draft): void {
  new UncoveredPlanner(draft).plan();
}

class UncoveredPlanner {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  /** Plugins that no pack covers: restored from Carbon's backup at first contact, else only compared. */
  plan(): void {
    const covered = new Set<RootedPath>([
      ...this.#draft.layers.keys(),
      ...(Object.keys(this.#draft.prior.base) as RootedPath[]),
    ]);
    for (const [path, { source, entry }] of [...this.#draft.prior.restore].sort(([a], [b]) => byPath(a, b))) {
      if (covered.has(path)) continue;
      const before = observedEntry(this.#draft.seen.plugins.get(path));
      if (before.kind === 'foreign' || before.kind === 'directory') continue;
      const after: FileEntry = { ...entry, mode: before.kind === 'file' ? before.mode : entry.mode };
      this.#makeParents(path);
      this.#draft.writes.push({
        kind: 'write',
        path,
        before,
        after,
        source: { kind: 'path', path: source },
        keep: 'aside',
      });
      this.#draft.changes.push({
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
    if (this.#draft.rules.rebase) return;
    const gone = this.#findAllGone(covered);
    if (gone !== undefined) {
      const { problems } = this.#draft;
      // That each of them is missing goes without saying.
      problems.splice(0, problems.length, ...problems.filter(({ code }) => code !== 'DRIFT'), gone);
      return;
    }
    const notices: Problem[] = [];
    for (const [path, plugin] of this.#draft.seen.plugins) {
      if (covered.has(path) || plugin.kind !== 'file' || this.#draft.prior.restore.has(path)) continue;
      if (this.#isUnexplained(path)) notices.push(unexplained(this.#show(path)));
      const seen = this.#draft.prior.seen[path];
      if (seen === undefined ? this.#draft.prior.ledger === undefined : looksTheSame(plugin, seen)) continue;
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
    for (const path of Object.keys(this.#draft.prior.seen) as RootedPath[]) {
      if (covered.has(path) || this.#draft.seen.plugins.has(path) || this.#draft.prior.restore.has(path)) continue;
      const shown = this.#show(path);
      notices.push(
        notice('BASE_CHANGED', 'warning', `${shown} is missing, and no pack covers it`, {
          path: shown,
          hint: 'If it was meant to go, run prepatch rebase; else put the original back.',
        }),
      );
    }
    this.#draft.problems.push(...notices);
  }

  /**
   * Where not one plugin of the record is there the folder is not what was patched: a file system that is not mounted, most likely.
   * To repair it would give a server a handful of plugins to start on. A home that packs cover whole can be made anew, and where they cover
   * none there is nothing to repair.
   */
  #findAllGone(covered: ReadonlySet<RootedPath>): Problem | undefined {
    const { ledger, seen } = this.#draft.prior;
    const { plugins, layout } = this.#draft.seen;
    const uncovered = Object.keys(seen) as RootedPath[];
    if (ledger === undefined || uncovered.length === 0) return undefined;
    if (uncovered.some((path) => plugins.has(path))) return undefined;
    const patched = [...covered].filter((path) => path.startsWith('plugins:'));
    if (patched.length === 0 || patched.some((path) => plugins.has(path))) return undefined;
    const path = display(layout, layout.plugins);
    const count = new Set([...uncovered, ...patched]).size;
    return errorProblem('PLUGINS_GONE', `not one of the ${count} paths on record is in ${path}`, { path });
  }

  /** At first contact: where Carbon has kept the originals, a plugin that is not among them came later, and nothing says how. */
  #isUnexplained(path: RootedPath): boolean {
    return (
      this.#draft.prior.ledger === undefined && this.#draft.seen.backup.size > 0 && !this.#draft.seen.backup.has(path)
    );
  }

  #makeParents(path: RootedPath): void {
    const missing: RootedPath[] = [];
    for (const parent of foldersAbove(path)) {
      if (!this.#draft.seen.plugins.has(parent) && !this.#draft.makes.some((make) => make.path === parent))
        missing.unshift(parent);
    }
    for (const parent of missing) this.#draft.makes.push({ kind: 'make-directory', path: parent, mode: 0o755 });
  }

  #show(path: RootedPath): string {
    return display(this.#draft.seen.layout, path);
  }
}

function unexplained(shown: string): Problem {
  return notice('ORPHAN', 'info', `${shown} is neither in ${BACKUP_PACK} nor in a pack; it is taken for the base`, {
    path: shown,
    hint: 'If a patch that is gone has left it, move it away; if it belongs to the server, leave it.',
  });
}

function looksTheSame(plugin: Extract<SeenPlugin, { kind: 'file' }>, seen: SeenFile): boolean {
  if (plugin.sizeBytes !== seen.sizeBytes) return false;
  if (plugin.md5 !== undefined && seen.md5 !== undefined) return plugin.md5 === seen.md5;
  return plugin.mtimeMs === seen.mtimeMs;
}
