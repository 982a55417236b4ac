// SIGKILL at a random moment of an apply and of a revert, on a home of the lab: what the kill left is exactly before or exactly after,
// once recovered, and the next start makes it exactly after. One home goes to and fro: what an apply is killed at, a revert is killed
// at next, with what the kills before have left in our own state; every other apply begins with none. 40 kills on `small`;
// PREPATCH_KILLS=500 for more, PREPATCH_KILL_SEED to draw the same moments again, PREPATCH_KILL_HOME=medium or large for another home.
// A run that had ended when its kill came is no kill: it is counted apart, and another is made.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { runPrepatch, startPrepatch } from '../support/command.js';
import { compareTrees, isOwnState, snapshotTree, TreeWatch, type TreeSnapshot } from '../support/tree-snapshot.js';
import { copyLabHome, needLabHome, type Profile } from './lab-home.js';

const KILLS = Number(process.env.PREPATCH_KILLS ?? 40);
const SEED = Number(process.env.PREPATCH_KILL_SEED ?? Date.now() % 1_000_000);
const HOME: Profile = parseProfile(process.env.PREPATCH_KILL_HOME ?? 'small');
/** With room for two runs and their judging on a slow and busy machine. */
const LIMIT_MS_A_KILL = { small: 8_000, medium: 15_000, large: 120_000 }[HOME];
const PACK_FOLDERS = ['patches', 'servicepacks'].map((name) => join('repository', 'components', name));
const missing = needLabHome();

type Direction = 'apply' | 'revert';

describe.skipIf(missing !== undefined)('a kill at a random moment', () => {
  test(
    `of an apply or a revert, ${KILLS} times (PREPATCH_KILL_SEED=${SEED}): exactly before or exactly after`,
    async () => {
      process.stderr.write(`random-kill (${HOME}): PREPATCH_KILL_SEED=${SEED}\n`);
      const random = makeRandom(SEED);
      const home = copyLabHome(HOME);
      const temporary = dirname(home);
      const packs = join(temporary, 'packs');
      const own = join(home, 'repository', 'components', '.prepatch');
      const durationMs = { apply: 0, revert: 0 };
      const seen = { apply: { before: 0, after: 0, finished: 0 }, revert: { before: 0, after: 0, finished: 0 } };
      const watch = new TreeWatch(home, (path) => isOwnState(path) || PACK_FOLDERS.includes(path));
      const go = (direction: Direction) => {
        if (direction === 'revert') movePacks(home, packs);
        else if (existsSync(packs)) movePacks(packs, home);
      };
      const finish = async (where: string): Promise<TreeSnapshot> => {
        expect((await runPrepatch(['apply', '--home', home])).exitCode, where).toBe(0);
        expect(leftovers(own), where).toEqual([]);
        return watch.snapshot();
      };
      const timed = async (direction: Direction): Promise<TreeSnapshot> => {
        go(direction);
        const from = performance.now();
        const state = await finish(`the first ${direction}`);
        durationMs[direction] = performance.now() - from;
        return state;
      };
      try {
        // What a revert of everything leaves is what the other direction starts from; the list of applied packs is then there, and empty.
        const sound = snapshotPacks(home);
        await timed('apply');
        const bare = await timed('revert');
        // Timed again: the first ones found cold files and slow code.
        const patched = await timed('apply');
        expect(compareTrees(await timed('revert'), bare)).toEqual([]);
        expect(compareTrees(patched, bare)).not.toEqual([]);
        for (let round = 0, kills = 0; kills < KILLS; round++) {
          expect(round, 'runs that were made for so many kills').toBeLessThan(KILLS * 4);
          const direction = round % 2 === 0 ? 'apply' : 'revert';
          const [before, after] = direction === 'apply' ? [bare, patched] : [patched, bare];
          go(direction);
          if (round % 4 === 0) rmSync(own, { recursive: true });
          const run = startPrepatch(['apply', '--home', home], { timeoutMs: LIMIT_MS_A_KILL * 10 });
          const delayMs = random() * durationMs[direction] * 1.25;
          await sleep(delayMs);
          run.kill();
          const { signal } = await run.ended;
          const where = `${direction} of round ${round}, killed after ${delayMs.toFixed(1)} ms`;
          if (signal === null) seen[direction].finished += 1;
          else {
            kills += 1;
            expect((await runPrepatch(['recover', '--home', home])).exitCode, where).toBe(0);
            expect(leftovers(own), where).toEqual([]);
            const recovered = watch.snapshot();
            const isBefore = compareTrees(recovered, before).length === 0;
            if (!isBefore) expect(compareTrees(recovered, after), where).toEqual([]);
            seen[direction][isBefore ? 'before' : 'after'] += 1;
            if (kills % 50 === 0) process.stderr.write(`random-kill: ${kills} kills, ${JSON.stringify(seen)}\n`);
          }
          expect(compareTrees(await finish(where), after), where).toEqual([]);
        }
        go('apply');
        expect(compareTrees(snapshotPacks(home), sound)).toEqual([]);
        process.stderr.write(`random-kill: ${JSON.stringify(seen)}; whole runs: ${JSON.stringify(durationMs)} ms\n`);
      } finally {
        rmSync(temporary, { recursive: true });
      }
    },
    Math.max(240_000, KILLS * LIMIT_MS_A_KILL),
  );
});

function parseProfile(text: string): Profile {
  if (text === 'small' || text === 'medium' || text === 'large') return text;
  throw new Error(`PREPATCH_KILL_HOME=${text} is none of small, medium, large`);
}

/** Moves what the folders of packs hold, from one home to another; their own names stay. */
function movePacks(from: string, to: string): void {
  for (const folder of PACK_FOLDERS) {
    mkdirSync(join(to, folder), { recursive: true });
    for (const name of readdirSync(join(from, folder))) renameSync(join(from, folder, name), join(to, folder, name));
  }
}

function snapshotPacks(home: string): TreeSnapshot {
  return new Map(
    PACK_FOLDERS.flatMap((folder) =>
      [...snapshotTree(join(home, folder))].map(([path, entry]): [string, string] => [join(folder, path), entry]),
    ),
  );
}

/** What no finished run leaves behind: work of a transaction, temporary files, names of processes that are gone. */
function leftovers(own: string): string[] {
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
