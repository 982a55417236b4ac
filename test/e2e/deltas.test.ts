// Updates by delta, through the command line: what they make, on the original and on what other packs have made, and that each
// wrong one is refused by name before anything is touched.
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { CaseLayout } from '../support/home-builder.js';
import { encodeVcdiff, vcdiff } from '../support/encode-vcdiff.js';
import { codesOf, ManifestHome, md5, sha256, type Texts } from '../support/manifest-home.js';
import { compareTrees } from '../support/tree-snapshot.js';
import { bundleManifest, forgeJar } from '../support/zip-forge.js';

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

const PLUGIN = '/repository/components/plugins/org.a_1.0.0.jar';
const jar = (content: string) => forgeJar(bundleManifest('org.a', '1.0.0'), [{ name: 'content', data: content }]);
const ORIGINAL = jar('the original of it, which is long enough to be worth a copy');
const PATCHED = jar('the patched one of it, which is long enough to be worth a copy');
const AGAIN = jar('the patched one of it, which is long enough to be worth two copies');

const digests = (bytes: Uint8Array) => ({ md5: md5(bytes), sha256: sha256(bytes), sizeBytes: bytes.length });
const update = (before: Uint8Array, after: Uint8Array, more: object = {}) => ({
  files: [
    {
      kind: 'update',
      path: PLUGIN,
      delta: { source: 'files/d', before: digests(before), after: digests(after) },
      ...more,
    },
  ],
});

/** What a pack has put in place has no SHA-256 on record. */
const byMd5 = (before: Uint8Array, after: Uint8Array) => ({
  files: [
    {
      kind: 'update',
      path: PLUGIN,
      delta: { source: 'files/d', before: { md5: md5(before) }, after: { md5: md5(after) } },
    },
  ],
});

function makeHome(files: Texts = {}, layout: CaseLayout = '4.2'): ManifestHome {
  const home = new ManifestHome(layout, { [PLUGIN.slice(1)]: ORIGINAL, ...files });
  homes.push(home);
  return home;
}

const digestOf = (home: ManifestHome) => home.home.files('plugins').get('org.a_1.0.0.jar');
const messages = (problems: readonly { readonly message: string }[]) =>
  problems.map(({ message }) => message).join('\n');
const results = (home: ManifestHome) => {
  try {
    return readdirSync(home.home.path('.prepatch/cache/deltas'));
  } catch {
    return [];
  }
};

test.each(['4.2', '4.4'] as const)('a JAR to a JAR, and its revert, byte for byte (layout %s)', async (layout) => {
  const home = makeHome({}, layout);
  const before = home.snapshot();
  home.patch('patch0001', update(ORIGINAL, PATCHED), { 'files/d': encodeVcdiff(ORIGINAL, PATCHED) });
  const plan = await home.plan();
  expect(plan).toMatchObject({
    changes: [{ action: 'replace', from: 'repository/components/patches/patch0001/files/d', winner: 'patch0001' }],
  });
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'], problems: [] });
  expect(digestOf(home)).toBe(md5(PATCHED));
  expect(await home.apply()).toMatchObject({ outcome: 'nothing', problems: [] });
  // What was made is kept for the next look, and may be deleted.
  expect(results(home)).toHaveLength(1);
  home.remove('repository/components/.prepatch/cache');
  expect(await home.apply()).toMatchObject({ outcome: 'nothing', problems: [] });
  home.unpatch('patch0001');
  expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0001'] });
  expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  expect(results(home)).toEqual([]);
});

describe('on what other packs have made', () => {
  test('a delta on a delta; the later one goes first', async () => {
    const home = makeHome();
    home.patch('patch0001', update(ORIGINAL, PATCHED), { 'files/d': encodeVcdiff(ORIGINAL, PATCHED) });
    home.patch('patch0002', update(PATCHED, AGAIN), { 'files/d': encodeVcdiff(PATCHED, AGAIN) });
    expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001', 'patch0002'], problems: [] });
    expect(digestOf(home)).toBe(md5(AGAIN));
    home.unpatch('patch0002');
    await home.apply();
    expect(digestOf(home)).toBe(md5(PATCHED));
    home.unpatch('patch0001');
    await home.apply();
    expect(digestOf(home)).toBe(md5(ORIGINAL));
  });

  test('the earlier one goes first: the later has lost its basis, and says so', async () => {
    const home = makeHome();
    home.patch('patch0001', update(ORIGINAL, PATCHED), { 'files/d': encodeVcdiff(ORIGINAL, PATCHED) });
    home.patch('patch0002', update(PATCHED, AGAIN), { 'files/d': encodeVcdiff(PATCHED, AGAIN) });
    await home.apply();
    home.unpatch('patch0001');
    const ran = await home.apply();
    expect(ran).toMatchObject({ exitCode: 3, outcome: 'kept' });
    expect(messages(ran.problems)).toContain('(wrong-basis)');
    expect(digestOf(home)).toBe(md5(AGAIN));
    expect(await home.apply('--policy', 'degraded')).toMatchObject({ exitCode: 0, revert: ['patch0001', 'patch0002'] });
    expect(digestOf(home)).toBe(md5(ORIGINAL));
  });

  test('a delta on a whole file of a pack, in one run and in two', async () => {
    for (const runs of [1, 2]) {
      const home = makeHome();
      home.patch('patch0001', undefined, { 'org.a_1.0.0.jar': PATCHED });
      if (runs === 2) await home.apply();
      home.patch('patch0002', byMd5(PATCHED, AGAIN), { 'files/d': encodeVcdiff(PATCHED, AGAIN) });
      expect(await home.apply()).toMatchObject({ exitCode: 0, problems: [] });
      expect(digestOf(home)).toBe(md5(AGAIN));
    }
  });
});

