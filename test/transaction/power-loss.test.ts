// A power cut at every moment of a start: whatever no flush covers is lost, torn, zeroed or reordered, and recovery still finds
// exactly before or exactly after; after a run that has ended, after. The model is that of power-loss.ts.
import { expect, test } from 'vitest';
import { endProcess, recoverHome, startHome } from '../support/engine-run.js';
import { cutPower, SEED } from '../support/power-cut.js';
import { statesAfterPowerLoss } from '../support/power-loss.js';
import {
  applyFull,
  companion,
  heldAgain,
  deltas,
  drift,
  HOME,
  linkless,
  makeFolder,
  mounted,
  mountedDrift,
  mountedRevert,
  put,
  revertFull,
  smallest,
  STATE,
  stagedAhead,
  unhealthy,
  upgrade,
} from '../support/small-homes.js';

const LONG = { timeout: 1_800_000 };

for (const [make, most] of [
  [smallest, Number.POSITIVE_INFINITY],
  [applyFull, 300],
  [revertFull, 300],
  [upgrade, 300],
  [stagedAhead, 300],
  [drift, 300],
  [companion, 300],
  [heldAgain, 300],
  [mounted, 300],
  [mountedRevert, 300],
  [mountedDrift, 300],
  [linkless, 300],
  [deltas, 300],
  [unhealthy, 300],
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
