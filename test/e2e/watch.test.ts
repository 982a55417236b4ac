// `prepatch watch` as a process of its own: what it says of drops, what it stages, that it stays out of the way of starts, and
// that neither its own death nor what happens to the folders harms a home. Waits are for what it says, never for a time.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WatchEvent } from '../../src/daemon/watch-event.js';
import { ownIdentity } from '../../src/system/process-identity.js';
import { PREPATCH, runPrepatch } from '../support/command.js';
import { fileName, TestHome } from '../support/home-builder.js';
import { RunningProgram } from '../support/run-program.js';

const LONG = { timeout: 120_000 };
const A = { name: 'org.example.a', version: '1.0.0' };
const B = { name: 'org.example.b', version: '1.0.0' };

type Said = WatchEvent & { readonly time: string; readonly home: string };
type Checked = Extract<WatchEvent, { event: 'checked' }>;

let home: TestHome;
let running: RunningProgram[] = [];

beforeEach(() => {
  home = new TestHome('4.2', {
    plugins: [
      { ...A, tag: 'a0' },
      { ...B, tag: 'b0' },
    ],
  });
});

afterEach(async () => {
  for (const program of running) program.signalGroup('SIGKILL');
  await Promise.all(running.map((program) => program.ended.catch(() => undefined)));
  running = [];
  home.dispose();
});

function watch(...settings: readonly string[]): RunningProgram {
  const set = ['settleSeconds=0.3', 'rescanSeconds=60', ...settings].flatMap((pair) => ['--set', pair]);
  const program = new RunningProgram([process.execPath, PREPATCH, 'watch', '--json', '--home', home.root, ...set], {
    timeoutMs: 100_000,
  });
  running.push(program);
  return program;
}

function eventsOf(stdout: string): Said[] {
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Said);
}

/** Resolves when an event fits; those that were there before `after` do not count. */
async function said(program: RunningProgram, fits: (event: Said) => boolean, after = 0): Promise<Said[]> {
  return eventsOf(await program.said((stdout) => eventsOf(stdout).slice(after).some(fits)));
}

const wouldApply =
  (...packs: readonly string[]) =>
  (event: WatchEvent) =>
    event.event === 'checked' && JSON.stringify(event.apply) === JSON.stringify(packs);
const isStaged = (items: number) => (event: WatchEvent) =>
  event.event === 'staged' && event.readyItems === items && event.left === null;

const ahead = () => home.path('.prepatch', 'ahead');
const copies = () => (existsSync(ahead()) ? readdirSync(ahead()).filter((name) => /^[0-9a-f]{32}$/.test(name)) : []);

