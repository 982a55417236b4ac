// Zips as packs, through the command line: the layouts that count, the ones that are refused by name, the folder that a
// companion gets, and that nothing is unpacked twice or left behind.
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type CaseLayout, jarBytes } from '../support/home-builder.js';
import { codesOf, ManifestHome, md5, sha256, type Texts, zipOf } from '../support/manifest-home.js';
import { compareTrees, fileIdentities } from '../support/tree-snapshot.js';

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
const jar = (tag: string) => jarBytes({ name: 'org.example', version: '1.0.0', tag });
const plugins = (home: ManifestHome) => [...home.home.files('plugins').keys()];
const zips = (home: ManifestHome) => {
  const folder = home.path('repository/components/.prepatch/cache/zips');
  return existsSync(folder) ? readdirSync(folder) : [];
};

const WSO2 = 'WSO2-CARBON-PATCH-4.4.0-0001';

describe('what counts', () => {
  test.each([
    ['JARs at the top', 'patch0001.zip', { 'x.jar': jar('new') }, 'patch0001'],
    ['a folder named like it', 'patch0001.zip', { 'patch0001/x.jar': jar('new') }, 'patch0001'],
    ['another name in it', 'patch-for-all.zip', { 'patch0003/x.jar': jar('new') }, 'patch0003'],
    [
      'the shape of WSO2',
      'patch-4.4.0.zip',
      { [`${WSO2}/patch0001/x.jar`]: jar('new'), [`${WSO2}/README.txt`]: 'read', [`${WSO2}/LICENSE.txt`]: 'L' },
      'patch0001',
    ],
    ['what macOS leaves', 'patch0001.zip', { 'x.jar': jar('new'), '__MACOSX/._x.jar': 'junk' }, 'patch0001'],
  ])('%s', async (_what, name, files, pack) => {
    const home = makeHome();
    const before = home.snapshot();
    await home.zip(`patches/${name}`, files);
    const ran = await home.apply();
    expect(messages(ran.problems)).toBe('');
    expect(ran).toMatchObject({ exitCode: 0, apply: [pack] });
    expect(plugins(home).filter((path) => path.endsWith('.jar'))).toEqual(['org.example_1.0.0.jar']);
    expect(home.home.md5('plugins/org.example_1.0.0.jar')).toBe(md5(jar('new')));
    expect(home.home.names()).toEqual([pack]);
    expect(existsSync(home.home.path('patches', name))).toBe(true);
    rmSync(home.home.path('patches', name));
    expect((await home.apply()).revert).toEqual([pack]);
    expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  });

  test.each(['servicepack001.zip', 'servicepack-of-may.zip'])('a service pack: %s', async (name) => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'y.txt': 'absorbed' });
    await home.zip(`servicepacks/${name}`, {
      'servicepack001/lib/x.jar': jar('new'),
      'servicepack001/servicepack_patches.txt': 'patch0001\n',
    });
    expect((await home.apply()).apply).toEqual(['servicepack001']);
    expect(plugins(home)).toEqual(['org.example_1.0.0.jar']);
  });

  test('a manifest in it, its digests, files and versions', async () => {
    const home = makeHome({ 'repository/conf/carbon.xml': '<old/>' });
    const listed = (data: string | Uint8Array) => ({ sha256: sha256(data), md5: md5(data) });
    const manifest = {
      id: 'WSO2-CARBON-PATCH-4.4.0-0001',
      version: '1.0.0',
      appliesTo: { versions: ['>=4.4.0 <5'] },
      files: [
        {
          kind: 'update',
          path: '/repository/conf/carbon.xml',
          source: 'conf/carbon.xml',
          before: { md5: md5('<old/>') },
        },
      ],
      digests: {
        'patch0001/x.jar': listed(jar('new')),
        'conf/carbon.xml': listed('<new/>'),
        'README.txt': listed('read'),
      },
    };
    await home.zip('patches/patch-4.4.0.zip', {
      [`${WSO2}/patch0001/x.jar`]: jar('new'),
      [`${WSO2}/conf/carbon.xml`]: '<new/>',
      [`${WSO2}/README.txt`]: 'read',
      [`${WSO2}/patch.json`]: JSON.stringify(manifest),
    });
    expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
    expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
    expect(plugins(home)).toEqual(['org.example_1.0.0.jar']);
  });
});

