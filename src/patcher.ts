// The use cases: status, plan, apply, boot, verify, recover, history, rebase, doctor. They return data and report events; they
// print nothing. One way in for a change of a home: look, plan, policy, transaction.

import { isDeepStrictEqual } from 'node:util';
import type { Config, Policy } from './config.js';
import { type ErrorCode, errnoOf, ExitCode, PatchError } from './error.js';
import type { EventSink, PatchEvent } from './event.js';
import type { Finding } from './doctor.js';
import { differsFromAppliedNames } from './home/applied-names.js';
import type { Md5, RootedPath } from './home/entry.js';
import { detectLayout, hasCompanion } from './home/find-home.js';
import { type Inventory, sameIdentity, UnknownContent } from './home/inventory.js';
import { absolute, display, type Layout, type LayoutName } from './home/layout.js';
import { isTouchedSince, sinceOf } from './home/look-at-health.js';
import { type Exclusion, stateEntry } from './home/observe.js';
import type { Pack } from './home/pack.js';
import { sweepZips } from './home/zip-cache.js';
import { type Look, Looker, type LookerDoors } from './patcher/looker.js';
import { RunLog } from './patcher/run-log.js';
import {
  APPLYING,
  appliedLines,
  CHANGES_DETECTED,
  CHECKING,
  VERIFICATION_DONE,
  VERIFICATION_STARTED,
} from './plan/carbon-lines.js';
import { countWork, forecastMs } from './plan/forecast.js';
import type { Ledger } from './plan/ledger.js';
import {
  asWarning,
  hasError,
  isAsBefore,
  isEmpty,
  problemError,
  judgePlan,
  verificationProblems,
  withoutErrors,
} from './plan/judge-plan.js';
import { makePlan } from './plan/make-plan.js';
import type { Observation } from './plan/observation.js';
import { type Operation, stagedBytes } from './plan/operation.js';
import { describePacks, type PackFacts } from './plan/pack-facts.js';
import type { Plan } from './plan/plan.js';
import { describeProbation, type HealthCheck, type Probation, type ProbationFacts } from './plan/probation.js';
import { writeText } from './plan/write-text.js';
import { type Problem, problemOf } from './problem.js';
import { type History, type HistoryRecord, readHistory, recentHistory } from './state/history.js';
import { formatLedger, readLedger } from './state/ledger-file.js';
import { transactionId } from './system/transaction-id.js';
import type { FileStat } from './system/files.js';
import type { Commands } from './system/run-command.js';
import { type AheadReport, countAhead, stageAhead } from './transaction/ahead.js';
import { toPatchError } from './transaction/to-patch-error.js';
import { guardChanges } from './transaction/guard-changes.js';
import { findOwner, hasDeadLocks, Lock, waitForOthers } from './transaction/lock.js';
import { examineInterruption, isInterrupted, type Recovery, recover } from './transaction/recover.js';
import { findRemnants, sweepRemnants } from './transaction/sweep-remnants.js';
import { type ActionsRequest, runTransaction, type TransactionContext } from './transaction/transaction.js';

export interface PatcherDoors extends LookerDoors {
  /** Awaited as soon as the home is locked and before it changes: what only work needs is loaded here. */
  readonly prepare?: () => Promise<void>;
  /** How the commands of packs are run; absent: as processes. */
  readonly commands?: Commands;
}

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

/** How long one attempt may take of what a server has to show that it is healthy. */
const URL_LIMIT_MS = 5_000;
const COMMAND_LIMIT_MS = 60_000;

/** What a look may end with only because something moved under it. */
const MOVING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['PACK_CHANGED', 'HOME_CHANGED', 'UNREADABLE']);
const LOOKS = 3;

export class Patcher {
  readonly #doors: PatcherDoors;
  readonly #config: Config;
  readonly #layout: Layout;
  readonly #looker: Looker;
  readonly #log: RunLog;
  #transaction: string | undefined;

