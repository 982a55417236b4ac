// Wakes somebody when anything changes in folders, through chokidar. A folder may come, go, or be another one by the same name:
// `refresh` notices and watches anew. Events are hints only; who is woken looks for itself.

import { dirname } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Files } from '../system/files.js';

export interface FolderWatchDoors {
  readonly files: Files;
  /** Nobody waits for a folder to be watched once it is given. */
  readonly signal: AbortSignal;
  readonly wake: () => void;
  /** Told when the system cannot tell of changes, such as when there are too many folders. */
  readonly complain: (message: string) => void;
}

export class FolderWatch {
  readonly #folders: readonly string[];
  readonly #doors: FolderWatchDoors;
  #watchers: FSWatcher[] = [];
  #identity = '';
  #isBlind = false;

  constructor(folders: readonly string[], doors: FolderWatchDoors) {
    this.#folders = folders;
    this.#doors = doors;
  }

  /** Watches, or watches anew where a folder is not the one that it was, or watching has failed. */
  async refresh(): Promise<void> {
    const identity = this.#identify();
    if (identity === this.#identity && !this.#isBlind) return;
    await this.close();
    this.#identity = identity;
    this.#isBlind = false;
    const options = { ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: true, atomic: false };
    const parents = [...new Set(this.#folders.map((folder) => dirname(folder)))];
    const isNear = (path: string) => parents.includes(path) || this.#folders.includes(path);
    const existing = this.#existing();
    this.#watchers = [
      // Their coming and going shows in the folders above them.
      watch(parents, { ...options, depth: 0, ignored: (path) => !isNear(path) }),
      // Of no folders at all, chokidar never says that it has begun.
      ...(existing.length === 0 ? [] : [watch(existing, { ...options, ignored: (path) => this.#isOurs(path) })]),
    ];
    await Promise.all(this.#watchers.map((watcher) => this.#begin(watcher)));
  }

  async close(): Promise<void> {
    const watchers = this.#watchers;
    this.#watchers = [];
    this.#identity = '';
    await Promise.all(watchers.map((watcher) => watcher.close()));
  }

  #begin(watcher: FSWatcher): Promise<void> {
    const { signal, wake, complain } = this.#doors;
    return new Promise((resolve) => {
      const begun = () => {
        signal.removeEventListener('abort', begun);
        resolve();
      };
      signal.addEventListener('abort', begun);
      if (signal.aborted) begun();
      watcher
        .on('all', () => wake())
        .on('error', (error) => {
          if (!this.#isBlind) complain(error instanceof Error ? error.message : String(error));
          this.#isBlind = true;
          begun();
        })
        .once('ready', begun);
    });
  }

  #existing(): string[] {
    return this.#folders.filter((folder) => this.#doors.files.stat(folder)?.kind === 'directory');
  }

  /** What begins with a dot at the top of a drop folder is no drop. */
  #isOurs(path: string): boolean {
    return this.#folders.some((folder) => path.startsWith(`${folder}/.`));
  }

  #identify(): string {
    return this.#folders
      .map((folder) => {
        const stat = this.#doors.files.stat(folder);
        return stat?.kind === 'directory' ? `${stat.device}:${stat.inode}` : 'none';
      })
      .join(' ');
  }
}
