// What a command is given and what it gives back.

import type { Config, ResolvedConfig } from '../config.js';
import type { StampCandidate } from '../daemon/stamp.js';
import type { Patcher } from '../patcher.js';
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
}

export function waitMsOf(config: Config): number {
  return config.waitSeconds * 1000;
}
