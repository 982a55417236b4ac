// Odd things in plugins and packs: links, names that few expect, files of no bytes and of very many, times from the future. None is
// followed, mixed up with another or missed, and when the packs are gone all is as it was, byte for byte.
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { formatCheckedLine, parseCheckedLines } from '../../src/system/checked-json.js';
import { runPrepatch } from '../support/command.js';
import { type CaseHome, fileName, TestHome } from '../support/home-builder.js';
import { compareTrees, snapshotTree } from '../support/tree-snapshot.js';
import { bundleManifest, forgeZip } from '../support/zip-forge.js';
import { applyTo, bundle, contentOf, ODD_HOME, text } from './odd-home.js';

const homes: TestHome[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function makeHome(described: CaseHome = ODD_HOME): TestHome {
  const home = new TestHome('4.2', described);
  homes.push(home);
  return home;
}

/** A folder outside of every home, with a file and a folder in it. */
function makeOutside(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prepatch-outside-'));
  folders.push(folder);
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'file'), 'outside');
  writeFileSync(join(folder, 'folder', 'a.txt'), 'outside');
  return folder;
}

function removePacks(home: TestHome): void {
  for (const folder of ['patches', 'servicepacks'])
    for (const name of readdirSync(home.path(folder))) rmSync(home.path(folder, name), { recursive: true });
}

describe('a link in plugins', () => {
  const targets = ['file', 'folder', 'nowhere'] as const;

  test.each(targets)(
    'to a %s, where a pack brings a file: the pack is refused, nothing is written through',
    async (to) => {
      const outside = makeOutside();
      const untouched = snapshotTree(outside);
      const home = makeHome();
      symlinkSync(join(outside, to), home.path('plugins/org.example.added_1.0.0.jar'));
      const before = contentOf(home);
      for (const policy of ['last-good', 'strict']) {
        const { exitCode, stdout, stderr } = await applyTo(home, { env: { PREPATCH_POLICY: policy } });
        expect(exitCode).toBe(3);
        expect(stdout + stderr).toContain('plugins/org.example.added_1.0.0.jar');
        expect(compareTrees(contentOf(home), before)).toEqual([]);
      }
      expect((await applyTo(home, { env: { PREPATCH_POLICY: 'degraded' } })).exitCode).toBe(0);
      expect(home.names()).toEqual(['servicepack001', 'patch0002']);
      expect(compareTrees(snapshotTree(outside), untouched)).toEqual([]);
    },
  );

  test.each(targets)(
    'to a %s, where the way of a pack leads: the pack is refused, nothing is written through',
    async (to) => {
      const outside = makeOutside();
      const untouched = snapshotTree(outside);
      const home = makeHome();
      rmSync(home.path('plugins/exploded_1.0.0'), { recursive: true });
      symlinkSync(join(outside, to), home.path('plugins/exploded_1.0.0'));
      const before = contentOf(home);
      const { exitCode, stdout, stderr } = await applyTo(home);
      expect(exitCode).toBe(3);
      expect(stdout + stderr).toContain('plugins/exploded_1.0.0');
      expect(compareTrees(contentOf(home), before)).toEqual([]);
      expect((await applyTo(home, { env: { PREPATCH_POLICY: 'degraded' } })).exitCode).toBe(0);
      expect(home.names()).toEqual(['servicepack001', 'patch0001']);
      expect(compareTrees(snapshotTree(outside), untouched)).toEqual([]);
    },
  );

  test('that no pack covers: left as it is, apply and revert go on beside it', async () => {
    const outside = makeOutside();
    const untouched = snapshotTree(outside);
    const home = makeHome();
    for (const to of targets) symlinkSync(join(outside, to), home.path(`plugins/link-to-${to}`));
    symlinkSync('../../..', home.path('plugins/exploded_1.0.0/up'));
    const before = contentOf(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect((await runPrepatch(['verify', '--deep', '--home', home.root])).exitCode).toBe(0);
    removePacks(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), before)).toEqual([]);
    expect(compareTrees(snapshotTree(outside), untouched)).toEqual([]);
  });

  test.each(targets)(
    'to a %s, put in the place of a patched plugin: not followed, by apply or by revert',
    async (to) => {
      const outside = makeOutside();
      const untouched = snapshotTree(outside);
      const home = makeHome();
      const original = contentOf(home);
      expect((await applyTo(home)).exitCode).toBe(0);
      const jar = home.path('plugins/org.example.core_1.0.0.jar');
      rmSync(jar);
      symlinkSync(join(outside, to), jar);
      for (const take of [() => undefined, () => removePacks(home)]) {
        take();
        const { exitCode, stdout, stderr } = await applyTo(home);
        expect(exitCode).toBe(3);
        expect(stdout + stderr).toContain('plugins/org.example.core_1.0.0.jar');
        expect(lstatSync(jar).isSymbolicLink()).toBe(true);
      }
      expect(compareTrees(snapshotTree(outside), untouched)).toEqual([]);
      rmSync(jar);
      expect((await applyTo(home)).exitCode).toBe(0);
      expect(compareTrees(contentOf(home), original)).toEqual([]);
    },
  );
});

