// Health-gated commits, through the command line: what is on probation, who says that the server is healthy, and what becomes of
// packs with which it is not.
import { existsSync, mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { ProbationFacts } from '../../src/plan/probation.js';
import type { PackFacts } from '../../src/plan/pack-facts.js';
import { type CommandResult, runPrepatch, startPrepatch } from '../support/command.js';
import type { CaseLayout } from '../support/home-builder.js';
import { codesOf, ManifestHome } from '../support/manifest-home.js';
import { runProgram } from '../support/run-program.js';

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

const FILE = { health: { kind: 'file', path: '/data/alive', timeoutSeconds: 300 } };

function makeHome(layout: CaseLayout = '4.2'): ManifestHome {
  const home = new ManifestHome(layout, { 'data/other': '', 'repository/components/plugins/a.txt': 'original' });
  homes.push(home);
  return home;
}

function boot(home: ManifestHome, ...options: readonly string[]): Promise<CommandResult> {
  return runPrepatch(['boot', '--home', home.home.root, ...options]);
}

interface StatusDocument {
  readonly state: string;
  readonly applied: readonly string[];
  readonly pending: { readonly revert: readonly string[] };
  readonly probation: readonly ProbationFacts[];
  readonly packs: readonly PackFacts[];
}

async function statusOf(home: ManifestHome): Promise<StatusDocument> {
  return JSON.parse((await runPrepatch(['status', '--json', '--home', home.home.root])).stdout) as StatusDocument;
}

const plugin = (home: ManifestHome) => home.read('repository/components/plugins/a.txt');
const log = (home: ManifestHome) => home.home.logBodies().join('\n');

describe('a touched file', () => {
  test('touched: the next start records it, and goes on', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    expect(await boot(home)).toMatchObject({ exitCode: 0 });
    expect(log(home)).toContain('patch0001 on probation: the server has to show that it is healthy (file /data/alive)');
    const waiting = await statusOf(home);
    expect(waiting).toMatchObject({
      state: 'probation',
      applied: ['patch0001'],
      pending: { revert: [] },
      probation: [
        {
          packs: ['patch0001'],
          checks: [{ pack: 'patch0001', kind: 'file', what: '/data/alive', timeoutSeconds: 300 }],
        },
      ],
    });
    expect(waiting.probation[0]?.secondsLeft).toBeGreaterThan(0);
    const text = (await runPrepatch(['status', '--home', home.home.root])).stdout;
    expect(text).toMatch(/^on probation: patch0001, file \/data\/alive, \d+ s left$/m);
    home.write('data/alive', 'yes');
    expect(await boot(home)).toMatchObject({ exitCode: 0 });
    expect(log(home)).toContain('patch0001 is not on probation any more');
    expect(await statusOf(home)).toMatchObject({ state: 'clean', applied: ['patch0001'], probation: [] });
    expect(await boot(home)).toMatchObject({ exitCode: 0, stdout: '' });
    expect(plugin(home)).toBe('patched');
  });

  test('one that was there before the transaction says nothing, whatever its modification time', async () => {
    const home = makeHome();
    home.write('data/alive', 'from before');
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home);
    expect(await statusOf(home)).toMatchObject({ state: 'probation' });
    // Touched with a time of long ago: that cannot be set for the change time.
    utimesSync(home.path('data/alive'), 1, 1);
    expect(await statusOf(home)).toMatchObject({ state: 'clean' });
  });
});

