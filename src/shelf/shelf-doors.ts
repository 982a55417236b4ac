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
import type { Lock } from '../transaction/lock.js';
import { type Overlay, OverlayBulk, OverlayFiles } from './overlay-files.js';

export interface ShelfDoors {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly layout: Layout;
  readonly config: Config;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** That of the use case itself, where it has the home to itself: a plan must not take it for another run's. */
  readonly lock?: Lock;
}

/** A change of one plugin or other path, as a plan has it. */
export type PlannedChange = PlanReport['changes'][number];

/** What a start would do with the home as a view shows it; drops count at once, however fresh they are. */
export async function previewPlan(doors: ShelfDoors, view: Partial<Overlay> = {}): Promise<PlanReport> {
  const { layout, config, now, lock } = doors;
  const { shown = new Map<string, string>(), hidden = [] } = view;
  const overlay = { shown, hidden: new Set([...hidden, ...(lock === undefined ? [] : [lock.path])]) };
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
