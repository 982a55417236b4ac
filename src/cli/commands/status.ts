// `prepatch status`: what is applied, what is pending, in which state the home is.

import { ExitCode } from '../../error.js';
import { renderStatus } from '../../report/status-text.js';
import type { UseCase, UseCaseResult } from '../use-case.js';

export async function runStatus({ patcher, style }: UseCase): Promise<UseCaseResult> {
  const status = await patcher.status();
  return { exitCode: ExitCode.done, document: status, text: renderStatus(status, style) };
}
