// What a user can get wrong, and what a disk can refuse: each gives the promised exit code and a message that says what to do, and
// the plugins stay as they were.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import { type CommandOptions, runPrepatch, startPrepatch, watchEnd } from '../support/command.js';
import { type CaseFile, type CaseHome, TestHome } from '../support/home-builder.js';
import { need } from '../support/need.js';
import { compareTrees, fileIdentities, snapshotTree } from '../support/tree-snapshot.js';

const homes: TestHome[] = [];

afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function bundle(name: string, tag: string): CaseFile {
  return { name: `org.example.${name}`, version: '1.0.0', tag };
}

const BASE = [bundle('core', 'base'), bundle('web', 'base')];
const ONE_PATCH: CaseHome = { plugins: BASE, patches: { patch0001: [bundle('core', 'p1')] } };

function makeHome(described: CaseHome = ONE_PATCH): TestHome {
  const home = new TestHome('4.2', described);
  homes.push(home);
  return home;
}

function apply(home: TestHome, options: CommandOptions = {}) {
  return runPrepatch(['apply', '--home', home.root], options);
}

/** Runs `apply`, and says what it said, together with whether any plugin was written. */
async function refusedApply(home: TestHome, options: CommandOptions = {}) {
  const before = snapshotTree(home.path('plugins'));
  const stamps = fileIdentities(home.path('plugins'));
  const result = await apply(home, options);
  expect(compareTrees(snapshotTree(home.path('plugins')), before)).toEqual([]);
  expect([...fileIdentities(home.path('plugins'))]).toEqual([...stamps]);
  return { exitCode: result.exitCode, says: result.stdout + result.stderr };
}

describe('what is not a home', () => {
  test.each([
    ['a folder that is not there', '/nonexistent/home', /there is no directory \/nonexistent\/home/],
    ['a file', import.meta.filename, /is a file, not a server’s directory/],
    ['a folder without repository\/components', tmpdir(), /is no server’s home/],
  ])('%s: exit 2', async (_, home, says) => {
    for (const command of ['apply', 'boot', 'plan', 'status', 'verify', 'recover', 'history']) {
      const { exitCode, stderr } = await runPrepatch([command, '--home', home]);
      expect([command, exitCode]).toEqual([command, 2]);
      expect(stderr).toMatch(says);
    }
  });

  test('no --home, no CARBON_HOME, and the current folder is none: exit 2 that says how to name one', async () => {
    const { exitCode, stderr } = await runPrepatch(['apply'], { cwd: tmpdir() });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--home');
    expect(stderr).toContain('CARBON_HOME');
  });
});

describe('something else where a patched plugin was', () => {
  test.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync(tmpdir(), path)],
  ])('%s: drift that cannot be repaired; the server does not start on it', async (_, make) => {
    const home = makeHome();
    await apply(home);
    const path = home.path('plugins/org.example.core_1.0.0.jar');
    rmSync(path);
    make(path);
    const booted = await runPrepatch(['boot', '--home', home.root]);
    expect([booted.exitCode, booted.stderr]).toEqual([
      3,
      expect.stringContaining('Move repository/components/plugins/'),
    ]);
    expect(home.logBodies(0).filter((line) => line.includes('the server starts'))).toEqual([]);
    const { stdout } = await runPrepatch(['status', '--home', home.root, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'drifted' });
    rmSync(path, { recursive: true });
    expect((await apply(home)).exitCode).toBe(0);
    expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['p1']));
  });
});

