// `prepatch add`, `remove` and `restore` through the command line: what they check, say and move, that all or nothing happens,
// and that only the drop folders and the shelf are touched.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ownIdentity } from '../../src/system/process-identity.js';
import { type CommandResult, runPrepatch, startPrepatch } from '../support/command.js';
import { fileName, jarBytes, TestHome } from '../support/home-builder.js';
import { forgeZip } from '../support/zip-forge.js';

const A = { name: 'org.example.a', version: '1.0.0' };
const B = { name: 'org.example.b', version: '1.0.0' };
const NEW = { name: 'org.example.new', version: '2.0.0' };

let home: TestHome;
let outside = '';

beforeEach(() => {
  home = new TestHome('4.2', {
    plugins: [
      { ...A, tag: 'a0' },
      { ...B, tag: 'b0' },
    ],
  });
  outside = mkdtempSync(join(tmpdir(), 'prepatch-drops-'));
});

afterEach(() => {
  home.dispose();
  rmSync(outside, { recursive: true, force: true });
});

interface Report {
  readonly packs: readonly Record<string, unknown>[];
  readonly changes: readonly {
    readonly action: string;
    readonly path: string;
    readonly winner: string | null;
    readonly after: { readonly md5?: string };
  }[];
  readonly problems: readonly { readonly code: string }[];
  readonly reopens?: readonly string[];
}

const run = (...args: readonly string[]): Promise<CommandResult> => runPrepatch([...args, '--home', home.root]);

