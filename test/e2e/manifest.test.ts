// What a pack says of itself, through the command line: which homes it is for, what it needs, what it changes anywhere in the
// home, and that a revert gives back every byte.
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { CaseLayout } from '../support/home-builder.js';
import { codesOf, ManifestHome, md5, sha256, type Texts } from '../support/manifest-home.js';
import { compareTrees } from '../support/tree-snapshot.js';

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(files: Texts = {}, layout: CaseLayout = '4.2'): ManifestHome {
  const home = new ManifestHome(layout, files);
  homes.push(home);
  return home;
}

const messages = (problems: readonly { readonly message: string }[]) =>
  problems.map(({ message }) => message).join('\n');

describe('reading', () => {
  test('an error names the file, the line, the field, what it holds and what is expected, and belongs to its pack alone', async () => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'a.txt': 'a' });
    home.write(
      'repository/components/patches/patch0001.json',
      '{\n  "id": "x",\n  "version": "1.0.0",\n  "fixs": []\n}\n',
    );
    home.patch('patch0002', undefined, { 'b.txt': 'b' });
    const ran = await home.apply('--policy', 'degraded');
    expect(codesOf(ran.problems)).toEqual(['INPUT_INVALID patch0001']);
    expect(messages(ran.problems)).toMatch(
      /patch0001\.json:4:\d+: \/fixs: found the unknown key "fixs", expected .*fixes/,
    );
    expect(ran.apply).toEqual(['patch0002']);
  });

  test('patch.json in the folder of a patch: taken without a companion, refused where Carbon would copy it to plugins', async () => {
    const home = makeHome();
    const text = JSON.stringify({ id: 'p', version: '1.0.0', fixes: ['CVE-2020-1'] });
    home.patch('patch0001', undefined, { 'a.txt': 'a', 'patch.json': text });
    expect((await home.apply()).apply).toEqual(['patch0001']);
    expect([...home.home.files('plugins').keys()]).toEqual(['a.txt']);
    home.home.addCompanion();
    const ran = await home.plan();
    expect(codesOf(ran.problems)).toContain('PACK_REFUSED patch0001');
    expect(messages(ran.problems)).toContain('would copy it to plugins');
  });

  test('two manifests of one pack, and one of no pack', async () => {
    const home = makeHome();
    home.patch('patch0001', {}, { 'patch.json': '{"id":"a","version":"1.0.0"}' });
    home.write('repository/components/patches/patch0007.json', '{}');
    const { problems } = await home.plan();
    expect(messages(problems)).toContain('patch0001 has two manifests');
    expect(messages(problems)).toContain('describes the patch patch0007, which is not there');
  });
});

