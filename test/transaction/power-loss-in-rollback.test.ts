// The journal takes nothing any more from the commit on, though what was written to it may reach the disk; the transaction is undone,
// and the power goes. The commit record then stands against an undoing that is on the disk in part.
import { expect, test } from 'vitest';
import type { Files } from '../../src/system/files.js';
import { findLost, learnFacts } from '../support/crash-judge.js';
import { differences, endProcess, readTree, recoverHome, startHome } from '../support/engine-run.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { statesAfterPowerLoss } from '../support/power-loss.js';
import {
  configOf,
  emptyHome,
  filesAnywhere,
  filesReverted,
  HOME,
  jar,
  PATCHES,
  put,
  putPatch,
  putPlugins,
  revertFull,
  smallest,
  type SmallHome,
  STATE,
  upgrade,
} from '../support/small-homes.js';

const SEED = Number(process.env.CRASH_SEED ?? 1);

/** Each write to the journal from the commit record on is done in memory, and its flush fails. */
function withDyingJournal(files: MemoryFiles): Files {
  let isDead = false;
  return new Proxy<Files>(files, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const [path, data] = args;
        if (key === 'append' && path === `${STATE}/journal` && typeof data === 'string') {
          isDead ||= data.includes('"commit"');
          if (isDead) {
            files.appendUnflushed(path, data);
            throw Object.assign(new Error('EIO'), { code: 'EIO' });
          }
        }
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
}

/** A pack that deletes a folder by an action. */
async function folderDeleted(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a');
  for (const path of ['gone/x.txt', 'gone/deep/y.txt']) put(files, `${HOME}/${path}`, `original of ${path}`);
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'new') });
  const actions = [{ kind: 'delete', type: 'directory', path: '/gone' }];
  put(files, `${PATCHES}/patch0001.json`, JSON.stringify({ id: 'p', version: '1.0.0', actions }));
  return { name: 'folder deleted', files, config: configOf(), policy: 'last-good' };
}

for (const make of [smallest, upgrade, revertFull, filesAnywhere, filesReverted, folderDeleted]) {
  test(`${make.name}: the journal dies at the commit, and the power goes while it is undone`, async () => {
    const { home, before, after, precious } = await learnFacts(await make());
    expect(differences(before, after)).not.toEqual([]);
    const bad: string[] = [];
    let tried = 0;
    for (const strictRename of [false, true]) {
      const files = home.files.clone({ strictRename });
      files.startRecording();
      await startHome(withDyingJournal(files), HOME, home.config, home.policy);
      expect(differences(before, readTree(files, HOME))).toEqual([]);
      for (const state of statesAfterPowerLoss(files.recording(), { random: 20, seed: SEED, window: 40 })) {
        tried += 1;
        const lost = files.withDisk(state.disk);
        endProcess(lost, `${STATE}/locks`);
        const recovery = await recoverHome(lost, HOME, home.config);
        const now = readTree(lost, HOME);
        const found = findLost(lost, precious);
        if (recovery.kind === 'refused') found.push(`recovery: ${recovery.error.message}`);
        else if ([before, after].every((side) => differences(side, now).length > 0))
          found.push(`mixed: ${differences(before, now).join('; ')}`);
        for (const one of found)
          bad.push(`${state.name} (seed ${SEED}): ${one}; lost: ${state.lost.slice(-4).join(', ')}`);
      }
    }
    expect(tried).toBeGreaterThan(50);
    expect(bad).toEqual([]);
  }, 600_000);
}
