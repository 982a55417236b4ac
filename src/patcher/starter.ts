// One start: recover, look, plan, policy, transaction; and, where that is refused or undone, what the server starts on.

import type { Policy } from '../config.js';
import { errnoOf, PatchError } from '../error.js';
import { absolute } from '../home/layout.js';
import type { Pack } from '../home/pack.js';
import { sweepZips } from '../home/zip-cache.js';
import { CHECKING } from '../plan/carbon-lines.js';
import { isAsBefore, isEmpty, problemError } from '../plan/judge-plan.js';
import type { Observation } from '../plan/observation.js';
import type { ProbationFacts } from '../plan/probation.js';
import { readLedger } from '../state/ledger-file.js';
import type { Lock } from '../transaction/lock.js';
import { isInterrupted } from '../transaction/recover.js';
import { toPatchError } from '../transaction/to-patch-error.js';
import type { Executor } from './executor.js';
import type { HealthChecker } from './health-checker.js';
import type { HomeAccess } from './home-access.js';
import type { Looker } from './looker.js';
import type { PolicyLooker, Run } from './policy-looker.js';
import type { Recoverer } from './recoverer.js';
import type { RunResult } from './reports.js';

/** What a start is made of. */
export interface StarterParts {
  readonly access: HomeAccess;
  readonly recoverer: Recoverer;
  readonly looker: Looker;
  readonly policyLooker: PolicyLooker;
  readonly executor: Executor;
  readonly health: HealthChecker;
}

export class Starter {
  readonly #access: HomeAccess;
  readonly #recoverer: Recoverer;
  readonly #looker: Looker;
  readonly #policyLooker: PolicyLooker;
  readonly #executor: Executor;
  readonly #health: HealthChecker;

  constructor({ access, recoverer, looker, policyLooker, executor, health }: StarterParts) {
    this.#access = access;
    this.#recoverer = recoverer;
    this.#looker = looker;
    this.#policyLooker = policyLooker;
    this.#executor = executor;
    this.#health = health;
  }

