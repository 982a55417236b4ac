// Problems for people: the worst first, each with what to do; what is repeated often is counted. Pure.

import type { Severity } from '../event.js';
import type { Problem } from '../problem.js';
import { escapeControls } from './log-line.js';
import type { Style } from './style.js';

const MOST_SHOWN = 20;
const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Lines; empty where there is nothing to say. A hint that several problems share is said once, after the last of them. */
export function renderProblems(problems: readonly Problem[], style: Style): string[] {
  const sorted = problems.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);
  const shown = sorted.slice(0, MOST_SHOWN);
  const lines = shown.flatMap((problem, index) => {
    const line = `${markOf(problem.severity, style)} ${escapeControls(problem.message)} ${style.dim(problem.code)}`;
    return shown[index + 1]?.hint === problem.hint ? [line] : [line, `  ${style.dim(escapeControls(problem.hint))}`];
  });
  return sorted.length > MOST_SHOWN
    ? [...lines, `and ${sorted.length - MOST_SHOWN} more; --json lists them all`]
    : lines;
}

function markOf(severity: Severity, style: Style): string {
  switch (severity) {
    case 'error':
      return style.bad('error:');
    case 'warning':
      return style.warn('warning:');
    case 'info':
      return style.dim('note:');
  }
}