describe('a pack that is a link', () => {
  test('is refused by name; under degraded the others go on', async () => {
    const home = makeHome();
    symlinkSync(home.path('patches/patch0001'), home.path('patches/patch0002'));
    const { exitCode: refused, says } = await refusedApply(home);
    expect(refused).toBe(3);
    expect(says).toContain('patch0002 is a link');
    const { exitCode } = await runPrepatch(['boot', '--home', home.root, '--policy', 'degraded']);
    expect([exitCode, home.names()]).toEqual([0, ['patch0001']]);
  });

  test('is held where Carbon’s own patcher would follow it, and again at each start', async () => {
    const home = new TestHome('4.4', ONE_PATCH);
    homes.push(home);
    home.addCompanion();
    mkdirSync(home.path('elsewhere'));
    writeFileSync(home.path('elsewhere/notes.txt'), 'notes');
    symlinkSync(home.path('elsewhere'), home.path('patches/patch0002'));
    for (let start = 1; start <= 2; start++) {
      const { exitCode } = await runPrepatch(['boot', '--home', home.root, '--policy', 'degraded']);
      expect([exitCode, home.names()]).toEqual([0, ['patch0001']]);
      expect(readdirSync(home.path('patches/.held'))).toEqual(['patch0002']);
      expect((await carbonFindsNothingToDo(home.root)).reasons).toEqual([]);
    }
  });
});

describe('a file where a folder should be', () => {
  test.each(['plugins', 'patches', 'servicepacks'])('%s: exit 3 that names it', async (folder) => {
    const home = makeHome({});
    rmSync(home.path(folder), { recursive: true });
    writeFileSync(home.path(folder), '');
    const { exitCode, stderr } = await apply(home);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`${home.path(folder)} is not a directory`);
  });

  test('components: exit 3 that names it', async () => {
    const home = makeHome({});
    rmSync(home.path(), { recursive: true });
    writeFileSync(home.path(), '');
    const { exitCode, stderr } = await apply(home);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`${home.path()} is not a directory`);
  });

  test('the names file is a folder: exit 3 that names it', async () => {
    const home = makeHome();
    mkdirSync(home.namesFile);
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toContain(`${home.namesFile} is not a file`);
  });
});

describe('an edited record', () => {
  test.each([
    ['names another patch', 'patch0009\n'],
    ['is empty', ''],
    ['has one more', 'patch0001\npatch0002\n'],
  ])('prePatched.txt %s: exit 3, says what to run; boot --policy strict does too', async (_, text) => {
    const home = makeHome();
    await apply(home);
    writeFileSync(home.namesFile, text);
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toContain('prePatched.txt was changed');
    expect(says).toContain('prepatch doctor');
    expect((await runPrepatch(['boot', '--home', home.root, '--policy', 'strict'])).exitCode).toBe(3);
    const status = JSON.parse((await runPrepatch(['status', '--home', home.root, '--json'])).stdout) as {
      state: string;
    };
    expect(status.state).toBe('tampered');
  });

  test.each(['\r\n', '\n\n', ''])('line ends %j in prePatched.txt change nothing that it says', async (end) => {
    const home = makeHome();
    await apply(home);
    writeFileSync(home.namesFile, `patch0001${end}`);
    expect((await refusedApply(home)).exitCode).toBe(0);
  });

  test('prePatched.txt is gone: exit 3, says what to run', async () => {
    const home = makeHome();
    await apply(home);
    rmSync(home.namesFile);
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toContain('prepatch doctor');
  });

  test('our own record has one byte changed: exit 3, says what to run', async () => {
    const home = makeHome();
    await apply(home);
    appendFileSync(home.path('.prepatch/ledger.json'), ' x');
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toContain('its checksum does not fit');
    expect(says).toContain('prepatch doctor');
  });

  test('our own record is gone: exit 3, says what to run', async () => {
    const home = makeHome();
    await apply(home);
    rmSync(home.path('.prepatch/ledger.json'));
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toContain('prepatch doctor');
  });
});

