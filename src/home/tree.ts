// Walks a folder: every entry below it, never through a link, within bounds. Order is UTF-16 by name, parents first.

import { PatchError } from '../error.js';
import type { Files, FileStat } from '../system/files.js';

export interface TreeEntry {
  /** Relative to the walked folder, with `/`. */
  readonly path: string;
  readonly stat: FileStat;
}

/** What a name stands for that is not UTF-8: it can be listed, and its file not be reached by it. */
const UNREACHABLE: FileStat = {
  kind: 'other',
  sizeBytes: 0,
  mtimeMs: 0,
  ctimeMs: 0,
  inode: 0,
  device: 0,
  mode: 0,
  links: 1,
};
const DEPTH_LIMIT = 128;
const ENTRY_LIMIT = 2_000_000;

/**
 * Lists what is below a folder; names for which `skip` is true are left out with all they hold.
 * @throws PatchError INPUT_TOO_LARGE beyond 128 levels or 2,000,000 entries
 */
export function walkTree(files: Files, top: string, skip: (path: string) => boolean = () => false): TreeEntry[] {
  const found: TreeEntry[] = [];
  const visit = (folder: string, prefix: string, depth: number) => {
    if (depth > DEPTH_LIMIT)
      throw new PatchError('INPUT_TOO_LARGE', `${folder} is more than ${DEPTH_LIMIT} folders deep`, { path: folder });
    for (const name of files.list(folder)) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (skip(path)) continue;
      const stat = files.stat(`${folder}/${name}`) ?? (name.includes('\uFFFD') ? UNREACHABLE : undefined);
      if (stat === undefined) continue;
      if (found.length >= ENTRY_LIMIT)
        throw new PatchError('INPUT_TOO_LARGE', `${top} holds more than ${ENTRY_LIMIT} entries`, { path: top });
      found.push({ path, stat });
      if (stat.kind === 'directory') visit(`${folder}/${name}`, path, depth + 1);
    }
  };
  visit(top, '', 0);
  return found;
}
