// From a command to the use case behind it, its exit code and its report.

import { PatchError } from '../error.js';
import { runApply } from './commands/apply.js';
import { runBoot } from './commands/boot.js';
import { runConfig } from './commands/config.js';
import { runDoctor } from './commands/doctor.js';
import { runHistory } from './commands/history.js';
import { runPlan } from './commands/plan.js';
import { runRebase } from './commands/rebase.js';
import { runRecover } from './commands/recover.js';
import { runStatus } from './commands/status.js';
import { runVerify } from './commands/verify.js';
import type { UseCase, UseCaseResult } from './use-case.js';

/** @throws PatchError of the use case */
export async function runUseCase(use: UseCase): Promise<UseCaseResult> {
  switch (use.request.command.name) {
    case 'boot':
      return runBoot(use);
    case 'apply':
      return runApply(use);
    case 'plan':
      return runPlan(use);
    case 'status':
      return runStatus(use);
    case 'verify':
      return runVerify(use);
    case 'recover':
      return runRecover(use);
    case 'history':
      return runHistory(use);
    case 'rebase':
      return runRebase(use);
    case 'doctor':
      return runDoctor(use);
    case 'config':
      return runConfig(use);
    case 'add':
      return (await import('./commands/add.js')).runAdd(use);
    case 'remove':
      return (await import('./commands/remove.js')).runRemove(use);
    case 'restore':
      return (await import('./commands/restore.js')).runRestore(use);
    case 'watch':
      return (await import('./commands/watch.js')).runWatch(use);
    default:
      throw new PatchError('BAD_USAGE', `unknown command ${use.request.command.name}`);
  }
}
