// Results of deltas, made in our cache while a home is looked at, so that a plan takes them like whole files, and they are
// compared again when they are staged: `<cache>/deltas/<key>-<MD5 of the result>`, renamed into place when it is whole.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { DeltaNeed, DeltaResult } from '../plan/delta.js';
import type { Observation } from '../plan/observation.js';
import { digestBytes } from '../system/digest-bytes.js';
import type { Files } from '../system/files.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { decodeVcdiff } from './decode-vcdiff.js';
import type { FileEntry } from './entry.js';
import type { Inventory } from './inventory.js';
import { absolute, DELTAS_CACHE, display, type Layout, rooted } from './layout.js';

/** Of a basis, of a delta, and of a result: each is in memory at once. */
const DELTA_LIMIT_BYTES = 128 * 1024 * 1024;
const SPACE_MARGIN_BYTES = 1024 * 1024;
const MODE = 0o644;
const MD5_DIGITS = 32;

/** Makes what a plan needs, until one needs nothing more: a result may be the basis of the next delta. */
export async function makeDeltas(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  observation: Observation,
  needsOf: (observation: Observation) => readonly DeltaNeed[],
): Promise<Observation> {
  const deltas = new Map<string, DeltaResult>();
  for (let seen: Observation = { ...observation, deltas }; ; seen = { ...observation, deltas }) {
    const needs = needsOf(seen).filter(({ key }) => !deltas.has(key));
    if (needs.length === 0) return seen;
    for (const need of needs) deltas.set(need.key, await makeDelta(files, layout, inventory, need));
  }
}

async function makeDelta(files: Files, layout: Layout, inventory: Inventory, need: DeltaNeed): Promise<DeltaResult> {
  try {
    const known = await findMade(files, layout, inventory, need.key);
    if (known !== undefined) return known;
    const basis = readExactly(files, layout, need.basis, 'HOME_CHANGED');
    const delta = readExactly(files, layout, need.delta, 'PACK_CHANGED');
    const decoded = decodeVcdiff(delta, basis, DELTA_LIMIT_BYTES);
    const shown = display(layout, need.delta.path);
    if (decoded.kind === 'unsound')
      return {
        kind: 'failed',
        code: 'PACK_REFUSED',
        message: `${shown} is no sound delta: ${decoded.reason} (junk-delta)`,
      };
    if (decoded.kind === 'too-large') throw tooLarge(`the result of ${shown}`, decoded.sizeBytes, shown);
    const entry: FileEntry = { kind: 'file', ...digestBytes(decoded.bytes), mode: MODE };
    const path = rooted('state', `${DELTAS_CACHE}/${need.key}-${entry.md5}`);
    write(files, absolute(layout, path), decoded.bytes);
    return { kind: 'made', path, entry };
  } catch (error) {
    if (error instanceof PatchError) return { kind: 'failed', code: error.code, message: error.message };
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'NO_SPACE' : 'UNREADABLE';
    const message = `the delta for ${display(layout, need.target)} cannot be read and applied (${errno})`;
    return { kind: 'failed', code, message };
  }
}

/** A result that was made before, if it is still what its name says. */
async function findMade(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  key: string,
): Promise<DeltaResult | undefined> {
  const folder = layout.deltas;
  if (files.stat(folder)?.kind !== 'directory') return undefined;
  for (const name of files.list(folder)) {
    if (!name.startsWith(`${key}-`) || name.length !== key.length + 1 + MD5_DIGITS) continue;
    const path = rooted('state', `${DELTAS_CACHE}/${name}`);
    const full = absolute(layout, path);
    const stat = files.stat(full);
    if (stat?.kind !== 'file') continue;
    const [learned] = await inventory.learn([{ path: full, stat, withSha256: true, asJar: false }], false);
    if (learned?.kind !== 'facts') continue;
    const { md5, sha256 } = learned.facts;
    if (name !== `${key}-${md5}`) continue;
    const entry: FileEntry = { kind: 'file', md5, sizeBytes: stat.sizeBytes, mode: MODE };
    return { kind: 'made', path, entry: sha256 === undefined ? entry : { ...entry, sha256 } };
  }
  return undefined;
}

/** @throws PatchError INPUT_TOO_LARGE, and `code` where it is another file than was planned with */
function readExactly(
  files: Files,
  layout: Layout,
  file: DeltaNeed['basis'],
  code: 'HOME_CHANGED' | 'PACK_CHANGED',
): Uint8Array {
  const path = absolute(layout, file.path);
  const shown = display(layout, file.path);
  if (file.entry.sizeBytes > DELTA_LIMIT_BYTES) throw tooLarge(shown, file.entry.sizeBytes, shown);
  const bytes = files.read(path, DELTA_LIMIT_BYTES);
  const found = digestBytes(bytes);
  if (found.md5 === file.entry.md5) return bytes;
  const isStored = file.path.startsWith('state:store/');
  throw new PatchError(isStored ? 'STORE_DAMAGED' : code, `${shown} is not what it was (MD5 ${found.md5})`, {
    path: shown,
  });
}

function tooLarge(what: string, sizeBytes: number, path: string): PatchError {
  const message = `${what} has ${sizeBytes} bytes; with deltas ${DELTA_LIMIT_BYTES} are the most (too-large)`;
  return new PatchError('INPUT_TOO_LARGE', message, { path });
}

function write(files: Files, path: string, bytes: Uint8Array): void {
  const folder = dirname(path);
  ensureFolder(files, folder, 'unflushed');
  const freeBytes = files.freeBytes(folder);
  if (freeBytes < bytes.byteLength + SPACE_MARGIN_BYTES) {
    const message = `${bytes.byteLength + SPACE_MARGIN_BYTES} bytes are needed for the result of a delta, ${freeBytes} are free`;
    throw new PatchError('NO_SPACE', message, { path: folder });
  }
  const temporary = `${path}.${process.pid}.new`;
  if (files.stat(temporary) !== undefined) files.unlink(temporary);
  // Flushed, so that what the cache of digests says of it stays true after a power cut.
  files.writeNew(temporary, bytes, MODE);
  files.rename(temporary, path);
}

/** Removes results that no pack of the home leads to any more, and what an interrupted run has left. */
export function sweepDeltas(files: Files, layout: Layout, inUse: ReadonlySet<string>): void {
  const folder = layout.deltas;
  if (files.stat(folder)?.kind !== 'directory') return;
  for (const name of files.list(folder)) {
    const isUsed = inUse.has(name.slice(0, -MD5_DIGITS - 1));
    if (!isUsed) files.unlink(join(folder, name));
  }
  if (inUse.size === 0) files.removeDirectory(folder);
}
