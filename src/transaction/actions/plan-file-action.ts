// What a file operation among the actions comes to: the changes of single paths, by what the home holds and what the pack
// brings. Every check of the operation is made here, so that it can be made before the execution too.

import type { DirectoryEntry, FileEntry, ObservedEntry, RootedPath } from '../../home/entry.js';
import { ABSENT } from '../../home/entry.js';
import { display, foldersAbove, type Layout } from '../../home/layout.js';
import type { Content } from '../../plan/action-operation.js';
import type { ExpectedContent, FileFlags, FileOperation } from '../../plan/pack-manifest.js';
import { type HomeView, sameFile } from './home-view.js';
import { actionError, type PlannedChange } from './planned-change.js';
import type { StagedEntry } from './stage-payload.js';

const PARENT_MODE = 0o755;

export class FileActionPlanner {
  readonly #layout: Layout;
  readonly #view: HomeView;
  readonly #changes: PlannedChange[] = [];
  readonly #made = new Set<RootedPath>();

  constructor(layout: Layout, view: HomeView) {
    this.#layout = layout;
    this.#view = view;
  }

  /** `payload` is what `source` brings; empty where there is none. @throws PatchError ACTION_FAILED */
  plan(operation: FileOperation, payload: readonly StagedEntry[]): PlannedChange[] {
    const { path, type } = operation;
    const found = this.#view.observe(path);
    switch (operation.kind) {
      case 'create':
        if (found.kind !== 'absent') throw this.#error(path, 'is there already');
        this.#makeParents(path);
        if (type === 'file') this.#write(path, ABSENT, onlyFile(payload), operation);
        else if (payload.length === 0) this.#makeDirectory(path, modeOf(operation, PARENT_MODE));
        else this.#writeTree(path, payload, operation);
        break;
      case 'update':
        this.#checkThere(path, found, type);
        if (type === 'file') {
          this.#checkBefore(path, found, operation.before);
          this.#write(path, found as FileEntry, onlyFile(payload), operation);
        } else this.#mirror(path, found as DirectoryEntry, payload, operation);
        break;
      case 'delete':
        this.#checkThere(path, found, type);
        if (found.kind === 'file') this.#checkBefore(path, found, operation.before);
        this.#removeTree(path, found);
        break;
      case 'rename':
        this.#checkThere(path, found, type);
        if (found.kind === 'file') this.#checkBefore(path, found, operation.before);
        if (this.#view.observe(operation.to).kind !== 'absent') throw this.#error(operation.to, 'is there already');
        this.#makeParents(operation.to);
        this.#changes.push({ change: { kind: 'rename', path, to: operation.to } });
        break;
    }
    return this.#changes;
  }

  /** The content of an archive into a folder: what is there and not in the archive stays. @throws PatchError ACTION_FAILED */
  planUnzip(into: RootedPath, payload: readonly StagedEntry[]): PlannedChange[] {
    this.#makeParents(into);
    for (const staged of payload) {
      const path = below(into, staged.path);
      const found = this.#view.observe(path);
      if (staged.entry.kind === 'directory') {
        if (found.kind === 'absent') this.#makeDirectory(path, staged.entry.mode);
        else if (found.kind !== 'directory') throw this.#error(path, 'is no folder, and the archive has one there');
      } else if (found.kind === 'absent' || found.kind === 'file') {
        const mode = found.kind === 'file' ? found.mode : staged.entry.mode;
        this.#replace(path, found, { ...staged.entry, mode }, staged);
      } else throw this.#error(path, 'is no file, and the archive has one there');
    }
    return this.#changes;
  }

  #write(path: RootedPath, before: Content, staged: StagedEntry, asked: Asked): void {
    if (staged.entry.kind !== 'file') throw this.#error(path, 'is to be a file, and the pack has a folder for it');
    const mode = modeOf(asked, before.kind === 'file' ? before.mode : staged.entry.mode);
    this.#replace(path, before, { ...staged.entry, mode }, staged);
  }

