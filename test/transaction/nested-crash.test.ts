// Faults inside recovery, and inside the recovery of a recovery: on the smallest home at every point of each, on others at
// some. CRASH_FULL=1 goes through more of them.
import { expect, test } from 'vitest';
import { type CrashFacts, everyPoint, judgeRecovery, learnFacts } from '../support/crash-judge.js';
import { differences, endProcess, readTree, recoverHome, startHome } from '../support/engine-run.js';
import { describePlan, type FaultPlan } from '../support/fault-plan.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  companion,
  drift,
  heldAgain,
  HOME,
  linkless,
  mountedRevert,
  revertFull,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';

const FULL = process.env.CRASH_FULL === '1';
const LONG = { timeout: 1_800_000 };

/** The home as a crash at a point left it, with the locks of a dead process. */
async function crashAt(facts: CrashFacts, at: number): Promise<MemoryFiles> {
  const files = facts.home.files.clone();
  await startHome(
    new FaultyFiles(files, { at, fault: 'crash', forGood: false }),
    HOME,
    facts.home.config,
    facts.home.policy,
  );
  endProcess(files, `${STATE}/locks`);
  return files;
}

async function countRecovery(facts: CrashFacts, crashed: MemoryFiles): Promise<number> {
  const counting = new FaultyFiles(crashed.clone());
  await recoverHome(counting, HOME, facts.home.config);
  return counting.points.length;
}

/** A recovery that is disturbed; what it says must be true. */
async function disturb(facts: CrashFacts, crashed: MemoryFiles, plan: FaultPlan, bad: string[]): Promise<MemoryFiles> {
  const files = crashed.clone();
  const faulty = new FaultyFiles(files, plan);
  const ended = await recoverHome(faulty, HOME, facts.home.config);
  if (ended.kind === 'ended') {
    const now = readTree(files, HOME);
    if (differences(facts.before, now).length > 0 && differences(facts.after, now).length > 0)
      bad.push(`${describePlan(plan)}: recovery says 0 and the home is mixed`);
  } else if (ended.kind === 'refused' && ended.exitCode < 4)
    bad.push(`${describePlan(plan)}: a failed recovery exits ${ended.exitCode}: ${ended.error.message}`);
  endProcess(files, `${STATE}/locks`);
  return files;
}

for (const [make, stride, nestedStride] of [
  [smallest, 1, 1],
  [upgrade, 9, 3],
  [revertFull, 17, 5],
  [drift, 17, 5],
  [companion, 17, 5],
  [heldAgain, 17, 5],
  [mountedRevert, 11, 5],
  [linkless, 17, 5],
] as const) {
  test(`${make.name}: a crash in the recovery of a crash`, LONG, async () => {
    const facts = await learnFacts(await make());
    const bad: string[] = [];
    for (const outer of everyPoint(facts.points, FULL ? 1 : stride)) {
      const crashed = await crashAt(facts, outer);
      for (const at of everyPoint(await countRecovery(facts, crashed), FULL ? 1 : nestedStride)) {
        const again = await disturb(facts, crashed, { at, fault: 'crash', forGood: false }, bad);
        for (const what of await judgeRecovery(facts, again, false)) bad.push(`crash ${outer}, ${at}: ${what}`);
      }
    }
    expect(bad).toEqual([]);
  });

  test(`${make.name}: an error in the recovery of a crash`, LONG, async () => {
    const facts = await learnFacts(await make());
    const bad: string[] = [];
    for (const [index, fault] of (['EIO', 'ENOSPC', 'EROFS'] as const).entries()) {
      for (const outer of everyPoint(facts.points, FULL ? stride : stride * 5, 1 + index)) {
        const crashed = await crashAt(facts, outer);
        for (const at of everyPoint(await countRecovery(facts, crashed), FULL ? 1 : nestedStride))
          for (const forGood of [false, true]) {
            const again = await disturb(facts, crashed, { at, fault, forGood }, bad);
            for (const what of await judgeRecovery(facts, again, false))
              bad.push(`crash ${outer}, ${describePlan({ at, fault, forGood })}: ${what}`);
          }
      }
    }
    expect(bad).toEqual([]);
  });
}

test('smallest: a crash in the recovery of a crash in the recovery of a crash', LONG, async () => {
  const facts = await learnFacts(await smallest());
  const bad: string[] = [];
  for (const outer of everyPoint(facts.points, FULL ? 1 : 7, 3)) {
    const crashed = await crashAt(facts, outer);
    for (const middle of everyPoint(await countRecovery(facts, crashed), FULL ? 1 : 2)) {
      const again = await disturb(facts, crashed, { at: middle, fault: 'crash', forGood: false }, bad);
      for (const at of everyPoint(await countRecovery(facts, again), FULL ? 1 : 2)) {
        const third = await disturb(facts, again, { at, fault: 'crash', forGood: false }, bad);
        for (const what of await judgeRecovery(facts, third, false))
          bad.push(`crash ${outer}, ${middle}, ${at}: ${what}`);
      }
    }
  }
  expect(bad).toEqual([]);
});