describe('a pack that cannot be taken', () => {
  test.each<[string, CaseFile, RegExp]>([
    ['a torn JAR', { ...bundle('web', 'p2'), torn: true }, /org\.example\.web_1\.0\.0\.jar is no sound JAR/],
    ['a JAR of 0 bytes', { file: 'empty.jar', text: '', tag: 'empty' }, /empty\.jar is no sound JAR/],
    ['a text that is called a JAR', { file: 'text.jar', text: 'text', tag: 'text' }, /text\.jar is no sound JAR/],
    [
      'a JAR whose name leads out of plugins',
      { file: 'evil.jar', manifest: ['Bundle-SymbolicName: ../evil', 'Bundle-Version: 1'], tag: 'evil' },
      /evil\.jar/,
    ],
  ])('%s: exit 3 that names it', async (_, file, message) => {
    const home = makeHome();
    home.addPatch('patch0002', [file]);
    const { exitCode, says } = await refusedApply(home);
    expect(exitCode).toBe(3);
    expect(says).toMatch(message);
    expect((await runPrepatch(['boot', '--home', home.root])).exitCode).toBe(0);
  });

  test('a JAR without a manifest keeps its name', async () => {
    const home = makeHome({
      plugins: BASE,
      patches: { patch0001: [{ file: 'plain.jar', manifest: null, tag: 'plain' }] },
    });
    expect((await apply(home)).exitCode).toBe(0);
    expect([...home.files('plugins').keys()]).toContain('plain.jar');
  });
});

const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const cannotMount = need('root') !== undefined;

describe.skipIf(cannotMount)('another user', () => {
  /** A home that `nobody` owns, and may work in. */
  function homeOfNobody(): TestHome {
    const home = makeHome();
    chmodSync(join(home.root, '..'), 0o755);
    execFileSync('chown', ['-R', '65534:65534', home.root]);
    return home;
  }

  test('works on a home that is its own', async () => {
    const home = homeOfNobody();
    expect((await apply(home, { through: AS_NOBODY })).exitCode).toBe(0);
    expect(home.names()).toEqual(['patch0001']);
  });

  test('an unreadable JAR in a patch: exit 3 that names it', async () => {
    const home = homeOfNobody();
    chmodSync(home.path('patches/patch0001/org.example.core_1.0.0.jar'), 0);
    const { exitCode, says } = await refusedApply(home, { through: AS_NOBODY });
    expect(exitCode).toBe(3);
    expect(says).toMatch(/patch0001\/org\.example\.core_1\.0\.0\.jar cannot be read \(EACCES\)/);
  });

  test('an unreadable plugin that is to be replaced: exit 3 that names it', async () => {
    const home = homeOfNobody();
    chmodSync(home.path('plugins/org.example.core_1.0.0.jar'), 0);
    const { exitCode, stderr } = await apply(home, { through: AS_NOBODY });
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/org\.example\.core_1\.0\.0\.jar cannot be read \(EACCES\)/);
  });

  test.each(['patches', 'plugins', 'servicepacks'])('an unreadable folder %s: exit 3 that names it', async (folder) => {
    const home = homeOfNobody();
    chmodSync(home.path(folder), 0);
    const { exitCode, stderr } = await apply(home, { through: AS_NOBODY });
    expect(exitCode).toBe(3);
    expect(stderr).toContain(home.path(folder));
  });

  test('plugins that may not be written: exit 3 that names them, nothing is left behind, and the next start works', async () => {
    const home = homeOfNobody();
    chmodSync(home.path('plugins'), 0o555);
    const { exitCode, says } = await refusedApply(home, { through: AS_NOBODY });
    expect(exitCode).toBe(3);
    expect(says).toMatch(/components\/plugins\b.*EACCES.*\(?UNWRITABLE/);
    chmodSync(home.path('plugins'), 0o755);
    expect((await apply(home, { through: AS_NOBODY })).exitCode).toBe(0);
    expect(home.names()).toEqual(['patch0001']);
  });
});