const NAMES = [
  'with some  blanks .txt',
  ' blank first',
  'line\nbreak.txt',
  'tab\tand\rreturn',
  '\u00e9 composed.txt',
  'e\u0301 composed.txt',
  '\uac00.txt',
  '\u1100\u1161.txt',
  '\u{1f600} beyond the plane',
  `${'x'.repeat(251)}.txt`,
  `${'\u00e4'.repeat(125)}.jar2`,
  '-rf',
  '--help',
  '$(touch never) `never` "never" \'never\'',
  '%s%n%00',
  '__proto__',
  'constructor',
  'CON',
  '.hidden',
  '~',
  '*',
  'a:b',
];

describe('names', () => {
  test('odd ones, NFC beside NFD, are replaced, added and given back, byte for byte', async () => {
    const [there, added] = [NAMES.filter((_, n) => n % 3 !== 0), NAMES.filter((_, n) => n % 3 === 0)];
    const home = makeHome({
      plugins: there.flatMap((name) => [
        text(name, `base ${name}`),
        { dir: `dir ${name.slice(0, 60)}`, files: [text(name, 'base')] },
      ]),
      patches: {
        'patch with blanks': NAMES.map((name) => text(name, `patched ${name}`)),
        'patch\u00e9': [{ dir: 'dir -rf', files: NAMES.map((name) => text(name, `inner ${name}`)) }],
      },
    });
    const original = contentOf(home);
    const { exitCode, stdout, stderr } = await applyTo(home);
    expect(exitCode, stdout + stderr).toBe(0);
    for (const name of [...there, ...added].filter((one) => one !== '.hidden'))
      expect([name, readFileSync(home.path('plugins', name), 'utf8')]).toEqual([name, `patched ${name}`]);
    expect(home.names()).toEqual(['patch with blanks', 'patch\u00e9']);
    for (const command of ['status', 'plan', 'verify'])
      expect([command, (await runPrepatch([command, '--home', home.root])).exitCode]).toEqual([command, 0]);
    removePacks(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), original)).toEqual([]);
  });

  test('one that is not UTF-8, in a pack: the pack is refused, and plugins with such a name are left as they are', async () => {
    const home = makeHome();
    const odd = Buffer.from([0x6f, 0x64, 0x64, 0xff]);
    writeFileSync(Buffer.concat([Buffer.from(`${home.path('plugins')}/`), odd]), 'base');
    expect((await applyTo(home)).exitCode).toBe(0);
    writeFileSync(Buffer.concat([Buffer.from(`${home.path('patches/patch0002')}/`), odd]), 'new');
    const { exitCode, stdout, stderr } = await applyTo(home);
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain('patch0002');
    removePacks(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(readdirSync(home.path('plugins'), 'buffer').map((name) => name.toString('hex'))).toContain(
      odd.toString('hex'),
    );
  });

  test('a backslash, in a pack: refused by name; among the plugins: left', async () => {
    const home = makeHome({ ...ODD_HOME, plugins: [...(ODD_HOME.plugins ?? []), text('back\\slash', 'base')] });
    expect((await applyTo(home)).exitCode).toBe(0);
    writeFileSync(home.path('patches/patch0002/other\\slash'), 'new');
    const { exitCode, stdout, stderr } = await applyTo(home);
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain('other\\\\slash');
    expect(home.names()).toContain('patch0001');
  });
});

describe('files of no bytes', () => {
  test('as plugins: replaced, and given back', async () => {
    const home = makeHome();
    for (const name of ['core', 'web']) writeFileSync(home.path(`plugins/org.example.${name}_1.0.0.jar`), '');
    const original = contentOf(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['p2']));
    removePacks(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), original)).toEqual([]);
  });

  test('as JARs of a pack: refused by name, as every torn JAR; other files may be empty', async () => {
    const home = makeHome();
    writeFileSync(home.path('patches/patch0001/empty.txt'), '');
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(statSync(home.path('plugins/empty.txt')).size).toBe(0);
    writeFileSync(home.path('patches/patch0001/org.example.core_1.0.0.jar'), '');
    const { exitCode, stdout, stderr } = await applyTo(home);
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain('patch0001/org.example.core_1.0.0.jar');
  });
});

/** What is written here is a real file of that size, hole or not, in plugins, and again as its original: 3 GB on demand only. */
const HUGE_BYTES = process.env.PREPATCH_LARGE === '1' ? 3 * 2 ** 30 : 300 * 2 ** 20;

/** A bundle whose second entry, stored, is a hole of so many bytes. */
function writeSparseJar(path: string, name: string, holeBytes: number): void {
  const forge = (directoryOffset: number) =>
    forgeZip({
      entries: [
        { name: 'META-INF/MANIFEST.MF', data: bundleManifest(name, '1.0.0') },
        { name: 'hole', raw: Buffer.alloc(0), method: 0, storedBytes: holeBytes, sizeBytes: holeBytes, crc: 0 },
      ],
      end: { directoryOffset },
    });
  const offset = forge(0).indexOf(Buffer.from('PK\u0001\u0002'));
  const bytes = forge(offset + holeBytes);
  const descriptor = openSync(path, 'wx');
  writeSync(descriptor, bytes, 0, offset, 0);
  ftruncateSync(descriptor, offset + holeBytes);
  writeSync(descriptor, bytes, offset, bytes.length - offset, offset + holeBytes);
  closeSync(descriptor);
}