describe('which packs apply (AppLife)', () => {
  test('one for another version is not offered, and the reason is shown in plan, status and log; the others go on', async () => {
    const home = makeHome();
    home.patch('patch0001', { appliesTo: { versions: ['>=5.0.0'] } }, { 'a.txt': 'a' });
    home.patch('patch0002', { appliesTo: { versions: ['[4.4.0,4.5.0)'] } }, { 'b.txt': 'b' });
    const reason =
      /patch0001 is not applied \(not-applicable\): patch0001 is for version >=5\.0\.0; the home is 4\.4\.0/;
    expect(messages((await home.plan()).problems)).toMatch(reason);
    const ran = await home.apply();
    expect(ran).toMatchObject({ exitCode: 0, outcome: 'changed', apply: ['patch0002'] });
    expect([...home.home.files('plugins').keys()]).toEqual(['b.txt']);
    expect(messages((await home.status()).problems)).toMatch(reason);
    expect(home.home.logBodies().join('\n')).toMatch(reason);
    expect((await home.apply()).outcome).toBe('nothing');
  });

  test.each([
    ['bin/version.txt', 'Plugin Server v4.4.0\n', '4.4.0'],
    ['repository/conf/carbon.xml', '<Server><!-- <Version>1.0</Version> --><Version>4.5.1</Version></Server>', '4.5.1'],
    ['bin/wso2carbon-version.txt', 'WSO2 Carbon Framework v4.4.11\n', '4.4.11'],
  ])('the version is that of %s', async (path, text, version) => {
    const home = makeHome();
    home.remove('bin/version.txt');
    home.write(path, text);
    home.patch('patch0001', { appliesTo: { versions: ['9.9.9'] } }, { 'a.txt': 'a' });
    expect(messages((await home.plan()).problems)).toContain(`the home is ${version}`);
  });

  test('the identity of a release is that of its identity files, as they are without any pack', async () => {
    const home = makeHome({ 'lib/a.txt': 'a', 'lib/b.txt': 'b' });
    home.write('prepatch.yaml', 'identityFiles: [/lib/a.txt, /lib/b.txt]\n');
    const identity = md5(md5('a') + md5('b'));
    const update = [{ kind: 'update', path: '/lib/a.txt', source: 'files/a.txt' }];
    home.patch('patch0001', { appliesTo: { identities: [identity] }, files: update }, { 'files/a.txt': 'changed' });
    home.patch('patch0002', { appliesTo: { identities: [md5('another')] } }, { 'x.txt': 'x' });
    const ran = await home.apply();
    expect(ran.apply).toEqual(['patch0001']);
    expect(messages(ran.problems)).toContain(`the home has ${identity}`);
    expect(home.read('lib/a.txt')).toBe('changed');
    expect((await home.apply()).outcome).toBe('nothing');
  });

  test('requires, conflicts and supersedes', async () => {
    const home = makeHome();
    home.patch('patch0001', { requires: [{ id: 'nowhere' }] }, { 'a.txt': 'a' });
    home.patch('patch0002', {}, { 'b.txt': 'b' });
    home.patch('patch0003', { supersedes: [{ id: 'patch0002' }] }, { 'c.txt': 'c' });
    home.patch('patch0004', { conflicts: [{ id: 'patch0003' }] }, { 'd.txt': 'd' });
    const ran = await home.apply();
    expect(ran.apply).toEqual(['patch0003']);
    expect(codesOf(ran.problems).sort()).toEqual([
      'NOT_ELIGIBLE patch0001',
      'NOT_ELIGIBLE patch0004',
      'SUPERSEDED patch0002',
    ]);
  });

  test('a chain from version to version in one run; one in the middle that is not chainable ends the run', async () => {
    const home = makeHome();
    const step = (from: string, to: string, chainable = true) => ({
      appliesTo: { versions: [from] },
      leadsTo: { version: to },
      chainable,
    });
    home.patch('patch0001', step('4.4.0', '4.4.1'), { 'a.txt': '1' });
    home.patch('patch0002', step('4.4.1', '4.4.2', false), { 'a.txt': '2' });
    home.patch('patch0003', step('4.4.2', '4.4.3'), { 'a.txt': '3' });
    const first = await home.apply();
    expect(first.apply).toEqual(['patch0001', 'patch0002']);
    expect(codesOf(first.problems)).toEqual(['DEFERRED patch0003']);
    const second = await home.apply();
    expect(second.apply).toEqual(['patch0003']);
    expect(home.read('repository/components/plugins/a.txt')).toBe('3');
    expect((await home.apply()).outcome).toBe('nothing');
  });

  test('with a companion, what is not applied is held, and given back when it may be applied', async () => {
    const home = makeHome();
    home.home.addCompanion();
    home.patch('patch0001', { requires: [{ id: 'patch0002' }] }, { 'a.txt': 'a' });
    await home.apply();
    expect(statSync(home.home.path('patches/.held/patch0001')).isDirectory()).toBe(true);
    home.patch('patch0002', undefined, { 'b.txt': 'b' });
    expect((await home.apply()).apply).toEqual(['patch0001', 'patch0002']);
    expect(statSync(home.home.path('patches/patch0001')).isDirectory()).toBe(true);
  });

  test('a service pack that is not for this home leaves its place to the one before it', async () => {
    const home = makeHome();
    home.home.addServicepack('servicepack001', { lib: [{ file: 'a.txt', text: '1', tag: '1' }], absorbs: '' });
    home.home.addServicepack('servicepack002', {
      lib: [{ file: 'a.txt', text: '2', tag: '2' }],
      absorbs: 'patch0001\n',
    });
    const manifest = { id: 's', version: '1.0.0', appliesTo: { versions: ['>=5'] } };
    home.write('repository/components/servicepacks/servicepack002/patch.json', JSON.stringify(manifest));
    home.patch('patch0001', undefined, { 'b.txt': 'b' });
    const ran = await home.apply();
    expect(ran.apply).toEqual(['servicepack001', 'patch0001']);
    expect(codesOf(ran.problems)).toEqual(['NOT_ELIGIBLE servicepack002']);
  });

  test('a revert says which vulnerabilities it reopens, but for those that another pack fixes', async () => {
    const home = makeHome();
    home.patch('patch0001', { fixes: ['CVE-2022-29464', 'CARBON-15000'] }, { 'a.txt': 'a' });
    home.patch('patch0002', { fixes: ['CARBON-15000'] }, { 'b.txt': 'b' });
    await home.apply();
    home.unpatch('patch0001');
    const { problems } = await home.plan();
    expect(codesOf(problems)).toEqual(['REOPENS patch0001']);
    expect(messages(problems)).toBe('the revert of patch0001 reopens CVE-2022-29464');
  });
});

