// A line of the logs, complete but for its shape. Pure.

import { formatLogLine } from './log-line.js';
import type { RoutedLine } from './log-route.js';

export interface TimedLine extends RoutedLine {
  readonly timeMs: number;
  /** `prepatch`, or `prepatch.<transaction>`. */
  readonly logger: string;
}

export function formatTimedLine(line: TimedLine): string {
  return formatLogLine(line.timeMs, line.level, line.logger, line.body);
}
