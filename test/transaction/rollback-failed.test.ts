// A disk that refuses while a transaction is undone: the backups stay, the exit code is 4, the message says where what is, nothing
// but a recovery runs before it is resolved, and a healthy disk then gets the home back as it was.
import { expect, test } from 'vitest';
import { PatchError } from '../../src/error.js';
import { parseRooted } from '../../src/home/layout.js';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import type { Files } from '../../src/system/files.js';
import { everyPoint, learnFacts } from '../support/crash-judge.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome } from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  applyFull,
  degradedCompanion,
  heldAgain,
  HOME,
  PATCHES,
  PLUGINS,
  put,
  type SmallHome,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';

/** Points at which a plugin is put in place, counted in a healthy run. */
async function deployPoints(home: SmallHome): Promise<number[]> {
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  return counting.points.flatMap((point, index) =>
    point.call === 'rename' && point.path.startsWith(PLUGINS) ? [index + 1] : [],
  );
}

/** A start whose disk refuses every change from the middle of the deployment on. */
async function failRollback(home: SmallHome): Promise<{ files: MemoryFiles; message: string; exitCode: number }> {
  const files = home.files.clone();
  const [, second] = await deployPoints(home);
  const faulty = new FaultyFiles(files, { at: second ?? 1, fault: 'EIO', forGood: true });
  const ended = await startHome(faulty, HOME, home.config, home.policy);
  endProcess(files, `${STATE}/locks`);
  if (ended.kind !== 'refused') throw new Error(`the start ended: ${ended.kind}`);
  return { files, message: ended.error.message, exitCode: ended.exitCode };
}

test('the exit code is 4, the message names the path and the backups, and the backups are there', async () => {
  const home = await upgrade();
  const { files, message, exitCode } = await failRollback(home);
  expect(exitCode).toBe(4);
  expect(message).toMatch(/plugins\/.*could not be put back \(EIO\); every backup is kept in .*\.prepatch.work$/m);
  const [transaction] = files.list(`${STATE}/work`);
  expect(files.list(`${STATE}/work/${transaction}`).filter((name) => name.endsWith('.old')).length).toBeGreaterThan(0);
  expect(differences(readTree(home.files, HOME), readTree(files, HOME)).length).toBeGreaterThan(0);
});

test('a start goes on with the undoing, and does nothing else while the disk refuses', async () => {
  const home = await upgrade();
  const { files } = await failRollback(home);
  const between = readTree(files, HOME);
  const counting = new FaultyFiles(files.clone());
  await recoverHome(counting, HOME, home.config);
  const lock = counting.points.findIndex((point) => point.path.includes('/held.'));
  const again = new FaultyFiles(files, { at: lock + 2, fault: 'EROFS', forGood: true });
  for (const policy of ['last-good', 'strict', 'degraded'] as const) {
    const ended = await startHome(again, HOME, home.config, policy);
    endProcess(files, `${STATE}/locks`);
    expect(ended).toMatchObject({ kind: 'refused', exitCode: 4 });
    expect(differences(between, readTree(files, HOME))).toEqual([]);
  }
});

test('a healthy disk gets the home back as it was, the packs are applied by the next start', async () => {
  const home = await upgrade();
  const { files } = await failRollback(home);
  const recovery = await recoverHome(files, HOME, home.config);
  expect(recovery).toMatchObject({ kind: 'ended', result: { action: 'roll-back' } });
  expect(differences(readTree(home.files, HOME), readTree(files, HOME))).toEqual([]);
  expect(leftovers(files, STATE)).toEqual([]);
  expect(await startHome(files, HOME, home.config, home.policy)).toMatchObject({ kind: 'ended', exitCode: 0 });
});

function patcherOf(home: SmallHome, files: Files): Patcher {
  return new Patcher(HOME, home.config, { files, bulk: new SerialBulk(files), emit: () => undefined, now: () => 1 });
}

test('status and plan say what is wrong and what to run; verify does not call it good', async () => {
  const home = await upgrade();
  const { files } = await failRollback(home);
  const patcher = patcherOf(home, files);
  const status = await patcher.status();
  expect(['rollback-failed', 'interrupted']).toContain(status.state);
  expect(status.problems[0]?.hint).toContain('prepatch recover');
  expect((await patcher.plan()).operations).toBe(0);
  expect(await patcher.verify({ deep: false, repair: false, waitMs: 0 })).toMatchObject({ ok: false });
});

