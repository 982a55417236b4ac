// Packs as they lie in the drop folders: which count, where their manifests and payloads are, what lands in plugins, what is
// refused; on homes in memory, by the functions that a look is made of.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DigestCache } from '../../src/home/digest-cache.js';
import { Inventory } from '../../src/home/inventory.js';
import { absolute, makeLayout, rooted } from '../../src/home/layout.js';
import { findHidingFiles, listPacks, openPacks, type PackListing } from '../../src/home/list-packs.js';
import type { Pack } from '../../src/home/pack.js';
import { comparePackNames } from '../../src/home/pack-order.js';
import type { PackRules } from '../../src/home/pack-rules.js';
import { readPacks } from '../../src/home/read-packs.js';
import { walkPack } from '../../src/home/walk-pack.js';
import { parsePackManifest } from '../../src/plan/pack-manifest.js';
import { SerialBulk } from '../../src/system/bulk.js';
import { md5, sha256 } from '../support/manifest-home.js';
import { MemoryFiles } from '../support/memory-files.js';
import { emptyHome, HOME, jar, makeFolder, PATCHES, put, putPatch, SERVICEPACKS } from '../support/small-homes.js';
import { forgeZip } from '../support/zip-forge.js';

const layout = makeLayout(HOME, 'carbon-4.2');
const RULES: PackRules = { order: 'lexicographic', companion: false };
const WITH_COMPANION: PackRules = { order: 'lexicographic', companion: true };

let files: MemoryFiles;
beforeEach(() => {
  files = emptyHome();
});
afterEach(() => {
  files = new MemoryFiles();
});

const inventory = () => new Inventory(files, new SerialBulk(files), DigestCache.load(files, layout.cache));
const listed = (rules = RULES) => listPacks(files, layout, rules);
const names = (listing: PackListing) => listing.patches.map(({ name }) => name);

/** All patches and the service pack, listed, opened, walked and read. */
async function read(rules = RULES, at = layout): Promise<Pack[]> {
  const known = inventory();
  const listing = await openPacks(files, at, known, listed(rules), rules, () => false);
  const { manifests, payloads, kept, servicepack, patches } = listing;
  const walked = [];
  for (const pack of servicepack === undefined ? patches : [servicepack, ...patches])
    walked.push(await walkPack(files, at, pack, { rules, manifests, payloads, parse: parsePackManifest }));
  return readPacks(files, at, known, walked, { rules, deep: false, kept });
}

async function readOne(rules = RULES, at = layout): Promise<Pack> {
  const [pack] = await read(rules, at);
  if (pack === undefined) throw new Error('there is no pack');
  return pack;
}

const messages = ({ problems }: Pick<Pack, 'problems'>) =>
  problems.map(({ code, message }) => `${code}: ${message}`).join('\n');
const targets = ({ files: own }: Pack) => own.map(({ target }) => target);

function putManifest(patch: string, manifest: object, path = `${PATCHES}/${patch}.json`): void {
  put(files, path, JSON.stringify({ id: patch, version: '1.0.0', ...manifest }));
}