async function applied(...packs: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await runPrepatch(['apply', '--json', '--home', home.root]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect((JSON.parse(stdout) as { apply: string[] }).apply).toEqual(packs);
}

test('a drop is checked and staged as it comes; the start that follows has renames to do', LONG, async () => {
  const program = watch();
  await said(program, (event) => event.event === 'checked');
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  const events = await said(program, isStaged(1));
  expect(events.some(wouldApply('patch0001'))).toBe(true);
  expect(home.files('plugins').get(fileName(A))).toBe(home.md5(`plugins/${fileName(A)}`));
  expect(home.tagsOf(home.md5(`plugins/${fileName(A)}`))).toEqual(new Set(['a0']));
  expect(existsSync(home.path('.prepatch', 'ledger.json')), 'it applies nothing').toBe(false);
  const inode = statSync(join(ahead(), home.md5(`patches/patch0001/${fileName(A)}`))).ino;
  await applied('patch0001');
  expect(statSync(home.path('plugins', fileName(A))).ino).toBe(inode);
  expect(copies()).toEqual([]);
});

test('it says at once what is wrong, on the page too, and takes it back when it is right', LONG, async () => {
  const program = watch();
  await said(program, (event) => event.event === 'checked');
  home.addPatch('patch0001', [{ ...A, tag: 'a1', torn: true }]);
  const page = join(home.root, 'repository', 'logs', 'patch-status.html');
  const bad = await said(
    program,
    (event) => event.event === 'checked' && event.problems.some((one) => one.code === 'PACK_REFUSED'),
  );
  const problem = (bad.at(-1) as Checked).fresh.find((one) => one.code === 'PACK_REFUSED');
  expect(problem).toMatchObject({ pack: 'patch0001', severity: 'error' });
  expect(problem?.message).toContain(fileName(A));
  expect(readFileSync(page, 'utf8')).toContain(problem?.message.slice(0, 40) ?? '?');
  home.remove('patches/patch0001');
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  const good = await said(program, isStaged(1), bad.length);
  expect((good.findLast((event) => event.event === 'checked') as Checked).problems).toEqual([]);
  expect(readFileSync(page, 'utf8')).not.toContain(problem?.message.slice(0, 40) ?? '?');
  expect(readFileSync(page, 'utf8')).toContain('patch0001');
});

test('a near miss is named', LONG, async () => {
  const program = watch();
  await said(program, (event) => event.event === 'checked');
  mkdirSync(home.path('patches', 'PATCH0002'));
  await said(program, (event) => event.event === 'checked' && event.fresh.some((one) => one.code === 'NEAR_MISS'));
});

test('a drop that is still being written is left alone until it has settled', LONG, async () => {
  const program = watch('settleSeconds=1.5');
  await said(program, (event) => event.event === 'checked');
  home.addPatch('patch0001', [{ ...A, tag: 'a1', torn: true }]);
  const early = await said(
    program,
    (event) => event.event === 'checked' && event.problems.some((one) => one.code === 'DEFERRED'),
  );
  expect(
    early.some((event) => event.event === 'checked' && event.problems.some((one) => one.code === 'PACK_REFUSED')),
  ).toBe(false);
  home.write('patches/patch0001', [{ ...A, tag: 'a1' }]);
  const events = await said(program, isStaged(1), early.length);
  expect(
    events.some((event) => event.event === 'checked' && event.problems.some((one) => one.code === 'PACK_REFUSED')),
  ).toBe(false);
});

test('a drop folder may be deleted, made again, moved away and back', LONG, async () => {
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  const program = watch();
  let seen = (await said(program, isStaged(1))).length;
  const next = async (fits: (event: Said) => boolean) => {
    seen = (await said(program, fits, seen)).length;
  };
  renameSync(home.path('patches'), home.path('elsewhere'));
  await next(wouldApply());
  renameSync(home.path('elsewhere'), home.path('patches'));
  await next(isStaged(1));
  home.remove('patches');
  await next(wouldApply());
  mkdirSync(home.path('patches'));
  home.addPatch('patch0002', [{ ...B, tag: 'b2' }]);
  await next(isStaged(1));
  home.addPatch('patch0003', [{ ...A, tag: 'a3' }]);
  await next(isStaged(2));
  await applied('patch0002', 'patch0003');
});

test('both drop folders may be missing, from the beginning or later, and come', LONG, async () => {
  for (const folder of ['patches', 'servicepacks']) rmSync(home.path(folder), { recursive: true, force: true });
  const program = watch();
  let seen = (await said(program, (event) => event.event === 'checked')).length;
  const add = async () => {
    mkdirSync(home.path('patches'));
    home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
    seen = (await said(program, isStaged(1), seen)).length;
  };
  await add();
  home.remove('patches');
  seen = (await said(program, wouldApply(), seen)).length;
  await add();
  home.remove('patches');
  await said(program, wouldApply(), seen);
  program.signal('SIGTERM');
  expect(await program.ended).toMatchObject({ status: 0 });
});

test('the home itself may be away for a while', LONG, async () => {
  const program = watch('rescanSeconds=1');
  let seen = (await said(program, (event) => event.event === 'checked')).length;
  renameSync(home.root, `${home.root}.away`);
  seen = (await said(program, (event) => event.event === 'failed', seen)).length;
  renameSync(`${home.root}.away`, home.root);
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  await said(program, isStaged(1), seen);
});

test('a fresh pack counts as being copied, however it came', LONG, async () => {
  const made = new TestHome('4.2', { patches: { patch0001: [{ ...A, tag: 'a1' }] } });
  const program = watch('settleSeconds=3600');
  try {
    const seen = (await said(program, (event) => event.event === 'checked')).length;
    cpSync(made.path('patches', 'patch0001'), home.path('patches', '.arriving'), { recursive: true });
    renameSync(home.path('patches', '.arriving'), home.path('patches', 'patch0001'));
    const fresh = await said(program, (event) => event.event === 'checked', seen);
    expect(fresh.at(-1), 'its files are fresh all the same').toMatchObject({ problems: [{ code: 'DEFERRED' }] });
  } finally {
    made.dispose();
  }
});

test('what no event of a drop folder tells is found by looking around', LONG, async () => {
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  await applied('patch0001');
  const program = watch('rescanSeconds=1');
  await said(program, (event) => event.event === 'checked');
  home.remove(`plugins/${fileName(A)}`);
  await said(program, (event) => event.event === 'checked' && event.fresh.some((one) => one.code === 'DRIFT'));
});

test('it does nothing while a start has the home, and goes on afterwards', LONG, async () => {
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  await applied('patch0001');
  home.addPatch('patch0002', [{ ...B, tag: 'b2' }]);
  const { pid, started, boot, namespace, host } = ownIdentity();
  const lock = home.path(
    '.prepatch',
    'locks',
    ['held', pid, started, boot, namespace, '0123456789abcdef', host].join('.'),
  );
  writeFileSync(lock, '');
  const program = watch();
  const paused = await said(program, (event) => event.event === 'paused');
  expect(paused.map((event) => event.event)).toEqual(['started', 'paused']);
  expect(existsSync(ahead())).toBe(false);
  rmSync(lock);
  const events = await said(program, isStaged(1));
  expect(events.map((event) => event.event)).toContain('resumed');
});

test('five hundred drops at once', LONG, async () => {
  const program = watch();
  await said(program, (event) => event.event === 'checked');
  const names = Array.from({ length: 500 }, (_, index) => `patch${String(index + 1).padStart(4, '0')}`);
  for (const [index, name] of names.entries())
    home.addPatch(name, [{ name: `org.example.n${index}`, version: '1.0.0', tag: `n${index}` }]);
  const events = await said(program, isStaged(500));
  expect(events.some((event) => event.event === 'failed' || event.event === 'blind')).toBe(false);
  expect(events.length, 'it does not chatter').toBeLessThan(200);
  await applied(...names);
});

test('kill -9 in the middle of staging: the start is right, and the next watch goes on', LONG, async () => {
  for (let n = 0; n < 300; n++)
    home.addPatch(`patch${String(n + 1).padStart(4, '0')}`, [
      { name: `org.example.n${n}`, version: '1.0.0', tag: `n${n}` },
    ]);
  const first = watch();
  await said(first, (event) => event.event === 'started');
  await until(() => existsSync(ahead()) && readdirSync(ahead()).length > 0);
  first.signalGroup('SIGKILL');
  expect((await first.ended).signal).toBe('SIGKILL');
  const left = readdirSync(ahead()).filter((name) => name.startsWith('new.'));
  const second = watch();
  await said(second, isStaged(300));
  const now = readdirSync(ahead());
  expect(now.filter((name) => left.includes(name))).toEqual([]);
  second.signalGroup('SIGKILL');
  await second.ended;
  writeFileSync(join(ahead(), `new.${second.pid}.0000000000000000`), 'half');
  const { exitCode } = await runPrepatch(['apply', '--home', home.root]);
  expect(exitCode).toBe(0);
  expect(existsSync(ahead())).toBe(false);
  const { stdout } = await runPrepatch(['verify', '--deep', '--json', '--home', home.root]);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  for (const name of readdirSync(home.path('plugins')).filter((one) => one.endsWith('.jar')))
    expect(statSync(home.path('plugins', name)).nlink, name).toBe(1);
});

test('SIGTERM ends it with 0, whatever it is doing', LONG, async () => {
  const program = watch();
  await said(program, (event) => event.event === 'started');
  program.signal('SIGTERM');
  const { status, stdout } = await program.ended;
  expect(status).toBe(0);
  expect(eventsOf(stdout).at(-1)?.event).toBe('stopped');
});

test('--once looks once; the exit code says whether a start would refuse', LONG, async () => {
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  const once = ['watch', '--once', '--home', home.root, '--set', 'settleSeconds=0.001'];
  const good = await runPrepatch([...once, '--json']);
  expect(good.exitCode).toBe(0);
  expect(eventsOf(good.stdout).map((event) => event.event)).toEqual(['checked', 'staged']);
  expect(copies()).toHaveLength(1);
  home.addPatch('patch0002', [{ ...B, tag: 'b2', torn: true }]);
  const bad = await runPrepatch(once);
  expect(bad.exitCode).toBe(3);
  expect(bad.stdout).toBe('');
  expect(bad.stderr).toContain('patch0002');
  expect(copies(), 'what is staged stays for when the other is put right').toHaveLength(1);
});

test('a home that is none is an error at once', LONG, async () => {
  const { exitCode, stdout } = await runPrepatch(['watch', '--json', '--home', home.path('patches')]);
  expect(exitCode).toBe(2);
  expect(stdout.trim().split('\n')).toHaveLength(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'NO_HOME' } });
  const two = ['--home', home.path('patches'), '--home', home.path('plugins')];
  const lines = (await runPrepatch(['watch', '--json', ...two])).stdout.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(
    two.filter((word) => word !== '--home').map((path) => ({ home: path, error: { code: 'NO_HOME' } })),
  );
});

