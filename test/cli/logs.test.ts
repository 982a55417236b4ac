// The log files and the status page of real runs: what is in which, what nothing may do to them, and what stops nothing.
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { TestHome } from '../support/home-builder.js';

let home: TestHome;

afterEach(() => {
  home.dispose();
});

function makeHome(): TestHome {
  home = new TestHome('4.2', {
    plugins: [{ name: 'org.a', version: '1.0.0', tag: 'a' }],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
  return home;
}

const logs = (...parts: readonly string[]) => join(home.root, 'repository', 'logs', ...parts);
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []);

describe('the detail logs', () => {
  test('of a run that works: each level a subset of the next, each step a subset of the last, no line lost', async () => {
    makeHome();
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'torn', torn: true }]);
    await runPrepatch(['apply', '--policy', 'degraded', '--home', home.root]);
    const levels = [0, 1, 2].map((level) => linesOf(logs('prepatch', `level${level}.log`)));
    expect(levels[1]!.length).toBeGreaterThan(0);
    expect(levels[1]).toEqual(expect.arrayContaining(levels[0]!));
    expect(levels[2]).toEqual(expect.arrayContaining(levels[1]!));
    expect(levels[2]).toEqual(expect.arrayContaining(linesOf(home.logFile)));
    const steps = readdirSync(logs('prepatch')).filter((name) => !name.startsWith('level'));
    expect(steps).toEqual(
      expect.arrayContaining([
        'look.log',
        'check.log',
        'stage.log',
        'deploy.log',
        'verify.log',
        'commit.log',
        'cleanup.log',
      ]),
    );
    // Together the steps are the whole story, every line once.
    expect(steps.flatMap((name) => linesOf(logs('prepatch', name))).sort()).toEqual(levels[2]!.toSorted());
    const story = readFileSync(home.logFile, 'utf8');
    expect(story).toMatch(
      /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] {2}INFO \{prepatch\} - {2}Checking for patch changes \.\.\.\n/,
    );
    expect(story).toMatch(/ WARN \{prepatch\S*\} - {2}patch0002 is quarantined/);
  });

  test('are not touched by a start that finds nothing to do', async () => {
    makeHome();
    await runPrepatch(['boot', '--home', home.root]);
    const before = readFileSync(logs('prepatch', 'level2.log'), 'utf8');
    const page = readFileSync(logs('patch-status.html'), 'utf8');
    await runPrepatch(['boot', '--home', home.root]);
    expect(readFileSync(logs('prepatch', 'level2.log'), 'utf8')).toBe(before);
    expect(readFileSync(logs('patch-status.html'), 'utf8')).toBe(page);
    expect(home.logBodies().at(-1)).toBe('Patch verification successfully completed');
  });

  test('are kept of a start that refuses something, though nothing is worked on', async () => {
    makeHome();
    await runPrepatch(['boot', '--home', home.root]);
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'torn', torn: true }]);
    const before = linesOf(logs('prepatch', 'level0.log')).length;
    await runPrepatch(['boot', '--home', home.root]);
    const errors = linesOf(logs('prepatch', 'level0.log')).slice(before);
    expect(errors.some((line) => line.includes('patch0002'))).toBe(true);
  });

  test('every line of a transaction carries its id', async () => {
    makeHome();
    const { stdout } = await runPrepatch(['apply', '--json', '--home', home.root]);
    const { transaction } = JSON.parse(stdout) as { transaction: string };
    const lines = linesOf(home.logFile);
    expect(lines[0]).toContain('{prepatch} -  Checking');
    expect(lines.slice(1).filter((line) => !line.includes(`{prepatch.${transaction}}`))).toEqual([]);
    expect(lines.length).toBeGreaterThan(5);
  });

  test.each([
    ['of a pack, which is refused', 'patch0009%', 'a.txt', 'patch0009\\n[2026-01-01'],
    ['of a file', 'patch0009', 'folder/a%', 'folder/a\\u000a[2026-01-01'],
  ])('a name cannot forge a line: that %s', async (_, pack, file, shown) => {
    const forged = (name: string) => name.replace('%', '\n[2026-01-01 00:00:00,000]  INFO {x} -  forged');
    makeHome();
    const path = home.path('patches', forged(pack), forged(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'z');
    await runPrepatch(['apply', '--home', home.root]);
    for (const name of ['../patches.log', 'level2.log']) {
      const lines = linesOf(logs('prepatch', name));
      expect(lines.filter((line) => line.endsWith('{x} -  forged') && line.startsWith('[2026-01-01'))).toEqual([]);
    }
    expect(readFileSync(home.logFile, 'utf8')).toContain(shown);
  });
});

