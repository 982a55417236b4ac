// Runs one command line: request, homes, the use case, its report. With --json, standard output has one document and nothing
// else; everything for people who watch goes to standard error or the log files.

import { explainDefect } from '../daemon/to-failure.js';
import { ExitCode, PatchError } from '../error.js';
import { writeStandard } from '../system/standard-stream.js';
import { parseArguments } from './arguments.js';
import { describeFailure, explainFailure } from './failure-text.js';
import { runRequest } from './run-request.js';
import { answerWithYargs } from './yargs.js';

export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    const request = parseArguments(args);
    if (request !== undefined) return await runRequest(request);
    return await answerWithYargs(args);
  } catch (error) {
    if (!(error instanceof PatchError)) {
      writeStandard('error', explainDefect(error));
      return ExitCode.attention;
    }
    writeStandard('error', explainFailure(error));
    if (asksForJson(args)) writeStandard('out', `${JSON.stringify({ error: describeFailure(error) }, null, 2)}\n`);
    return error.exitCode;
  }
}

function asksForJson(args: readonly string[]): boolean {
  const separator = args.indexOf('--');
  return (separator < 0 ? args : args.slice(0, separator)).includes('--json');
}
