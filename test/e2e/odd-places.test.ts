// A home on file systems of many kinds, and across their borders: patched and reverted byte for byte, or refused by name before
// anything is touched (docs/reliability.md, "Odd places").
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import { TestHome } from '../support/home-builder.js';
import { Mounts } from '../support/mounts.js';
import { need } from '../support/need.js';
import { compareTrees, fileIdentities, snapshotTree } from '../support/tree-snapshot.js';
import { applyTo, bundle, contentOf, goThereAndBack, ODD_HOME, text } from './odd-home.js';

const LONG = { timeout: 120_000 };
const isNotRoot = need('root') !== undefined;

let mounts: Mounts;

beforeEach(() => {
  mounts = new Mounts();
});

afterEach(() => {
  mounts.dispose();
});

/** Mounts something over the plugins of a home, with what is in them. */
function mountPlugins(home: TestHome, mount: (point: string) => unknown): void {
  const point = home.path('plugins');
  const kept = join(home.root, 'kept');
  cpSync(point, kept, { recursive: true });
  mount(point);
  cpSync(kept, point, { recursive: true });
  rmSync(kept, { recursive: true });
}

describe.skipIf(isNotRoot)('patched and reverted, byte for byte', LONG, () => {
  test('a home on tmpfs', async () => {
    await goThereAndBack(new TestHome('4.2', ODD_HOME, mounts.tmpfs(mounts.folder('tmpfs'))));
  });

  test.skipIf(need('xfs') !== undefined)('a home on XFS with reflinks', async () => {
    await goThereAndBack(new TestHome('4.4', ODD_HOME, mounts.xfs(mounts.folder('xfs'))));
  });

  test('plugins on a file system of their own', async () => {
    const home = new TestHome('4.2', ODD_HOME, mounts.folder('home'));
    mountPlugins(home, (point) => mounts.tmpfs(point));
    await goThereAndBack(home);
    expect(readdirSync(home.path('plugins')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('plugins that are bound to a folder elsewhere on the same file system', async () => {
    const home = new TestHome('4.4', ODD_HOME, mounts.folder('home'));
    mountPlugins(home, (point) => mounts.bind(mounts.folder('plugins'), point));
    await goThereAndBack(home);
    expect(readdirSync(home.path('plugins')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('a folder below plugins that is a mount of its own', async () => {
    const home = new TestHome('4.2', ODD_HOME, mounts.folder('home'));
    const inner = home.path('plugins/exploded_1.0.0/lib');
    mounts.tmpfs(inner);
    writeFileSync(join(inner, 'a.txt'), 'base');
    home.write('patches/patch0001', [{ dir: 'exploded_1.0.0', files: [{ dir: 'lib', files: [text('a.txt', 'p1')] }] }]);
    await goThereAndBack(home);
  });

  test('packs on another file system than the plugins', async () => {
    const home = new TestHome('4.2', { plugins: ODD_HOME.plugins ?? [] }, mounts.folder('home'));
    mounts.tmpfs(home.path('patches'));
    mounts.tmpfs(home.path('servicepacks'));
    for (const [name, files] of Object.entries(ODD_HOME.patches ?? {})) home.addPatch(name, files);
    for (const [name, pack] of Object.entries(ODD_HOME.servicepacks ?? {})) home.addServicepack(name, pack);
    await goThereAndBack(home);
  });
});

describe.skipIf(need('root', 'fuse', 'exfat') !== undefined)(
  'a file system that takes names in any case for one',
  LONG,
  () => {
    test('is patched and reverted, byte for byte, though files have no second name there', async () => {
      await goThereAndBack(new TestHome('4.2', ODD_HOME, mounts.exfat(mounts.folder('exfat'))));
    });

    test('a pack that brings a plugin in another spelling is a conflict, before anything is touched', async () => {
      const home = new TestHome('4.2', ODD_HOME, mounts.exfat(mounts.folder('exfat')));
      home.addPatch('patch0003', [bundle('CORE', 'p3')]);
      const before = contentOf(home);
      const { exitCode, stdout, stderr } = await applyTo(home);
      expect(exitCode).toBe(3);
      expect(stdout + stderr).toMatch(/patch0003 brings .*CORE.* the file system takes both names for one \(?CONFLICT/);
      expect(compareTrees(contentOf(home), before)).toEqual([]);
      home.addPatch('patch0004', [text('new.txt', 'p4')]);
      home.addPatch('patch0005', [text('NEW.txt', 'p5')]);
      const run = await runPrepatch(['apply', '--home', home.root, '--policy', 'degraded', '--json']);
      expect(run.exitCode, run.stderr).toBe(0);
      expect(home.names()).toEqual(['servicepack001', 'patch0001', 'patch0002', 'patch0004']);
    });
  },
);

describe.skipIf(isNotRoot)('a home in the lower layer of an overlay, as in a container’s image', LONG, () => {
  function overlaid(layout: '4.2' | '4.4' = '4.2'): { readonly home: TestHome; readonly lower: TestHome } {
    const lower = new TestHome(layout, ODD_HOME, mounts.folder('lower'));
    const home = new TestHome(layout, {}, mounts.folder('unused'));
    Object.defineProperty(home, 'root', { value: join(mounts.overlay(join(lower.root, '..')), 'home') });
    for (const [md5, tags] of lower.tags) home.tags.set(md5, tags);
    return { home, lower };
  }

  test('is patched and reverted, byte for byte, and the layer below stays as it is', async () => {
    const { home, lower } = overlaid();
    const below = snapshotTree(lower.root);
    await goThereAndBack(home);
    expect(compareTrees(snapshotTree(lower.root), below)).toEqual([]);
  });

  test('a pack of the image whose folder would have to be held, and cannot be renamed: undone, and said', async () => {
    const { home } = overlaid('4.4');
    home.addCompanion();
    writeFileSync(home.path('patches/patch0002/broken.jar'), 'no zip');
    expect(() => renameSync(home.path('patches/patch0002'), home.path('patches/patch0003'))).toThrow('EXDEV');
    const before = contentOf(home);
    for (const policy of ['degraded', 'last-good']) {
      const { exitCode, stdout, stderr } = await runPrepatch(['boot', '--home', home.root, '--policy', policy]);
      expect([exitCode, stdout + stderr]).toEqual([1, expect.stringMatching(/EXDEV.*\.held/)]);
      expect(compareTrees(contentOf(home), before)).toEqual([]);
    }
    home.remove('patches/patch0002');
    expect((await applyTo(home)).exitCode).toBe(0);
    expect((await carbonFindsNothingToDo(home.root)).reasons).toEqual([]);
  });

  test('a pack of the image goes onto the shelf and comes back', async () => {
    const { home } = overlaid();
    const original = contentOf(home);
    expect((await applyTo(home)).exitCode).toBe(0);
    const patched = contentOf(home);
    const packs = snapshotTree(home.path('patches'));
    expect(
      (await runPrepatch(['remove', 'patch0001', 'patch0002', 'servicepack001', '--home', home.root])).exitCode,
    ).toBe(0);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), original)).toEqual([]);
    expect(
      (await runPrepatch(['restore', 'patch0001', 'patch0002', 'servicepack001', '--home', home.root])).exitCode,
    ).toBe(0);
    expect(compareTrees(snapshotTree(home.path('patches')), packs)).toEqual([]);
    expect((await applyTo(home)).exitCode).toBe(0);
    expect(compareTrees(contentOf(home), patched)).toEqual([]);
  });
});

/** Says what a refused run says, when it has touched nothing. */
async function refused(home: TestHome, words: readonly string[], through: readonly string[] = []) {
  const before = snapshotTree(home.root, (path) => path.startsWith('repository/logs/'));
  const identities = fileIdentities(home.path());
  const { exitCode, stdout, stderr } = await runPrepatch([...words, '--home', home.root], { through });
  expect(
    compareTrees(
      snapshotTree(home.root, (path) => path.startsWith('repository/logs/')),
      before,
    ),
  ).toEqual([]);
  expect([...fileIdentities(home.path())]).toEqual([...identities]);
  return { exitCode, says: stdout + stderr };
}

describe.skipIf(isNotRoot)('a read-only home', LONG, () => {
  test.each(['remounted', 'bound'])(
    '%s: a change is refused by name, and last-good starts the server all the same',
    async (how) => {
      const point = mounts.folder('home');
      if (how === 'remounted') mounts.tmpfs(point);
      else mounts.bind(mounts.folder('source'), point);
      const home = new TestHome('4.2', ODD_HOME, point);
      mounts.setWritable(point, false);
      for (const [words, exitCode] of [
        [['apply'], 3],
        [['apply', '--policy', 'strict'], 3],
        [['boot', '--policy', 'strict'], 3],
        [['boot'], 0],
        [['recover'], 0],
        [['status'], 0],
        [['plan'], 0],
      ] as const) {
        const run = await refused(home, words);
        expect([words, run.exitCode], run.says).toEqual([words, exitCode]);
        if (words[0] === 'apply' || words[0] === 'boot') expect(run.says).toContain('EROFS');
      }
      mounts.setWritable(point, true);
      await goThereAndBack(home);
    },
  );

  test('only plugins are: refused by name, and nothing is touched', async () => {
    const home = new TestHome('4.2', ODD_HOME, mounts.folder('home'));
    mountPlugins(home, (point) => mounts.bind(mounts.folder('plugins'), point));
    mounts.setWritable(home.path('plugins'), false);
    const plugins = snapshotTree(home.path('plugins'));
    const run = await applyTo(home);
    expect(run.exitCode).toBe(3);
    expect(run.stdout + run.stderr).toContain('EROFS');
    expect(compareTrees(snapshotTree(home.path('plugins')), plugins)).toEqual([]);
    mounts.setWritable(home.path('plugins'), true);
    await goThereAndBack(home);
  });
});

const AS_OTHER = ['setpriv', '--reuid=4321', '--regid=4321', '--clear-groups'];

describe.skipIf(isNotRoot)('another user’s home', LONG, () => {
  test('root works on it: whatever it makes there belongs to that user, who goes on with it', async () => {
    const home = new TestHome('4.4', ODD_HOME, mounts.folder('home'));
    chmodSync(join(home.root, '..', '..'), 0o755);
    execFileSync('chown', ['-R', '4321:4321', home.root]);
    writeFileSync(home.path('plugins/org.example.left_1.0.0.jar'), 'of root, and left alone');
    home.addPatch('patch0003', [bundle('left', 'p3')]);
    execFileSync('chown', ['-R', '4321:4321', home.path('patches')]);
    const { exitCode, stdout, stderr } = await applyTo(home);
    expect(exitCode, stdout + stderr).toBe(0);
    expect(foreignOwned(home.root)).toEqual([]);
    rmSync(home.path('patches/patch0002'), { recursive: true });
    const next = await applyTo(home, { through: AS_OTHER });
    expect(next.exitCode, next.stdout + next.stderr).toBe(0);
    expect(foreignOwned(home.root)).toEqual([]);
    expect((await runPrepatch(['verify', '--deep', '--home', home.root], { through: AS_OTHER })).exitCode).toBe(0);
  });

  test('a user who may only read it: refused by name with exit 3, nothing is touched', async () => {
    const home = new TestHome('4.2', ODD_HOME, mounts.folder('home'));
    chmodSync(join(home.root, '..', '..'), 0o755);
    for (const words of [['apply'], ['apply', '--policy', 'strict'], ['boot', '--policy', 'strict']]) {
      const run = await refused(home, words, AS_OTHER);
      expect([words, run.exitCode], run.says).toEqual([words, 3]);
      expect(run.says).toContain('EACCES');
    }
    expect((await refused(home, ['boot'], AS_OTHER)).exitCode).toBe(0);
    expect((await refused(home, ['status'], AS_OTHER)).exitCode).toBe(0);
  });

  test.each(['plugins', 'plugins/exploded_1.0.0', 'default/configuration'])(
    'a user who may write all but %s: exit 3, nothing is touched',
    async (folder) => {
      const home = new TestHome('4.2', ODD_HOME, mounts.folder('home'));
      chmodSync(join(home.root, '..', '..'), 0o755);
      execFileSync('chown', ['-R', '4321:4321', home.root]);
      execFileSync('chown', ['0:0', home.path(folder)]);
      const before = contentOf(home);
      const { exitCode, stdout, stderr } = await applyTo(home, { through: AS_OTHER });
      expect(exitCode, stdout + stderr).toBe(3);
      expect(stdout + stderr).toContain(home.path(folder));
      expect(compareTrees(contentOf(home), before)).toEqual([]);
      expect(existsSync(home.path('.prepatch/journal'))).toBe(false);
    },
  );
});

/** Paths that do not belong to the user that the home belongs to. */
function foreignOwned(top: string): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    const stat = lstatSync(path);
    if (stat.uid !== 4321 || stat.gid !== 4321) found.push(path);
    if (stat.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  visit(top);
  return found;
}
