// What packs that are zips were unpacked to: `<cache>/zips/<SHA-256 of the zip>`, each with a list of what came out. Made under
// another name and renamed when it is whole, so that a crash leaves nothing but what is swept; read again only if it is there.

import { dirname, join } from 'node:path';
import { PatchError } from '../error.js';
import { formatChecked, parseChecked } from '../system/checked-json.js';
import type { Files } from '../system/files.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { removeTree } from '../system/remove-tree.js';
import type { ArchiveEntry } from './archive.js';
import type { Refused } from './archive-refusal.js';
import type { Md5, Sha256 } from './entry.js';
import type { Layout } from './layout.js';

/** What an unpacked zip holds. Paths are relative to `content`. */
export interface ZipContent {
  readonly kind: 'content';
  readonly files: Readonly<Record<string, { readonly md5: Md5; readonly sizeBytes: number; readonly mode: number }>>;
  readonly folders: readonly string[];
}

export type ZipFinding = ZipContent | Refused;

export const CONTENT = 'content';
const LISTING = 'listing.json';
const FORMAT = 1;
const LISTING_LIMIT_BYTES = 64 * 1024 * 1024;
/** How much of an entry is collected before it is written. */
const PIECE_BYTES = 32 * 1024 * 1024;
const SPACE_MARGIN_BYTES = 1024 * 1024;
const DEFAULT_MODE = 0o644;
/** A process may work on several homes, and on one twice. */
const UNDER_WAY = new Set<string>();

/** What is known of a zip; undefined where it has to be unpacked (again). */
export function readUnpacked(files: Files, layout: Layout, digest: Sha256): ZipFinding | undefined {
  const folder = join(layout.zips, digest);
  const path = join(folder, LISTING);
  if (files.stat(path)?.kind !== 'file') return undefined;
  const body = parseChecked(files.read(path, LISTING_LIMIT_BYTES)) as
    | { format: number; finding: ZipFinding }
    | undefined;
  if (body?.format !== FORMAT) return undefined;
  const { finding } = body;
  if (finding.kind === 'refused') return finding;
  const isWhole = Object.entries(finding.files).every(([name, { sizeBytes }]) => {
    const stat = files.stat(join(folder, CONTENT, name));
    return stat?.kind === 'file' && stat.sizeBytes === sizeBytes;
  });
  return isWhole ? finding : undefined;
}

/** Has a zip unpacked again at the next look. */
export function forgetUnpacked(files: Files, layout: Layout, digest: string): void {
  const path = join(layout.zips, digest, LISTING);
  if (files.stat(path) !== undefined) files.unlink(path);
}

/**
 * Unpacks a zip, or finds out why it is refused, and keeps either.
 * @throws PatchError NO_SPACE; the errors of the file system
 */
export async function unpackZip(files: Files, layout: Layout, path: string, digest: Sha256): Promise<ZipFinding> {
  const { zips } = layout;
  ensureFolder(files, zips, 'unflushed');
  const temporary = join(zips, `${digest}.${process.pid}.new`);
  removeTree(files, temporary);
  UNDER_WAY.add(temporary);
  try {
    files.makeDirectory(temporary);
    const finding = await unpackInto(files, path, join(temporary, CONTENT));
    if (finding.kind === 'refused') removeTree(files, join(temporary, CONTENT));
    files.writeNew(join(temporary, LISTING), formatChecked({ format: FORMAT, finding }), 0o644, 'unflushed');
    const target = join(zips, digest);
    removeTree(files, target);
    files.rename(temporary, target);
    return finding;
  } catch (error) {
    try {
      removeTree(files, temporary);
    } catch {
      // It is swept later; what went wrong first is what counts.
    }
    throw error;
  } finally {
    UNDER_WAY.delete(temporary);
  }
}

/** Whether something in this process is unpacking to a path now. */
export function isUnpacking(path: string): boolean {
  return UNDER_WAY.has(path);
}

async function unpackInto(files: Files, path: string, content: string): Promise<ZipFinding> {
  const [{ inspectArchive }, { extractEntry }] = await Promise.all([
    import('./archive.js'),
    import('./archive-entry.js'),
  ]);
  const listing = await inspectArchive(files, path);
  if (listing.kind === 'refused') return listing;
  const neededBytes = listing.entries.reduce((sum, entry) => sum + entry.sizeBytes, SPACE_MARGIN_BYTES);
  const freeBytes = files.freeBytes(dirname(content));
  if (freeBytes < neededBytes)
    throw new PatchError('NO_SPACE', `${neededBytes} bytes are needed to unpack ${path}, ${freeBytes} are free`, {
      path: dirname(content),
    });
  files.makeDirectory(content);
  const made = new Set<string>();
  const found: Record<string, ZipContent['files'][string]> = {};
  for (const entry of listing.entries) {
    if (entry.kind === 'directory') {
      makeInside(files, content, entry.path, made);
      continue;
    }
    const parent = dirname(entry.path);
    if (parent !== '.') makeInside(files, content, parent, made);
    const target = join(content, entry.path);
    const writer = new EntryWriter(files, target);
    const result = await extractEntry(files, path, entry, (piece) => writer.take(piece));
    if (result.kind === 'refused') return result;
    writer.finish();
    const { md5, sizeBytes } = files.digest(target, false);
    found[entry.path] = { md5, sizeBytes, mode: modeOf(entry) };
  }
  return { kind: 'content', files: found, folders: [...made] };
}

function modeOf(entry: ArchiveEntry): number {
  return entry.mode === undefined || entry.mode === 0 ? DEFAULT_MODE : entry.mode;
}

/** Writes an entry in large pieces: the memory that it takes is bounded, and so is the number of flushes. */
class EntryWriter {
  readonly #files: Files;
  readonly #path: string;
  #pieces: Buffer[] = [];
  #sizeBytes = 0;
  #isThere = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#sizeBytes += piece.length;
    if (this.#sizeBytes >= PIECE_BYTES) this.#write();
  }

  finish(): void {
    if (!this.#isThere || this.#sizeBytes > 0) this.#write();
  }

  #write(): void {
    const bytes = Buffer.concat(this.#pieces, this.#sizeBytes);
    if (this.#isThere) this.#files.append(this.#path, bytes);
    else this.#files.writeNew(this.#path, bytes, DEFAULT_MODE, 'unflushed');
    this.#isThere = true;
    this.#pieces = [];
    this.#sizeBytes = 0;
  }
}

/** Removes what no zip of the home has any more, and what an interrupted unpacking has left. */
export function sweepZips(files: Files, layout: Layout, inUse: ReadonlySet<string>): void {
  const { zips } = layout;
  if (files.stat(zips)?.kind !== 'directory') return;
  for (const name of files.list(zips)) if (!inUse.has(name)) removeTree(files, join(zips, name));
  if (inUse.size === 0) files.removeDirectory(zips);
}

function makeInside(files: Files, content: string, path: string, made: Set<string>): void {
  if (made.has(path)) return;
  const parent = dirname(path);
  if (parent !== '.') makeInside(files, content, parent, made);
  files.makeDirectory(join(content, path));
  made.add(path);
}
