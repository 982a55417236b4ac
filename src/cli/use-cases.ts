// From a command to the use case behind it, its exit code and its report. What a start without changes needs is here; the
// others' texts are loaded with their commands.

import type { ResolvedConfig } from '../config.js';
import { ExitCode, PatchError } from '../error.js';
import type { StampCandidate } from '../daemon/stamp.js';
import type { Patcher } from '../patcher.js';
import { renderPlan } from '../report/plan-text.js';
import { renderRun } from '../report/run-text.js';
import { renderStatus } from '../report/status-text.js';
import type { Style } from '../report/style.js';
import type { Request } from './arguments.js';

export interface UseCase {
  readonly patcher: Patcher;
  readonly request: Request;
  readonly resolved: ResolvedConfig;
  readonly style: Style;
  /** Where prepatch-boot asks for its stamp to be renewed. */
  readonly stamp: StampCandidate | undefined;
}

export interface UseCaseResult {
  readonly exitCode: number;
  readonly document: unknown;
  readonly text: string;
}

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
      return (await import('./commands/verify.js')).runVerify(use);
    case 'recover':
      return (await import('./commands/recover.js')).runRecover(use);
    case 'history':
      return (await import('./commands/history.js')).runHistory(use);
    case 'rebase':
      return (await import('./commands/rebase.js')).runRebase(use);
    case 'doctor':
      return (await import('./commands/doctor.js')).runDoctor(use);
    case 'config':
      return (await import('./commands/config.js')).runConfig(use);
    default:
      throw new PatchError('BAD_USAGE', `unknown command ${use.request.command.name}`);
  }
}

/** A home that was kept as it was is verified good, and `strict` does not come here: the server may start. */
async function runBoot({ patcher, resolved: { config }, style, stamp }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.start(config.policy, 'start', waitMsOf(config));
  stamp?.settle(patcher.layout, result);
  const isSilent = result.outcome === 'nothing' && result.recovered === null;
  return { exitCode: ExitCode.done, document: result, text: isSilent ? '' : renderRun(result, style) };
}

async function runApply({ patcher, resolved: { config }, style }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.start(config.policy, 'apply', waitMsOf(config));
  return { exitCode: result.failure?.exitCode ?? ExitCode.done, document: result, text: renderRun(result, style) };
}

async function runPlan({ patcher, request, style }: UseCase): Promise<UseCaseResult> {
  const plan = await patcher.plan();
  const isRefused = plan.problems.some((problem) => problem.severity === 'error');
  const isChange = plan.operations > 0 && request.options['exit-code'] === true;
  const exitCode = isRefused ? ExitCode.refused : isChange ? ExitCode.changesPlanned : ExitCode.done;
  return { exitCode, document: plan, text: renderPlan(plan, style) };
}

async function runStatus({ patcher, style }: UseCase): Promise<UseCaseResult> {
  const status = await patcher.status();
  return { exitCode: ExitCode.done, document: status, text: renderStatus(status, style) };
}

export function waitMsOf(config: ResolvedConfig['config']): number {
  return config.waitSeconds * 1000;
}
