// The audit for people: a table, or one transaction with every path. Pure.

import type { History, HistoryRecord } from '../state/history.js';
import { formatBytes, formatDuration, formatStep } from './format-amount.js';
import { escapeControls, formatTime } from './log-line.js';
import { joinNames } from './run-text.js';
import type { Style } from './style.js';

/** `isWhole`: every path of each transaction too. */
export function renderHistory(history: History, isWhole: boolean, style: Style): string {
  const lines: string[] = [];
  if (history.records.length === 0) lines.push('No transaction yet.');
  else if (!isWhole) lines.push(...renderTable(history.records, style));
  else for (const record of history.records) lines.push(...renderRecord(record, style));
  if (history.brokenAt !== undefined)
    lines.push(
      style.bad(`The chain of the history is broken at line ${history.brokenAt}: a line was changed or removed.`),
    );
  return lines.join('\n');
}

function renderTable(records: readonly HistoryRecord[], style: Style): string[] {
  const rows = records.map((record) => [
    formatTime(record.startedMs).slice(0, 19),
    record.transaction,
    record.outcome,
    record.user,
    formatDuration(record.recordedMs - record.startedMs),
    record.reason,
    whatOf(record),
  ]);
  const head = ['when', 'transaction', 'outcome', 'by', 'took', 'why', 'what'];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const toLine = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [style.bold(toLine(head)), ...rows.map((row) => escapeControls(toLine(row)))];
}

function renderRecord(record: HistoryRecord, style: Style): string[] {
  const { summary } = record;
  return [
    style.bold(escapeControls(record.transaction)),
    escapeControls(`  ${record.outcome}, ${record.reason}, by ${record.user} on ${record.host}`),
    `  ${formatTime(record.startedMs)}, took ${formatDuration(record.recordedMs - record.startedMs)}`,
    ...(record.cause === undefined ? [] : [escapeControls(`  because: ${record.cause}`)]),
    ...stepLines(record),
    `  ${whatOf(record)}`,
    ...summary.paths.map((change) => escapeControls(`  ${change.action.padEnd(7)} ${change.path}`)),
  ];
}

/** How long each step took, and how much it was; of an old record, or one that was interrupted, what there is. */
function stepLines({ stepsMs, summary }: HistoryRecord): string[] {
  const steps = Object.entries(stepsMs ?? {}).map(([step, ms]) => `${step} ${formatStep(ms)}`);
  const { changedFiles, stagedBytes } = summary;
  return [
    ...(steps.length === 0 ? [] : [escapeControls(`  steps: ${steps.join(', ')}`)]),
    ...(changedFiles === undefined || stagedBytes === undefined
      ? []
      : [`  ${changedFiles === 1 ? '1 file' : `${changedFiles} files`} changed, ${formatBytes(stagedBytes)} copied`]),
  ];
}

function whatOf(record: HistoryRecord): string {
  const { apply, revert, update, paths } = record.summary;
  const parts = [
    ...(apply.length === 0 ? [] : [`apply ${joinNames(apply)}`]),
    ...(revert.length === 0 ? [] : [`revert ${joinNames(revert)}`]),
    ...(update.length === 0 ? [] : [`update ${joinNames(update)}`]),
    paths.length === 1 ? '1 path' : `${paths.length} paths`,
  ];
  return parts.join('; ');
}
