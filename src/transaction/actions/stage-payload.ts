// The files of a pack that an action brings, staged: a file, a folder, the content of an archive; copied, digested, compared
// with what the manifest lists. Names in an archive are those that it was accepted with; nothing of it reaches the home here.

import { join } from 'node:path';
import { PatchError } from '../../error.js';
import type { DirectoryEntry, FileEntry, RootedPath } from '../../home/entry.js';
import { walkTree } from '../../home/tree.js';
import type { PayloadDigests } from '../../plan/action-operation.js';
import type { PackPath } from '../../plan/pack-manifest-path.js';
import type { TransactionContext } from '../transaction-context.js';
import { actionError } from './planned-change.js';
import type { StagingArea } from './staging-area.js';

export interface StagedEntry {
  /** Below the target, with `/`; empty for the target itself. */
  readonly path: string;
  readonly entry: FileEntry | DirectoryEntry;
  /** Where a file's content is. */
  readonly staged: string | undefined;
}

/** The pack that a payload comes from. */
export interface PayloadSource {
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly digests: PayloadDigests;
}

/** @throws PatchError ACTION_FAILED, PACK_CHANGED */
export async function stageFile(
  area: StagingArea,
  pack: PayloadSource,
  source: PackPath,
  target: RootedPath,
): Promise<StagedEntry> {
  const { path, entry } = await area.copy(join(pack.folder, source), target);
  checkListed(pack, source, entry);
  return { path: '', entry, staged: path };
}

/** @throws PatchError ACTION_FAILED, PACK_CHANGED */
export async function stageFolder(
  context: TransactionContext,
  area: StagingArea,
  pack: PayloadSource,
  source: PackPath,
  target: RootedPath,
): Promise<StagedEntry[]> {
  const top = join(pack.folder, source);
  const stat = context.files.stat(top);
  if (stat?.kind !== 'directory') throw actionError(`${top} is not there, or no folder`, top);
  const staged: StagedEntry[] = [
    { path: '', entry: { kind: 'directory', mode: stat.mode & 0o777 }, staged: undefined },
  ];
  for (const { path, stat: found } of walkTree(context.files, top)) {
    if (found.kind === 'directory')
      staged.push({ path, entry: { kind: 'directory', mode: found.mode & 0o777 }, staged: undefined });
    else if (found.kind === 'file') {
      const copy = await area.copy(join(top, path), target);
      checkListed(pack, `${source}/${path}`, copy.entry);
      staged.push({ path, entry: copy.entry, staged: copy.path });
    } else throw actionError(`${join(top, path)} is neither a file nor a folder`, join(top, path));
  }
  return staged;
}

const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_FOLDER_MODE = 0o755;
/** Entries are put together in memory, since a door to write in pieces there is not. */
const ENTRY_LIMIT_BYTES = 512 * 1024 * 1024;

/** @throws PatchError ACTION_FAILED naming why the archive is refused; PACK_CHANGED */
export async function stageArchive(
  context: TransactionContext,
  area: StagingArea,
  pack: PayloadSource,
  archive: PackPath,
  target: RootedPath,
): Promise<StagedEntry[]> {
  const { files } = context;
  const [{ inspectArchive }, { extractEntry }] = await Promise.all([
    import('../../home/archive.js'),
    import('../../home/archive-entry.js'),
  ]);
  const copy = await area.copy(join(pack.folder, archive), target);
  checkListed(pack, archive, copy.entry);
  const refusal = (refused: { readonly reason: string; readonly entry?: string; readonly detail: string }) =>
    actionError(
      `${archive} is refused (${refused.reason})${refused.entry === undefined ? '' : `, ${refused.entry}`}: ${refused.detail}`,
      archive,
    );
  const listing = await inspectArchive(files, copy.path);
  if (listing.kind === 'refused') throw refusal(listing);
  const staged = new Map<string, StagedEntry>();
  const folder = (path: string, mode: number) =>
    staged.set(path, { path, entry: { kind: 'directory', mode }, staged: undefined });
  folder('', DEFAULT_FOLDER_MODE);
  for (const entry of listing.entries) {
    const parts = entry.path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/');
      if (!staged.has(parent)) folder(parent, DEFAULT_FOLDER_MODE);
    }
    if (entry.kind === 'directory') {
      folder(entry.path, entry.mode ?? DEFAULT_FOLDER_MODE);
      continue;
    }
    if (entry.sizeBytes > ENTRY_LIMIT_BYTES)
      throw new PatchError('INPUT_TOO_LARGE', `${archive}: ${entry.path} has ${entry.sizeBytes} bytes`, {
        path: archive,
      });
    const pieces: Buffer[] = [];
    const result = await extractEntry(files, copy.path, entry, (piece) => void pieces.push(piece));
    if (result.kind === 'refused') throw refusal(result);
    const mode = entry.mode ?? DEFAULT_FILE_MODE;
    const path = area.path(area.folderFor(target), `${area.name()}.new`);
    files.writeNew(path, Buffer.concat(pieces), mode);
    staged.set(entry.path, {
      path: entry.path,
      entry: { kind: 'file', ...files.digest(path, true), mode },
      staged: path,
    });
  }
  return [...staged.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function checkListed(pack: PayloadSource, path: string, entry: FileEntry): void {
  const listed = pack.digests[path];
  if (listed === undefined) return;
  const same =
    listed.md5 === entry.md5 &&
    (listed.sha256 === undefined || listed.sha256 === entry.sha256) &&
    (listed.sizeBytes === undefined || listed.sizeBytes === entry.sizeBytes);
  if (same) return;
  throw new PatchError(
    'PACK_CHANGED',
    `${path} of the pack is not what it was, or should be (MD5 ${entry.md5}, expected ${listed.md5})`,
    {
      path: join(pack.folder, path),
    },
  );
}
