// The lock: never two inside, by many real processes at once; locks of the dead are taken over, those of the living never.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Layout, makeLayout } from '../../src/home/layout.js';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../src/system/process-identity.js';
import { RealFiles } from '../../src/system/real-files.js';
import { findOwner, Lock } from '../../src/transaction/lock.js';
import { MemoryFiles } from '../support/memory-files.js';

let folder = '';
let program = '';
let homes = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-lock-'));
  program = join(folder, 'contender.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '..', 'support', 'lock-contender.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeHome(): Layout {
  const home = join(folder, `home${homes++}`);
  const layout = makeLayout(home, 'carbon-4.2');
  mkdirSync(layout.locks, { recursive: true });
  return layout;
}

const files = new RealFiles();

/** The same files, an hour later by the clock of their file system. */
const anHourLater = new (class extends RealFiles {
  override fileSystemTime(path: string): number {
    return super.fileSystemTime(path) + 3_600_000;
  }
})();

/** Lines `enter <pid>` and `leave <pid>` in the order in which they came. */
function startContender(layout: Layout, rounds: number, holdMs: number, command = [process.execPath]): ChildProcess {
  const [first = '', ...rest] = command;
  return spawn(first, [...rest, program, layout.home, String(rounds), String(holdMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      resolve(code);
    });
  });
}

function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes(word)) resolve();
    });
  });
}

function readRecord(layout: Layout): string[] {
  return readFileSync(join(layout.home, 'record'), 'utf8').trimEnd().split('\n');
}

function expectNeverTwo(lines: readonly string[]): void {
  let inside: string | undefined;
  for (const line of lines) {
    const [what, who] = line.split(' ');
    if (what === 'enter') {
      expect(inside, `${line} while another was inside`).toBeUndefined();
      inside = who;
    } else {
      expect(inside).toBe(who);
      inside = undefined;
    }
  }
}

test('of many processes at once never two are inside, and each gets its turn', { timeout: 120_000 }, async () => {
  const layout = makeHome();
  const children = Array.from({ length: 8 }, () => startContender(layout, 5, 3));
  const codes = await Promise.all(children.map(ended));
  expect(codes).toEqual(children.map(() => 0));
  const lines = readRecord(layout);
  expect(lines).toHaveLength(8 * 5 * 2);
  expectNeverTwo(lines);
  expect(readdirSync(layout.locks)).toEqual([]);
});

test('processes that are killed inside hold nobody up', { timeout: 120_000 }, async () => {
  const layout = makeHome();
  const victims = Array.from({ length: 3 }, () => startContender(layout, 1000, 5));
  const others = Array.from({ length: 3 }, () => startContender(layout, 5, 3));
  for (const [index, victim] of victims.entries()) setTimeout(() => victim.kill('SIGKILL'), 400 + index * 150);
  const codes = await Promise.all(others.map(ended));
  const alive = victims.filter((victim) => victim.exitCode === null && victim.signalCode === null);
  await Promise.all(alive.map(ended));
  expect(codes).toEqual([0, 0, 0]);
  // A victim may die between `enter` and `leave`: its missing `leave` is added where another goes in.
  const dead = new Set(victims.map((victim) => String(victim.pid)));
  let inside: string | undefined;
  for (const line of readRecord(layout)) {
    const [what, who = ''] = line.split(' ');
    if (what === 'enter') {
      expect(inside === undefined || dead.has(inside), `${line} while ${inside} was inside`).toBe(true);
      inside = who;
    } else if (inside === who) inside = undefined;
  }
});

test('a holder that is killed is followed at once; one that lives is named', async () => {
  const layout = makeHome();
  const holder = startContender(layout, 1, 600_000);
  await said(holder, 'inside');
  await expect(Lock.take(files, layout, 0)).rejects.toMatchObject({
    code: 'LOCKED',
    exitCode: 5,
    message: expect.stringContaining(`process ${holder.pid}`) as string,
  });
  expect(findOwner(files, layout)).toContain(`process ${holder.pid}`);
  holder.kill('SIGKILL');
  await ended(holder);
  const lock = await Lock.take(files, layout, 0);
  lock.check();
  lock.release();
  expect(readdirSync(layout.locks)).toEqual([]);
});

function forge(layout: Layout, state: 'try' | 'held', changes: Partial<ProcessIdentity>): string {
  const { pid, started, boot, namespace, host } = { ...ownIdentity(), ...changes };
  const name = `${state}.${[pid, started, boot, namespace, 'feedfacefeedface', host].join('.')}`;
  writeFileSync(join(layout.locks, name), '');
  return name;
}

/** A pid that is no process: that of a child that has ended. */
function deadPid(): number {
  return Number(execFileSync('sh', ['-c', 'echo $$']).toString());
}