  /**
   * One start: recover, compare, apply or revert, verify. With `startsServer` a server is started where it returns.
   * @throws PatchError where policy does not let the home stay as it is (`strict`), or where nothing is certain (exit 4, 5)
   */
  async start(policy: Policy, reason: string, waitMs: number, startsServer = false): Promise<RunResult> {
    this.#looker.gate = startsServer ? 'server' : 'look';
    this.#looker.isStrict = policy === 'strict';
    const result = await this.#startOnce(policy, reason, waitMs);
    for (const { packs, checks } of result.probation) {
      const what = checks.map((check) => `${check.kind} ${check.what}`).join(', ');
      this.#access.log.line(
        'info',
        `${packs.join(', ')} on probation: the server has to show that it is healthy (${what})`,
      );
    }
    const [unhealthy] = result.problems.filter((problem) => problem.code === 'QUARANTINED');
    if (unhealthy !== undefined && policy === 'strict') throw new PatchError('UNHEALTHY', unhealthy.message);
    return result;
  }

  async #startOnce(policy: Policy, reason: string, waitMs: number): Promise<RunResult> {
    const { files } = this.#access.doors;
    let recovered: string | null = null;
    if (isInterrupted(files, this.#access.layout)) recovered = await this.#recoverer.recoverLocked(waitMs);
    this.#access.log.line('info', CHECKING);
    const first = await this.#policyLooker.lookFirst(policy, waitMs);
    if (first !== undefined && isEmpty(first.plan) && first.failure === undefined && !this.#access.isLocked()) {
      this.#looker.saveCache(first.look.inventory);
      return this.#nothing(first, recovered);
    }
    try {
      return await this.#access.withLock(waitMs, async (lock) => {
        if (isInterrupted(files, this.#access.layout)) recovered = await this.#recoverer.recoverNow(lock);
        return this.#startLocked(policy, reason, lock, recovered);
      });
    } catch (error) {
      return await this.#keepUnwritable(policy, error, recovered);
    }
  }

  #nothing(run: Run, recovered: string | null): RunResult {
    this.#access.log.problems(run.plan);
    this.#access.log.nothing(run.plan);
    return this.#result('nothing', run, null, recovered);
  }

  /** A home that cannot even be locked has not been touched: where the policy is not strict, it stays as it was found. */
  async #keepUnwritable(policy: Policy, error: unknown, recovered: string | null): Promise<RunResult> {
    const { files } = this.#access.doors;
    const isUnwritable = error instanceof PatchError && (error.code === 'UNWRITABLE' || error.code === 'NO_SPACE');
    if (
      !isUnwritable ||
      policy === 'strict' ||
      this.#looker.rules.companion ||
      isInterrupted(files, this.#access.layout)
    )
      throw error;
    const run = await this.#policyLooker.lookUnlocked(policy, 0);
    if (run.plan.drifted.length > 0) throw error;
    if (isEmpty(run.plan) && run.failure === undefined) {
      return this.#nothing(run, recovered);
    }
    this.#access.log.kept(error);
    return this.#result('kept', { ...run, plan: { ...run.plan, changes: [] }, failure: error }, null, recovered);
  }

  async #startLocked(policy: Policy, reason: string, lock: Lock, recovered: string | null): Promise<RunResult> {
    let run = await this.#policyLooker.lookAgain(() => this.#policyLooker.lookByPolicy(policy));
    for (;;) {
      this.#access.log.problems(run.plan);
      for (const check of run.look.observation.health?.passed ?? []) this.#access.log.passed(check);
      if (run.failure !== undefined && policy === 'strict') throw run.failure;
      if (isEmpty(run.plan)) {
        this.#looker.saveCache(run.look.inventory);
        if (run.failure !== undefined && !isAsFound(run)) throw run.failure;
        if (run.failure === undefined) this.#access.log.nothing(run.plan);
        else this.#access.log.kept(run.failure);
        return this.#result(run.failure === undefined ? 'nothing' : 'kept', run, null, recovered);
      }
      const problem = run.plan.problems.filter((one) => one.severity === 'error');
      if (problem.length > 0) {
        const failure = run.failure ?? problemError(problem);
        if (!isAsFound(run)) throw failure;
        this.#access.log.kept(failure);
        return this.#result('kept', { ...run, failure }, null, recovered);
      }
      try {
        const transaction = await this.#executor.execute(run.plan, reason, lock, run.look.inventory);
        this.#looker.saveCache(run.look.inventory);
        if (run.failure === undefined) await this.#sweepCaches(run.look.observation);
        else this.#access.log.kept(run.failure);
        return this.#result(run.failure === undefined ? 'changed' : 'kept', run, transaction, recovered);
      } catch (error) {
        const failure = toPatchError(error, 'working on', this.#access.layout.home, 'DEPLOY_FAILED');
        if (policy === 'strict' || failure.exitCode > 3) throw failure;
        const culprit = policy === 'degraded' ? this.#packOf(run.look.observation, failure) : undefined;
        if (culprit === undefined) return await this.#keepAfterFailure(run, failure, reason, lock, recovered);
        this.#access.log.quarantined(culprit.name, failure.message);
        run = await this.#policyLooker.lookByPolicy(policy, [
          ...run.excluded,
          { name: culprit.name, kind: culprit.kind, reason: failure.message },
        ]);
      }
    }
  }

  /** The transaction was refused or undone: the home is as before, which is good if it was. */
  async #keepAfterFailure(
    run: Run,
    failure: PatchError,
    reason: string,
    lock: Lock,
    recovered: string | null,
  ): Promise<RunResult> {
    const lastGood = await this.#policyLooker.lookAtLastGood(run.look);
    // Without a record the home is as it was found.
    if (lastGood === undefined) {
      this.#access.log.kept(failure);
      return this.#result('kept', { ...run, plan: { ...run.plan, changes: [] }, failure }, null, recovered);
    }
    if (!isAsBefore(lastGood.plan)) throw failure;
    if (this.#looker.rules.companion && lastGood.plan.operations.length > 0) {
      try {
        await this.#executor.execute(lastGood.plan, reason, lock, lastGood.look.inventory);
      } catch (error) {
        const second = toPatchError(error, 'working on', this.#access.layout.home, 'DEPLOY_FAILED');
        if (second.exitCode > 3) throw second;
        // Carbon’s own patcher would go on to copy what could not be applied: the server must not start.
        throw failure;
      }
    }
    this.#access.log.kept(failure);
    const plan = { ...lastGood.plan, problems: run.plan.problems };
    return this.#result('kept', { ...run, plan, failure }, null, recovered);
  }

  #packOf(observation: Observation, failure: PatchError): Pack | undefined {
    const path = failure.path;
    if (path === undefined) return undefined;
    return observation.packs.find((pack) =>
      [pack.folder, pack.root ?? pack.folder].some((folder) =>
        `${path}/`.startsWith(`${absolute(this.#access.layout, folder)}/`),
      ),
    );
  }

  /** What zips were unpacked to, and what deltas have made, for packs that are not there any more. */
  async #sweepCaches({ zipsInUse, deltas }: Observation): Promise<void> {
    const { files } = this.#access.doors;
    try {
      sweepZips(files, this.#access.layout, new Set(zipsInUse));
      if (files.stat(this.#access.layout.deltas) === undefined) return;
      const { sweepDeltas } = await import('../home/deltas.js');
      sweepDeltas(files, this.#access.layout, new Set(deltas?.keys()));
    } catch (error) {
      // The next start that changes something sweeps it.
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** What waits after a run, by what is on record then. */
  #probationAfter({ plan, look }: Run): readonly ProbationFacts[] {
    if ((plan.ledger ?? look.observation.ledger)?.probation === undefined) return [];
    return this.#health.describeProbation(readLedger(this.#access.doors.files, this.#access.layout)?.probation);
  }

  #result(outcome: RunResult['outcome'], run: Run, transaction: string | null, recovered: string | null): RunResult {
    const { plan, failure, excluded } = run;
    const done = outcome === 'changed';
    return {
      home: this.#access.layout.home,
      outcome,
      transaction,
      recovered,
      apply: done ? plan.apply : [],
      revert: done ? plan.revert : [],
      update: done ? plan.update : [],
      changes: transaction === null ? [] : plan.changes,
      problems: plan.problems,
      quarantined: [...excluded, ...(run.look.observation.health?.quarantined ?? [])].map(({ name, reason }) => ({
        name,
        reason,
      })),
      probation: this.#probationAfter(run),
      failure:
        failure === undefined
          ? null
          : { code: failure.code, message: failure.message, hint: failure.hint, exitCode: failure.exitCode },
    };
  }
}

/** Whether the plugins are as the record has them; without a record they are as they were found. */
function isAsFound({ look, plan }: Run): boolean {
  return look.observation.ledger === undefined || isAsBefore(plan);
}
