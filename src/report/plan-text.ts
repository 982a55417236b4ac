// A plan for people: what would come and go, then each path with who wins, whom it shadows, what comes back. Pure.

import type { PlanReport } from '../patcher/reports.js';
import type { Change } from '../plan/plan.js';
import { formatBytes, formatDuration } from './format-amount.js';
import { escapeControls } from './log-line.js';
import { renderPacks } from './pack-text.js';
import { renderProblems } from './problem-text.js';
import { joinNames } from './run-text.js';
import type { Style } from './style.js';

const MOST_SHOWN = 200;

export function renderPlan(plan: PlanReport, style: Style): string {
  const lines: string[] = [];
  if (plan.apply.length > 0) lines.push(`${style.bold('apply')}   ${joinNames(plan.apply)}`);
  if (plan.revert.length > 0) lines.push(`${style.bold('revert')}  ${joinNames(plan.revert)}`);
  if (plan.update.length > 0) lines.push(`${style.bold('update')}  ${joinNames(plan.update)}`);
  lines.push(
    ...renderPacks(
      plan.packs.filter((pack) => pack.state !== 'applied'),
      style,
    ),
  );
  for (const change of plan.changes.slice(0, MOST_SHOWN)) lines.push(renderChange(change, style));
  if (plan.changes.length > MOST_SHOWN)
    lines.push(`and ${plan.changes.length - MOST_SHOWN} more paths; --json lists them all`);
  lines.push(...renderProblems(plan.problems, style));
  lines.push(closing(plan, style));
  return lines.join('\n');
}

function closing(plan: PlanReport, style: Style): string {
  if (plan.problems.some((problem) => problem.code === 'INTERRUPTED'))
    return style.bold(
      'What a start would do is known when that is put in order, which it does first; nothing was changed.',
    );
  const errors = plan.problems.filter((problem) => problem.severity === 'error').length;
  if (errors > 0) return style.bad('A start would refuse this; nothing was changed.');
  if (plan.operations === 0) return style.good('Nothing to do.');
  if (plan.changes.length === 0) return 'No plugin changes; a start writes the record anew.';
  const paths = plan.changes.length === 1 ? '1 path' : `${plan.changes.length} paths`;
  const space = `needs ${formatBytes(plan.bytesNeeded)} meanwhile`;
  const time =
    plan.forecastMs === null
      ? 'how long it takes is not known: the history has nothing like it'
      : `takes about ${formatDuration(plan.forecastMs)}, as others like it did`;
  return `A start would change ${paths}, ${space}; ${time}. Nothing was changed.`;
}

function renderChange(change: Change, style: Style): string {
  const action = change.action.padEnd(7);
  const marked =
    change.action === 'delete'
      ? style.bad(action)
      : change.action === 'repair'
        ? style.warn(action)
        : style.good(action);
  const source = change.from === null || change.from === 'base' ? '' : ` from ${escapeControls(change.from)}`;
  return `${marked} ${escapeControls(change.path)}${style.dim(`${source} (${escapeControls(change.reason)})`)}`;
}