describe('which count', () => {
  test('folders and zips whose names begin as they must; patch0000 is no patch; the last service pack', () => {
    for (const name of ['patch0002', 'patch0001', 'patch0000', 'other']) makeFolder(files, `${PATCHES}/${name}`);
    for (const name of ['servicepack001', 'servicepack002']) makeFolder(files, `${SERVICEPACKS}/${name}`);
    put(files, `${PATCHES}/patch0003.zip`, 'zip');
    put(files, `${PATCHES}/.hidden`, '');
    const listing = listed();
    expect(names(listing)).toEqual(['patch0001', 'patch0002', 'patch0003']);
    expect(listing.backup).toBe('folder');
    expect(listing.servicepack?.name).toBe('servicepack002');
    expect(listing.olderServicepacks.map(({ name }) => name)).toEqual(['servicepack001']);
    expect(listing.problems).toEqual([]);
  });

  test.each([
    [
      'another case',
      () => makeFolder(files, `${PATCHES}/Patch0001`),
      'does not count: names begin with patch in lower case',
    ],
    ['a word before it', () => makeFolder(files, `${PATCHES}/my-patch0001`), 'its name does not begin with patch'],
    [
      'a service pack among the patches',
      () => makeFolder(files, `${PATCHES}/servicepack001`),
      'is a service pack among the patches',
    ],
    [
      'a patch among the service packs',
      () => makeFolder(files, `${SERVICEPACKS}/patch0001`),
      'is a patch among the service packs',
    ],
    ['a bare JAR', () => put(files, `${PATCHES}/fix.jar`, ''), 'is a bare JAR; only folders count'],
    ['a zip by another name', () => put(files, `${PATCHES}/fix.zip`, ''), 'the name of a zip must begin with patch'],
    ['a zip in another case', () => put(files, `${PATCHES}/patch0001.ZIP`, ''), 'in lower case'],
    [
      'a manifest without its patch',
      () => put(files, `${PATCHES}/patch0009.json`, '{}'),
      'describes the patch patch0009, which is not there',
    ],
  ])('%s is a near miss, and said', (_, make, expected) => {
    make();
    const listing = listed();
    expect(listing.patches).toEqual([]);
    expect(listing.problems.map(({ code }) => code)).toEqual(['NEAR_MISS']);
    expect(listing.problems[0]?.message).toContain(expected);
  });

  test('a link is a pack that is refused', () => {
    makeFolder(files, `${HOME}/elsewhere`);
    files.symlink(`${HOME}/elsewhere`, `${PATCHES}/patch0001`);
    const listing = listed();
    const refusal = { code: 'PACK_REFUSED', severity: 'error', pack: 'patch0001' };
    expect(listing.patches).toMatchObject([{ name: 'patch0001', refusal }]);
    expect(listing.problems).toEqual([]);
  });

  test('what was held is a pack, unless one of that name lies in the folder', () => {
    makeFolder(files, `${PATCHES}/.held/patch0001`);
    makeFolder(files, `${PATCHES}/.held/patch0002`);
    makeFolder(files, `${PATCHES}/patch0002`);
    expect(listed().patches.map(({ name, held }) => [name, held])).toEqual([
      ['patch0001', true],
      ['patch0002', false],
    ]);
  });

  test('patch0000 is the backup only as a folder in its place; what is held is none, and a zip is refused', async () => {
    makeFolder(files, `${PATCHES}/.held/patch0000`);
    put(files, `${PATCHES}/patch0000.zip`, forgeZip({ entries: [{ name: 'a.jar', data: 'a' }] }));
    expect(listed()).toMatchObject({ backup: undefined, patches: [{ name: 'patch0000', held: false }] });
    const [pack, ...others] = await read();
    expect(others).toEqual([]);
    expect(pack?.problems).toMatchObject([{ code: 'PACK_REFUSED', pack: 'patch0000' }]);
    put(files, `${PATCHES}/patch0000.zip`, forgeZip({ entries: [{ name: 'patch0007/a.txt', data: 'a' }] }));
    expect((await read()).map(({ name, problems }) => [name, problems])).toEqual([['patch0007', []]]);
    makeFolder(files, `${PATCHES}/patch0000`);
    expect(listed().backup).toBe('folder');
  });

  test('patch0000 as a link is said, and no backup to us; to Carbon it is there where it leads to a folder', () => {
    files.symlink(`${HOME}/elsewhere`, `${PATCHES}/patch0000`);
    expect(listed()).toMatchObject({ backup: undefined, patches: [], problems: [{ code: 'NEAR_MISS' }] });
    makeFolder(files, `${HOME}/elsewhere`);
    expect(listed()).toMatchObject({ backup: 'link', patches: [], problems: [{ code: 'NEAR_MISS' }] });
  });

  test('a plain file behind the last service pack would hide it from Carbon', () => {
    makeFolder(files, `${SERVICEPACKS}/servicepack001`);
    put(files, `${SERVICEPACKS}/servicepack002.txt`, '');
    const listing = listed();
    expect(listing.servicepack?.name).toBe('servicepack001');
    const hiding = findHidingFiles(layout, listing, listing.servicepack, new Set(), RULES);
    expect(hiding.names).toEqual(['servicepack002.txt']);
    expect(hiding.problems.map(({ code }) => code)).toEqual(['NEAR_MISS']);
  });

  test('a zip hides it from Carbon’s own patcher, unless it goes out of the way or lies before', () => {
    makeFolder(files, `${SERVICEPACKS}/servicepack001`);
    for (const name of ['servicepack000', 'servicepack001', 'servicepack002', '.held/servicepack009'])
      put(files, `${SERVICEPACKS}/${name}.zip`, 'zip');
    const [servicepack] = listed().olderServicepacks.filter(({ zip, name }) => !zip && name === 'servicepack001');
    const hiding = (rules: PackRules, ...leaving: string[]) =>
      findHidingFiles(
        layout,
        listed(),
        servicepack,
        new Set(leaving.map((name) => rooted('servicepacks', name))),
        rules,
      ).names;
    expect(hiding(RULES)).toEqual([]);
    expect(hiding(WITH_COMPANION)).toEqual(['servicepack001.zip', 'servicepack002.zip']);
    expect(hiding(WITH_COMPANION, 'servicepack002.zip')).toEqual(['servicepack001.zip']);
  });

  test('order: letter by letter, which is said where it surprises; or by number', () => {
    for (const name of ['patch9', 'patch10']) makeFolder(files, `${PATCHES}/${name}`);
    expect(names(listed())).toEqual(['patch10', 'patch9']);
    expect(listed().problems.map(({ code }) => code)).toEqual(['ORDER_SURPRISE']);
    const natural = listed({ ...RULES, order: 'natural' });
    expect(names(natural)).toEqual(['patch9', 'patch10']);
    expect(natural.problems).toEqual([]);
    const [surprise] = listed(WITH_COMPANION).problems;
    expect(surprise?.hint).not.toContain('or set order: natural');
    expect(comparePackNames('patch1', 'patch01', 'natural')).toBeGreaterThan(0);
    expect(comparePackNames('patch1a2', 'patch1a10', 'natural')).toBeLessThan(0);
  });
});

