// The command by which a pack has the server show that it is healthy: one attempt, like a command among its actions.

import { join } from 'node:path';
import { PatchError } from '../../error.js';
import type { Command } from '../../plan/pack-manifest.js';
import { toPatchError } from '../to-patch-error.js';
import type { TransactionContext } from '../transaction-context.js';
import { commandLog, runPackCommand } from './pack-command.js';

/** Whether it ended with one of its exit codes in time; `signal` ends it. @throws PatchError where the file system does not let it be asked */
export async function runHealthCommand(
  context: TransactionContext,
  pack: string,
  command: Command,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await runPackCommand(context, {
      command: { ...command, timeoutSeconds: timeoutMs / 1000 },
      log: commandLog(pack, 'health'),
      pack,
      title: `${pack}: health`,
      ...(signal === undefined ? {} : { signal }),
    });
    return true;
  } catch (error) {
    if (error instanceof PatchError) return false;
    const log = join(context.layout.logs, commandLog(pack, 'health'));
    throw toPatchError(error, `${pack}: health: running its command with its output in`, log, 'UNWRITABLE');
  }
}
