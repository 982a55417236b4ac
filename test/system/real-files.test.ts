// The real file system: what it promises to flush is flushed before the call returns, creations are exclusive, links are not
// followed. Flushes are seen by watching Node's own calls; that they do what they say is the kernel's business.
import fs, {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RealFiles } from '../../src/system/real-files.js';

let folder = '';
const flushed: string[] = [];
const original = { fsyncSync: fs.fsyncSync, fdatasyncSync: fs.fdatasyncSync };

beforeAll(() => {
  for (const name of ['fsyncSync', 'fdatasyncSync'] as const) {
    fs[name] = (descriptor: number) => {
      flushed.push(readlinkSync(`/proc/self/fd/${descriptor}`));
      original[name](descriptor);
    };
  }
  syncBuiltinESMExports();
});

afterAll(() => {
  Object.assign(fs, original);
  syncBuiltinESMExports();
});

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prepatch-real-')));
  flushed.length = 0;
  return () => rmSync(folder, { recursive: true, force: true });
});

const files = new RealFiles();

test.runIf(process.platform === 'linux')('every call that says so flushes what it wrote', () => {
  const path = join(folder, 'a');
  files.writeNew(path, 'x');
  expect(flushed.splice(0)).toEqual([path]);
  files.append(path, 'y');
  expect(flushed.splice(0)).toEqual([path]);
  files.copyNew(path, join(folder, 'b'), 0o644);
  expect(flushed.splice(0)).toEqual([join(folder, 'b')]);
  files.setMode(path, 0o600);
  expect(flushed.splice(0)).toEqual([path]);
  files.flushDirectory(folder);
  expect(flushed.splice(0)).toEqual([folder]);
  files.writeNew(join(folder, 'c'), 'x', 0o644, 'unflushed');
  files.copyNew(path, join(folder, 'd'), 0o644, 'unflushed');
  expect(flushed).toEqual([]);
});

describe('what root makes belongs to the owner of its folder', () => {
  test.runIf(process.getuid?.() === 0).each([
    ['a file', (path: string) => files.writeNew(path, 'x')],
    ['a copy', (path: string) => files.copyNew(join(folder, 'source'), path, 0o4755)],
    ['a folder', (path: string) => files.makeDirectory(path)],
  ])('%s, and nothing that the owner puts in its place', (_, make) => {
    const [own, path, secret] = [join(folder, 'own'), join(folder, 'own', 'made'), join(folder, 'secret')];
    mkdirSync(own);
    chownSync(own, 1234, 1234);
    for (const one of [secret, join(folder, 'source')]) writeFileSync(one, 'x');
    make(path);
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 1234 });
    if (statSync(path).isFile()) expect(flushed.at(-1)).toBe(path);
    rmSync(path, { recursive: true });
    // Between making and giving, the folder is asked whose it is.
    const { lstatSync } = fs;
    const swapping = (...args: Parameters<typeof lstatSync>) => {
      if (args[0] === own) {
        rmSync(path, { recursive: true });
        symlinkSync(secret, path);
      }
      return lstatSync(...args);
    };
    Object.assign(fs, { lstatSync: swapping });
    syncBuiltinESMExports();
    try {
      make(path);
    } finally {
      Object.assign(fs, { lstatSync });
      syncBuiltinESMExports();
    }
    expect(statSync(secret)).toMatchObject({ uid: 0, gid: 0 });
  });
});

describe('nothing is written over, nothing is followed', () => {
  test('a file that is there is not created again', () => {
    const path = join(folder, 'a');
    writeFileSync(path, 'x');
    expect(() => files.writeNew(path, 'y')).toThrow('EEXIST');
    expect(() => files.copyNew(path, path, 0o644)).toThrow('EEXIST');
    expect(files.read(path, 10).toString()).toBe('x');
  });

  test('a link at the end of a path is refused, also a dangling one', () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'x');
    const link = join(folder, 'link');
    symlinkSync(target, link);
    for (const use of [
      () => files.read(link, 10),
      () => files.readRange(link, 0, 1),
      () => files.digest(link, false),
      () => files.append(link, 'y'),
      () => files.setMode(link, 0o600),
    ])
      expect(use).toThrow('ELOOP');
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
    expect(() => files.writeNew(join(folder, 'dangling'), 'y')).toThrow('EEXIST');
    expect(files.stat(link)?.kind).toBe('link');
    expect(files.read(target, 10).toString()).toBe('x');
  });
});

test('a file above the limit, or no file at all, is refused by name', () => {
  const path = join(folder, 'a');
  writeFileSync(path, '0123456789');
  expect(() => files.read(path, 9)).toThrow(expect.objectContaining({ code: 'INPUT_TOO_LARGE', path }));
  expect(() => files.read(folder, 9)).toThrow(expect.objectContaining({ code: 'NOT_A_FILE', path: folder }));
  expect(() => files.digest(folder, false)).toThrow(expect.objectContaining({ code: 'NOT_A_FILE' }));
});