  #replace(path: RootedPath, before: Content, after: FileEntry, staged: StagedEntry): void {
    if (sameFile(before, after) || staged.staged === undefined) return;
    this.#changes.push({
      change: { kind: 'content', path, before, after },
      source: { kind: 'staged', path: staged.staged },
    });
  }

  #writeTree(path: RootedPath, payload: readonly StagedEntry[], asked: Asked): void {
    for (const staged of payload) {
      const target = below(path, staged.path);
      if (staged.entry.kind === 'directory')
        this.#makeDirectory(target, staged.path === '' ? modeOf(asked, staged.entry.mode) : staged.entry.mode);
      else this.#replace(target, ABSENT, staged.entry, staged);
    }
  }

  /** A directory gets exactly the content of the payload; what is the same already is left alone. */
  #mirror(path: RootedPath, found: DirectoryEntry, payload: readonly StagedEntry[], asked: Asked): void {
    const wanted = new Map(payload.map((staged) => [below(path, staged.path), staged]));
    const there = this.#walk(path);
    const removed = there.filter(({ path: one, entry }) => wanted.get(one)?.entry.kind !== entry.kind);
    for (const one of removed.filter(({ entry }) => entry.kind === 'file')) this.#remove(one.path, one.entry);
    for (const one of removed.filter(({ entry }) => entry.kind === 'directory').reverse())
      this.#remove(one.path, one.entry);
    const kept = new Map(there.filter((one) => !removed.includes(one)).map(({ path: one, entry }) => [one, entry]));
    for (const [target, staged] of wanted) {
      if (target === path) continue;
      const before = kept.get(target);
      if (staged.entry.kind === 'directory') {
        if (before === undefined) this.#makeDirectory(target, staged.entry.mode);
      } else {
        const mode = before?.kind === 'file' ? before.mode : staged.entry.mode;
        this.#replace(target, before?.kind === 'file' ? before : ABSENT, { ...staged.entry, mode }, staged);
      }
    }
    const mode = modeOf(asked, found.mode);
    if (mode !== found.mode) this.#changes.push({ change: { kind: 'mode', path, before: found.mode, after: mode } });
  }

  #removeTree(path: RootedPath, found: ObservedEntry): void {
    if (found.kind === 'directory') {
      const entries = this.#walk(path);
      for (const one of entries.filter(({ entry }) => entry.kind === 'file')) this.#remove(one.path, one.entry);
      for (const one of entries.filter(({ entry }) => entry.kind === 'directory').reverse())
        this.#remove(one.path, one.entry);
    }
    this.#remove(path, found);
  }

  #remove(path: RootedPath, entry: ObservedEntry): void {
    if (entry.kind === 'file') this.#changes.push({ change: { kind: 'content', path, before: entry, after: ABSENT } });
    else if (entry.kind === 'directory')
      this.#changes.push({ change: { kind: 'remove-directory', path, mode: entry.mode } });
  }

  /** What is below a directory, parents first. */
  #walk(top: RootedPath): { readonly path: RootedPath; readonly entry: FileEntry | DirectoryEntry }[] {
    const found: { path: RootedPath; entry: FileEntry | DirectoryEntry }[] = [];
    const visit = (folder: RootedPath) => {
      for (const name of this.#view.list(folder)) {
        const path = below(folder, name);
        const entry = this.#view.observe(path);
        if (entry.kind === 'foreign') throw this.#error(path, 'is a link or a device; it is not touched');
        if (entry.kind === 'absent') continue;
        found.push({ path, entry });
        if (entry.kind === 'directory') visit(path);
      }
    };
    visit(top);
    return found;
  }

  #makeParents(path: RootedPath): void {
    const missing: RootedPath[] = [];
    for (const parent of foldersAbove(path)) {
      if (this.#view.observe(parent).kind !== 'absent') break;
      missing.unshift(parent);
    }
    for (const parent of missing) this.#makeDirectory(parent, PARENT_MODE);
  }

  #makeDirectory(path: RootedPath, mode: number): void {
    if (this.#made.has(path)) return;
    this.#made.add(path);
    this.#changes.push({ change: { kind: 'make-directory', path, mode } });
  }

  #checkThere(path: RootedPath, found: ObservedEntry, type: 'file' | 'directory'): void {
    if (found.kind === 'absent') throw this.#error(path, 'is missing');
    if (found.kind !== type) throw this.#error(path, type === 'file' ? 'is no file' : 'is no folder');
  }

  #checkBefore(path: RootedPath, found: ObservedEntry, expected: ExpectedContent | undefined): void {
    if (expected === undefined || found.kind !== 'file') return;
    if (expected.sizeBytes !== undefined && expected.sizeBytes !== found.sizeBytes)
      throw this.#error(path, `has ${found.sizeBytes} bytes, expected ${expected.sizeBytes} (wrong size)`);
    const differs =
      (expected.md5 !== undefined && expected.md5 !== found.md5) ||
      (expected.sha256 !== undefined && found.sha256 !== undefined && expected.sha256 !== found.sha256);
    if (differs) throw this.#error(path, `is not what the pack expects there, MD5 ${found.md5} (wrong checksum)`);
  }

  #error(path: RootedPath, what: string) {
    const shown = display(this.#layout, path);
    return actionError(`${shown} ${what}`, shown);
  }
}

interface Asked {
  readonly mode?: number;
  readonly flags?: FileFlags;
}

/** `executable` follows the right to read. */
function modeOf({ mode, flags }: Asked, otherwise: number): number {
  const base = mode ?? otherwise;
  if (flags === undefined) return base;
  const execute = (base & 0o444) >> 2;
  return flags.executable ? base | execute : base & ~0o111;
}

function below(folder: RootedPath, path: string): RootedPath {
  return path === '' ? folder : (`${folder}/${path}` as RootedPath);
}

function onlyFile(payload: readonly StagedEntry[]): StagedEntry {
  const [first] = payload;
  if (first === undefined) throw new Error('prepatch has a defect: a file has no payload');
  return first;
}
