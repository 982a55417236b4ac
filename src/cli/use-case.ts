// What a command is given and what it gives back.

import type { Config, ResolvedConfig } from '../config.js';
import type { StampCandidate } from '../daemon/stamp.js';
import { ExitCode, needsAttention } from '../error.js';
import type { Patcher } from '../patcher.js';
import type { Problem } from '../problem.js';
import type { Style } from '../report/style.js';
import type { Request } from './arguments.js';

export interface UseCase {
  readonly patcher: Patcher;
  readonly request: Request;
  readonly resolved: ResolvedConfig;
  readonly style: Style;
  /** For the guard of `prepatch-boot`, where it asked for this run. */
  readonly stamp: StampCandidate | undefined;
}

export interface UseCaseResult {
  readonly exitCode: number;
  /** For programs: printed as JSON. Undefined of a stream, which has said everything. */
  readonly document: unknown;
  /** For people; empty where there is nothing to say. */
  readonly text: string;
  /** What goes on beside the server that is started then, until the server ends. */
  readonly meanwhile?: (signal: AbortSignal) => Promise<void>;
}

/** The exit code of a report that ends with these problems instead of a home that is in order. */
export function refusalOf(problems: readonly Problem[]): number {
  const isUrgent = problems.some((problem) => problem.severity === 'error' && needsAttention(problem.code));
  return isUrgent ? ExitCode.attention : ExitCode.refused;
}

export function waitMsOf(config: Config): number {
  return config.waitSeconds * 1000;
}
