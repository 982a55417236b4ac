// Unpacks one folder of a zip that `inspectArchive` has accepted: each entry checked as it is read, written in pieces of bounded
// size, flushed.

import { dirname, join } from 'node:path';
import { PatchError } from '../error.js';
import type { ArchiveEntry } from '../home/archive.js';
import { extractEntry } from '../home/archive-entry.js';
import { walkTree } from '../home/tree.js';
import { ensureFolder } from '../system/ensure-folder.js';
import type { Files } from '../system/files.js';

const PIECE_BYTES = 16 * 1024 * 1024;
const SPACE_MARGIN_BYTES = 1024 * 1024;
const USUAL_MODE = 0o644;

/** What macOS puts beside the content of a zip. */
const NOISE: ReadonlySet<string> = new Set(['__MACOSX', '.DS_Store']);

/**
 * Unpacks what lies below `folder` (empty: everything) to `target`, which must be there.
 * @throws PatchError PACK_REFUSED for an entry that is not what it says, NO_SPACE
 */
export async function unpackZip(
  files: Files,
  zip: string,
  entries: readonly ArchiveEntry[],
  folder: string,
  target: string,
): Promise<void> {
  const prefix = folder === '' ? '' : `${folder}/`;
  const wanted = entries.filter(
    (entry) => entry.path.startsWith(prefix) && !entry.path.split('/').some((part) => NOISE.has(part)),
  );
  const sizeBytes = wanted.reduce((sum, entry) => sum + entry.sizeBytes, SPACE_MARGIN_BYTES);
  const free = files.freeBytes(target);
  if (free < sizeBytes)
    throw new PatchError('NO_SPACE', `${sizeBytes} bytes are needed to unpack ${zip}, ${free} are free`, {
      path: target,
    });
  for (const entry of wanted) {
    const path = join(target, entry.path.slice(prefix.length));
    if (entry.kind === 'directory') ensureFolder(files, path);
    else await unpackFile(files, zip, entry, path);
  }
  const folders = walkTree(files, target).filter((entry) => entry.stat.kind === 'directory');
  for (const folder of [...folders.map((entry) => join(target, entry.path)), target]) files.flushDirectory(folder);
}

async function unpackFile(files: Files, zip: string, entry: ArchiveEntry, path: string): Promise<void> {
  ensureFolder(files, dirname(path));
  let pieces: Buffer[] = [];
  let waitingBytes = 0;
  let isThere = false as boolean;
  const write = () => {
    const bytes = Buffer.concat(pieces, waitingBytes);
    if (isThere) files.append(path, bytes);
    else files.writeNew(path, bytes, (entry.mode ?? 0) === 0 ? USUAL_MODE : entry.mode);
    isThere = true;
    pieces = [];
    waitingBytes = 0;
  };
  const result = await extractEntry(files, zip, entry, (piece) => {
    pieces.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes >= PIECE_BYTES) write();
  });
  if (result.kind === 'refused')
    throw new PatchError(
      'PACK_REFUSED',
      `${zip} is refused: ${result.entry ?? entry.path}: ${result.detail} (${result.reason})`,
      {
        path: zip,
        hint: 'Get the zip again, from who made it.',
      },
    );
  if (!isThere || waitingBytes > 0) write();
}
