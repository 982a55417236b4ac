// Digests side by side are those of node:crypto, whatever the lengths, the order and the errors among them.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileDigester } from '../../src/system/digest-files.js';
import { divideWork, Md5Lanes, type OpenFile } from '../../src/system/md5-lanes.js';
import { RealFiles } from '../../src/system/real-files.js';

const PIECE = 64 * 1024;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-lanes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('lanes', () => {
  test('every length around a block, two blocks and a piece', () => {
    const lengths = [...Array(200).keys(), ...around(PIECE), ...around(2 * PIECE), ...around(5 * PIECE)];
    expectSame(lengths.map((length) => randomBytes(length)));
  });

  test('any number of files of any lengths', () => {
    const lengths = fc.array(fc.oneof(fc.nat(300), fc.nat(3 * PIECE)), { maxLength: 40 });
    fc.assert(
      fc.property(lengths, (drawn) => expectSame(drawn.map((length) => randomBytes(length)))),
      { numRuns: 60 },
    );
  });

  test('the same lanes again, after files that were longer', () => {
    const lanes = makeLanes();
    expectSame([randomBytes(4 * PIECE + 5), ...Array.from({ length: 9 }, () => randomBytes(PIECE + 1))], lanes);
    expectSame([randomBytes(3), Buffer.alloc(0)], lanes);
  });

  test('a file that cannot be read leaves the others alone', () => {
    const contents = Array.from({ length: 20 }, (_, n) => randomBytes(n * 9_000));
    const paths = write(contents);
    const opened = paths.map((path) => ({ descriptor: openSync(path, 'r'), withSha256: false, path }));
    const gone = opened[7];
    if (gone !== undefined) closeSync(gone.descriptor);
    const results = digestAll(makeLanes(), opened);
    for (const [n, content] of contents.entries()) {
      const seen = results.get(opened[n]?.path ?? '');
      if (n === 7) expect(seen).toMatchObject({ code: 'EBADF' });
      else expect(seen).toEqual({ md5: hash('md5', content), sizeBytes: content.length });
    }
  });
});

describe('files side by side or alone', () => {
  test('digests and errors in the order of the items, every descriptor closed', () => {
    const contents = [...Array(30).keys()].map((n) => randomBytes(n * 777));
    contents.push(randomBytes(3_000_000));
    const items = write(contents).map((path, n) => ({
      path,
      sizeBytes: contents[n]?.length ?? 0,
      withSha256: n % 3 === 0,
    }));
    const gone = { path: join(folder, 'gone'), sizeBytes: 5_000, withSha256: false };
    mkdirSync(join(folder, 'folder'));
    symlinkSync(items[0]?.path ?? '', join(folder, 'link'));
    const all = [
      ...items.slice(0, 5),
      gone,
      { ...gone, path: join(folder, 'folder') },
      { ...gone, path: join(folder, 'link') },
      ...items.slice(5),
    ];
    const before = readdirSync('/proc/self/fd').length;
    const results = new FileDigester(new RealFiles()).digest(all);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    expect(results.splice(5, 3).map((error) => (error as NodeJS.ErrnoException).code)).toEqual([
      'ENOENT',
      'NOT_A_FILE',
      'ELOOP',
    ]);
    expect(results).toEqual(items.map((item) => new RealFiles().digest(item.path, item.withSha256)));
    expect(results.at(-1)).toMatchObject({ md5: hash('md5', contents.at(-1) ?? Buffer.alloc(0)) });
  });

  test.each([
    { sizes: [], alone: [] },
    { sizes: [5], alone: [0] },
    { sizes: [10, 10], alone: [] },
    { sizes: [1, 1000, 1], alone: [1] },
    { sizes: [1, 1000, 1, 900_000], alone: [3, 1] },
    { sizes: Array<number>(64).fill(100), alone: [] },
  ])('a file is digested alone where the others would wait for it: $sizes', ({ sizes, alone }) => {
    const divided = divideWork(sizes);
    expect(divided.alone).toEqual(alone);
    expect([...divided.alone, ...divided.together].sort((a, b) => a - b)).toEqual([...sizes.keys()]);
    const lengths = divided.together.map((index) => sizes[index] ?? 0);
    expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
  });
});

function expectSame(contents: readonly Buffer[], lanes = makeLanes()): void {
  const opened = write(contents).map((path, n) => ({ descriptor: openSync(path, 'r'), withSha256: n % 2 === 0, path }));
  const results = digestAll(lanes, opened);
  expect(results.size).toBe(contents.length);
  for (const [n, content] of contents.entries())
    expect(results.get(opened[n]?.path ?? ''), `${content.length} bytes`).toEqual({
      md5: hash('md5', content),
      sizeBytes: content.length,
      ...(n % 2 === 0 ? { sha256: hash('sha256', content) } : {}),
    });
}

interface NamedFile extends OpenFile {
  readonly path: string;
}

function digestAll(lanes: Md5Lanes, files: readonly NamedFile[]): Map<string, unknown> {
  const results = new Map<string, unknown>();
  const waiting = files.values();
  lanes.digest(
    () => waiting.next().value,
    (file, result) => results.set(file.path, result),
  );
  return results;
}

function makeLanes(): Md5Lanes {
  const lanes = Md5Lanes.make();
  if (lanes === undefined) throw new Error('this Node has no WebAssembly with vectors');
  return lanes;
}

function write(contents: readonly Buffer[]): string[] {
  return contents.map((content, n) => {
    const path = join(folder, `file-${n}`);
    writeFileSync(path, content);
    return path;
  });
}

function around(length: number): number[] {
  return [-65, -64, -63, -9, -8, -1, 0, 1, 55, 56, 57, 63, 64, 65].map((more) => length + more);
}

function hash(name: 'md5' | 'sha256', content: Buffer): string {
  return createHash(name).update(content).digest('hex');
}
