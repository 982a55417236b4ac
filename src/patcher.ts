// The use cases: status, plan, apply, boot, verify, recover, history, rebase, doctor. They return data and report events; they
// print nothing. One way in for a change of a home: look, plan, policy, transaction.

import type { Config, Policy } from './config.js';
import { PatchError } from './error.js';
import type { RootedPath } from './home/entry.js';
import { detectLayout, hasCompanion } from './home/find-home.js';
import { display, type Layout } from './home/layout.js';
import { Executor } from './patcher/executor.js';
import { HealthChecker } from './patcher/health-checker.js';
import { HomeAccess } from './patcher/home-access.js';
import { type Look, Looker } from './patcher/looker.js';
import type { PatcherDoors } from './patcher/patcher-doors.js';
import { PolicyLooker } from './patcher/policy-looker.js';
import { Recoverer } from './patcher/recoverer.js';
import {
  type DoctorReport,
  type PlanReport,
  type RunResult,
  type Status,
  toReport,
  type VerifyResult,
} from './patcher/reports.js';
import { Starter } from './patcher/starter.js';
import { countWork, forecastMs } from './plan/forecast.js';
import { judgePlan, problemError, verificationProblems } from './plan/judge-plan.js';
import { makePlan } from './plan/make-plan.js';
import { describePacks } from './plan/pack-facts.js';
import type { Plan } from './plan/plan.js';
import type { ProbationFacts } from './plan/probation.js';
import type { Problem } from './problem.js';
import { type History, type HistoryRecord, readHistory, recentHistory } from './state/history.js';
import { readLedger } from './state/ledger-file.js';
import { type AheadReport, countAhead, stageAhead } from './transaction/ahead.js';
import { findOwner } from './transaction/lock.js';
import { isInterrupted, type Recovery } from './transaction/recover.js';

export class Patcher {
  readonly #looker: Looker;
  readonly #access: HomeAccess;
  readonly #recoverer: Recoverer;
  readonly #policyLooker: PolicyLooker;
  readonly #executor: Executor;
  readonly #health: HealthChecker;
  readonly #starter: Starter;

  /** @throws PatchError NO_HOME, NOT_A_DIRECTORY */
  constructor(home: string, config: Config, doors: PatcherDoors) {
    const layout = detectLayout(doors.files, home, config);
    const companion = hasCompanion(doors.files, layout, config);
    // Carbon's own patcher has one order, and the last writer must be the same for both.
    const rules = { order: companion ? ('lexicographic' as const) : config.order, companion };
    const looker = new Looker(layout, rules, config, doors);
    const access = new HomeAccess(layout, config, doors);
    const recoverer = new Recoverer(access, looker);
    const policyLooker = new PolicyLooker(access, looker);
    const executor = new Executor(access, looker);
    const health = new HealthChecker(access, looker, executor);
    this.#looker = looker;
    this.#access = access;
    this.#recoverer = recoverer;
    this.#policyLooker = policyLooker;
    this.#executor = executor;
    this.#health = health;
    this.#starter = new Starter({ access, recoverer, looker, policyLooker, executor, health });
  }

  get layout(): Layout {
    return this.#access.layout;
  }

  // --- reading

