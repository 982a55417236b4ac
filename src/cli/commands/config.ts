// `prepatch config`: the effective settings and where each comes from.

import { SETTINGS } from '../../config.js';
import { ExitCode } from '../../error.js';
import { escapeControls } from '../../report/log-line.js';
import type { UseCase, UseCaseResult } from '../use-case.js';

export async function runConfig({ patcher, resolved, style }: UseCase): Promise<UseCaseResult> {
  const settings = resolved.sources.map(({ key, value, from }) => ({
    key,
    value: value ?? null,
    from,
    environment: SETTINGS[key].env,
    expects: SETTINGS[key].expects,
    help: SETTINGS[key].help,
  }));
  const width = Math.max(...settings.map(({ key, value }) => pairOf(key, value).length));
  const lines = settings.map(({ key, value, from, environment, help }) => {
    const pair = escapeControls(pairOf(key, value)).padEnd(width);
    const source = from === 'default' ? style.dim(from) : style.bold(escapeControls(from));
    return `${pair}  ${source}\n    ${style.dim(`${help} (${environment})`)}`;
  });
  return { exitCode: ExitCode.done, document: { home: patcher.layout.home, settings }, text: lines.join('\n') };
}

/** As `--set` takes it. Values are texts, numbers and flags. */
function pairOf(key: string, value: unknown): string {
  return `${key}=${value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)}`;
}