test(`a JAR of ${HUGE_BYTES / 2 ** 20} MiB: applied and reverted, in memory that does not grow with it`, {
  timeout: 900_000,
}, async () => {
  const home = makeHome();
  const says = `process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS + '\\n'))`;
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(says)}` };
  const peakOf = async () => {
    const { exitCode, stdout, stderr } = await applyTo(home, { env, timeoutMs: 600_000 });
    expect(exitCode, stdout + stderr).toBe(0);
    return Number(/^peak (\d+)$/m.exec(stderr)?.[1]) * 1024;
  };
  const small = await peakOf();
  const name = fileName(bundle('huge', 'base'));
  writeSparseJar(home.path('plugins', name), 'org.example.huge', HUGE_BYTES - 4096);
  home.addPatch('patch0003', []);
  writeSparseJar(home.path('patches/patch0003', name), 'org.example.huge', HUGE_BYTES);
  const original = home.md5(`plugins/org.example.left_1.0.0.jar`);
  const sizeBefore = statSync(home.path('plugins', name)).size;
  expect((await peakOf()) - small).toBeLessThan(HUGE_BYTES / 2);
  expect(statSync(home.path('plugins', name)).size).toBe(sizeBefore + 4096);
  rmSync(home.path('patches/patch0003'), { recursive: true });
  expect((await peakOf()) - small).toBeLessThan(HUGE_BYTES / 2);
  expect(statSync(home.path('plugins', name)).size).toBe(sizeBefore);
  expect(home.md5(`plugins/org.example.left_1.0.0.jar`)).toBe(original);
});

describe('a clock that goes wrong', () => {
  const future = new Date(Date.UTC(2150, 0, 1));
  const past = new Date(Date.UTC(1930, 0, 1));

  /** Other bytes of the same length, with the times that the file had. */
  function changeUnseen(path: string): void {
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
  }

  test.each([
    ['the future', future],
    ['long ago', past],
    ['the epoch', new Date(0)],
  ])('every file is from %s: patched, left alone, reverted; what changes is noticed', async (_, time) => {
    const home = makeHome();
    const date = (folder: string) => {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
        utimesSync(join(folder, name), time, time);
    };
    date(home.root);
    const original = contentOf(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    date(home.root);
    expect(await nothingToDo(home)).toBe(true);
    for (const path of ['patches/patch0002/org.example.core_1.0.0.jar', 'plugins/org.example.web_1.0.0.jar']) {
      const there = home.md5(path);
      changeUnseen(home.path(path));
      expect(home.md5(path)).not.toBe(there);
      const kept = readFileSync(home.path(path));
      expect(await nothingToDo(home), path).toBe(false);
      expect((await applyTo(home)).exitCode).toBe(0);
      if (path.startsWith('patches'))
        expect(readFileSync(home.path('plugins/org.example.core_1.0.0.jar')).equals(kept)).toBe(true);
      else expect(home.tagsOf(home.md5(path))).toEqual(new Set(['sp1']));
      expect(await nothingToDo(home)).toBe(true);
    }
    removePacks(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), original)).toEqual([]);
  });

  test.each([
    ['set back', 3650],
    ['set forward', -3650],
  ])('the clock was %s by ten years since the last start: what changed meanwhile is noticed', async (_, days) => {
    const home = makeHome();
    expect((await applyTo(home)).exitCode).toBe(0);
    const path = home.path('.prepatch/cache/inventory.json');
    const lines = parseCheckedLines(readFileSync(path)).values.map(({ value }) => value as { stampMs: number });
    expect(lines.length).toBeGreaterThan(0);
    const moved = lines.map((line) => formatCheckedLine({ ...line, stampMs: line.stampMs + days * 86_400_000 }));
    writeFileSync(path, moved.join(''));
    expect(await nothingToDo(home)).toBe(true);
    changeUnseen(home.path('patches/patch0002/org.example.core_1.0.0.jar'));
    expect(await nothingToDo(home)).toBe(false);
  });

  test('a pack that is being copied waits to be whole, also where its folders say that they are from the future', async () => {
    const home = makeHome();
    for (const name of ['.', 'exploded_1.0.0', 'exploded_1.0.0/new'])
      utimesSync(home.path('patches/patch0002', name), future, future);
    const { exitCode, stdout, stderr } = await applyTo(home, { env: { PREPATCH_SETTLE_SECONDS: '60' } });
    expect(exitCode, stdout + stderr).toBe(0);
    expect(home.names()).toEqual([]);
  });

  async function nothingToDo(home: TestHome): Promise<boolean> {
    const { exitCode } = await runPrepatch(['plan', '--exit-code', '--home', home.root]);
    expect([0, 10]).toContain(exitCode);
    return exitCode === 0;
  }
});