describe('patches.log', () => {
  test('is appended to; a line that was torn is ended first', async () => {
    makeHome();
    writeFileSync(home.logFile, 'from before\n[2026-11-21 11:24:17,807]  INFO {x} -  tor');
    await runPrepatch(['apply', '--home', home.root]);
    const lines = linesOf(home.logFile);
    expect(lines.slice(0, 2)).toEqual(['from before', '[2026-11-21 11:24:17,807]  INFO {x} -  tor']);
    expect(lines[2]).toMatch(/Checking for patch changes/);
  });

  const inTheWay: readonly [what: string, make: (target: string) => void][] = [
    ['a link', (target) => symlinkSync(target, home.logFile)],
    ['a link to nothing', () => symlinkSync('nowhere', home.logFile)],
    ['a folder', () => mkdirSync(home.logFile)],
  ];
  test.each(inTheWay)('that is %s is said once, is not followed, and stops nothing', async (_, make) => {
    makeHome();
    const target = join(home.root, 'precious');
    writeFileSync(target, 'precious');
    make(target);
    const kind = lstatSync(home.logFile).mode;
    const result = await runPrepatch(['apply', '--home', home.root]);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/^prepatch: [^\n]*patches\.log cannot be written: [^\n]*\n$/);
    expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
    expect(readFileSync(target, 'utf8')).toBe('precious');
    expect(lstatSync(home.logFile).mode).toBe(kind);
    expect(existsSync(join(home.root, 'repository', 'logs', 'nowhere'))).toBe(false);
  });

  test('whose folder is a file stops nothing', async () => {
    makeHome();
    rmSync(logs(), { recursive: true });
    writeFileSync(logs(), '');
    const result = await runPrepatch(['apply', '--home', home.root]);
    expect(result.exitCode).toBe(0);
    expect(result.stderr.split('\n').length).toBe(2);
    expect(home.names()).toEqual(['patch0001']);
  });

  test('where the folder of logs is not there yet, it is made', async () => {
    makeHome();
    rmSync(logs(), { recursive: true });
    await runPrepatch(['apply', '--home', home.root]);
    expect(linesOf(home.logFile).length).toBeGreaterThan(3);
  });

  test('with a second name keeps both: it is written in place', async () => {
    makeHome();
    writeFileSync(home.logFile, '');
    linkSync(home.logFile, join(home.root, 'second'));
    await runPrepatch(['apply', '--home', home.root]);
    expect(readFileSync(join(home.root, 'second'), 'utf8')).toBe(readFileSync(home.logFile, 'utf8'));
  });

  test('commands that only read leave no trace', async () => {
    makeHome();
    for (const command of ['status', 'plan', 'history', 'config']) await runPrepatch([command, '--home', home.root]);
    expect(readdirSync(logs())).toEqual([]);
  });
});

describe('the status page', () => {
  test('tells at the end what became of steps and packs, and is loaded no more', async () => {
    makeHome();
    home.addPatch('patch0002<b>', [{ name: 'org.b', version: '1.0.0', tag: 'b' }]);
    await runPrepatch(['apply', '--home', home.root]);
    const page = readFileSync(logs('patch-status.html'), 'utf8');
    expect(page).toContain('<td>deploy</td><td><span class="state done">done</span></td>');
    expect(page).toContain('<td>rollback</td><td><span class="state skipped">skipped</span></td>');
    expect(page).toContain('<td>patch0001</td><td>apply</td><td><span class="state done">done</span></td>');
    expect(page).toContain('patch0002&#60;b&#62;');
    expect(page).not.toContain('<b>');
    expect(page).not.toContain('http-equiv="refresh"');
    expect(readdirSync(logs()).sort()).toEqual(['patch-status.html', 'patches.log', 'prepatch']);
  });

  test('says that a run has failed, and which packs are left out', async () => {
    makeHome();
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'b2', torn: true }]);
    await runPrepatch(['apply', '--policy', 'degraded', '--home', home.root]);
    const left = readFileSync(logs('patch-status.html'), 'utf8');
    expect(left).toContain('<p><span class="state done">done</span>');
    expect(left).toContain('<td>patch0002</td><td>quarantine</td><td><span class="state skipped">skipped</span></td>');
    home.remove('patches/patch0002');
    const actions = [{ kind: 'run', id: 'fails', argv: ['false'], repeatable: true }];
    writeFileSync(home.path('patches/patch0001.json'), JSON.stringify({ id: 'patch0001', version: '1.0.0', actions }));
    expect(await runPrepatch(['apply', '--home', home.root])).toMatchObject({ exitCode: 1 });
    const failed = readFileSync(logs('patch-status.html'), 'utf8');
    expect(failed).toContain('<p><span class="state failed">failed</span>');
    expect(failed).toContain('<td>rollback</td><td><span class="state done">done</span></td>');
  });

  test('replaces a link and does not follow it; a folder in its place stops nothing', async () => {
    makeHome();
    const target = join(home.root, 'precious');
    writeFileSync(target, 'precious');
    symlinkSync(target, logs('patch-status.html'));
    await runPrepatch(['apply', '--home', home.root]);
    expect(readFileSync(target, 'utf8')).toBe('precious');
    expect(lstatSync(logs('patch-status.html')).isFile()).toBe(true);
    rmSync(logs('patch-status.html'));
    mkdirSync(logs('patch-status.html'));
    home.remove('patches/patch0001');
    const result = await runPrepatch(['apply', '--home', home.root]);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/^prepatch: [^\n]*patch-status\.html cannot be written[^\n]*\n$/);
    expect(home.names()).toEqual([]);
  });
});
