// What the use cases return: data for programs and for the reports.

import type { Finding } from '../doctor.js';
import type { ErrorCode } from '../error.js';
import type { LayoutName } from '../home/layout.js';
import type { Observation } from '../plan/observation.js';
import { stagedBytes } from '../plan/operation.js';
import { describePacks, type PackFacts } from '../plan/pack-facts.js';
import type { Plan } from '../plan/plan.js';
import type { ProbationFacts } from '../plan/probation.js';
import type { Problem } from '../problem.js';

export type HomeState = 'clean' | 'pending' | 'interrupted' | 'drifted' | 'tampered' | 'rollback-failed' | 'probation';

export interface Status {
  readonly home: string;
  readonly layout: LayoutName;
  readonly state: HomeState;
  readonly applied: readonly string[];
  readonly pending: {
    readonly apply: readonly string[];
    readonly revert: readonly string[];
    readonly update: readonly string[];
  };
  readonly base: { readonly plugins: number; readonly covered: number; readonly unknown: readonly string[] };
  readonly lastTransaction: { readonly id: string; readonly outcome: string; readonly at: string } | null;
  readonly companion: boolean;
  readonly lockedBy: string | null;
  /** What waits for the server to show that it is healthy. */
  readonly probation: readonly ProbationFacts[];
  /** What packs with a manifest say of themselves, and what the next start does with each. */
  readonly packs: readonly PackFacts[];
  readonly problems: readonly Problem[];
}

/** What a plan looks like to programs: the plan without the engine's own parts. */
export interface PlanReport {
  readonly home: string;
  readonly layout: LayoutName;
  readonly apply: readonly string[];
  readonly revert: readonly string[];
  readonly update: readonly string[];
  /** What packs with a manifest say of themselves, and what becomes of each. */
  readonly packs: readonly PackFacts[];
  readonly changes: Plan['changes'];
  readonly problems: readonly Problem[];
  readonly bytesNeeded: number;
  /** Milliseconds that a start would take, from what the history says of others like it; null where it says nothing. */
  readonly forecastMs: number | null;
  readonly operations: number;
}

export interface RunResult {
  readonly home: string;
  /** `kept`: the wanted change was refused or undone, and the home is verified to be as it was before. */
  readonly outcome: 'nothing' | 'changed' | 'kept';
  readonly transaction: string | null;
  readonly recovered: string | null;
  readonly apply: readonly string[];
  readonly revert: readonly string[];
  readonly update: readonly string[];
  readonly changes: Plan['changes'];
  readonly problems: readonly Problem[];
  /** Packs that were left out by the policy `degraded`, and why. */
  readonly quarantined: readonly { readonly name: string; readonly reason: string }[];
  /** What waits for the server to show that it is healthy. */
  readonly probation: readonly ProbationFacts[];
  /** Why the change was refused or undone; null where it was not. */
  readonly failure: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string;
    readonly exitCode: number;
  } | null;
}

export interface VerifyResult {
  readonly home: string;
  readonly ok: boolean;
  readonly deep: boolean;
  readonly checkedFiles: number;
  readonly readBytes: number;
  readonly problems: readonly Problem[];
  readonly repaired: boolean;
}

export interface DoctorReport {
  readonly home: string;
  readonly findings: readonly Finding[];
  readonly fixed: readonly string[];
}

export function toReport(observation: Observation, plan: Plan): PlanReport {
  const { home, layout, apply, revert, update, changes, problems, operations } = plan;
  const packs = describePacks(observation, plan);
  const bytesNeeded = operations.reduce((sum, operation) => sum + stagedBytes(operation), 0);
  return {
    home,
    layout,
    apply,
    revert,
    update,
    packs,
    changes,
    problems,
    bytesNeeded,
    forecastMs: null,
    operations: operations.length,
  };
}