test('settleSeconds leaves a fresh drop for the next start, and takes the others', LONG, async () => {
  home.addPatch('patch0001', [{ ...A, tag: 'a1' }]);
  await applied('patch0001');
  home.addPatch('patch0002', [{ ...B, tag: 'b2' }]);
  home.write('patches/patch0001', [{ ...A, tag: 'a1 again' }]);
  const apply = async (settle: string) => {
    const { stdout } = await runPrepatch(['apply', '--json', '--home', home.root, '--set', `settleSeconds=${settle}`]);
    return JSON.parse(stdout) as {
      outcome: string;
      apply: string[];
      update: string[];
      problems: { code: string; pack: string }[];
    };
  };
  const first = await apply('3600');
  expect(first).toMatchObject({ outcome: 'nothing', apply: [], update: [] });
  expect(first.problems.filter((one) => one.code === 'DEFERRED').map((one) => one.pack)).toEqual([
    'patch0001',
    'patch0002',
  ]);
  expect(home.tagsOf(home.md5(`plugins/${fileName(A)}`))).toEqual(new Set(['a1']));
  expect(home.names()).toEqual(['patch0001']);
  const second = await apply('0');
  expect(second).toMatchObject({ outcome: 'changed', apply: ['patch0002'], update: ['patch0001'] });
});

