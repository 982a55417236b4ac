// What the cache of digests vouches for: a file that is the very one it was, changed before the cache was written; nothing else.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DigestCache } from '../../src/home/digest-cache.js';
import type { Md5 } from '../../src/home/entry.js';
import type { JarReading } from '../../src/home/jar.js';
import type { FileStat } from '../../src/system/files.js';
import { RealFiles } from '../../src/system/real-files.js';

const PATH = '/home/plugins/a_1.0.0.jar';
const OLD: FileStat = {
  kind: 'file',
  sizeBytes: 7,
  mtimeMs: 1_000,
  ctimeMs: 2_000,
  inode: 3,
  device: 4,
  mode: 0o644,
  links: 1,
};
const MD5 = '0123456789abcdef0123456789abcdef' as Md5;
const JAR = { kind: 'jar' } as unknown as JarReading;
const files = new RealFiles();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a file is known by path, size, both times and inode, also by the next run', () => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5 });
  expect(cache.save()).toBeUndefined();
  const loaded = DigestCache.load(files, folder);
  expect(loaded.damaged).toBe(false);
  expect(loaded.lookup(PATH, OLD)).toMatchObject({ md5: MD5 });
  expect(loaded.lookup(`${PATH}2`, OLD)).toBeUndefined();
});

test.each(['sizeBytes', 'mtimeMs', 'ctimeMs', 'inode'] as const)('a file with another %s is not known', (what) => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5 });
  expect(cache.lookup(PATH, { ...OLD, [what]: OLD[what] + 1 })).toBeUndefined();
  expect(cache.lookup(PATH, { ...OLD, [what]: OLD[what] - 1 })).toBeUndefined();
});

test('a file that was changed when the cache was written, or later, is not believed: it may have been changed again at that time', () => {
  const cache = DigestCache.load(files, folder);
  const later = { ...OLD, ctimeMs: Date.now() + 60_000 };
  cache.record(PATH, later, { md5: MD5 });
  expect(cache.save()).toBeUndefined();
  expect(DigestCache.load(files, folder).lookup(PATH, later)).toBeUndefined();
});

test('what a JAR says of itself is known by its bytes alone', () => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5, jar: JAR });
  expect(cache.jarOf(PATH, { md5: MD5, sizeBytes: 7 })).toBe(JAR);
  expect(cache.jarOf(PATH, { md5: MD5, sizeBytes: 8 })).toBeUndefined();
  expect(cache.jarOf(PATH, { md5: MD5.replace('0', 'f') as Md5, sizeBytes: 7 })).toBeUndefined();
  expect(cache.jarOf(`${PATH}2`, { md5: MD5, sizeBytes: 7 })).toBeUndefined();
});