describe('not healthy', () => {
  test('the second start takes it back, says why, and leaves it out from then on', async () => {
    const home = makeHome();
    home.patch('patch0001', { ...FILE, fixes: ['CVE-2022-29464'] }, { 'a.txt': 'patched' });
    await boot(home);
    const second = await boot(home);
    expect(second.exitCode).toBe(0);
    expect(second.stdout).toContain('left out: patch0001');
    expect(plugin(home)).toBe('original');
    const reason =
      'patch0001 is quarantined: patch0001 was taken back: the server was started again before it had shown that it is healthy (patch0001: file /data/alive)';
    expect(log(home)).toContain(reason);
    expect(log(home)).toContain('patch0001 has been reverted');
    expect(log(home)).toContain('the revert of patch0001 reopens CVE-2022-29464');
    const status = await statusOf(home);
    expect(status).toMatchObject({ state: 'clean', applied: [], probation: [] });
    expect(status.packs).toMatchObject([{ name: 'patch0001', state: 'left-out' }]);
    const plan = await home.plan();
    expect(plan.exitCode).toBe(0);
    expect(codesOf(plan.problems)).toEqual(['QUARANTINED patch0001']);
    expect(await home.apply()).toMatchObject({ exitCode: 0, outcome: 'nothing' });
  });

  test('strict: it is taken back, and no server starts as long as it lies there', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home, '--policy', 'strict');
    for (let start = 0; start < 2; start++) {
      const refused = await boot(home, '--policy', 'strict');
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toContain('patch0001 is quarantined');
      expect(plugin(home)).toBe('original');
    }
    const { stdout } = await runPrepatch(['boot', '--json', '--policy', 'strict', '--home', home.home.root]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'UNHEALTHY', exitCode: 3 } });
    home.unpatch('patch0001');
    expect(await boot(home, '--policy', 'strict')).toMatchObject({ exitCode: 0 });
  });

  test('strict: where no server is started, no time begins for others', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home, '--policy', 'strict');
    await boot(home, '--policy', 'strict');
    home.patch('patch0002', FILE, { 'b.txt': 'b' });
    expect(await boot(home, '--policy', 'strict')).toMatchObject({ exitCode: 3 });
    expect(await statusOf(home)).toMatchObject({ applied: ['patch0002'], probation: [{ startedAt: null }] });
    expect(await boot(home)).toMatchObject({ exitCode: 0 });
    expect(await statusOf(home)).toMatchObject({ applied: ['patch0002'], state: 'probation' });
  });

  test('everything of its transaction goes with it, and nothing else', async () => {
    const home = makeHome();
    home.patch('patch0001', undefined, { 'one.txt': '1' });
    await boot(home);
    home.patch('patch0002', undefined, { 'two.txt': '2' });
    home.patch('patch0003', FILE, { 'a.txt': 'patched' });
    await boot(home);
    expect([...home.home.files('plugins').keys()]).toEqual(['a.txt', 'one.txt', 'two.txt']);
    await boot(home);
    expect([...home.home.files('plugins').keys()]).toEqual(['a.txt', 'one.txt']);
    expect(await statusOf(home)).toMatchObject({ applied: ['patch0001'] });
  });

  test('a pack that cannot be applied does not keep it in place', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home);
    home.patch('patch0002', { files: [{ kind: 'delete', path: '/none' }] });
    expect(await boot(home)).toMatchObject({ exitCode: 0 });
    expect(plugin(home)).toBe('original');
    expect(await statusOf(home)).toMatchObject({ applied: [], probation: [] });
  });

  test('its actions are taken back too', async () => {
    const home = makeHome();
    home.write('conf/a.properties', 'a=1\n');
    const edits = [{ op: 'set', key: 'a', value: '2' }];
    home.patch('patch0001', { ...FILE, actions: [{ kind: 'editProperties', file: '/conf/a.properties', edits }] });
    await boot(home);
    expect(home.read('conf/a.properties')).toBe('a=2\n');
    await boot(home);
    expect(home.read('conf/a.properties')).toBe('a=1\n');
  });

  test('its time is over: a run without a server takes it back', async () => {
    const home = makeHome();
    home.patch('patch0001', { health: { ...FILE.health, timeoutSeconds: 1 } }, { 'a.txt': 'patched' });
    await boot(home);
    await until(async () => (await statusOf(home)).state === 'pending');
    expect(await statusOf(home)).toMatchObject({ pending: { revert: ['patch0001'] } });
    expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0001'] });
    expect(log(home)).toContain('did not show that it is healthy within 1 s');
  });
});

