// Karazeh's checks “unauthorised” and “out of space”, for operations and actions of manifests: another user, a small disk. What is
// refused, is refused by name, leaves every byte and mode as it was, and is applied when the reason has gone.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { encodeVcdiff } from '../support/encode-vcdiff.js';
import { ManifestHome, md5, type Ran, type Texts, zipOf } from '../support/manifest-home.js';
import { Mounts } from '../support/mounts.js';
import { need } from '../support/need.js';
import { compareTrees } from '../support/tree-snapshot.js';

const isNotRoot = need('root') !== undefined;
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

const homes: ManifestHome[] = [];
const mounts: Mounts[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
  for (const one of mounts.splice(0)) one.dispose();
});

const FILES = {
  'shut/a.txt': 'a=1\n',
  'shut/tree/b.txt': 'b',
  'open/c.txt': 'c',
};

async function applyAsNobody(home: ManifestHome): Promise<Ran> {
  const { exitCode, stdout, stderr } = await runPrepatch(['apply', '--json', '--home', home.home.root], {
    through: AS_NOBODY,
  });
  return { ...(JSON.parse(stdout) as Ran), exitCode, text: stdout + stderr };
}

describe.skipIf(isNotRoot)('unauthorised', () => {
  /** A home of `nobody`, in which the folder `shut` may not be written. */
  function shutHome(manifest: object, files: Texts = {}): ManifestHome {
    const home = new ManifestHome('4.2', FILES);
    homes.push(home);
    home.patch('patch0001', manifest, { 'p.txt': 'p', 'files/f': 'f', ...files });
    chmodSync(join(home.home.root, '..'), 0o755);
    execFileSync('chown', ['-R', '65534:65534', home.home.root]);
    setShut(home, true);
    return home;
  }

  function setShut(home: ManifestHome, isShut: boolean): void {
    for (const folder of ['shut', 'shut/tree']) chmodSync(home.path(folder), isShut ? 0o555 : 0o755);
  }

  test.each<[string, object]>([
    ['create', { kind: 'create', path: '/shut/new.txt', source: 'files/f' }],
    ['create in a new folder', { kind: 'create', path: '/shut/new/f', source: 'files/f' }],
    ['create a folder', { kind: 'create', type: 'directory', path: '/shut/new' }],
    ['update', { kind: 'update', path: '/shut/a.txt', source: 'files/f' }],
    ['delete', { kind: 'delete', path: '/shut/a.txt' }],
    ['delete a folder', { kind: 'delete', type: 'directory', path: '/shut/tree' }],
    ['rename out', { kind: 'rename', path: '/shut/a.txt', to: '/open/a.txt' }],
    ['rename in', { kind: 'rename', path: '/open/c.txt', to: '/shut/c.txt' }],
  ])('%s: refused before anything is touched', async (_, operation) => {
    const home = shutHome({ files: [operation] });
    const before = home.snapshot();
    const refused = await applyAsNobody(home);
    expect(refused).toMatchObject({ exitCode: 3, outcome: 'kept', failure: { code: 'UNWRITABLE' } });
    expect(refused.text).toMatch(/shut\b.*EACCES/);
    expect(compareTrees(home.snapshot(), before)).toEqual([]);
    setShut(home, false);
    expect(await applyAsNobody(home)).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
  });

  test.each<[string, object]>([
    ['create', { kind: 'create', path: '/shut/new.txt', source: 'files/f' }],
    ['delete a folder', { kind: 'delete', type: 'directory', path: '/shut/tree' }],
    ['unzip', { kind: 'unzip', archive: 'files/z.zip', into: '/shut/unpacked' }],
    ['an edit', { kind: 'editProperties', file: '/shut/a.txt', edits: [{ op: 'set', key: 'a', value: '2' }] }],
  ])('%s among the actions: undone, with what came before it', async (_, action) => {
    const first = { kind: 'update', path: '/open/c.txt', source: 'files/f' };
    const home = shutHome({ actions: [first, action] }, { 'files/z.zip': await zipOf({ 'x.txt': 'x' }) });
    const before = home.snapshot();
    const refused = await applyAsNobody(home);
    expect(refused.outcome).toBe('kept');
    expect([1, 3]).toContain(refused.exitCode);
    expect(refused.text).toContain('EACCES');
    expect(compareTrees(home.snapshot(), before)).toEqual([]);
    setShut(home, false);
    expect(await applyAsNobody(home)).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
  });

  test.each([
    ['a payload', 'repository/components/patches/patch0001/files/f'],
    ['a manifest', 'repository/components/patches/patch0001.json'],
    ['a file that is to be replaced', 'open/c.txt'],
  ])('%s that cannot be read: a named error', async (_, path) => {
    const home = shutHome({ files: [{ kind: 'update', path: '/open/c.txt', source: 'files/f' }] });
    chmodSync(home.path(path), 0);
    const { exitCode, stdout, stderr } = await runPrepatch(['apply', '--home', home.home.root], { through: AS_NOBODY });
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain(`${path} cannot be read (EACCES)`);
    chmodSync(home.path(path), 0o644);
    expect(await applyAsNobody(home)).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
  });
});

