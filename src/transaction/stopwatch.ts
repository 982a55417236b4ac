// How long each step of a transaction takes, for the history; by a clock that nobody sets.

import type { Phase } from '../event.js';
import type { StepsMs } from '../state/history.js';

export class Stopwatch {
  readonly #doneMs = new Map<Phase, number>();
  #step: Phase | undefined;
  #sinceMs = 0;

  /** @param lookMs what looking has taken before the transaction began */
  constructor(lookMs: number | undefined) {
    if (lookMs !== undefined) this.#doneMs.set('look', lookMs);
  }

  /** A step begins, and with it the one before ends. */
  begin(step: Phase): void {
    const nowMs = performance.now();
    if (this.#step !== undefined)
      this.#doneMs.set(this.#step, (this.#doneMs.get(this.#step) ?? 0) + nowMs - this.#sinceMs);
    this.#step = step;
    this.#sinceMs = nowMs;
  }

  /** Whole milliseconds of the steps that have ended, in their order. */
  read(): StepsMs {
    return Object.fromEntries([...this.#doneMs].map(([step, ms]) => [step, Math.round(ms)]));
  }
}
