// Codes of errors, each provoked for real: what the other tests of the engine do not come to on their way.
import { expect, test } from 'vitest';
import type { PatchError } from '../src/error.js';
import { errorOf } from './support/error-of.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome } from './support/engine-run.js';
import { FaultyFiles } from './support/faulty-files.js';
import { applyFull, HOME, PATCHES, PLUGINS, put, type SmallHome, smallest, STATE } from './support/small-homes.js';
import type { MemoryFiles } from './support/memory-files.js';

async function refusal(home: SmallHome, files: MemoryFiles): Promise<PatchError> {
  const untouched = readTree(files, HOME);
  const error = errorOf(await startHome(files, HOME, home.config, 'strict'));
  expect(differences(untouched, readTree(files, HOME))).toEqual([]);
  expect(leftovers(files, STATE)).toEqual([]);
  return error;
}

test('UNWRITABLE: the home cannot be locked by who runs this', async () => {
  const home = await smallest();
  const faulty = new FaultyFiles(home.files.clone(), { at: 1, fault: 'EACCES', forGood: true });
  const error = errorOf(await startHome(faulty, HOME, home.config, 'strict'));
  expect(error).toMatchObject({ code: 'UNWRITABLE', exitCode: 3 });
  expect(error.hint).toContain('right to write');
});

test('UNWRITABLE: a folder in which a name has to change, asked before anything is touched', async () => {
  const home = await applyFull();
  const counting = new FaultyFiles(home.files.clone(), { at: 0, fault: 'EACCES', forGood: false, reads: true });
  await startHome(counting, HOME, home.config, home.policy);
  const asked = counting.points.flatMap((point, index) => (point.call === 'checkWritable' ? [index + 1] : []));
  const folders = asked.map((at) => counting.points[at - 1]?.path);
  expect(folders).toEqual(expect.arrayContaining([PLUGINS, STATE]));
  for (const at of asked) {
    const files = home.files.clone();
    const faulty = new FaultyFiles(files, { at, fault: 'EACCES', forGood: false, reads: true });
    const error = errorOf(await startHome(faulty, HOME, home.config, 'strict'));
    expect(error).toMatchObject({ code: 'UNWRITABLE', exitCode: 3, path: counting.points[at - 1]?.path });
    expect(differences(readTree(home.files, HOME), readTree(files, HOME))).toEqual([]);
    expect(leftovers(files, STATE)).toEqual([]);
  }
});

test('OUTSIDE_HOME: a folder of the plugins that a pack goes through is a link', async () => {
  const home = await applyFull();
  home.files.makeDirectory('/elsewhere');
  home.files.symlink('/elsewhere', `${PLUGINS}/e_1.0.0`);
  const error = await refusal(home, home.files);
  expect(['OUTSIDE_HOME', 'CONFLICT']).toContain(error.code);
  expect(home.files.list('/elsewhere')).toEqual([]);
});

test('NAME_TOO_LONG: the whole path of a staged file is longer than the file system allows', async () => {
  const home = await smallest();
  const files = home.files.clone();
  const counting = new FaultyFiles(files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const at = counting.points.findIndex((point) => point.path.endsWith('.new')) + 1;
  const faulty = new FaultyFiles(files, { at, fault: 'ENAMETOOLONG', forGood: false });
  const error = errorOf(await startHome(faulty, HOME, home.config, 'strict'));
  expect(error).toMatchObject({ code: 'NAME_TOO_LONG', exitCode: 3 });
  expect(differences(readTree(home.files, HOME), readTree(files, HOME))).toEqual([]);
});

test('a name as long as file systems allow can be kept aside', async () => {
  const home = await smallest();
  const name = `${'ä'.repeat(125)}.txt`;
  put(home.files, `${PATCHES}/patch0001/${name}`, 'no bundle, but patched');
  const files = home.files.clone();
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  put(files, `${PLUGINS}/${name}`, 'changed by hand');
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(leftovers(files, STATE)).toEqual([]);
  const [transaction = ''] = files.list(`${STATE}/aside`);
  const [kept = ''] = files.list(`${STATE}/aside/${transaction}`);
  expect(files.read(`${STATE}/aside/${transaction}/${kept}`, 100).toString()).toBe('changed by hand');
});

test('JOURNAL_MISSING: the files of an interrupted transaction are there, its journal is not', async () => {
  const home = await smallest();
  const counting = new FaultyFiles(home.files.clone());
  await startHome(counting, HOME, home.config, home.policy);
  const at = counting.points.findIndex((point) => point.call === 'rename' && point.path.startsWith(PLUGINS)) + 2;
  const files = home.files.clone();
  await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, home.config, home.policy);
  endProcess(files, `${STATE}/locks`);
  files.unlink(`${STATE}/journal`);
  const untouched = readTree(files, HOME);
  expect(errorOf(await recoverHome(files, HOME, home.config))).toMatchObject({ code: 'JOURNAL_MISSING', exitCode: 4 });
  expect(differences(untouched, readTree(files, HOME))).toEqual([]);
});
