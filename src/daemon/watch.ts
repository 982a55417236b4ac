// `prepatch watch`: looks whenever the drop folders change, and at a slow pace besides; says what a start would do and what is
// wrong, and stages ahead what a start will copy. It applies nothing, takes no lock, and does nothing while a start runs.
// Whatever it leaves when it is killed is swept by the next pass or the next start.

import type { Config } from '../config.js';
import { ExitCode } from '../error.js';
import { ignoreEvents } from '../event.js';
import type { Layout } from '../home/layout.js';
import { isUnsettled } from '../home/settle.js';
import { Patcher } from '../patcher.js';
import type { PlanReport } from '../patcher/reports.js';
import type { Problem } from '../problem.js';
import type { Bulk } from '../system/bulk.js';
import type { Files } from '../system/files.js';
import type { AheadReport } from '../transaction/ahead.js';
import { findOwner } from '../transaction/lock.js';
import { toFailure } from './to-failure.js';
import type { WatchEvent } from './watch-event.js';
import { checkHealthOnce, hasTime } from './watch-health.js';
import type { FolderWatch } from './watch-folders.js';
import { writeWatchPage } from './watch-page.js';

export interface WatchUse {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly home: string;
  readonly config: Config;
  /** One pass, then the end. */
  readonly once: boolean;
  readonly signal: AbortSignal;
  readonly say: (event: WatchEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How long a drop must have been left alone where no setting says it. */
const USUAL_SETTLE_SECONDS = 2;
/** A look is not worth more than half of the time. */
const SHORTEST_PAUSE_MS = 50;
const RETRY_MS = 1000;
/** How often a server is asked that has to show that it is healthy. */
const ASK_MS = 1000;

/** Runs until `signal`, or for one pass; returns the exit code. */
export async function watchHome(use: WatchUse): Promise<number> {
  return new Watch(use).run();
}

/** One watch over a home, from its first pass to its last. */
class Watch {
  readonly #use: WatchUse;
  readonly #config: Config;
  #folders: FolderWatch | undefined;
  #wake: (() => void) | undefined;
  #isWoken = false;
  #isPaused = false;
  #said = '';
  /** The failure that was said last, of the looks and of the asking: each may go on while the other goes well. */
  readonly #failures = { look: '', ask: '' };
  #problems: readonly Problem[] = [];
  #ready = '';
  #exitCode: number = ExitCode.done;

  constructor(use: WatchUse) {
    this.#use = use;
    const settleSeconds = use.config.settleSeconds > 0 ? use.config.settleSeconds : USUAL_SETTLE_SECONDS;
    this.#config = { ...use.config, settleSeconds };
  }

  async run(): Promise<number> {
    const { signal, once, say } = this.#use;
    if (once) {
      await this.#pass();
      await this.#askServer();
      return this.#exitCode;
    }
    const { settleSeconds, rescanSeconds } = this.#config;
    say({ event: 'started', settleSeconds, rescanSeconds });
    const stop = () => this.#wakeUp();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        const beganMs = performance.now();
        this.#isWoken = false;
        const untilMs = await this.#pass();
        await this.#sleep(Math.max(SHORTEST_PAUSE_MS, performance.now() - beganMs), false);
        await this.#sleepAndAsk(untilMs);
      }
    } finally {
      signal.removeEventListener('abort', stop);
      await this.#folders?.close();
    }
    say({ event: 'stopped' });
    return ExitCode.done;
  }

