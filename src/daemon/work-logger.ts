// The logs of a run that works, through winston: a transport for patches.log, one for each level, one for the steps. Each
// transport hands its line on before `write` returns, so that a kill right after loses none.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LogLevel } from '../event.js';
import { LOG_LEVELS, levelLog, STORY_LOG, stepLog } from '../report/log-route.js';
import type { TimedLine } from '../report/timed-line.js';

export interface WorkLogger {
  /** `text` is what is written: the line, with those before it that go where it goes. */
  write(line: TimedLine, text: string): void;
  close(): void;
}

/** Appends a line to a log, named relative to the logs folder. */
export type AppendLine = (log: string, text: string) => void;

/** What winston carries: the line beside the level by which it sorts. */
interface Info {
  readonly level: LogLevel;
  readonly message: string;
  readonly line: TimedLine;
}

export async function openWorkLogger(append: AppendLine): Promise<WorkLogger> {
  const [{ default: winston }, { default: Transport }] = await Promise.all([
    import('winston'),
    import('winston-transport'),
  ]);
  // Made here because its base is loaded only here.
  class AppendingTransport extends Transport {
    readonly #logOf: (line: TimedLine) => string | undefined;

    constructor(level: LogLevel, logOf: (line: TimedLine) => string | undefined) {
      super({ level });
      this.#logOf = logOf;
    }

    override log(info: Info, next: () => void): void {
      const log = this.#logOf(info.line);
      if (log !== undefined) append(log, info.message);
      next();
    }
  }
  const levels = Object.keys(LOG_LEVELS) as LogLevel[];
  const logger = winston.createLogger({
    levels: LOG_LEVELS,
    level: 'info',
    // The message has its shape already; winston's default would serialise it a second time.
    format: winston.format((info) => info)(),
    // The rule takes a subclass made in a function for a stranger: it follows the import that is awaited no further.
    /* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment */
    transports: [
      new AppendingTransport('info', (line) => (line.isStory ? STORY_LOG : undefined)),
      ...levels.map((level) => new AppendingTransport(level, () => levelLog(LOG_LEVELS[level]))),
      new AppendingTransport('info', (line) => stepLog(line.step)),
    ],
    /* eslint-enable @typescript-eslint/no-unsafe-class-instance-assignment */
  });
  // The logger is a stream, and streams begin to flow in the next turn only; from then on they hand on at once.
  await nextTurn();
  return {
    write: (line, text) => {
      const info: Info = { level: line.level, message: text, line };
      logger.log(info);
    },
    close: () => {
      logger.close();
    },
  };
}
