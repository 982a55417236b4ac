// `prepatch boot`: recover, apply or revert, verify; the server is started by the caller where every home allows it. Where the
// server has to show that it is healthy, it is asked while it runs.

import { ExitCode } from '../../error.js';
import { renderRun } from '../../report/run-text.js';
import { RealFiles } from '../../system/real-files.js';
import { writeStandard } from '../../system/standard-stream.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

/** A home that was kept as it was is verified good, and `strict` does not come here: the server may start. */
export async function runBoot({ patcher, resolved: { config }, style, stamp }: UseCase): Promise<UseCaseResult> {
  const result = await patcher.start(config.policy, 'start', waitMsOf(config), true);
  stamp?.settle(patcher.layout, result);
  const isSilent = result.outcome === 'nothing' && result.recovered === null;
  const done = { exitCode: ExitCode.done, document: result, text: isSilent ? '' : renderRun(result, style) };
  if (result.probation.length === 0) return done;
  const { home } = patcher.layout;
  const meanwhile = async (signal: AbortSignal) => {
    const { watchHealth } = await import('../../daemon/watch-health.js');
    const complain = (message: string) => {
      writeStandard('error', `prepatch: ${message}\n`);
    };
    await watchHealth({ files: new RealFiles(), home, config, complain }, signal);
  };
  return { ...done, meanwhile };
}
