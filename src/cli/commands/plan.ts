// `prepatch plan`: what a start would do and why.

import { ExitCode } from '../../error.js';
import { renderPlan } from '../../report/plan-text.js';
import { refusalOf, type UseCase, type UseCaseResult } from '../use-case.js';

export async function runPlan({ patcher, request, style }: UseCase): Promise<UseCaseResult> {
  const plan = await patcher.plan();
  const isRefused = plan.problems.some((problem) => problem.severity === 'error');
  const isChange = plan.operations > 0 && request.options['exit-code'] === true;
  const exitCode = isChange ? ExitCode.changesPlanned : ExitCode.done;
  return { exitCode: isRefused ? refusalOf(plan.problems) : exitCode, document: plan, text: renderPlan(plan, style) };
}
