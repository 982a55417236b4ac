// The record and its copy are lost: what doctor --fix rebuilds is right, paths of manifests among it, so that a revert gives the
// original home; where the record alone knew something, nothing is rebuilt, and that is said.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { codesOf, ManifestHome, md5, type Texts } from '../support/manifest-home.js';
import { compareTrees } from '../support/tree-snapshot.js';

const homes: ManifestHome[] = [];

afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

const BASE: Texts = {
  'repository/conf/carbon.xml': '<old/>',
  'repository/conf/gone.xml': '<to be deleted/>',
  'repository/conf/deep/a.txt': 'a',
  'repository/components/plugins/readme.txt': 'no pack covers this',
};

function makeHome(): ManifestHome {
  const home = new ManifestHome('4.2', BASE);
  homes.push(home);
  return home;
}

function loseRecord(home: ManifestHome): void {
  for (const name of ['ledger.json', 'ledger.copy.json']) rmSync(home.home.path('.prepatch', name));
}

async function doctor(home: ManifestHome, ...options: readonly string[]) {
  const { exitCode, stdout, stderr } = await runPrepatch(['doctor', '--home', home.home.root, ...options]);
  return { exitCode, says: stdout + stderr };
}

const OPERATIONS = {
  files: [
    { kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/c.xml', before: { md5: md5('<old/>') } },
    { kind: 'create', path: '/repository/conf/new.sh', source: 'files/new.sh', flags: { executable: true } },
    { kind: 'create', path: '/repository/new/deep/x.txt', source: 'files/new.sh' },
    { kind: 'delete', path: '/repository/conf/gone.xml', before: { md5: md5('<to be deleted/>') } },
  ],
};
const CONTENT: Texts = { 'files/c.xml': '<new/>', 'files/new.sh': 'echo new' };

describe('the record is lost', () => {
  test('it is rebuilt with what manifests have changed, and a revert gives the original back', async () => {
    const home = makeHome();
    const original = home.snapshot();
    home.patch('patch0001', OPERATIONS, CONTENT);
    home.patch(
      'patch0002',
      {
        files: [
          { kind: 'update', path: '/repository/conf/carbon.xml', source: 'c.xml', before: { md5: md5('<new/>') } },
        ],
      },
      { 'c.xml': '<newer/>' },
    );
    expect((await home.apply()).exitCode).toBe(0);
    const patched = home.snapshot();
    loseRecord(home);
    expect((await home.apply('--policy', 'strict').catch(() => ({ exitCode: 3 }))).exitCode).toBe(3);
    expect((await doctor(home)).says).toContain('is missing, although this home has been patched');
    const fixed = await doctor(home, '--fix');
    expect(fixed).toMatchObject({ exitCode: 0, says: expect.stringContaining('2 packs are in place') as unknown });
    expect(fixed.says).toMatch(/the originals of (\d+) of \1 paths are proven/);
    const next = await home.plan();
    expect([next.exitCode, next.apply, next.revert, next.problems]).toEqual([0, [], [], []]);
    expect((await home.apply()).exitCode).toBe(0);
    expect(compareTrees(home.snapshot(), patched)).toEqual([]);
    home.unpatch('patch0002');
    expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0002'] });
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
    home.unpatch('patch0001');
    expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0001'] });
    const left = compareTrees(home.snapshot(), original).filter((line) => !/prePatched/.test(line));
    // Whether the folder was there before nobody knows any more.
    expect(left.filter((line) => !/repository\/new\b/.test(line))).toEqual([]);
    expect(existsSync(home.path('repository/new/deep/x.txt'))).toBe(false);
  });

  test('its copy is not taken where it was not renewed after the last commit: it would make what that has applied an original', async () => {
    const home = makeHome();
    const original = home.snapshot();
    const copy = home.home.path('.prepatch', 'ledger.copy.json');
    home.patch('patch0001', { files: [OPERATIONS.files[0]] }, CONTENT);
    expect((await home.apply()).exitCode).toBe(0);
    const old = readFileSync(copy);
    home.patch(
      'patch0002',
      { files: [{ kind: 'update', path: '/repository/conf/deep/a.txt', source: 'b.txt', before: { md5: md5('a') } }] },
      { 'b.txt': 'b' },
    );
    expect((await home.apply()).exitCode).toBe(0);
    rmSync(home.home.path('.prepatch', 'ledger.json'));
    writeFileSync(copy, old);
    const found = await doctor(home);
    expect(found.says).not.toContain('second copy');
    expect(found.says).toContain('the record is rebuilt');
    const fixed = await doctor(home, '--fix');
    expect(fixed).toMatchObject({ exitCode: 0, says: expect.stringContaining('2 packs are in place') as unknown });
    for (const name of ['patch0001', 'patch0002']) home.unpatch(name);
    expect(await home.apply()).toMatchObject({ exitCode: 0 });
    expect(compareTrees(home.snapshot(), original).filter((line) => !/prePatched/.test(line))).toEqual([]);
  });

  test('an original that nothing proves is not made up: its revert is refused by name', async () => {
    const home = makeHome();
    home.patch(
      'patch0001',
      { files: [{ kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/c.xml' }] },
      CONTENT,
    );
    await home.apply();
    loseRecord(home);
    expect((await doctor(home, '--fix')).says).toContain('the originals of 0 of 1 paths are proven');
    expect((await doctor(home)).says).toContain('the original of repository/conf/carbon.xml is not known');
    home.unpatch('patch0001');
    const refused = await home.apply();
    expect([refused.exitCode, codesOf(refused.problems)]).toEqual([3, ['BASE_UNKNOWN']]);
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
  });

  test.each<[string, object, RegExp]>([
    [
      'actions',
      {
        actions: [
          { kind: 'editProperties', file: '/repository/conf/deep/a.txt', edits: [{ op: 'set', key: 'a', value: '2' }] },
        ],
      },
      /patch0001 has run actions/,
    ],
    [
      'a folder that was deleted',
      { files: [{ kind: 'delete', type: 'directory', path: '/repository/conf/deep' }] },
      /what patch0001 found at repository\/conf\/deep was in the record alone/,
    ],
    [
      'a file that was renamed',
      { files: [{ kind: 'rename', path: '/repository/conf/gone.xml', to: '/repository/conf/here.xml' }] },
      /what patch0001 found at repository\/conf\/gone\.xml was in the record alone/,
    ],
  ])('%s: nothing is rebuilt, and that is said', async (_, manifest, says) => {
    const home = makeHome();
    home.patch('patch0001', manifest, CONTENT);
    const applied = await home.apply();
    expect([applied.exitCode, applied.apply], applied.text).toEqual([0, ['patch0001']]);
    loseRecord(home);
    expect((await doctor(home)).says).toMatch(says);
    const [finding] = (JSON.parse((await doctor(home, '--json')).says) as { findings: unknown[] }).findings;
    expect(finding).toMatchObject({ code: 'LEDGER_MISSING', fixable: false });
    const refused = await doctor(home, '--fix');
    expect([refused.exitCode, refused.says]).toEqual([3, expect.stringMatching(says)]);
    expect(existsSync(home.home.path('.prepatch/ledger.json'))).toBe(false);
  });

  test('what was changed by hand meanwhile is not taken for what a pack has done', async () => {
    const home = makeHome();
    home.patch('patch0001', OPERATIONS, CONTENT);
    await home.apply();
    home.write('repository/conf/carbon.xml', '<edited/>');
    loseRecord(home);
    const refused = await doctor(home, '--fix');
    expect(refused.exitCode).toBe(3);
    expect(refused.says).toContain('repository/conf/carbon.xml is not as patch0001 has it');
  });

  test('a pack that has to show its health is named: probations are not rebuilt', async () => {
    const home = makeHome();
    const health = { kind: 'file', path: '/repository/healthy' };
    home.patch('patch0001', { health, files: OPERATIONS.files.slice(1, 2) }, CONTENT);
    const applied = await home.apply();
    expect([applied.exitCode, applied.apply], applied.text).toEqual([0, ['patch0001']]);
    loseRecord(home);
    expect((await doctor(home, '--fix')).says).toContain('patch0001 counts as healthy');
    expect((await home.status()).state).not.toBe('probation');
  });

  test('a pack that was applied and is not there is named', async () => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'x.txt': 'content' });
    home.patch('patch0002', undefined, { 'y.txt': 'content' });
    await home.apply();
    home.unpatch('patch0002');
    loseRecord(home);
    expect((await doctor(home, '--fix')).says).toContain('patch0002 was applied and is not there');
  });
});

test('whatever a start refuses is told', async () => {
  const home = makeHome();
  home.patch('patch0001', { fixes: 'not a list' }, { 'x.txt': 'content' });
  expect((await home.apply()).exitCode).toBe(3);
  const { exitCode, says } = await doctor(home);
  expect(exitCode).toBe(3);
  expect(says).toContain('patch0001.json');
});