describe('digests', () => {
  const listed = (text: string) => ({ sha256: sha256(text), md5: md5(text), sizeBytes: text.length });

  test('all match: applied', async () => {
    const home = makeHome();
    home.patch('patch0001', { digests: { 'a.txt': listed('a') } }, { 'a.txt': 'a' });
    expect((await home.apply()).apply).toEqual(['patch0001']);
  });

  test.each([
    ['unlisted', { 'a.txt': listed('a') }, { 'a.txt': 'a', 'b.txt': 'b' }],
    ['missing', { 'a.txt': listed('a'), 'b.txt': listed('b') }, { 'a.txt': 'a' }],
    ['wrong-size', { 'a.txt': listed('a') }, { 'a.txt': 'ab' }],
    ['wrong-checksum', { 'a.txt': listed('a') }, { 'a.txt': 'b' }],
    ['wrong-checksum', { 'a.txt': { ...listed('a'), sha256: sha256('b') } }, { 'a.txt': 'a' }],
  ])('%s: refused', async (name, digests, files) => {
    const home = makeHome();
    home.patch('patch0001', { digests }, files);
    const ran = await home.apply();
    expect(ran.exitCode).not.toBe(0);
    expect(messages(ran.problems)).toContain(`(${name})`);
    expect([...home.home.files('plugins').keys()]).toEqual([]);
  });
});

