// A run that sleeps in the middle of its work (a container that is paused, a machine that is moved) until another has taken it for
// dead: whatever the other has done by then, and wherever it has died, the sleeper touches nothing of it when it wakes. The same
// of a recovery.
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
import type { Files } from '../../src/system/files.js';
import { everyPoint } from '../support/crash-judge.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  companion,
  drift,
  HOME,
  mountedRevert,
  type SmallHome,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';

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

const CHANGES: ReadonlySet<string | symbol> = new Set<keyof Files>([
  'makeDirectory',
  'writeNew',
  'append',
  'copyNew',
  'link',
  'rename',
  'unlink',
  'removeDirectory',
  'setMode',
  'flushDirectory',
]);

/** A door to a disk; `afterChange` is told after each change of the number of it, and gives the disk as it is from then on. */
function watched(disk: MemoryFiles, afterChange: (number: number, disk: MemoryFiles) => MemoryFiles): Files {
  let [now, count] = [disk, 0];
  return new Proxy<Files>(disk, {
    get: (_, name) => {
      const method: unknown = Reflect.get(now, name, now);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(method, now, args);
        if (CHANGES.has(name)) now = afterChange(++count, now);
        return result;
      };
    },
  });
}

function loseLocks(files: MemoryFiles): void {
  if (files.stat(LOCKS) === undefined) return;
  for (const name of files.list(LOCKS)) files.unlink(`${LOCKS}/${name}`);
}

/** A home as a crash at a point of a start left it; 0: as it was. */
async function crashedAt(home: SmallHome, at: number): Promise<MemoryFiles> {
  const files = home.files.clone();
  if (at > 0)
    await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, home.config, home.policy);
  endProcess(files, LOCKS);
  return files;
}

async function countPoints(home: SmallHome): Promise<number> {
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  return counting.points.length;
}

/**
 * A run falls asleep after each of its changes in turn. `meanwhile` is what others make of the disk; `judge` sees what it is when
 * the sleeper has woken and ended. Returns how often that had to stop.
 */
async function sleepEverywhere(
  before: MemoryFiles,
  run: (files: Files) => Promise<Ended<unknown>>,
  meanwhile: (files: MemoryFiles) => Promise<unknown>,
  judge: (files: MemoryFiles, ended: Ended<unknown>, at: number) => Promise<void>,
  stride = 1,
): Promise<number> {
  const asleep: MemoryFiles[] = [];
  await run(watched(before.clone(), (_, disk) => (asleep.push(disk.clone()), disk)));
  let stopped = 0;
  for (let at = 1; at <= asleep.length; at += stride) {
    const woken = (asleep[at - 1] ?? before).clone();
    loseLocks(woken);
    await meanwhile(woken);
    const ended = await run(watched(before.clone(), (number, disk) => (number === at ? woken : disk)));
    if (ended.kind === 'refused' && ended.error.code === 'LOCKED') stopped += 1;
    await judge(woken, ended, at);
  }
  return stopped;
}

for (const [make, stride] of [
  [smallest, 5],
  [upgrade, 17],
  [drift, 23],
  [companion, 23],
  [mountedRevert, 23],
] as const) {
  test(`${make.name}: a start that sleeps anywhere, in its recovery too, touches nothing of what another has done`, {
    timeout: 600_000,
  }, async () => {
    const home = await make();
    const done = home.files.clone();
    await startHome(done, HOME, home.config, home.policy);
    const after = readTree(done, HOME);
    let stopped = 0;
    for (const point of [0, ...everyPoint(await countPoints(home), STRIDE === 1 ? 1 : stride, 2)]) {
      const run = (files: Files) => startHome(files, HOME, home.config, home.policy);
      stopped += await sleepEverywhere(await crashedAt(home, point), run, run, async (files, ended, at) => {
        const where = `crash at ${point}, asleep after ${at}`;
        if (ended.kind !== 'ended') expect(ended, where).toMatchObject({ kind: 'refused', error: { code: 'LOCKED' } });
        expect(differences(after, readTree(files, HOME)), where).toEqual([]);
        const recovered = await recoverHome(files, HOME, home.config);
        expect(recovered, where).toMatchObject({ kind: 'ended', result: { action: 'nothing' } });
        expect(leftovers(files, STATE), where).toEqual([]);
        expect(await run(files), where).toMatchObject({ kind: 'ended', result: { outcome: 'nothing' } });
      });
    }
    expect(stopped).toBeGreaterThan(50);
  });
}

for (const make of [smallest, companion]) {
  test(`${make.name}: a recovery that sleeps anywhere, while another dies in its own`, {
    timeout: 600_000,
  }, async () => {
    const home = await make();
    const before = readTree(home.files, HOME);
    const done = home.files.clone();
    await startHome(done, HOME, home.config, home.policy);
    const after = readTree(done, HOME);
    const recover = (files: Files) => recoverHome(files, HOME, home.config);
    const points = await countPoints(home);
    for (const point of everyPoint(points, STRIDE === 1 ? 2 : Math.ceil(points / 6), 3)) {
      const crashed = await crashedAt(home, point);
      for (const dies of [5, 9, 14, 20]) {
        await sleepEverywhere(
          crashed,
          recover,
          (files) => recover(new FaultyFiles(files, { at: dies, fault: 'crash', forGood: false })),
          async (files, _, at) => {
            const where = `crash at ${point}, asleep after ${at}, the other dies at ${dies}`;
            endProcess(files, LOCKS);
            expect(await recover(files), where).toMatchObject({ kind: 'ended' });
            const seen = readTree(files, HOME);
            if (differences(before, seen).length > 0) expect(differences(after, seen), where).toEqual([]);
            expect(leftovers(files, STATE), where).toEqual([]);
          },
          STRIDE,
        );
      }
    }
  });
}