async function report(...args: readonly string[]): Promise<Report> {
  const { exitCode, stdout, stderr } = await run(...args, '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

async function refused(exitCode: number, ...args: readonly string[]): Promise<string> {
  const result = await run(...args);
  expect(result.stdout).toBe('');
  expect(result.exitCode, result.stderr).toBe(exitCode);
  return result.stderr;
}

const apply = async () => expect((await run('apply')).exitCode).toBe(0);
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const tags = (plugin: string) => [...home.tagsOf(home.md5(`plugins/${plugin}`))];

function makeJar(file: Parameters<typeof jarBytes>[0], name = fileName(file)): string {
  const path = join(outside, name);
  const bytes = jarBytes(file);
  home.tags.set(md5(bytes), new Set([file.tag ?? '']));
  writeFileSync(path, bytes);
  return path;
}

function makeFolder(name: string, ...files: readonly Parameters<typeof jarBytes>[0][]): string {
  const path = join(outside, name);
  mkdirSync(path);
  for (const file of files) {
    const bytes = jarBytes(file);
    home.tags.set(md5(bytes), new Set([file.tag ?? '']));
    writeFileSync(join(path, fileName(file)), bytes);
  }
  return path;
}

/** Everything in the drop folders, what begins with a dot too. */
const drops = () =>
  ['patches', 'servicepacks'].flatMap((top) => readdirSync(home.path(top)).map((name) => `${top}/${name}`)).sort();

describe('add', () => {
  test('a folder: checked, copied, for the next start; nothing else is touched', async () => {
    const plugins = home.files('plugins');
    const added = await report('add', makeFolder('patch0001', { ...A, tag: 'a1' }, { ...NEW, tag: 'n1' }));
    expect(added.packs).toMatchObject([{ name: 'patch0001', kind: 'patch', outcome: 'added', files: 2 }]);
    expect(added.changes.map((change) => change.action).sort()).toEqual(['create', 'replace']);
    expect(drops()).toEqual(['patches/patch0001']);
    expect(home.files('plugins')).toEqual(plugins);
    await apply();
    expect(tags(fileName(A))).toEqual(['a1']);
    expect(tags(fileName(NEW))).toEqual(['n1']);
  });

  test('a service pack goes where service packs go', async () => {
    const pack = join(outside, 'servicepack001');
    mkdirSync(join(pack, 'lib'), { recursive: true });
    writeFileSync(join(pack, 'servicepack_patches.txt'), '');
    writeFileSync(join(pack, 'lib', fileName(A)), jarBytes({ ...A, tag: 'a1' }));
    await report('add', pack);
    expect(drops()).toEqual(['servicepacks/servicepack001']);
    await apply();
    expect(home.names()).toEqual(['servicepack001']);
  });

  test('a dry run says the same and leaves nothing behind', async () => {
    const folder = makeFolder('patch0001', { ...A, tag: 'a1' });
    const dry = await report('add', '--dry-run', folder);
    expect(dry.packs).toMatchObject([{ name: 'patch0001', outcome: 'would-be-added' }]);
    expect(drops()).toEqual([]);
    const wet = await report('add', folder);
    expect(wet.changes).toEqual(dry.changes);
  });

  test('a bare JAR becomes the next free patch, and says which plugin it replaces', async () => {
    home.addPatch('patch0009', [{ ...B, tag: 'b9' }]);
    const first = makeJar({ ...A, tag: 'a1' });
    const before = home.md5(`plugins/${fileName(A)}`);
    const added = await report('add', first);
    const after = md5(readFileSync(first));
    expect(added.packs).toMatchObject([{ name: 'patch0010', jars: [{ file: fileName(A), before, after }] }]);
    const text = (await run('add', makeJar({ ...NEW, tag: 'n1' }))).stdout;
    expect(text).toContain('patch0011');
    expect(text).toMatch(new RegExp(`${NEW.name}.*: new plugin, MD5 [0-9a-f]{32}`));
    await apply();
    const same = (await run('add', '--dry-run', first)).stdout;
    expect(same).toContain('patch0012');
    expect(same).toContain(`same as now, MD5 ${after}`);
  });

  test('the digits are as wide as those that are there; names on the shelf stay theirs', async () => {
    home.addPatch('patch000007', [{ ...B, tag: 'b7' }]);
    await report('remove', 'patch000007');
    expect((await report('add', makeJar({ ...A, tag: 'a1' }))).packs).toMatchObject([{ name: 'patch000008' }]);
  });

  test('a JAR with a name of its own; a second time it is there already', async () => {
    const jar = makeJar({ ...A, tag: 'a1' }, 'fix.jar');
    expect((await report('add', '--name', 'patch0042', jar)).packs).toMatchObject([
      {
        name: 'patch0042',
        outcome: 'added',
        jars: [{ file: 'fix.jar', target: `repository/components/plugins/${fileName(A)}` }],
      },
    ]);
    expect((await report('add', '--name', 'patch0042', jar)).packs).toMatchObject([{ outcome: 'there-already' }]);
    const other = makeJar({ ...B, tag: 'b1' });
    expect(await refused(3, 'add', '--name', 'patch0042', other)).toContain(
      'patch0042 is there already, with other content',
    );
    expect(await refused(2, 'add', '--name', 'servicepack001', other)).toContain('begins with patch');
    expect(await refused(2, 'add', '--name', 'mypatch', other)).toContain('no name of a pack');
    expect(await refused(2, 'add', '--name', 'patch0000', other)).toContain('patch0000');
    expect(await refused(2, 'add', '--name', 'patch/../../x', other)).toContain('no name of a pack');
  });

  test('what a start would refuse is not added, and nothing that came with it', async () => {
    const good = makeFolder('patch0001', { ...A, tag: 'a1' });
    const torn = makeFolder('patch0002', { ...B, tag: 'b1', torn: true });
    const message = await refused(3, 'add', good, torn);
    expect(message).toContain('PACK_REFUSED');
    expect(message).toContain(fileName(B));
    expect(drops()).toEqual([]);
    expect(await refused(3, 'add', makeJar({ ...A, tag: 'x', torn: true }))).toContain('no sound JAR');
    const linked = makeFolder('patch0003', { ...A, tag: 'a1' });
    symlinkSync('/etc/hostname', join(linked, 'link.jar'));
    expect(await refused(3, 'add', linked)).toContain('is a link');
    expect(drops()).toEqual([]);
  });

  test('with Carbon’s own patcher after us its rules count too', async () => {
    home.addCompanion();
    const folder = makeFolder('patch0001', { ...A, tag: 'a1' });
    mkdirSync(join(folder, 'exploded_1.0.0'));
    writeFileSync(join(folder, 'exploded_1.0.0', 'plugin.xml'), '<plugin/>');
    expect(await refused(3, 'add', folder)).toContain('folder');
    expect(drops()).toEqual([]);
  });

  test('the same pack again is nothing to do; another by the name is refused, with a free name', async () => {
    const folder = makeFolder('patch0001', { ...A, tag: 'a1' });
    await report('add', folder);
    expect((await report('add', folder)).packs).toMatchObject([{ outcome: 'there-already' }]);
    writeFileSync(join(folder, fileName(A)), jarBytes({ ...A, tag: 'a2' }));
    expect(await refused(3, 'add', folder)).toContain('--name patch0002');
    expect((await report('add', '--name', 'patch0002', folder)).packs).toMatchObject([{ name: 'patch0002' }]);
  });

  test('its manifest comes with it', async () => {
    const folder = makeFolder('patch0001', { ...A, tag: 'a1' });
    writeFileSync(`${folder}.json`, JSON.stringify({ id: 'p1', version: '1.0.0' }));
    await report('add', folder);
    expect(drops()).toEqual(['patches/patch0001', 'patches/patch0001.json']);
  });

  test.each([
    ['an absent path', 'nothing-there', 2, 'there is no '],
    ['a file of another kind', 'notes.txt', 2, 'neither a folder nor a zip nor a JAR'],
    ['a folder of another name', 'stuff', 3, 'no name of a pack'],
    ['a JAR in capitals, which no server loads', 'FIX.JAR', 3, 'Rename it to FIX.jar'],
    ['a folder that holds a patch', 'download', 3, 'download/patch0007'],
  ])('%s is refused with the way on', async (_, name, exitCode, says) => {
    writeFileSync(join(outside, 'notes.txt'), 'x');
    writeFileSync(join(outside, 'FIX.JAR'), jarBytes({ ...A, tag: 'a1' }));
    mkdirSync(join(outside, 'stuff'));
    mkdirSync(join(outside, 'download', 'patch0007'), { recursive: true });
    expect(await refused(exitCode, 'add', join(outside, name))).toContain(says);
    expect(drops()).toEqual([]);
  });

  test('without a path it says so; --name is for one', async () => {
    expect(await refused(2, 'add')).toContain('name what is to be added');
    const folders = [makeFolder('patch0001', { ...A, tag: 'a1' }), makeFolder('patch0002', { ...B, tag: 'b1' })];
    expect(await refused(2, 'add', '--name', 'patch0003', ...folders)).toContain('--name patch0003 is for one pack');
  });

  test('a zip of a patch is accepted, one that leaves its folder or is broken is refused by name', async () => {
    const zip = (name: string, ...entries: Parameters<typeof forgeZip>[0]['entries']) => {
      writeFileSync(join(outside, name), forgeZip({ entries }));
      return join(outside, name);
    };
    const jar = jarBytes({ ...A, tag: 'a1' });
    home.tags.set(md5(jar), new Set(['a1']));
    expect(await refused(3, 'add', zip('patch0001.zip', { name: '../../evil.jar', data: jar }))).toContain('evil.jar');
    expect(await refused(3, 'add', zip('patch0002.zip', { name: fileName(A), data: jar, crc: 1 }))).toContain('crc');
    expect(await refused(3, 'add', zip('notes.zip', { name: 'a/b/c.txt', data: 'x' }))).toContain(
      'no patch and no service pack',
    );
    expect(drops()).toEqual([]);
    await report('add', zip('patch0003.zip', { name: fileName(A), data: jar }));
    const wso2 = 'WSO2-CARBON-PATCH-4.4.0-0004';
    const b = jarBytes({ ...B, tag: 'b4' });
    home.tags.set(md5(b), new Set(['b4']));
    const shaped = zip(
      `${wso2}.zip`,
      { name: `${wso2}/README.txt`, data: 'Read me.' },
      { name: `${wso2}/patch0004/${fileName(B)}`, data: b },
    );
    expect((await report('add', shaped)).packs).toMatchObject([{ name: 'patch0004', outcome: 'added', files: 1 }]);
    expect((await report('add', shaped)).packs).toMatchObject([{ name: 'patch0004', outcome: 'there-already' }]);
    expect(drops()).toEqual(['patches/patch0003', 'patches/patch0004']);
    await apply();
    expect([tags(fileName(A)), tags(fileName(B))]).toEqual([['a1'], ['b4']]);
  });

  test('a zip in the drop folder that does not count by its name is taken in, as plan says', async () => {
    const put = (name: string, pack: string, ...more: Parameters<typeof forgeZip>[0]['entries']) => {
      const jar = jarBytes({ ...A, tag: pack });
      const entries = [{ name: `outer/${pack}/${fileName(A)}`, data: jar }, ...more];
      writeFileSync(home.path('patches', name), forgeZip({ entries }));
      return home.path('patches', name);
    };
    const plain = put('WSO2-patch0042.zip', 'patch0042');
    expect((await run('plan')).stdout).toContain('prepatch add');
    expect((await report('add', plain)).packs).toMatchObject([{ name: 'patch0042', outcome: 'added' }]);
    const manifest = JSON.stringify({ id: 'p43', version: '1.0.0' });
    const described = put('WSO2-patch0043.zip', 'patch0043', { name: 'outer/patch.json', data: manifest });
    expect((await report('add', described)).packs).toMatchObject([{ name: 'patch0043', outcome: 'added' }]);
    expect(drops()).toEqual(
      ['WSO2-patch0042.zip', 'WSO2-patch0043.zip', 'patch0042', 'patch0043.zip'].map((name) => `patches/${name}`),
    );
    expect((await report('remove', 'patch0042')).packs).toMatchObject([{ name: 'patch0042' }]);
  });

  test('leftovers of a killed add are swept, those of a living one are not', async () => {
    mkdirSync(home.path('patches', '.prepatch-add.2147483646.00', 'patch0009'), { recursive: true });
    const living = `.prepatch-add.${process.pid}.00`;
    mkdirSync(home.path('patches', living));
    await report('add', makeFolder('patch0001', { ...A, tag: 'a1' }));
    expect(drops()).toEqual([`patches/${living}`, 'patches/patch0001']);
  });

  test('killed at any moment, it leaves no half of a pack that counts', { timeout: 120_000 }, async () => {
    const folder = makeFolder(
      'patch0001',
      ...Array.from({ length: 60 }, (_, n) => ({ name: `org.example.n${n}`, version: '1.0.0', tag: `n${n}` })),
    );
    for (let round = 0; round < 6; round++) {
      const started = startPrepatch(['add', '--home', home.root, folder]);
      const isMoving = () => drops().some((name) => name.includes('.prepatch-add'));
      while (started.child.exitCode === null && !isMoving()) await sleep(1);
      await sleep(round * 4);
      started.kill();
      await started.ended;
      const pack = home.path('patches', 'patch0001');
      if (existsSync(pack)) expect(readdirSync(pack)).toHaveLength(60);
      rmSync(pack, { recursive: true, force: true });
    }
    await report('add', folder);
    expect(drops()).toEqual(['patches/patch0001']);
  });
});

describe('remove and restore', () => {
  test('remove says what comes back, and keeps the pack; restore brings it back', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    home.addPatch('patch0002', [
      { ...A, tag: 'a2' },
      { ...NEW, tag: 'n2' },
    ]);
    await apply();
    const before = home.files('patches/patch0002');
    const gone = await report('remove', 'patch0002');
    const a1 = home.md5(`patches/patch0001/${fileName(A)}`);
    expect(gone.changes.map(({ action, path, winner, after }) => [action, basename(path), winner, after.md5])).toEqual([
      ['replace', fileName(A), 'patch0001', a1],
      ['delete', fileName(NEW), null, undefined],
    ]);
    expect(drops()).toEqual(['patches/patch0001']);
    expect(tags(fileName(A)), 'the running server’s plugins are left alone').toEqual(['a2']);
    await apply();
    expect(tags(fileName(A))).toEqual(['a1']);
    expect(existsSync(home.path('plugins', fileName(NEW)))).toBe(false);
    await report('restore', 'patch0002');
    expect(home.files('patches/patch0002')).toEqual(before);
    await apply();
    expect(tags(fileName(A))).toEqual(['a2']);
    expect(await run('restore')).toMatchObject({ exitCode: 0, stdout: 'The shelf is empty.\n' });
  });

  test('what it will do is said before it is done, and alone with --dry-run', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    await apply();
    const dry = await run('remove', '--dry-run', 'patch0001');
    expect(dry.stdout).toContain(`restore repository/components/plugins/${fileName(A)} from the base`);
    expect(dry.stdout).toContain('Nothing was moved.');
    expect(drops()).toEqual(['patches/patch0001']);
    expect(existsSync(home.path('.prepatch', 'shelf'))).toBe(false);
    const wet = await run('remove', 'patch0001');
    const [says, does] = [wet.stdout.indexOf('from the base'), wet.stdout.indexOf('removed patch0001')];
    expect(says).toBeGreaterThanOrEqual(0);
    expect(does).toBeGreaterThan(says);
  });

  test('fixes that no other pack has open again', async () => {
    const fixes = (name: string, ...ids: readonly string[]) =>
      writeFileSync(home.path('patches', `${name}.json`), JSON.stringify({ id: name, version: '1.0.0', fixes: ids }));
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    home.addPatch('patch0002', [{ ...B, tag: 'b2' }]);
    fixes('patch0001', 'CVE-2026-0001', 'CVE-2026-0002');
    fixes('patch0002', 'CVE-2026-0002');
    await apply();
    expect((await run('remove', '--dry-run', 'patch0001')).stdout).toContain('reopens CVE-2026-0001');
    expect((await report('remove', 'patch0001')).reopens).toEqual(['CVE-2026-0001']);
    expect(drops()).toEqual(['patches/patch0002', 'patches/patch0002.json']);
    await report('restore', 'patch0001');
    expect(drops()).toContain('patches/patch0001.json');
  });

  test('fixes are known from manifests in zips too', async () => {
    const zip = (name: string, file: Parameters<typeof jarBytes>[0]) => {
      const manifest = JSON.stringify({ id: name, version: '1.0.0', fixes: ['CVE-2026-0001'] });
      const jar = { name: `${name}/${fileName(file)}`, data: jarBytes(file) };
      const entries = [jar, { name: 'patch.json', data: manifest }];
      writeFileSync(home.path('patches', `${name}.zip`), forgeZip({ entries }));
    };
    zip('patch0001', { ...A, tag: 'a1' });
    zip('patch0002', { ...B, tag: 'b2' });
    await apply();
    expect((await report('remove', '--dry-run', 'patch0002')).reopens).toEqual([]);
    expect((await report('remove', '--dry-run', 'patch0001', 'patch0002')).reopens).toEqual(['CVE-2026-0001']);
    await report('remove', 'patch0002');
    expect((await report('remove', 'patch0001')).reopens).toEqual(['CVE-2026-0001']);
  });

  test('a zip that does not count beside its folder goes and comes with it', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    const entries = [{ name: `patch0001/${fileName(A)}`, data: jarBytes({ ...A, tag: 'zipped' }) }];
    for (const name of ['patch-fix.zip', 'patch0001.zip'])
      writeFileSync(home.path('patches', name), forgeZip({ entries }));
    await apply();
    const before = drops();
    expect((await report('remove', 'patch0001')).changes).toMatchObject([{ action: 'restore' }]);
    expect(drops()).toEqual([]);
    await report('restore', 'patch0001');
    expect(drops()).toEqual(before);
    await apply();
    expect(tags(fileName(A))).toEqual(['a1']);
  });

  test('several under one name keep numbers; the last is restored, or the one that is asked for', async () => {
    for (const tag of ['first', 'second']) {
      home.addPatch('patch0001', [{ ...A, tag }]);
      await report('remove', 'patch0001');
    }
    const listed = JSON.parse((await run('restore', '--json')).stdout) as { shelf: Record<string, unknown>[] };
    expect(listed.shelf).toMatchObject([
      { name: 'patch0001', number: 1 },
      { name: 'patch0001', number: 2 },
    ]);
    expect(await refused(2, 'restore', '--number', '7', 'patch0001')).toContain('There is 1, 2.');
    expect((await report('restore', '--dry-run', 'patch0001')).packs).toMatchObject([{ number: 2 }]);
    expect((await report('restore', '--number', '1', 'patch0001')).packs).toMatchObject([{ number: 1 }]);
    expect(home.tagsOf(home.md5(`patches/patch0001/${fileName(A)}`))).toEqual(new Set(['first']));
    expect(await refused(3, 'restore', 'patch0001')).toContain('is there already');
  });

  test('a name that is not there is refused with the nearest', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    expect(await refused(2, 'remove', 'patch001')).toContain('The nearest is patch0001.');
    expect(await refused(2, 'remove', '../plugins')).toContain('there is no pack');
    expect(await refused(2, 'remove')).toContain('name the packs');
    expect(await refused(2, 'restore', 'patch0001')).toContain('The shelf is empty.');
    await report('remove', 'patch0001');
    expect(await refused(2, 'restore', 'patch0002')).toContain('The nearest is patch0001.');
  });

  test('a pack that is held is found too', async () => {
    home.addCompanion();
    home.addPatch('patch0001', [{ ...A, tag: 'a1', torn: true }]);
    writeFileSync(home.path('patches', 'patch0001.json'), JSON.stringify({ id: 'p1', version: '1.0.0' }));
    await run('boot', '--policy', 'degraded');
    expect(existsSync(home.path('patches', '.held', 'patch0001'))).toBe(true);
    await report('remove', 'patch0001');
    expect(existsSync(home.path('patches', '.held', 'patch0001'))).toBe(false);
    expect(existsSync(home.path('patches', 'patch0001.json'))).toBe(false);
    expect(await refused(3, 'restore', 'patch0001'), 'it is still broken').toContain('PACK_REFUSED');
  });

  test('a removed service pack is restored with all it absorbs', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    home.addServicepack('servicepack001', { lib: [{ ...A, tag: 's1' }], absorbs: 'patch0001\n' });
    await apply();
    const gone = await report('remove', 'servicepack001');
    expect(gone.changes).toMatchObject([{ action: 'replace', winner: 'patch0001' }]);
    await apply();
    expect(tags(fileName(A))).toEqual(['a1']);
    await report('restore', 'servicepack001');
    await apply();
    expect(tags(fileName(A))).toEqual(['s1']);
  });

  test('on an interrupted home nothing is moved: what was interrupted may need the pack', async () => {
    await report('add', makeFolder('patch0001', { ...A, tag: 'a1' }), makeFolder('patch0002', { ...B, tag: 'b1' }));
    await apply();
    await report('remove', 'patch0002');
    mkdirSync(home.path('.prepatch', 'work', 'interrupted'), { recursive: true });
    for (const words of [
      ['remove', 'patch0001'],
      ['restore', 'patch0002'],
    ])
      expect(await refused(4, ...words)).toContain('INTERRUPTED');
    expect(drops()).toEqual(['patches/patch0001']);
  });

  test('another run that holds the home is named, and nothing is moved', async () => {
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    await apply();
    const hold = home.path('.prepatch', 'locks', lockName());
    writeFileSync(hold, '');
    expect(await refused(5, 'remove', '--wait', '0', 'patch0001')).toContain(`process ${process.pid}`);
    expect(drops()).toEqual(['patches/patch0001']);
    rmSync(hold);
    await report('remove', 'patch0001');
    writeFileSync(hold, '');
    expect(await refused(5, 'restore', '--wait', '0', 'patch0001')).toContain('LOCKED');
    expect(drops()).toEqual([]);
  });

  test('across file systems a pack is copied, verified, and only then taken away', async (context) => {
    const other = '/dev/shm';
    if (!existsSync(other) || statSync(other).dev === statSync(home.root).dev)
      context.skip('there is one file system only');
    const patches = mkdtempSync(join(other, 'prepatch-patches-'));
    try {
      const set = ['--set', `patchesDir=${patches}`];
      await report('add', makeFolder('patch0001', { ...A, tag: 'a1' }), ...set);
      expect(readdirSync(patches)).toEqual(['patch0001']);
      await report('remove', 'patch0001', ...set);
      expect(readdirSync(patches)).toEqual([]);
      expect(readdirSync(home.path('.prepatch', 'shelf', 'patch0001', '1'))).toEqual(['patch0001']);
      await report('restore', 'patch0001', ...set);
      expect(readdirSync(join(patches, 'patch0001'))).toEqual([fileName(A)]);
      expect(existsSync(home.path('.prepatch', 'shelf', 'patch0001'))).toBe(false);
    } finally {
      rmSync(patches, { recursive: true, force: true });
    }
  });
});

/** A lock that this test process holds, as its name says it. */
function lockName(): string {
  const { pid, started, boot, namespace, host } = ownIdentity();
  return ['held', pid, started, boot, namespace, '0123456789abcdef', host].join('.');
}
