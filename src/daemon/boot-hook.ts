// The hook of a Node server, run before its first module loads: recover, apply or revert, verify. Worker threads and child
// processes of the server inherit the hook's option; only the server's own main thread runs it.

import { ExitCode } from '../error.js';
import { findHome } from '../home/find-home.js';
import { renderRun } from '../report/run-text.js';
import { plainStyle } from '../report/style.js';
import type { Files } from '../system/files.js';
import { isMainProgram, isRunning } from '../system/is-main-program.js';
import { readSettings } from './read-settings.js';
import { explainDefect, toFailure } from './to-failure.js';
import { useHome } from './use-home.js';

/** Set to the process that has run the hook, for those that it starts. */
const MARK = 'PREPATCH_BOOTED';

export interface BootHookDoors {
  readonly files: Files;
  readonly environment: Record<string, string | undefined>;
  readonly currentFolder: string;
  readonly processId: number;
  /** For people; a line or several, each with its end. */
  readonly say: (text: string) => void;
}

/** Exit status with which the server must not start; undefined where it may. */
export async function runBootHook(doors: BootHookDoors): Promise<number | undefined> {
  const { files, environment, currentFolder, say } = doors;
  const mark = Number(environment[MARK]);
  const isInherited = Number.isInteger(mark) && mark > 0 && mark !== doors.processId && isRunning(mark);
  if (!isMainProgram() || isInherited) return undefined;
  let home = currentFolder;
  try {
    home = findHome(files, { given: undefined, carbonHome: environment['CARBON_HOME'], currentFolder });
    const { config } = await readSettings(files, home, { environment, given: { name: 'hook', values: {} } });
    const result = await useHome(
      { files, home, config, isLogged: true, complain: (message) => say(`prepatch: ${message}\n`) },
      (patcher) => patcher.start(config.policy, 'start', config.waitSeconds * 1000, true),
    );
    if (result.outcome !== 'nothing' || result.recovered !== null)
      say(`${renderRun(result, plainStyle).replace(/^/gm, 'prepatch: ')}\n`);
    environment[MARK] = String(doors.processId);
    return undefined;
  } catch (error) {
    const failure = toFailure(error, home);
    if (failure === undefined) {
      say(explainDefect(error));
      return ExitCode.attention;
    }
    say(`prepatch: ${failure.message}\n  ${failure.hint}\n`);
    return failure.exitCode;
  }
}