  /** One look. Returns the milliseconds after which the next is due, whatever happens. */
  async #pass(): Promise<number> {
    const { files, bulk, home, signal, now, say } = this.#use;
    try {
      const patcher = new Patcher(home, this.#config, { files, bulk, emit: ignoreEvents, now });
      await this.#watchFolders(patcher.layout);
      const owner = findOwner(files, patcher.layout);
      if (owner !== undefined) return this.#pause(owner);
      if (this.#isPaused) say({ event: 'resumed' });
      this.#isPaused = false;
      const { plan, ahead } = await patcher.stageAhead(() => !signal.aborted);
      this.#failures.look = '';
      this.#tell(patcher.layout, plan, ahead);
      if (ahead?.left === 'interrupted') return RETRY_MS;
      const isMoving = ahead?.left === 'changed' || plan.problems.some(isUnsettled);
      const rescanMs = this.#config.rescanSeconds * 1000;
      return isMoving ? Math.min(this.#config.settleSeconds * 1000, rescanMs) : rescanMs;
    } catch (error) {
      this.#fail('look', error);
      // What a start would do is not known any more, so it is said again when it is.
      this.#said = '';
      return Math.min(RETRY_MS * 5, this.#config.rescanSeconds * 1000);
    }
  }

  async #watchFolders(layout: Layout): Promise<void> {
    if (this.#use.once) return;
    if (this.#folders === undefined) {
      const { FolderWatch } = await import('./watch-folders.js');
      this.#folders = new FolderWatch([layout.patches, layout.servicepacks], {
        files: this.#use.files,
        signal: this.#use.signal,
        wake: () => this.#wakeUp(),
        complain: (message) => this.#use.say({ event: 'blind', message }),
      });
    }
    await this.#folders.refresh();
  }

  #pause(owner: string): number {
    if (!this.#isPaused) this.#use.say({ event: 'paused', owner });
    this.#isPaused = true;
    this.#exitCode = ExitCode.locked;
    return RETRY_MS;
  }

  /** Says what is another than the last time. */
  #tell(layout: Layout, plan: PlanReport, ahead: AheadReport | null): void {
    const { apply, revert, update, problems } = plan;
    const isRefused = problems.some((problem) => problem.severity === 'error');
    this.#exitCode = isRefused ? ExitCode.refused : ExitCode.done;
    const summary = { apply, revert, update, changes: plan.changes.length, problems };
    const said = JSON.stringify([summary, plan.changes.map((change) => [change.path, change.after])]);
    if (said !== this.#said) {
      const known = new Set(this.#problems.map((problem) => JSON.stringify(problem)));
      const fresh = problems.filter((problem) => !known.has(JSON.stringify(problem)));
      // At the first look, an idle home has no news, and the page of its last start stays.
      const isIdle = plan.operations === 0 && problems.length === 0;
      if (this.#said !== '' || !isIdle) writeWatchPage(this.#use.files, layout, plan, this.#use.now());
      this.#use.say({ event: 'checked', ...summary, fresh });
    }
    this.#said = said;
    this.#problems = problems;
    if (ahead === null) return;
    const ready = JSON.stringify([ahead.readyItems, ahead.readyBytes, ahead.totalItems, ahead.totalBytes, ahead.left]);
    const isNews = ahead.copiedItems > 0 || (ready !== this.#ready && ahead.totalItems > 0);
    if (isNews) this.#use.say({ event: 'staged', ...ahead });
    this.#ready = ready;
  }

  #fail(what: 'look' | 'ask', error: unknown): void {
    const failure = toFailure(error, this.#use.home);
    if (failure === undefined) throw error;
    this.#exitCode = failure.exitCode;
    if (!Object.values(this.#failures).includes(failure.message)) {
      const { code, message, hint } = failure;
      this.#use.say({ event: 'failed', code, message, hint });
    }
    this.#failures[what] = failure.message;
  }

  /** Asks a server that has to show that it is healthy. Returns whether it is to be asked again. */
  async #askServer(): Promise<boolean> {
    const { files, home, config, signal, say } = this.#use;
    try {
      const complain = (message: string) => {
        say({
          event: 'failed',
          code: 'UNWRITABLE',
          message,
          hint: 'Give the user that runs prepatch the right to write it.',
        });
      };
      const { passed, waiting } = await checkHealthOnce({ files, home, config, complain }, signal);
      this.#failures.ask = '';
      if (passed.length > 0) say({ event: 'healthy', packs: passed });
      return waiting.some(hasTime);
    } catch (error) {
      this.#fail('ask', error);
      return true;
    }
  }

  /** Sleeps for so long, or until there is a change; while something is on probation, the server is asked meanwhile. */
  async #sleepAndAsk(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    while (!this.#use.signal.aborted && !this.#isWoken && performance.now() < untilMs) {
      const leftMs = untilMs - performance.now();
      const asksAgain = await this.#askServer();
      await this.#sleep(asksAgain ? Math.min(ASK_MS, leftMs) : leftMs, true);
    }
  }

  #wakeUp(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Sleeps for so long, until the end, or, where it `listens`, until there is a change. */
  async #sleep(ms: number, listens: boolean): Promise<void> {
    if (this.#use.signal.aborted || (listens && this.#isWoken)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        if (!listens && !this.#use.signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
