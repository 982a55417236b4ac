// Payloads staged ahead: a start moves them in and copies nothing; anything that is not proven to be what was flushed and read is
// left alone and copied as ever; no plugin shares an inode with what is ahead.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import type { Files } from '../../src/system/files.js';
import type { AheadReport } from '../../src/transaction/ahead.js';
import { makeLayout } from '../../src/home/layout.js';
import { differences, readTree, startHome } from '../support/engine-run.js';
import { MemoryFiles } from '../support/memory-files.js';
import { configOf, HOME, jar, makeFolder, mounted, PATCHES, PLUGINS, put, STATE } from '../support/small-homes.js';

const AHEAD = join(STATE, 'ahead');

async function stage(files: Files, mayGoOn = () => true): Promise<AheadReport | null> {
  const doors = { files, bulk: new SerialBulk(files), emit: () => undefined, now: () => 1_800_000_000_000 };
  return (await new Patcher(HOME, configOf(), doors).stageAhead(mayGoOn)).ahead;
}

/** Two plugins that two patches replace, one that is added. */
function newHome(): MemoryFiles {
  const files = new MemoryFiles();
  for (const folder of [PLUGINS, PATCHES]) makeFolder(files, folder);
  for (const name of ['a', 'b']) put(files, `${PLUGINS}/${name}_1.0.0.jar`, jar(name, '1.0.0', 'original'));
  put(files, `${PATCHES}/patch0001/a_1.0.0.jar`, jar('a', '1.0.0', 'one'));
  put(files, `${PATCHES}/patch0001/c_1.0.0.jar`, jar('c', '1.0.0', 'added'));
  put(files, `${PATCHES}/patch0002/b_1.0.0.jar`, jar('b', '1.0.0', 'two'));
  return files;
}

const copies = (files: Files) => files.list(AHEAD).filter((name) => /^[0-9a-f]{32}$/.test(name));

function aheadOf(files: Files, plugin: string): string {
  const patch = ['patch0001', 'patch0002'].find((one) => files.stat(`${PATCHES}/${one}/${plugin}`) !== undefined);
  return join(AHEAD, files.digest(`${PATCHES}/${patch}/${plugin}`, false).md5);
}

async function apply(files: Files): Promise<void> {
  const ended = await startHome(files, HOME, configOf(), 'strict');
  expect(ended.kind === 'refused' ? ended.error.message : ended.kind).toBe('ended');
  for (const [plugin, patch] of [
    ['a_1.0.0.jar', 'patch0001'],
    ['b_1.0.0.jar', 'patch0002'],
    ['c_1.0.0.jar', 'patch0001'],
  ]) {
    const want = files.digest(`${PATCHES}/${patch}/${plugin}`, false).md5;
    expect(files.digest(`${PLUGINS}/${plugin}`, false).md5, plugin).toBe(want);
    expect(files.stat(`${PLUGINS}/${plugin}`)?.links, plugin).toBe(1);
  }
}

test('the folder is where the documents say', () => {
  expect(makeLayout(HOME, 'carbon-4.2').ahead).toBe(AHEAD);
});

test('a start moves in what is staged ahead, and sweeps the folder', async () => {
  const files = newHome();
  const plain = newHome();
  expect(await stage(files)).toMatchObject({ readyItems: 3, totalItems: 3, copiedItems: 3, left: null });
  const inodes = ['a_1.0.0.jar', 'b_1.0.0.jar', 'c_1.0.0.jar'].map((name) => files.stat(aheadOf(files, name))?.inode);
  await apply(files);
  expect(['a_1.0.0.jar', 'b_1.0.0.jar', 'c_1.0.0.jar'].map((name) => files.stat(`${PLUGINS}/${name}`)?.inode)).toEqual(
    inodes,
  );
  expect(files.stat(AHEAD)).toBeUndefined();
  await apply(plain);
  expect(differences(readTree(plain, HOME), readTree(files, HOME))).toEqual([]);
});

test('a second pass copies nothing again; what no start wants any more is swept', async () => {
  const files = newHome();
  await stage(files);
  expect(await stage(files)).toMatchObject({ readyItems: 3, copiedItems: 0 });
  const gone = aheadOf(files, 'b_1.0.0.jar');
  files.unlink(`${PATCHES}/patch0002/b_1.0.0.jar`);
  files.removeDirectory(`${PATCHES}/patch0002`);
  expect(await stage(files)).toMatchObject({ readyItems: 2, totalItems: 2, copiedItems: 0 });
  expect(files.stat(gone)).toBeUndefined();
});

