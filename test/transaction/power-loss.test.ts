// A power cut at every moment of a start: whatever no flush covers is lost, torn, zeroed or reordered, and recovery still finds
// exactly before or exactly after; after a run that has ended, after. The model is that of power-loss.ts.
import { expect, test } from 'vitest';
import {
  differences,
  endProcess,
  leftovers,
  readTree,
  recoverHome,
  startHome,
  type Tree,
} from '../support/engine-run.js';
import { findLost, preciousOf } from '../support/crash-judge.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { type LostState, statesAfterPowerLoss } from '../support/power-loss.js';
import {
  applyFull,
  drift,
  HOME,
  makeFolder,
  put,
  linkless,
  mounted,
  mountedDrift,
  mountedRevert,
  revertFull,
  type SmallHome,
  smallest,
  STATE,
  stagedAhead,
  upgrade,
  companion,
} from '../support/small-homes.js';

const FULL = process.env.CRASH_FULL === '1';
const LONG = { timeout: 1_800_000 };
const SEED = Number(process.env.CRASH_SEED ?? 1);

interface Sides {
  readonly before: Tree;
  readonly after: Tree;
  readonly precious: readonly string[];
}

async function recoverFrom(home: SmallHome, state: LostState, files: MemoryFiles, sides: Sides): Promise<string[]> {
  const problems: string[] = [];
  endProcess(files, `${STATE}/locks`);
  const recovery = await recoverHome(files, HOME, home.config);
  if (recovery.kind !== 'ended')
    return [`recovery did not end well: ${recovery.kind === 'refused' ? recovery.error.message : 'crash'}`];
  const recovered = readTree(files, HOME);
  const isAfter = differences(sides.after, recovered).length === 0;
  if (!isAfter && differences(sides.before, recovered).length > 0)
    problems.push(`mixed: ${differences(sides.before, recovered).join('; ')}`);
  if (state.ended && !isAfter) problems.push('the run had ended and the home is not after');
  problems.push(...findLost(files, sides.precious));
  if (state.ended && recovery.result.action !== 'nothing')
    problems.push(`the run had ended, and recovery found something: ${recovery.result.action}`);
  const left = leftovers(files, STATE);
  if (left.length > 0) problems.push(`left over: ${left.join(', ')}`);
  const next = await startHome(files, HOME, home.config, home.policy);
  if (next.kind !== 'ended')
    problems.push(`the next start fails: ${next.kind === 'refused' ? next.error.message : 'crash'}`);
  else if (differences(sides.after, readTree(files, HOME)).length > 0)
    problems.push('the next start does not reach after');
  return problems;
}

function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (FULL || all.length <= most) return all;
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)] as T);
}

async function cutPower(
  home: SmallHome,
  strictRename: boolean,
  most: number,
): Promise<{ bad: string[]; tried: number }> {
  const files = home.files.clone({ strictRename });
  const before = readTree(files, HOME);
  const precious = preciousOf(files);
  files.startRecording();
  const ended = await startHome(files, HOME, home.config, home.policy);
  expect(ended.kind).toBe('ended');
  const after = readTree(files, HOME);
  const all = statesAfterPowerLoss(files.recording(), { random: 2, seed: SEED, window: 40 });
  const states = evenly(all, most);
  const bad: string[] = [];
  for (const state of states) {
    for (const what of await recoverFrom(home, state, files.withDisk(state.disk), { before, after, precious }))
      bad.push(`${home.name} ${state.name} (seed ${SEED}): ${what}; lost: ${state.lost.slice(-5).join(', ')}`);
  }
  return { bad, tried: states.length };
}

for (const [make, most] of [
  [smallest, Number.POSITIVE_INFINITY],
  [applyFull, 300],
  [revertFull, 300],
  [upgrade, 300],
  [stagedAhead, 300],
  [drift, 300],
  [companion, 300],
  [mounted, 300],
  [mountedRevert, 300],
  [mountedDrift, 300],
  [linkless, 300],
] as const) {
  for (const strictRename of [false, true]) {
    const rule = strictRename ? 'a rename needs both folders flushed' : 'a rename needs its target’s folder flushed';
    test(`${make.name}: power is lost at every moment; ${rule}`, { timeout: 1_800_000 }, async () => {
      const { bad, tried } = await cutPower(await make(), strictRename, most);
      expect(tried).toBeGreaterThan(100);
      expect(bad).toEqual([]);
    });
  }
}

test('a file of somebody else in the folder of the work is no trouble', LONG, async () => {
  const home = await upgrade();
  makeFolder(home.files, `${STATE}/work`);
  put(home.files, `${STATE}/work/README`, 'not ours');
  const files = home.files.clone();
  files.startRecording();
  await startHome(files, HOME, home.config, home.policy);
  for (const state of statesAfterPowerLoss(files.recording(), { random: 2, seed: SEED, window: 40 })) {
    const lost = files.withDisk(state.disk);
    endProcess(lost, `${STATE}/locks`);
    const recovery = await recoverHome(lost, HOME, home.config);
    expect(recovery.kind, `${state.name}: ${state.lost.slice(-5).join(', ')}`).toBe('ended');
    expect(lost.list(`${STATE}/work`)).toEqual(['README']);
  }
});
