// What the history tells of a transaction: by whom, how much, how long each step took; of one that recovery ended, what is known;
// and that records of an older version, which know less, are read and continued.
import { expect, test } from 'vitest';
import { makeLayout } from '../../src/home/layout.js';
import { plainStyle } from '../../src/report/style.js';
import { renderHistory } from '../../src/report/history-text.js';
import { appendHistory, type HistoryRecord, readHistory, recentHistory } from '../../src/state/history.js';
import { digestText } from '../../src/system/digest-text.js';
import type { Files } from '../../src/system/files.js';
import { endProcess, recoverHome, startHome } from '../support/engine-run.js';
import { FaultyFiles, type Point } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  applyFull,
  HOME,
  PATCHES,
  PLUGINS,
  removeTree,
  type SmallHome,
  smallest,
  STATE,
} from '../support/small-homes.js';

const layout = makeLayout(HOME, 'carbon-4.2');
const PATH = `${STATE}/history/transactions.jsonl`;

function onlyRecord(files: Files): HistoryRecord {
  const { records, brokenAt } = readHistory(files, layout);
  expect(brokenAt).toBeUndefined();
  expect(records).toHaveLength(1);
  return records[0]!;
}

/** The home after a start that ends at a point which is found in a healthy run. */
async function interruptedAt(home: SmallHome, find: (points: readonly Point[]) => number): Promise<MemoryFiles> {
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const at = find(counting.points) + 1;
  expect(at).toBeGreaterThan(0);
  const files = home.files.clone();
  const crashing = new FaultyFiles(files, { at, fault: 'crash', forGood: false });
  expect(await startHome(crashing, HOME, home.config, home.policy)).toMatchObject({ kind: 'crashed' });
  endProcess(files, `${STATE}/locks`);
  return files;
}

const isDeployment = (point: Point) => point.call === 'rename' && point.path.startsWith(PLUGINS);

test('every step but clean-up, the files, the bytes, and who it was', async () => {
  const { files, config, policy } = await applyFull();
  await startHome(files, HOME, config, policy);
  const record = onlyRecord(files);
  expect(Object.keys(record.stepsMs ?? {})).toEqual(['look', 'check', 'stage', 'deploy', 'verify', 'commit']);
  for (const ms of Object.values(record.stepsMs ?? {})) expect(Number.isInteger(ms) && ms >= 0).toBe(true);
  const written = record.summary.paths.length;
  expect(record.summary).toMatchObject({ actions: 0 });
  expect(record.summary.changedFiles).toBe(written);
  const sizes = record.summary.paths.map(({ path }) => files.stat(`${HOME}/${path}`)?.sizeBytes ?? 0);
  expect(record.summary.stagedBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  expect({ user: record.user, host: record.host }).toEqual(files.identity());
});

test('of one that was undone in its run, the steps up to that, and the undoing', async () => {
  const home = await smallest();
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const at = counting.points.findIndex(isDeployment) + 1;
  const faulty = new FaultyFiles(home.files, { at, fault: 'EIO', forGood: false });
  await startHome(faulty, HOME, home.config, home.policy);
  const record = onlyRecord(home.files);
  expect(record.outcome).toBe('rolled-back');
  expect(Object.keys(record.stepsMs ?? {})).toEqual(['look', 'check', 'stage', 'deploy', 'rollback']);
  expect(record.summary.stagedBytes).toBeGreaterThan(0);
});

test('of one that was interrupted and undone, how much it was', async () => {
  const home = await smallest();
  const files = await interruptedAt(home, (points) => points.findIndex(isDeployment));
  expect(await recoverHome(files, HOME, home.config)).toMatchObject({ result: { action: 'roll-back' } });
  const record = onlyRecord(files);
  expect(record.outcome).toBe('rolled-back');
  expect(record.stepsMs).toBeUndefined();
  expect(record.summary.changedFiles).toBe(1);
});

test('of one that was committed and completed later, the steps before the commit', async () => {
  const home = await smallest();
  const files = await interruptedAt(home, (points) => points.findIndex((point) => point.path === PATH));
  expect(await recoverHome(files, HOME, home.config)).toMatchObject({ result: { action: 'complete' } });
  const record = onlyRecord(files);
  expect(record.outcome).toBe('committed');
  expect(Object.keys(record.stepsMs ?? {})).toEqual(['look', 'check', 'stage', 'deploy', 'verify']);
  expect(record.summary.changedFiles).toBe(1);
});

test('records of an older version are read, shown and continued', async () => {
  const { files, config, policy } = await smallest();
  await startHome(files, HOME, config, policy);
  const { stepsMs: _, summary, ...rest } = onlyRecord(files);
  const { apply, revert, update, paths } = summary;
  const old = JSON.stringify({ ...rest, summary: { apply, revert, update, paths } });
  files.scribble(PATH, Buffer.from(`${old}\n`));
  removeTree(files, `${PATCHES}/patch0001`);
  await startHome(files, HOME, config, policy);
  const history = readHistory(files, layout);
  expect(history.brokenAt).toBeUndefined();
  expect(history.records[1]).toMatchObject({
    number: 2,
    previous: digestText(old),
    summary: { revert: ['patch0001'] },
  });
  const [first, second] = history.records.map((record) =>
    renderHistory({ records: [record], brokenAt: undefined }, true, plainStyle),
  );
  expect(first).not.toMatch(/steps:|copied/);
  expect(second).toMatch(/\n {2}steps: look \d+ ms, check \d+ ms, .*commit \d+ ms\n {2}1 file changed, \d.* copied\n/);
});

test('numbers go on after a line that was cut off, and the last records are found without reading all', async () => {
  const { files } = await applyFull();
  files.makeDirectory(STATE);
  const summary = { apply: [], revert: [], update: [], paths: [{ action: 'add', path: 'x'.repeat(3_000_000) }] };
  const add = (transaction: string) =>
    appendHistory(files, layout, { transaction, outcome: 'committed', reason: 'test', startedMs: 1, summary });
  for (const transaction of ['t1', 't2', 't3', 't4']) add(transaction);
  const text = files.read(PATH, 1e9);
  files.unlink(PATH);
  files.writeNew(PATH, text.subarray(0, -20));
  add('t5');
  const { records, brokenAt } = readHistory(files, layout);
  expect(brokenAt).toBeUndefined();
  expect(records.map(({ transaction, number }) => [transaction, number])).toEqual([
    ['t1', 1],
    ['t2', 2],
    ['t3', 3],
    ['t5', 4],
  ]);
  expect(recentHistory(files, layout).map(({ transaction }) => transaction)).toEqual(['t5']);
});