describe('files anywhere in the home', () => {
  const base = {
    'repository/conf/carbon.xml': '<old/>',
    'repository/conf/extra.xml': '<extra/>',
    'repository/webapps/old/a.txt': 'a',
    'repository/webapps/old/deep/b.txt': 'b',
    'repository/components/plugins/big.txt': 'big',
  };
  const all = [
    {
      kind: 'update',
      path: '/repository/conf/carbon.xml',
      source: 'files/carbon.xml',
      before: { md5: md5('<old/>') },
      mode: '0600',
    },
    { kind: 'create', path: '/bin/check.sh', source: 'files/check.sh', flags: { executable: true } },
    { kind: 'create', type: 'directory', path: '/data/queue/empty', mode: '0750' },
    { kind: 'create', type: 'directory', path: '/repository/webapps/x', source: 'files/x' },
    { kind: 'delete', path: '/repository/conf/extra.xml', before: { sizeBytes: 8 } },
    { kind: 'rename', type: 'directory', path: '/repository/webapps/old', to: '/repository/attic/new' },
    { kind: 'delete', path: '/repository/components/plugins/big.txt' },
  ];
  const payload = {
    'a.txt': 'plugin',
    'files/carbon.xml': '<new/>',
    'files/check.sh': '#!/bin/sh\n',
    'files/x/index.html': '<html/>',
    'files/x/WEB-INF/web.xml': '<web/>',
  };

  test.each(['4.2', '4.4'] as const)('every operation, and its revert, byte for byte (layout %s)', async (layout) => {
    const home = makeHome(base, layout);
    const before = home.snapshot();
    home.patch('patch0001', { files: all }, payload);
    expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
    expect(statSync(home.path('repository/conf/carbon.xml')).mode & 0o777).toBe(0o600);
    expect(statSync(home.path('bin/check.sh')).mode & 0o111).toBe(0o111);
    expect(statSync(home.path('data/queue/empty')).mode & 0o777).toBe(0o750);
    expect(home.read('repository/webapps/x/WEB-INF/web.xml')).toBe('<web/>');
    expect(home.read('repository/attic/new/deep/b.txt')).toBe('b');
    const found = [...home.snapshot().keys()];
    for (const path of ['repository/conf/extra.xml', 'repository/webapps/old', 'repository/components/plugins/big.txt'])
      expect(found).not.toContain(path);
    expect((await home.apply()).outcome).toBe('nothing');
    home.unpatch('patch0001');
    expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0001'] });
    const left = compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'));
    expect(left).toEqual([]);
    expect((await home.apply()).outcome).toBe('nothing');
  });

  test.each([
    ['patch0001', 'patch0002'],
    ['patch0002', 'patch0001'],
  ])('two packs on one path, %s removed first', async (first, second) => {
    const home = makeHome(base);
    const before = home.snapshot();
    const update = (source: string) => ({ files: [{ kind: 'update', path: '/repository/conf/carbon.xml', source }] });
    home.patch('patch0001', update('files/c.xml'), { 'files/c.xml': '<one/>' });
    home.patch('patch0002', update('files/c.xml'), { 'files/c.xml': '<two/>' });
    await home.apply();
    expect(home.read('repository/conf/carbon.xml')).toBe('<two/>');
    home.unpatch(first);
    await home.apply();
    expect(home.read('repository/conf/carbon.xml')).toBe(first === 'patch0002' ? '<one/>' : '<two/>');
    home.unpatch(second);
    await home.apply();
    expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  });

  test('a pack on what another pack has made: renamed, changed, and taken away in either order', async () => {
    const home = makeHome(base);
    const before = home.snapshot();
    home.patch(
      'patch0001',
      { files: [{ kind: 'create', path: '/repository/conf/new.xml', source: 'files/n.xml' }] },
      { 'files/n.xml': '<n/>' },
    );
    home.patch('patch0002', {
      requires: [{ id: 'patch0001' }],
      files: [{ kind: 'rename', path: '/repository/conf/new.xml', to: '/repository/conf/newer.xml' }],
    });
    await home.apply();
    expect(home.read('repository/conf/newer.xml')).toBe('<n/>');
    home.unpatch('patch0001');
    const ran = await home.apply();
    expect(ran.revert).toEqual(['patch0001', 'patch0002']);
    expect(codesOf(ran.problems)).toContain('NOT_ELIGIBLE patch0002');
    expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  });

  test('a file in place of a folder, and back', async () => {
    const home = makeHome(base);
    const before = home.snapshot();
    home.patch(
      'patch0001',
      {
        files: [
          { kind: 'delete', type: 'directory', path: '/repository/webapps/old' },
          { kind: 'create', path: '/repository/webapps/old', source: 'files/f' },
        ],
      },
      { 'files/f': 'a file' },
    );
    await home.apply();
    expect(home.read('repository/webapps/old')).toBe('a file');
    home.unpatch('patch0001');
    await home.apply();
    expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  });

  test('what came into a folder after the pack is left alone', async () => {
    const home = makeHome(base);
    home.patch('patch0001', { files: [{ kind: 'delete', type: 'directory', path: '/repository/webapps/old' }] });
    await home.apply();
    home.write('repository/webapps/old/mine.txt', 'mine');
    expect(await home.apply()).toMatchObject({ exitCode: 0 });
    expect(home.read('repository/webapps/old/mine.txt')).toBe('mine');
    home.unpatch('patch0001');
    await home.apply();
    expect(home.read('repository/webapps/old/mine.txt')).toBe('mine');
    expect(home.read('repository/webapps/old/deep/b.txt')).toBe('b');
  });

  test('a file that was changed by hand is put back, and what was there is kept aside', async () => {
    const home = makeHome(base);
    home.patch(
      'patch0001',
      { files: [{ kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/c.xml' }] },
      { 'files/c.xml': '<new/>' },
    );
    await home.apply();
    home.write('repository/conf/carbon.xml', '<edited by hand/>');
    const ran = await home.apply();
    expect(codesOf(ran.problems)).toEqual(['DRIFT']);
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
  });

  test.each([
    ['exists', { kind: 'create', path: '/repository/conf/carbon.xml', source: 'files/f' }],
    ['missing', { kind: 'update', path: '/repository/conf/none.xml', source: 'files/f' }],
    ['missing', { kind: 'delete', path: '/repository/conf/none.xml' }],
    ['missing', { kind: 'rename', path: '/repository/conf/none.xml', to: '/x' }],
    ['exists', { kind: 'rename', path: '/repository/conf/carbon.xml', to: '/repository/conf/extra.xml' }],
    ['wrong-type', { kind: 'delete', path: '/repository/webapps/old' }],
    ['wrong-type', { kind: 'delete', type: 'directory', path: '/repository/conf/carbon.xml' }],
    ['wrong-type', { kind: 'create', path: '/repository/conf/carbon.xml/x', source: 'files/f' }],
    [
      'wrong-checksum',
      { kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/f', before: { md5: md5('x') } },
    ],
    ['wrong-checksum', { kind: 'delete', path: '/repository/conf/carbon.xml', before: { sha256: sha256('x') } }],
    [
      'wrong-size',
      { kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/f', before: { sizeBytes: 5 } },
    ],
    ['missing-source', { kind: 'create', path: '/x', source: 'files/none' }],
    [
      'wrong-basis',
      {
        kind: 'update',
        path: '/repository/conf/carbon.xml',
        delta: { source: 'files/f', before: { md5: md5('x') }, after: { md5: md5('y') } },
      },
    ],
  ])('%s: refused before anything is touched: %j', async (name, operation) => {
    const home = makeHome(base);
    const before = home.snapshot();
    home.patch('patch0001', { files: [operation] }, { 'a.txt': 'a', 'files/f': 'f' });
    const ran = await home.apply();
    expect(ran.exitCode).toBe(3);
    expect(messages(ran.problems)).toContain(`(${name})`);
    expect(codesOf(ran.problems).every((code) => code.endsWith(' patch0001'))).toBe(true);
    expect(compareTrees(home.snapshot(), before)).toEqual([]);
  });

  test.each([
    '/repository/components/patches/patch0009/a.jar',
    '/repository/components/servicepacks/x',
    '/repository/components/.prepatch/ledger.json',
    '/repository/logs/patches.log',
    '/repository/components/default/configuration/prePatched.txt',
    '/prepatch.yaml',
    '/repository/components',
    '/repository',
  ])('%s is the business of prepatch', async (path) => {
    const home = makeHome(base);
    home.patch('patch0001', { files: [{ kind: 'delete', type: 'directory', path }] });
    expect(codesOf((await home.apply()).problems)).toEqual(['OUTSIDE_HOME patch0001']);
  });

  test('no link on the way is followed, and none is replaced', async () => {
    const home = makeHome(base);
    mkdirSync(home.path('outside'));
    symlinkSync(home.path('outside'), home.path('repository/link'));
    home.patch(
      'patch0001',
      { files: [{ kind: 'create', path: '/repository/link/x', source: 'files/f' }] },
      { 'files/f': 'f' },
    );
    expect(codesOf((await home.apply()).problems)).toContain('OUTSIDE_HOME patch0001');
    home.unpatch('patch0001');
    home.patch('patch0002', { files: [{ kind: 'delete', path: '/repository/link' }] });
    expect(codesOf((await home.apply()).problems)).toEqual(['OUTSIDE_HOME patch0002']);
  });

  test('with a companion, what a manifest names lies in .payload, beside the patches', async () => {
    const home = makeHome(base);
    home.home.addCompanion();
    const operation = { kind: 'update', path: '/repository/conf/carbon.xml', source: 'files/c.xml' };
    home.patch('patch0001', { files: [operation] }, { 'a.txt': 'a', 'files/c.xml': '<new/>' });
    const refused = await home.apply();
    expect(messages(refused.problems)).toContain('Carbon’s own patcher would copy it there, or stop at it');
    home.remove('repository/components/patches/.held');
    home.patch('patch0001', { files: [operation] }, { 'a.txt': 'a' });
    home.write('repository/components/patches/.payload/patch0001/files/c.xml', '<new/>');
    expect((await home.apply()).apply).toEqual(['patch0001']);
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
  });
});
