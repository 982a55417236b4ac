// When a description of a home may become the stamp of prepatch-boot (docs/guard.md, clauses 3 and 4).
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DescribedPath, isProof, isQuiet, parseDescription, StampCandidate } from '../../src/daemon/stamp.js';
import { makeLayout } from '../../src/home/layout.js';
import type { RunResult } from '../../src/patcher/reports.js';
import { RealFiles } from '../../src/system/real-files.js';

const NOTHING: RunResult = {
  home: '/home',
  outcome: 'nothing',
  transaction: null,
  recovered: null,
  apply: [],
  revert: [],
  update: [],
  changes: [],
  problems: [],
  quarantined: [],
  probation: [],
  failure: null,
};
const COMPONENTS = 'repository/components';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'prepatch-stamp-'));
  put(`${COMPONENTS}/plugins/a b.jar`, 'a');
  put(`${COMPONENTS}/.prepatch/ledger.json`, '{}');
  put('program/dist/main.cjs', '');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

const PRINTF = ['-printf', '%i %D %C@ %T@ %s %m %y %p\\0'];
const STAT = ['-exec', 'stat', '-c', '%i %d %Z %z %y %s %f %n', '{}', '+'];

/** As bin/prepatch-boot has it; `settings` are lines of `export -p`. */
function describeHome(format: 'printf' | 'stat', paths: readonly string[], settings = '', from = home): string {
  const action = format === 'printf' ? PRINTF : STAT;
  const found = execFileSync('find', [...paths, ...action], { cwd: home, env: { ...process.env, TZ: 'UTC0' } });
  return `prepatch guard 1 ${format}\n${from}\0\0${settings}\0${found.toString('utf8')}`;
}

describe.each(['printf', 'stat'] as const)('a description by %s', (format) => {
  test('tells each path with its device, kind and change time', () => {
    const described = parseDescription(
      describeHome(format, [`${COMPONENTS}/plugins/a b.jar`, `${COMPONENTS}/plugins`]),
    );
    const stats = statSync(join(home, COMPONENTS, 'plugins/a b.jar'), { bigint: true });
    expect(described?.home).toBe(home);
    const [file, folder] = described?.paths ?? [];
    expect(file).toMatchObject({ path: `${COMPONENTS}/plugins/a b.jar`, device: String(stats.dev), kind: 'file' });
    expect(file?.changedMs).toBeCloseTo(Number(stats.ctimeNs / 1000n) / 1000, 2);
    expect(folder).toMatchObject({ path: `${COMPONENTS}/plugins`, kind: 'directory' });
  });

  test('is none with a line that is not understood, or an end that is missing', () => {
    const whole = describeHome(format, [`${COMPONENTS}/.prepatch`]);
    expect(parseDescription(whole)).toBeDefined();
    expect(parseDescription(whole.slice(0, -1))).toBeUndefined();
    expect(parseDescription(whole.replace('guard 1', 'guard 2'))).toBeUndefined();
    expect(parseDescription(`${whole}nonsense${format === 'printf' ? '\0' : '\n'}`)).toBeUndefined();
  });
});

test('a name with a line break is one path by printf, and no description by stat', () => {
  const path = `${COMPONENTS}/plugins/line\nbreak.jar`;
  put(path, 'b');
  expect(parseDescription(describeHome('printf', [path]))?.paths.map((one) => one.path)).toEqual([path]);
  expect(parseDescription(describeHome('stat', [path]))).toBeUndefined();
});

test.each([
  ["export PREPATCH_POLICY='strict'", true],
  ['export PREPATCH_POLICY="strict"', true],
  ['declare -x PREPATCH_POLICY="strict"', true],
  ["export PREPATCH_POLICY='strict'\nexport PREPATCH_DRIFT='report'", true],
  // The first lines of values with line breaks, as dash and bash show them.
  ["export PREPATCH_PATCHES_DIR='a", false],
  ["export PREPATCH_PATCHES_DIR=$'a\\nb'", false],
  ["export PREPATCH_PATCHES_DIR='a'\"'\"'", false],
])('settings %j can be told from others: %s', (settings, isPlain) => {
  expect(parseDescription(describeHome('printf', [COMPONENTS], settings)) !== undefined).toBe(isPlain);
});

