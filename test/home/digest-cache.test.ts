// What the cache of digests vouches for: a file that is the very one it was, changed before the cache was written; nothing else.
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DigestCache } from '../../src/home/digest-cache.js';
import type { Md5, Sha256 } from '../../src/home/entry.js';
import { Inventory } from '../../src/home/inventory.js';
import type { JarReading } from '../../src/home/jar.js';
import { SerialBulk } from '../../src/system/bulk.js';
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
  cache.record(PATH, OLD, { md5: MD5 }, 'made');
  expect(cache.save()).toBeUndefined();
  const loaded = DigestCache.load(files, folder);
  expect(loaded.damaged).toBe(false);
  expect(loaded.lookup(PATH, OLD)).toMatchObject({ md5: MD5 });
  expect(loaded.lookup(`${PATH}2`, OLD)).toBeUndefined();
});

test.each(['sizeBytes', 'mtimeMs', 'ctimeMs', 'inode'] as const)('a file with another %s is not known', (what) => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5 }, 'made');
  expect(cache.lookup(PATH, { ...OLD, [what]: OLD[what] + 1 })).toBeUndefined();
  expect(cache.lookup(PATH, { ...OLD, [what]: OLD[what] - 1 })).toBeUndefined();
});

test('a file that was changed when the cache was written, or later, is not believed: it may have been changed again at that time', () => {
  const cache = DigestCache.load(files, folder);
  const later = { ...OLD, ctimeMs: Date.now() + 60_000 };
  cache.record(PATH, later, { md5: MD5 }, 'made');
  expect(cache.save()).toBeUndefined();
  expect(DigestCache.load(files, folder).lookup(PATH, later)).toBeUndefined();
});

test('a file that was read in the very moment of its change is known to that run, and to no other: it may have been changed again since', () => {
  const cache = DigestCache.load(files, folder);
  cache.beginReading(0);
  const { device } = files.stat(folder)!;
  const now = { ...OLD, device, ctimeMs: files.fileSystemTime(folder) };
  cache.record(PATH, now, { md5: MD5 }, 'read');
  expect(cache.lookup(PATH, now)).toMatchObject({ md5: MD5 });
  cache.record(`${PATH}2`, OLD, { md5: MD5 }, 'read');
  expect(cache.save()).toBeUndefined();
  const loaded = DigestCache.load(files, folder);
  expect(loaded.lookup(PATH, now)).toBeUndefined();
  expect(loaded.lookup(`${PATH}2`, OLD)).toMatchObject({ md5: MD5 });
});

test('the clock of another file system is not asked: a file there has to be left alone for longer than any granule', () => {
  const cache = DigestCache.load(files, folder);
  const now = files.fileSystemTime(folder);
  const device = files.stat(folder)!.device + 1;
  cache.beginReading(0);
  cache.record(PATH, { ...OLD, device, ctimeMs: now - 2000 }, { md5: MD5 }, 'read');
  cache.record(`${PATH}2`, { ...OLD, device, ctimeMs: now - 4000 }, { md5: MD5 }, 'read');
  expect(cache.save()).toBeUndefined();
  const loaded = DigestCache.load(files, folder);
  expect(loaded.lookup(PATH, { ...OLD, device, ctimeMs: now - 2000 })).toBeUndefined();
  expect(loaded.lookup(`${PATH}2`, { ...OLD, device, ctimeMs: now - 4000 })).toMatchObject({ md5: MD5 });
});

test('a file that is written again as soon as it was read is never taken for what it was', async () => {
  const path = join(folder, 'a.txt');
  const learned = async (cache: DigestCache) => {
    const stat = files.stat(path)!;
    const inventory = new Inventory(files, new SerialBulk(files), cache);
    await inventory.learn([{ path, stat, withSha256: false, asJar: false }], false);
  };
  for (let n = 0; n < 50; n++) {
    writeFileSync(path, 'once');
    const cache = DigestCache.load(files, join(folder, 'cache'));
    await learned(cache);
    writeFileSync(path, 'more');
    expect(cache.save()).toBeUndefined();
    expect(DigestCache.load(files, join(folder, 'cache')).lookup(path, files.stat(path)!)).toBeUndefined();
  }
});

test('what was read before the clock was asked is known to that run alone', () => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5 }, 'read');
  expect(cache.lookup(PATH, OLD)).toMatchObject({ md5: MD5 });
  expect(cache.save()).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