describe.each(['held', 'try'] as const)('a lock that says %s', (state) => {
  test.each<[string, () => Partial<ProcessIdentity>]>([
    ['a process that has ended', () => ({ pid: deadPid() })],
    ['our pid, started at another time: the pid was used again', () => ({ started: '1' })],
    ['another boot of this machine', () => ({ boot: 'b00b00b00b00' })],
  ])('of %s is taken over', async (_, changes) => {
    const layout = makeHome();
    const name = forge(layout, state, changes());
    expect(findOwner(files, layout)).toBeUndefined();
    const lock = await Lock.take(files, layout, 0);
    expect(existsSync(join(layout.locks, name))).toBe(false);
    lock.release();
  });

  test.each<[string, Partial<ProcessIdentity>]>([
    ['another host', { host: 'elsewhere', boot: 'b00b00b00b00' }],
    ['another pid namespace of this boot', { namespace: '1' }],
  ])(
    'of %s counts while it is touched, and is taken over when it is not any more',
    async (_, changes) => {
      const layout = makeHome();
      const name = forge(layout, state, changes);
      await expect(Lock.take(files, layout, 0)).rejects.toMatchObject({ code: 'LOCKED' });
      // Its clock is behind.
      const long = Date.now() / 1000 - 3600;
      utimesSync(join(layout.locks, name), long, long);
      await expect(Lock.take(files, layout, 0)).rejects.toMatchObject({ code: 'LOCKED' });
      const lock = await Lock.take(anHourLater, layout, 0);
      expect(existsSync(join(layout.locks, name))).toBe(false);
      lock.release();
    },
    30_000,
  );
});

test('a holder in another pid namespace is seen alive', { timeout: 60_000 }, async (context) => {
  const unshare = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
  try {
    execFileSync(unshare[0]!, [...unshare.slice(1), 'true'], { stdio: 'ignore' });
  } catch {
    context.skip('unshare --pid needs root rights and util-linux');
  }
  const layout = makeHome();
  const holder = startContender(layout, 1, 600_000, [...unshare, process.execPath]);
  await said(holder, 'inside');
  await expect(Lock.take(files, layout, 0)).rejects.toMatchObject({ code: 'LOCKED' });
  holder.kill('SIGKILL');
  await ended(holder);
  const [name = ''] = readdirSync(layout.locks);
  expect(name).not.toBe('');
  (await Lock.take(anHourLater, layout, 0)).release();
});

test('the one who waits is told for whom, once, and gets in when the other leaves', async () => {
  const layout = makeHome();
  const first = await Lock.take(files, layout, 0);
  const told: string[] = [];
  const second = Lock.take(files, layout, 30_000, (owner) => told.push(owner));
  setTimeout(() => first.release(), 250);
  const lock = await second;
  expect(told).toEqual([expect.stringContaining(`process ${process.pid}`)]);
  lock.release();
});

test('a held lock is touched every five seconds, until it is released', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const memory = new MemoryFiles();
    memory.makeDirectory('/home');
    const layout = makeLayout('/home', 'carbon-4.2', { components: '/home' });
    const lock = await Lock.take(memory, layout, 0);
    const path = `${layout.locks}/${memory.list(layout.locks)[0]}`;
    const before = memory.stat(path)?.mtimeMs ?? 0;
    vi.advanceTimersByTime(5_000);
    expect(memory.stat(path)?.mtimeMs).toBeGreaterThan(before);
    lock.release();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('a lock that was taken away is noticed before the commit', async () => {
  const layout = makeHome();
  const lock = await Lock.take(files, layout, 0);
  for (const name of readdirSync(layout.locks)) rmSync(join(layout.locks, name));
  expect(() => lock.check()).toThrow(expect.objectContaining({ code: 'LOCKED' }));
  lock.release();
});

test('of two who look at the same moment one yields', async () => {
  const memory = new MemoryFiles();
  memory.makeDirectory('/home');
  const layout = makeLayout('/home', 'carbon-4.2', { components: '/home' });
  let second: Promise<Lock> | undefined;
  const door = new Proxy(memory, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(method, target, args);
        // The first has looked and not yet taken it: the second comes, looks, and goes as far as it can.
        if (key === 'list' && second === undefined) second = Lock.take(memory, layout, 0);
        return result;
      };
    },
  });
  const first = await Lock.take(door, layout, 0);
  expect(second).toBeDefined();
  await expect(second).rejects.toMatchObject({ code: 'LOCKED' });
  first.check();
  first.release();
});

test('a name that is no lock is left alone and stops nobody', async () => {
  const layout = makeHome();
  writeFileSync(join(layout.locks, 'README'), '');
  writeFileSync(join(layout.locks, 'held.0.1.2.3.4.5'), '');
  (await Lock.take(files, layout, 0)).release();
  expect(readdirSync(layout.locks).sort()).toEqual(['README', 'held.0.1.2.3.4.5']);
});

test('an identity is alive only where everything fits', () => {
  const own = ownIdentity();
  expect(isAlive(own, own)).toBe('alive');
  expect(isAlive({ ...own, started: '-' }, own)).toBe('alive');
  expect(isAlive({ ...own, started: '1' }, own)).toBe('dead');
  expect(isAlive({ ...own, boot: 'other' }, own)).toBe('dead');
  expect(isAlive({ ...own, namespace: 'other' }, own)).toBe('unknown');
  expect(isAlive({ ...own, host: 'other', boot: 'other' }, own)).toBe('unknown');
  // The same machine under a new name.
  expect(isAlive({ ...own, host: 'other' }, own)).toBe('alive');
});
