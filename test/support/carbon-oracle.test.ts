// The oracle of Carbon's own patcher, on homes made by hand: what it reads, what it takes for a change, where it stops.
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { carbonFindsNothingToDo, readAsCarbon } from './carbon-oracle.js';
import { type CaseFile, type CaseHome, TestHome } from './home-builder.js';

const homes: TestHome[] = [];

afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(described: CaseHome): TestHome {
  const home = new TestHome('4.4', described);
  homes.push(home);
  return home;
}

function bundle(name: string, tag: string): CaseFile {
  return { name: `org.example.${name}`, version: '1.0.0', tag };
}

const CORE = 'org.example.core_1.0.0.jar';
const PATCHED: CaseHome = {
  plugins: [bundle('core', 'p1'), bundle('web', 'base')],
  patches: { patch0000: [bundle('core', 'base')], patch0001: [bundle('core', 'p1')] },
  state: { names: ['patch0000', 'patch0001'], jars: { [CORE]: `patches/patch0001/${CORE}` } },
};

describe('at rest', () => {
  test('a home that it has patched itself', async () => {
    expect(await carbonFindsNothingToDo(makeHome(PATCHED).root)).toEqual({ ok: true, reasons: [] });
  });

  test('a home without packs, with and without state files', async () => {
    const home = makeHome({});
    expect((await carbonFindsNothingToDo(home.root)).ok).toBe(true);
    writeFileSync(home.namesFile, '');
    writeFileSync(home.jarsFile, '');
    expect((await carbonFindsNothingToDo(home.root)).ok).toBe(true);
  });

  test('line ends of Windows, no end in the last line', async () => {
    const home = makeHome(PATCHED);
    writeFileSync(home.namesFile, 'patch0000\r\npatch0001');
    expect((await carbonFindsNothingToDo(home.root)).ok).toBe(true);
  });
});

describe('what it takes for a change', () => {
  test.each<[string, (home: TestHome) => void, RegExp]>([
    ['a new patch', (home) => home.addPatch('patch0002', []), /it lists patch0000, patch0001, patch0002/],
    ['a patch that is gone', (home) => home.remove('patches/patch0001'), /it lists patch0000; the file says/],
    ['a backup that is gone', (home) => home.remove('patches/patch0000'), /it lists patch0001; the file says/],
    [
      'another content',
      (home) => home.write('patches/patch0001', [bundle('core', 'p2')]),
      /core_1\.0\.0\.jar: it computes/,
    ],
    [
      'a README',
      (home) => home.write('patches/patch0001', [{ file: 'README', text: 'x', tag: 'x' }]),
      /README: it computes/,
    ],
    [
      'a recorded JAR too many',
      (home) => writeFileSync(home.jarsFile, `${CORE}:${home.md5(`plugins/${CORE}`)}\nx:y\n`),
      /recorded is y/,
    ],
    ['an edited plugin', (home) => home.write('plugins', [bundle('core', 'edited')]), /is not in plugins/],
  ])('%s', async (_, change, reason) => {
    const home = makeHome(PATCHED);
    change(home);
    const { ok, reasons } = await carbonFindsNothingToDo(home.root);
    expect(ok).toBe(false);
    expect(reasons.join('\n')).toMatch(reason);
  });
});

describe('what stops it', () => {
  test.each<[string, (home: TestHome) => void, RegExp]>([
    ['a folder in a patch', (home) => mkdirSync(home.path('patches/patch0001/folder')), /is a folder in a patch/],
    ['a torn JAR', (home) => home.write('patches/patch0001', [{ ...bundle('web', 'x'), torn: true }]), /is torn/],
    [
      'a JAR without a manifest',
      (home) => home.write('patches/patch0001', [{ file: 'plain.jar', manifest: null, tag: 'x' }]),
      /has no manifest/,
    ],
    ['a blank line in the list of JARs', (home) => writeFileSync(home.jarsFile, '\n'), /a line without a colon/],
    ['a service pack without lib', (home) => home.addServicepack('servicepack001', { absorbs: '' }), /has no lib/],
    [
      'a service pack without a list',
      (home) => home.addServicepack('servicepack001', { lib: [] }),
      /servicepack_patches/,
    ],
  ])('%s', async (_, change, reason) => {
    const home = makeHome(PATCHED);
    change(home);
    expect((await readAsCarbon(home.root)).crash).toMatch(reason);
    expect((await carbonFindsNothingToDo(home.root)).ok).toBe(false);
  });
});

describe('what it reads', () => {
  test('the last service pack, its list to the letter, patch0000 unless it is listed, and names in the order of UTF-16', async () => {
    const home = makeHome({
      patches: Object.fromEntries(
        ['patch0000', 'patch0001', 'patch0002', 'patch10', 'patch9', 'patch\u{1f600}', 'patch\ue000'].map((name) => [
          name,
          [],
        ]),
      ),
      servicepacks: {
        servicepack001: { lib: [], absorbs: '' },
        servicepack002: { lib: [], absorbs: 'patch0001\r\npatch0002 \r\n' },
      },
    });
    expect((await readAsCarbon(home.root)).names).toEqual([
      'servicepack002',
      'patch0000',
      'patch0002',
      'patch10',
      'patch9',
      'patch\u{1f600}',
      'patch\ue000',
    ]);
    writeFileSync(home.path('servicepacks/servicepack002/servicepack_patches.txt'), 'patch0000');
    expect((await readAsCarbon(home.root)).names).not.toContain('patch0000');
  });

  test('a plain file that sorts last hides all service packs', async () => {
    const home = makeHome({ servicepacks: { servicepack001: { lib: [], absorbs: '' } } });
    expect((await readAsCarbon(home.root)).names).toEqual(['servicepack001']);
    writeFileSync(home.path('servicepacks/servicepack.txt'), '');
    expect((await readAsCarbon(home.root)).names).toEqual(['servicepack001']);
    writeFileSync(home.path('servicepacks/servicepack002.txt'), '');
    expect((await readAsCarbon(home.root)).names).toEqual([]);
  });

  test('names by manifest, not trimmed; every other file by its own name; the last writer’s MD5', async () => {
    const home = makeHome({
      patches: {
        patch0001: [bundle('core', 'p1'), { file: 'one.jar', manifest: ['Bundle-Version: 1'], tag: 'one' }],
        patch0002: [
          { ...bundle('core', 'p2'), file: 'core.jar' },
          {
            file: 'blank.jar',
            manifest: ['Bundle-SymbolicName: blank ;a:=b', 'Bundle-Version: 2'],
            fold: 30,
            tag: 'blank',
          },
        ],
      },
    });
    const { jars } = await readAsCarbon(home.root);
    expect(new Map([...jars].map(([name, md5]) => [name, [...home.tagsOf(md5)].join()]))).toEqual(
      new Map([
        [CORE, 'p2'],
        ['one.jar', 'one'],
        ['blank _2.jar', 'blank'],
      ]),
    );
  });
});
