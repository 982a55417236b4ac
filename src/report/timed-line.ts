// A line of the logs, complete but for its shape. Pure.

import { formatLogLines } from './log-line.js';
import type { RoutedLine } from './log-route.js';

export interface TimedLine extends RoutedLine {
  readonly timeMs: number;
  /** `prepatch`, or `prepatch.<transaction>`. */
  readonly logger: string;
}

/** `before`: bodies of lines that are written with it, of the same moment and level. */
export function formatTimedLine(line: TimedLine, before: readonly string[] = []): string {
  return formatLogLines(line.timeMs, line.level, line.logger, [...before, line.body]);
}
