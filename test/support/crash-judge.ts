// What a start makes of a home, undisturbed; and what is wrong after a disturbed one and its recovery with a healthy file layer.
import { expect } from 'vitest';
import { makeLayout } from '../../src/home/layout.js';
import { readLedger } from '../../src/state/ledger-file.js';
import { describePlan, type FaultPlan } from './fault-plan.js';
import { FaultyFiles } from './faulty-files.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome, type Tree } from './engine-run.js';
import type { MemoryFiles } from './memory-files.js';
import { HOME, PLUGINS, type SmallHome, STATE } from './small-homes.js';

export interface CrashFacts {
  readonly home: SmallHome;
  readonly before: Tree;
  readonly after: Tree;
  /** MD5 of what must not be lost. */
  readonly precious: readonly string[];
  /** How many points a start has; `readPoints` counts the calls that read too. */
  readonly points: number;
  readonly readPoints: number;
}

/**
 * MD5 of what is in plugins and nowhere else to be had: originals, and what was changed by hand. It has to be somewhere in the
 * home after any start, in place, in the store or set aside.
 */
export function preciousOf(files: MemoryFiles): string[] {
  const ledger = readLedger(files, makeLayout(HOME, 'carbon-4.2'));
  const fromPacks = new Set(ledger?.packs.flatMap((pack) => pack.files.map((file) => file.md5 as string)));
  return digestsBelow(files, PLUGINS).filter((md5) => !fromPacks.has(md5));
}

/** A line for each precious content that is nowhere. */
export function findLost(files: MemoryFiles, precious: readonly string[]): string[] {
  const found = new Set(digestsBelow(files, HOME));
  return precious.filter((md5) => !found.has(md5)).map((md5) => `lost: the content with MD5 ${md5}`);
}

function digestsBelow(files: MemoryFiles, folder: string): string[] {
  return files.list(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    const kind = files.stat(path)?.kind;
    return kind === 'directory' ? digestsBelow(files, path) : kind === 'file' ? [files.digest(path, false).md5] : [];
  });
}

export async function learnFacts(home: SmallHome): Promise<CrashFacts> {
  const before = readTree(home.files, HOME);
  const count = async (reads: boolean) => {
    const files = home.files.clone();
    const counting = new FaultyFiles(files, { at: 0, fault: 'crash', forGood: false, reads });
    const ended = await startHome(counting, HOME, home.config, home.policy);
    if (ended.kind !== 'ended')
      throw new Error(`${home.name} does not end: ${ended.kind === 'refused' ? ended.error.message : 'crash'}`);
    return { files, points: counting.points.length };
  };
  const { files, points } = await count(false);
  const after = readTree(files, HOME);
  expect(differences(before, after).length, 'the run must change something').toBeGreaterThan(0);
  expect(leftovers(files, STATE)).toEqual([]);
  return { home, before, after, precious: preciousOf(home.files), points, readPoints: (await count(true)).points };
}

/** Runs a start with a fault, then recovers; a line for everything that is wrong. */
export async function tryFault(facts: CrashFacts, plan: FaultPlan): Promise<string[]> {
  const files = facts.home.files.clone();
  const faulty = new FaultyFiles(files, plan);
  const ended = await startHome(faulty, HOME, facts.home.config, facts.home.policy);
  if (!faulty.struck) return [];
  const found: string[] = [];
  const acked = ended.kind === 'ended' && ended.exitCode === 0;
  if ((ended.kind === 'crashed') !== faulty.crashed) found.push('a crash was caught');
  if (ended.kind !== 'crashed' && !acked && ended.exitCode < 4) {
    const now = readTree(files, HOME);
    // A work folder on another file system may be left to the next run.
    const changed = differences(facts.before, now).filter((line) => !line.includes('/.prepatch'));
    const isRepaired = facts.home.recordIsAfter === true && differences(facts.after, now).length === 0;
    if (changed.length > 0 && !isRepaired)
      found.push(`exit ${ended.exitCode} says that nothing has changed: ${changed.join('; ')}`);
  }
  found.push(...(await judgeRecovery(facts, files, acked)));
  const where = faulty.points[plan.at - 1];
  return found.map((what) => `${describePlan(plan)}, ${where?.call} ${where?.part} ${where?.path}: ${what}`);
}

/** Recovers twice and starts again, with a healthy layer. */
export async function judgeRecovery(facts: CrashFacts, files: MemoryFiles, mustBeAfter: boolean): Promise<string[]> {
  const { home, before, after } = facts;
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
  problems.push(...findLost(files, facts.precious));
  const left = leftovers(files, STATE);
  if (left.length > 0) problems.push(`left over: ${left.join(', ')}`);
  const next = await startHome(files, HOME, home.config, home.policy);
  if (next.kind !== 'ended')
    problems.push(`the next start fails: ${next.kind === 'refused' ? next.error.message : 'crash'}`);
  else if (differences(after, readTree(files, HOME)).length > 0)
    problems.push(`the next start does not reach after: ${differences(after, readTree(files, HOME)).join('; ')}`);
  return problems;
}

/** The numbers from 1 to `points`, each `stride`-th. */
export function everyPoint(points: number, stride = 1, first = 1): number[] {
  const numbers: number[] = [];
  for (let at = first; at <= points; at += stride) numbers.push(at);
  return numbers;
}
