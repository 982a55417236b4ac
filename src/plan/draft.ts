// A plan while it is made: what it is made from, and what its parts have found and decided so far. Each part only adds to it;
// the order of the operations is decided where the plan is put together.

import type { RootedPath } from '../home/entry.js';
import type { Pack } from '../home/pack.js';
import type { Problem } from '../problem.js';
import type { BaseEntry } from './ledger.js';
import type { Observation } from './observation.js';
import type { Operation } from './operation.js';
import type { Change } from './plan.js';
import type { PlanRules } from './plan-rules.js';
import type { Prior } from './prior.js';
import type { Layer } from './stack-layers.js';

export interface Draft {
  readonly seen: Observation;
  readonly rules: PlanRules;
  readonly prior: Prior;
  /** Those that are to be applied. */
  readonly packs: readonly Pack[];
  readonly layers: ReadonlyMap<RootedPath, Layer>;

  readonly problems: Problem[];
  readonly changes: Change[];
  readonly drifted: string[];
  readonly makes: Operation[];
  readonly writes: Operation[];
  readonly deletes: Operation[];
  readonly removes: Operation[];
  readonly moves: Operation[];
  /** Of every path that a pack covers. */
  readonly base: Record<RootedPath, BaseEntry>;
}

export function startDraft(from: Pick<Draft, 'seen' | 'rules' | 'prior' | 'packs' | 'layers'>): Draft {
  return {
    ...from,
    problems: [],
    changes: [],
    drifted: [],
    makes: [],
    writes: [],
    deletes: [],
    removes: [],
    moves: [],
    base: {},
  };
}