describe('tried again', () => {
  async function quarantined(layout: CaseLayout = '4.2', prepare: (home: ManifestHome) => void = () => undefined) {
    const home = makeHome(layout);
    prepare(home);
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home);
    await boot(home);
    expect(plugin(home)).toBe('original');
    await boot(home);
    expect(plugin(home)).toBe('original');
    return home;
  }

  test.each<[string, (home: ManifestHome) => unknown]>([
    ['a file in it is changed', (home) => home.patch('patch0001', FILE, { 'a.txt': 'another' })],
    ['a file is added', (home) => home.patch('patch0001', FILE, { 'b.txt': 'b' })],
    ['its manifest is changed', (home) => home.patch('patch0001', { version: '2.0.0' })],
    [
      'it is moved out and in again',
      (home) => {
        renameSync(home.home.path('patches/patch0001'), home.path('data/patch0001'));
        renameSync(home.path('data/patch0001'), home.home.path('patches/patch0001'));
      },
    ],
    [
      'it is taken to the shelf and restored',
      async (home) => {
        await runPrepatch(['remove', '--home', home.home.root, 'patch0001']);
        await runPrepatch(['restore', '--home', home.home.root, 'patch0001']);
      },
    ],
  ])('%s', async (_, change) => {
    const home = await quarantined();
    await change(home);
    await boot(home);
    expect(plugin(home)).not.toBe('original');
  });

  test('a zip: left out as it is, tried again when another takes its place', async () => {
    const home = makeHome();
    const zip = (text: string) =>
      home.zip('patches/patch-fix.zip', {
        'patch0001/a.txt': text,
        'patch.json': JSON.stringify({ id: 'z', version: '1.0.0', ...FILE }),
      });
    await zip('patched');
    for (const expected of ['patched', 'original', 'original']) {
      await boot(home);
      expect(plugin(home)).toBe(expected);
    }
    await zip('another');
    await boot(home);
    expect(plugin(home)).toBe('another');
  });

  test('with Carbon’s own patcher it is held meanwhile, and tried again when it is moved back', async () => {
    const home = await quarantined('4.4', (made) => made.home.addCompanion());
    const held = home.home.path('patches/.held/patch0001');
    expect(existsSync(held)).toBe(true);
    renameSync(held, home.home.path('patches/patch0001'));
    await boot(home);
    expect(plugin(home)).toBe('patched');
  });
});

describe('before a server was started on it', () => {
  test('no time runs, and runs without a server leave it as it is', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await home.apply();
    expect(await statusOf(home)).toMatchObject({
      state: 'probation',
      probation: [{ startedAt: null, secondsLeft: null }],
    });
    expect(await home.apply()).toMatchObject({ outcome: 'nothing' });
    await boot(home);
    const [one] = (await statusOf(home)).probation;
    expect(one?.startedAt).not.toBeNull();
    expect(await home.apply()).toMatchObject({ outcome: 'nothing' });
    expect(plugin(home)).toBe('patched');
  });

  test('what is taken out, or changed, leaves probation, or begins a new one', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await home.apply();
    home.patch('patch0001', FILE, { 'a.txt': 'patched again' });
    await home.apply();
    expect((await statusOf(home)).probation).toHaveLength(1);
    home.unpatch('patch0001');
    await home.apply();
    expect(await statusOf(home)).toMatchObject({ state: 'clean', probation: [] });
  });

  test('verify and its repair leave it as it is', async () => {
    const home = makeHome();
    home.patch('patch0001', FILE, { 'a.txt': 'patched' });
    await boot(home);
    home.write('repository/components/plugins/a.txt', 'edited');
    const { exitCode } = await runPrepatch(['verify', '--repair', '--home', home.home.root]);
    expect(exitCode).toBe(0);
    expect(plugin(home)).toBe('patched');
    expect(await statusOf(home)).toMatchObject({ state: 'probation', applied: ['patch0001'] });
  });
});

/** A server that answers 503 once, then 200, and ends with status 7 when nothing is on probation any more. */
const SERVER = `
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
const [port, ledger] = process.argv.slice(2);
let asked = 0;
createServer((_, response) => { response.writeHead(asked++ === 0 ? 503 : 200).end(); }).listen(Number(port), '127.0.0.1');
writeFileSync('ready', '');
setInterval(() => { if (!readFileSync(ledger, 'utf8').includes('"probation"')) process.exit(7); }, 50);
`;

