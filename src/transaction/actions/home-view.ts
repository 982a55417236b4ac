// A home as an action will find it: as it is on disk, or as the actions before it will have left it. With the second, checks
// that belong to the execution can be made before anything is touched; where nothing certain can be said, it says so.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../../error.js';
import { ABSENT, type FileEntry, type ObservedEntry, type RootedPath } from '../../home/entry.js';
import { absolute, display, type Layout, parentOf, splitRooted } from '../../home/layout.js';
import type { Files } from '../../system/files.js';
import type { PlannedChange } from './planned-change.js';

export interface HomeView {
  /** Files with MD5 and SHA-256. @throws PatchError UNREADABLE; Uncertain */
  observe(path: RootedPath): ObservedEntry;
  /** Names in a directory. @throws Uncertain */
  list(path: RootedPath): readonly string[];
  /** @throws PatchError INPUT_TOO_LARGE, UNREADABLE; Uncertain */
  read(path: RootedPath, limitBytes: number): Uint8Array;
}

/** What a path will be cannot be told before it is so. */
export class Uncertain extends Error {}

export class DiskView implements HomeView {
  readonly #files: Files;
  readonly #layout: Layout;

  constructor(files: Files, layout: Layout) {
    this.#files = files;
    this.#layout = layout;
  }

  observe(path: RootedPath): ObservedEntry {
    const full = absolute(this.#layout, path);
    return this.#reading(path, () => {
      const stat = this.#files.stat(full);
      if (stat === undefined) return ABSENT;
      if (stat.kind === 'directory') return { kind: 'directory', mode: stat.mode };
      if (stat.kind !== 'file') return { kind: 'foreign' };
      return { kind: 'file', ...this.#files.digest(full, true), mode: stat.mode };
    });
  }

  list(path: RootedPath): readonly string[] {
    return this.#reading(path, () => this.#files.list(absolute(this.#layout, path)));
  }

  read(path: RootedPath, limitBytes: number): Uint8Array {
    return this.#reading(path, () => this.#files.read(absolute(this.#layout, path), limitBytes));
  }

  #reading<T>(path: RootedPath, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const shown = display(this.#layout, path);
      throw new PatchError('UNREADABLE', `${shown} cannot be read (${errno})`, { path: shown, cause: error });
    }
  }
}

interface Expected {
  readonly entry: ObservedEntry;
  readonly read: (limitBytes: number) => Uint8Array;
}

/** The new content of a file that is yet to be put in place. */
export type ReadContent = (planned: PlannedChange, limitBytes: number) => Uint8Array;

/** Reads it from where it is staged or stored. */
export function contentReader(files: Files, layout: Layout): ReadContent {
  return ({ source }, limitBytes) => {
    if (source === undefined) return new Uint8Array();
    if (source.kind === 'bytes') return source.bytes;
    return files.read(source.kind === 'staged' ? source.path : join(layout.store, source.sha256), limitBytes);
  };
}

/** Another view with changes over it that are yet to be made. */
export class ExpectedView implements HomeView {
  readonly #below: HomeView;
  readonly #readStaged: ReadContent;
  readonly #changed = new Map<RootedPath, Expected>();
  readonly #moved: RootedPath[] = [];
  #isUncertain = false;

  constructor(below: HomeView, readStaged: ReadContent) {
    this.#below = below;
    this.#readStaged = readStaged;
  }

  /** From here on anything may be anything: a command, a module. */
  giveUp(): void {
    this.#isUncertain = true;
  }

  observe(path: RootedPath): ObservedEntry {
    this.#check(path);
    const known = this.#changed.get(path);
    if (known !== undefined) return known.entry;
    for (let parent = parentOf(path); parent !== undefined; parent = parentOf(parent)) {
      const above = this.#changed.get(parent);
      if (above !== undefined && above.entry.kind !== 'directory') return ABSENT;
    }
    return this.#below.observe(path);
  }

  list(path: RootedPath): readonly string[] {
    this.#check(path, true);
    const names = new Set(this.#changed.get(path) === undefined ? this.#below.list(path) : this.#listBelow(path));
    for (const [changed, { entry }] of this.#changed) {
      if (parentOf(changed) !== path) continue;
      const name = splitRooted(changed).path.split('/').at(-1) ?? '';
      if (entry.kind === 'absent') names.delete(name);
      else names.add(name);
    }
    return [...names].sort();
  }

  read(path: RootedPath, limitBytes: number): Uint8Array {
    this.#check(path);
    return this.#changed.get(path)?.read(limitBytes) ?? this.#below.read(path, limitBytes);
  }

  apply(planned: PlannedChange): void {
    const { change } = planned;
    const nothing = () => new Uint8Array();
    switch (change.kind) {
      case 'content':
        this.#changed.set(change.path, {
          entry: change.after,
          read: (limitBytes) => this.#readStaged(planned, limitBytes),
        });
        return;
      case 'make-directory':
        this.#changed.set(change.path, { entry: { kind: 'directory', mode: change.mode }, read: nothing });
        return;
      case 'remove-directory':
        this.#changed.set(change.path, { entry: ABSENT, read: nothing });
        return;
      case 'mode':
        return;
      case 'rename':
        this.#rename(change.path, change.to);
        return;
    }
  }

  /** A directory that is to be made may be there already, under what was removed before. */
  #listBelow(path: RootedPath): readonly string[] {
    return this.#below.observe(path).kind === 'directory' ? this.#below.list(path) : [];
  }

  #rename(path: RootedPath, to: RootedPath): void {
    const entry = this.observe(path);
    const before = this.#changed.get(path);
    const read = (limitBytes: number) => before?.read(limitBytes) ?? this.#below.read(path, limitBytes);
    this.#changed.set(path, { entry: ABSENT, read });
    this.#changed.set(to, { entry, read });
    if (entry.kind !== 'file') this.#moved.push(to);
  }

  /** What is in a directory that was renamed is not followed. */
  #check(path: RootedPath, isListed = false): void {
    const isMoved = this.#moved.some((one) => path.startsWith(`${one}/`) || (isListed && path === one));
    if (this.#isUncertain || isMoved) throw new Uncertain(`what ${path} will be is not known`);
  }
}

/** Whether two files are the same in content and permissions. */
export function sameFile(a: ObservedEntry, b: FileEntry): boolean {
  return a.kind === 'file' && a.md5 === b.md5 && a.sizeBytes === b.sizeBytes && a.mode === b.mode;
}
