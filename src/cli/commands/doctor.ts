// `prepatch doctor`: what is wrong with a home, what can be proven about it, and with --fix what can be rebuilt.

import { ExitCode } from '../../error.js';
import { renderDoctor } from '../../report/doctor-text.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runDoctor({ patcher, request, resolved, style }: UseCase): Promise<UseCaseResult> {
  const report = await patcher.doctor({ fix: request.options['fix'] === true, waitMs: waitMsOf(resolved.config) });
  const isWell = report.findings.every((finding) => finding.severity === 'info');
  return {
    exitCode: isWell ? ExitCode.done : ExitCode.refused,
    document: report,
    text: renderDoctor(report, style),
  };
}
