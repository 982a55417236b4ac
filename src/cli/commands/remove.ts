// `prepatch remove PACK…`: says what will resurface, then takes packs out of the drop folders, onto the shelf.

import { ExitCode } from '../../error.js';
import { escapeControls } from '../../report/log-line.js';
import { renderProblems } from '../../report/problem-text.js';
import type { Style } from '../../report/style.js';
import { removePacks, type RemoveReport } from '../../shelf/remove-packs.js';
import { writeStandard } from '../../system/standard-stream.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';
import { renderChanges, withShelf } from './shelf.js';

export async function runRemove(use: UseCase): Promise<UseCaseResult> {
  const { request, resolved, style } = use;
  const isJson = request.options['json'] === true;
  const dryRun = request.options['dry-run'] === true;
  const report = await withShelf(use, (doors) =>
    removePacks(doors, {
      names: request.words,
      dryRun,
      waitMs: waitMsOf(resolved.config),
      announce: (coming) => {
        const lost = isJson ? undefined : writeStandard('out', `${renderComing(coming, style).join('\n')}\n`);
        if (lost !== undefined) throw lost;
      },
    }),
  );
  const done = report.packs.map(
    (pack) =>
      `${style.good('removed')} ${escapeControls(pack.name)}; it is kept in ${escapeControls(pack.shelf)} (prepatch restore ${escapeControls(pack.name)})`,
  );
  const text = dryRun ? [...renderComing(report, style), 'Nothing was moved.'] : done;
  return { exitCode: ExitCode.done, document: report, text: text.join('\n') };
}

function renderComing(report: RemoveReport, style: Style): string[] {
  const names = report.packs.map((pack) => escapeControls(pack.name)).join(', ');
  const head =
    report.changes.length === 0 ? `Without ${names} no path changes.` : `Without ${names} the next start will:`;
  return [
    head,
    ...renderChanges(report.changes, style),
    ...report.reopens.map((id) => style.warn(`  reopens ${escapeControls(id)}`)),
    ...renderProblems(report.problems, style),
  ];
}