test('what failed is in the journal where the disk still took it', async () => {
  const home = await smallest();
  const files = home.files.clone();
  const facts = await learnFacts(home);
  const states = new Set<string>();
  for (const at of everyPoint(facts.points)) {
    const one = home.files.clone();
    const ended = await startHome(
      new FaultyFiles(one, { at, fault: 'EACCES', forGood: true, below: PLUGINS }),
      HOME,
      home.config,
      home.policy,
    );
    endProcess(one, `${STATE}/locks`);
    if (ended.kind === 'refused' && ended.exitCode === 4) states.add((await patcherOf(home, one).status()).state);
  }
  expect(files.stat(HOME)).toBeDefined();
  expect([...states].every((state) => state === 'rollback-failed')).toBe(true);
});

/** The home between two states, by a crash after its first plugin was put in place. */
async function interrupted(home: SmallHome): Promise<MemoryFiles> {
  const files = home.files.clone();
  const [, second] = await deployPoints(home);
  await startHome(
    new FaultyFiles(files, { at: second ?? 1, fault: 'crash', forGood: false }),
    HOME,
    home.config,
    home.policy,
  );
  endProcess(files, `${STATE}/locks`);
  return files;
}

test('content that is neither before nor after is set aside, said, and the home is as it was', async () => {
  const home = await upgrade();
  const files = await interrupted(home);
  const before = readTree(home.files, HOME);
  const [changed] = differences(before, readTree(files, HOME)).filter((line) => line.includes('plugins/'));
  const path = `${HOME}/${changed?.slice(0, changed.indexOf(':'))}`;
  expect(path).toContain('.jar');
  put(files, path, 'somebody else wrote this');
  const recovery = await recoverHome(files, HOME, home.config);
  expect(differences(before, readTree(files, HOME))).toEqual([]);
  const said = recovery.events.filter((event) => event.kind === 'problem' && event.code === 'HOME_CHANGED');
  expect(said).toHaveLength(1);
  const [transaction = ''] = files.list(`${STATE}/aside`);
  const [name = ''] = files.list(`${STATE}/aside/${transaction}`);
  expect(files.read(`${STATE}/aside/${transaction}/${name}`, 100).toString()).toBe('somebody else wrote this');
  expect(said[0]).toMatchObject({ message: expect.stringContaining(`aside/${transaction}/${name}`) as string });
});

test('a damaged or missing backup is never put in place', async () => {
  for (const damage of ['damaged', 'missing'] as const) {
    const home = await upgrade();
    const files = await interrupted(home);
    const [transaction = ''] = files.list(`${STATE}/work`);
    const work = `${STATE}/work/${transaction}`;
    for (const name of files.list(work).filter((one) => one.endsWith('.old'))) {
      // The path itself may still have the old content under its own name: what is replaced by a new file, not written over.
      files.unlink(`${work}/${name}`);
      if (damage === 'damaged') files.writeNew(`${work}/${name}`, 'no plugin');
    }
    const recovery = await recoverHome(files, HOME, home.config);
    expect(recovery).toMatchObject({ kind: 'refused', exitCode: 4 });
    if (recovery.kind === 'refused') {
      expect(recovery.error.code).toBe('ROLLBACK_FAILED');
      expect(recovery.error.message).toContain(damage);
    }
    for (const name of files.list(PLUGINS))
      expect(files.read(`${PLUGINS}/${name}`, 1000).toString()).not.toBe('no plugin');
  }
});

test('where the backup of an action is damaged, what somebody has put in place of its file stays there', async () => {
  const path = `${HOME}/conf/server.ini`;
  const { files, config, policy } = await smallest();
  put(files, path, '[s]\nport=0\n');
  const edits = [{ op: 'set', section: 's', key: 'port', value: '1' }];
  const actions = [{ kind: 'editIni', file: '/conf/server.ini', edits }];
  put(files, `${PATCHES}/patch0001.json`, JSON.stringify({ id: 'p', version: '1.0.0', actions }));
  const counting = new FaultyFiles(files.clone());
  await startHome(counting, HOME, config, policy);
  const at = counting.points.findIndex((point) => point.call === 'rename' && point.path === path) + 2;
  expect(at).toBeGreaterThan(1);
  await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, config, policy);
  endProcess(files, `${STATE}/locks`);
  expect(files.read(path, 100).toString()).toBe('[s]\nport=1\n');
  const [transaction = ''] = files.list(`${STATE}/work`);
  const work = `${STATE}/work/${transaction}`;
  const [backup = ''] = files.list(work).filter((name) => name.startsWith('action.') && name.endsWith('.old'));
  files.unlink(`${work}/${backup}`);
  files.writeNew(`${work}/${backup}`, 'damaged');
  files.unlink(path);
  put(files, path, 'by hand');
  expect(await recoverHome(files, HOME, config)).toMatchObject({ kind: 'refused', exitCode: 4 });
  expect(files.read(path, 100).toString()).toBe('by hand');
});

