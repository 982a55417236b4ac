/// <reference types="node" preserve="true" />
// The library: the use cases of prepatch as promises over one home, with its events. It logs to the home's log files as the
// command line does, and prints nothing.

import { type Config, type Policy, resolveConfig } from './config.js';
import { ExitCode, PatchError } from './error.js';
import type { EventSink, PatchEvent } from './event.js';
import { EventStream } from './daemon/event-stream.js';
import { readSettings } from './daemon/read-settings.js';
import { useHome } from './daemon/use-home.js';
import { findHome } from './home/find-home.js';
import type { Patcher } from './patcher.js';
import type { PlanReport, RunResult, Status, VerifyResult } from './patcher/reports.js';
import type { ProbationFacts } from './plan/probation.js';
import type { History } from './state/history.js';
import { RealFiles } from './system/real-files.js';
import type { Recovery } from './transaction/recover.js';

export { ExitCode, PatchError };
export type { ErrorCode, PatchErrorDetails } from './error.js';
export type { Config, DriftRule, Policy, SettingKey } from './config.js';
export type { EventSink, LogLevel, PatchEvent, Phase, Severity, TransactionState } from './event.js';
export type { NoticeCode, Problem, ProblemCode } from './problem.js';
export type { HomeState, PlanReport, RunResult, Status, VerifyResult } from './patcher/reports.js';
export type { ActionFacts, ActionWish, HealthFacts, PackFacts, PackState } from './plan/pack-facts.js';
export type { Change, ChangeAction } from './plan/plan.js';
export type { ProbationFacts } from './plan/probation.js';
export type { DirectoryEntry, Entry, FileEntry, ForeignEntry, ObservedEntry } from './home/entry.js';
export type { LayoutName } from './home/layout.js';
export type { History, HistoryEntry, HistoryRecord } from './state/history.js';
export type { Recovery } from './transaction/recover.js';

export interface OpenOptions {
  /** Settings over those of `prepatch.yaml` and the environment. */
  readonly settings?: Partial<Config>;
  /** Where `PREPATCH_…` and `CARBON_REPOSITORY` are read from; `process.env` unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Told what is no error and has to be said, such as a log that cannot be written, or a listener that throws; `process.emitWarning` unless given. */
  readonly complain?: (message: string) => void;
}

export interface RunOptions {
  /** What to do where packs cannot be applied; the home's setting unless given. */
  readonly policy?: Policy;
  /** Why, for the history. */
  readonly reason?: string;
}

export interface VerifyOptions {
  /** Reads every file, whatever is known of it. */
  readonly deep?: boolean;
  /** Puts back what can be proven. */
  readonly repair?: boolean;
}

/** A server's directory. Each call is one run of its own: it looks anew, and locks the home only to change it. */
export interface Home {
  /** Absolute, without links. */
  readonly path: string;
  /** The effective settings when the home was opened. */
  readonly config: Config;
  /** What is applied, what is pending, in which state the home is. Changes nothing. @throws PatchError */
  status(): Promise<Status>;
  /** What a start would do, and why. Changes nothing. @throws PatchError */
  plan(): Promise<PlanReport>;
  /**
   * Brings the home to what its folders say, as one transaction. `failure` of the result says why it was kept as it was.
   * @throws PatchError under `strict`, and where the state of the home is not certain (its `exitCode` is 4 or 5)
   */
  apply(options?: RunOptions): Promise<RunResult>;
  /**
   * The same at the start of a server: where it returns, the server may start.
   * @throws PatchError where the server must not start; its `exitCode` is the one to end with
   */
  boot(options?: RunOptions): Promise<RunResult>;
  /**
   * Asks the server once about what is on probation, and records what it has passed: call it from time to time while a server runs.
   * @throws PatchError
   */
  checkHealth(): Promise<{ readonly passed: readonly string[]; readonly waiting: readonly ProbationFacts[] }>;
  /** Compares every path with what it should be. @throws PatchError */
  verify(options?: VerifyOptions): Promise<VerifyResult>;
  /** Finishes or undoes an interrupted transaction; nothing else. @throws PatchError ROLLBACK_FAILED, JOURNAL_DAMAGED */
  recover(): Promise<Recovery>;
  /** Every transaction, or those whose id begins with `id`. @throws PatchError BAD_USAGE for an id that none has */
  history(id?: string): Promise<History>;
  /** Calls a listener with every event of this object's runs from now on. What it throws stops no run. Returns what ends that. */
  on(listener: EventSink): () => void;
  /** The same as something to iterate over, until the loop is left or the signal is given. */
  events(signal?: AbortSignal): AsyncIterableIterator<PatchEvent>;
}

/**
 * Opens a home: `const home = await openHome('/opt/server'); console.log((await home.status()).state)`.
 * @param path the server's directory; relative paths are resolved against the current folder
 * @throws PatchError NO_HOME, NOT_A_DIRECTORY, CONFIG_INVALID
 */
export async function openHome(path: string, options: OpenOptions = {}): Promise<Home> {
  const files = new RealFiles();
  const home = findHome(files, { given: path, carbonHome: undefined, currentFolder: process.cwd() });
  const { config } = await readSettings(files, home, {
    environment: options.environment ?? process.env,
    given: { name: 'openHome', values: { ...options.settings } },
  });
  const complain = options.complain ?? ((message: string) => process.emitWarning(message, 'PrepatchWarning'));
  const stream = new EventStream(complain);
  const run = <T>(isLogged: boolean, work: (patcher: Patcher) => Promise<T>, policy: Policy = config.policy) =>
    useHome({ files, home, config: { ...config, policy }, isLogged, listen: stream.emit, complain }, work);
  const start = async (reason: string, startsServer: boolean, given: RunOptions = {}) => {
    // A program in JavaScript may give anything, and a policy that is misspelt must not become another one.
    const { policy } = resolveConfig([{ name: 'options', values: { policy: given.policy ?? config.policy } }]).config;
    return run(true, (patcher) => patcher.start(policy, given.reason ?? reason, waitMs, startsServer), policy);
  };
  const waitMs = config.waitSeconds * 1000;
  // A path that is no home is said here and not at the first use.
  await run(false, async (patcher) => patcher.layout);
  return {
    path: home,
    config,
    status: () => run(false, (patcher) => patcher.status()),
    plan: () => run(false, (patcher) => patcher.plan()),
    apply: (given) => start('apply', false, given),
    boot: (given) => start('start', true, given),
    checkHealth: () => run(true, (patcher) => patcher.checkHealth()),
    verify: (given = {}) =>
      run(true, (patcher) => patcher.verify({ deep: given.deep ?? false, repair: given.repair ?? false, waitMs })),
    recover: () => run(true, (patcher) => patcher.recover(waitMs)),
    history: (id) => run(false, async (patcher) => patcher.history(id)),
    on: (listener) => stream.on(listener),
    events: (signal) => stream.read(signal),
  };
}