describe('a description is proof', () => {
  const at = (path: string, kind: DescribedPath['kind'], change: Partial<DescribedPath> = {}): DescribedPath => ({
    path,
    device: '1',
    changedMs: 1000,
    kind,
    ...change,
  });
  const plugins = at(`${COMPONENTS}/plugins`, 'directory');
  const ledger = at(`${COMPONENTS}/.prepatch/ledger.json`, 'file');
  const program = at('/opt/prepatch/bin/../dist/main.cjs', 'file');
  const sound = [plugins, ledger, program];
  const judge = (paths: readonly DescribedPath[], clock = 1004, now = 10_000) =>
    isProof(
      paths,
      () => clock,
      () => now,
    );

  test('where every change in it is past in the clock of its file system', () => {
    expect(judge(sound, 1004)).toBe(true);
    expect(judge(sound, 1000)).toBe(false);
    expect(judge(sound, 999)).toBe(false);
  });

  test('where the clock gets past it in a few milliseconds', () => {
    let asked = 0;
    const ticking = () => (++asked < 3 ? 1000 : 1004);
    expect(isProof(sound, ticking, () => 10_000)).toBe(true);
    expect(asked).toBe(3);
  });

  test.each([
    ['the plugins are missing', [ledger, program]],
    ['the plugins are a link', [{ ...plugins, kind: 'link' as const }, ledger, program]],
    ['the record is missing', [plugins, program]],
    ['the program is missing', [plugins, ledger]],
    ['a file is on another device', [...sound, at(`${COMPONENTS}/patches/patch0001`, 'directory', { device: '2' })]],
    ['a patch has a manifest', [...sound, at(`${COMPONENTS}/patches/patch0001.json`, 'file')]],
    ['a pack has a manifest in it', [...sound, at(`${COMPONENTS}/servicepacks/servicepack001/patch.json`, 'file')]],
  ])('not where %s', (_, paths) => {
    expect(judge(paths)).toBe(false);
  });

  test('with a program on another device, unless it has just been installed', () => {
    const elsewhere = [plugins, ledger, { ...program, device: '2' }];
    expect(judge(elsewhere, 1004, 10_000)).toBe(true);
    expect(judge(elsewhere, 1004, 3000)).toBe(false);
  });
});

test.each<[string, Partial<RunResult>]>([
  ['changed something', { outcome: 'changed', transaction: '20261121-000000-aaaaaa' }],
  ['kept the home as it was', { outcome: 'kept' }],
  ['has a failure', { failure: { code: 'CONFLICT', message: '', hint: '', exitCode: 3 } }],
  ['left a pack out', { quarantined: [{ name: 'patch0001', reason: '' }] }],
  ['warns', { problems: [{ code: 'NEAR_MISS', severity: 'warning', message: '', hint: '' }] }],
  ['waits for a drop', { problems: [{ code: 'DEFERRED', severity: 'info', message: '', hint: '' }] }],
])('a start that %s leaves no stamp', (_, change) => {
  expect(isQuiet(NOTHING)).toBe(true);
  expect(isQuiet({ ...NOTHING, problems: [{ code: 'README_IN_PACK', severity: 'info', message: '', hint: '' }] })).toBe(
    true,
  );
  expect(isQuiet({ ...NOTHING, ...change })).toBe(false);
});

