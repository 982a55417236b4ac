// SIGKILL at a random moment of an apply and of a revert, on a home of the lab: after the next start the home is exactly what the
// folders say; what the kill left is exactly before or exactly after, once recovered. 40 kills on `small`; PREPATCH_KILLS=400 for
// more, PREPATCH_KILL_SEED to do the same ones again, PREPATCH_KILL_HOME=medium or large for another home.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runPrepatch, startPrepatch } from '../support/command.js';
import { compareTrees, isOwnState, snapshotTree, type TreeSnapshot } from '../support/tree-snapshot.js';
import { copyLabHome, copyTree, needLabHome, type Profile } from './lab-home.js';

const KILLS = Number(process.env.PREPATCH_KILLS ?? 40);
const SEED = Number(process.env.PREPATCH_KILL_SEED ?? Date.now() % 1_000_000);
const HOME: Profile = parseProfile(process.env.PREPATCH_KILL_HOME ?? 'small');
/** With room for two runs and their judging on a slow and busy machine. */
const LIMIT_MS_A_KILL = { small: 4_000, medium: 15_000, large: 120_000 }[HOME];
const missing = needLabHome();

describe.skipIf(missing !== undefined)('a kill at a random moment', () => {
  test.each(['apply', 'revert'] as const)(
    `of %s, ${KILLS / 2} times (PREPATCH_KILL_SEED=${SEED}): exactly before or exactly after`,
    async (what) => {
      process.stderr.write(`random-kill of ${what} (${HOME}): PREPATCH_KILL_SEED=${SEED}\n`);
      const random = makeRandom(SEED + (what === 'apply' ? 0 : 1));
      const bare = copyLabHome(HOME);
      const temporary = dirname(bare);
      try {
        const patched = join(temporary, 'patched');
        copyTree(bare, patched);
        expect((await runPrepatch(['apply', '--home', patched])).exitCode).toBe(0);
        const start = what === 'apply' ? bare : withoutPacks(patched, join(temporary, 'reverting'));
        const before = stateOf(start);
        const after = stateOf(await patchedCopy(start, temporary));
        expect(compareTrees(after, before)).not.toEqual([]);
        const durationMs = await timeOf(start, temporary);
        const seen = { before: 0, after: 0, finished: 0 };
        for (let kill = 0; kill < KILLS / 2; kill++) {
          const home = join(temporary, 'victim');
          copyTree(start, home);
          const run = startPrepatch(['apply', '--home', home], { timeoutMs: LIMIT_MS_A_KILL * 10 });
          const delayMs = random() * durationMs * 1.3;
          await sleep(delayMs);
          run.kill();
          const { signal } = await run.ended;
          if (signal === null) seen.finished += 1;
          const where = `kill ${kill} after ${delayMs.toFixed(1)} ms`;
          expect((await runPrepatch(['recover', '--home', home])).exitCode, where).toBe(0);
          expect(leftovers(home), where).toEqual([]);
          const recovered = stateOf(home);
          const isBefore = compareTrees(recovered, before).length === 0;
          if (!isBefore) expect(compareTrees(recovered, after), where).toEqual([]);
          seen[isBefore ? 'before' : 'after'] += 1;
          expect((await runPrepatch(['apply', '--home', home])).exitCode, where).toBe(0);
          expect(compareTrees(stateOf(home), after), where).toEqual([]);
          expect(leftovers(home), where).toEqual([]);
          rmSync(home, { recursive: true });
        }
        process.stderr.write(
          `random-kill of ${what}: ${JSON.stringify(seen)}, whole run ${durationMs.toFixed(0)} ms\n`,
        );
      } finally {
        rmSync(temporary, { recursive: true });
      }
    },
    Math.max(120_000, KILLS * LIMIT_MS_A_KILL),
  );
});

function parseProfile(text: string): Profile {
  if (text === 'small' || text === 'medium' || text === 'large') return text;
  throw new Error(`PREPATCH_KILL_HOME=${text} is none of small, medium, large`);
}

/** The whole home but our own folder and the logs: plugins, state files, packs. */
function stateOf(home: string): TreeSnapshot {
  return snapshotTree(home, isOwnState);
}

function withoutPacks(patched: string, target: string): string {
  copyTree(patched, target);
  for (const folder of ['patches', 'servicepacks']) {
    const path = join(target, 'repository', 'components', folder);
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
  }
  return target;
}

async function patchedCopy(start: string, temporary: string): Promise<string> {
  const home = join(temporary, 'after');
  copyTree(start, home);
  expect((await runPrepatch(['apply', '--home', home])).exitCode).toBe(0);
  return home;
}

/** Milliseconds of one whole run, on a home that is at the same place as those that are killed. */
async function timeOf(start: string, temporary: string): Promise<number> {
  const home = join(temporary, 'victim');
  copyTree(start, home);
  const from = performance.now();
  await runPrepatch(['apply', '--home', home]);
  const durationMs = performance.now() - from;
  renameSync(home, join(temporary, 'timed'));
  rmSync(join(temporary, 'timed'), { recursive: true });
  return durationMs;
}

/** What no finished run leaves behind: work of a transaction, temporary files, names of processes that are gone. */
function leftovers(home: string): string[] {
  const own = join(home, 'repository', 'components', '.prepatch');
  if (!existsSync(own)) return [];
  return readdirSync(own, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path === 'journal' || path === 'work' || /^(?:\.now-|held\.|try\.)|\.new$/.test(basename(path)),
  );
}

/** Mulberry32: the same numbers for the same seed. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
