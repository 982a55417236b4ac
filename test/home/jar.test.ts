import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type JarReading, jarTargetName, readJar } from '../../src/home/jar.js';
import { RealFiles } from '../../src/system/real-files.js';
import { jarCorpus } from '../support/jar-corpus.js';
import { askJarFile, needJava17, type OracleAnswer } from '../support/jar-oracle.js';
import { memoryFile } from '../support/memory-file.js';
import { need } from '../support/need.js';
import { bundleManifest, forgeJar, forgeZip } from '../support/zip-forge.js';

const folder = mkdtempSync(join(tmpdir(), 'prepatch-jar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(bytes: Buffer): JarReading {
  return readJar(memoryFile(bytes), 'x.jar', bytes.length);
}

function reason(bytes: Buffer): string {
  const reading = read(bytes);
  return reading.kind === 'bad' ? reading.reason : 'a jar';
}

const TEXT = bundleManifest('org.example.core ; singleton:=true', '1.2.3');
const MANIFEST = { name: 'META-INF/MANIFEST.MF', data: TEXT };
const BUNDLE = { symbolicName: 'org.example.core', rawSymbolicName: 'org.example.core ', version: '1.2.3' };

describe('readJar', () => {
  test('reads the identity of a bundle', () => {
    expect(read(forgeJar(TEXT))).toEqual({ kind: 'jar', bundle: BUNDLE });
  });

  test('needs both headers for a bundle', () => {
    expect(read(forgeJar('Bundle-SymbolicName: a\n'))).toEqual({ kind: 'jar' });
    expect(read(forgeJar('Bundle-Version: 1\n'))).toEqual({ kind: 'jar' });
    expect(read(forgeZip({ entries: [{ name: 'a', data: 'b' }] }))).toEqual({ kind: 'jar', hasManifest: false });
  });

  test('takes the last manifest, in any case of letters', () => {
    const second = { name: 'meta-inf/manifest.mf', data: bundleManifest('second', '2') };
    const reading = read(forgeZip({ entries: [MANIFEST, second] }));
    expect(reading).toMatchObject({ bundle: { symbolicName: 'second' } });
  });

  test.each([
    ['a comment', forgeZip({ entries: [MANIFEST], comment: Buffer.from('hello') })],
    ['a stub in front', forgeZip({ entries: [MANIFEST], prefix: Buffer.from('#!/bin/sh\n') })],
    ['bytes behind', forgeZip({ entries: [MANIFEST], suffix: Buffer.alloc(100, 1) })],
    ['a ZIP64 end', forgeZip({ entries: [MANIFEST], zip64: {}, end: { count: 0xffff, directoryOffset: 0xffffffff } })],
    ['sizes behind the data', forgeZip({ entries: [{ ...MANIFEST, descriptor: 'signed' }] })],
    ['a stored manifest', forgeZip({ entries: [{ ...MANIFEST, method: 0 }] })],
    ['a wrong CRC, which JarFile does not look at', forgeZip({ entries: [{ ...MANIFEST, crc: 1 }] })],
  ])('reads a JAR with %s', (_, bytes) => {
    expect(read(bytes)).toEqual({ kind: 'jar', bundle: BUNDLE });
  });

  test.each<[string, Buffer, string]>([
    ['an empty file', Buffer.alloc(0), 'the file is empty'],
    ['a few bytes', Buffer.from('PK'), 'the file is too short for a zip'],
    ['no zip', Buffer.alloc(5000, 65), 'there is no end record of a zip; the file is not a zip, or not complete'],
    [
      'an encrypted entry',
      forgeZip({ entries: [{ ...MANIFEST, flags: 1 }] }),
      'an entry is encrypted (entry 1 of the central directory)',
    ],
    [
      'another method',
      forgeZip({ entries: [MANIFEST, { name: 'a', method: 12 }] }),
      'an entry has the unsupported compression method 12 (entry 2 of the central directory)',
    ],
    [
      'a name that is no UTF-8',
      forgeZip({ entries: [{ name: Buffer.from([0xff]) }] }),
      'a name is not UTF-8 (entry 1 of the central directory)',
    ],
    [
      'a directory too large',
      forgeZip({ entries: [MANIFEST], end: { directoryBytes: 99_999 } }),
      'the central directory is larger than what lies before its end record',
    ],
    [
      'a directory elsewhere',
      forgeZip({ entries: [MANIFEST], end: { directoryOffset: 99_999 } }),
      'the central directory starts before the place its end record gives',
    ],
    [
      'a directory of junk',
      forgeZip({ entries: [MANIFEST], afterDirectory: Buffer.alloc(9) }),
      'a record has a wrong signature (entry 1 of the central directory)',
    ],
    [
      'a local header elsewhere',
      forgeZip({ entries: [{ ...MANIFEST, offset: 3 }] }),
      'the manifest’s local header is not one',
    ],
    [
      'a local header outside',
      forgeZip({ entries: [{ ...MANIFEST, offset: 99_999 }] }),
      'the manifest’s place is outside the file',
    ],
    [
      'a junk stream',
      forgeZip({ entries: [{ ...MANIFEST, raw: Buffer.alloc(50, 255) }] }),
      'the manifest’s deflate stream is broken, or longer than the central directory says',
    ],
    [
      'a size too large',
      forgeZip({ entries: [{ ...MANIFEST, sizeBytes: 5000 }] }),
      `the manifest has ${TEXT.length} bytes, not the 5000 that the central directory says`,
    ],
    [
      'a stored manifest cut off',
      forgeZip({ entries: [{ ...MANIFEST, method: 0, sizeBytes: 5000 }] }),
      'the manifest’s data is cut off',
    ],
    [
      'a manifest of 4 GB',
      forgeZip({ entries: [{ ...MANIFEST, sizeBytes: 0xfffffff0 }] }),
      'the manifest has 4294967280 bytes, more than 16000000',
    ],
    ['a manifest that is none', forgeJar('nonsense\n'), 'a line has no colon (line 1 of the manifest)'],
  ])('says what is wrong with %s', (_, bytes, expected) => {
    expect(reason(bytes)).toBe(expected);
  });

  test('a name that is no UTF-8 is seen wherever its wrong byte is', () => {
    for (let length = 1; length <= 20; length++) {
      for (let at = 0; at < length; at++) {
        const name = Buffer.alloc(length, 'a');
        expect(read(forgeZip({ entries: [{ name }, MANIFEST] }))).toEqual({ kind: 'jar', bundle: BUNDLE });
        name[at] = 0xff;
        const expected = 'a name is not UTF-8 (entry 2 of the central directory)';
        expect(reason(forgeZip({ entries: [MANIFEST, { name }] })), `byte ${at} of ${length}`).toBe(expected);
      }
    }
  });

  test('of the methods, none but 0 and 8 is taken', () => {
    for (let bit = 0; bit < 16; bit++) {
      const method = 1 << bit;
      if (method === 8) continue;
      const expected = `an entry has the unsupported compression method ${method} (entry 2 of the central directory)`;
      expect(reason(forgeZip({ entries: [MANIFEST, { name: 'a', method }] }))).toBe(expected);
    }
  });

  test('a directory of any length is read, whatever was read before', () => {
    for (const count of [1, 100, 2000, 6000, 1]) {
      const others = Array.from({ length: count }, (_, index) => ({
        name: `org/example/Class${index}.class`,
        data: '',
      }));
      expect(read(forgeZip({ entries: [...others, MANIFEST] }))).toEqual({ kind: 'jar', bundle: BUNDLE });
    }
  });

  test('a JAR cut anywhere is bad', () => {
    const whole = forgeJar(TEXT, [{ name: 'org/A.class', data: Buffer.alloc(500, 1) }]);
    for (let length = 0; length < whole.length; length++) {
      expect(read(whole.subarray(0, length)).kind, `cut to ${length}`).toBe('bad');
    }
  });

  test('a file that is shorter than its size was is bad', () => {
    const whole = forgeJar(TEXT, [{ name: 'a', data: Buffer.alloc(100_000, 1), method: 0 }]);
    for (const length of [0, 100, whole.length - 5000, whole.length - 1]) {
      const file = memoryFile(whole.subarray(0, length));
      expect(readJar(file, 'x.jar', whole.length).kind).toBe('bad');
    }
  });

  test('reads little of a large JAR, and not much of a bomb', () => {
    const large = memoryFile(forgeJar(TEXT, [{ name: 'a', data: Buffer.alloc(5_000_000, 1), method: 0 }]));
    readJar(large, 'x.jar', large.stat('x.jar')?.sizeBytes ?? 0);
    expect(large.largestRead()).toBeLessThanOrEqual(16 * 1024);
    const bomb = forgeJar({ ...MANIFEST, data: Buffer.alloc(50_000_000, 32), sizeBytes: 1000 });
    expect(reason(bomb)).toBe('a line is longer than 512 bytes (line 1 of the manifest)');
  });

  test.skipIf(needJava17() !== undefined)(
    'agrees with Java on every kind of JAR, sound and broken',
    { timeout: 60_000 },
    () => {
      const corpus = [...jarCorpus()];
      const paths = corpus.map(([, bytes], index) => {
        const path = join(folder, `${index}.jar`);
        writeFileSync(path, bytes);
        return path;
      });
      const ours = corpus.map(([name, bytes]) => [name, summary(read(bytes))]);
      const theirs = askJarFile(paths).map((answer, index) => [corpus[index]?.[0], expected(answer)]);
      expect(ours).toEqual(theirs);
    },
  );

  const missing = need('lab-jars') ?? needJava17();
  test.skipIf(missing !== undefined)('agrees with Java on the JARs of the lab', { timeout: 60_000 }, () => {
    const paths = findJars(join(homedir(), '.cache', 'prepatch-lab', 'jars'));
    const files = new RealFiles();
    const ours = paths.map((path) => [path, summary(readJar(files, path, statSync(path).size))]);
    expect(ours).toEqual(askJarFile(paths).map((answer, index) => [paths[index], expected(answer)]));
    expect(ours.filter(([, one]) => one !== 'bad' && one !== 'jar').length).toBeGreaterThan(20);
  });
});

function summary(reading: JarReading): string {
  if (reading.kind === 'bad') return 'bad';
  return reading.bundle === undefined ? 'jar' : `${reading.bundle.rawSymbolicName}\n${reading.bundle.version}`;
}

function expected(answer: OracleAnswer): string {
  if (answer.kind === 'bad') return 'bad';
  if (answer.symbolicName === undefined || answer.version === undefined) return 'jar';
  return `${answer.symbolicName.split(';')[0]}\n${answer.version}`;
}

function findJars(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jar'))
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('jarTargetName', () => {
  const reading: JarReading = { kind: 'jar', bundle: BUNDLE };

  test('names a bundle by its manifest', () => {
    expect(jarTargetName('core.jar', reading)).toEqual({ kind: 'name', name: 'org.example.core_1.2.3.jar' });
  });

  test('does not trim for the companion', () => {
    expect(jarTargetName('core.jar', reading, true)).toEqual({ kind: 'name', name: 'org.example.core _1.2.3.jar' });
  });

  test.each<[string, JarReading]>([
    ['core.war', reading],
    ['core.JAR', reading],
    ['core.jar', { kind: 'jar' }],
    ['core.jar', { kind: 'bad', reason: 'torn' }],
  ])('keeps the name of %s (%j)', (name, what) => {
    expect(jarTargetName(name, what)).toEqual({ kind: 'name', name });
  });

  test.each([
    ['../../etc/cron.d/x', 'it has a slash or a backslash'],
    ['a\\b', 'it has a slash or a backslash'],
    ['a\0b', 'it has a control character'],
    ['a\u001bb', 'it has a control character'],
    ['a\u009bb', 'it has a control character'],
    ['a'.repeat(248), 'it has more than 255 bytes'],
    ['é'.repeat(124), 'it has more than 255 bytes'],
    ['\ud800', 'it is not well-formed Unicode'],
  ])('refuses a bundle that calls itself %j', (symbolicName, why) => {
    const evil: JarReading = { kind: 'jar', bundle: { symbolicName, rawSymbolicName: symbolicName, version: '1.0' } };
    expect(jarTargetName('x.jar', evil)).toMatchObject({ kind: 'refused', reason: why });
  });

  test.each(['.', '..', ''])('refuses the file name %j', (name) => {
    expect(jarTargetName(name, { kind: 'jar' }).kind).toBe('refused');
  });
});
