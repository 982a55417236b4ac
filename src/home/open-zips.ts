// Opens the zips that lie among the packs: each is unpacked to our cache once, and known by its digest from then on, so that a
// start without changes reads none. What is wrong with one is a problem of that pack, by the zip's name.

import { errnoOf, PatchError } from '../error.js';
import { errorProblem, notice, type Problem, problemOf } from '../problem.js';
import type { Files } from '../system/files.js';
import type { Md5, RootedPath, Sha256 } from './entry.js';
import type { Inventory } from './inventory.js';
import { absolute, BACKUP_PACK, display, type Layout, rooted, ZIPS_CACHE } from './layout.js';
import type { PackKind } from './pack.js';
import { below, type ListedPack, packsRoot, type UnpackedZip } from './pack-source.js';
import { CONTENT, readUnpacked, unpackZip, type ZipContent, type ZipFinding } from './zip-cache.js';
import { shapeOfZip } from './zip-shape.js';

export interface OpenedZips {
  readonly packs: readonly ListedPack[];
  readonly problems: readonly Problem[];
  /** Digests of the zips that are there. */
  readonly digests: readonly string[];
}

/** The packs that zips hold. Where the folder of the same name is there too, the folder counts. */
export async function openZips(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  zips: readonly ListedPack[],
  folders: readonly ListedPack[],
): Promise<OpenedZips> {
  const packs: ListedPack[] = [];
  const problems: Problem[] = [];
  const digests: string[] = [];
  for (const listed of zips) {
    if (listed.zip === undefined) continue;
    const { path } = listed.zip;
    const { name: zipName, kind, held } = listed;
    const shown = display(layout, path);
    const isTaken = (name: string) => (pack: ListedPack) => pack.kind === kind && pack.name === name;
    const refuse = (problem: Problem) => {
      // What cannot be told to be another pack is taken for the one that its name says.
      if (folders.some(isTaken(zipName))) problems.push(folderCounts(layout, kind, zipName, shown));
      else packs.push({ name: zipName, kind, held, zip: { path, unpacked: undefined, problems: [problem] } });
    };
    const refuseFor = (message: string, hint: string) =>
      refuse(errorProblem('PACK_REFUSED', message, { pack: zipName, path: shown, hint }));
    const opened = await open(files, layout, inventory, absolute(layout, path));
    if (opened.kind === 'failed') {
      refuse(readingProblem(opened.error, shown, zipName));
      continue;
    }
    digests.push(opened.digest);
    if (opened.finding.kind === 'refused') {
      const { reason, entry, detail } = opened.finding;
      const where = entry === undefined ? '' : `${entry}: `;
      refuseFor(
        `${shown} is refused (${reason}): ${where}${detail}`,
        `Copy ${shown} again, completely; if it is refused again, ask its author for a sound one.`,
      );
      continue;
    }
    const shape = shapeOfZip(kind, zipName, [...Object.keys(opened.finding.files), ...opened.finding.folders]);
    if (shape.kind === 'unknown') refuseFor(`${shown} holds no pack: ${shape.reason}`, shape.hint);
    else if (shape.name === BACKUP_PACK)
      refuseFor(`${shown} holds ${BACKUP_PACK}, which is Carbon’s backup and never a patch`, 'Take it away.');
    else if (folders.some(isTaken(shape.name))) problems.push(folderCounts(layout, kind, shape.name, shown));
    else if (packs.some(isTaken(shape.name))) {
      const other = display(layout, packs.find(isTaken(shape.name))?.zip?.path ?? shape.name);
      refuseFor(`${shown} and ${other} are both ${shape.name}`, 'Take one of the two away.');
    } else {
      const unpacked = place(opened.digest, opened.finding, shape.root, shape.folder);
      packs.push({ name: shape.name, kind, held, zip: { path, unpacked, problems: [] } });
    }
  }
  return { packs, problems, digests };
}

function folderCounts(layout: Layout, kind: PackKind, name: string, zip: string): Problem {
  const folder = display(layout, rooted(packsRoot(kind), name));
  return notice(
    'NEAR_MISS',
    'warning',
    `${zip} does not count: the folder ${folder} is there too, and the folder counts`,
    {
      path: zip,
      hint: `Take ${zip} away; or, to have the zip, the folder.`,
    },
  );
}

type Opened =
  | { readonly kind: 'opened'; readonly digest: Sha256; readonly finding: ZipFinding }
  | { readonly kind: 'failed'; readonly error: unknown };

async function open(files: Files, layout: Layout, inventory: Inventory, path: string): Promise<Opened> {
  try {
    const stat = files.stat(path);
    if (stat?.kind !== 'file') throw new PatchError('PACK_CHANGED', `${path} changed while it was read`, { path });
    const [learned] = await inventory.learn([{ path, stat, withSha256: true, asJar: false }], false);
    if (learned?.kind !== 'facts') return { kind: 'failed', error: learned?.error };
    const digest = learned.facts.sha256;
    if (digest === undefined) throw new Error('prepatch has a defect: a zip was digested without its SHA-256');
    const finding = readUnpacked(files, layout, digest) ?? (await unpackZip(files, layout, path, digest));
    return { kind: 'opened', digest, finding };
  } catch (error) {
    if (!(error instanceof PatchError) && errnoOf(error) === undefined) throw error;
    return { kind: 'failed', error };
  }
}

function readingProblem(error: unknown, shown: string, pack: string): Problem {
  if (error instanceof PatchError) return problemOf(error, pack);
  const errno = errnoOf(error) ?? 'unknown error';
  const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'NO_SPACE' : 'UNREADABLE';
  return errorProblem(code, `${shown} cannot be read and unpacked (${errno})`, { pack, path: shown });
}

function place(digest: Sha256, content: ZipContent, root: string, folder: string): UnpackedZip {
  const top = rooted('state', `${ZIPS_CACHE}/${digest}/${CONTENT}`);
  const files = new Map<RootedPath, { md5: Md5; mode: number }>();
  for (const [path, { md5, mode }] of Object.entries(content.files)) files.set(below(top, path), { md5, mode });
  return {
    digest,
    root: root === '' ? top : below(top, root),
    folder: folder === '' ? top : below(top, folder),
    files,
  };
}
