// `prepatch boot`: recover, apply or revert, verify; the server is started by the caller where every home allows it.

import { ExitCode } from '../../error.js';
import { renderRun } from '../../report/run-text.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

/** A home that was kept as it was is verified good, and `strict` does not come here: the server may start. */
export async function runBoot({ patcher, resolved: { config }, style, stamp }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.start(config.policy, 'start', waitMsOf(config));
  stamp?.settle(patcher.layout, result);
  const isSilent = result.outcome === 'nothing' && result.recovered === null;
  return { exitCode: ExitCode.done, document: result, text: isSilent ? '' : renderRun(result, style) };
}
