// What `prepatch watch` has to say: one event each, as a line of JSON for programs (docs/drops.md lists the fields) or as text for
// people. Pure.

import type { PlanReport } from '../patcher/reports.js';
import type { Problem } from '../problem.js';
import { formatBytes } from '../report/format-amount.js';
import { escapeControls } from '../report/log-line.js';
import { joinNames } from '../report/run-text.js';
import type { AheadReport } from '../transaction/ahead.js';

export type WatchEvent =
  | { readonly event: 'started'; readonly settleSeconds: number; readonly rescanSeconds: number }
  /** What a start would do, whenever that is another than before. `fresh`: the problems that were not there before. */
  | {
      readonly event: 'checked';
      readonly apply: readonly string[];
      readonly revert: readonly string[];
      readonly update: readonly string[];
      readonly changes: number;
      readonly problems: readonly Problem[];
      readonly fresh: readonly Problem[];
    }
  | ({ readonly event: 'staged' } & AheadReport)
  /** The server has shown that it is healthy with these packs, which are not on probation any more. */
  | { readonly event: 'healthy'; readonly packs: readonly string[] }
  /** A start works on the home; nothing is done meanwhile. */
  | { readonly event: 'paused'; readonly owner: string }
  | { readonly event: 'resumed' }
  /** The home cannot be looked at; it is tried again. */
  | { readonly event: 'failed'; readonly code: string; readonly message: string; readonly hint: string }
  /** The system does not tell of changes; they are found by looking again from time to time. */
  | { readonly event: 'blind'; readonly message: string }
  | { readonly event: 'stopped' };

const MOST_PROBLEMS = 20;

/** One line of JSON. */
export function formatWatchJson(event: WatchEvent, home: string, nowMs: number): string {
  return `${JSON.stringify({ time: new Date(nowMs).toISOString(), home, ...event })}\n`;
}

/** Lines for people; empty for what only programs want to know. */
export function formatWatchText(event: WatchEvent): string[] {
  switch (event.event) {
    case 'started':
      return [
        `watching: a drop counts when it was left alone for ${event.settleSeconds} s; a look around every ${event.rescanSeconds} s`,
      ];
    case 'checked':
      return [checkedText(event), ...freshText(event.fresh)];
    case 'staged':
      return [stagedText(event)];
    case 'healthy':
      return [`not on probation any more: ${joinNames(event.packs)}`];
    case 'paused':
      return [`${escapeControls(event.owner)} works on this home; waiting`];
    case 'resumed':
      return ['going on'];
    case 'failed':
      return [`${escapeControls(event.message)} (${event.code})`, `  ${escapeControls(event.hint)}`];
    case 'blind':
      return [`changes are found only by looking around: ${escapeControls(event.message)}`];
    case 'stopped':
      return ['stopped'];
  }
}

export function checkedText(
  plan: Pick<PlanReport, 'apply' | 'revert' | 'update'> & {
    readonly changes: number;
    readonly problems: readonly Problem[];
  },
): string {
  const parts = [
    ...(plan.apply.length > 0 ? [`apply ${joinNames(plan.apply)}`] : []),
    ...(plan.revert.length > 0 ? [`revert ${joinNames(plan.revert)}`] : []),
    ...(plan.update.length > 0 ? [`update ${joinNames(plan.update)}`] : []),
  ];
  const paths = plan.changes === 1 ? '1 path' : `${plan.changes} paths`;
  if (plan.problems.some((problem) => problem.severity === 'error'))
    return 'a start would refuse what is in the folders';
  if (parts.length > 0) return `a start would ${parts.join(', ')} (${paths})`;
  return plan.changes > 0 ? `a start would put ${paths} in order` : 'a start would find nothing to do';
}

function stagedText(ahead: AheadReport): string {
  const { readyItems, totalItems, readyBytes, left } = ahead;
  const ready = `staged ahead: ${readyItems} of ${totalItems} files, ${formatBytes(readyBytes)}`;
  switch (left) {
    case null:
      return ready;
    case 'no-space':
      return `${ready}; the start copies the rest, the disk is too full for more`;
    case 'changed':
      return `${ready}; some changed while they were copied, and are tried again`;
    case 'interrupted':
      return `${ready}; interrupted`;
    case 'unwritable':
      return `${ready}; the folder .prepatch/ahead cannot be written, the start copies the rest`;
    case 'other-file-system':
      return 'nothing is staged ahead: the plugins are on a file system of their own';
  }
}

/** A storm of drops is one line, not hundreds. */
function freshText(fresh: readonly Problem[]): string[] {
  const moving = fresh.flatMap((problem) => (problem.code === 'DEFERRED' ? (problem.pack ?? []) : []));
  const others = fresh.filter((problem) => problem.code !== 'DEFERRED' && problem.severity !== 'info');
  return [
    ...(moving.length === 0 ? [] : [`left alone for now: ${joinNames(moving)}`]),
    ...others.slice(0, MOST_PROBLEMS).flatMap(problemText),
    ...(others.length > MOST_PROBLEMS
      ? [`and ${others.length - MOST_PROBLEMS} more; prepatch plan lists them all`]
      : []),
  ];
}

function problemText(problem: Problem): string[] {
  return [
    `${problem.severity}: ${escapeControls(problem.message)} (${problem.code})`,
    `  ${escapeControls(problem.hint)}`,
  ];
}
