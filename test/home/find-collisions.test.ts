// Names that differ in case or Unicode form only: where the file system takes them for one, the pack that brings the second is
// refused by name before anything is touched; where it does not, they are two files like any others.
import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/config.js';
import { errorOf } from '../support/error-of.js';
import { differences, endProcess, leftovers, readTree, recoverHome, startHome } from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  configOf,
  emptyHome,
  HOME,
  jar,
  makeFolder,
  PATCHES,
  PLUGINS,
  put,
  putPatch,
  putPlugins,
  removeTree,
  STATE,
} from '../support/small-homes.js';

const config = configOf();

function makeHome(folds: boolean): MemoryFiles {
  const files = emptyHome({ folds });
  putPlugins(files, 'a', 'b');
  return files;
}

function start(files: MemoryFiles, policy: Policy = 'last-good') {
  return startHome(files, HOME, config, policy);
}

/** Says why a start is refused, when it has touched nothing. */
async function refusal(files: MemoryFiles): Promise<string> {
  const before = readTree(files, HOME);
  const error = errorOf(await startHome(files, HOME, config, 'strict'));
  expect(error).toMatchObject({ code: 'CONFLICT', exitCode: 3 });
  expect(differences(before, readTree(files, HOME))).toEqual([]);
  expect(leftovers(files, STATE)).toEqual([]);
  return error.message;
}

const NFC = '\u00e9.txt';
const NFD = 'e\u0301.txt';

describe.each([
  [
    'a plugin in another case',
    'A_1.0.0.jar',
    /patch0001 brings .*plugins\/A_1\.0\.0\.jar, and .*plugins\/a_1\.0\.0\.jar is there/,
  ],
  ['a plugin in another Unicode form', NFD, /patch0001 brings .* is there/],
  [
    'a folder in another case',
    'EXPLODED_1.0.0/x.txt',
    /plugins\/EXPLODED_1\.0\.0, and .*plugins\/exploded_1\.0\.0 is there/,
  ],
  [
    'a folder in another case, deeper',
    'exploded_1.0.0/LIB/x.txt',
    /exploded_1\.0\.0\/LIB, and .*exploded_1\.0\.0\/lib is there/,
  ],
])('%s', (_, target, says) => {
  function withPatch(folds: boolean): MemoryFiles {
    const files = makeHome(folds);
    put(files, `${PLUGINS}/${NFC}`, 'base');
    put(files, `${PLUGINS}/exploded_1.0.0/lib/x.txt`, 'base');
    putPatch(files, 'patch0001', { [target]: target.endsWith('.jar') ? jar('A', '1.0.0', 'one') : 'one' });
    return files;
  }

  test('is a conflict of the pack where it is one file with it', async () => {
    const files = withPatch(true);
    expect(await refusal(files)).toMatch(says);
    putPatch(files, 'patch0002', { 'b_1.0.0.jar': jar('b', '1.0.0', 'two') });
    expect(await start(files, 'degraded')).toMatchObject({
      kind: 'ended',
      result: { apply: ['patch0002'], quarantined: [{ name: 'patch0001' }] },
    });
  });

  test('is a file of its own where it is another one', async () => {
    const files = withPatch(false);
    const before = readTree(files, PLUGINS);
    expect(await start(files)).toMatchObject({ kind: 'ended', exitCode: 0, result: { apply: ['patch0001'] } });
    expect(files.stat(`${PLUGINS}/${target}`)?.kind).toBe('file');
    removeTree(files, `${PATCHES}/patch0001`);
    expect(await start(files)).toMatchObject({ kind: 'ended', exitCode: 0 });
    expect(differences(before, readTree(files, PLUGINS))).toEqual([]);
  });
});

