// What is done about a transaction that was interrupted, before anything else of a run; and about what killed runs have left.

import { ExitCode, PatchError } from '../error.js';
import { display } from '../home/layout.js';
import { type Problem, problemOf } from '../problem.js';
import { hasDeadLocks, type Lock } from '../transaction/lock.js';
import { examineInterruption, isInterrupted, type Recovery, recover } from '../transaction/recover.js';
import { findRemnants, sweepRemnants } from '../transaction/sweep-remnants.js';
import { toPatchError } from '../transaction/to-patch-error.js';
import type { HomeAccess } from './home-access.js';
import type { Looker } from './looker.js';

export class Recoverer {
  readonly #access: HomeAccess;
  readonly #looker: Looker;

  constructor(access: HomeAccess, looker: Looker) {
    this.#access = access;
    this.#looker = looker;
  }

  /** Finishes or undoes an interrupted transaction; nothing else. */
  async recover(waitMs: number): Promise<Recovery> {
    const { files } = this.#access.doors;
    if (!isInterrupted(files, this.#access.layout)) {
      await this.#sweepRemnants();
      return { action: 'nothing', transaction: undefined };
    }
    return this.#lockToRecover(waitMs, (lock) => this.#recoverOrStop(lock));
  }

  /** A journal is there, and nobody works with it: one that has gone meanwhile was that of a run that has ended. */
  isLeftInterrupted(): boolean {
    const { files } = this.#access.doors;
    return (
      isInterrupted(files, this.#access.layout) && !this.#access.isLocked() && isInterrupted(files, this.#access.layout)
    );
  }

  /** What killed runs have left beside transactions, where nobody else works on the home. */
  async #sweepRemnants(): Promise<void> {
    const { files } = this.#access.doors;
    if (findRemnants(files, this.#access.layout).length === 0 && !hasDeadLocks(files, this.#access.layout)) return;
    try {
      await this.#access.withLock(0, () => {
        sweepRemnants(files, this.#access.layout);
        return Promise.resolve();
      });
    } catch (error) {
      // The home is sound; whoever can lock it sweeps it.
      if (!(error instanceof PatchError)) throw error;
    }
  }

  async recoverLocked(waitMs: number): Promise<string | null> {
    return this.#lockToRecover(waitMs, async (lock) =>
      isInterrupted(this.#access.doors.files, this.#access.layout) ? this.recoverNow(lock) : null,
    );
  }

  /** A lock that cannot be had, other than because another run has it, leaves the home between two states too. */
  async #lockToRecover<T>(waitMs: number, work: (lock: Lock) => Promise<T>): Promise<T> {
    try {
      return await this.#access.withLock(waitMs, work);
    } catch (error) {
      if (!(error instanceof PatchError) || error.exitCode >= ExitCode.attention) throw error;
      throw new PatchError('ROLLBACK_FAILED', `an interrupted transaction waits to be undone: ${error.message}`, {
        path: error.path ?? this.#access.layout.home,
        cause: error,
      });
    }
  }

  async recoverNow(lock: Lock): Promise<string | null> {
    return (await this.#recoverOrStop(lock)).transaction ?? null;
  }

  /** @throws PatchError ROLLBACK_FAILED for every refusal of the file system: nothing else may be done before it is resolved */
  async #recoverOrStop(lock: Lock): Promise<Recovery> {
    try {
      const outcome = await recover(this.#access.lockedContext(lock));
      this.#access.log.recovered(outcome);
      if (outcome.action === 'complete') this.#looker.completed = outcome.transaction;
      return outcome;
    } catch (error) {
      if (error instanceof PatchError && error.exitCode >= ExitCode.attention) throw error;
      const failure = toPatchError(error, 'recovering', this.#access.layout.home, 'ROLLBACK_FAILED');
      throw new PatchError(
        'ROLLBACK_FAILED',
        `an interrupted transaction could not be finished or undone: ${failure.message}; every backup is kept`,
        { path: failure.path ?? this.#access.layout.home, cause: error },
      );
    }
  }

  interruptedProblem(): Problem {
    const problem = problemOf(examineInterruption(this.#access.doors.files, this.#access.layout));
    return problem.path === undefined ? problem : { ...problem, path: display(this.#access.layout, problem.path) };
  }
}
