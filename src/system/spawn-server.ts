// Starts a server in place of this process, or as its child.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { PatchError } from '../error.js';

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** The server's exit status; 128 + N where signal N ended it. Does not return where the process could be replaced. */
export async function spawnServer(words: readonly string[]): Promise<number> {
  const [program, ...args] = words;
  if (program === undefined) throw new PatchError('BAD_USAGE', 'no server was named after --');
  const execve = (process as { execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never })
    .execve;
  const path = findProgram(program);
  if (execve !== undefined && path !== undefined) execve.call(process, path, [program, ...args], process.env);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    const listeners = PASSED_ON.map((signal) => {
      const pass = () => child.kill(signal);
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

function findProgram(program: string): string | undefined {
  if (program.includes('/')) return program;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}