test('a folder that was swapped for a link in the middle of an apply is not written through', async () => {
  const home = await applyFull();
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const inner = counting.points.findIndex((point) => point.call === 'rename' && point.path.includes('e_1.0.0/'));
  const files = home.files.clone();
  const plan = { at: inner + 2, fault: 'crash', forGood: false } as const;
  await startHome(new FaultyFiles(files, plan), HOME, home.config, home.policy);
  endProcess(files, `${STATE}/locks`);
  files.makeDirectory('/elsewhere');
  put(files, '/elsewhere/plugin.xml', '<not-ours/>');
  files.rename(`${PLUGINS}/e_1.0.0`, `${PATCHES}/moved`);
  files.symlink('/elsewhere', `${PLUGINS}/e_1.0.0`);
  const recovery = await recoverHome(files, HOME, home.config);
  expect(recovery).toMatchObject({ kind: 'refused', exitCode: 4 });
  expect(files.list('/elsewhere')).toEqual(['plugin.xml']);
});

test('a rooted path of a journal never leaves its root', () => {
  expect(() => parseRooted('plugins:../../etc/passwd')).toThrow(PatchError);
});

test('what is changed after everything was undone, while cleaning up was interrupted, is left alone', async () => {
  const home = await upgrade();
  const crashed = await interrupted(home);
  const counting = new FaultyFiles(crashed.clone());
  await recoverHome(counting, HOME, home.config);
  const at = counting.points.findIndex((point) => point.call === 'unlink' && /prepatch.work./.test(point.path)) + 1;
  await recoverHome(new FaultyFiles(crashed, { at, fault: 'crash', forGood: false }), HOME, home.config);
  endProcess(crashed, `${STATE}/locks`);
  expect(differences(readTree(home.files, HOME), readTree(crashed, HOME))).toEqual([]);
  put(crashed, `${PLUGINS}/b_1.0.0.jar`, 'changed by the operator meanwhile');
  expect(await recoverHome(crashed, HOME, home.config)).toMatchObject({ result: { action: 'finish-rollback' } });
  expect(crashed.read(`${PLUGINS}/b_1.0.0.jar`, 100).toString()).toBe('changed by the operator meanwhile');
  expect(leftovers(crashed, STATE)).toEqual([]);
});

test('where one move makes room for another, nothing of it is taken for the work of somebody else', async () => {
  const home = await heldAgain();
  const { points } = await learnFacts(home);
  for (const at of everyPoint(points)) {
    const files = home.files.clone();
    await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, home.config, home.policy);
    endProcess(files, `${STATE}/locks`);
    const { kind, events } = await recoverHome(files, HOME, home.config);
    expect(kind, `crash at ${at}`).toBe('ended');
    const problems = events.filter((event) => event.kind === 'problem').map((event) => event.code);
    expect(problems, `crash at ${at}`).not.toContain('HOME_CHANGED');
  }
});

test('a transaction whose clean-up failed keeps its journal, whatever is begun after it in the same run', async () => {
  const home = await degradedCompanion();
  const { points } = await learnFacts(home);
  for (const fault of ['ENOSPC', 'EIO'] as const)
    for (const at of everyPoint(points)) {
      const files = home.files.clone();
      const faulty = new FaultyFiles(files, { at, fault, forGood: true });
      await startHome(faulty, HOME, home.config, home.policy);
      endProcess(files, `${STATE}/locks`);
      expect(await recoverHome(files, HOME, home.config), `${fault} from ${at} on`).toMatchObject({ kind: 'ended' });
      expect(leftovers(files, STATE), `${fault} from ${at} on`).toEqual([]);
    }
});
