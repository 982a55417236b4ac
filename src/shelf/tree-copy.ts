// Copies, moves and removes files and folders of packs: flushed, read back, and under another name until they are whole. Nothing
// follows a link.

import { basename, dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { sameIdentity } from '../home/inventory.js';
import { type TreeEntry, walkTree } from '../home/tree.js';
import type { Bulk } from '../system/bulk.js';
import { randomName } from '../system/transaction-id.js';
import type { Files, FileStat } from '../system/files.js';
import { isRunning } from '../system/is-main-program.js';
import { removeTree } from '../system/remove-tree.js';
import { toPatchError } from '../transaction/to-patch-error.js';

export interface CopyDoors {
  readonly files: Files;
  readonly bulk: Bulk;
}

export interface TreeSize {
  readonly files: number;
  readonly sizeBytes: number;
}

/** Names that do not count as drops, and that say whose they are, so that those of the dead can be swept. */
const OWN_FOLDER = /^\.prepatch-(?:add|move)\.(\d+)\.[0-9a-f]+$/;
const SPACE_MARGIN_BYTES = 1024 * 1024;

/** A name in a folder that is ours alone and does not count as a drop. */
export function ownName(folder: string, purpose: 'add' | 'move'): string {
  return join(folder, `.prepatch-${purpose}.${process.pid}.${randomName()}`);
}

/** Removes what interrupted runs have left in a drop folder. */
export function sweepOwn(files: Files, folder: string): void {
  if (files.stat(folder)?.kind !== 'directory') return;
  for (const name of files.list(folder)) {
    const owner = OWN_FOLDER.exec(name)?.[1];
    if (owner !== undefined && !isRunning(Number(owner))) removeTree(files, join(folder, name));
  }
}

/**
 * Copies a file or a folder to a path that must be free, flushed and read back.
 * @throws PatchError PACK_REFUSED for a link or a special file, PACK_CHANGED, NO_SPACE, UNREADABLE, UNWRITABLE
 */
export async function copyTree({ files, bulk }: CopyDoors, source: string, target: string): Promise<TreeSize> {
  const entries = entriesOf(files, source);
  const plain = entries.filter((entry) => entry.stat.kind === 'file');
  const sizeBytes = plain.reduce((sum, entry) => sum + entry.stat.sizeBytes, 0);
  const free = files.freeBytes(dirname(target));
  if (free < sizeBytes + SPACE_MARGIN_BYTES)
    throw new PatchError(
      'NO_SPACE',
      `${sizeBytes + SPACE_MARGIN_BYTES} bytes are needed on the file system of ${dirname(target)}, ${free} are free`,
      { path: dirname(target) },
    );
  try {
    const folders = entries.filter((entry) => entry.stat.kind === 'directory');
    for (const folder of folders) files.makeDirectory(pathOf(target, folder), (folder.stat.mode & 0o777) | 0o700);
    const results = await bulk.copy(
      plain.map((entry) => ({
        source: pathOf(source, entry),
        target: pathOf(target, entry),
        sizeBytes: entry.stat.sizeBytes,
        mode: entry.stat.mode & 0o777,
        withSha256: false,
      })),
    );
    for (const [index, entry] of plain.entries()) {
      const [from, result] = [pathOf(source, entry), results[index]];
      if (result?.kind === 'failed') throw toPatchError(result.error, 'copying', from, 'UNREADABLE');
      const now = files.stat(from);
      if (now === undefined || !sameIdentity(now, entry.stat) || result?.digests.sizeBytes !== entry.stat.sizeBytes)
        throw new PatchError('PACK_CHANGED', `${from} changed while it was copied`, { path: from });
    }
    await bulk.flushDirectories([...folders.map((folder) => pathOf(target, folder)).reverse(), dirname(target)]);
    return { files: plain.length, sizeBytes };
  } catch (error) {
    throw toPatchError(error, 'copying to', target, 'UNWRITABLE');
  }
}

/** The number of files at a path and below it, and their bytes. */
export function sizeOfTree(files: Files, top: string): TreeSize {
  const plain = entriesOf(files, top).filter((entry) => entry.stat.kind === 'file');
  return { files: plain.length, sizeBytes: plain.reduce((sum, entry) => sum + entry.stat.sizeBytes, 0) };
}

/** Whether two files or folders hold the same. */
export async function isSameTree({ files, bulk }: CopyDoors, a: string, b: string): Promise<boolean> {
  const [left, right] = [entriesOf(files, a), entriesOf(files, b)];
  const shape = (entries: readonly TreeEntry[]) =>
    JSON.stringify(entries.map(({ path, stat }) => [path, stat.kind, stat.kind === 'file' ? stat.sizeBytes : 0]));
  if (shape(left) !== shape(right)) return false;
  const items = [a, b].flatMap((top) =>
    left
      .filter((entry) => entry.stat.kind === 'file')
      .map((entry) => ({ path: pathOf(top, entry), sizeBytes: entry.stat.sizeBytes, withSha256: false })),
  );
  const results = await bulk.digest(items);
  const half = items.length / 2;
  return results.slice(0, half).every((one, index) => {
    const other = results[half + index];
    return one.kind === 'done' && other?.kind === 'done' && one.digests.md5 === other.digests.md5;
  });
}

/**
 * Moves a file or a folder to a path that must be free; across file systems by a verified copy, and only then is the source
 * taken away.
 * @throws PatchError as `copyTree` does
 */
export async function moveTree(doors: CopyDoors, source: string, target: string): Promise<void> {
  const { files, bulk } = doors;
  if (files.stat(target) !== undefined)
    throw new PatchError('CONFLICT', `${target} is there already`, { path: target, hint: `Move ${target} away.` });
  try {
    files.rename(source, target);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw toPatchError(error, 'moving', source, 'UNWRITABLE');
    const partial = ownName(dirname(target), 'move');
    try {
      await copyTree(doors, source, partial);
      if (!(await isSameTree(doors, source, partial)))
        throw new PatchError('PACK_CHANGED', `${source} changed while it was copied`, { path: source });
      files.rename(partial, target);
    } catch (failure) {
      removeQuietly(files, partial);
      throw toPatchError(failure, 'moving to', target, 'UNWRITABLE');
    }
    await bulk.flushDirectories([dirname(target)]);
    takeAway(files, source);
  }
  await bulk.flushDirectories([dirname(target), dirname(source)]);
}

/**
 * Removes what was copied elsewhere in one step, so that nobody ever sees half of it. An overlay cannot rename a folder of a layer
 * below (EXDEV): there it goes file by file, which the lock hides from every run but one that follows a crash in here.
 */
function takeAway(files: Files, source: string): void {
  const leaving = ownName(dirname(source), 'move');
  try {
    files.rename(source, leaving);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    removeTree(files, source);
    return;
  }
  removeTree(files, leaving);
}

/** Removes a path where something else went wrong first; what stays is swept later. */
export function removeQuietly(files: Files, path: string): void {
  try {
    removeTree(files, path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** The file itself, or the folder and all below it. @throws PatchError PACK_REFUSED, UNREADABLE */
function entriesOf(files: Files, top: string): TreeEntry[] {
  let entries: TreeEntry[];
  try {
    const stat = files.stat(top);
    if (stat === undefined)
      throw new PatchError('UNREADABLE', `${top} is not there`, { path: top, hint: 'Look at the path.' });
    entries = [{ path: '', stat }, ...(stat.kind === 'directory' ? walkTree(files, top) : [])];
  } catch (error) {
    throw toPatchError(error, 'reading', top, 'UNREADABLE');
  }
  const odd = entries.find((entry) => entry.stat.kind !== 'file' && entry.stat.kind !== 'directory');
  if (odd === undefined) return entries;
  const path = pathOf(top, odd);
  throw new PatchError('PACK_REFUSED', `${path} is ${describe(odd.stat)}; a pack may hold only files and folders`, {
    path,
    hint: `Put the file itself in place of ${basename(path)}.`,
  });
}

function describe(stat: FileStat): string {
  return stat.kind === 'link' ? 'a link' : 'neither a file nor a folder';
}

function pathOf(top: string, entry: TreeEntry): string {
  return entry.path === '' ? top : `${top}/${entry.path}`;
}