  /** @throws PatchError NO_HOME, NOT_A_DIRECTORY */
  constructor(home: string, config: Config, doors: PatcherDoors) {
    this.#doors = doors;
    this.#config = config;
    this.#layout = detectLayout(doors.files, home, config);
    const companion = hasCompanion(doors.files, this.#layout, config);
    // Carbon's own patcher has one order, and the last writer must be the same for both.
    const rules = { order: companion ? ('lexicographic' as const) : config.order, companion };
    this.#looker = new Looker(this.#layout, rules, config, doors);
    this.#log = new RunLog(this.#layout, doors.emit);
  }

  get layout(): Layout {
    return this.#layout;
  }

  // --- reading

  async status(): Promise<Status> {
    const { files } = this.#doors;
    const base = {
      home: this.#layout.home,
      layout: this.#layout.name,
      companion: this.#looker.rules.companion,
      lockedBy: findOwner(files, this.#layout) ?? null,
    };
    const last = recentHistory(files, this.#layout).at(-1);
    const lastTransaction =
      last === undefined
        ? null
        : { id: last.transaction, outcome: last.outcome, at: new Date(last.recordedMs).toISOString() };
    if (this.#isLeftInterrupted()) {
      const problem = this.#interruptedProblem();
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
    const { observation, inventory } = await this.#lookAgain(
      () => this.#looker.look([], false),
      () => this.#waitForOthers(),
    );
    const plan = this.#looker.plan(observation);
    this.#looker.saveCache(inventory);
    const ledger = observation.ledger;
    const unknown = Object.entries(ledger?.base ?? {})
      .filter(([, entry]) => entry.kind === 'unknown')
      .map(([path]) => display(this.#layout, path as RootedPath));
    const probation = this.#describeProbation(observation.health?.probation);
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
    await this.#waitForOthers();
    if (this.#isLeftInterrupted()) {
      const problem = this.#interruptedProblem();
      return {
        home: this.#layout.home,
        layout: this.#layout.name,
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
    const { observation, inventory } = await this.#lookBeside(() => this.#looker.look([], false));
    this.#looker.saveCache(inventory);
    const plan = this.#looker.plan(observation);
    return { ...toReport(observation, plan), forecastMs: this.#forecast(plan) };
  }

  #forecast(plan: Plan): number | null {
    const { files } = this.#doors;
    const work = countWork(plan.operations);
    if (work.changedFiles === 0) return null;
    const stagedBytes = work.stagedBytes - countAhead(files, this.#layout, plan.operations);
    return forecastMs(recentHistory(files, this.#layout), { ...work, stagedBytes });
  }

  /**
   * Looks and plans as a start would, and copies ahead what it will have to copy. Takes no lock, changes nothing but our own
   * folders `ahead` and `cache`; goes on only while `mayGoOn`, and while no start runs.
   */
  async stageAhead(mayGoOn: () => boolean): Promise<{ readonly plan: PlanReport; readonly ahead: AheadReport | null }> {
    const { files, bulk } = this.#doors;
    if (isInterrupted(files, this.#layout)) return { plan: await this.plan(), ahead: null };
    const { observation, inventory } = await this.#looker.look([], false);
    const plan = this.#looker.plan(observation);
    this.#looker.saveCache(inventory);
    const isRefused = plan.problems.some((problem) => problem.severity === 'error');
    const wanted = isRefused && this.#config.policy === 'degraded' ? (await this.#lookByPolicy('degraded')).plan : plan;
    if (isRefused && wanted === plan) return { plan: toReport(observation, plan), ahead: null };
    const isFree = () => mayGoOn() && findOwner(files, this.#layout) === undefined;
    const ahead = await stageAhead({ files, bulk, layout: this.#layout }, wanted.operations, isFree);
    return { plan: toReport(observation, plan), ahead };
  }

  history(id?: string): History {
    const history = readHistory(this.#doors.files, this.#layout);
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
  async start(policy: Policy, reason: string, waitMs: number, startsServer = false): Promise<RunResult> {
    this.#looker.gate = startsServer ? 'server' : 'look';
    this.#looker.isStrict = policy === 'strict';
    const result = await this.#startOnce(policy, reason, waitMs);
    for (const { packs, checks } of result.probation) {
      const what = checks.map((check) => `${check.kind} ${check.what}`).join(', ');
      this.#log.line('info', `${packs.join(', ')} on probation: the server has to show that it is healthy (${what})`);
    }
    const [unhealthy] = result.problems.filter((problem) => problem.code === 'QUARANTINED');
    if (unhealthy !== undefined && policy === 'strict') throw new PatchError('UNHEALTHY', unhealthy.message);
    return result;
  }

  async #startOnce(policy: Policy, reason: string, waitMs: number): Promise<RunResult> {
    const { files } = this.#doors;
    let recovered: string | null = null;
    if (isInterrupted(files, this.#layout)) recovered = await this.#recoverLocked(waitMs);
    this.#log.line('info', CHECKING);
    const first = await this.#lookFirst(policy, waitMs);
    if (first !== undefined && isEmpty(first.plan) && first.failure === undefined && !this.#isLocked()) {
      this.#looker.saveCache(first.look.inventory);
      return this.#nothing(first, recovered);
    }
    try {
      return await this.#withLock(waitMs, async (lock) => {
        if (isInterrupted(files, this.#layout)) recovered = await this.#recoverNow(lock);
        return this.#startLocked(policy, reason, lock, recovered);
      });
    } catch (error) {
      return await this.#keepUnwritable(policy, error, recovered);
    }
  }

  #nothing(run: Run, recovered: string | null): RunResult {
    this.#log.problems(run.plan);
    this.#log.nothing(run.plan);
    return this.#result('nothing', run, null, recovered);
  }

  /** The look that needs no lock; undefined where there is work for sure, or something to read: the locked look finds out. */
  async #lookFirst(policy: Policy, waitMs: number): Promise<Run | undefined> {
    if (differsFromAppliedNames(this.#doors.files, this.#layout, this.#looker.rules)) return undefined;
    this.#looker.mayRead = false;
    try {
      return await this.#lookUnlocked(policy, waitMs);
    } catch (error) {
      if (error instanceof UnknownContent) return undefined;
      throw error;
    } finally {
      this.#looker.mayRead = true;
    }
  }

  #isLocked(): boolean {
    return findOwner(this.#doors.files, this.#layout) !== undefined;
  }

  /** Looks without the lock: what another run has changed meanwhile is looked at again when that run has ended. */
  #lookUnlocked(policy: Policy, waitMs: number): Promise<Run> {
    return this.#lookAgain(
      () => this.#lookByPolicy(policy),
      async () => {
        if (this.#isLocked()) await this.#withLock(waitMs, () => Promise.resolve());
      },
    );
  }

  /** Looks a few times, where something moves under the look. */
  async #lookAgain<T>(look: () => Promise<T>, wait?: () => Promise<unknown>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await look();
      } catch (error) {
        if (tries === LOOKS || !(error instanceof PatchError) || !MOVING.has(error.code)) throw error;
        await wait?.();
      }
    }
  }

  /** A look that takes no lock, and must not see what another run has done in part: it begins and ends where none works. */
  async #lookBeside<T>(look: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      await this.#waitForOthers();
      const seen = await this.#lookAgain(look, () => this.#waitForOthers());
      if (tries === LOOKS || !this.#isLocked()) return seen;
    }
  }

  #waitForOthers(): Promise<boolean> {
    return waitForOthers(this.#doors.files, this.#layout, this.#config.waitSeconds * 1000);
  }

  /** A journal is there, and nobody works with it: one that has gone meanwhile was that of a run that has ended. */
  #isLeftInterrupted(): boolean {
    const { files } = this.#doors;
    return isInterrupted(files, this.#layout) && !this.#isLocked() && isInterrupted(files, this.#layout);
  }

  /** A home that cannot even be locked has not been touched: where the policy is not strict, it stays as it was found. */
  async #keepUnwritable(policy: Policy, error: unknown, recovered: string | null): Promise<RunResult> {
    const { files } = this.#doors;
    const isUnwritable = error instanceof PatchError && (error.code === 'UNWRITABLE' || error.code === 'NO_SPACE');
    if (!isUnwritable || policy === 'strict' || this.#looker.rules.companion || isInterrupted(files, this.#layout))
      throw error;
    const run = await this.#lookUnlocked(policy, 0);
    if (run.plan.drifted.length > 0) throw error;
    if (isEmpty(run.plan) && run.failure === undefined) {
      return this.#nothing(run, recovered);
    }
    this.#log.kept(error);
    return this.#result('kept', { ...run, plan: { ...run.plan, changes: [] }, failure: error }, null, recovered);
  }

  /**
   * One round over what is on probation: asks the server, and records what it has passed. Takes the lock only for that, and does
   * nothing while another run has it. `signal` says that the server has ended, or that nobody asks any more: nothing is recorded
   * then, for what has passed says nothing of a server that is gone.
   */
  async checkHealth(
    signal?: AbortSignal,
  ): Promise<{ readonly passed: readonly string[]; readonly waiting: readonly ProbationFacts[] }> {
    const { files, now } = this.#doors;
    const ledger = readLedger(files, this.#layout);
    const waiting = () => this.#describeProbation(readLedger(files, this.#layout)?.probation);
    if (ledger?.probation === undefined || this.#isLocked() || isInterrupted(files, this.#layout))
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
    const { files } = this.#doors;
    const isPassed = (check: HealthCheck) => passed.some((one) => isDeepStrictEqual(one, check));
    const record = async (lock: Lock) => {
      if (signal?.aborted === true) return false;
      const latest = readLedger(files, this.#layout);
      if (latest?.probation === undefined || isInterrupted(files, this.#layout)) return true;
      const left = latest.probation
        .map((one) => ({ ...one, checks: one.checks.filter((check) => !isPassed(check)) }))
        .filter(({ checks }) => checks.length > 0);
      const { probation: _, ...rest } = latest;
      await this.#record(left.length === 0 ? rest : { ...rest, probation: left }, 'healthy', lock);
      for (const check of passed) this.#log.passed(check);
      return true;
    };
    try {
      return await this.#withLock(this.#config.waitSeconds * 1000, record, signal);
    } catch (error) {
      if (signal?.aborted === true && error instanceof PatchError && error.code === 'LOCKED') return false;
      throw error;
    }
  }

  async #passes(check: HealthCheck, sinceMs: number, leftMs: number, signal?: AbortSignal): Promise<boolean> {
    const { health, pack } = check;
    switch (health.kind) {
      case 'file':
        return isTouchedSince(this.#doors.files, this.#layout, check, sinceMs);
      case 'url':
        return (await import('./system/answers-well.js')).answersWell(
          health.url,
          Math.min(leftMs, URL_LIMIT_MS),
          signal,
        );
      case 'command': {
        if (!this.#config.allowCommands) return false;
        const { runHealthCommand } = await import('./transaction/actions/run-health-command.js');
        return runHealthCommand(this.#context(), pack, health, Math.min(leftMs, COMMAND_LIMIT_MS), signal);
      }
    }
  }

  /** A transaction that changes nothing but our own record. */
  async #record(ledger: Ledger, reason: string, lock: Lock): Promise<void> {
    const transaction = this.#newTransaction();
    const next = { ...ledger, sequence: ledger.sequence + 1, transaction };
    await runTransaction(this.#context(), {
      transaction,
      reason,
      startedMs: this.#doors.now(),
      operations: [this.#ledgerOperation(next, false)],
      summary: { apply: [], revert: [], update: [], paths: [] },
      lock,
    });
  }

  /** Finishes or undoes an interrupted transaction; nothing else. */
  async recover(waitMs: number): Promise<Recovery> {
    const { files } = this.#doors;
    if (!isInterrupted(files, this.#layout)) {
      await this.#sweepRemnants();
      return { action: 'nothing', transaction: undefined };
    }
    return this.#lockToRecover(waitMs, (lock) => this.#recoverOrStop(lock));
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
    const { files } = this.#doors;
    this.#looker.gate = 'ignore';
    await this.#waitForOthers();
    if (options.repair ? isInterrupted(files, this.#layout) : this.#isLeftInterrupted()) {
      if (!options.repair)
        return {
          home: this.#layout.home,
          ok: false,
          deep: options.deep,
          checkedFiles: 0,
          readBytes: 0,
          problems: [this.#interruptedProblem()],
          repaired: false,
        };
      await this.#recoverLocked(options.waitMs);
    }
    let look = await this.#lookBeside(() => this.#looker.lookAtLedger(options.deep));
    // Without a repair, the problems say what a start would do.
    const planOf = ({ observation }: Look) =>
      this.#looker.plan(observation, options.repair ? 'repair' : this.#config.drift);
    let plan = planOf(look);
    let repaired = false;
    // Without a record nothing is proven to be wrong: what to make of the packs is for a start to say.
    if (options.repair && look.observation.ledger !== undefined && plan.operations.length > 0) {
      await this.#withLock(options.waitMs, async (lock) => {
        if (isInterrupted(files, this.#layout)) await this.#recoverNow(lock);
        // Another run may have changed the home before the lock was had.
        look = await this.#lookAgain(() => this.#looker.lookAtLedger(options.deep));
        plan = planOf(look);
        this.#refuseErrors(plan);
        if (plan.operations.length === 0) return;
        await this.#execute(plan, 'verify --repair', lock, look.inventory);
        repaired = true;
      });
    }
    const problems = verificationProblems(plan);
    this.#looker.saveCache(look.inventory);
    const checkedFiles = [...look.observation.plugins.values()].filter((plugin) => plugin.kind === 'file').length;
    return {
      home: this.#layout.home,
      ok: problems.every((problem) => problem.severity === 'info') || repaired,
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
    return this.#withLock(waitMs, async (lock) => {
      if (isInterrupted(this.#doors.files, this.#layout)) await this.#recoverNow(lock);
      const before = await this.#looker.look([], true);
      const changed = this.#looker
        .plan(before.observation)
        .problems.filter((problem) => problem.code === 'BASE_CHANGED' || problem.code === 'ORPHAN');
      if (before.observation.ledger === undefined || changed.length === 0) return { transaction: null, problems: [] };
      const look = await this.#looker.lookAtLedger(true);
      const plan = makePlan(look.observation, {
        drift: 'report',
        transaction: this.#newTransaction(),
        rebase: true,
      });
      this.#refuseErrors(plan);
      await this.#execute(plan, 'rebase', lock, look.inventory);
      for (const problem of changed) this.#log.line('info', `Taken for the base: ${problem.path ?? ''}`);
      return { transaction: this.#transaction ?? null, problems: changed };
    });
  }

  /**
   * Examines a home, whoever patched it before; `fix` rebuilds what can be proven. Reads every file.
   * @throws PatchError LOCKED, ROLLBACK_FAILED; with `fix`, as `start` does
   */
  async doctor(options: { readonly fix: boolean; readonly waitMs: number }): Promise<DoctorReport> {
    this.#looker.gate = 'ignore';
    const { Doctor } = await import('./doctor.js');
    const examine = (files = this.#doors.files) =>
      new Doctor(this.#layout, files, {
        look: async (record) => {
          const { observation } = await this.#looker.look([], true, record);
          return { observation, plan: this.#looker.plan(observation) };
        },
        isInterrupted: () => isInterrupted(this.#doors.files, this.#layout),
      });
    if (!options.fix) return { home: this.#layout.home, findings: await examine().findings(), fixed: [] };
    return this.#withLock(options.waitMs, async (lock) => {
      const context = this.#lockedContext(lock);
      const fixed = await examine(context.files).repairState(context, this.#newTransaction());
      const look = await this.#looker.look([], true);
      const plan = this.#looker.plan(look.observation);
      const edited = plan.problems.filter((problem) => problem.code === 'LEDGER_EDITED');
      const others = plan.problems.filter(
        (problem) => problem.severity === 'error' && problem.code !== 'LEDGER_EDITED',
      );
      if (edited.length > 0 && others.length === 0) {
        await this.#execute(plan, 'doctor --fix', lock, look.inventory);
        fixed.push(...edited.map((problem) => `${problem.path ?? ''} was written again from the record`));
      }
      for (const line of fixed) this.#log.line('warn', `doctor: ${line}`);
      return { home: this.#layout.home, findings: await examine().findings(), fixed };
    });
  }

  /** @throws PatchError for the errors among a plan's problems */
  #refuseErrors({ problems }: Plan): void {
    const errors = problems.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) throw problemError(errors);
  }

  // --- the steps of a start

  async #startLocked(policy: Policy, reason: string, lock: Lock, recovered: string | null): Promise<RunResult> {
    let run = await this.#lookAgain(() => this.#lookByPolicy(policy));
    for (;;) {
      this.#log.problems(run.plan);
      for (const check of run.look.observation.health?.passed ?? []) this.#log.passed(check);
      if (run.failure !== undefined && policy === 'strict') throw run.failure;
      if (isEmpty(run.plan)) {
        this.#looker.saveCache(run.look.inventory);
        if (run.failure === undefined) this.#log.nothing(run.plan);
        else this.#log.kept(run.failure);
        return this.#result(run.failure === undefined ? 'nothing' : 'kept', run, null, recovered);
      }
      const problem = run.plan.problems.filter((one) => one.severity === 'error');
      if (problem.length > 0) {
        const failure = run.failure ?? problemError(problem);
        this.#log.kept(failure);
        if (!isAsBefore(run.plan)) throw failure;
        return this.#result('kept', { ...run, failure }, null, recovered);
      }
      try {
        await this.#execute(run.plan, reason, lock, run.look.inventory);
        this.#looker.saveCache(run.look.inventory);
        if (run.failure === undefined) await this.#sweepCaches(run.look.observation);
        else this.#log.kept(run.failure);
        return this.#result(run.failure === undefined ? 'changed' : 'kept', run, this.#transaction ?? null, recovered);
      } catch (error) {
        const failure = toPatchError(error, 'working on', this.#layout.home, 'DEPLOY_FAILED');
        if (policy === 'strict' || failure.exitCode > 3) throw failure;
        const culprit = policy === 'degraded' ? this.#packOf(run.look.observation, failure) : undefined;
        if (culprit === undefined) return await this.#keepAfterFailure(run, failure, reason, lock, recovered);
        this.#log.quarantined(culprit.name, failure.message);
        run = await this.#lookByPolicy(policy, [
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
    const lastGood = await this.#lookAtLastGood(run.look);
    // Without a record the home is as it was found.
    if (lastGood === undefined) {
      this.#log.kept(failure);
      return this.#result('kept', { ...run, plan: { ...run.plan, changes: [] }, failure }, null, recovered);
    }
    if (!isAsBefore(lastGood.plan)) throw failure;
    if (this.#looker.rules.companion && lastGood.plan.operations.length > 0) {
      try {
        await this.#execute(lastGood.plan, reason, lock, lastGood.look.inventory);
      } catch (error) {
        const second = toPatchError(error, 'working on', this.#layout.home, 'DEPLOY_FAILED');
        if (second.exitCode > 3) throw second;
        // Carbon’s own patcher would go on to copy what could not be applied: the server must not start.
        throw failure;
      }
    }
    this.#log.kept(failure);
    const plan = { ...lastGood.plan, problems: run.plan.problems };
    return this.#result('kept', { ...run, plan, failure }, null, recovered);
  }

  /**
   * The last good state: that of the record. Without one it is the home as it is found, and a plan only where a companion
   * must not see the packs that are not applied, and nothing else has to be done; undefined where nothing can be done.
   */
  async #lookAtLastGood(look: Look): Promise<{ readonly look: Look; readonly plan: Plan } | undefined> {
    if (look.observation.ledger !== undefined) {
      const lastGood = await this.#looker.lookAtLedger(false);
      return { look: lastGood, plan: this.#looker.plan(lastGood.observation, 'repair') };
    }
    if (!this.#looker.rules.companion) return undefined;
    const claimed = new Set(look.observation.state.names);
    const kept = await this.#looker.lookWithout(look, (pack) => claimed.has(pack.name) && !hasError(pack), false);
    const plan = this.#looker.plan({ ...kept.observation, problems: withoutErrors(kept.observation.problems) });
    const holdsOnly =
      isAsBefore(plan) &&
      plan.apply.length + plan.revert.length + plan.update.length === 0 &&
      withoutErrors(plan.problems).length === plan.problems.length;
    return holdsOnly ? { look: kept, plan } : undefined;
  }

  /** Looks and plans; where the folders hold something that cannot be applied, does what the policy says. */
  async #lookByPolicy(policy: Policy, excluded: readonly Exclusion[] = []): Promise<Run> {
    let left: readonly Exclusion[] = excluded;
    const refusals: Problem[] = [];
    // What changed while it was read is looked at again.
    let tries = 1;
    for (;;) {
      const look = await this.#looker.look(left, false);
      const plan = this.#looker.plan(look.observation);
      const errors = plan.problems.filter((problem) => problem.severity === 'error');
      if (tries < LOOKS && errors.some((problem) => problem.code === 'PACK_CHANGED')) {
        tries += 1;
        continue;
      }
      const withRefusals = { ...plan, problems: [...refusals, ...plan.problems] };
      if (errors.length === 0) return { look, plan: withRefusals, excluded: left, failure: undefined };
      const failure = problemError(errors);
      const broken = look.observation.packs.filter((pack) => errors.some((problem) => problem.pack === pack.name));
      if (policy === 'degraded' && broken.length > 0) {
        refusals.push(
          ...errors
            .filter((problem) => broken.some((pack) => pack.name === problem.pack))
            .map((problem): Problem => ({ ...problem, severity: 'warning' })),
        );
        left = [
          ...left,
          ...broken.map((pack) => ({
            name: pack.name,
            kind: pack.kind,
            reason: errors.find((problem) => problem.pack === pack.name)?.message ?? 'broken',
          })),
        ];
        for (const one of left.slice(-broken.length)) this.#log.quarantined(one.name, one.reason);
        continue;
      }
      const lastGood = policy === 'strict' ? undefined : await this.#lookAtLastGood(look);
      if (lastGood === undefined) {
        // Nothing is done: the home stays as it is found.
        const operations = policy === 'strict' ? withRefusals.operations : [];
        return { look, plan: { ...withRefusals, operations, changes: [], ledger: undefined }, excluded: left, failure };
      }
      return {
        look: lastGood.look,
        plan: {
          ...lastGood.plan,
          problems: [
            ...withRefusals.problems.map(asWarning),
            ...lastGood.plan.problems.filter(
              (problem) => problem.code === 'LEDGER_EDITED' || !plan.problems.includes(problem),
            ),
          ],
        },
        excluded: left,
        failure,
      };
    }
  }

  async #execute(plan: Plan, reason: string, lock: Lock, inventory: Inventory): Promise<void> {
    const quiet = plan.changes.length === 0 && !plan.detected.changed;
    const acts = plan.operations.some((operation) => operation.kind === 'action');
    const operations =
      plan.ledger === undefined
        ? plan.operations
        : [...plan.operations, this.#ledgerOperation(plan.ledger, acts, inventory)];
    const transaction = plan.ledger?.transaction ?? this.#newTransaction();
    this.#transaction = transaction;
    const verified = new Map<string, { readonly stat: FileStat; readonly md5: Md5 }>();
    // First, so that every line about the transaction carries its id.
    this.#doors.emit({ kind: 'transaction', transaction, state: 'begun' });
    if (!quiet) {
      const { apply, revert, update, changes } = plan;
      this.#doors.emit({ kind: 'plan', transaction, apply, revert, update, changes: changes.length });
      this.#log.all(plan.detected.lines);
      this.#log.line('info', CHANGES_DETECTED);
      this.#log.line('info', APPLYING);
    }
    const context = this.#context((event) => {
      if (event.kind !== 'phase' || event.phase !== 'verify' || quiet) return;
      this.#log.all(appliedLines(plan));
      this.#log.line('info', VERIFICATION_STARTED);
    });
    try {
      await runTransaction(context, {
        transaction,
        reason,
        startedMs: this.#doors.now(),
        operations,
        summary: {
          apply: plan.apply,
          revert: plan.revert,
          update: plan.update,
          paths: plan.changes.map((change) => ({ action: change.action, path: change.path })),
        },
        lookMs: this.#looker.takeSpentMs(),
        knownMd5: (path, stat) => inventory.cache.lookup(path, stat)?.md5,
        onVerified: (path, stat, md5) => verified.set(path, { stat, md5 }),
        lock,
        // What actions do changes the record.
        ...(acts ? { actions: this.#actionsRequest(plan) } : { ledger: plan.ledger }),
      });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log.line(
        'error',
        error instanceof PatchError && error.exitCode === 4
          ? `Transaction ${transaction} could not be undone: ${cause}`
          : `Transaction ${transaction} failed, the home is as before: ${cause}`,
      );
      throw error;
    }
    // What was read after it was put in place need not be read at the next start, if nothing has touched it since.
    try {
      for (const [path, { stat, md5 }] of verified) {
        const now = this.#doors.files.stat(path);
        if (now !== undefined && sameIdentity(now, stat)) inventory.cache.record(path, now, { md5 });
      }
    } catch (error) {
      // It is committed, and nothing depends on the cache.
      if (errnoOf(error) === undefined) throw error;
    }
    if (quiet) this.#log.nothing(plan);
    else this.#log.line('info', VERIFICATION_DONE);
    this.#doors.emit({ kind: 'transaction', transaction, state: 'committed' });
  }

  /** What a transaction with actions needs; what they did is only known, and recorded, when they are done. */
  #actionsRequest(plan: Plan): ActionsRequest {
    const { ledger, operations } = plan;
    const doing = new Set(
      operations.flatMap((one) => (one.kind === 'action' && one.direction === 'do' ? [one.pack] : [])),
    );
    return {
      doors: { environment: process.env, platform: process.platform, arch: process.arch },
      covered: Object.keys(ledger?.base ?? {}) as RootedPath[],
      finish: (done) => {
        if (ledger === undefined) return '';
        const packs = ledger.packs.map((pack) =>
          pack.actions === undefined || !doing.has(pack.name)
            ? pack
            : { ...pack, actions: { ...pack.actions, done: done.get(pack.name) ?? [] } },
        );
        return formatLedger({ ...ledger, packs });
      },
    };
  }

  #ledgerOperation(ledger: Ledger, isLate: boolean, inventory?: Inventory): Operation {
    const before = stateEntry(this.#doors.files, inventory, this.#layout.ledger);
    const write = writeText('state:ledger.json' as RootedPath, before, formatLedger(ledger));
    return isLate && write.kind === 'write' ? { ...write, source: { kind: 'late' } } : write;
  }

  #describeProbation(probation: readonly Probation[] | undefined): readonly ProbationFacts[] {
    return (probation ?? []).map((one) => describeProbation(one, this.#doors.now()));
  }

  #newTransaction(): string {
    return transactionId(this.#doors.now());
  }

  #packOf(observation: Observation, failure: PatchError): Pack | undefined {
    const path = failure.path;
    if (path === undefined) return undefined;
    return observation.packs.find((pack) =>
      [pack.folder, pack.root ?? pack.folder].some((folder) =>
        `${path}/`.startsWith(`${absolute(this.#layout, folder)}/`),
      ),
    );
  }

  /** What zips were unpacked to, and what deltas have made, for packs that are not there any more. */
  async #sweepCaches({ zipsInUse, deltas }: Observation): Promise<void> {
    const { files } = this.#doors;
    try {
      sweepZips(files, this.#layout, new Set(zipsInUse));
      if (files.stat(this.#layout.deltas) === undefined) return;
      const { sweepDeltas } = await import('./home/deltas.js');
      sweepDeltas(files, this.#layout, new Set(deltas?.keys()));
    } catch (error) {
      // The next start that changes something sweeps it.
      if (errnoOf(error) === undefined) throw error;
    }
  }

  // --- locks and recovery

  async #withLock<T>(waitMs: number, work: (lock: Lock) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const say = (owner: string) => this.#log.line('info', `Waiting for ${owner}, which works on this home`);
    const lock = await Lock.take(this.#doors.files, this.#layout, waitMs, say, signal);
    try {
      await this.#doors.prepare?.();
      return await work(lock);
    } finally {
      lock.release();
    }
  }

  /** What killed runs have left beside transactions, where nobody else works on the home. */
  async #sweepRemnants(): Promise<void> {
    const { files } = this.#doors;
    if (findRemnants(files, this.#layout).length === 0 && !hasDeadLocks(files, this.#layout)) return;
    try {
      await this.#withLock(0, () => {
        sweepRemnants(files, this.#layout);
        return Promise.resolve();
      });
    } catch (error) {
      // The home is sound; whoever can lock it sweeps it.
      if (!(error instanceof PatchError)) throw error;
    }
  }

  async #recoverLocked(waitMs: number): Promise<string | null> {
    return this.#lockToRecover(waitMs, async (lock) =>
      isInterrupted(this.#doors.files, this.#layout) ? this.#recoverNow(lock) : null,
    );
  }

  /** A lock that cannot be had, other than because another run has it, leaves the home between two states too. */
  async #lockToRecover<T>(waitMs: number, work: (lock: Lock) => Promise<T>): Promise<T> {
    try {
      return await this.#withLock(waitMs, work);
    } catch (error) {
      if (!(error instanceof PatchError) || error.exitCode >= ExitCode.attention) throw error;
      throw new PatchError('ROLLBACK_FAILED', `an interrupted transaction waits to be undone: ${error.message}`, {
        path: error.path ?? this.#layout.home,
        cause: error,
      });
    }
  }

  async #recoverNow(lock: Lock): Promise<string | null> {
    return (await this.#recoverOrStop(lock)).transaction ?? null;
  }

  /** @throws PatchError ROLLBACK_FAILED for every refusal of the file system: nothing else may be done before it is resolved */
  async #recoverOrStop(lock: Lock): Promise<Recovery> {
    try {
      const outcome = await recover(this.#lockedContext(lock));
      this.#log.recovered(outcome);
      if (outcome.action === 'complete') this.#looker.completed = outcome.transaction;
      return outcome;
    } catch (error) {
      if (error instanceof PatchError && error.exitCode >= ExitCode.attention) throw error;
      const failure = toPatchError(error, 'recovering', this.#layout.home, 'ROLLBACK_FAILED');
      throw new PatchError(
        'ROLLBACK_FAILED',
        `an interrupted transaction could not be finished or undone: ${failure.message}; every backup is kept`,
        { path: failure.path ?? this.#layout.home, cause: error },
      );
    }
  }

  #interruptedProblem(): Problem {
    const problem = problemOf(examineInterruption(this.#doors.files, this.#layout));
    return problem.path === undefined ? problem : { ...problem, path: display(this.#layout, problem.path) };
  }

  #ledgerNames(): readonly string[] {
    try {
      return (readLedger(this.#doors.files, this.#layout)?.packs ?? []).map((pack) => pack.name);
    } catch {
      return [];
    }
  }

  #context(watch?: (event: PatchEvent) => void): TransactionContext {
    const emit: EventSink = (event) => {
      watch?.(event);
      this.#doors.emit(event);
    };
    const { files, bulk, commands } = this.#doors;
    return { files, bulk, layout: this.#layout, emit, ...(commands === undefined ? {} : { commands }) };
  }

  /** For what changes the home beside transactions, which ask for their lock themselves. */
  #lockedContext(lock: Lock): TransactionContext {
    return guardChanges(this.#context(), () => lock.check());
  }

  /** What waits after a run, by what is on record then. */
  #probationAfter({ plan, look }: Run): readonly ProbationFacts[] {
    if ((plan.ledger ?? look.observation.ledger)?.probation === undefined) return [];
    return this.#describeProbation(readLedger(this.#doors.files, this.#layout)?.probation);
  }

  #result(outcome: RunResult['outcome'], run: Run, transaction: string | null, recovered: string | null): RunResult {
    const { plan, failure, excluded } = run;
    const done = outcome === 'changed';
    return {
      home: this.#layout.home,
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

interface Run {
  readonly look: Look;
  readonly plan: Plan;
  readonly excluded: readonly Exclusion[];
  /** Why the folders cannot be applied as they are. */
  readonly failure: PatchError | undefined;
}

function toReport(observation: Observation, plan: Plan): PlanReport {
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