const DISTURBANCES: readonly (readonly [string, (files: MemoryFiles, path: string) => void])[] = [
  ['was written to', (files, path) => files.scribble(path, files.read(path, 1e6).fill(0x58, 10, 20))],
  ['was replaced', (files, path) => put(files, path, files.read(path, 1e6).fill(0x58, 10, 20))],
  ['has a second name', (files, path) => files.link(path, `${STATE}/second`)],
  ['has another mode', (files, path) => files.setMode(path, 0o600)],
  ['is gone', (files, path) => files.unlink(path)],
  ['has lost its record', (files) => files.unlink(join(AHEAD, 'inventory.json'))],
  ['has a damaged record', (files) => put(files, join(AHEAD, 'inventory.json'), '{"stampMs":1e99}')],
];

test.each(DISTURBANCES)('a copy that %s is not used, and the start is right all the same', async (_, disturb) => {
  const files = newHome();
  await stage(files);
  const path = aheadOf(files, 'a_1.0.0.jar');
  disturb(files, path);
  const inode = files.stat(path)?.inode;
  await apply(files);
  expect(files.stat(`${PLUGINS}/a_1.0.0.jar`)?.inode).not.toBe(inode ?? -1);
});

test('the whole folder may be deleted between any two steps of a start', async () => {
  const names = ['a_1.0.0.jar', 'b_1.0.0.jar', 'c_1.0.0.jar'];
  let calls = 0;
  for (let at = 1; at === 1 || at <= calls; at++) {
    const inner = newHome();
    await stage(inner);
    calls = 0;
    const files = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const touches = args.some((arg) => typeof arg === 'string' && arg.startsWith(AHEAD));
          if (touches && ++calls === at && target.stat(AHEAD) !== undefined) {
            for (const name of target.list(AHEAD)) target.unlink(join(AHEAD, name));
            target.removeDirectory(AHEAD);
          }
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    await apply(files);
    for (const name of names) expect(inner.stat(`${PLUGINS}/${name}`)?.kind).toBe('file');
  }
  expect(calls).toBeGreaterThan(5);
});

test('the content of a pack that has changed since is not taken from what was staged', async () => {
  const files = newHome();
  await stage(files);
  put(files, `${PATCHES}/patch0001/a_1.0.0.jar`, jar('a', '1.0.0', 'another'));
  await apply(files);
});

test('two paths with one content: one is moved, the other copied', async () => {
  const files = newHome();
  const bytes = Buffer.from('no JAR');
  for (const name of ['one.txt', 'two.txt']) put(files, `${PATCHES}/patch0001/${name}`, bytes);
  expect(await stage(files)).toMatchObject({ readyItems: 4, totalItems: 4 });
  await apply(files);
  expect(files.stat(`${PLUGINS}/one.txt`)?.inode).not.toBe(files.stat(`${PLUGINS}/two.txt`)?.inode);
});

test('it stops where a start begins', async () => {
  const files = newHome();
  expect(await stage(files, () => false)).toMatchObject({ copiedItems: 0, left: 'interrupted' });
  expect(copies(files)).toEqual([]);
});

test('it leaves the disk alone where little is free', async () => {
  const inner = newHome();
  const files = new Proxy(inner, {
    get(target, key) {
      if (key === 'freeBytes') return () => 100 * 1024 * 1024;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  expect(await stage(files)).toMatchObject({ copiedItems: 0, left: 'no-space' });
  await apply(files);
});

test('nothing is staged where plugins are a mount of their own', async () => {
  const { files } = await mounted();
  expect(await stage(files)).toMatchObject({ readyItems: 0, left: 'other-file-system' });
  expect(files.stat(AHEAD)).toBeUndefined();
});

test('what a killed watch was copying is swept', async () => {
  const files = newHome();
  makeFolder(files, AHEAD);
  put(files, join(AHEAD, 'new.2147483646.0123456789abcdef'), 'half');
  await stage(files);
  expect(files.list(AHEAD).filter((name) => name.startsWith('new.'))).toEqual([]);
});
