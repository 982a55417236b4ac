// Every fault at every point of a start, on small homes: after recovery the home is exactly as before or exactly as after, a
// run that said 0 is after, a second recovery changes nothing, and nothing is left over. CRASH_FULL=1 leaves out no point.
import { expect, test } from 'vitest';
import { describePlan, ERRNOS, type FaultPlan } from '../support/fault-plan.js';
import { FaultyFiles } from '../support/faulty-files.js';
import {
  differences,
  endProcess,
  leftovers,
  readTree,
  recoverHome,
  startHome,
  type Tree,
} from '../support/engine-run.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { HOME, SMALL_HOMES, type SmallHome, STATE } from '../support/small-homes.js';

const FULL = process.env.CRASH_FULL === '1';

interface Judge {
  readonly home: SmallHome;
  readonly before: Tree;
  readonly after: Tree;
  readonly points: number;
  readonly readPoints: number;
}

async function makeJudge(home: SmallHome): Promise<Judge> {
  const before = readTree(home.files, HOME);
  const count = async (reads: boolean) => {
    const files = home.files.clone();
    const counting = new FaultyFiles(files, { at: 0, fault: 'crash', forGood: false, reads });
    const ended = await startHome(counting, HOME, home.config, home.policy);
    if (ended.kind !== 'ended')
      throw new Error(
        `${home.name} does not end: ${JSON.stringify(ended)} ${ended.kind === 'refused' ? ended.error.message : ''}`,
      );
    return { files, points: counting.points.length };
  };
  const { files, points } = await count(false);
  const after = readTree(files, HOME);
  expect(differences(before, after).length, 'the run must change something').toBeGreaterThan(0);
  expect(leftovers(files, STATE)).toEqual([]);
  return { home, before, after, points, readPoints: (await count(true)).points };
}

/** What is wrong after recovery with a healthy file layer; empty where all is well. */
async function judge(judge: Judge, files: MemoryFiles, mustBeAfter: boolean): Promise<string[]> {
  const { home, before, after } = judge;
  const problems: string[] = [];
  endProcess(files, `${STATE}/locks`);
  const first = await recoverHome(files, HOME, home.config);
  if (first.kind !== 'ended')
    return [`recovery did not end well: ${first.kind === 'refused' ? first.error.message : 'crash'}`];
  const recovered = readTree(files, HOME);
  const isBefore = differences(before, recovered).length === 0;
  const isAfter = differences(after, recovered).length === 0;
  if (!isBefore && !isAfter) problems.push(`mixed: ${differences(before, recovered).join('; ')}`);
  if (mustBeAfter && !isAfter) problems.push('the run exited 0 and the home is not after');
  const second = await recoverHome(files, HOME, home.config);
  if (second.kind !== 'ended') problems.push('the second recovery did not end well');
  else if (second.result.action !== 'nothing')
    problems.push(`the second recovery found something: ${second.result.action}`);
  if (differences(recovered, readTree(files, HOME)).length > 0) problems.push('the second recovery changed something');
  const left = leftovers(files, STATE);
  if (left.length > 0) problems.push(`left over: ${left.join(', ')}`);
  const next = await startHome(files, HOME, home.config, home.policy);
  if (next.kind !== 'ended')
    problems.push(`the next start fails: ${next.kind === 'refused' ? next.error.message : 'crash'}`);
  else if (differences(after, readTree(files, HOME)).length > 0)
    problems.push(`the next start does not reach after: ${differences(after, readTree(files, HOME)).join('; ')}`);
  return problems;
}

async function tryPlan(facts: Judge, plan: FaultPlan): Promise<string[]> {
  const files = facts.home.files.clone();
  const faulty = new FaultyFiles(files, plan);
  const ended = await startHome(faulty, HOME, facts.home.config, facts.home.policy);
  if (!faulty.struck) return [];
  const found: string[] = [];
  const acked = ended.kind === 'ended' && ended.exitCode === 0;
  if ((ended.kind === 'crashed') !== faulty.crashed) found.push('a crash was caught');
  if (ended.kind !== 'crashed' && !acked && ended.exitCode < 4) {
    const now = readTree(files, HOME);
    if (differences(facts.before, now).length > 0)
      found.push(`exit ${ended.exitCode} says that nothing has changed: ${differences(facts.before, now).join('; ')}`);
  }
  found.push(...(await judge(facts, files, acked)));
  const where = faulty.points[plan.at - 1];
  return found.map((what) => `${describePlan(plan)}, ${where?.call} ${where?.part} ${where?.path}: ${what}`);
}

function numbers(points: number, stride: number): number[] {
  const step = FULL ? 1 : stride;
  return Array.from({ length: Math.ceil(points / step) }, (_, index) => 1 + index * step);
}

for (const make of SMALL_HOMES) {
  const title = make.name;
  test(`${title}: a crash at every point`, { timeout: 600_000 }, async () => {
    const facts = await makeJudge(await make());
    const bad: string[] = [];
    for (const at of numbers(facts.points, 1))
      bad.push(...(await tryPlan(facts, { at, fault: 'crash', forGood: false })));
    expect(bad).toEqual([]);
  });

  test(`${title}: an error at every point, once and for good`, { timeout: 600_000 }, async () => {
    const facts = await makeJudge(await make());
    const bad: string[] = [];
    for (const fault of ERRNOS)
      for (const forGood of [false, true])
        for (const at of numbers(facts.points, 1)) bad.push(...(await tryPlan(facts, { at, fault, forGood })));
    expect(bad).toEqual([]);
  });

  test(`${title}: an error at every call that reads`, { timeout: 600_000 }, async () => {
    const facts = await makeJudge(await make());
    const bad: string[] = [];
    for (const fault of ['EIO', 'EACCES', 'EMFILE'] as const)
      for (const forGood of [false, true])
        for (const at of numbers(facts.readPoints, 3))
          bad.push(...(await tryPlan(facts, { at, fault, forGood, reads: true })));
    expect(bad).toEqual([]);
  });
}
