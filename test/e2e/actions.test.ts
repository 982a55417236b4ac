// Packs with actions on the command line: AppLife's traces, policy, a kill in the middle of an action list, and a revert after
// the operator has changed other parts of the same files.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runPrepatch, startPrepatch } from '../support/command.js';

/** Writes `P1`, `E1`, … to trace.txt of the home; fails, or sets a value, where its options say so. */
const TRACER = `
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
const stage = (letter, name) => async ({ home, options, values }) => {
  appendFileSync(join(home, 'trace.txt'), letter + options.n + (options.fail === name ? '! ' : ' '));
  if (options.fail === name) throw new Error('as it was told');
  if (name === 'execute' && options.set !== undefined) values.set('flag', options.set);
};
export const prepare = stage('P', 'prepare');
export const execute = stage('E', 'execute');
export const rollback = stage('R', 'rollback');
export const cleanup = stage('C', 'cleanup');
`;

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'prepatch-e2e-actions-'));
  for (const folder of ['plugins', 'patches', 'servicepacks']) mkdirSync(patch('..', folder), { recursive: true });
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function patch(...parts: readonly string[]): string {
  return join(home, 'repository/components/patches', ...parts);
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

function text(path: string): string {
  return existsSync(join(home, path)) ? readFileSync(join(home, path), 'utf8') : '';
}

function drop(name: string, actions: readonly object[], more: object = {}): void {
  mkdirSync(patch(name), { recursive: true });
  put(`repository/components/patches/.payload/${name}/trace.mjs`, TRACER);
  writeFileSync(patch(`${name}.json`), JSON.stringify({ id: name, version: '1.0.0', actions, ...more }));
}

function takeOut(name: string): void {
  for (const path of [name, `${name}.json`, join('.payload', name)])
    rmSync(patch(path), { recursive: true, force: true });
}

async function apply(...args: readonly string[]) {
  const ended = await runPrepatch(['apply', '--json', '--home', home, ...args]);
  const result = JSON.parse(ended.stdout) as { outcome?: string; failure?: { code: string; message: string } | null };
  return { exitCode: ended.exitCode, ...result };
}

const MODULES = ['--set', 'allowModules=true'];

function tracer(n: number, more: object = {}, when?: string) {
  return { kind: 'module', file: 'trace.mjs', options: { n, ...more }, ...(when === undefined ? {} : { when }) };
}

const trace = () => text('trace.txt').trim();

test.each([
  ['everything goes well', [tracer(1), tracer(2), tracer(3)], 0, 'P1 P2 P3 E1 E2 E3 C1 C2 C3'],
  ['an error in E2', [tracer(1), tracer(2, { fail: 'execute' }), tracer(3)], 1, 'P1 P2 P3 E1 E2! R2 R1'],
  ['an error in P2', [tracer(1), tracer(2, { fail: 'prepare' }), tracer(3)], 1, 'P1 P2! R2 R1'],
  ['an error in C1', [tracer(1, { fail: 'cleanup' }), tracer(2)], 0, 'P1 P2 E1 E2 C1! C2'],
  [
    'an error in a deferred P2',
    [tracer(1), tracer(2, { fail: 'prepare' }, 'os.platform != "none"'), tracer(3)],
    1,
    'P1 P3 E1 P2! R2 R1',
  ],
  ['a condition that is false', [tracer(1), tracer(2, {}, 'os.platform == "none"'), tracer(3)], 0, 'P1 P3 E1 E3 C1 C3'],
  [
    'a value that an earlier action set',
    [tracer(1, { set: 'yes' }), tracer(2, {}, 'value("flag") == "yes"'), tracer(3, {}, 'value("flag") != "yes"')],
    0,
    'P1 E1 P2 E2 C1 C2',
  ],
])('%s', async (_, actions, exitCode, expected) => {
  drop('patch0001', actions);
  const result = await apply(...MODULES);
  expect(result).toMatchObject({ exitCode, outcome: exitCode === 0 ? 'changed' : 'kept' });
  expect(trace()).toBe(expected);
  if (exitCode === 0) expect(await apply(...MODULES)).toMatchObject({ exitCode: 0, outcome: 'nothing' });
});

test('a notifier that stands first speaks last, and knows what went wrong', async () => {
  const onFailure = { argv: ['sh', '-c', 'printf "%s" "$$PATCH_FAILURE" >> trace.txt'] };
  drop('patch0001', [{ kind: 'notify', onFailure }, tracer(1), tracer(2, { fail: 'execute' })]);
  expect(await apply(...MODULES)).toMatchObject({ exitCode: 1, failure: { code: 'ACTION_FAILED' } });
  expect(trace()).toMatch(/^P1 P2 E1 E2! R2 R1 action patch0001: .*as it was told$/);
});

test('a pack that needs what policy does not allow is refused by the name of the setting', async () => {
  drop('patch0001', [tracer(1)]);
  expect(await apply()).toMatchObject({
    exitCode: 3,
    failure: { code: 'PACK_REFUSED', message: expect.stringContaining('allowModules is false') as string },
  });
  drop('patch0001', [{ kind: 'run', argv: ['true'], repeatable: true }]);
  expect(await apply('--set', 'allowCommands=false')).toMatchObject({
    exitCode: 3,
    failure: { message: expect.stringContaining('allowCommands is false') as string },
  });
  expect(trace()).toBe('');
});

test('a pack for another version does nothing', async () => {
  put('bin/version.txt', 'Plugin Server v4.4.0\n');
  drop('patch0001', [tracer(1)], { appliesTo: { versions: ['5.x'] } });
  expect((await apply(...MODULES)).outcome).not.toBe('changed');
  expect(trace()).toBe('');
});

test('what follows a pack that ends the run waits for the next start', async () => {
  put('bin/version.txt', 'Plugin Server v1.0.0\n');
  drop('patch0001', [tracer(1, {}, 'home.version == "1.0.0"')], { leadsTo: { version: '2.0.0' } });
  drop('patch0002', [tracer(2, {}, 'home.version == "2.0.0"')], {
    appliesTo: { versions: ['2.0.0'] },
    leadsTo: { version: '3.0.0' },
    chainable: false,
  });
  drop('patch0003', [tracer(3, {}, 'home.version == "3.0.0"')], { appliesTo: { versions: ['3.0.0'] } });
  expect(await apply(...MODULES)).toMatchObject({ exitCode: 0, outcome: 'changed' });
  expect(trace()).toBe('P1 E1 P2 E2 C1 C2');
  expect(await apply(...MODULES)).toMatchObject({ exitCode: 0, outcome: 'changed' });
  expect(trace()).toBe('P1 E1 P2 E2 C1 C2 P3 E3 C3');
});

test('a kill in the middle of a list is undone by the next start, with the command that outlived it', async () => {
  put('conf/a.properties', 'port=1\n');
  put('hang', '');
  const hangs = 'echo on >> said; touch ready; while [ -e hang ]; do sleep 0.05; done; echo end >> said';
  const edit = (value: string) => ({
    kind: 'editProperties',
    file: '/conf/a.properties',
    edits: [{ op: 'set', key: 'port', value }],
  });
  const run = { kind: 'run', argv: ['sh', '-c', hangs], undo: { argv: ['sh', '-c', 'echo off >> said'] } };
  drop('patch0001', [edit('2'), run, edit('3')]);
  const first = startPrepatch(['apply', '--home', home]);
  while (!existsSync(join(home, 'ready'))) await wait(20);
  expect(text('conf/a.properties')).toBe('port=2\n');
  first.kill();
  await first.ended;
  const recovered = await runPrepatch(['recover', '--home', home]);
  expect(recovered.exitCode).toBe(0);
  expect(text('conf/a.properties')).toBe('port=1\n');
  expect(text('said')).toBe('on\noff\n');
  rmSync(join(home, 'hang'));
  expect(await apply()).toMatchObject({ exitCode: 0, outcome: 'changed' });
  expect(text('conf/a.properties')).toBe('port=3\n');
  expect(text('said')).toBe('on\noff\non\nend\n');
});

test('a revert leaves what the operator changed, or is refused where that is what the pack had set', async () => {
  put('conf/a.properties', '# vendor\nport=1\n');
  put('conf/b.xml', '<a><b>1</b></a>\n');
  const actions = [
    { kind: 'editProperties', file: '/conf/a.properties', edits: [{ op: 'set', key: 'port', value: '2' }] },
    { kind: 'editXml', file: '/conf/b.xml', edits: [{ op: 'setText', xpath: '/a/b', value: '2' }] },
    { kind: 'create', path: '/webapps/x/index.html', source: 'index.html' },
    { kind: 'run', argv: ['sh', '-c', 'echo on >> said'], undo: { argv: ['sh', '-c', 'echo off >> said'] } },
  ];
  drop('patch0001', actions);
  put('repository/components/patches/.payload/patch0001/index.html', 'hello');
  expect(await apply()).toMatchObject({ exitCode: 0, outcome: 'changed' });
  expect(text('webapps/x/index.html')).toBe('hello');
  put('conf/a.properties', '# mine\nport=7\n');
  takeOut('patch0001');
  expect(await apply()).toMatchObject({ exitCode: 3, outcome: 'kept', failure: { code: 'CONFLICT' } });
  expect(text('said')).toBe('on\n');
  put('conf/a.properties', '# mine\nport=2\nmore=1\n');
  expect(await apply()).toMatchObject({ exitCode: 0, outcome: 'changed' });
  expect(text('conf/a.properties')).toBe('# mine\nport=1\nmore=1\n');
  expect(text('conf/b.xml')).toBe('<a><b>1</b></a>\n');
  expect(existsSync(join(home, 'webapps'))).toBe(false);
  expect(text('said')).toBe('on\noff\n');
  expect(await apply()).toMatchObject({ exitCode: 0, outcome: 'nothing' });
});
