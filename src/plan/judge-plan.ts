// What a plan, and the problems in it, come to. Pure.

import { assert, type ErrorCode, PatchError } from '../error.js';
import type { Pack } from '../home/pack.js';
import type { Problem } from '../problem.js';
import type { Plan } from './plan.js';

/** What a plan says of the state of the home that it was made for. */
export function judgePlan(plan: Plan): 'tampered' | 'pending' | 'drifted' | 'clean' {
  if (plan.problems.some((problem) => problem.code === 'LEDGER_EDITED')) return 'tampered';
  if (plan.apply.length + plan.revert.length + plan.update.length > 0) return 'pending';
  const isDrift = (problem: Problem) =>
    problem.severity !== 'info' && ['DRIFT', 'DRIFTED', 'BASE_CHANGED', 'ORPHAN'].includes(problem.code);
  if (plan.drifted.length > 0 || plan.problems.some(isDrift)) return 'drifted';
  return plan.operations.length > 0 ? 'pending' : 'clean';
}

/** The first error, with the number of the others. */
export function problemError(errors: readonly Problem[]): PatchError {
  const [first, ...others] = errors;
  assert(first !== undefined, 'an error without a problem');
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return new PatchError(first.code as ErrorCode, `${first.message}${more}`, {
    hint: first.hint,
    ...(first.path === undefined ? {} : { path: first.path }),
  });
}

/** Whether a pack cannot be applied. */
export function hasError(pack: Pack): boolean {
  return pack.problems.some((problem) => problem.severity === 'error');
}

export function withoutErrors(problems: readonly Problem[]): Problem[] {
  return problems.filter((problem) => problem.severity !== 'error');
}

export function asWarning(problem: Problem): Problem {
  return problem.severity === 'error' ? { ...problem, severity: 'warning' } : problem;
}

/** Nothing is to be done, and nothing to be recorded: a record may change where no path does. */
export function isEmpty(plan: Plan): boolean {
  return plan.operations.length === 0 && plan.ledger === undefined;
}

/** Whether the plugins are what the record says, whatever else is wrong; for a plan that repairs drift. */
export function isAsBefore(plan: Plan): boolean {
  return plan.changes.length === 0 && plan.drifted.length === 0;
}

/** What `verify` finds: what is not as the record says. */
export function verificationProblems(plan: Plan): Problem[] {
  const codes = new Set([
    'DRIFT',
    'DRIFTED',
    'BASE_CHANGED',
    'PLUGINS_GONE',
    'ORPHAN',
    'LEDGER_EDITED',
    'STORE_DAMAGED',
    'CONFLICT',
    'BACKUP_UNSOUND',
  ]);
  return plan.problems.filter((problem) => codes.has(problem.code));
}
