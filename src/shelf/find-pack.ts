// Finds what belongs to a pack by its name: its folder or its zip, wherever it lies, and what lies beside it. Reads only.

import { join } from 'node:path';
import { type ArchiveEntry, inspectArchive } from '../home/archive.js';
import { BACKUP_PACK, HELD_FOLDER, type Layout } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import { PAYLOAD_FOLDER } from '../home/pack-source.js';
import { shapeOfZip } from '../home/zip-shape.js';
import type { Files } from '../system/files.js';

export interface FoundPack {
  readonly name: string;
  readonly kind: PackKind;
  /** What it is made of, the pack itself first; `place` is relative to the drop folder, without `.held`. */
  readonly parts: readonly { readonly path: string; readonly place: string }[];
}

/** Undefined for a name that is none of a pack. */
export function kindOfName(name: string): PackKind | undefined {
  if (name.includes('/') || name.includes('\0') || name === BACKUP_PACK) return undefined;
  return name.startsWith('patch') ? 'patch' : name.startsWith('servicepack') ? 'servicepack' : undefined;
}

export function dropFolder(layout: Layout, kind: PackKind): string {
  return kind === 'patch' ? layout.patches : layout.servicepacks;
}

/** The packs of the drop folders, held or not, by name. */
export async function findPacks(files: Files, layout: Layout): Promise<FoundPack[]> {
  const found: FoundPack[] = [];
  for (const kind of ['servicepack', 'patch'] as const) {
    const top = dropFolder(layout, kind);
    const drops = new Map<string, { path: string; place: string }[]>();
    for (const folder of [top, join(top, HELD_FOLDER)]) {
      if (files.stat(folder)?.kind !== 'directory') continue;
      for (const entry of files.list(folder)) {
        const name = await nameOfDrop(files, kind, folder, entry);
        if (name === undefined) continue;
        const known = drops.get(name) ?? [];
        if (!known.some(({ place }) => place === entry)) known.push({ path: join(folder, entry), place: entry });
        drops.set(name, known);
      }
    }
    for (const [name, known] of drops) {
      // Where there is a folder it counts; a zip of it that stayed behind would count in its place.
      const own = known.find(({ place }) => place === name);
      const packs = own === undefined ? known.slice(0, 1) : [own, ...known.filter((one) => one !== own)];
      const beside = [
        { path: join(top, `${name}.json`), place: `${name}.json` },
        { path: join(top, PAYLOAD_FOLDER, name), place: `${PAYLOAD_FOLDER}/${name}` },
      ];
      found.push({ name, kind, parts: [...packs, ...beside.filter((part) => files.stat(part.path) !== undefined)] });
    }
  }
  return found;
}

async function nameOfDrop(files: Files, kind: PackKind, folder: string, entry: string): Promise<string | undefined> {
  if (kindOfName(entry) !== kind) return undefined;
  const path = join(folder, entry);
  const stat = files.stat(path);
  if (stat?.kind === 'directory') return entry;
  if (stat?.kind !== 'file' || !entry.endsWith('.zip')) return undefined;
  return (await readZip(files, path, kind))?.name ?? entry.slice(0, -'.zip'.length);
}

/** A pack in a zip. `folder` is what lands in plugins, of a service pack the whole of it; `root` is where its manifest lies. */
export interface ZippedPack {
  readonly name: string;
  readonly root: string;
  readonly folder: string;
  readonly entries: readonly ArchiveEntry[];
}

/** The pack that a zip holds; undefined where it is refused or holds none. */
export async function readZip(files: Files, path: string, kind: PackKind): Promise<ZippedPack | undefined> {
  const listing = await inspectArchive(files, path);
  if (listing.kind === 'refused') return undefined;
  const { entries } = listing;
  const zipName = path.slice(path.lastIndexOf('/') + 1, -'.zip'.length);
  const shape = shapeOfZip(
    kind,
    zipName,
    entries.map((entry) => entry.path),
  );
  if (shape.kind !== 'pack' || kindOfName(shape.name) !== kind) return undefined;
  return { name: shape.name, root: shape.root, folder: shape.folder, entries };
}
