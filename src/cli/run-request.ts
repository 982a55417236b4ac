// Runs a request over its homes: one after the other or, where there are several, side by side; one that fails leaves the
// others alone. The exit code is the worst of them.

import { join } from 'node:path';
import { type Config, type ConfigLayer, readEnvironment, type ResolvedConfig, resolveConfig } from '../config.js';
import { ExitCode, PatchError } from '../error.js';
import type { EventSink } from '../event.js';
import { findHome } from '../home/find-home.js';
import { Patcher } from '../patcher.js';
import type { Files } from '../system/files.js';
import { RealFiles } from '../system/real-files.js';
import { WorkerBulk } from '../system/worker-bulk.js';
import { toRunError } from '../transaction/failure.js';
import type { Request } from './arguments.js';
import { openLog, type PatchLog } from './patch-log.js';
import { renderHuman } from './render.js';

interface Outcome {
  readonly home: string;
  readonly exitCode: number;
  readonly document: unknown;
  readonly text: string;
}

export async function runRequest(request: Request): Promise<number> {
  const files = new RealFiles();
  const given = request.options['home'];
  const homes = Array.isArray(given) ? (given as readonly string[]) : [undefined];
  const outcomes = await Promise.all(homes.map((home) => runHome(files, request, home)));
  const json = request.options['json'] === true;
  if (json) {
    const documents = outcomes.map((outcome) => outcome.document);
    process.stdout.write(`${JSON.stringify(documents.length === 1 ? documents[0] : documents, null, 2)}\n`);
  } else {
    for (const outcome of outcomes) {
      const text = outcomes.length > 1 ? outcome.text.replace(/^/gm, `${outcome.home}: `) : outcome.text;
      if (text !== '') process.stdout.write(`${text}\n`);
    }
  }
  const exitCode = Math.max(...outcomes.map((outcome) => outcome.exitCode));
  if (request.command.name === 'boot' && exitCode === ExitCode.done && request.words.length > 0) {
    const { becomeServer } = await import('../daemon/become-server.js');
    return becomeServer(request.words);
  }
  return exitCode;
}

async function runHome(files: Files, request: Request, given: string | undefined): Promise<Outcome> {
  let home = given ?? '';
  try {
    home = findHome(files, { given, carbonHome: process.env['CARBON_HOME'], currentFolder: process.cwd() });
    const resolved = await readSettings(files, request, home);
    return await withPatcher(files, request, home, resolved);
  } catch (caught) {
    const error = toRunError(caught, home);
    process.stderr.write(`prepatch: ${error.message}\n  ${error.hint}\n`);
    const failure = {
      code: error.code,
      message: error.message,
      hint: error.hint,
      path: error.path ?? null,
      exitCode: error.exitCode,
    };
    return { home, exitCode: error.exitCode, document: { home, error: failure }, text: '' };
  }
}

async function readSettings(files: Files, request: Request, home: string): Promise<ResolvedConfig> {
  const layers: ConfigLayer[] = [];
  const path = join(home, 'prepatch.yaml');
  if (files.stat(path) !== undefined) {
    const { readConfigFile } = await import('./config-file.js');
    layers.push(readConfigFile(files, path));
  }
  layers.push(readEnvironment(process.env));
  layers.push({ name: 'command line', values: optionValues(request) });
  return resolveConfig(layers);
}

function optionValues(request: Request): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const pair of (request.options['set'] as readonly string[] | undefined) ?? []) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new PatchError('BAD_USAGE', `--set ${pair}: expected KEY=VALUE`);
    values[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  if (request.options['policy'] !== undefined) values['policy'] = request.options['policy'];
  if (request.options['wait'] !== undefined) values['waitSeconds'] = request.options['wait'];
  return values;
}

async function withPatcher(files: Files, request: Request, home: string, resolved: ResolvedConfig): Promise<Outcome> {
  const { config } = resolved;
  if (request.command.name === 'config') {
    return {
      home,
      exitCode: ExitCode.done,
      document: { home, settings: resolved.sources },
      text: renderHuman('config', resolved.sources),
    };
  }
  const bulk = new WorkerBulk(files);
  let log: PatchLog | undefined;
  const emit: EventSink = (event) => log?.write(event);
  const patcher = new Patcher(home, config, { files, bulk, emit, now: Date.now });
  const writes = ['boot', 'apply', 'recover', 'verify', 'rebase'].includes(request.command.name);
  if (writes) log = openLog(files, patcher.layout);
  try {
    const { exitCode, document } = await runUseCase(patcher, request, config);
    return {
      home,
      exitCode,
      document,
      text: request.options['json'] === true ? '' : renderHuman(request.command.name, document),
    };
  } finally {
    await log?.close();
    await bulk.close();
  }
}

async function runUseCase(
  patcher: Patcher,
  request: Request,
  config: Config,
): Promise<{ exitCode: number; document: unknown }> {
  const waitMs = config.waitSeconds * 1000;
  switch (request.command.name) {
    case 'boot': {
      const result = await patcher.start(config.policy, 'start', waitMs);
      return { exitCode: ExitCode.done, document: result };
    }
    case 'apply': {
      const result = await patcher.start(config.policy, 'apply', waitMs);
      return { exitCode: result.failure?.exitCode ?? ExitCode.done, document: result };
    }
    case 'plan': {
      const plan = await patcher.plan();
      const refused = plan.problems.some((problem) => problem.severity === 'error');
      const exitCode =
        request.options['exit-code'] === true && plan.operations > 0
          ? ExitCode.changesPlanned
          : refused
            ? ExitCode.refused
            : ExitCode.done;
      return { exitCode, document: plan };
    }
    case 'status':
      return { exitCode: ExitCode.done, document: await patcher.status() };
    case 'verify': {
      const result = await patcher.verify({
        deep: request.options['deep'] === true,
        repair: request.options['repair'] === true,
        waitMs,
      });
      return { exitCode: result.ok ? ExitCode.done : ExitCode.refused, document: result };
    }
    case 'recover':
      return { exitCode: ExitCode.done, document: await patcher.recover(waitMs) };
    case 'history':
      return { exitCode: ExitCode.done, document: patcher.history(request.words[0]) };
    case 'rebase':
      return { exitCode: ExitCode.done, document: await patcher.rebase(waitMs) };
    default:
      throw new PatchError('BAD_USAGE', `unknown command ${request.command.name}`);
  }
}