  async status(): Promise<Status> {
    const { files } = this.#access.doors;
    const base = {
      home: this.#access.layout.home,
      layout: this.#access.layout.name,
      companion: this.#looker.rules.companion,
      lockedBy: findOwner(files, this.#access.layout) ?? null,
    };
    const last = recentHistory(files, this.#access.layout).at(-1);
    const lastTransaction =
      last === undefined
        ? null
        : { id: last.transaction, outcome: last.outcome, at: new Date(last.recordedMs).toISOString() };
    if (this.#recoverer.isLeftInterrupted()) {
      const problem = this.#recoverer.interruptedProblem();
      const state = problem.code === 'INTERRUPTED' ? 'interrupted' : 'rollback-failed';
      return {
        ...base,
        state,
        applied: this.#ledgerNames(),
        pending: { apply: [], revert: [], update: [] },
        base: { plugins: 0, covered: 0, unknown: [] },
        lastTransaction,
        probation: [],
        packs: [],
        problems: [problem],
      };
    }
    const { observation, inventory } = await this.#policyLooker.lookAgain(
      () => this.#looker.look([], false),
      () => this.#access.waitForOthers(),
    );
    const plan = this.#looker.plan(observation);
    this.#looker.saveCache(inventory);
    const ledger = observation.ledger;
    const unknown = Object.entries(ledger?.base ?? {})
      .filter(([, entry]) => entry.kind === 'unknown')
      .map(([path]) => display(this.#access.layout, path as RootedPath));
    const probation = this.#health.describeProbation(observation.health?.probation);
    const state = judgePlan(plan);
    return {
      ...base,
      state: state === 'clean' && probation.length > 0 ? 'probation' : state,
      applied: (ledger?.packs ?? []).map((pack) => pack.name),
      pending: { apply: plan.apply, revert: plan.revert, update: plan.update },
      base: {
        plugins: [...observation.plugins.values()].filter((plugin) => plugin.kind === 'file').length,
        covered: Object.keys(ledger?.base ?? {}).length,
        unknown,
      },
      lastTransaction,
      probation,
      packs: describePacks(observation, plan),
      problems: plan.problems,
    };
  }

  async plan(): Promise<PlanReport> {
    await this.#access.waitForOthers();
    if (this.#recoverer.isLeftInterrupted()) {
      const problem = this.#recoverer.interruptedProblem();
      return {
        home: this.#access.layout.home,
        layout: this.#access.layout.name,
        apply: [],
        revert: [],
        update: [],
        packs: [],
        changes: [],
        problems: [problem],
        bytesNeeded: 0,
        forecastMs: null,
        operations: 0,
      };
    }
    const { observation, inventory } = await this.#policyLooker.lookBeside(() => this.#looker.look([], false));
    this.#looker.saveCache(inventory);
    const plan = this.#looker.plan(observation);
    return { ...toReport(observation, plan), forecastMs: this.#forecast(plan) };
  }

  #forecast(plan: Plan): number | null {
    const { files } = this.#access.doors;
    const work = countWork(plan.operations);
    if (work.changedFiles === 0) return null;
    const stagedBytes = work.stagedBytes - countAhead(files, this.#access.layout, plan.operations);
    return forecastMs(recentHistory(files, this.#access.layout), { ...work, stagedBytes });
  }

  /**
   * Looks and plans as a start would, and copies ahead what it will have to copy. Takes no lock, changes nothing but our own
   * folders `ahead` and `cache`; goes on only while `mayGoOn`, and while no start runs.
   */
  async stageAhead(mayGoOn: () => boolean): Promise<{ readonly plan: PlanReport; readonly ahead: AheadReport | null }> {
    const { files, bulk } = this.#access.doors;
    if (isInterrupted(files, this.#access.layout)) return { plan: await this.plan(), ahead: null };
    const { observation, inventory } = await this.#looker.look([], false);
    const plan = this.#looker.plan(observation);
    this.#looker.saveCache(inventory);
    const isRefused = plan.problems.some((problem) => problem.severity === 'error');
    const wanted =
      isRefused && this.#access.config.policy === 'degraded'
        ? (await this.#policyLooker.lookByPolicy('degraded')).plan
        : plan;
    if (isRefused && wanted === plan) return { plan: toReport(observation, plan), ahead: null };
    const isFree = () => mayGoOn() && findOwner(files, this.#access.layout) === undefined;
    const ahead = await stageAhead({ files, bulk, layout: this.#access.layout }, wanted.operations, isFree);
    return { plan: toReport(observation, plan), ahead };
  }

  history(id?: string): History {
    const history = readHistory(this.#access.doors.files, this.#access.layout);
    if (id === undefined) return history;
    const records = history.records.filter((record: HistoryRecord) => record.transaction.startsWith(id));
    if (records.length === 0)
      throw new PatchError('BAD_USAGE', `there is no transaction ${id} in the history`, {
        hint: 'prepatch history lists them all.',
      });
    return { records, brokenAt: history.brokenAt };
  }

  // --- changing

  /**
   * One start: recover, compare, apply or revert, verify. With `startsServer` a server is started where it returns.
   * @throws PatchError where policy does not let the home stay as it is (`strict`), or where nothing is certain (exit 4, 5)
   */
  start(policy: Policy, reason: string, waitMs: number, startsServer = false): Promise<RunResult> {
    return this.#starter.start(policy, reason, waitMs, startsServer);
  }

  /**
   * One round over what is on probation: asks the server, and records what it has passed. Takes the lock only for that, and does
   * nothing while another run has it. `signal` says that the server has ended, or that nobody asks any more: nothing is recorded
   * then, for what has passed says nothing of a server that is gone.
   */
  checkHealth(
    signal?: AbortSignal,
  ): Promise<{ readonly passed: readonly string[]; readonly waiting: readonly ProbationFacts[] }> {
    return this.#health.checkHealth(signal);
  }

  /** Finishes or undoes an interrupted transaction; nothing else. */
  recover(waitMs: number): Promise<Recovery> {
    return this.#recoverer.recover(waitMs);
  }

  /**
   * Compares every path with what it should be. `deep` reads every file; `repair` puts back what can be proven.
   * @throws PatchError as `start` does
   */
  async verify(options: {
    readonly deep: boolean;
    readonly repair: boolean;
    readonly waitMs: number;
  }): Promise<VerifyResult> {
    const { files } = this.#access.doors;
    this.#looker.gate = 'ignore';
    await this.#access.waitForOthers();
    if (options.repair ? isInterrupted(files, this.#access.layout) : this.#recoverer.isLeftInterrupted()) {
      if (!options.repair)
        return {
          home: this.#access.layout.home,
          ok: false,
          deep: options.deep,
          checkedFiles: 0,
          readBytes: 0,
          problems: [this.#recoverer.interruptedProblem()],
          repaired: false,
        };
      await this.#recoverer.recoverLocked(options.waitMs);
    }
    let look = await this.#policyLooker.lookBeside(() => this.#looker.lookAtLedger(options.deep));
    // Without a repair, the problems say what a start would do.
    const planOf = ({ observation }: Look) =>
      this.#looker.plan(observation, options.repair ? 'repair' : this.#access.config.drift);
    let plan = planOf(look);
    let repaired = false;
    // Without a record nothing is proven to be wrong: what to make of the packs is for a start to say.
    if (options.repair && look.observation.ledger !== undefined && plan.operations.length > 0) {
      await this.#access.withLock(options.waitMs, async (lock) => {
        if (isInterrupted(files, this.#access.layout)) await this.#recoverer.recoverNow(lock);
        // Another run may have changed the home before the lock was had.
        look = await this.#policyLooker.lookAgain(() => this.#looker.lookAtLedger(options.deep));
        plan = planOf(look);
        this.#refuseErrors(plan);
        if (plan.operations.length === 0) return;
        await this.#executor.execute(plan, 'verify --repair', lock, look.inventory);
        repaired = true;
      });
    }
    const problems = verificationProblems(plan);
    this.#looker.saveCache(look.inventory);
    const checkedFiles = [...look.observation.plugins.values()].filter((plugin) => plugin.kind === 'file').length;
    return {
      home: this.#access.layout.home,
      // A repair puts back what packs cover; what no pack covers is as it was found.
      ok: problems.every((problem) => problem.severity === 'info' || (repaired && problem.code === 'DRIFT')),
      deep: options.deep,
      checkedFiles,
      readBytes: look.inventory.readBytes,
      problems,
      repaired,
    };
  }

  /** Takes plugins that no pack covers as they are now for the base. */
  async rebase(
    waitMs: number,
  ): Promise<{ readonly transaction: string | null; readonly problems: readonly Problem[] }> {
    this.#looker.gate = 'ignore';
    return this.#access.withLock(waitMs, async (lock) => {
      if (isInterrupted(this.#access.doors.files, this.#access.layout)) await this.#recoverer.recoverNow(lock);
      const before = await this.#looker.look([], true);
      const changed = this.#looker
        .plan(before.observation)
        .problems.filter(({ code }) => code === 'BASE_CHANGED' || code === 'ORPHAN' || code === 'PLUGINS_GONE');
      if (before.observation.ledger === undefined || changed.length === 0) return { transaction: null, problems: [] };
      const look = await this.#looker.lookAtLedger(true);
      const plan = makePlan(look.observation, {
        drift: 'report',
        transaction: this.#executor.newTransaction(),
        rebase: true,
      });
      this.#refuseErrors(plan);
      const transaction = await this.#executor.execute(plan, 'rebase', lock, look.inventory);
      for (const problem of changed) this.#access.log.line('info', `Taken for the base: ${problem.path ?? ''}`);
      return { transaction, problems: changed };
    });
  }

  /**
   * Examines a home, whoever patched it before; `fix` rebuilds what can be proven. Reads every file.
   * @throws PatchError LOCKED, ROLLBACK_FAILED; with `fix`, as `start` does
   */
  async doctor(options: { readonly fix: boolean; readonly waitMs: number }): Promise<DoctorReport> {
    this.#looker.gate = 'ignore';
    const { Doctor } = await import('./doctor.js');
    const examine = (files = this.#access.doors.files) =>
      new Doctor(this.#access.layout, files, {
        look: async (record) => {
          const { observation } = await this.#looker.look([], true, record);
          return { observation, plan: this.#looker.plan(observation) };
        },
        isInterrupted: () => isInterrupted(this.#access.doors.files, this.#access.layout),
      });
    if (!options.fix) return { home: this.#access.layout.home, findings: await examine().findings(), fixed: [] };
    return this.#access.withLock(options.waitMs, async (lock) => {
      const context = this.#access.lockedContext(lock);
      const fixed = await examine(context.files).repairState(context, this.#executor.newTransaction());
      const look = await this.#looker.look([], true);
      const plan = this.#looker.plan(look.observation);
      const edited = plan.problems.filter((problem) => problem.code === 'LEDGER_EDITED');
      const others = plan.problems.filter(
        (problem) => problem.severity === 'error' && problem.code !== 'LEDGER_EDITED',
      );
      if (edited.length > 0 && others.length === 0) {
        await this.#executor.execute(plan, 'doctor --fix', lock, look.inventory);
        fixed.push(...edited.map((problem) => `${problem.path ?? ''} was written again from the record`));
      }
      for (const line of fixed) this.#access.log.line('warn', `doctor: ${line}`);
      return { home: this.#access.layout.home, findings: await examine().findings(), fixed };
    });
  }

  /** @throws PatchError for the errors among a plan's problems */
  #refuseErrors({ problems }: Plan): void {
    const errors = problems.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) throw problemError(errors);
  }

  #ledgerNames(): readonly string[] {
    try {
      return (readLedger(this.#access.doors.files, this.#access.layout)?.packs ?? []).map((pack) => pack.name);
    } catch {
      return [];
    }
  }
}
