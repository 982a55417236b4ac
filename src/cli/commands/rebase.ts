// `prepatch rebase`: takes vendor changes of the base as the new base.

import { ExitCode } from '../../error.js';
import { escapeControls } from '../../report/log-line.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runRebase({ patcher, resolved, style }: UseCase): Promise<UseCaseResult> {
  const { transaction, problems } = await patcher.rebase(waitMsOf(resolved.config));
  const taken = problems.flatMap((problem) => (problem.path === undefined ? [] : [problem.path]));
  return {
    exitCode: ExitCode.done,
    document: { home: patcher.layout.home, transaction, taken },
    text:
      transaction === null
        ? 'The base has not changed.'
        : [
            style.good(`Taken for the base (transaction ${transaction}):`),
            ...taken.map((path) => `  ${escapeControls(path)}`),
          ].join('\n'),
  };
}
