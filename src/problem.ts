// What a plan finds wrong or worth saying, as data. Policy decides what a problem of severity `error` leads to.

import type { ErrorCode, PatchError } from './error.js';
import { hintFor } from './error.js';
import type { Severity } from './event.js';

/** Things to say that are no errors: near misses, surprises, drift. */
export type NoticeCode =
  | 'NEAR_MISS'
  | 'ORDER_SURPRISE'
  | 'ABSORB_LIST'
  | 'README_IN_PACK'
  | 'DRIFT'
  | 'BASE_CHANGED'
  | 'BASE_FROM_BACKUP'
  | 'BACKUP_UNSOUND'
  | 'ORPHAN'
  | 'HELD'
  | 'COMPANION'
  | 'CACHE_DAMAGED'
  | 'NOT_ELIGIBLE'
  | 'DEFERRED'
  | 'SUPERSEDED'
  | 'REOPENS'
  | 'PROBATION'
  | 'QUARANTINED';

export type ProblemCode = ErrorCode | NoticeCode;

export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** The pack that the problem belongs to; such a pack can be left out by policy. */
  readonly pack?: string;
  /** As people see it: relative to the home. */
  readonly path?: string;
  readonly message: string;
  readonly hint: string;
}

interface Where {
  readonly pack?: string | undefined;
  readonly path?: string | undefined;
  readonly hint?: string;
}

export function errorProblem(code: ErrorCode, message: string, where: Where = {}): Problem {
  return problem(code, 'error', message, { ...where, hint: where.hint ?? hintFor(code, where.path) });
}

export function notice(
  code: NoticeCode,
  severity: 'info' | 'warning',
  message: string,
  where: Where & { readonly hint: string },
): Problem {
  return problem(code, severity, message, where);
}

export function problemOf(error: PatchError, pack?: string): Problem {
  return problem(error.code, 'error', error.message, { pack, path: error.path, hint: error.hint });
}

function problem(
  code: ProblemCode,
  severity: Severity,
  message: string,
  where: Where & { readonly hint: string },
): Problem {
  return {
    code,
    severity,
    message,
    hint: where.hint,
    ...(where.pack === undefined ? {} : { pack: where.pack }),
    ...(where.path === undefined ? {} : { path: where.path }),
  };
}
