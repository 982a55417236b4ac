// Modes: what only its owner may read, what nobody may write, and a umask that is another one than last time.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CommandOptions, runPrepatch } from '../support/command.js';
import { need } from '../support/need.js';

/** As root nothing is denied; another user is what a server runs as. */
const isRoot = need('root') === undefined;
const AS_NOBODY: CommandOptions = isRoot
  ? { through: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] }
  : {};

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'prepatch-modes-'));
  for (const folder of ['plugins', 'patches/patch0001']) mkdirSync(path(folder), { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function path(...parts: readonly string[]): string {
  return join(home, 'repository', 'components', ...parts);
}

function modeOf(...parts: readonly string[]): string {
  return (statSync(path(...parts)).mode & 0o7777).toString(8);
}

const umask = (mask: string): CommandOptions => ({ through: ['sh', '-c', `umask ${mask}; exec "$@"`, 'sh'] });

async function apply(options: CommandOptions = {}, ...more: readonly string[]): Promise<number | null> {
  return (await runPrepatch(['apply', '--home', home, ...more], options)).exitCode;
}

test('a file that nobody may write is applied by a user who owns the home', async () => {
  writeFileSync(path('patches/patch0001/a.txt'), 'patched\n', { mode: 0o444 });
  if (isRoot) execFileSync('chown', ['-R', '65534:65534', home]);
  expect(await apply(AS_NOBODY)).toBe(0);
  expect(modeOf('plugins/a.txt')).toBe('444');
  rmSync(path('patches/patch0001'), { recursive: true });
  expect(await apply(AS_NOBODY)).toBe(0);
});

test('the list of what is applied keeps the mode that it was given', async () => {
  writeFileSync(path('patches/patch0001/a.txt'), 'patched\n');
  expect(await apply()).toBe(0);
  chmodSync(path('default/configuration/prePatched.txt'), 0o664);
  mkdirSync(path('patches/patch0002'));
  writeFileSync(path('patches/patch0002/b.txt'), 'patched\n');
  expect(await apply(umask('077'))).toBe(0);
  expect(modeOf('default/configuration/prePatched.txt')).toBe('664');
});

test('folders that are put back by an undoing have the modes that they had', async () => {
  const bundle = 'patches/patch0001/bundle_1.0.0';
  mkdirSync(path(bundle, 'lib'), { recursive: true });
  writeFileSync(path(bundle, 'lib', 'a.txt'), 'a\n');
  for (const folder of [bundle, `${bundle}/lib`]) chmodSync(path(folder), 0o775);
  expect(await apply(umask('002'))).toBe(0);
  const folders = ['plugins/bundle_1.0.0', 'plugins/bundle_1.0.0/lib'];
  expect(folders.map((folder) => modeOf(folder))).toEqual(['775', '775']);
  rmSync(path('patches/patch0001'), { recursive: true });
  mkdirSync(path('patches/patch0002'));
  writeFileSync(path('patches/patch0002/b.txt'), 'b\n');
  const actions = [{ kind: 'run', argv: ['false'], repeatable: true }];
  writeFileSync(path('patches/patch0002.json'), JSON.stringify({ id: 'patch0002', version: '1.0.0', actions }));
  expect(await apply(umask('022'), '--set', 'allowCommands=true')).toBe(1);
  expect(folders.map((folder) => modeOf(folder))).toEqual(['775', '775']);
});
