import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { errnoOf } from '../../src/error.js';
import { type ArchiveEntry, type ArchiveListing, ARCHIVE_LIMITS, inspectArchive } from '../../src/home/archive.js';
import { extractEntry, verifyArchive } from '../../src/home/archive-entry.js';
import { ARCHIVE_REFUSALS } from '../../src/home/archive-refusal.js';
import { readRecords } from '../../src/home/archive-record.js';
import { listWithYauzl } from '../../src/home/list-with-yauzl.js';
import { readDirectory, TailSource } from '../../src/home/central-directory.js';
import { RealFiles } from '../../src/system/real-files.js';
import { hostileArchives, poisonedArchives, soundArchives } from '../support/archive-corpus.js';
import { needJava17, runOracle } from '../support/jar-oracle.js';
import { memoryFile } from '../support/memory-file.js';
import { forgeZip } from '../support/zip-forge.js';

const folder = mkdtempSync(join(tmpdir(), 'prepatch-archive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inspect(bytes: Buffer, limits = ARCHIVE_LIMITS): Promise<ArchiveListing> {
  return inspectArchive(memoryFile(bytes), 'x.zip', limits);
}

async function entriesOf(bytes: Buffer): Promise<readonly ArchiveEntry[]> {
  const listing = await inspect(bytes);
  if (listing.kind === 'refused') throw new Error(`${listing.reason}: ${listing.entry} ${listing.detail}`);
  return listing.entries;
}

async function contentOf(bytes: Buffer, entry: ArchiveEntry): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const result = await extractEntry(memoryFile(bytes), 'x.zip', entry, (piece) => void pieces.push(piece));
  expect(result).toEqual({ kind: 'done' });
  return Buffer.concat(pieces);
}

