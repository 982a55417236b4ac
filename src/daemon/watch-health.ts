// Asks a server that runs, time and again, until everything that is on probation has passed or its time is over. What has passed
// is recorded at once, so that a kill of ours or of the server loses nothing of it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.js';
import { errnoOf } from '../error.js';
import type { Patcher } from '../patcher.js';
import type { ProbationFacts } from '../plan/probation.js';
import type { Files } from '../system/files.js';
import { toFailure } from './to-failure.js';
import { useHome } from './use-home.js';

export interface HealthUse {
  readonly files: Files;
  readonly home: string;
  readonly config: Config;
  readonly complain: (message: string) => void;
}

const PAUSE_MS = 1000;
/** How soon the end of the server is noticed. */
const STEP_MS = 100;

/** Whatever the file system refuses is said and tried again: the server runs, and must not end by it. */
export async function watchHealth(use: HealthUse, signal: AbortSignal): Promise<void> {
  const said = new Set<string>();
  const complain = (message: string) => {
    if (said.has(message)) return;
    said.add(message);
    try {
      use.complain(message);
    } catch (error) {
      // What is said goes into a file, perhaps, and that is on the full disk too.
      if (errnoOf(error) === undefined) throw error;
    }
  };
  while (!signal.aborted) {
    try {
      const { waiting } = await checkHealthOnce({ ...use, complain }, signal);
      if (!waiting.some(hasTime)) return;
    } catch (error) {
      // It is tried again: what is on probation is taken back by the next start where this does not end well.
      const failure = toFailure(error, use.home);
      if (failure === undefined) throw error;
      complain(failure.message);
    }
    await sleepUntil(signal);
  }
}

async function sleepUntil(signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < PAUSE_MS && !signal.aborted; waitedMs += STEP_MS) await sleep(STEP_MS);
}

/** One round, which ends early, and records nothing, where `signal` is given meanwhile. @throws PatchError */
export function checkHealthOnce(
  { files, home, config, complain }: HealthUse,
  signal: AbortSignal,
): ReturnType<Patcher['checkHealth']> {
  return useHome({ files, home, config, isLogged: true, complain }, (patcher) => patcher.checkHealth(signal));
}

/** Whether asking again can still change anything. */
export function hasTime({ secondsLeft }: ProbationFacts): boolean {
  return secondsLeft !== null && secondsLeft > 0;
}
