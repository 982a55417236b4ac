// `prepatch remove`: takes packs out of the drop folders, onto the shelf. Before anything moves it says what the next start will
// do: which paths get which content back, which fixes open again. A start that works on the home is waited for.

import { dirname, join } from 'node:path';
import { nearest } from '../config.js';
import { PatchError } from '../error.js';
import { display } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import type { Problem } from '../problem.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { toPatchError } from '../transaction/to-patch-error.js';
import { Lock } from '../transaction/lock.js';
import { dropFolder, findPacks, type FoundPack } from './find-pack.js';
import { nextNumber, sweepShelf } from './list-shelf.js';
import { reopenedFixes } from './reopened-fixes.js';
import { newChanges, newProblems, type PlannedChange, previewPlan, type ShelfDoors } from './shelf-doors.js';
import { moveTree, sweepOwn } from './tree-copy.js';

export interface RemoveRequest {
  readonly names: readonly string[];
  readonly dryRun: boolean;
  readonly waitMs: number;
  /** Told what will come of it before anything is moved. */
  readonly announce?: (report: RemoveReport) => void;
}

export interface RemovedPack {
  readonly name: string;
  readonly kind: PackKind;
  /** Where it lies now, relative to the home. */
  readonly shelf: string;
  readonly number: number;
}

export interface RemoveReport {
  readonly home: string;
  readonly dryRun: boolean;
  readonly packs: readonly RemovedPack[];
  /** What the next start will do because of it. */
  readonly changes: readonly PlannedChange[];
  /** The CVE and issue ids that no pack fixes any more. */
  readonly reopens: readonly string[];
  readonly problems: readonly Problem[];
}

/** @throws PatchError BAD_USAGE for a name that is not there, LOCKED, CONFLICT, NO_SPACE, UNWRITABLE */
export async function removePacks(doors: ShelfDoors, request: RemoveRequest): Promise<RemoveReport> {
  const { files, layout } = doors;
  if (request.dryRun) return preview(doors, request, await findNamed(doors, request.names));
  // Asked first, so that a wrong name waits for nobody.
  await findNamed(doors, request.names);
  const lock = await Lock.take(files, layout, request.waitMs);
  try {
    sweepShelf(files, layout);
    const found = await findNamed(doors, request.names);
    const report = await preview({ ...doors, lock }, request, found);
    request.announce?.(report);
    for (const [index, pack] of found.entries()) {
      sweepOwn(files, dropFolder(layout, pack.kind));
      await shelve(doors, pack, report.packs[index]?.number ?? 1);
    }
    return report;
  } catch (error) {
    throw toPatchError(error, 'taking packs out of', layout.components, 'UNWRITABLE');
  } finally {
    lock.release();
  }
}

async function findNamed({ files, layout }: ShelfDoors, names: readonly string[]): Promise<FoundPack[]> {
  const all = await findPacks(files, layout);
  if (names.length === 0)
    throw new PatchError('BAD_USAGE', 'name the packs that are to be taken out', {
      hint: 'See prepatch remove --help.',
    });
  return [...new Set(names)].map((name) => {
    const found = all.find((pack) => pack.name === name);
    if (found !== undefined) return found;
    const known = all.map((pack) => pack.name);
    throw new PatchError('BAD_USAGE', `there is no pack ${name} in the drop folders`, {
      path: name,
      hint: known.length === 0 ? 'They are empty.' : `The nearest is ${nearest(name, known)}.`,
    });
  });
}

async function preview(doors: ShelfDoors, request: RemoveRequest, found: readonly FoundPack[]): Promise<RemoveReport> {
  const { files, layout } = doors;
  const hidden = new Set(found.flatMap((pack) => pack.parts.map((part) => part.path)));
  const before = await previewPlan(doors);
  const plan = await previewPlan(doors, { hidden });
  return {
    home: layout.home,
    dryRun: request.dryRun,
    packs: found.map(({ name, kind }) => {
      const number = nextNumber(files, layout, name);
      return { name, kind, number, shelf: display(layout, join(layout.shelf, name, String(number))) };
    }),
    changes: newChanges(plan, before),
    reopens: reopenedFixes(
      before,
      plan,
      found.map(({ name }) => name),
    ),
    problems: newProblems(plan, before),
  };
}

/** The pack itself goes first: what is left beside it by a crash says nothing without it. */
async function shelve(doors: ShelfDoors, pack: FoundPack, number: number): Promise<void> {
  const { files, layout } = doors;
  const folder = join(layout.shelf, pack.name, String(number));
  ensureFolder(files, folder);
  for (const part of pack.parts) {
    const target = join(folder, part.place);
    ensureFolder(files, dirname(target));
    await moveTree(doors, part.path, target);
  }
}
