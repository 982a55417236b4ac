// The shelf: packs that were taken out of the drop folders, kept in `.prepatch/shelf/<name>/<number>/`. A pack that is removed,
// dropped again and removed again is there twice, under two numbers. Nothing on the shelf is ever deleted by prepatch.

import { join } from 'node:path';
import type { Layout } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import { PAYLOAD_FOLDER } from '../home/pack-source.js';
import type { Files } from '../system/files.js';
import { kindOfName } from './find-pack.js';
import { sweepOwn } from './tree-copy.js';

export interface ShelvedPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly number: number;
  readonly folder: string;
  /** When it was put there, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Its parts, by their place in the drop folder; the pack itself first. */
  readonly places: readonly string[];
}

/** By name, then by number. */
export function listShelf(files: Files, layout: Layout): ShelvedPack[] {
  const { shelf } = layout;
  if (files.stat(shelf)?.kind !== 'directory') return [];
  return files.list(shelf).flatMap((name) => {
    const kind = kindOfName(name);
    if (kind === undefined || files.stat(join(shelf, name))?.kind !== 'directory') return [];
    return files
      .list(join(shelf, name))
      .filter((number) => /^[1-9]\d{0,8}$/.test(number))
      .sort((a, b) => Number(a) - Number(b))
      .flatMap((number) => {
        const folder = join(shelf, name, number);
        const places = placesIn(files, folder, name);
        const sinceMs = files.stat(folder)?.mtimeMs ?? 0;
        return places.length === 0 ? [] : [{ name, kind, number: Number(number), folder, sinceMs, places }];
      });
  });
}

/** Removes what interrupted moves have left on the shelf; to be called under the lock of the home. */
export function sweepShelf(files: Files, layout: Layout): void {
  for (const { folder } of listShelf(files, layout)) sweepOwn(files, folder);
}

/** The first number of a name that is free. */
export function nextNumber(files: Files, layout: Layout, name: string): number {
  const folder = join(layout.shelf, name);
  const there = files.stat(folder)?.kind === 'directory' ? files.list(folder) : [];
  return Math.max(0, ...there.map(Number).filter((number) => Number.isInteger(number))) + 1;
}

function placesIn(files: Files, folder: string, name: string): string[] {
  if (files.stat(folder)?.kind !== 'directory') return [];
  const entries = files.list(folder).filter((entry) => !entry.startsWith('.prepatch-'));
  const pack = entries.find((entry) => entry === name) ?? entries.find((entry) => entry.endsWith('.zip'));
  if (pack === undefined) return [];
  const inPayload = entries.includes(PAYLOAD_FOLDER) ? files.list(join(folder, PAYLOAD_FOLDER)) : [];
  return [
    pack,
    ...entries.filter((entry) => entry !== pack && entry !== PAYLOAD_FOLDER),
    ...inPayload.map((entry) => `${PAYLOAD_FOLDER}/${entry}`),
  ];
}