test('a delta in a file of the home, with a mode of its own; two files by one delta', async () => {
  const home = makeHome({ 'conf/a.txt': 'one two three', 'conf/b.txt': 'one two three' });
  const delta = { source: 'files/d', before: { md5: md5('one two three') }, after: { sha256: sha256('one 2 three') } };
  const operation = (path: string) => ({ kind: 'update', path, delta, mode: '0600' });
  home.patch(
    'patch0001',
    { files: [operation('/conf/a.txt'), operation('/conf/b.txt')] },
    { 'files/d': encodeVcdiff(Buffer.from('one two three'), Buffer.from('one 2 three')) },
  );
  expect(await home.apply()).toMatchObject({ exitCode: 0, problems: [] });
  expect([home.read('conf/a.txt'), home.read('conf/b.txt')]).toEqual(['one 2 three', 'one 2 three']);
  expect(results(home)).toHaveLength(1);
});

test('a result that was changed by hand is put back, from the delta', async () => {
  const home = makeHome();
  home.patch('patch0001', update(ORIGINAL, PATCHED), { 'files/d': encodeVcdiff(ORIGINAL, PATCHED) });
  await home.apply();
  home.write(PLUGIN.slice(1), 'edited by hand');
  home.remove('repository/components/.prepatch/cache');
  const ran = await home.apply();
  expect(codesOf(ran.problems)).toEqual(['DRIFT']);
  expect(digestOf(home)).toBe(md5(PATCHED));
  // Another pack that is refused does not keep it from being put back.
  home.write(PLUGIN.slice(1), 'edited again');
  home.patch('patch0002', { files: [{ kind: 'delete', path: '/none' }] });
  expect(await home.apply()).toMatchObject({ outcome: 'kept' });
  expect(digestOf(home)).toBe(md5(PATCHED));
});

test('what is kept of a result is not believed', async () => {
  const home = makeHome();
  home.patch('patch0001', update(ORIGINAL, PATCHED), { 'files/d': encodeVcdiff(ORIGINAL, PATCHED) });
  await home.plan();
  const [name = ''] = results(home);
  writeFileSync(home.home.path('.prepatch/cache/deltas', name), 'something else');
  expect(await home.apply()).toMatchObject({ exitCode: 0, problems: [] });
  expect(digestOf(home)).toBe(md5(PATCHED));
});

describe('refused by name, before anything is touched', () => {
  const sound = encodeVcdiff(ORIGINAL, PATCHED);

  test.each<[string, object, Uint8Array | undefined]>([
    ['wrong-basis', update(PATCHED, AGAIN), sound],
    ['wrong-result', update(ORIGINAL, AGAIN), sound],
    ['wrong-result', update(ORIGINAL, AGAIN, { after: undefined }), encodeVcdiff(ORIGINAL, ORIGINAL)],
    ['junk-delta', update(ORIGINAL, PATCHED), Buffer.from('junk')],
    ['junk-delta', update(ORIGINAL, PATCHED), sound.subarray(0, -3)],
    ['junk-delta', update(ORIGINAL, PATCHED), vcdiff([], [1])],
    ['too-large', update(ORIGINAL, PATCHED), vcdiff([{ targetBytes: 2 ** 38, instructions: [] }])],
    ['missing-source', update(ORIGINAL, PATCHED), undefined],
  ])('%s', async (name, manifest, delta) => {
    const home = makeHome();
    const before = home.snapshot();
    const { after: _, ...operation } = (manifest as { files: { after?: unknown }[] }).files[0] ?? {};
    home.patch(
      'patch0001',
      { files: [operation] },
      { 'a.txt': 'a', ...(delta === undefined ? {} : { 'files/d': delta }) },
    );
    const ran = await home.apply();
    expect(ran).toMatchObject({ exitCode: 3, outcome: 'kept' });
    expect(messages(ran.problems)).toContain(`(${name})`);
    expect(codesOf(ran.problems).every((code) => code.endsWith(' patch0001'))).toBe(true);
    expect(compareTrees(home.snapshot(), before)).toEqual([]);
    // The others go on where policy says so.
    home.patch('patch0002', undefined, { 'b.txt': 'b' });
    expect(await home.apply('--policy', 'degraded')).toMatchObject({ exitCode: 0, apply: ['patch0002'] });
  });

  test('a basis beyond the limit', async () => {
    const home = makeHome();
    home.write('data/big', '');
    truncateSync(home.path('data/big'), 128 * 1024 * 1024 + 1);
    const delta = {
      source: 'files/d',
      before: { sizeBytes: 128 * 1024 * 1024 + 1, md5: '5cdbd8a6b2d6f6a0b7f9b0d2b5f5a5a5' },
      after: { md5: md5('') },
    };
    home.patch('patch0001', { files: [{ kind: 'update', path: '/data/big', delta }] }, { 'files/d': sound });
    const found = /has the MD5 ([0-9a-f]{32})/.exec(messages((await home.plan()).problems))?.[1];
    home.patch('patch0001', {
      files: [{ kind: 'update', path: '/data/big', delta: { ...delta, before: { md5: found } } }],
    });
    const ran = await home.apply();
    expect(codesOf(ran.problems)).toEqual(['INPUT_TOO_LARGE patch0001']);
    expect(messages(ran.problems)).toContain('(too-large)');
  });
});
