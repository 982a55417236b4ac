// A line of the logs, complete but for its shape. Pure.

import { formatLogLine, formatLogLines } from './log-line.js';
import type { RoutedLine } from './log-route.js';

export interface TimedLine extends RoutedLine {
  readonly timeMs: number;
  /** `prepatch`, or `prepatch.<transaction>`. */
  readonly logger: string;
}

export function formatTimedLine(line: TimedLine): string {
  return formatLogLine(line.timeMs, line.level, line.logger, line.body);
}

/** Lines that are written together, those of one moment at a time. */
export function formatTimedLines(lines: readonly TimedLine[]): string {
  let text = '';
  for (let start = 0; start < lines.length; ) {
    const first = lines[start] as TimedLine;
    let end = start + 1;
    while (isOfOneMoment(first, lines[end])) end++;
    const bodies = lines.slice(start, end).map((line) => line.body);
    text += formatLogLines(first.timeMs, first.level, first.logger, bodies);
    start = end;
  }
  return text;
}

function isOfOneMoment(first: TimedLine, other: TimedLine | undefined): boolean {
  return other?.timeMs === first.timeMs && other.level === first.level && other.logger === first.logger;
}
