// What a zip becomes where Carbon's own patcher is to see it: a folder, with the payload of a patch beside it. Reads only.

import { errorProblem } from '../problem.js';
import type { Files } from '../system/files.js';
import type { RootedPath } from './entry.js';
import { absolute, display, HELD_FOLDER, type Layout, parentOf, rooted, splitRooted } from './layout.js';
import type { PackListing } from './list-packs.js';
import type { PackContent, Unpacking } from './pack.js';
import { below, MANIFEST, PAYLOAD_FOLDER, packsRoot } from './pack-source.js';
import type { WalkedPack } from './walk-pack.js';

/** The folder that Carbon’s own patcher is to see in place of a zip. */
export function planUnpacking(
  files: Files,
  layout: Layout,
  one: WalkedPack,
  content: ReadonlyMap<string, PackContent>,
  kept: PackListing['kept'],
): Unpacking | undefined {
  const { name, kind, zip } = one.listed;
  if (zip?.unpacked === undefined) return undefined;
  const isThere = (path: RootedPath) => files.stat(absolute(layout, path)) !== undefined;
  const home = rooted(packsRoot(kind), name);
  const payload = rooted('patches', `${PAYLOAD_FOLDER}/${name}`);
  const directories = new Set<RootedPath>([home]);
  const unpacked: Unpacking['files'][number][] = [];
  const places = one.described === undefined && kind === 'patch' ? [home] : [home, payload];
  for (const entry of one.entries) {
    const isInHome = kind === 'servicepack' || entry.layer !== undefined;
    // What lies beside the folder of a patch is documentation, unless there is a manifest that can name it.
    if (!isInHome && places.length === 1) continue;
    const target = below(isInHome ? home : payload, entry.name);
    for (let parent = parentOf(target); parent !== undefined && parent !== home; parent = parentOf(parent))
      if (splitRooted(parent).path !== '') directories.add(parent);
    const found = content.get(entry.name);
    if (found?.entry.kind === 'directory') directories.add(target);
    else if (found?.entry.kind === 'file') unpacked.push({ path: target, entry: found.entry, source: found.source });
  }
  if (one.manifestPath?.startsWith('state:') === true) {
    const path = kind === 'patch' ? rooted('patches', `${name}.json`) : below(home, MANIFEST);
    const { md5, sizeBytes } = files.digest(absolute(layout, one.manifestPath), false);
    const mode = zip.unpacked.files.get(one.manifestPath)?.mode ?? 0o644;
    unpacked.push({ path, entry: { kind: 'file', md5, sizeBytes, mode }, source: one.manifestPath });
  }
  const inTheWay = [...places, ...unpacked.map((file) => file.path)].find(isThere);
  if (inTheWay !== undefined) {
    const path = display(layout, inTheWay);
    one.problems.push(
      errorProblem('CONFLICT', `${path} is in the way: ${display(layout, zip.path)} is to be unpacked there`, {
        pack: name,
        path,
        hint: `Move ${path} away.`,
      }),
    );
  }
  const fileName = splitRooted(zip.path).path.split('/').at(-1) ?? name;
  let keptName = `${fileName}.unpacked`;
  for (let n = 2; kept[kind].has(keptName); n++) keptName = `${fileName}.unpacked.${n}`;
  return {
    zip: zip.path,
    keptAs: rooted(packsRoot(kind), `${HELD_FOLDER}/${keptName}`),
    directories: [...directories].sort().filter((path) => !isThere(path)),
    files: unpacked,
  };
}