describe('a candidate', () => {
  const guard = () => join(home, COMPONENTS, '.prepatch/guard');
  const candidate = (from = home, more: readonly string[] = []) => {
    const folder = join(guard(), 'new.1');
    mkdirSync(folder, { recursive: true });
    const program = join(home, 'program/dist/main.cjs');
    writeFileSync(join(folder, 'plugins'), describeHome('printf', [`${COMPONENTS}/plugins`], '', from));
    writeFileSync(
      join(folder, 'packs'),
      describeHome('printf', [`${COMPONENTS}/.prepatch/ledger.json`, program, ...more], '', from),
    );
    return folder;
  };

  test.each<[string, readonly string[], 'kept' | 'dropped']>([
    ['files alone', ['patch0001/a_1.0.0.jar', 'README.txt'], 'kept'],
    ['a manifest', ['patch0001/a_1.0.0.jar', 'patch0001/patch.json'], 'dropped'],
    ['any JSON', ['x/patch0001/conf/A.JSON'], 'dropped'],
    ['what nobody can tell: it is not unpacked', [], 'dropped'],
  ])('with a zip that holds %s', (_, paths, expected) => {
    put(`${COMPONENTS}/patches/patch0001.zip`, 'zip');
    for (const path of paths) put(`${COMPONENTS}/.prepatch/cache/zips/0123/content/${path}`, 'content');
    const folder = candidate(home, [`${COMPONENTS}/patches`]);
    const stamp = StampCandidate.open(new RealFiles(), home, folder, Date.now);
    expect(stamp?.settle(makeLayout(home, 'carbon-4.2'), NOTHING)).toBe(expected);
  });

  test('becomes the stamp after a start without changes', () => {
    const folder = candidate();
    const text = readFileSync(join(folder, 'plugins'), 'utf8');
    const stamp = StampCandidate.open(new RealFiles(), home, folder, Date.now);
    expect(stamp?.settle(makeLayout(home, 'carbon-4.2'), NOTHING)).toBe('kept');
    expect(readdirSync(guard()).sort()).toEqual(['packs', 'plugins']);
    expect(readFileSync(join(guard(), 'plugins'), 'utf8')).toBe(text);
  });

  test('does not after any other', () => {
    const stamp = StampCandidate.open(new RealFiles(), home, candidate(), Date.now);
    expect(stamp?.settle(makeLayout(home, 'carbon-4.2'), { ...NOTHING, outcome: 'changed' })).toBe('dropped');
    expect(existsSync(join(guard(), 'plugins'))).toBe(false);
  });

  test('does not where a folder is somewhere else than the guard looks', () => {
    const stamp = StampCandidate.open(new RealFiles(), home, candidate(), Date.now);
    const layout = makeLayout(home, 'carbon-4.2', { patches: '/srv/patches' });
    expect(stamp?.settle(layout, NOTHING)).toBe('dropped');
  });

  test('does not where another run has swept it away', () => {
    const folder = candidate();
    const stamp = StampCandidate.open(new RealFiles(), home, folder, Date.now);
    rmSync(folder, { recursive: true });
    expect(stamp?.settle(makeLayout(home, 'carbon-4.2'), NOTHING)).toBe('dropped');
  });

  test('is none where it is missing, lies elsewhere, or describes another home', () => {
    const files = new RealFiles();
    expect(StampCandidate.open(files, home, undefined, Date.now)).toBeUndefined();
    expect(StampCandidate.open(files, home, join(guard(), 'new.2'), Date.now)).toBeUndefined();
    expect(StampCandidate.open(files, home, join(home, 'new.1'), Date.now)).toBeUndefined();
    expect(StampCandidate.open(files, home, candidate('/another'), Date.now)).toBeUndefined();
    expect(StampCandidate.open(files, home, candidate(), Date.now)).toBeDefined();
  });

  test('is none where the clock of the file system stands still', () => {
    class StoppedClock extends RealFiles {
      override fileSystemTime(): number {
        return statSync(join(home, COMPONENTS, 'plugins')).ctimeMs;
      }
    }
    expect(StampCandidate.open(new StoppedClock(), home, candidate(), Date.now)).toBeUndefined();
  });
});
