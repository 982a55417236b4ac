// The work folders as actions use them: new content is staged there and old content kept there, on the file system of the
// path that is changed, so that one rename puts either in place.

import { dirname, join } from 'node:path';
import { PatchError } from '../../error.js';
import type { FileEntry, RootedPath } from '../../home/entry.js';
import { absolute, display } from '../../home/layout.js';
import type { WorkFolder } from '../journal.js';
import type { TransactionContext } from '../transaction-context.js';
import { actionError, type ContentSource } from './planned-change.js';

/** Gives names in the work folders, each once. */
export class StagingArea {
  readonly #context: TransactionContext;
  readonly #folders: readonly WorkFolder[];
  readonly #prefix: string;
  #next = 0;

  constructor(context: TransactionContext, folders: readonly WorkFolder[], prefix: string) {
    this.#context = context;
    this.#folders = folders;
    this.#prefix = prefix;
  }

  /** A name that no other has, the same in every folder. */
  name(): string {
    return `${this.#prefix}${this.#next++}`;
  }

  /** The number of the work folder on the file system of a path. @throws PatchError ACTION_FAILED where there is none */
  folderFor(path: RootedPath): number {
    const { files, layout } = this.#context;
    let existing = dirname(absolute(layout, path));
    while (files.stat(existing) === undefined && existing !== dirname(existing)) existing = dirname(existing);
    const wanted = this.#keyOf(existing);
    const found = this.#folders.findIndex((folder) => this.#keyOf(folder.path) === wanted);
    if (found >= 0) return found;
    const shown = display(layout, path);
    throw actionError(
      `${shown} lies on another file system than the server’s folders; an action cannot change it`,
      shown,
    );
  }

  path(folder: number, name: string): string {
    const found = this.#folders[folder];
    if (found === undefined) throw new Error('prepatch has a defect: an action has no work folder');
    return join(found.path, name);
  }

  /** Copies a file of a pack. Returns where to, and what it is. */
  async copy(source: string, target: RootedPath): Promise<{ readonly path: string; readonly entry: FileEntry }> {
    const { files, bulk } = this.#context;
    const stat = files.stat(source);
    if (stat?.kind !== 'file') throw actionError(`${source} is not there, or no file`, source);
    const path = this.path(this.folderFor(target), `${this.name()}.new`);
    const mode = stat.mode & 0o777;
    const [result] = await bulk.copy([{ source, target: path, sizeBytes: stat.sizeBytes, mode, withSha256: true }]);
    if (result === undefined) throw new Error('prepatch has a defect: a result is missing');
    if (result.kind === 'failed') throw result.error;
    return { path, entry: { kind: 'file', ...result.digests, mode } };
  }

  /** Puts content where it can be renamed from, and makes sure that it is what it should be. */
  materialise(source: ContentSource, target: RootedPath, after: FileEntry): string {
    const { files, layout } = this.#context;
    if (source.kind === 'staged') {
      if ((files.stat(source.path)?.mode ?? after.mode) !== after.mode) files.setMode(source.path, after.mode);
      return source.path;
    }
    const path = this.path(this.folderFor(target), `${this.name()}.new`);
    if (source.kind === 'bytes') files.writeNew(path, source.bytes, after.mode);
    else {
      const stored = join(layout.store, source.sha256);
      if (files.stat(stored) === undefined)
        throw new PatchError(
          'STORE_DAMAGED',
          `the old content of ${display(layout, target)} is not in the store any more`,
          {
            path: display(layout, target),
          },
        );
      files.copyNew(stored, path, after.mode);
    }
    if (files.stat(path)?.mode !== after.mode) files.setMode(path, after.mode);
    const found = files.digest(path, true);
    if (found.md5 !== after.md5 || found.sha256 !== after.sha256)
      throw new PatchError('STORE_DAMAGED', `what was kept for ${display(layout, target)} is not what it was`, {
        path: display(layout, target),
      });
    return path;
  }

  flush(): void {
    for (const { path } of this.#folders) this.#context.files.flushDirectory(path);
  }

  #keyOf(path: string): string {
    const { files } = this.#context;
    const real = files.realPath(path);
    return `${files.stat(real)?.device ?? 0}:${files.mountOf(real)}`;
  }
}
