// `prepatch restore [PACK…]`: brings packs back from the shelf; without a name, lists what is on it.

import { ExitCode } from '../../error.js';
import { display } from '../../home/layout.js';
import { escapeControls } from '../../report/log-line.js';
import { renderProblems } from '../../report/problem-text.js';
import { listShelf } from '../../shelf/list-shelf.js';
import { restorePacks } from '../../shelf/restore-packs.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';
import { renderChanges, withShelf } from './shelf.js';

export async function runRestore(use: UseCase): Promise<UseCaseResult> {
  const { request, resolved, style } = use;
  if (request.words.length === 0) return list(use);
  const dryRun = request.options['dry-run'] === true;
  const number = request.options['number'];
  const report = await withShelf(use, (doors) =>
    restorePacks(doors, {
      names: request.words,
      number: typeof number === 'number' ? number : undefined,
      dryRun,
      waitMs: waitMsOf(resolved.config),
    }),
  );
  const verb = dryRun ? 'would restore' : style.good('restored');
  const lines = [
    ...report.packs.map((pack) => `${verb} ${escapeControls(pack.path)}`),
    ...(report.changes.length === 0 ? [] : ['The next start will:', ...renderChanges(report.changes, style)]),
    ...renderProblems(report.problems, style),
    ...(dryRun ? ['Nothing was moved.'] : []),
  ];
  return { exitCode: ExitCode.done, document: report, text: lines.join('\n') };
}

async function list(use: UseCase): Promise<UseCaseResult> {
  const { layout } = use.patcher;
  const shelved = await withShelf(use, async ({ files }) => listShelf(files, layout));
  const packs = shelved.map(({ name, kind, number, folder, sinceMs }) => ({
    name,
    kind,
    number,
    shelf: display(layout, folder),
    since: new Date(sinceMs).toISOString(),
  }));
  const lines = packs.map((pack) => `${escapeControls(pack.name)} number ${pack.number}, since ${pack.since}`);
  return {
    exitCode: ExitCode.done,
    document: { home: layout.home, shelf: packs },
    text: lines.length === 0 ? 'The shelf is empty.' : lines.join('\n'),
  };
}
