// The folder plugins is missing, or empty, on a home that has been patched: most likely its file system is not mounted. Nothing is
// put there and no server started, until the plugins are back; what is only damaged is repaired as ever.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { TestHome } from '../support/home-builder.js';
import { compareTrees, snapshotTree } from '../support/tree-snapshot.js';
import { applyTo, bundle, ODD_HOME } from './odd-home.js';

let home: TestHome;

beforeEach(() => {
  home = new TestHome('4.4', ODD_HOME);
});

afterEach(() => {
  home.dispose();
});

const run = (...args: readonly string[]) => runPrepatch([args[0] ?? '', '--home', home.root, ...args.slice(1)]);
const boot = (...args: readonly string[]) =>
  run('boot', ...args, '--', process.execPath, '-e', 'console.log("started")');
const clearPlugins = () => {
  for (const name of readdirSync(home.path('plugins'))) rmSync(home.path('plugins', name), { recursive: true });
};

describe.each<[string, () => void]>([
  ['missing', () => undefined],
  ['empty', () => mkdirSync(home.path('plugins'))],
])('the folder plugins is %s', (_, leave) => {
  beforeEach(async () => {
    expect((await applyTo(home)).exitCode).toBe(0);
    renameSync(home.path('plugins'), home.path('elsewhere'));
    leave();
  });

  test.each(['last-good', 'strict', 'degraded'])('policy %s: refused, no server is started', async (policy) => {
    const isThere = existsSync(home.path('plugins'));
    const ended = await boot('--policy', policy);
    expect(ended.exitCode).toBe(3);
    expect(ended.stdout).not.toContain('started');
    expect(ended.stderr).toMatch(
      /not one of the 10 paths on record is in repository\/components\/plugins \(PLUGINS_GONE\)/,
    );
    expect(ended.stderr).toContain('mount it');
    expect(existsSync(home.path('plugins'))).toBe(isThere);
    if (isThere) expect(readdirSync(home.path('plugins'))).toEqual([]);
  });

  test('a pack that is taken away meanwhile changes nothing', async () => {
    rmSync(home.path('patches/patch0002'), { recursive: true });
    expect((await applyTo(home)).exitCode).toBe(3);
    expect(home.names()).toEqual(['servicepack001', 'patch0001', 'patch0002']);
  });

  test('status, plan, verify and doctor say it, and not of each plugin that it is missing', async () => {
    for (const command of ['status', 'plan', 'verify', 'doctor']) {
      const { exitCode, stdout, stderr } = await run(command);
      expect(exitCode, command).toBe(command === 'status' ? 0 : 3);
      expect(stdout + stderr, command).toContain('not one of the 10 paths on record');
      expect(stdout + stderr, command).not.toContain('is missing');
    }
    expect((await run('verify', '--repair')).exitCode).toBe(3);
  });

  test('they are back: the next start finds everything as it was', async () => {
    expect((await boot()).exitCode).toBe(3);
    rmSync(home.path('plugins'), { recursive: true, force: true });
    renameSync(home.path('elsewhere'), home.path('plugins'));
    const before = snapshotTree(home.path('plugins'));
    const ended = await boot();
    expect([ended.exitCode, ended.stdout]).toEqual([0, 'started\n']);
    expect(compareTrees(snapshotTree(home.path('plugins')), before)).toEqual([]);
    expect((await run('verify', '--deep')).exitCode).toBe(0);
  });
});

test('other plugins have taken their place for good: rebase takes them for the base, and packs are applied to them', async () => {
  expect((await applyTo(home)).exitCode).toBe(0);
  clearPlugins();
  home.write('plugins', [bundle('next', 'base', '2.0.0')]);
  expect((await applyTo(home)).exitCode).toBe(3);
  expect((await run('rebase')).exitCode).toBe(0);
  expect((await applyTo(home)).exitCode).toBe(0);
  expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['p2']));
  expect(home.tagsOf(home.md5('plugins/org.example.next_2.0.0.jar'))).toEqual(new Set(['base']));
});

test('one plugin is there: what the packs cover of the others is put back', async () => {
  expect((await applyTo(home)).exitCode).toBe(0);
  for (const name of readdirSync(home.path('plugins')))
    if (name !== 'org.example.left_1.0.0.jar') rmSync(home.path('plugins', name), { recursive: true });
  expect((await boot()).stdout).toContain('started');
  expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['p2']));
});

test('no pack covers anything any more: that plugins are gone is said, and nothing is refused', async () => {
  expect((await applyTo(home)).exitCode).toBe(0);
  for (const folder of ['patches', 'servicepacks'])
    for (const name of readdirSync(home.path(folder)).filter((one) => !one.startsWith('.')))
      rmSync(home.path(folder, name), { recursive: true });
  expect((await applyTo(home)).exitCode).toBe(0);
  clearPlugins();
  const ended = await boot();
  expect([ended.exitCode, ended.stdout.includes('started')]).toEqual([0, true]);
  expect((await run('status')).stdout).toContain('is missing, and no pack covers it');
});

test('a home that packs cover whole is made anew', async () => {
  home.dispose();
  home = new TestHome('4.2', { plugins: [bundle('core', 'base')], patches: { patch0001: [bundle('core', 'p1')] } });
  expect((await applyTo(home)).exitCode).toBe(0);
  clearPlugins();
  expect((await boot()).stdout).toContain('started');
  expect(home.tagsOf(home.md5('plugins/org.example.core_1.0.0.jar'))).toEqual(new Set(['p1']));
});
