// Runs a pack's command to its end: no shell, a process group of its own, a limit of time, output to files. What is still
// alive of a command whose starter was killed is found by its identity and stopped, never by its number alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, PatchError, toError } from '../error.js';
import { LogFile } from './log-file.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

export interface CommandRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Over what is passed on of our own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Ends it and all that it has started, as its time does. */
  readonly signal?: AbortSignal;
  /** Gets standard output and standard error, after a line `heading`. */
  readonly log: string;
  readonly heading: string;
  /** A file that must not be there: standard output goes there, and from there into the log. */
  readonly capture?: string;
  /** Called once it runs, before anything is waited for. @throws to have it stopped */
  readonly started?: (process: ProcessIdentity) => void;
}

export type CommandOutcome =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly output: string | undefined }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'not-started'; readonly message: string };

/** The door to commands; tests give another. */
export interface Commands {
  run(request: CommandRequest): Promise<CommandOutcome>;
  /** Ends what a killed run of ours has left running. @throws PatchError ROLLBACK_FAILED where it does not end */
  stop(process: ProcessIdentity): Promise<void>;
}

/** What a command gets of our own environment; anything else it must declare. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'JAVA_HOME',
  'CARBON_HOME',
  'SYSTEMROOT',
] as const;

const CAPTURE_LIMIT_BYTES = 1024 * 1024;
/** Between the polite signal and the other. */
const GRACE_MS = 2_000;
/** After the other: what has not ended by then waits for a disk, or has nobody who collects it. */
const KILLED_MS = 500;
const POLL_MS = 20;
const LOG_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const CAPTURE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export const realCommands: Commands = { run: runCommand, stop: stopCommand };

/** @throws PatchError INPUT_TOO_LARGE where captured output has more than 1 MiB; the errors of the file system for its files */
async function runCommand(request: CommandRequest): Promise<CommandOutcome> {
  const log = openLog(request);
  let capture: number | undefined;
  try {
    capture = request.capture === undefined ? undefined : openSync(request.capture, CAPTURE_FLAGS, 0o600);
    const outcome = await runTo(request, capture ?? log, log);
    if (outcome.kind !== 'exited' || request.capture === undefined) return outcome;
    return { ...outcome, output: readCaptured(request.capture, request.log) };
  } finally {
    closeSync(log);
    if (capture !== undefined) closeSync(capture);
  }
}

function runTo(request: CommandRequest, stdout: number, stderr: number): Promise<CommandOutcome> {
  const [program = '', ...args] = request.argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: request.cwd,
      env: { ...passedOn(), ...request.env },
      stdio: ['ignore', stdout, stderr],
      // A process group of its own, so that a limit of time ends all that it has started.
      detached: true,
      windowsHide: true,
    });
    let timedOut = false;
    let ending = Promise.resolve();
    const stop = () => {
      ending = endGroup(child);
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, request.timeoutMs);
    request.signal?.addEventListener('abort', stop);
    if (request.signal?.aborted === true) stop();
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', stop);
      finish();
    };
    child.once('error', (error) =>
      settle(() => {
        resolve({ kind: 'not-started', message: errnoOf(error) ?? error.message });
      }),
    );
    child.once('exit', (code, signal) =>
      settle(() => {
        // Whoever hears of its end undoes what it did: nothing of it may still be at work.
        void ending.then(() => {
          if (timedOut) resolve({ kind: 'timed-out' });
          else if (signal !== null) resolve({ kind: 'signalled', signal });
          else resolve({ kind: 'exited', exitCode: code ?? 0, output: undefined });
        });
      }),
    );
    if (child.pid === undefined || request.started === undefined) return;
    try {
      request.started(identify(child.pid));
    } catch (error) {
      signalGroup(child.pid, 'SIGKILL');
      settle(() => {
        reject(toError(error));
      });
    }
  });
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, 'SIGTERM');
  for (
    let waitedMs = 0;
    waitedMs < GRACE_MS && child.exitCode === null && child.signalCode === null;
    waitedMs += POLL_MS
  )
    await sleep(POLL_MS);
  // The group outlives its first process where others of it go on.
  signalGroup(child.pid, 'SIGKILL');
  for (let waitedMs = 0; waitedMs < KILLED_MS && hasGroup(child.pid); waitedMs += POLL_MS) await sleep(POLL_MS);
}

function hasGroup(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

async function stopCommand(started: ProcessIdentity): Promise<void> {
  const own = ownIdentity();
  if (isAlive(started, own) !== 'alive') return;
  signalGroup(started.pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < GRACE_MS && isAlive(started, own) === 'alive'; waitedMs += POLL_MS)
    await sleep(POLL_MS);
  signalGroup(started.pid, 'SIGKILL');
  for (let waitedMs = 0; isAlive(started, own) === 'alive'; waitedMs += POLL_MS) {
    if (waitedMs >= GRACE_MS) throw notEnded(started);
    await sleep(POLL_MS);
  }
}

/** It belongs to somebody else by now, or waits for a disk. */
function notEnded({ pid }: ProcessIdentity): PatchError {
  return new PatchError('ROLLBACK_FAILED', `the command of an earlier run, process ${pid}, cannot be ended`, {
    hint: `End process ${pid}, then run prepatch recover.`,
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error;
  }
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function identify(pid: number): ProcessIdentity {
  return { ...ownIdentity(), pid, started: startTime(pid) };
}

/** Start time in clock ticks since the boot (/proc/PID/stat field 22); `-` where the system does not tell. */
function startTime(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  } catch {
    return '-';
  }
}

function openLog(request: CommandRequest): number {
  mkdirSync(dirname(request.log), { recursive: true });
  const heading = new LogFile(request.log);
  try {
    heading.append(`${request.heading}\n`);
  } finally {
    heading.close();
  }
  return openSync(request.log, LOG_FLAGS, 0o644);
}

/** What was captured, without the line end; it belongs into the log too. */
function readCaptured(path: string, log: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = fstatSync(descriptor);
    if (size > CAPTURE_LIMIT_BYTES)
      throw new PatchError(
        'INPUT_TOO_LARGE',
        `the output has ${size} bytes, more than the ${CAPTURE_LIMIT_BYTES} allowed`,
        {
          path: log,
        },
      );
    const bytes = Buffer.alloc(size);
    for (let filled = 0; filled < size; ) {
      const count = readSync(descriptor, bytes, filled, size - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    const text = bytes.toString('utf8');
    if (text !== '') {
      const file = new LogFile(log);
      try {
        file.append(text);
      } finally {
        file.close();
      }
    }
    return text.trim();
  } finally {
    closeSync(descriptor);
  }
}