describe('asked while the server runs', () => {
  const ledgerOf = (home: ManifestHome) => home.home.path('.prepatch/ledger.json');

  async function freePort(): Promise<number> {
    const { createServer } = await import('node:net');
    return new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
  }

  test('boot stays the parent and asks a URL; what the server ends with is passed on', async () => {
    const home = makeHome();
    const port = await freePort();
    home.write('server.mjs', SERVER);
    home.patch(
      'patch0001',
      { health: { kind: 'url', url: `http://127.0.0.1:${port}/health`, timeoutSeconds: 60 } },
      { 'a.txt': 'patched' },
    );
    const words = [process.execPath, home.path('server.mjs'), String(port), ledgerOf(home)];
    const ended = await runPrepatch(['boot', '--home', home.home.root, '--', ...words], { cwd: home.home.root });
    expect(ended).toMatchObject({ exitCode: 7 });
    expect(await statusOf(home)).toMatchObject({ state: 'clean', probation: [], applied: ['patch0001'] });
    expect(log(home)).toContain(
      'patch0001 is not on probation any more: the server has shown that it is healthy (url)',
    );
    const { stdout } = await runPrepatch(['history', '--home', home.home.root]);
    expect(stdout).toContain('healthy');
    expect(await boot(home)).toMatchObject({ exitCode: 0 });
    expect(plugin(home)).toBe('patched');
  });

  test('boot asks by a command; the server ends before it succeeds, and the next start takes the pack back', async () => {
    const home = makeHome();
    const health = { kind: 'command', argv: ['sh', '-c', 'test -e data/never'], timeoutSeconds: 60 };
    home.patch('patch0001', { health }, { 'a.txt': 'patched' });
    const ended = await boot(home, '--', 'sh', '-c', 'sleep 0.2; exit 5');
    expect(ended.exitCode).toBe(5);
    expect(await statusOf(home)).toMatchObject({ state: 'probation' });
    await boot(home);
    expect(plugin(home)).toBe('original');
  });

  test('a command that succeeds; its output is in a log', async () => {
    const home = makeHome();
    const health = { kind: 'command', argv: ['sh', '-c', 'echo asked; test -e data/ready'], timeoutSeconds: 60 };
    home.patch('patch0001', { health }, { 'a.txt': 'patched' });
    const server = `echo > data/ready; while grep -q probation ${ledgerOf(home)}; do sleep 0.05; done; exit 6`;
    const ended = await runPrepatch(['boot', '--home', home.home.root, '--', 'sh', '-c', server], {
      cwd: home.home.root,
    });
    expect(ended.exitCode).toBe(6);
    expect(await statusOf(home)).toMatchObject({ state: 'clean' });
    expect(home.read('repository/logs/prepatch/patch0001.health.log')).toContain('asked');
  });

  test('a server that ends while it is asked is not healthy, and nothing asks on', async () => {
    const home = makeHome();
    const argv = ['sh', '-c', 'echo $$ > data/asking; exec sleep 50'];
    home.patch('patch0001', { health: { kind: 'command', argv, timeoutSeconds: 600 } }, { 'a.txt': 'patched' });
    const server = 'until [ -s data/asking ]; do sleep 0.05; done; exit 9';
    const words = ['boot', '--home', home.home.root, '--', 'sh', '-c', server];
    const ended = await runPrepatch(words, { cwd: home.home.root, timeoutMs: 20_000 });
    expect(ended.exitCode).toBe(9);
    expect(() => process.kill(Number(home.read('data/asking')), 0)).toThrow('ESRCH');
    expect(await statusOf(home)).toMatchObject({ state: 'probation' });
  });

  test('what it answers after its end does not count', async () => {
    const home = makeHome();
    const argv = ['sh', '-c', 'trap "exit 0" TERM; echo > data/asking; while :; do sleep 0.1; done'];
    home.patch('patch0001', { health: { kind: 'command', argv, timeoutSeconds: 600 } }, { 'a.txt': 'patched' });
    const server = 'until [ -e data/asking ]; do sleep 0.05; done; exit 9';
    const words = ['boot', '--home', home.home.root, '--', 'sh', '-c', server];
    expect(await runPrepatch(words, { cwd: home.home.root, timeoutMs: 20_000 })).toMatchObject({ exitCode: 9 });
    expect(log(home)).not.toContain('the server has shown that it is healthy');
    expect(await statusOf(home)).toMatchObject({ state: 'probation' });
  });

  test('a log that cannot be written is said once; the server goes on, and what it ends with is passed on', async () => {
    const home = makeHome();
    const health = { kind: 'command', argv: ['false'], timeoutSeconds: 60 };
    home.patch('patch0001', { health }, { 'a.txt': 'patched' });
    mkdirSync(home.path('repository/logs/prepatch/patch0001.health.log'), { recursive: true });
    const ended = await boot(home, '--', 'sh', '-c', 'sleep 2.5; exit 7');
    expect(ended.exitCode).toBe(7);
    expect(ended.stderr).toMatch(/^prepatch: patch0001: health: [^\n]*patch0001\.health\.log: EISDIR\n$/);
    expect(await statusOf(home)).toMatchObject({ state: 'probation' });
  });

  test('a command is refused where policy allows none', async () => {
    const home = makeHome();
    home.write('prepatch.yaml', 'allowCommands: false\n');
    home.patch('patch0001', { health: { kind: 'command', argv: ['true'] } }, { 'a.txt': 'patched' });
    const plan = await home.plan();
    expect(plan.exitCode).toBe(3);
    expect(codesOf(plan.problems)).toEqual(['PACK_REFUSED patch0001']);
  });

  test('watch asks, says it and records it; before a server was started it does not ask', async () => {
    const home = makeHome();
    const port = await freePort();
    home.write('server.mjs', SERVER);
    const health = { kind: 'url', url: `http://127.0.0.1:${port}/`, timeoutSeconds: 60 };
    home.patch('patch0001', { health }, { 'a.txt': 'patched' });
    await home.apply();
    await runPrepatch(['watch', '--once', '--home', home.home.root]);
    expect(await statusOf(home)).toMatchObject({ probation: [{ startedAt: null }] });
    await boot(home);
    const watch = startPrepatch(['watch', '--json', '--home', home.home.root]);
    let said = '';
    watch.child.stdout?.on('data', (text: string) => {
      said += text;
    });
    const server = await runProgram([process.execPath, home.path('server.mjs'), String(port), ledgerOf(home)], {
      cwd: home.home.root,
    });
    expect(server.status).toBe(7);
    await until(async () => said.includes('"event":"healthy"'));
    watch.child.kill('SIGTERM');
    expect(await watch.ended).toMatchObject({ exitCode: 0 });
    expect(said).toMatch(/"event":"healthy","packs":\["patch0001"\]/);
    expect(await statusOf(home)).toMatchObject({ state: 'clean' });
  });

  test('watch says once that it cannot ask, however often it looks meanwhile', async () => {
    const home = makeHome();
    const health = { kind: 'command', argv: ['false'], timeoutSeconds: 600 };
    home.patch('patch0001', { health }, { 'a.txt': 'patched' });
    await boot(home);
    mkdirSync(home.path('repository/logs/prepatch/patch0001.health.log'), { recursive: true });
    const options = ['--set', 'rescanSeconds=1', '--set', 'settleSeconds=0.1'];
    const watch = startPrepatch(['watch', '--json', ...options, '--home', home.home.root]);
    let said = '';
    watch.child.stdout?.on('data', (text: string) => {
      said += text;
    });
    await until(async () => said.includes('"failed"'));
    await new Promise((resolve) => {
      setTimeout(resolve, 3_000);
    });
    watch.child.kill('SIGTERM');
    await watch.ended;
    const events = said
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['started', 'checked', 'failed', 'stopped']);
  });
});

test('prepatch-boot starts Node as long as something is on probation, or quarantined', async () => {
  const home = makeHome();
  home.patch('patch0001', FILE, { 'a.txt': 'patched' });
  const hook = join(import.meta.dirname, '../../bin/prepatch-boot');
  const start = () => runProgram([hook, '--home', home.home.root, '--', 'true']);
  expect((await start()).status).toBe(0);
  expect(plugin(home)).toBe('patched');
  expect((await start()).status).toBe(0);
  expect(plugin(home)).toBe('original');
  expect((await start()).status).toBe(0);
  expect(log(home).match(/patch0001 is quarantined/g)).toHaveLength(2);
});

/** Waits for what another process brings about. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries > 200) throw new Error('it did not come about');
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
