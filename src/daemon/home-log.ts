// The logs of a home: patches.log, the levels, the steps, the status page. Lines are written at once and whole, so none is lost
// at exit or kill; a log that cannot be written is said once and stops nothing. Details are kept only of runs that do
// something or have something wrong; for work, lines go through winston, with the same bytes.

import { join } from 'node:path';
import type { EventSink, PatchEvent, Phase } from '../event.js';
import type { Layout } from '../home/layout.js';
import { detailLogsOf, LOG_LEVELS, levelLog, STORY_LOG, textOf } from '../report/log-route.js';
import { LINES_SHOWN } from '../report/page-model.js';
import { formatTimedLine, type TimedLine } from '../report/timed-line.js';
import type { Files } from '../system/files.js';
import { LogFile } from '../system/log-file.js';
import { StatusPageFile } from './status-page-file.js';
import { openWorkLogger, type WorkLogger } from './work-logger.js';

export interface HomeLogDoors {
  readonly files: Files;
  readonly now: () => number;
  /** Called once, where the first log cannot be written. */
  readonly complain: (message: string) => void;
}

/** How a run ended, for the page. */
export interface RunEnd {
  readonly failed: boolean;
  readonly quarantined: readonly string[];
}

/** Lines before a run is known to matter; a run says less than this until then. */
const WAITING_LINES = 1000;

export class HomeLog {
  readonly #layout: Layout;
  readonly #doors: HomeLogDoors;
  readonly #logs = new Map<string, LogFile>();
  readonly #startedMs: number;
  #waiting: TimedLine[] | undefined = [];
  #events: PatchEvent[] | undefined = [];
  /** Lines that are written together with the one that ends them. */
  #burst: string[] = [];
  #logger = 'prepatch';
  #step: Phase = 'look';
  #work: WorkLogger | undefined;
  #page: StatusPageFile | undefined;
  #complained = false;

  constructor(layout: Layout, doors: HomeLogDoors) {
    this.#layout = layout;
    this.#doors = doors;
    this.#startedMs = doors.now();
  }

  readonly write: EventSink = (event) => {
    if (event.kind === 'log' && event.more === true && this.#work !== undefined) {
      this.#burst.push(event.body);
      return;
    }
    const timeMs = this.#doors.now();
    if (event.kind === 'phase') this.#step = event.phase;
    const transaction = event.kind === 'phase' || event.kind === 'transaction' ? event.transaction : undefined;
    if (transaction !== undefined) this.#logger = `prepatch.${transaction}`;
    if (event.kind !== 'progress') this.#events?.push(event);
    const text = textOf(event);
    if (text !== undefined) {
      if (event.kind === 'log')
        for (const body of this.#burst.slice(-LINES_SHOWN)) this.#page?.advance({ ...event, body });
      this.#line({ ...text, timeMs, logger: this.#logger, step: this.#step });
    }
    this.#page?.advance(event);
  };

  /** Loads what logs and shows work; from here on lines go through winston. */
  async prepare(): Promise<void> {
    if (this.#work !== undefined) return;
    this.#detail();
    this.#work = await openWorkLogger((log, line) => this.#append(log, line));
    this.#page = new StatusPageFile(this.#layout, this.#startedMs, this.#doors, (message) => this.#complain(message));
    for (const event of this.#events ?? []) this.#page.advance(event);
    this.#events = undefined;
  }

  close(end: RunEnd): void {
    this.#page?.end(end);
    this.#work?.close();
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
  }

  #line(line: TimedLine): void {
    if (this.#work !== undefined) {
      this.#work.write(line, formatTimedLine(line, this.#burst));
      this.#burst = [];
      return;
    }
    const text = formatTimedLine(line);
    if (line.isStory) this.#append(STORY_LOG, text);
    if (line.level !== 'info') this.#detail();
    if (this.#waiting === undefined) for (const log of detailLogsOf(line)) this.#append(log, text);
    else if (this.#waiting.length < WAITING_LINES) this.#waiting.push(line);
  }

  /** From here on details are kept, with those from before. */
  #detail(): void {
    if (this.#waiting === undefined) return;
    const lines = this.#waiting;
    this.#waiting = undefined;
    // There from the first run that matters, so that an empty level 0 says that nothing was wrong.
    for (const level of Object.values(LOG_LEVELS)) this.#append(levelLog(level), '');
    for (const line of lines) for (const log of detailLogsOf(line)) this.#append(log, formatTimedLine(line));
  }

  #append(name: string, text: string): void {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = new LogFile(join(this.#layout.logs, name));
      this.#logs.set(name, log);
    }
    try {
      log.append(text);
    } catch (error) {
      this.#complain(`${log.path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #complain(message: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#doors.complain(message);
  }
}