describe('manifests', () => {
  test('beside a patch; what it names at the top of the patch does not land in plugins', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a', 'files/conf.xml': 'x', 'more/b.txt': 'b' });
    putManifest('patch0001', { files: [{ kind: 'create', path: '/conf/x.xml', source: 'files/conf.xml' }] });
    const pack = await readOne();
    expect(messages(pack)).toBe('');
    expect(targets(pack)).toEqual(['plugins:a.txt', 'plugins:more/b.txt']);
    expect(pack.operations).toMatchObject([{ kind: 'create', path: 'home:conf/x.xml' }]);
    expect(pack.content?.get('files/conf.xml')).toMatchObject({ source: 'patches:patch0001/files/conf.xml' });
  });

  test('a path of plugins is the plugin, by whatever name the manifest has it', async () => {
    putPatch(files, 'patch0001', { 'files/x': 'x' });
    const path = '/repository/components/plugins/a/b.jar';
    putManifest('patch0001', { files: [{ kind: 'create', path, source: 'files/x' }] });
    expect((await readOne()).operations).toMatchObject([{ path: 'plugins:a/b.jar' }]);
  });

  test('in the patch: taken alone, refused where Carbon would copy it; both are refused', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a' });
    putManifest('patch0001', {}, `${PATCHES}/patch0001/patch.json`);
    const alone = await readOne();
    expect(messages(alone)).toBe('');
    expect(targets(alone)).toEqual(['plugins:a.txt']);
    expect(messages(await readOne(WITH_COMPANION))).toContain('Carbon’s own patcher would copy it to plugins');
    putManifest('patch0001', {});
    const both = await readOne();
    expect(messages(both)).toContain('PACK_REFUSED: patch0001 has two manifests');
    expect(both.files).toEqual([]);
  });

  test('what it names lies in .payload where Carbon comes after us, and is refused in the patch', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a' });
    putManifest('patch0001', { files: [{ kind: 'create', path: '/x', source: 'files/x' }] });
    put(files, `${PATCHES}/.payload/patch0001/files/x`, 'x');
    const pack = await readOne(WITH_COMPANION);
    expect(messages(pack)).toBe('');
    expect(targets(pack)).toEqual(['plugins:a.txt']);
    expect(pack.content?.get('files/x')).toMatchObject({ source: 'patches:.payload/patch0001/files/x' });
    put(files, `${PATCHES}/patch0001/files/x`, 'x');
    expect(messages(await readOne(WITH_COMPANION))).toContain('is for the manifest of patch0001 and not for plugins');
  });

  test.each([
    ['no JSON', '{', 'INPUT_INVALID: repository/components/patches/patch0001.json:1:2'],
    ['no manifest', '[]', 'INPUT_INVALID'],
    [
      'not UTF-8',
      Buffer.from([0xff, 0xfe]),
      'INPUT_INVALID: repository/components/patches/patch0001.json is not UTF-8',
    ],
    ['too large', ' '.repeat(1024 * 1024 + 1), 'INPUT_TOO_LARGE'],
    [
      'about our own files',
      JSON.stringify({ id: 'p', version: '1', files: [{ kind: 'delete', path: '/prepatch.yaml' }] }),
      'OUTSIDE_HOME',
    ],
  ])('%s: an error of that pack, which has no files then', async (_, text, expected) => {
    putPatch(files, 'patch0001', { 'a.txt': 'a' });
    put(files, `${PATCHES}/patch0001.json`, text);
    const pack = await readOne();
    expect(messages(pack)).toContain(expected);
    expect(pack.problems.every(({ pack: of }) => of === 'patch0001')).toBe(true);
    expect(pack.files).toEqual([]);
  });

  test('the top of a path may not be a value that is known only later', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a' });
    const actions = [
      { kind: 'setValue', name: 'n', value: 'x' },
      { kind: 'create', path: '/x', source: '$n$/x' },
    ];
    putManifest('patch0001', { actions });
    expect(messages(await readOne())).toContain('begins with a value ($name$)');
  });
});

