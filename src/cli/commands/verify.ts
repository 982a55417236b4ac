// `prepatch verify`: every path against what it should be.

import { ExitCode } from '../../error.js';
import { renderVerify } from '../../report/verify-text.js';
import { refusalOf, type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runVerify({ patcher, request, resolved, style }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.verify({
    deep: request.options['deep'] === true,
    repair: request.options['repair'] === true,
    waitMs: waitMsOf(resolved.config),
  });
  return {
    exitCode: result.ok ? ExitCode.done : refusalOf(result.problems),
    document: result,
    text: renderVerify(result, style),
  };
}
