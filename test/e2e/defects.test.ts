// Carbon's defects D1 to D12 (docs/carbon.md): the same steps, the opposite outcome.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { runPrepatch, watchEnd } from '../support/command.js';
import { type CaseFile, type CaseHome, type CaseLayout, fileName, TestHome } from '../support/home-builder.js';
import { need } from '../support/need.js';
import { compareTrees, isOwnState, snapshotTree } from '../support/tree-snapshot.js';

const LAYOUTS: readonly CaseLayout[] = ['4.2', '4.4'];
const homes: TestHome[] = [];

afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(layout: CaseLayout, described: CaseHome): TestHome {
  const home = new TestHome(layout, described);
  homes.push(home);
  return home;
}

function bundle(name: string, tag: string, version = '1.0.0'): CaseFile {
  return { name: `org.example.${name}`, version, tag };
}

const BASE = [bundle('core', 'base'), bundle('web', 'base'), bundle('mail', 'base')];

/** Plugins as `file: tag`, one a line. */
function tagsIn(home: TestHome): string[] {
  return [...home.files('plugins')].map(
    ([name, md5]) => `${name.replace(/^org\.example\./, '').replace(/\.jar$/, '')}: ${[...home.tagsOf(md5)].join('/')}`,
  );
}

const ORIGINAL = ['core_1.0.0: base', 'mail_1.0.0: base', 'web_1.0.0: base'];

async function start(home: TestHome, policy = 'last-good', env: Readonly<Record<string, string>> = {}) {
  const from = home.logBytes().length;
  const result = await runPrepatch(['boot', '--home', home.root, '--policy', policy], { env });
  return { ...result, log: home.logBodies(from) };
}

describe.skipIf(need('root') !== undefined)('D1, a disk that is really full', () => {
  for (const layout of LAYOUTS) {
    test(`${layout}: nothing is truncated, nothing is taken for an original, and the next start with room applies`, async () => {
      const mount = mkdtempSync(join(tmpdir(), 'prepatch-full-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mount]);
      try {
        const home = new TestHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } }, mount);
        const original = snapshotTree(home.path('plugins'));
        writeFileSync(join(mount, 'filling'), Buffer.alloc(8192));
        fillUp(join(mount, 'filling'));
        const failed = await runPrepatch(['apply', '--home', home.root]);
        expect(failed.exitCode).toBe(3);
        expect(failed.stdout + failed.stderr).toMatch(/bytes are needed on the file system of .*, 0 are free/);
        expect(compareTrees(snapshotTree(home.path('plugins')), original)).toEqual([]);
        expect((await start(home)).exitCode).toBe(0);
        expect(compareTrees(snapshotTree(home.path('plugins')), original)).toEqual([]);
        rmSync(join(mount, 'filling'));
        expect((await start(home)).exitCode).toBe(0);
        expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
        home.remove('patches/patch0001');
        await start(home);
        expect(compareTrees(snapshotTree(home.path('plugins')), original)).toEqual([]);
      } finally {
        execFileSync('umount', [mount]);
        rmSync(mount, { recursive: true });
      }
    });
  }
});

/** Until nothing more fits. */
function fillUp(path: string): void {
  for (let piece = 1 << 20; piece >= 1; piece = Math.floor(piece / 2)) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(piece));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }
}

