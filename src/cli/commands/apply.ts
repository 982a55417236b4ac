// `prepatch apply`: the work of a start without a server, with the true exit code.

import { ExitCode } from '../../error.js';
import { renderRun } from '../../report/run-text.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runApply({ patcher, resolved: { config }, style }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.start(config.policy, 'apply', waitMsOf(config));
  return { exitCode: result.failure?.exitCode ?? ExitCode.done, document: result, text: renderRun(result, style) };
}
