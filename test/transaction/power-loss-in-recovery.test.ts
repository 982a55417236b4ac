// The power goes while an interrupted start is recovered, or while a failed one is undone: whatever no flush covers is lost, torn,
// zeroed or reordered, and the next recovery still finds exactly before or exactly after. CRASH_FULL=1 goes through every crash.
import { expect, test } from 'vitest';
import { everyPoint, findLost, learnFacts } from '../support/crash-judge.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome } from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import { statesAfterPowerLoss } from '../support/power-loss.js';
import {
  companion,
  drift,
  heldAgain,
  HOME,
  jar,
  mountedRevert,
  putPatch,
  settled,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';
import { makeLayout } from '../../src/home/layout.js';
import { readHistory } from '../../src/state/history.js';

const FULL = process.env.CRASH_FULL === '1';
const SEED = Number(process.env.CRASH_SEED ?? 1);
const LONG = { timeout: 1_800_000 };

for (const [make, stride] of [
  [smallest, 3],
  [upgrade, 16],
  [drift, 16],
  [companion, 12],
  [heldAgain, 12],
  [mountedRevert, 16],
] as const) {
  for (const [what, fault] of [
    ['is recovered after a crash', 'crash'],
    ['is undone after an error', 'EIO'],
  ] as const) {
    test(`${make.name}: the power goes while it ${what}`, LONG, async () => {
      const facts = await learnFacts(await make());
      const { home, before, after, precious } = facts;
      const bad: string[] = [];
      let tried = 0;
      const points = everyPoint(facts.points, FULL || (make === smallest && fault === 'crash') ? 1 : stride, 3);
      for (const [at, strictRename] of points.flatMap((one) => [[one, false] as const, [one, true] as const])) {
        const files = home.files.clone({ strictRename });
        const plan = { at, fault, forGood: false } as const;
        files.startRecording();
        let from = 0;
        let recovered: string | undefined;
        await startHome(new FaultyFiles(files, plan), HOME, home.config, home.policy);
        if (fault === 'crash') {
          // What the process that crashed has not flushed may be lost still, when another has gone on from it.
          from = files.recording().steps;
          endProcess(files, `${STATE}/locks`);
          const ended = await recoverHome(files, HOME, home.config);
          recovered = ended.kind === 'ended' ? ended.result.action : undefined;
        }
        const end = readTree(files, HOME);
        for (const state of statesAfterPowerLoss(files.recording(), { random: 1, seed: SEED, window: 40, from })) {
          tried += 1;
          const lost = files.withDisk(state.disk);
          endProcess(lost, `${STATE}/locks`);
          const recovery = await recoverHome(lost, HOME, home.config);
          const now = readTree(lost, HOME);
          const found: string[] = findLost(lost, precious);
          if (recovery.kind === 'refused') found.push(`recovery: ${recovery.error.message}`);
          else if ([before, after].every((side) => differences(side, now).length > 0))
            found.push(`mixed: ${differences(before, now).join('; ')}`);
          else if (state.ended && differences(end, now).some((line) => !line.includes('/.prepatch')))
            found.push('what had ended is not so any more');
          // The end of a journal that the process before took away is that one's to flush: a journal that is back changes nothing.
          const isOver = fault === 'crash' && recovered !== 'nothing' && state.ended && recovery.kind === 'ended';
          if (isOver && recovery.result.action !== 'nothing')
            found.push(`recovery had ended, and there is something to recover: ${recovery.result.action}`);
          if (leftovers(lost, STATE).length > 0) found.push(`left over: ${leftovers(lost, STATE).join(', ')}`);
          for (const one of found)
            bad.push(
              `${fault} at ${at}, ${state.name} (seed ${SEED}): ${one}; lost: ${state.lost.slice(-4).join(', ')}`,
            );
        }
      }
      expect(tried).toBeGreaterThan(50);
      expect(bad).toEqual([]);
    });
  }
}

test('a record of the history that a killed run has not flushed is flushed by the recovery that finds it', async () => {
  const { files: first, config, policy } = await smallest();
  await settled(first, config);
  putPatch(first, 'patch0002', { 'a_1.0.0.jar': jar('a', '1.0.0', 'two') });
  const counting = new FaultyFiles(first.clone());
  await startHome(counting, HOME, config, policy);
  const path = `${STATE}/history/`;
  const at = counting.points.findIndex((point) => point.path.startsWith(path) && point.part === 'flush') + 1;
  expect(at).toBeGreaterThan(0);
  const files = first.clone();
  files.startRecording();
  await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, config, policy);
  endProcess(files, `${STATE}/locks`);
  expect(await recoverHome(files, HOME, config)).toMatchObject({ kind: 'ended', result: { action: 'complete' } });
  const from = files.recording().steps;
  const states = statesAfterPowerLoss(files.recording(), { random: 1, seed: SEED, window: 40, from });
  expect(states.length).toBeGreaterThan(0);
  const layout = makeLayout(HOME, 'carbon-4.2');
  for (const { disk, lost } of states)
    expect([lost, readHistory(files.withDisk(disk), layout).records.map(({ outcome }) => outcome)]).toEqual([
      lost,
      ['committed', 'committed'],
    ]);
});
