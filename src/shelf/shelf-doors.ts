// What the use cases of the drop folders work with, and the one way to ask beforehand: the plan of the home as it would be.

import type { Config } from '../config.js';
import { type ErrorCode, needsAttention, PatchError } from '../error.js';
import { ignoreEvents } from '../event.js';
import type { Layout } from '../home/layout.js';
import { Patcher } from '../patcher.js';
import type { PlanReport } from '../patcher/reports.js';
import type { Problem } from '../problem.js';
import type { Bulk } from '../system/bulk.js';
import type { Files } from '../system/files.js';
import { examineInterruption, isInterrupted } from '../transaction/recover.js';
import { type Overlay, OverlayBulk, OverlayFiles } from './overlay-files.js';

export interface ShelfDoors {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly layout: Layout;
  readonly config: Config;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A change of one plugin or other path, as a plan has it. */
export type PlannedChange = PlanReport['changes'][number];

/** What a start would do with the home as an overlay shows it; drops count at once, however fresh they are. */
export async function previewPlan(doors: ShelfDoors, overlay: Overlay): Promise<PlanReport> {
  const { layout, config, now } = doors;
  const patcher = new Patcher(
    layout.home,
    { ...config, settleSeconds: 0 },
    {
      files: new OverlayFiles(doors.files, overlay),
      bulk: new OverlayBulk(doors.bulk, overlay),
      emit: ignoreEvents,
      now,
    },
  );
  const plan = await patcher.plan();
  const interrupted = plan.problems.find((problem) => isInterruption(problem));
  if (interrupted !== undefined)
    throw new PatchError(interrupted.code as ErrorCode, interrupted.message, { hint: interrupted.hint });
  return plan;
}

/**
 * To be asked under the lock, where a plan takes the lock that is there for that of who works with the journal.
 * @throws PatchError INTERRUPTED, or what is in recovery’s way
 */
export function refuseInterrupted({ files, layout }: ShelfDoors): void {
  if (isInterrupted(files, layout)) throw examineInterruption(files, layout);
}

/** The changes that one plan has and another has not. */
export function newChanges(plan: PlanReport, before: PlanReport): PlannedChange[] {
  const known = new Set(before.changes.map((change) => JSON.stringify(change)));
  return plan.changes.filter((change) => !known.has(JSON.stringify(change)));
}

/** The problems that one plan has and another has not. */
export function newProblems(plan: PlanReport, before: PlanReport): Problem[] {
  const known = new Set(before.problems.map((problem) => JSON.stringify(problem)));
  return plan.problems.filter((problem) => !known.has(JSON.stringify(problem)));
}

function isInterruption(problem: Problem): boolean {
  return needsAttention(problem.code);
}