describe('what does not', () => {
  test.each([
    [
      'two patches in one',
      'patch0001.zip',
      { 'patch0001/x.jar': jar('a'), 'patch0002/x.jar': jar('b') },
      'patch0001 and patch0002',
    ],
    ['a folder with another name', 'patch0001.zip', { 'hotfix/x.jar': jar('a') }, 'its JARs are in the folder hotfix'],
    ['nothing that is a pack', 'patch0001.zip', { 'docs/readme.txt': 'a' }, 'it holds neither JARs at its top'],
    [
      'a service pack among the patches',
      'patch0001.zip',
      { 'servicepack001/lib/x.jar': jar('a') },
      'it holds a servicepack',
    ],
    [
      'a JAR beside the folder',
      'patch0001.zip',
      { 'x.jar': jar('a'), 'patch0001/x.jar': jar('a') },
      'and JARs beside it',
    ],
    ['Carbon’s backup', 'patch0001.zip', { 'patch0000/x.jar': jar('a') }, 'which is Carbon’s backup'],
  ])('%s', async (_what, name, files, reason) => {
    const home = makeHome();
    await home.zip(`patches/${name}`, files);
    const ran = await home.apply();
    expect(ran.exitCode).toBe(3);
    expect(codesOf(ran.problems)).toEqual(['PACK_REFUSED patch0001']);
    expect(messages(ran.problems)).toContain(reason);
  });

  test.each([
    ['patches/PATCH0001.zip', 'does not count: a zip counts where its name begins with patch'],
    ['patches/WSO2-CARBON-PATCH-4.4.0-0001.zip', 'the name of a zip must begin with patch'],
    ['servicepacks/sp.zip', 'the name of a zip must begin with servicepack'],
    ['patches/org.example_1.0.0.jar', 'is a bare JAR'],
  ])('%s is named as a near miss', async (path, reason) => {
    const home = makeHome();
    await home.zip(path, { 'x.jar': jar('a') });
    const ran = await home.apply();
    expect(ran.exitCode).toBe(0);
    expect(codesOf(ran.problems)).toEqual(['NEAR_MISS']);
    expect(messages(ran.problems)).toContain(reason);
  });

  test('an archive that is refused is refused by name; the others go on by policy', async () => {
    const home = makeHome();
    const sound = Buffer.from(await zipOf({ 'x.jar': jar('a') }));
    home.write('repository/components/patches/patch0001.zip', sound.subarray(0, sound.length - 30));
    home.write('repository/components/patches/patch0002.zip', Buffer.concat([sound, Buffer.from('more')]));
    await home.zip('patches/patch0003.zip', { '../evil.jar': jar('b') });
    home.patch('patch0004', undefined, { 'd.txt': 'd' });
    const ran = await home.apply('--policy', 'degraded');
    expect(ran.apply).toEqual(['patch0004']);
    expect(messages(ran.problems)).toMatch(/patch0001\.zip is refused \(not-an-archive\)/);
    expect(messages(ran.problems)).toMatch(/patch0002\.zip is refused \(trailing-data\)/);
    expect(messages(ran.problems)).toMatch(/patch0003\.zip is refused \(path-traversal\): \.\.\/evil\.jar/);
    expect(existsSync(home.home.path('evil.jar'))).toBe(false);
  });

  test('the folder counts where both are there, and that is said', async () => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'a.txt': 'folder' });
    await home.zip('patches/patch0001.zip', { 'a.txt': 'zip', 'x.jar': jar('a') });
    await home.zip('patches/patch-again.zip', { 'patch0001/x.jar': jar('a') });
    const ran = await home.apply();
    expect(ran.apply).toEqual(['patch0001']);
    expect(home.read('repository/components/plugins/a.txt')).toBe('folder');
    expect(messages(ran.problems)).toMatch(/patch0001\.zip does not count: the folder .*patch0001 is there too/);
    expect(messages(ran.problems)).toMatch(/patch-again\.zip does not count/);
  });

  test('a zip by the name of a folder is the pack in it; leaving out the folder leaves the zip', async () => {
    const home = makeHome();
    await home.zip('patches/patch-x.zip', { 'patch0099/x.jar': jar('a') });
    expect((await home.apply()).apply).toEqual(['patch0099']);
    home.patch('patch-x', undefined, { 'a.jar': 'torn' });
    const ran = await home.apply('--policy', 'degraded');
    expect([ran.apply, ran.revert, home.home.names()]).toEqual([[], [], ['patch0099']]);
    expect(messages(ran.problems)).toMatch(/patch-x\/a\.jar is no sound JAR/);
    expect(messages(ran.problems)).not.toContain('does not count');
  });

  test('a zip that cannot be opened, beside the folder of its name', async () => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'a.txt': 'folder' });
    home.write('repository/components/patches/patch0001.zip', 'no zip');
    const ran = await home.apply();
    expect([ran.exitCode, ran.apply, codesOf(ran.problems)]).toEqual([0, ['patch0001'], ['NEAR_MISS']]);
  });

  test('a zip that is still being copied stays closed', async () => {
    const home = makeHome();
    home.write('repository/components/patches/patch-x.zip', 'no zip yet');
    const ran = await home.apply('--set', 'settleSeconds=3600');
    expect([ran.exitCode, codesOf(ran.problems)]).toEqual([0, ['DEFERRED patch-x']]);
  });

  test('two zips that are one patch', async () => {
    const home = makeHome();
    await home.zip('patches/patch0001.zip', { 'x.jar': jar('a') });
    await home.zip('patches/patch0001-again.zip', { 'patch0001/x.jar': jar('b') });
    const ran = await home.apply();
    expect(ran.exitCode).toBe(3);
    expect(messages(ran.problems)).toContain('are both patch0001');
  });
});

