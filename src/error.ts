// The one error class and the one table of error codes: what each means, what to do, which exit code it leads to.
// What is expected (a conflict, a mismatch) is data in a plan; an error ends the run it is thrown in.

/** Exit codes of the command line (docs/operations.md, "Exit codes"). */
export const ExitCode = {
  done: 0,
  rolledBack: 1,
  usage: 2,
  refused: 3,
  attention: 4,
  locked: 5,
  changesPlanned: 10,
} as const;

/** Code → exit code and the default hint. A hint says what to do next; `{path}` stands for the error's path. */
const TABLE = {
  NO_HOME: [
    ExitCode.usage,
    'Give the server’s directory with --home DIR or CARBON_HOME; a home has a folder repository/components.',
  ],
  BAD_USAGE: [ExitCode.usage, 'See prepatch --help.'],
  CONFIG_INVALID: [ExitCode.usage, 'Correct the setting; prepatch config shows each setting and where it comes from.'],
  NOT_A_DIRECTORY: [ExitCode.refused, 'Move {path} away, or make it a directory.'],
  NOT_A_FILE: [ExitCode.refused, 'Move {path} away.'],
  UNREADABLE: [ExitCode.refused, 'Give the user that runs prepatch the right to read {path}.'],
  UNWRITABLE: [ExitCode.refused, 'Give the user that runs prepatch the right to write {path}.'],
  NO_SPACE: [ExitCode.refused, 'Free space on the file system of {path}, then run prepatch again.'],
  PACK_REFUSED: [ExitCode.refused, 'prepatch plan lists what is wrong with each pack.'],
  PACK_CHANGED: [ExitCode.refused, 'Wait until {path} is copied completely, then run prepatch again.'],
  CONFLICT: [ExitCode.refused, 'prepatch plan shows the conflict.'],
  HOME_CHANGED: [ExitCode.refused, 'Something else changes {path} at the same time; stop it, then run prepatch again.'],
  OUTSIDE_HOME: [ExitCode.refused, 'A path must stay inside the home and may not lead through a link.'],
  NAME_TOO_LONG: [ExitCode.refused, 'Shorten the name of {path}.'],
  LEDGER_EDITED: [
    ExitCode.refused,
    'Run prepatch doctor to see the difference, and prepatch doctor --fix to write the list again from the verified record.',
  ],
  LEDGER_DAMAGED: [
    ExitCode.refused,
    'Run prepatch doctor to see what can be rebuilt, and prepatch doctor --fix to do so.',
  ],
  LEDGER_MISSING: [
    ExitCode.refused,
    'Run prepatch doctor to see what can be rebuilt, and prepatch doctor --fix to do so.',
  ],
  LEDGER_NEWER: [ExitCode.refused, 'A newer prepatch wrote {path}; use that version.'],
  STORE_DAMAGED: [
    ExitCode.refused,
    'Run prepatch doctor; put the original of the plugin back by hand if it says that no copy is left.',
  ],
  BASE_UNKNOWN: [ExitCode.refused, 'Put the vendor’s original where prepatch doctor says, or keep the pack in place.'],
  INTERRUPTED: [
    ExitCode.attention,
    'Run prepatch recover, or start the server: the next start finishes or undoes it first.',
  ],
  JOURNAL_DAMAGED: [
    ExitCode.attention,
    'Nothing was deleted. Run prepatch doctor --fix to converge from the backups that are left.',
  ],
  JOURNAL_MISSING: [
    ExitCode.attention,
    'Nothing was deleted. Run prepatch doctor --fix to converge from the backups that are left.',
  ],
  ROLLBACK_FAILED: [
    ExitCode.attention,
    'The backups are kept. Repair the disk or the rights at {path}, then run prepatch recover.',
  ],
  LOCKED: [ExitCode.locked, 'Wait for the other run to end, or give --wait SECONDS.'],
  DEPLOY_FAILED: [
    ExitCode.rolledBack,
    'Nothing has changed: the home is as before. Correct the cause, then run prepatch again.',
  ],
  VERIFY_FAILED: [
    ExitCode.rolledBack,
    'Nothing has changed: the home is as before. Look for another program that writes to {path}.',
  ],
  ACTION_FAILED: [ExitCode.rolledBack, 'Nothing has changed: the home is as before. The step’s log has the output.'],
  UNHEALTHY: [
    ExitCode.refused,
    'The pack is taken back already. Take it out, or put in one that is in order; another policy starts the server without it.',
  ],
  PLUGINS_GONE: [
    ExitCode.refused,
    'If they are on a file system of their own, mount it; if they are lost, put the server’s plugins back; if others took their place for good, run prepatch rebase.',
  ],
  DRIFTED: [ExitCode.refused, 'prepatch verify --repair puts back what can be proven.'],
  INPUT_INVALID: [ExitCode.refused, 'Correct {path}.'],
  INPUT_TOO_LARGE: [ExitCode.refused, 'Make {path} smaller; the limit guards the memory of a start.'],
  TIMED_OUT: [
    ExitCode.rolledBack,
    'Nothing has changed: the home is as before. Give it more time, or look why it hangs.',
  ],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof TABLE;

export const ERROR_CODES = Object.keys(TABLE) as readonly ErrorCode[];

export interface PatchErrorDetails {
  readonly path?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The error of everything that prepatch refuses or could not do. `message` names the path; `hint` says what to do next. */
export class PatchError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly path: string | undefined;

  constructor(code: ErrorCode, message: string, details: PatchErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PatchError';
    this.code = code;
    this.path = details.path;
    this.hint = details.hint ?? TABLE[code][1].replaceAll('{path}', details.path ?? 'the path');
  }

  get exitCode(): number {
    return TABLE[this.code][0];
  }
}

/** Whether nothing else may be done before what a code says is dealt with; of a notice, no. */
export function needsAttention(code: string): boolean {
  return ERROR_CODES.some((one) => one === code && TABLE[one][0] === ExitCode.attention);
}

/** The default hint of a code, for problems that are data and not errors. */
export function hintFor(code: ErrorCode, path: string | undefined): string {
  return TABLE[code][1].replaceAll('{path}', path ?? 'the path');
}

/** The errno name of an error of the file system (`ENOSPC`), undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** What was thrown, as an error: a program may throw anything. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** A bug, not a state of the world: ends the process, and the next start recovers. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`prepatch has a defect: ${what}`);
}

/** Marks a switch as exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`prepatch has a defect: unexpected ${JSON.stringify(value)}`);
}