test('settleSeconds reverts nothing that Carbon has applied, in a home that was copied just now', LONG, async () => {
  const copied = new TestHome('4.4', {
    plugins: [{ ...A, tag: 'a1' }],
    patches: { patch0000: [{ ...A, tag: 'a0' }], patch0001: [{ ...A, tag: 'a1' }], patch0002: [{ ...B, tag: 'b2' }] },
    state: { names: ['patch0000', 'patch0001'], jars: { [fileName(A)]: `patches/patch0001/${fileName(A)}` } },
  });
  try {
    const args = ['apply', '--json', '--home', copied.root, '--set', 'settleSeconds=3600'];
    const { stdout } = await runPrepatch(args);
    const { problems, ...ran } = JSON.parse(stdout) as { problems: { code: string; pack: string }[] };
    expect(ran).toMatchObject({ apply: [], revert: [], update: [] });
    expect(problems.map(({ code, pack }) => [code, pack])).toEqual([['DEFERRED', 'patch0002']]);
    expect(copied.names()).toEqual(['patch0000', 'patch0001']);
    expect(copied.tagsOf(copied.md5(`plugins/${fileName(A)}`))).toEqual(new Set(['a1']));
  } finally {
    copied.dispose();
  }
});

async function until(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error('it did not happen within a minute');
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}
