// A command of a pack: where it runs, what it gets, what its end means. Its log is `prepatch/<step>.log`; no value of its
// environment is ever written there.

import { join } from 'node:path';
import { PatchError } from '../../error.js';
import { absolute } from '../../home/layout.js';
import type { Command } from '../../plan/pack-manifest.js';
import { homePath } from '../../plan/pack-manifest-path.js';
import type { ProcessIdentity } from '../../system/process-identity.js';
import { realCommands } from '../../system/run-command.js';
import type { TransactionContext } from '../transaction-context.js';
import { actionError } from './planned-change.js';

export interface PackCommand {
  readonly command: Command;
  /** Relative to the logs folder. */
  readonly log: string;
  readonly pack: string;
  readonly title: string;
  /** Beside what it declares. */
  readonly env?: Readonly<Record<string, string>>;
  /** A path that is free: standard output is returned. */
  readonly capture?: string;
  readonly started?: (process: ProcessIdentity) => void;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
}

/** The log of a pack's action, relative to the logs folder. */
export function commandLog(pack: string, step: string): string {
  return `prepatch/${`${pack}.${step}`.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 120)}.log`;
}

/**
 * The absolute folder that a command runs in.
 * @throws PatchError ACTION_FAILED where it is no folder of the home
 */
export function commandFolder({ files, layout }: TransactionContext, { cwd }: Command): string {
  if (cwd === undefined) return layout.home;
  const path = homePath(cwd);
  if (path === undefined) throw actionError(`${cwd} is no path inside the home to run a command in`, cwd);
  const folder = absolute(layout, path);
  const kind = files.stat(folder)?.kind;
  const real = kind === 'directory' ? files.realPath(folder) : undefined;
  const home = files.realPath(layout.home);
  if (real !== undefined && (real === home || real.startsWith(`${home}/`))) return folder;
  throw actionError(`${cwd} is no folder of the home to run a command in`, cwd);
}

/**
 * Runs a command to its end. Returns its trimmed standard output where it was asked for.
 * @throws PatchError ACTION_FAILED, TIMED_OUT, INPUT_TOO_LARGE
 */
export async function runPackCommand(context: TransactionContext, request: PackCommand): Promise<string> {
  const { layout } = context;
  const { command, title, log } = request;
  context.check?.();
  const outcome = await (context.commands ?? realCommands).run({
    argv: command.argv,
    cwd: commandFolder(context, command),
    env: { CARBON_HOME: layout.home, ...command.env, ...request.env },
    timeoutMs: command.timeoutSeconds * 1000,
    log: join(layout.logs, log),
    heading: `${title}: ${command.argv[0] ?? ''}`,
    ...(request.capture === undefined ? {} : { capture: request.capture }),
    ...(request.started === undefined ? {} : { started: request.started }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  const seeLog = `its output is in ${join(layout.logs, log)}`;
  switch (outcome.kind) {
    case 'exited':
      if (command.exitCodes.includes(outcome.exitCode)) return outcome.output ?? '';
      throw actionError(
        `${title} ended with exit code ${outcome.exitCode}, expected ${command.exitCodes.join(' or ')}; ${seeLog}`,
        log,
      );
    case 'signalled':
      throw actionError(`${title} was ended by ${outcome.signal}; ${seeLog}`, log);
    case 'not-started':
      throw actionError(`${title}: ${command.argv[0] ?? ''} cannot be started: ${outcome.message}`, log);
    case 'timed-out':
      throw new PatchError('TIMED_OUT', `${title} took longer than ${command.timeoutSeconds} seconds; ${seeLog}`, {
        path: log,
      });
  }
}