describe('what it was unpacked to', () => {
  test('is made once, read again only where the zip has changed, and swept with it', async () => {
    const home = makeHome();
    await home.zip('patches/patch0001.zip', { 'x.jar': jar('one') });
    await home.apply();
    const first = zips(home);
    expect(first).toHaveLength(1);
    const cache = home.path('repository/components/.prepatch/cache/zips');
    const identities = fileIdentities(cache);
    expect((await home.apply()).outcome).toBe('nothing');
    expect(fileIdentities(cache)).toEqual(identities);
    await home.zip('patches/patch0001.zip', { 'x.jar': jar('two') });
    expect((await home.apply()).outcome).toBe('changed');
    expect(home.home.md5('plugins/org.example_1.0.0.jar')).toBe(md5(jar('two')));
    expect(zips(home)).toHaveLength(1);
    expect(zips(home)).not.toEqual(first);
    rmSync(home.home.path('patches/patch0001.zip'));
    await home.apply();
    expect(zips(home)).toEqual([]);
  });

  test('is made anew where it is damaged, or was never finished', async () => {
    const home = makeHome();
    await home.zip('patches/patch0001.zip', { 'x.jar': jar('one'), 'y.txt': 'y' });
    await home.plan();
    const cache = home.path('repository/components/.prepatch/cache/zips');
    const [digest] = zips(home) as [string];
    rmSync(join(cache, digest, 'content', 'y.txt'));
    writeFileSync(join(cache, `${digest}.1.new`), 'left by a crash');
    expect((await home.apply()).apply).toEqual(['patch0001']);
    expect(home.read('repository/components/plugins/y.txt')).toBe('y');
    expect(zips(home)).toEqual([digest]);
    // Changed in place, with the time put back: noticed when it is read, and never applied.
    const file = join(cache, digest, 'content', 'y.txt');
    writeFileSync(file, 'z');
    utimesSync(file, new Date(0), new Date(0));
    rmSync(home.home.path('plugins/y.txt'));
    expect((await home.apply()).exitCode).toBe(0);
    expect(home.read('repository/components/plugins/y.txt')).toBe('y');
  });
});

