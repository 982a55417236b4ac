// A run that sleeps in the middle of its work (a container that is paused, a machine that is moved) until another has taken it for
// dead: whatever the other has done by then, and wherever it has died, the sleeper touches nothing of it when it wakes.
import { expect, test } from 'vitest';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import {
  differences,
  type Ended,
  endProcess,
  leftovers,
  readTree,
  recoverHome,
  startHome,
} from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { HOME, type SmallHome, smallest, STATE, upgrade } from '../support/small-homes.js';

const LOCKS = `${STATE}/locks`;
const STRIDE = process.env.CRASH_FULL === '1' ? 1 : 3;

type Sleep = 'while it stages' | 'while it verifies';

/** Sleeps once: meanwhile its lock counts as that of a dead process, and another run goes to work. */
class SleepingBulk extends SerialBulk {
  readonly #files: MemoryFiles;
  readonly #sleep: Sleep;
  #other: (() => Promise<unknown>) | undefined;

  constructor(files: MemoryFiles, sleep: Sleep, other: () => Promise<unknown>) {
    super(files);
    this.#files = files;
    this.#sleep = sleep;
    this.#other = other;
  }

  override async copy(...args: Parameters<SerialBulk['copy']>): ReturnType<SerialBulk['copy']> {
    const results = await super.copy(...args);
    if (this.#sleep === 'while it stages') await this.#fallAsleep();
    return results;
  }

  override async flushDirectories(...args: Parameters<SerialBulk['flushDirectories']>): Promise<void> {
    await super.flushDirectories(...args);
    const isDeployed = this.#files.stat(`${STATE}/work`) !== undefined && hasBegun(this.#files);
    if (this.#sleep === 'while it verifies' && isDeployed) await this.#fallAsleep();
  }

  async #fallAsleep(): Promise<void> {
    const other = this.#other;
    if (other === undefined) return;
    this.#other = undefined;
    for (const name of this.#files.list(LOCKS)) this.#files.unlink(`${LOCKS}/${name}`);
    await other();
  }
}

function hasBegun(files: MemoryFiles): boolean {
  return files.list(`${STATE}/work`).some((name) => files.stat(`${STATE}/work/${name}/begun`) !== undefined);
}

async function startSleeper(home: SmallHome, files: MemoryFiles, sleep: Sleep, other: () => Promise<unknown>) {
  let slept = false;
  const bulk = new SleepingBulk(files, sleep, async () => {
    slept = true;
    await other();
  });
  const patcher = new Patcher(HOME, home.config, { files, bulk, emit: () => undefined, now: () => 7 });
  const outcome = await patcher.start('strict', 'test', 0).then(
    (result) => result.outcome as string,
    (error: unknown) => (error as { code: string }).code,
  );
  expect(slept).toBe(true);
  return outcome;
}

for (const make of [smallest, upgrade])
  for (const sleep of ['while it stages', 'while it verifies'] as const) {
    test(`${make.name}, ${sleep}: the other run has ended`, async () => {
      const home = await make();
      const files = home.files.clone();
      let other: Ended<unknown> | undefined;
      const outcome = await startSleeper(home, files, sleep, async () => {
        other = await startHome(files, HOME, home.config, 'strict');
      });
      expect(other).toMatchObject({ kind: 'ended', exitCode: 0 });
      expect(outcome).toBe('LOCKED');
      const after = home.files.clone();
      await startHome(after, HOME, home.config, 'strict');
      expect(differences(readTree(after, HOME), readTree(files, HOME))).toEqual([]);
      expect(leftovers(files, STATE)).toEqual([]);
      expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ result: { outcome: 'nothing' } });
    });

    test(`${make.name}, ${sleep}: the other run dies at any point of its work`, { timeout: 600_000 }, async () => {
      const home = await make();
      const before = readTree(home.files, HOME);
      const done = home.files.clone();
      await startHome(done, HOME, home.config, 'strict');
      const after = readTree(done, HOME);
      let points = Number.POSITIVE_INFINITY;
      for (let at = 1; at <= points; at += STRIDE) {
        const files = home.files.clone();
        const faulty = new FaultyFiles(files, { at, fault: 'crash', forGood: false });
        await startSleeper(home, files, sleep, async () => {
          const counting = new FaultyFiles(files.clone());
          await startHome(counting, HOME, home.config, 'strict');
          points = counting.points.length;
          await startHome(faulty, HOME, home.config, 'strict');
        });
        endProcess(files, LOCKS);
        const where = `the other dies at ${at} of ${points}`;
        expect(await recoverHome(files, HOME, home.config), where).toMatchObject({ kind: 'ended' });
        const seen = readTree(files, HOME);
        if (differences(before, seen).length > 0) expect(differences(after, seen), where).toEqual([]);
        expect(leftovers(files, STATE), where).toEqual([]);
      }
      expect(points).toBeGreaterThan(20);
    });
  }