describe('digests', () => {
  const listing = (text: string) => ({ md5: md5(text), sha256: sha256(text), sizeBytes: text.length });

  test('every file is listed, in whichever way its path is written', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a', 'b.txt': 'b' });
    putManifest('patch0001', { digests: { 'a.txt': listing('a'), 'patch0001/b.txt': listing('b') } });
    expect(messages(await readOne())).toBe('');
  });

  test.each([
    ['unlisted', { 'a.txt': listing('a') }],
    ['missing', { 'a.txt': listing('a'), 'b.txt': listing('b'), 'c.txt': listing('c') }],
    ['wrong-size', { 'a.txt': listing('a'), 'b.txt': listing('bb') }],
    ['wrong-checksum', { 'a.txt': listing('a'), 'b.txt': listing('x') }],
    ['wrong-checksum', { 'a.txt': listing('a'), 'b.txt': { ...listing('b'), sha256: sha256('x') } }],
  ])('%s', async (name, digests) => {
    putPatch(files, 'patch0001', { 'a.txt': 'a', 'b.txt': 'b' });
    putManifest('patch0001', { digests });
    const pack = await readOne();
    expect(messages(pack)).toMatch(new RegExp(`^PACK_REFUSED: .*\\(${name}\\)$`));
    expect(pack.files).toEqual([]);
  });
});

