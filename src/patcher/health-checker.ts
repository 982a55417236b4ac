// Whether the server has shown that it is healthy with what is on probation: asks it, and records what it has passed.

import { isDeepStrictEqual } from 'node:util';
import { PatchError } from '../error.js';
import { isTouchedSince, sinceOf } from '../home/look-at-health.js';
import { describeProbation, type HealthCheck, type Probation, type ProbationFacts } from '../plan/probation.js';
import { readLedger } from '../state/ledger-file.js';
import type { Lock } from '../transaction/lock.js';
import { isInterrupted } from '../transaction/recover.js';
import type { Executor } from './executor.js';
import type { HomeAccess } from './home-access.js';
import type { Looker } from './looker.js';

/** How long one attempt may take of what a server has to show that it is healthy. */
const URL_LIMIT_MS = 5_000;
const COMMAND_LIMIT_MS = 60_000;

export class HealthChecker {
  readonly #access: HomeAccess;
  readonly #looker: Looker;
  readonly #executor: Executor;

  constructor(access: HomeAccess, looker: Looker, executor: Executor) {
    this.#access = access;
    this.#looker = looker;
    this.#executor = executor;
  }

  /**
   * One round over what is on probation: asks the server, and records what it has passed. Takes the lock only for that, and does
   * nothing while another run has it. `signal` says that the server has ended, or that nobody asks any more: nothing is recorded
   * then, for what has passed says nothing of a server that is gone.
   */
  async checkHealth(
    signal?: AbortSignal,
  ): Promise<{ readonly passed: readonly string[]; readonly waiting: readonly ProbationFacts[] }> {
    const { files, now } = this.#access.doors;
    const ledger = readLedger(files, this.#access.layout);
    const waiting = () => this.describeProbation(readLedger(files, this.#access.layout)?.probation);
    if (ledger?.probation === undefined || this.#access.isLocked() || isInterrupted(files, this.#access.layout))
      return { passed: [], waiting: waiting() };
    const passed: HealthCheck[] = [];
    for (const one of ledger.probation) {
      const sinceMs = sinceOf(one, (transaction) => this.#looker.committedMs(transaction));
      for (const check of one.checks) {
        const leftMs = one.startedMs === undefined ? 0 : one.startedMs + check.health.timeoutSeconds * 1000 - now();
        if (signal?.aborted !== true && leftMs > 0 && (await this.#passes(check, sinceMs, leftMs, signal)))
          passed.push(check);
      }
    }
    if (passed.length === 0 || signal?.aborted === true) return { passed: [], waiting: waiting() };
    const isRecorded = await this.#recordPassed(passed, signal);
    return { passed: isRecorded ? [...new Set(passed.map(({ pack }) => pack))] : [], waiting: waiting() };
  }

  /** False where `signal` was given while another run had the lock: what has passed is of a server that is gone. */
  async #recordPassed(passed: readonly HealthCheck[], signal: AbortSignal | undefined): Promise<boolean> {
    const { files } = this.#access.doors;
    const isPassed = (check: HealthCheck) => passed.some((one) => isDeepStrictEqual(one, check));
    const record = async (lock: Lock) => {
      if (signal?.aborted === true) return false;
      const latest = readLedger(files, this.#access.layout);
      if (latest?.probation === undefined || isInterrupted(files, this.#access.layout)) return true;
      const left = latest.probation
        .map((one) => ({ ...one, checks: one.checks.filter((check) => !isPassed(check)) }))
        .filter(({ checks }) => checks.length > 0);
      const { probation: _, ...rest } = latest;
      await this.#executor.record(left.length === 0 ? rest : { ...rest, probation: left }, 'healthy', lock);
      for (const check of passed) this.#access.log.passed(check);
      return true;
    };
    try {
      return await this.#access.withLock(this.#access.config.waitSeconds * 1000, record, signal);
    } catch (error) {
      if (signal?.aborted === true && error instanceof PatchError && error.code === 'LOCKED') return false;
      throw error;
    }
  }

  async #passes(check: HealthCheck, sinceMs: number, leftMs: number, signal?: AbortSignal): Promise<boolean> {
    const { health, pack } = check;
    switch (health.kind) {
      case 'file':
        return isTouchedSince(this.#access.doors.files, this.#access.layout, check, sinceMs);
      case 'url':
        return (await import('../system/answers-well.js')).answersWell(
          health.url,
          Math.min(leftMs, URL_LIMIT_MS),
          signal,
        );
      case 'command': {
        if (!this.#access.config.allowCommands) return false;
        const { runHealthCommand } = await import('../transaction/actions/run-health-command.js');
        return runHealthCommand(this.#access.context(), pack, health, Math.min(leftMs, COMMAND_LIMIT_MS), signal);
      }
    }
  }

  describeProbation(probation: readonly Probation[] | undefined): readonly ProbationFacts[] {
    return (probation ?? []).map((one) => describeProbation(one, this.#access.doors.now()));
  }
}