describe.each(LAYOUTS)('layout %s', (layout) => {
  test('D2: “reverted” in the log means that the original is back, though the backup is partial', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      patches: { patch0001: [bundle('core', 'p1'), bundle('web', 'p1')] },
    });
    await start(home);
    const store = home.path('.prepatch/store');
    const [first] = execFileSync('ls', [store], { encoding: 'utf8' }).trim().split('\n');
    rmSync(join(store, first as string));
    home.remove('patches/patch0001');
    const refused = await start(home);
    expect(refused.log).not.toContain('patch0001 has been reverted');
    expect(refused.log.join('\n')).toMatch(/the original of .* is not in the store any more/);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: p1']);
    expect((await runPrepatch(['apply', '--home', home.root])).exitCode).toBe(3);
  });

  test('D3: a torn JAR of a service pack is never recorded as done, and is tried again', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      servicepacks: { servicepack001: { lib: [{ ...bundle('core', 'sp1'), torn: true }], absorbs: '' } },
    });
    await start(home);
    expect(home.names()).toEqual([]);
    expect(tagsIn(home)).toEqual(ORIGINAL);
    home.write('servicepacks/servicepack001/lib', [bundle('core', 'sp1')]);
    await start(home);
    expect(home.names()).toEqual(['servicepack001']);
    expect(tagsIn(home)).toEqual(['core_1.0.0: sp1', 'mail_1.0.0: base', 'web_1.0.0: base']);
  });

  test('D4: a failure in the middle leaves the set of before, not half of a new one', async () => {
    const home = makeHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    home.addPatch('patch0002', [bundle('core', 'p2'), { ...bundle('web', 'p2'), torn: true }]);
    const result = await start(home);
    expect(result.exitCode).toBe(0);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
    expect(home.names()).toEqual(['patch0001']);
    expect((await start(home, 'strict')).exitCode).toBe(3);
    expect((await start(home, 'degraded')).exitCode).toBe(0);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
  });

  test('D5: revert removes what the patch added: JARs, files, folders', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      patches: {
        patch0001: [
          bundle('core', 'p1', '1.1.0'),
          { file: 'notes.txt', text: 'notes', tag: 'notes' },
          {
            dir: 'org.example.exploded_1.0.0',
            files: [{ dir: 'lib', files: [{ file: 'a', text: '', tag: 'empty' }] }],
          },
        ],
      },
    });
    const original = snapshotTree(home.root, isOwnState);
    await start(home);
    expect(tagsIn(home)).toHaveLength(6);
    home.remove('patches/patch0001');
    const expected = new Map([...original].filter(([path]) => !path.includes('patches/patch0001')));
    await start(home);
    const left = compareTrees(snapshotTree(home.root, isOwnState), expected).filter((line) => !/prePatched/.test(line));
    expect(left).toEqual([]);
  });

  test('D5: but not the vendor’s folders, though they be empty, which Carbon’s backup has, too', async () => {
    const folders = [{ dir: 'exploded_1.0.0/empty' }];
    const home = makeHome(layout, {
      plugins: [bundle('core', 'sp'), ...folders, { dir: 'added' }],
      patches: { patch0000: [bundle('core', 'base'), ...folders] },
      servicepacks: { servicepack001: { lib: [bundle('core', 'sp'), ...folders, { dir: 'added' }], absorbs: '' } },
      state: {
        names: ['servicepack001', 'patch0000'],
        jars: { 'org.example.core_1.0.0.jar': 'servicepacks/servicepack001/lib/org.example.core_1.0.0.jar' },
      },
    });
    await start(home);
    home.remove('servicepacks/servicepack001');
    await start(home);
    expect(tagsIn(home)).toEqual(['core_1.0.0: base']);
    expect(existsSync(home.path('plugins/exploded_1.0.0/empty'))).toBe(true);
    expect(existsSync(home.path('plugins/added'))).toBe(false);
  });

  test('D6: a JAR taken out of an applied patch is noticed, and its plugin is the original again', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      patches: { patch0001: [bundle('core', 'p1'), bundle('web', 'p1')] },
    });
    await start(home);
    home.remove('patches/patch0001/org.example.web_1.0.0.jar');
    const result = await start(home);
    expect(result.log).toContain('org.example.web_1.0.0.jar has been removed');
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
  });

  test.runIf(layout === '4.4')('D6: nor does one stay that was taken out before the first start', async () => {
    const home = makeHome(layout, {
      plugins: [bundle('mail', 'base'), bundle('core', 'p1'), bundle('web', 'p1'), bundle('new', 'p1')],
      patches: { patch0000: BASE, patch0001: [bundle('core', 'p1')] },
      state: {
        names: ['patch0000', 'patch0001'],
        jars: Object.fromEntries(
          ['core', 'web', 'new'].map((name) => [
            fileName(bundle(name, 'p1')),
            `plugins/${fileName(bundle(name, 'p1'))}`,
          ]),
        ),
      },
    });
    const result = await start(home);
    expect(result.log).toContain('org.example.web_1.0.0.jar has been removed');
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
  });

  test('D7: a torn JAR stops its own patch alone under degraded; a folder and a JAR without a manifest stop nothing', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      patches: {
        patch0001: [{ ...bundle('core', 'p1'), torn: true }],
        patch0002: [
          { file: 'plain.jar', manifest: null, tag: 'plain' },
          { dir: 'folder', files: [bundle('inner', 'p2')] },
        ],
        patch0003: [bundle('web', 'p3')],
      },
    });
    const result = await start(home, 'degraded');
    expect(result.exitCode).toBe(0);
    expect(result.log.filter((line) => line.startsWith('patch0001 is quarantined: '))).toHaveLength(1);
    expect(home.names()).toEqual(['patch0002', 'patch0003']);
    expect(tagsIn(home)).toEqual([
      'folder/org.example.inner_1.0.0: p2',
      'core_1.0.0: base',
      'mail_1.0.0: base',
      'web_1.0.0: p3',
      'plain: plain',
    ]);
  });

  test('D8: the last service pack and patch0000 go, and a service pack without lib or list is a named problem', async () => {
    const home = makeHome(layout, {
      plugins: BASE,
      patches: { patch0000: BASE },
      servicepacks: { servicepack001: { lib: [bundle('core', 'sp1')], absorbs: '' } },
    });
    await start(home);
    home.remove('servicepacks/servicepack001');
    home.remove('patches/patch0000');
    expect((await start(home)).exitCode).toBe(0);
    expect(tagsIn(home)).toEqual(ORIGINAL);
    expect(home.names()).toEqual([]);
    for (const [pack, missing] of [
      [{ absorbs: '' }, 'servicepack002 has no folder lib'],
      [{ lib: [] }, 'servicepack002 has no servicepack_patches.txt'],
    ] as const) {
      home.addServicepack('servicepack002', pack);
      const result = await start(home);
      expect(result.exitCode).toBe(0);
      expect(result.log.join('\n')).toContain(missing);
      expect(tagsIn(home)).toEqual(ORIGINAL);
      home.remove('servicepacks/servicepack002');
    }
  });

  test.each([
    ['edited', (home: TestHome) => home.write('plugins', [bundle('core', 'edited')])],
    ['missing', (home: TestHome) => home.remove('plugins/org.example.core_1.0.0.jar')],
    ['torn', (home: TestHome) => home.write('plugins', [{ ...bundle('core', 'edited'), torn: true }])],
    ['emptied', (home: TestHome) => writeFileSync(home.path('plugins/org.example.core_1.0.0.jar'), '')],
  ])('D9: a patched plugin that was %s is found at the start and repaired', async (_, drift) => {
    const home = makeHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    drift(home);
    expect((await start(home)).exitCode).toBe(0);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
    home.remove('patches/patch0001');
    await start(home);
    expect(tagsIn(home)).toEqual(ORIGINAL);
  });

  test('D9: an edited plugin that no patch covers, and an extra one, are said and left', async () => {
    const home = makeHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    home.write('plugins', [bundle('mail', 'edited by hand'), bundle('extra', 'extra')]);
    const { log } = await start(home);
    expect(log.join('\n')).toMatch(/org\.example\.mail_1\.0\.0\.jar was changed/);
    expect(log.join('\n')).toMatch(/org\.example\.extra_1\.0\.0\.jar is new and no pack brings it/);
    expect(tagsIn(home)).toContain('mail_1.0.0: edited by hand');
    expect(tagsIn(home)).toContain('extra_1.0.0: extra');
  });

  test('D10: the list of what is applied is never seen empty or half-written while a run works', async () => {
    const many = Array.from({ length: 60 }, (_, n) => bundle(`many${n}`, 'base'));
    const home = makeHome(layout, { plugins: [...BASE, ...many], patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    home.addPatch(
      'patch0002',
      many.map((_, n) => bundle(`many${n}`, 'p2')),
    );
    const run = runPrepatch(['apply', '--home', home.root]);
    const running = watchEnd(run);
    const texts = new Set<string>();
    while (running.isOn) {
      texts.add(readFileSync(home.namesFile, 'utf8'));
      await nextTurn();
    }
    expect((await run).exitCode).toBe(0);
    texts.add(readFileSync(home.namesFile, 'utf8'));
    expect([...texts]).toEqual(['patch0001\n', 'patch0001\npatch0002\n']);
  });

  test('D11: patches.log is appended to, whatever is in it and however long it is', async () => {
    const home = makeHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    const old = Buffer.concat([Buffer.alloc(3 << 20, 'an old line\n'), Buffer.from([0xff, 0xfe, 0x0a])]);
    writeFileSync(home.logFile, old);
    await start(home);
    home.remove('patches/patch0001');
    await start(home);
    const now = home.logBytes();
    expect(now.length).toBeGreaterThan(old.length);
    expect(now.subarray(0, old.length).equals(old)).toBe(true);
    expect(home.logBodies(old.length)).toContain('patch0001 has been reverted');
  });

  test('D12: a base that the vendor updates is said, is not downgraded, and is taken by one command', async () => {
    const home = makeHome(layout, { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    home.write('plugins', [bundle('mail', 'vendor')]);
    home.addPatch('patch0002', [bundle('web', 'p2')]);
    const { log } = await start(home);
    expect(log.join('\n')).toMatch(/org\.example\.mail_1\.0\.0\.jar was changed/);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: vendor', 'web_1.0.0: p2']);
    expect((await runPrepatch(['rebase', '--home', home.root])).exitCode).toBe(0);
    expect((await start(home)).log.join('\n')).not.toMatch(/was changed/);
    home.addPatch('patch0003', [bundle('mail', 'p3')]);
    await start(home);
    home.remove('patches/patch0003');
    home.remove('patches/patch0001');
    home.remove('patches/patch0002');
    await start(home);
    expect(tagsIn(home)).toEqual(['core_1.0.0: base', 'mail_1.0.0: vendor', 'web_1.0.0: base']);
  });
});

describe('drift in other shapes', () => {
  test.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => execFileSync('ln', ['-s', 'elsewhere', path])],
  ])('a patched plugin that was replaced by %s is a conflict that names it; nothing is touched', async (_, replace) => {
    const home = makeHome('4.2', { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } });
    await start(home);
    const path = home.path('plugins/org.example.core_1.0.0.jar');
    rmSync(path);
    replace(path);
    const { exitCode, stdout, stderr } = await runPrepatch(['apply', '--home', home.root]);
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain('org.example.core_1.0.0.jar');
    expect(existsSync(path) || statSync(path, { throwIfNoEntry: false }) === undefined).toBe(true);
    rmSync(path, { recursive: true });
    expect((await start(home)).exitCode).toBe(0);
    expect(tagsIn(home)).toEqual(['core_1.0.0: p1', 'mail_1.0.0: base', 'web_1.0.0: base']);
  });
});
