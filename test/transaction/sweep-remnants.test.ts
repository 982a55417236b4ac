// What killed runs leave beside transactions is gone after the next recovery, and after the next start that changes something; what
// only looks like it, and what somebody alive may need, stays.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { writePage } from '../../src/daemon/status-page-file.js';
import { beginPage } from '../../src/report/page-model.js';
import { isRunning } from '../../src/system/is-main-program.js';
import { ownIdentity } from '../../src/system/process-identity.js';
import { endProcess, leftovers, recoverHome, startHome } from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { HOME, makeFolder, put, smallest, type SmallHome, STATE } from '../support/small-homes.js';

/** Beyond the largest id that a process can have. */
const DEAD = 4_194_305;
const COMPONENTS = `${HOME}/repository/components`;
const DIGEST = 'ab'.repeat(32);

const REMNANTS = [
  `${COMPONENTS}/.now-${DEAD}-01ab`,
  `${STATE}/.now-${DEAD}-01ab`,
  `${STATE}/.now-${process.pid}-01ab`,
  `${STATE}/locks/.now-${DEAD}-01ab`,
  `${STATE}/cache/.now-${DEAD}-01ab`,
  `${STATE}/cache/inventory.json.${DEAD}.new`,
  `${STATE}/cache/inventory.json.${process.pid}.new`,
  `${STATE}/guard/.now-${DEAD}-01ab`,
  `${STATE}/guard/new.${DEAD}/plugins`,
  `${STATE}/cache/zips/${DIGEST}.${DEAD}.new/content/a/b.txt`,
  `${STATE}/cache/zips/${DIGEST}.${process.pid}.new/content/a/b.txt`,
  `${HOME}/repository/logs/patch-status.html.${DEAD}.new`,
  `${HOME}/repository/logs/patch-status.html.${process.pid}.new`,
  `${STATE}/cache/deltas/${'1'.repeat(32)}-${'2'.repeat(32)}-${'0'.repeat(32)}.${DEAD}.new`,
];

const OTHERS = [
  `${HOME}/repository/logs/patch-status.html`,
  `${HOME}/repository/logs/patch-status.html.new`,
  `${HOME}/repository/logs/patch-status.html.1.new`,
  `${COMPONENTS}/.now-a-1`,
  `${COMPONENTS}/now-${DEAD}-01ab`,
  `${COMPONENTS}/inventory.json.${DEAD}.new`,
  `${STATE}/guard/new.folder/plugins`,
  `${STATE}/guard/new.1/plugins`,
  `${STATE}/cache/notes.new`,
  `${STATE}/cache/.now-1-01ab`,
  `${STATE}/cache/.now-${DEAD}-01ab.txt`,
];

async function makeHome(): Promise<SmallHome> {
  const home = await smallest();
  for (const path of [...REMNANTS, ...OTHERS]) put(home.files, path, 'left');
  put(home.files, '/outside/kept.txt', 'kept');
  home.files.symlink('/outside', `${STATE}/cache/zips/${DIGEST}.${DEAD}.new/content/link`);
  return home;
}

function stillThere(files: MemoryFiles, paths: readonly string[]): string[] {
  return paths.filter((path) => files.stat(path) !== undefined);
}

test.each([
  ['a start that changes something', (home: SmallHome) => startHome(home.files, HOME, home.config, home.policy)],
  ['a recovery, though there is nothing to recover', (home: SmallHome) => recoverHome(home.files, HOME, home.config)],
])('%s sweeps it', async (_, run) => {
  const home = await makeHome();
  expect(await run(home)).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(stillThere(home.files, REMNANTS)).toEqual([]);
  expect(stillThere(home.files, [`${STATE}/guard/new.${DEAD}`, `${STATE}/cache/zips/${DIGEST}.${DEAD}.new`])).toEqual(
    [],
  );
  expect(stillThere(home.files, OTHERS)).toEqual(OTHERS);
  expect(home.files.list('/outside')).toEqual(['kept.txt']);
});

test('a start that only completes what was interrupted sweeps it', async () => {
  const home = await smallest();
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const at = counting.points.findIndex((point) => point.call === 'unlink' && point.path === `${STATE}/journal`) + 1;
  const faulty = new FaultyFiles(home.files, { at, fault: 'crash', forGood: false });
  expect(await startHome(faulty, HOME, home.config, home.policy)).toMatchObject({ kind: 'crashed' });
  endProcess(home.files, `${STATE}/locks`);
  for (const path of REMNANTS) put(home.files, path, 'left');
  const next = await startHome(home.files, HOME, home.config, home.policy);
  expect(next).toMatchObject({ kind: 'ended', result: { outcome: 'nothing' } });
  expect(stillThere(home.files, REMNANTS)).toEqual([]);
});

test('a page that a killed run had written in part is swept, whoever writes none any more', async () => {
  const home = await smallest();
  const path = `${HOME}/repository/logs/patch-status.html`;
  makeFolder(home.files, `${HOME}/repository/logs`);
  const page = beginPage(HOME, 0);
  const faulty = new FaultyFiles(home.files, { at: 2, fault: 'crash', forGood: false });
  expect(() => writePage(faulty, path, page)).toThrow('simulated crash');
  expect(home.files.list(`${HOME}/repository/logs`)).toHaveLength(1);
  expect(await startHome(home.files, HOME, home.config, home.policy)).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(home.files.list(`${HOME}/repository/logs`)).toEqual([]);
});

test('a folder of ours that is a link is not looked into', async () => {
  const home = await smallest();
  put(home.files, `/outside/.now-${DEAD}-01ab`, 'kept');
  makeFolder(home.files, STATE);
  home.files.symlink('/outside', `${STATE}/guard`);
  expect(await recoverHome(home.files, HOME, home.config)).toMatchObject({ kind: 'ended' });
  expect(await startHome(home.files, HOME, home.config, home.policy)).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(home.files.list('/outside')).toEqual([`.now-${DEAD}-01ab`]);
});

test('names of the dead go with a recovery that has nothing else to do', async () => {
  const home = await smallest();
  await startHome(home.files, HOME, home.config, home.policy);
  const { pid, started, boot, namespace, host } = ownIdentity();
  for (const state of ['try', 'held'])
    put(home.files, `${STATE}/locks/${state}.${pid}.${started}.${boot}.${namespace}.${'0'.repeat(16)}.${host}`, '');
  endProcess(home.files, `${STATE}/locks`);
  expect(leftovers(home.files, STATE)).toHaveLength(2);
  expect(await recoverHome(home.files, HOME, home.config)).toMatchObject({ result: { action: 'nothing' } });
  expect(leftovers(home.files, STATE)).toEqual([]);
});

test('while another run has the home, nothing is swept, and a recovery with nothing to do does not mind', async () => {
  const home = await makeHome();
  const { pid, started, boot, namespace, host } = ownIdentity();
  put(home.files, `${STATE}/locks/held.${pid}.${started}.${boot}.${namespace}.${'0'.repeat(16)}.${host}`, '');
  expect(await recoverHome(home.files, HOME, home.config)).toMatchObject({
    kind: 'ended',
    result: { action: 'nothing' },
  });
  expect(stillThere(home.files, REMNANTS)).toEqual(REMNANTS);
});

test('a process that has ended and was not collected by its parent is not running', async () => {
  // The shell ends its child, and does not wait for it before it is something else.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(said.toString());
    while (/^State:\s+[^Z]/m.test(readFileSync(`/proc/${child}/status`, 'utf8'))) await sleep(5);
    expect(isRunning(child)).toBe(false);
    expect(isRunning(parent.pid ?? 0)).toBe(true);
  } finally {
    parent.kill();
  }
});
