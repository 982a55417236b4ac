// What opens again when packs go: the CVE and issue ids that are fixed by what a start applies before, and not afterwards. Pure.

import type { PlanReport } from '../patcher/reports.js';

/** Ids, sorted; what packs that went before them have opened is not theirs. */
export function reopenedFixes(before: PlanReport, after: PlanReport, removed: readonly string[]): string[] {
  const still = new Set(fixedBy(after));
  // An applied pack that is refused as it is now has its fixes on record only.
  const recorded = after.packs.filter(({ name }) => removed.includes(name)).flatMap(({ reopens }) => reopens ?? []);
  const gone = new Set([...fixedBy(before), ...recorded]);
  return [...gone].filter((id) => !still.has(id)).sort();
}

function fixedBy({ packs }: PlanReport): string[] {
  return packs
    .filter(({ state }) => state === 'applied' || state === 'apply' || state === 'update')
    .flatMap(({ fixes }) => fixes ?? []);
}