/** A home on a small file system of its own, which goes with it. */
async function onTmpfs(options: string, work: (home: TestHome, mount: string) => Promise<void>): Promise<void> {
  const mount = mkdtempSync(join(tmpdir(), 'prepatch-mount-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mount]);
  try {
    await work(new TestHome('4.2', ONE_PATCH, mount), mount);
  } finally {
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  }
}

describe.skipIf(cannotMount)('a file system that refuses', () => {
  test('read-only: a start without a change works, a change is a named error before anything is touched', async () => {
    await onTmpfs('size=16m', async (home, mount) => {
      const writable = (isWritable: boolean) =>
        execFileSync('mount', ['-o', `remount,${isWritable ? 'rw' : 'ro'}`, mount]);
      writable(false);
      const first = await refusedApply(home);
      expect(first.exitCode).toBe(3);
      expect(first.says).toContain('EROFS');
      writable(true);
      expect((await apply(home)).exitCode).toBe(0);
      writable(false);
      expect((await refusedApply(home)).exitCode).toBe(0);
      expect((await runPrepatch(['boot', '--home', home.root, '--policy', 'strict'])).exitCode).toBe(0);
      writable(true);
      home.remove('patches/patch0001');
      writable(false);
      const revert = await refusedApply(home);
      expect(revert.exitCode).toBe(3);
      expect(revert.says).toContain('EROFS');
      writable(true);
      expect((await apply(home)).exitCode).toBe(0);
      expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['base']));
    });
  });

  test('no inode is left, however many there were: named, undone, and the next start with room works', async () => {
    for (const spare of [0, 1, 2, 3, 5, 8]) {
      await onTmpfs('size=16m,nr_inodes=200', async (home, mount) => {
        const fillings = useUpInodes(mount);
        for (const filling of fillings.slice(0, spare)) rmSync(filling);
        const { exitCode, says } = await refusedApply(home);
        expect([1, 3], says).toContain(exitCode);
        expect(says).toContain('ENOSPC');
        for (const filling of fillings.slice(spare)) rmSync(filling);
        expect((await apply(home)).exitCode).toBe(0);
        expect(home.names()).toEqual(['patch0001']);
      });
    }
  });
});

function useUpInodes(folder: string): string[] {
  const made: string[] = [];
  try {
    for (;;) {
      const path = join(folder, `filling${made.length}`);
      writeFileSync(path, '');
      made.push(path);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  return made;
}

describe('two runs at the same time', () => {
  const many = Array.from({ length: 400 }, (_, n) => bundle(`many${n}`, 'p1'));

  test('one has the home; with --wait 0 the other ends with exit 5 and names it; a third waits and finds it done', async () => {
    const home = makeHome({ plugins: BASE, patches: { patch0001: many } });
    const first = startPrepatch(['apply', '--home', home.root]);
    const running = watchEnd(first.ended);
    const codes = new Set<number | null>();
    let said = '';
    while (running.isOn && !codes.has(5)) {
      const other = await runPrepatch(['apply', '--home', home.root, '--wait', '0']);
      codes.add(other.exitCode);
      if (other.exitCode === 5) said = other.stderr;
    }
    const third = await apply(home);
    expect((await first.ended).exitCode).toBe(0);
    expect(third.exitCode).toBe(0);
    if (codes.has(5)) expect(said).toMatch(/process \d+ on .* works on/);
    expect([...codes].filter((code) => code !== 0 && code !== 5)).toEqual([]);
    expect([...home.files('plugins').keys()]).toHaveLength(402);
  });

  test('a run that was stopped while it held the home does not keep the next one out', async () => {
    const home = makeHome({ plugins: BASE, patches: { patch0001: many } });
    const first = startPrepatch(['apply', '--home', home.root]);
    await sleep(250);
    first.kill();
    await first.ended;
    expect((await runPrepatch(['apply', '--home', home.root, '--wait', '0'])).exitCode).toBe(0);
    expect([...home.files('plugins').keys()]).toHaveLength(402);
  });

  test('five at once: the work is done once, and all of them end well', async () => {
    const home = makeHome();
    const results = await Promise.all(Array.from({ length: 5 }, () => apply(home)));
    expect(results.map((result) => result.exitCode)).toEqual([0, 0, 0, 0, 0]);
    const log = home.logBodies();
    expect(log.filter((line) => line === 'Applying - patch0001')).toHaveLength(1);
  });
});