describe('two packs, and nothing there yet', () => {
  function withTwo(folds: boolean, first: string, second: string): MemoryFiles {
    const files = makeHome(folds);
    putPatch(files, 'patch0001', { [first]: 'one', 'b_1.0.0.jar': jar('b', '1.0.0', 'one') });
    putPatch(files, 'patch0002', { [second]: 'two' });
    return files;
  }

  test.each([
    ['new.txt', 'NEW.txt'],
    ['new/a.txt', 'New/b.txt'],
    ['new/deep/a.txt', 'new/Deep/a.txt'],
    [NFC, NFD],
  ])('%s and %s: the later one is to blame, and degraded leaves it out', async (first, second) => {
    const files = withTwo(true, first, second);
    expect(await refusal(files)).toMatch(/^patch0002 brings .* is brought by patch0001: /);
    expect(await start(files, 'degraded')).toMatchObject({ kind: 'ended', result: { apply: ['patch0001'] } });
    expect(files.read(`${PLUGINS}/${first}`, 10).toString()).toBe('one');
  });

  test('where one is applied already, the new one is to blame, whatever its name', async () => {
    const files = withTwo(true, 'NEW.txt', 'new.txt');
    removeTree(files, `${PATCHES}/patch0001`);
    expect(await start(files)).toMatchObject({ exitCode: 0 });
    putPatch(files, 'patch0001', { 'NEW.txt': 'one' });
    expect(await refusal(files)).toMatch(/^patch0001 brings .*NEW\.txt, and .*new\.txt is there: /);
    // Out with the old one, and then in with the new one.
    removeTree(files, `${PATCHES}/patch0002`);
    expect(await refusal(files)).toMatch(/^patch0001 brings .*NEW\.txt, and .*new\.txt is there: /);
    removeTree(files, `${PATCHES}/patch0001`);
    expect(await start(files)).toMatchObject({ exitCode: 0 });
    putPatch(files, 'patch0001', { 'NEW.txt': 'one' });
    expect(await start(files)).toMatchObject({ exitCode: 0 });
  });

  test('on a file system that tells them apart they are two files', async () => {
    const files = withTwo(false, 'new.txt', 'NEW.txt');
    expect(await start(files)).toMatchObject({ exitCode: 0 });
    expect(files.read(`${PLUGINS}/new.txt`, 10).toString()).toBe('one');
    expect(files.read(`${PLUGINS}/NEW.txt`, 10).toString()).toBe('two');
  });
});

test('in one pack: refused by name', async () => {
  const files = makeHome(true);
  // As on the disk of whoever made it; here it can only be a folder that is mounted, or a zip's.
  const manifest = {
    id: 'p',
    version: '1.0.0',
    files: [
      { kind: 'create', path: '/conf/a.xml', source: 'one.xml' },
      { kind: 'create', path: '/conf/A.xml', source: 'one.xml' },
    ],
  };
  makeFolder(files, `${HOME}/conf`);
  putPatch(files, 'patch0001', { 'one.xml': 'one' });
  put(files, `${PATCHES}/patch0001.json`, JSON.stringify(manifest));
  expect(await refusal(files)).toMatch(/^patch0001 brings conf\/A\.xml, and conf\/a\.xml is brought by it too: /);
});

test('empty plugins: asked by their own name', async () => {
  const files = emptyHome({ folds: true });
  putPatch(files, 'patch0001', { 'new.txt': 'one' });
  putPatch(files, 'patch0002', { 'NEW.txt': 'two' });
  expect(await refusal(files)).toMatch(/^patch0002 brings /);
});

test('empty plugins that are a mount of their own cannot be asked: it is found out on the way, and undone', async () => {
  const files = emptyHome({ folds: true });
  files.mount(PLUGINS);
  putPatch(files, 'patch0001', { 'new.txt': 'one' });
  putPatch(files, 'patch0002', { 'NEW.txt': 'two' });
  const before = readTree(files, HOME);
  const error = errorOf(await startHome(files, HOME, config, 'strict'));
  expect(error.exitCode).toBe(1);
  expect(differences(before, readTree(files, HOME))).toEqual([]);
  expect(leftovers(files, STATE)).toEqual([]);
});

test('a home that takes names in any case for one is patched and reverted like any other, also after a crash', async () => {
  const files = makeHome(true);
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one'), 'Added.TXT': 'one' });
  const before = readTree(files, HOME);
  const counting = new FaultyFiles(files.clone());
  await startHome(counting, HOME, config, 'last-good');
  for (let at = 1; at <= counting.points.length; at += 3) {
    const copy = files.clone();
    await startHome(new FaultyFiles(copy, { at, fault: 'crash', forGood: false }), HOME, config, 'last-good');
    endProcess(copy, `${STATE}/locks`);
    expect((await recoverHome(copy, HOME, config)).kind).toBe('ended');
    expect(await start(copy)).toMatchObject({ kind: 'ended', exitCode: 0 });
    expect(await start(copy)).toMatchObject({ kind: 'ended', result: { outcome: 'nothing' } });
    removeTree(copy, `${PATCHES}/patch0001`);
    expect(await start(copy)).toMatchObject({ kind: 'ended', exitCode: 0 });
    putPatch(copy, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one'), 'Added.TXT': 'one' });
    removeTree(copy, `${HOME}/repository/components/default`);
    expect(differences(before, readTree(copy, HOME))).toEqual([]);
  }
});
