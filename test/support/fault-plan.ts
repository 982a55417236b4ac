// Which fault strikes where. Plans are data, so that a failing case can be said in one line and be repeated.

export type Errno = 'EIO' | 'ENOSPC' | 'EACCES' | 'EMFILE' | 'EROFS' | 'EDQUOT' | 'EXDEV' | 'ENOENT' | 'ENAMETOOLONG';

export const ERRNOS: readonly Errno[] = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'EROFS', 'EDQUOT', 'EXDEV', 'ENOENT'];

export interface FaultPlan {
  /** The number of the point, from 1. */
  readonly at: number;
  readonly fault: 'crash' | Errno;
  /** Every later point fails too; with ENOSPC and EDQUOT only those that ask for space. */
  readonly forGood: boolean;
  /** Whether calls that only read are points too. */
  readonly reads?: boolean;
  /** Strikes only paths that begin so. */
  readonly below?: string;
}

export function describePlan(plan: FaultPlan): string {
  return `${plan.fault}${plan.forGood ? ' for good' : ''} at point ${plan.at}${plan.reads === true ? ' (reads counted)' : ''}`;
}
