// Commands as processes: argv without a shell, a small environment, a limit of time for the whole process group, output in the
// log and never a value of the environment, and the end of what a killed run left running.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownIdentity, type ProcessIdentity } from '../../src/system/process-identity.js';
import { type CommandRequest, realCommands } from '../../src/system/run-command.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-command-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(argv: readonly string[], more: Partial<CommandRequest> = {}) {
  return realCommands.run({
    argv,
    cwd: folder,
    env: {},
    timeoutMs: 20_000,
    log: join(folder, 'logs', 'step.log'),
    heading: 'the step',
    ...more,
  });
}

const log = () => readFileSync(join(folder, 'logs', 'step.log'), 'utf8');

function isRunning(pid: number): boolean {
  try {
    // A zombie can be signalled still.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await wait(10);
}

test('arguments reach the program as they are, without a shell', async () => {
  const outcome = await run(['printf', '%s|', '$HOME', '; exit 3', '*'], { capture: join(folder, 'out') });
  expect(outcome).toEqual({ kind: 'exited', exitCode: 0, output: '$HOME|; exit 3|*|' });
});

test('the exit code, the log of both outputs, and the folder', async () => {
  const outcome = await run(['sh', '-c', 'pwd; echo wrong >&2; exit 3']);
  expect(outcome).toEqual({ kind: 'exited', exitCode: 3, output: undefined });
  expect(log()).toMatch(/^the step\n.*prepatch-command-.*\nwrong\n$/);
});

test('captured output is trimmed, and in the log too', async () => {
  const outcome = await run(['sh', '-c', 'echo a; echo b; echo wrong >&2'], { capture: join(folder, 'out') });
  expect(outcome).toMatchObject({ output: 'a\nb' });
  expect(log()).toBe('the step\nwrong\na\nb\n');
});

test('more output than can be kept is an error', async () => {
  const much = run(['sh', '-c', 'head -c 1100000 /dev/zero'], { capture: join(folder, 'out') });
  await expect(much).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
});

test('the environment is what is declared and a few names of ours; its values are not logged', async () => {
  process.env['SECRET_OF_OURS'] = 'hunter2';
  try {
    const outcome = await run(['env'], {
      env: { TOKEN: 'declared', CARBON_HOME: folder },
      capture: join(folder, 'out'),
    });
    const names = (outcome.kind === 'exited' ? (outcome.output ?? '') : '')
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names).toContain('PATH');
    expect(names).toContain('TOKEN');
    expect(names).toContain('CARBON_HOME');
    expect(names).not.toContain('SECRET_OF_OURS');
    await run(['true'], { env: { TOKEN: 'quiet' } });
    expect(log()).not.toContain('quiet');
  } finally {
    delete process.env['SECRET_OF_OURS'];
  }
});

test('a program that is not there, and a signal', async () => {
  expect(await run(['no-such-program'])).toEqual({ kind: 'not-started', message: 'ENOENT' });
  expect(await run(['sh', '-c', 'kill -9 $$'])).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
});

test('a limit of time ends the whole process group', async () => {
  const script = '(trap "" TERM; exec sleep 600) & echo $! > child; sleep 600';
  const outcome = await run(['sh', '-c', script], { timeoutMs: 300 });
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
  expect(isRunning(child), 'what runs on works against the undoing').toBe(false);
  expect(outcome).toEqual({ kind: 'timed-out' });
});

test('a signal to us ends the whole process group', async () => {
  const end = new AbortController();
  const script = 'sleep 600 & echo $! > child; sleep 600';
  const running = run(['sh', '-c', script], { signal: end.signal, timeoutMs: 600_000 });
  await until(() => existsSync(join(folder, 'child')) && readFileSync(join(folder, 'child'), 'utf8') !== '');
  end.abort();
  expect(await running).toEqual({ kind: 'signalled', signal: 'SIGTERM' });
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
  await until(() => !isRunning(child));
  expect(await run(['sleep', '600'], { signal: end.signal })).toEqual({ kind: 'signalled', signal: 'SIGTERM' });
});

test('a run that cannot record its process stops it', async () => {
  let pid = 0;
  const refused = run(['sh', '-c', 'sleep 600'], {
    started: (started) => {
      pid = started.pid;
      throw new Error('the disk is full');
    },
  });
  await expect(refused).rejects.toThrow('the disk is full');
  await until(() => !isRunning(pid));
});

test('what was left running is stopped by its identity, and no other process is', async () => {
  writeFileSync(join(folder, 'loop.sh'), 'echo ready > ready; while :; do sleep 1; done\n');
  let started: ProcessIdentity | undefined;
  const running = run(['sh', 'loop.sh'], {
    started: (process) => {
      started = process;
    },
  });
  await until(() => existsSync(join(folder, 'ready')));
  if (started === undefined) throw new Error('it was not said which process it is');
  await realCommands.stop({ ...started, started: '1' });
  await realCommands.stop({ ...ownIdentity(), started: '1' });
  expect(isRunning(started.pid)).toBe(true);
  await realCommands.stop(started);
  expect(await running).toMatchObject({ kind: 'signalled' });
});

test('one that cannot be ended is named, and not waited for without end', async () => {
  // No signal to a group reaches it: it leads none.
  const child = spawn('sleep', ['600']);
  try {
    const started = /\) (?:\S+ ){19}(\d+) /.exec(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))?.[1] ?? '-';
    const left = { ...ownIdentity(), pid: child.pid ?? 0, started };
    await expect(realCommands.stop(left)).rejects.toMatchObject({
      code: 'ROLLBACK_FAILED',
      message: expect.stringContaining(`process ${child.pid}`) as string,
    });
  } finally {
    child.kill('SIGKILL');
  }
});