describe.skipIf(isNotRoot)('out of space', () => {
  const MEGABYTE = 1024 * 1024;

  /** A home on a file system of 12 MB; `fill` leaves a part of it, and returns what gives the rest back. */
  function smallHome(): { readonly home: ManifestHome; readonly fill: (leftBytes: number) => () => void } {
    const place = new Mounts();
    mounts.push(place);
    const point = place.tmpfs(place.folder('small'), 'size=12m');
    const home = new ManifestHome('4.2', FILES, point);
    const filling = join(point, 'filling');
    const fill = (leftBytes: number) => {
      const { bsize, bavail } = statfsSync(point);
      writeFileSync(filling, Buffer.alloc(Math.max(0, bsize * bavail - leftBytes)));
      return () => {
        rmSync(filling);
      };
    };
    return { home, fill };
  }

  const big = randomBytes(3 * MEGABYTE);

  test.each<[string, object, () => Texts | Promise<Texts>]>([
    ['create', { files: [{ kind: 'create', path: '/new', source: 'files/big' }] }, () => ({ 'files/big': big })],
    ['update', { files: [{ kind: 'update', path: '/shut/a.txt', source: 'files/big' }] }, () => ({ 'files/big': big })],
    [
      'a folder',
      { files: [{ kind: 'create', type: 'directory', path: '/new', source: 'files/d' }] },
      () => ({ 'files/d/one': big.subarray(MEGABYTE), 'files/d/two': big.subarray(2 * MEGABYTE) }),
    ],
    [
      'an update by delta',
      {
        files: [
          {
            kind: 'update',
            path: '/shut/a.txt',
            delta: { source: 'files/d', before: { md5: md5('a=1\n') }, after: { md5: md5(big) } },
          },
        ],
      },
      () => ({ 'files/d': encodeVcdiff(Buffer.from('a=1\n'), big) }),
    ],
    [
      'an archive among the actions',
      { actions: [{ kind: 'unzip', archive: 'files/z.zip', into: '/unpacked' }] },
      async () => ({ 'files/z.zip': await zipOf({ 'big.txt': big }) }),
    ],
  ])('%s: refused by name, or undone, and done when there is room', async (_, manifest, files) => {
    const { home, fill } = smallHome();
    home.patch('patch0001', manifest, { 'p.txt': 'p', ...(await files()) });
    const makeRoom = fill(2 * MEGABYTE);
    const before = home.snapshot();
    const refused = await home.apply();
    expect(refused.outcome).toBe('kept');
    expect([1, 3]).toContain(refused.exitCode);
    expect(refused.text).toMatch(/NO_SPACE|ENOSPC/);
    expect(compareTrees(home.snapshot(), before)).toEqual([]);
    makeRoom();
    expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'] });
  });
});
