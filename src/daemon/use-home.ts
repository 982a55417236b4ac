// One use of a home by a program: the engine with its real doors, its logs opened and closed around the work.

import type { Config } from '../config.js';
import type { EventSink } from '../event.js';
import { Patcher } from '../patcher.js';
import type { RunResult } from '../patcher/reports.js';
import type { Files } from '../system/files.js';
import { WorkerBulk } from '../system/worker-bulk.js';
import { HomeLog } from './home-log.js';

export interface HomeUse {
  readonly files: Files;
  readonly home: string;
  readonly config: Config;
  /** Whether the run is one for the logs: those that only read leave no trace in them. */
  readonly isLogged: boolean;
  readonly listen?: EventSink | undefined;
  /** Told what is no error and has to be said, such as a log that cannot be written. */
  readonly complain: (message: string) => void;
}

/**
 * @param reportOf what the engine has reported, where the work returns it in something else
 * @throws PatchError of the use case
 */
export async function useHome<T>(
  use: HomeUse,
  work: (patcher: Patcher) => Promise<T>,
  reportOf: (result: T) => unknown = (result) => result,
): Promise<T> {
  const { files, home, config, listen, complain } = use;
  let log: HomeLog | undefined;
  const emit: EventSink = (event) => {
    log?.write(event);
    listen?.(event);
  };
  const bulk = new WorkerBulk(files);
  const patcher = new Patcher(home, config, {
    files,
    bulk,
    emit,
    now: Date.now,
    prepare: async () => {
      await log?.prepare();
    },
  });
  if (use.isLogged) log = new HomeLog(patcher.layout, { files, now: Date.now, complain });
  let end = { failed: true, quarantined: [] as readonly string[] };
  try {
    const result = await work(patcher);
    const report = reportOf(result);
    end = isRun(report)
      ? { failed: report.failure !== null, quarantined: report.quarantined.map((pack) => pack.name) }
      : { failed: false, quarantined: [] };
    return result;
  } finally {
    log?.close(end);
    await bulk.close();
  }
}

function isRun(result: unknown): result is RunResult {
  return typeof result === 'object' && result !== null && 'outcome' in result && 'quarantined' in result;
}
