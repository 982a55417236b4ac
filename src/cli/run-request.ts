// Runs a request over its homes; where there are several, side by side, and one that fails leaves the others alone. The exit
// code is the worst of them. The server is started only where every home allows it.

import { ExitCode, PatchError } from '../error.js';
import { findHome } from '../home/find-home.js';
import { becomeServer } from '../daemon/become-server.js';
import { readSettings } from '../daemon/read-settings.js';
import { StampCandidate } from '../daemon/stamp.js';
import { toFailure } from '../daemon/to-failure.js';
import { useHome } from '../daemon/use-home.js';
import { colorStyle, plainStyle, type Style } from '../report/style.js';
import type { Files } from '../system/files.js';
import { RealFiles } from '../system/real-files.js';
import { lookAtTerminal, writeStandard } from '../system/standard-stream.js';
import type { Request } from './arguments.js';
import { describeFailure, explainFailure } from './failure-text.js';
import { ProgressLine } from './progress-line.js';
import { runUseCase } from './use-cases.js';

/** What one home came to: the document for programs, the text for people. */
interface Outcome {
  readonly home: string;
  readonly exitCode: number;
  readonly document: unknown;
  readonly text: string;
  readonly meanwhile?: (signal: AbortSignal) => Promise<void>;
}

interface Surroundings {
  readonly files: Files;
  readonly request: Request;
  readonly style: Style;
  readonly isOnly: boolean;
  readonly watchesProgress: boolean;
}

export async function runRequest(request: Request): Promise<number> {
  const given = request.options['home'];
  const homes = Array.isArray(given) ? (given as readonly string[]) : [undefined];
  const isJson = request.options['json'] === true;
  const surroundings: Surroundings = {
    files: new RealFiles(),
    request,
    style: !isJson && lookAtTerminal('out').hasColors ? colorStyle : plainStyle,
    isOnly: homes.length === 1,
    watchesProgress: homes.length === 1 && lookAtTerminal('error').isTerminal,
  };
  const outcomes = await Promise.all(homes.map((home) => runHome(surroundings, home)));
  const isStart = request.command.name === 'boot';
  const exitCode = Math.max(...outcomes.map((outcome) => outcome.exitCode));
  const lost = writeStandard('out', isJson ? toJson(outcomes, request.command.isStream === true) : toText(outcomes));
  if (lost !== undefined) {
    writeStandard('error', explainFailure(lost));
    // A start is for the server, and nobody waits for its words; every other command was asked for an answer.
    if (!isStart && exitCode === ExitCode.done) return ExitCode.attention;
  }
  if (isStart && exitCode === ExitCode.done && request.words.length > 0) {
    const besides = outcomes.flatMap(({ meanwhile }) => meanwhile ?? []);
    if (besides.length === 0) return becomeServer(request.words);
    return becomeServer(request.words, async (signal) => {
      await Promise.all(besides.map((beside) => beside(signal)));
    });
  }
  return exitCode;
}

/** A stream has said everything but failures to begin, each a line like its events. */
function toJson(outcomes: readonly Outcome[], isStream: boolean): string {
  const documents = outcomes.map((outcome) => outcome.document).filter((document) => document !== undefined);
  if (isStream) return documents.map((document) => `${JSON.stringify(document)}\n`).join('');
  if (documents.length === 0) return '';
  return `${JSON.stringify(documents.length === 1 ? documents[0] : documents, null, 2)}\n`;
}

function toText(outcomes: readonly Outcome[]): string {
  const said = outcomes.filter((outcome) => outcome.text !== '');
  return said
    .map(({ home, text }) => (outcomes.length > 1 ? `${text.replace(/^/gm, () => `${home}: `)}\n` : `${text}\n`))
    .join('');
}

async function runHome(surroundings: Surroundings, given: string | undefined): Promise<Outcome> {
  const { files, isOnly } = surroundings;
  let home = given ?? '';
  try {
    home = findHome(files, { given, carbonHome: process.env['CARBON_HOME'], currentFolder: process.cwd() });
    return await runIn(surroundings, home);
  } catch (error) {
    const failure = toFailure(error, home);
    if (failure === undefined) throw error;
    writeStandard('error', explainFailure(failure, isOnly ? undefined : home));
    const document = { home: home === '' ? null : home, error: describeFailure(failure) };
    return { home, exitCode: failure.exitCode, document, text: '' };
  }
}

async function runIn(surroundings: Surroundings, home: string): Promise<Outcome> {
  const { files, request, style, isOnly, watchesProgress } = surroundings;
  const stamp = StampCandidate.open(files, home, process.env['PREPATCH_GUARD'], Date.now);
  const resolved = await readSettings(files, home, {
    environment: process.env,
    given: { name: 'command line', values: settingsOf(request) },
  });
  const progress = watchesProgress ? new ProgressLine() : undefined;
  const prefix = isOnly ? 'prepatch' : `prepatch: ${home}`;
  try {
    const result = await useHome(
      {
        files,
        home,
        config: resolved.config,
        isLogged: request.command.isLogged,
        listen: progress?.show,
        complain: (message) => writeStandard('error', `${prefix}: ${message}\n`),
      },
      (patcher) => runUseCase({ patcher, request, resolved, style, stamp }),
      ({ document }) => document,
    );
    return { home, ...result };
  } finally {
    progress?.clear();
  }
}

/** Options that are settings, and `--set KEY=VALUE`. @throws PatchError BAD_USAGE */
function settingsOf(request: Request): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const pair of (request.options['set'] as readonly string[] | undefined) ?? []) {
    const equals = pair.indexOf('=');
    if (equals < 1)
      throw new PatchError('BAD_USAGE', `--set ${pair}: expected KEY=VALUE`, {
        hint: 'prepatch config lists the keys.',
      });
    values[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  if (request.options['policy'] !== undefined) values['policy'] = request.options['policy'];
  if (request.options['wait'] !== undefined) values['waitSeconds'] = request.options['wait'];
  return values;
}
