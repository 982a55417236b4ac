// Which log files a line belongs to, and which lines an event makes. patches.log tells the whole story; level 0 is the most
// important and each level's file a subset of the next; each step's file is a subset of the last level. Pure.

import { unreachable } from '../error.js';
import type { LogLevel, PatchEvent, Phase, Severity } from '../event.js';

/** A line before it has a time and a shape. */
export interface LogText {
  readonly level: LogLevel;
  readonly body: string;
  /** Whether it belongs into patches.log; the others are details. */
  readonly isStory: boolean;
}

export interface RoutedLine extends LogText {
  readonly step: Phase;
}

export const STORY_LOG = 'patches.log';
export const DETAIL_FOLDER = 'prepatch';

/** Level → number of its file; winston's order too. */
export const LOG_LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2 };

/** Paths of the detail logs of a line, relative to the logs folder. */
export function detailLogsOf(line: RoutedLine): readonly string[] {
  const levels = Object.values(LOG_LEVELS).filter((level) => level >= LOG_LEVELS[line.level]);
  return [...levels.map(levelLog), stepLog(line.step)];
}

export function levelLog(level: number): string {
  return `${DETAIL_FOLDER}/level${level}.log`;
}

export function stepLog(step: Phase): string {
  return `${DETAIL_FOLDER}/${step}.log`;
}

const SEVERITIES: Readonly<Record<Severity, LogLevel>> = { info: 'info', warning: 'warn', error: 'error' };

/** The line of an event, if it makes one. */
export function textOf(event: PatchEvent): LogText | undefined {
  switch (event.kind) {
    case 'log':
      return { level: event.level, body: event.body, isStory: true };
    case 'problem':
      return { level: SEVERITIES[event.severity], body: event.message, isStory: true };
    case 'phase':
      return { level: 'info', body: `Step ${event.phase} begins`, isStory: false };
    case 'plan': {
      const parts = [
        ...namesOf('apply', event.apply),
        ...namesOf('revert', event.revert),
        ...namesOf('update', event.update),
        event.changes === 1 ? '1 path changes' : `${event.changes} paths change`,
      ];
      return { level: 'info', body: `Plan: ${parts.join('; ')}`, isStory: false };
    }
    case 'transaction':
      return {
        level: event.state === 'rollback-failed' ? 'error' : 'info',
        body: `Transaction ${event.transaction} ${event.state}`,
        isStory: false,
      };
    case 'progress':
      return undefined;
    default:
      return unreachable(event);
  }
}

function namesOf(verb: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${verb} ${names.join(', ')}`];
}