describe('what a later run learns', () => {
  const OTHER = 'f'.repeat(32) as Md5;
  const SHA256 = 'e'.repeat(64) as Sha256;
  const linesOf = () => readFileSync(join(folder, 'inventory.json'), 'utf8').split('\n').slice(0, -1);
  const learn = (path: string, stat: FileStat, md5: Md5) => {
    const cache = DigestCache.load(files, folder);
    cache.record(path, stat, { md5 }, 'made');
    expect(cache.save()).toBeUndefined();
  };

  test('is a line more, and counts before what the lines before it say', () => {
    learn(PATH, OLD, MD5);
    learn(`${PATH}2`, OLD, MD5);
    const [before] = linesOf();
    learn(PATH, { ...OLD, inode: 9 }, OTHER);
    expect(linesOf().length).toBe(3);
    expect(linesOf()[0]).toBe(before);
    const loaded = DigestCache.load(files, folder);
    expect(loaded.damaged).toBe(false);
    expect(loaded.lookup(PATH, { ...OLD, inode: 9 })).toMatchObject({ md5: OTHER });
    expect(loaded.lookup(PATH, OLD)).toBeUndefined();
    expect(loaded.lookup(`${PATH}2`, OLD)).toMatchObject({ md5: MD5 });
  });

  test('is nothing where it has read what is known: no line is added, and what was not asked for is known still', () => {
    const first = DigestCache.load(files, folder);
    first.record(PATH, OLD, { md5: MD5, jar: JAR }, 'made');
    expect(first.save()).toBeUndefined();
    const before = readFileSync(join(folder, 'inventory.json'), 'utf8');
    const again = DigestCache.load(files, folder);
    again.record(PATH, OLD, { md5: MD5 }, 'made');
    expect(again.lookup(PATH, OLD)).toMatchObject({ md5: MD5, jar: JAR });
    expect(again.save()).toBeUndefined();
    expect(readFileSync(join(folder, 'inventory.json'), 'utf8')).toBe(before);
    again.record(PATH, OLD, { md5: MD5, sha256: SHA256 }, 'made');
    expect(again.save()).toBeUndefined();
    const odd = DigestCache.load(files, folder);
    odd.record(PATH, OLD, { md5: OTHER }, 'made');
    odd.record(PATH, OLD, { md5: MD5 }, 'made');
    expect(odd.save()).toBeUndefined();
    const loaded = DigestCache.load(files, folder);
    expect(loaded.lookup(PATH, OLD)).toMatchObject({ md5: MD5, sha256: SHA256, jar: JAR });
    loaded.record(PATH, OLD, { md5: OTHER }, 'made');
    expect(loaded.lookup(PATH, OLD)).not.toHaveProperty('jar');
    expect(loaded.lookup(PATH, OLD)).toMatchObject({ md5: OTHER });
  });

  test('is written with all the rest after some lines, but for what is not there any more', () => {
    const there = join(folder, 'there.jar');
    writeFileSync(there, 'a JAR');
    const stat = { ...OLD, ...files.stat(there) };
    learn(there, stat, MD5);
    learn(PATH, OLD, MD5);
    for (let n = 3; n <= 17; n++) learn(`${PATH}${n}`, OLD, MD5);
    const [line, ...others] = linesOf();
    expect(others).toEqual([]);
    expect(line).toContain(there);
    expect(line).toContain(`${PATH}17`);
    expect(line).not.toContain(`${PATH}3`);
    expect(DigestCache.load(files, folder).lookup(there, stat)).toMatchObject({ md5: MD5 });
  });

  test('is written with all the rest where there is much of it', () => {
    learn(PATH, OLD, MD5);
    const cache = DigestCache.load(files, folder);
    for (let n = 0; n < 1000; n++) cache.record(`/home/plugins/${n}.jar`, OLD, { md5: MD5 }, 'made');
    expect(cache.save()).toBeUndefined();
    expect(linesOf().length).toBe(1);
  });

  test('is lost where its line is torn, with nothing else, and the next run writes the file whole', () => {
    learn(PATH, OLD, MD5);
    learn(`${PATH}2`, OLD, MD5);
    const path = join(folder, 'inventory.json');
    truncateSync(path, statSync(path).size - 10);
    const cache = DigestCache.load(files, folder);
    expect(cache.damaged).toBe(true);
    expect(cache.lookup(PATH, OLD)).toMatchObject({ md5: MD5 });
    expect(cache.lookup(`${PATH}2`, OLD)).toBeUndefined();
    expect(cache.save()).toBeUndefined();
    expect(DigestCache.load(files, folder).damaged).toBe(false);
    learn(`${PATH}3`, OLD, MD5);
    expect(DigestCache.load(files, folder).lookup(`${PATH}3`, OLD)).toMatchObject({ md5: MD5 });
  });

  test('is not written through a link that somebody has put in the place of the file', () => {
    const elsewhere = join(folder, 'elsewhere');
    const cache = DigestCache.load(files, folder);
    cache.record(PATH, OLD, { md5: MD5 }, 'made');
    expect(cache.save()).toBeUndefined();
    renameSync(join(folder, 'inventory.json'), elsewhere);
    symlinkSync(elsewhere, join(folder, 'inventory.json'));
    const before = readFileSync(elsewhere, 'utf8');
    cache.record(`${PATH}2`, OLD, { md5: MD5 }, 'made');
    expect(cache.save()).toBeInstanceOf(Error);
    expect(readFileSync(elsewhere, 'utf8')).toBe(before);
  });
});

test('what a JAR says of itself is known by its bytes alone', () => {
  const cache = DigestCache.load(files, folder);
  cache.record(PATH, OLD, { md5: MD5, jar: JAR }, 'made');
  expect(cache.jarOf(PATH, { md5: MD5, sizeBytes: 7 })).toBe(JAR);
  expect(cache.jarOf(PATH, { md5: MD5, sizeBytes: 8 })).toBeUndefined();
  expect(cache.jarOf(PATH, { md5: MD5.replace('0', 'f') as Md5, sizeBytes: 7 })).toBeUndefined();
  expect(cache.jarOf(`${PATH}2`, { md5: MD5, sizeBytes: 7 })).toBeUndefined();
});
