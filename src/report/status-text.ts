// The state of a home for people. Pure.

import type { HomeState, Status } from '../patcher/reports.js';
import { escapeControls } from './log-line.js';
import { renderPacks } from './pack-text.js';
import { renderProblems } from './problem-text.js';
import { joinNames } from './run-text.js';
import type { Style } from './style.js';

const MEANINGS: Readonly<Record<HomeState, string>> = {
  clean: 'everything is as the folders say',
  pending: 'the next start changes something',
  interrupted: 'a transaction was interrupted; the next start, or prepatch recover, puts it in order',
  drifted: 'something was changed by hand',
  tampered: 'the record of what is applied was edited',
  'rollback-failed': 'an interrupted transaction could not be undone; only prepatch recover runs',
  probation: 'the last change waits for the server to say that it is healthy',
};

export function renderStatus(status: Status, style: Style): string {
  const lines = [`${style.bold('state')}    ${markState(status.state, style)}: ${MEANINGS[status.state]}`];
  lines.push(`${style.bold('applied')}  ${status.applied.length === 0 ? 'nothing' : joinNames(status.applied)}`);
  const { apply, revert, update } = status.pending;
  if (apply.length > 0) lines.push(`${style.bold('pending')}  to apply: ${joinNames(apply)}`);
  if (revert.length > 0) lines.push(`${style.bold('pending')}  to revert: ${joinNames(revert)}`);
  if (update.length > 0) lines.push(`${style.bold('pending')}  to update: ${joinNames(update)}`);
  for (const { packs, checks, secondsLeft } of status.probation) {
    const what = checks.map(({ kind, what }) => `${kind} ${what}`).join(', ');
    const left = secondsLeft === null ? 'until the hook starts the server' : `${secondsLeft} s left`;
    lines.push(style.warn(`on probation: ${joinNames(packs)}, ${escapeControls(what)}, ${left}`));
  }
  const unknown = status.base.unknown.length;
  const base = `${status.base.plugins} plugins, ${status.base.covered} paths covered by packs`;
  if (status.state !== 'interrupted' && status.state !== 'rollback-failed')
    lines.push(`${style.bold('base')}     ${base}${unknown > 0 ? `, ${unknown} originals unknown` : ''}`);
  if (status.lastTransaction !== null) {
    const { id, outcome, at } = status.lastTransaction;
    lines.push(`${style.bold('last')}     ${escapeControls(`${id} ${outcome} ${at}`)}`);
  }
  if (status.lockedBy !== null) lines.push(style.warn(`${status.lockedBy} works on this home`));
  lines.push(...renderPacks(status.packs, style), ...renderProblems(status.problems, style));
  return lines.join('\n');
}

function markState(state: HomeState, style: Style): string {
  switch (state) {
    case 'clean':
      return style.good(state);
    case 'pending':
    case 'probation':
    case 'drifted':
      return style.warn(state);
    case 'interrupted':
    case 'tampered':
    case 'rollback-failed':
      return style.bad(state);
  }
}
