// Runs one request: settings, homes, the use case, its report. Nothing is printed on standard output with --json but one
// document; everything for people who watch goes to standard error or the log files.

import { PatchError } from '../error.js';
import { parseQuickly, type Request } from './arguments.js';

export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    const request = parseQuickly(args) ?? (await explain(args));
    if (typeof request === 'number') return request;
    const { runRequest } = await import('./run-request.js');
    return await runRequest(request);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    process.stderr.write(`prepatch: ${error.message}\n  ${error.hint}\n`);
    return error.exitCode;
  }
}

/** Help, version, completion, or what is wrong with the arguments; a request where yargs understood them after all. */
async function explain(args: readonly string[]): Promise<number | Request> {
  const { parseWithYargs } = await import('./yargs.js');
  return parseWithYargs(args);
}