describe('inspectArchive', () => {
  test('lists entries with what is needed to read them', async () => {
    const bytes = forgeZip({
      entries: [
        { name: 'patch0001/', method: 0, mode: 0o040755 },
        { name: 'patch0001/a.jar', data: 'hello', mode: 0o104755 },
        { name: 'patch0001/b.jar', data: 'world', method: 0 },
      ],
    });
    const entries = await entriesOf(bytes);
    expect(entries.map(({ kind, path, sizeBytes, method, mode }) => ({ kind, path, sizeBytes, method, mode }))).toEqual(
      [
        { kind: 'directory', path: 'patch0001', sizeBytes: 0, method: 'stored', mode: 0o755 },
        { kind: 'file', path: 'patch0001/a.jar', sizeBytes: 5, method: 'deflated', mode: 0o755 },
        { kind: 'file', path: 'patch0001/b.jar', sizeBytes: 5, method: 'stored', mode: undefined },
      ],
    );
    const [, a, b] = entries;
    if (a === undefined || b === undefined) throw new Error('two files were listed');
    expect((await contentOf(bytes, a)).toString()).toBe('hello');
    expect((await contentOf(bytes, b)).toString()).toBe('world');
  });

  test.each(soundArchives())('takes %s', async (_, bytes) => {
    expect(await verifyArchive(memoryFile(bytes), 'x.zip', await entriesOf(bytes))).toBeUndefined();
  });

  test.each(hostileArchives())('refuses %s', async (_, bytes, reason) => {
    expect(await inspect(bytes)).toMatchObject({ kind: 'refused', reason });
  });

  test('knows its kinds: every refusal has an archive that meets it', () => {
    const met = new Set([...hostileArchives(), ...poisonedArchives()].map(([, , reason]) => reason));
    // Our own reading is the stricter one in all that we know of; the next test shows what happens where it is not.
    expect(ARCHIVE_REFUSALS.filter((reason) => !met.has(reason))).toEqual(['readers-disagree']);
  });

  test('the second reader notices what differs from its own list', async () => {
    const bytes = forgeZip({
      entries: [
        { name: 'a', data: 'x' },
        { name: 'b', data: 'y' },
      ],
    });
    const source = { sizeBytes: bytes.length, read: (at: number, length: number) => bytes.subarray(at, at + length) };
    const directory = readDirectory(new TailSource(source));
    if (directory.kind === 'bad') throw new Error(directory.reason);
    const records = readRecords(directory, 10);
    if (!Array.isArray(records)) throw new Error(records.detail);
    const [a, b] = records;
    if (a === undefined || b === undefined) throw new Error('two files were listed');
    expect(await listWithYauzl(source, records)).toBeUndefined();
    const others = [
      [a],
      [a, b, b],
      [b, a],
      [a, { ...b, crc: 1 }],
      [a, { ...b, offset: 1 }],
      [a, { ...b, sizeBytes: 9 }],
    ];
    for (const other of others) {
      expect(await listWithYauzl(source, other)).toMatchObject({ reason: 'readers-disagree' });
    }
    const torn = { ...source, sizeBytes: bytes.length - 1 };
    expect(await listWithYauzl(torn, records)).toMatchObject({ reason: 'readers-disagree' });
  });

  test('names the entry, with control characters escaped', async () => {
    const listing = await inspect(forgeZip({ entries: [{ name: 'a\u001b[2J\u202eb', data: 'x' }] }));
    expect(listing).toMatchObject({ reason: 'control-character', entry: 'a\\u{1b}[2J\\u{202e}b' });
  });

  test('keeps to the limits that it is given', async () => {
    const bytes = forgeZip({
      entries: [
        { name: 'a', data: 'x'.repeat(5000) },
        { name: 'b', data: '' },
      ],
    });
    const reasonWith = async (limits: Partial<typeof ARCHIVE_LIMITS>) => {
      const listing = await inspect(bytes, { ...ARCHIVE_LIMITS, ...limits });
      return listing.kind === 'refused' ? listing.reason : 'taken';
    };
    expect(await reasonWith({})).toBe('taken');
    expect(await reasonWith({ entries: 1 })).toBe('too-many-entries');
    expect(await reasonWith({ totalBytes: 4999 })).toBe('total-too-large');
    expect(await reasonWith({ ratioFromBytes: 5000, ratio: 10 })).toBe('ratio-too-high');
    expect(await reasonWith({ directoryBytes: 93 })).toBe('directory-too-large');
  });

  test('reads no data, and little at a time', async () => {
    const file = memoryFile(forgeZip({ entries: [{ name: 'a', data: Buffer.alloc(3_000_000, 1), method: 0 }] }));
    await inspectArchive(file, 'x.zip');
    expect(file.largestRead()).toBeLessThanOrEqual(66 * 1024);
  });

  test('an archive cut anywhere is refused', async () => {
    const [, whole] = soundArchives()[0] ?? ['', Buffer.alloc(0)];
    for (let length = 0; length < whole.length; length++) {
      expect((await inspect(whole.subarray(0, length))).kind, `cut to ${length}`).toBe('refused');
    }
  });

  test('throws where there is no file, and where it cannot be read', async () => {
    await expect(inspectArchive(new RealFiles(), folder)).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    await expect(inspectArchive(new RealFiles(), join(folder, 'none'))).rejects.toMatchObject({ code: 'NOT_A_FILE' });
    const failing = {
      ...memoryFile(Buffer.alloc(500)),
      readRange: () => {
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      },
    };
    await expect(inspectArchive(failing, 'x.zip')).rejects.toMatchObject({ code: 'EIO' });
  });

  test('throws what the file system throws under the second reader, too', async () => {
    const bytes = forgeZip({ entries: [{ name: 'a', data: 'x' }] });
    for (let good = 0; ; good++) {
      let calls = 0;
      const file = memoryFile(bytes);
      const failing = {
        ...file,
        readRange(path: string, offset: number, length: number) {
          if (calls++ === good) throw Object.assign(new Error('EIO'), { code: 'EIO' });
          return file.readRange(path, offset, length);
        },
      };
      const outcome = await inspectArchive(failing, 'x.zip').catch((error: unknown) => errnoOf(error));
      if (calls <= good) {
        expect(outcome).toMatchObject({ kind: 'archive' });
        expect(good).toBeGreaterThan(2);
        return;
      }
      expect(outcome).toBe('EIO');
    }
  });
});

