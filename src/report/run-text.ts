// What a start has done, for people. Pure.

import type { RunResult } from '../patcher/reports.js';
import { escapeControls } from './log-line.js';
import { renderProblems } from './problem-text.js';
import type { Style } from './style.js';

export function renderRun(result: RunResult, style: Style): string {
  const lines: string[] = [];
  if (result.recovered !== null) lines.push(`An interrupted transaction was put in order first: ${result.recovered}`);
  switch (result.outcome) {
    case 'nothing':
      lines.push(style.good('Nothing to do: the home is as its folders say.'));
      break;
    case 'changed':
      lines.push(style.good(doneText(result)));
      break;
    case 'kept':
      lines.push(style.bad('Nothing new was applied: the home is verified to be as it was before.'));
      break;
  }
  for (const pack of result.quarantined)
    lines.push(`${style.warn('left out:')} ${escapeControls(pack.name)}: ${escapeControls(pack.reason)}`);
  if (result.failure !== null) {
    lines.push(`${style.bad('error:')} ${escapeControls(result.failure.message)} ${style.dim(result.failure.code)}`);
    lines.push(`  ${style.dim(escapeControls(result.failure.hint))}`);
  }
  const { failure } = result;
  lines.push(
    ...renderProblems(
      result.problems.filter((problem) => problem.severity !== 'info' && problem.message !== failure?.message),
      style,
    ),
  );
  return lines.join('\n');
}

function doneText(result: RunResult): string {
  const parts = [
    ...partOf('applied', result.apply),
    ...partOf('reverted', result.revert),
    ...partOf('updated', result.update),
  ];
  if (parts.length === 0 && result.changes.length === 0)
    return `The record was brought up to date (transaction ${result.transaction ?? 'none'}).`;
  const what = parts.length === 0 ? 'Brought into order' : capitalize(parts.join('; '));
  const paths = result.changes.length === 1 ? '1 path' : `${result.changes.length} paths`;
  return `${what} (${paths}, transaction ${result.transaction ?? 'none'}).`;
}

function partOf(verb: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${verb} ${joinNames(names)}`];
}

const NAMES_SHOWN = 6;

/** The first few names, and how many more there are. */
export function joinNames(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(escapeControls).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${names.length - NAMES_SHOWN} more` : shown;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
