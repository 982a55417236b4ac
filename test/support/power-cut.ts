// Cuts the power at moments of a start of a small home, and judges what recovery makes of each disk that this may leave.
import { expect } from 'vitest';
import { findLost, preciousOf } from './crash-judge.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome, type Tree } from './engine-run.js';
import type { MemoryFiles } from './memory-files.js';
import { type LostState, statesAfterPowerLoss } from './power-loss.js';
import { HOME, type SmallHome, STATE } from './small-homes.js';

const FULL = process.env.CRASH_FULL === '1';
export const SEED = Number(process.env.CRASH_SEED ?? 1);

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

/** Tries `most` of the states, evenly; with CRASH_FULL=1 all of them. A line for everything that is wrong. */
export async function cutPower(
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
