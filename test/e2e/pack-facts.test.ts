// What packs say of themselves, and what becomes of them, in `plan` and `status`: as data and as text.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { PackFacts } from '../../src/plan/pack-facts.js';
import { runPrepatch } from '../support/command.js';
import { ManifestHome, md5, sha256 } from '../support/manifest-home.js';

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(): ManifestHome {
  const home = new ManifestHome('4.2', { 'conf/a.properties': 'a=1\n' });
  homes.push(home);
  return home;
}

async function factsOf(home: ManifestHome, command: 'plan' | 'status'): Promise<readonly PackFacts[]> {
  const { stdout } = await runPrepatch([command, '--json', '--home', home.home.root]);
  return (JSON.parse(stdout) as { packs: readonly PackFacts[] }).packs;
}

async function textOf(home: ManifestHome, command: 'plan' | 'status'): Promise<string> {
  return (await runPrepatch([command, '--home', home.home.root])).stdout;
}

const MANIFEST = {
  id: 'fix',
  version: '1.2.0',
  title: 'Tenants log in again',
  appliesTo: { versions: ['>=4.4.0 <5'] },
  leadsTo: { version: '4.4.1' },
  requires: [{ id: 'patch0001' }],
  conflicts: [{ id: 'other', version: '<2' }],
  supersedes: [{ id: 'old' }],
  chainable: false,
  fixes: ['CVE-2022-29464', 'CARBON-15000'],
  digests: { 'b.txt': { sha256: sha256('b'), md5: md5('b') } },
  actions: [
    {
      kind: 'list',
      title: 'Settings',
      when: "os.platform == 'linux'",
      actions: [
        { kind: 'editProperties', file: '/conf/a.properties', edits: [{ op: 'set', key: 'a', value: '2' }] },
        { kind: 'create', type: 'directory', path: '/data' },
      ],
    },
    { kind: 'setValue', name: 'port', value: 1 },
  ],
};

test('from new to applied to taken away: every fact, and what is done with every action', async () => {
  const home = makeHome();
  home.patch('patch0001', undefined, { 'a.txt': 'a' });
  home.patch('patch0002', MANIFEST, { 'b.txt': 'b' });
  const { digests: _, actions: __, ...facts } = MANIFEST;
  const whole = { name: 'patch0002', kind: 'patch', ...facts, digests: 1 };
  const actions = (wanted: string) => [
    {
      title: 'Settings',
      kind: 'list',
      when: "os.platform == 'linux'",
      wanted,
      actions: [
        { title: 'edit /conf/a.properties', kind: 'editProperties', wanted },
        { title: 'create /data', kind: 'create', wanted },
      ],
    },
    { title: 'set port', kind: 'setValue', wanted },
  ];
  for (const command of ['plan', 'status'] as const)
    expect(await factsOf(home, command)).toEqual([{ ...whole, state: 'apply', actions: actions('do') }]);
  const text = await textOf(home, 'plan');
  expect(text).toContain('apply    patch0002 fix 1.2.0, Tenants log in again\n');
  expect(text).toContain(
    'for version >=4.4.0 <5; leads to 4.4.1; requires patch0001; conflicts with other <2; supersedes old; ends the run\n',
  );
  expect(text).toContain('fixes CVE-2022-29464, CARBON-15000\n');
  expect(text).toContain('1 digests listed\n');
  expect(text).toContain("do   Settings (list) when os.platform == 'linux'\n");
  expect(text).toContain('do   edit /conf/a.properties (editProperties)\n');

  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001', 'patch0002'] });
  expect(await factsOf(home, 'status')).toEqual([{ ...whole, state: 'applied', actions: actions('keep') }]);
  expect(await textOf(home, 'status')).toContain('applied  patch0002 fix 1.2.0, Tenants log in again\n');
  // A plan shows what changes.
  expect(await textOf(home, 'plan')).toBe('Nothing to do.\n');

  home.unpatch('patch0002');
  const [gone, ...rest] = await factsOf(home, 'plan');
  expect(rest).toEqual([]);
  expect(gone).toMatchObject({
    name: 'patch0002',
    kind: 'patch',
    state: 'revert',
    id: 'fix',
    version: '1.2.0',
    fixes: MANIFEST.fixes,
    reopens: MANIFEST.fixes,
  });
  expect(gone?.requires).toBeUndefined();
  expect(gone?.actions?.map(({ kind, wanted }) => [kind, wanted])).toEqual([
    ['create', 'undo'],
    ['editProperties', 'undo'],
  ]);
  expect(await textOf(home, 'plan')).toContain('its revert reopens CVE-2022-29464, CARBON-15000\n');
});

test('packs that are left out or refused, and one that goes though it is there: each with its reason', async () => {
  const home = makeHome();
  home.patch('patch0001', { requires: [{ id: 'patch0002' }] }, { 'a.txt': 'a' });
  home.patch('patch0002', {}, { 'b.txt': 'b' });
  await home.apply();
  home.patch('patch0002', { appliesTo: { versions: ['>=9'] } });
  home.patch('patch0003', { appliesTo: { versions: ['>=9'] }, actions: [{ kind: 'setValue', name: 'a', value: 1 }] });
  home.patch('patch0004', { files: [{ kind: 'delete', path: '/none' }] });
  home.patch('patch0005', { id: undefined });
  const facts = await factsOf(home, 'plan');
  expect(facts.map(({ name, state }) => [name, state])).toEqual([
    ['patch0004', 'refused'],
    ['patch0005', 'refused'],
    ['patch0001', 'revert'],
    ['patch0002', 'revert'],
    ['patch0003', 'left-out'],
  ]);
  expect(facts[0]?.reason).toContain('(missing)');
  expect(facts[1]?.reason).toContain('patch0005.json');
  expect(facts[2]?.reason).toContain('patch0001 is not applied (requirement-missing)');
  expect(facts[4]?.reason).toContain('patch0003 is for version >=9; the home is 4.4.0');
  expect(facts[4]?.actions).toEqual([{ title: 'set a', kind: 'setValue', wanted: 'none' }]);
  expect(await textOf(home, 'status')).toMatch(/left-out patch0003 1\.0\.0\n {9}patch0003 is not applied/);
});

test('the document shows what is printed', async () => {
  const doc = readFileSync(join(import.meta.dirname, '../../docs/patch-json.md'), 'utf8');
  const [, manifest = ''] = /```json patch\n([\s\S]*?)```/.exec(doc) ?? [];
  const [, , shown = ''] = [...doc.matchAll(/```text\n([\s\S]*?)```/g)].map((match) => match[1]).toSpliced(0, 0, '');
  const home = makeHome();
  home.patch('patch0001', JSON.parse(manifest) as object, { 'a.txt': 'a' });
  expect(shown).not.toBe('');
  expect(await textOf(home, 'plan')).toContain(shown);
});
