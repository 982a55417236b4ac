// Starts a server in place of this process where Node and the program allow it, else as its child, and passes signals and the
// exit status on.

import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants as fileConstants, existsSync, openSync, readSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { PatchError } from '../error.js';
import { writeStandard } from './standard-stream.js';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
/** A terminal sends these to every process in the foreground; passed on too, the server would get them twice. */
const OF_TERMINAL: ReadonlySet<string> = new Set(['SIGINT', 'SIGQUIT']);
const HEAD_BYTES = 256;
const STANDARD_INPUT = 0;

type Execve = (file: string, args: readonly string[], environment: NodeJS.ProcessEnv) => never;

/**
 * The server's exit status; 128 + N where signal N ended it. Does not return where the process could be replaced, which it is not
 * where there is something to do `meanwhile`: that goes on beside the server, which its signal says has ended.
 * @throws PatchError BAD_USAGE where the server cannot be started
 */
export async function spawnServer(
  words: readonly string[],
  meanwhile?: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const [program, ...args] = words;
  if (program === undefined) throw new PatchError('BAD_USAGE', 'no server was named after --');
  if (meanwhile !== undefined) {
    const end = new AbortController();
    // Handled at once: a rejection that nobody awaits yet would end this process, and leave the server without its parent.
    const beside = meanwhile(end.signal).catch(sayLost);
    const status = await runChild(program, args).finally(() => {
      end.abort();
    });
    await beside;
    return status;
  }
  const { execve } = process as { execve?: Execve };
  const path = findProgram(program, process.env['PATH'] ?? '');
  if (execve !== undefined && path !== undefined && canReplace(path))
    execve.call(process, path, [program, ...args], process.env);
  return runChild(program, args);
}

/** The server goes on as it would without us, and so does its exit status. */
function sayLost(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeStandard('error', `prepatch: nothing goes on beside the server any more\n${text}\n`);
}

function runChild(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    const fromTerminal = isatty(STANDARD_INPUT);
    const listeners = PASSED_ON.map((signal) => {
      const pass = () => {
        if (!(fromTerminal && OF_TERMINAL.has(signal))) child.kill(signal);
      };
      process.on(signal, pass);
      return { signal, pass };
    });
    const done = () => {
      for (const { signal, pass } of listeners) process.off(signal, pass);
    };
    child.on('error', (error) => {
      done();
      reject(
        new PatchError('BAD_USAGE', `the server ${program} cannot be started: ${error.message}`, {
          path: program,
          hint: 'Name a program that can be run after --; the home is ready for it.',
          cause: error,
        }),
      );
    });
    child.on('exit', (code, signal) => {
      done();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** As a shell finds it: a name with `/` as it is, else the first executable file of the PATH. */
export function findProgram(program: string, searchPath: string): string | undefined {
  const candidates = program.includes('/')
    ? [program]
    : searchPath.split(delimiter).map((folder) => join(folder === '' ? '.' : folder, program));
  return candidates.find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, fileConstants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Where execve fails, Node aborts: only what the kernel certainly runs may take this process's place. */
function canReplace(path: string): boolean {
  const head = readHead(path);
  if (head.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))) return true;
  const [, interpreter] = /^#![ \t]*([^ \t\n]+)[^\n]*\n/.exec(head.toString('latin1')) ?? [];
  return interpreter !== undefined && existsSync(interpreter) && isExecutableFile(interpreter);
}

function readHead(path: string): Buffer {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return Buffer.alloc(0);
  }
}
