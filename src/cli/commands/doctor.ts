// `prepatch doctor`: what is wrong with a home, what can be proven about it, and with --fix what can be rebuilt.

import { ExitCode } from '../../error.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runDoctor({ patcher, request, resolved, style }: UseCase): Promise<UseCaseResult> {
  const report = await patcher.doctor({ fix: request.options['fix'] === true, waitMs: waitMsOf(resolved.config) });
  const lines = [
    ...report.fixed.map((done) => style.good(`fixed: ${done}`)),
    ...report.findings.map((finding) => `${style.bad(finding.what)}\n  ${finding.remedy}`),
  ];
  return {
    exitCode: report.findings.length === 0 ? ExitCode.done : ExitCode.refused,
    document: report,
    text: lines.length === 0 ? style.good('Nothing is wrong with this home.') : lines.join('\n'),
  };
}