describe('what lands in plugins', () => {
  test('a bundle by its manifest; its folder is refused where it was unpacked one level too deep', async () => {
    putPatch(files, 'patch0001', { 'anything.jar': jar('org.a', '1.2.0', 'x') });
    expect(targets(await readOne())).toEqual(['plugins:org.a_1.2.0.jar']);
    files = emptyHome();
    putPatch(files, 'patch0001', { 'patch0001/a.jar': jar('org.a', '1.2.0', 'x') });
    expect(messages(await readOne())).toContain('it was unpacked one level too deep');
  });

  test('two files of one pack on one path, and a JAR that is none', async () => {
    putPatch(files, 'patch0001', { 'a.jar': jar('org.a', '1.0.0', 'one'), 'b.jar': jar('org.a', '1.0.0', 'two') });
    expect(messages(await readOne())).toContain('a.jar and b.jar of patch0001 are both org.a_1.0.0.jar');
    files = emptyHome();
    putPatch(files, 'patch0001', { 'a.jar': 'torn' });
    expect(messages(await readOne())).toContain('is no sound JAR');
  });

  test('a link in a pack is refused, and a README is said', async () => {
    putPatch(files, 'patch0001', { 'a.txt': 'a', 'README.md': 'read me' });
    expect((await readOne()).problems).toMatchObject([{ code: 'README_IN_PACK', severity: 'info' }]);
    files.symlink(`${HOME}/x`, `${PATCHES}/patch0001/link`);
    expect(messages(await readOne())).toContain('is a link; a pack may hold only files and folders');
  });

  test('of a service pack what lies in lib; without its list, or lib, it is refused', async () => {
    const put1 = (path: string, text: string) => put(files, `${SERVICEPACKS}/servicepack001/${path}`, text);
    put1('servicepack_patches.txt', 'patch0001\n');
    put1('lib/a.txt', 'a');
    put1('notes.txt', 'n');
    const pack = await readOne();
    expect(pack).toMatchObject({ kind: 'servicepack', absorbs: ['patch0001'], problems: [] });
    expect(targets(pack)).toEqual(['plugins:a.txt']);
    files = emptyHome();
    put1('lib/a.txt', 'a');
    expect(messages(await readOne())).toContain('has no servicepack_patches.txt');
    files = emptyHome();
    put1('servicepack_patches.txt', '');
    expect(messages(await readOne())).toContain('has no folder lib');
  });

  test('a folder in a patch is taken, but not where Carbon would stop at it', async () => {
    putPatch(files, 'patch0001', { 'exploded_1.0.0/plugin.xml': 'x' });
    const pack = await readOne();
    expect(pack.directories.map(({ target }) => target)).toEqual(['plugins:exploded_1.0.0']);
    expect(messages(await readOne(WITH_COMPANION))).toContain('Carbon’s own patcher would stop at it at every start');
  });
});

describe('names that Carbon’s lists could not say', () => {
  test.each(['patch0001\nx', 'patch0001\r', 'patch\u0085'])('of a pack: %j', async (name) => {
    putPatch(files, name, { 'a.txt': 'a' });
    expect(messages(await readOne())).toContain('its name has a control character');
  });

  test('of a file in plugins: only in the layout that lists files, and only at the top', async () => {
    const content = { 'a:b': 'a', 'line\nbreak': 'b', 'return\rinside': 'c', 'tab\t': 'd', 'dir/a:b\n': 'e' };
    putPatch(files, 'patch0001', { ...content, 'a.jar': jar('org:a', '1.0.0', 'x') });
    expect((await readOne()).problems).toEqual([]);
    const pack = await readOne(RULES, makeLayout(HOME, 'carbon-4.4'));
    expect(pack.problems.map(({ path }) => path?.split('patch0001/')[1])).toEqual([
      'a.jar',
      'a:b',
      'line\nbreak',
      'return\rinside',
    ]);
    expect(messages(pack)).toContain('would be "org:a_1.0.0.jar" in plugins; that name has a colon');
  });
});

describe('zips', () => {
  test('a zip is the pack that is in it; a folder of that name counts before it', async () => {
    const entries = [{ name: 'patch0007/a.txt', data: 'a' }];
    put(files, `${PATCHES}/patch-fix.zip`, forgeZip({ entries }));
    const pack = await readOne();
    expect(pack).toMatchObject({ name: 'patch0007', zip: 'patches:patch-fix.zip', problems: [] });
    expect(targets(pack)).toEqual(['plugins:a.txt']);
    putPatch(files, 'patch0007', { 'b.txt': 'b' });
    expect((await read()).map(({ name, zip }) => [name, zip])).toEqual([['patch0007', undefined]]);
  });

  test('what was unpacked and has been changed since is not believed', async () => {
    put(files, `${PATCHES}/patch0001.zip`, forgeZip({ entries: [{ name: 'patch0001/a.txt', data: 'a' }] }));
    const { folder } = await readOne();
    put(files, `${absolute(layout, folder)}/a.txt`, 'b');
    expect(messages(await readOne())).toContain('PACK_CHANGED');
    expect(messages(await readOne())).toBe('');
  });
});