describe('with a companion', () => {
  test.each(['4.2', '4.4'] as const)(
    'it becomes a folder, and the zip is kept; the folder is what a revert takes (layout %s)',
    async (layout) => {
      const home = makeHome({ 'repository/conf/carbon.xml': '<old/>' }, layout);
      home.home.addCompanion();
      const before = home.snapshot();
      const manifest = {
        id: 'w',
        version: '1.0.0',
        files: [{ kind: 'update', path: '/repository/conf/carbon.xml', source: 'conf/carbon.xml' }],
      };
      const files = {
        [`${WSO2}/patch0001/x.jar`]: jar('new'),
        [`${WSO2}/README.txt`]: 'read',
        [`${WSO2}/conf/carbon.xml`]: '<new/>',
        [`${WSO2}/patch.json`]: JSON.stringify(manifest),
      };
      await home.zip('patches/patch-4.4.0.zip', files);
      expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
      const there = () =>
        readdirSync(home.home.path('patches'))
          .filter((name) => name !== '.metadata')
          .sort();
      expect(there()).toEqual(['.held', '.payload', 'patch0001', 'patch0001.json']);
      expect(readdirSync(home.home.path('patches/patch0001'))).toEqual(['x.jar']);
      expect(readdirSync(home.home.path('patches/.held'))).toEqual(['patch-4.4.0.zip.unpacked']);
      expect(home.read('repository/conf/carbon.xml')).toBe('<new/>');
      expect(home.home.names()).toEqual(['patch0001']);
      expect((await home.apply()).outcome).toBe('nothing');
      rmSync(home.home.path('patches/patch0001'), { recursive: true });
      expect((await home.apply()).revert).toEqual(['patch0001']);
      expect(compareTrees(home.snapshot(), before).filter((line) => !/prePatched|\.metadata/.test(line))).toEqual([]);
      expect(existsSync(home.home.path('patches/patch0001.json'))).toBe(false);
      expect(existsSync(home.home.path('patches/.payload/patch0001'))).toBe(false);
      // Once more: what is kept of the first time is in nobody's way.
      await home.zip('patches/patch-4.4.0.zip', files);
      const again = await home.apply();
      expect(messages(again.problems)).toBe('');
      expect(again).toMatchObject({ apply: ['patch0001'] });
      expect(readFileSync(home.home.path('patches/patch0001/x.jar')).equals(jar('new'))).toBe(true);
    },
  );

  test('a service pack becomes a folder; one that is refused is held, so that it hides no other', async () => {
    const home = makeHome();
    home.home.addCompanion();
    await home.zip('servicepacks/servicepack001.zip', {
      'servicepack001/lib/x.jar': jar('new'),
      'servicepack001/servicepack_patches.txt': '',
    });
    expect((await home.apply()).apply).toEqual(['servicepack001']);
    expect(readdirSync(home.home.path('servicepacks/servicepack001')).sort()).toEqual([
      'lib',
      'servicepack_patches.txt',
    ]);
    const manifest = { id: 's', version: '2.0.0', appliesTo: { versions: ['>=9'] } };
    await home.zip('servicepacks/servicepack002.zip', {
      'lib/x.jar': jar('newer'),
      'servicepack_patches.txt': '',
      'patch.json': JSON.stringify(manifest),
    });
    const ran = await home.apply();
    expect(codesOf(ran.problems)).toEqual(['NOT_ELIGIBLE servicepack002']);
    expect(readdirSync(home.home.path('servicepacks')).sort()).toEqual(['.held', 'servicepack001']);
    expect((await home.apply()).exitCode).toBe(0);
    expect(home.home.names()).toEqual(['servicepack001']);
  });

  test('a patch that is refused stays where it is: Carbon passes over it', async () => {
    const home = makeHome();
    home.home.addCompanion();
    home.write('repository/components/patches/patch0001.zip', 'no zip');
    const ran = await home.apply();
    expect(messages(ran.problems)).toContain('patch0001.zip is refused (not-an-archive)');
    expect(readdirSync(home.home.path('patches'))).toEqual(['patch0001.zip']);
  });
});
