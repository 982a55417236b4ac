// `prepatch restore`: brings packs back from the shelf into the drop folders. They are checked as a start would check them, in
// their place, before they are moved. A start that works on the home is waited for.

import { dirname, join } from 'node:path';
import { nearest } from '../config.js';
import { PatchError } from '../error.js';
import { display } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import type { Problem } from '../problem.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { removeIfEmpty } from '../system/remove-if-empty.js';
import { toPatchError } from '../transaction/to-patch-error.js';
import { Lock } from '../transaction/lock.js';
import { dropFolder, findPacks } from './find-pack.js';
import { listShelf, type ShelvedPack, sweepShelf } from './list-shelf.js';
import { newChanges, newProblems, type PlannedChange, previewPlan, type ShelfDoors } from './shelf-doors.js';
import { moveTree, sweepOwn } from './tree-copy.js';

export interface RestoreRequest {
  readonly names: readonly string[];
  /** Which of several under one name; undefined: the last. */
  readonly number: number | undefined;
  readonly dryRun: boolean;
  readonly waitMs: number;
}

export interface RestoredPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly number: number;
  /** Relative to the home. */
  readonly path: string;
}

export interface RestoreReport {
  readonly home: string;
  readonly dryRun: boolean;
  readonly packs: readonly RestoredPack[];
  /** What the next start will do because of it. */
  readonly changes: readonly PlannedChange[];
  readonly problems: readonly Problem[];
}

/** @throws PatchError BAD_USAGE for a name that is not on the shelf, CONFLICT for one that is in use, PACK_REFUSED, LOCKED, UNWRITABLE */
export async function restorePacks(doors: ShelfDoors, request: RestoreRequest): Promise<RestoreReport> {
  const { files, layout } = doors;
  const shelved = findShelved(doors, request);
  if (request.dryRun) return preview(doors, request, shelved);
  const lock = await Lock.take(files, layout, request.waitMs);
  try {
    sweepShelf(files, layout);
    const again = findShelved(doors, request);
    const report = await preview({ ...doors, lock }, request, again);
    for (const pack of again) {
      const top = dropFolder(layout, pack.kind);
      ensureFolder(files, top);
      sweepOwn(files, top);
      // What lies beside the pack first: without the pack it says nothing.
      for (const place of pack.places.toReversed()) {
        ensureFolder(files, dirname(join(top, place)));
        await moveTree(doors, join(pack.folder, place), join(top, place));
      }
      for (const place of pack.places) if (place.includes('/')) removeIfEmpty(files, dirname(join(pack.folder, place)));
      removeIfEmpty(files, pack.folder);
      removeIfEmpty(files, dirname(pack.folder));
    }
    return report;
  } catch (error) {
    throw toPatchError(error, 'bringing packs back to', layout.components, 'UNWRITABLE');
  } finally {
    lock.release();
  }
}

function findShelved({ files, layout }: ShelfDoors, { names, number }: RestoreRequest): ShelvedPack[] {
  const all = listShelf(files, layout);
  return [...new Set(names)].map((name) => {
    const ofName = all.filter((pack) => pack.name === name);
    const found = number === undefined ? ofName.at(-1) : ofName.find((pack) => pack.number === number);
    if (found !== undefined) return found;
    const known = [...new Set(all.map((pack) => pack.name))];
    if (ofName.length > 0)
      throw new PatchError('BAD_USAGE', `there is no number ${String(number)} of ${name} on the shelf`, {
        hint: `There is ${ofName.map((pack) => pack.number).join(', ')}.`,
      });
    throw new PatchError('BAD_USAGE', `there is no pack ${name} on the shelf`, {
      path: name,
      hint: known.length === 0 ? 'The shelf is empty.' : `The nearest is ${nearest(name, known)}.`,
    });
  });
}

async function preview(
  doors: ShelfDoors,
  request: RestoreRequest,
  shelved: readonly ShelvedPack[],
): Promise<RestoreReport> {
  const { files, layout } = doors;
  const there = await findPacks(files, layout);
  const shown = new Map<string, string>();
  for (const pack of shelved) {
    const top = dropFolder(layout, pack.kind);
    const taken = [
      ...there.filter((one) => one.name === pack.name && one.kind === pack.kind).map((one) => one.parts[0]?.path ?? ''),
      ...pack.places.map((place) => join(top, place)).filter((path) => files.stat(path) !== undefined),
    ];
    const [path] = taken;
    if (path !== undefined)
      throw new PatchError('CONFLICT', `${display(layout, path)} is there already`, {
        path: display(layout, path),
        hint: `Take it out first: prepatch remove ${pack.name}`,
      });
    for (const place of pack.places) shown.set(join(top, place), join(pack.folder, place));
  }
  const before = await previewPlan(doors);
  const plan = await previewPlan(doors, { shown });
  const broken = plan.problems.find(
    (problem) => problem.severity === 'error' && shelved.some((pack) => pack.name === problem.pack),
  );
  if (broken !== undefined)
    throw new PatchError('PACK_REFUSED', `${broken.message}; nothing was brought back`, {
      hint: broken.hint,
      ...(broken.path === undefined ? {} : { path: broken.path }),
    });
  return {
    home: layout.home,
    dryRun: request.dryRun,
    packs: shelved.map(({ name, kind, number, places }) => ({
      name,
      kind,
      number,
      path: display(layout, join(dropFolder(layout, kind), places[0] ?? name)),
    })),
    changes: newChanges(plan, before),
    problems: newProblems(plan, before),
  };
}