describe('extractEntry', () => {
  test.each(poisonedArchives())('refuses %s', async (_, bytes, reason) => {
    const entries = await entriesOf(bytes);
    expect(await verifyArchive(memoryFile(bytes), 'x.zip', entries)).toMatchObject({ kind: 'refused', reason });
  });

  test('passes pieces of at most 64 KiB, and stops at the declared size', async () => {
    const data = Buffer.alloc(1_000_000, 'abc');
    for (const method of [0, 8]) {
      const bytes = forgeZip({ entries: [{ name: 'a', data, method }] });
      const [entry] = await entriesOf(bytes);
      if (entry === undefined) throw new Error('one file was listed');
      const sizes: number[] = [];
      let crc = 0;
      const result = await extractEntry(memoryFile(bytes), 'x.zip', entry, (piece) => {
        sizes.push(piece.length);
        crc = crc32(piece, crc);
      });
      expect(result).toEqual({ kind: 'done' });
      expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024);
      expect(crc).toBe(crc32(data));
      let got = 0;
      const short = { ...entry, sizeBytes: 200_000 };
      const stopped = await extractEntry(memoryFile(bytes), 'x.zip', short, (piece) => void (got += piece.length));
      expect(stopped).toMatchObject({ kind: 'refused', reason: 'endless-data', entry: 'a' });
      expect(got).toBeLessThanOrEqual(200_000);
    }
  });

  test('a file that has become shorter is refused', async () => {
    const bytes = forgeZip({ entries: [{ name: 'a', data: Buffer.alloc(5000, 1), method: 0 }] });
    const [entry] = await entriesOf(bytes);
    if (entry === undefined) throw new Error('one file was listed');
    const result = await extractEntry(memoryFile(bytes.subarray(0, 3000)), 'x.zip', entry, () => {});
    expect(result).toMatchObject({ kind: 'refused', reason: 'truncated' });
  });

  test('passes on what the sink and the file system throw', async () => {
    for (const method of [0, 8]) {
      const bytes = forgeZip({ entries: [{ name: 'a', data: Buffer.alloc(500_000, 'abcdef'), method }] });
      const [entry] = await entriesOf(bytes);
      if (entry === undefined) throw new Error('one file was listed');
      const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
      const sink = () => Promise.reject(full);
      await expect(extractEntry(memoryFile(bytes), 'x.zip', entry, sink)).rejects.toBe(full);
      const failing = {
        readRange: () => {
          throw full;
        },
      };
      await expect(extractEntry(failing, 'x.zip', entry, () => {})).rejects.toBe(full);
    }
  });
});

describe('Java', () => {
  const missing = needJava17();
  test.skipIf(missing !== undefined)(
    'sees in what we take the same entries and bytes',
    { timeout: 60_000 },
    async () => {
      const archives = soundArchives();
      const paths = archives.map(([, bytes], index) => {
        const path = join(folder, `${index}.zip`);
        writeFileSync(path, bytes);
        return path;
      });
      const files = new RealFiles();
      const ours: string[] = [];
      for (const path of paths) {
        const listing = await inspectArchive(files, path);
        if (listing.kind === 'refused') throw new Error(`${path}: ${listing.reason}`);
        const lines: string[] = [];
        for (const entry of listing.entries) {
          let crc = 0;
          let size = 0;
          const take = (piece: Buffer) => {
            crc = crc32(piece, crc);
            size += piece.length;
          };
          expect(await extractEntry(files, path, entry, take)).toEqual({ kind: 'done' });
          const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
          lines.push(`${Buffer.from(name).toString('hex')}:${size}:${crc.toString(16)}`);
        }
        ours.push(`ok\t${lines.sort().join(' ')}`);
      }
      const theirs = runOracle('ArchiveOracle.java', paths);
      expect(ours.map((line, index) => [archives[index]?.[0], line])).toEqual(
        theirs.map((line, index) => [archives[index]?.[0], line]),
      );
    },
  );
});
