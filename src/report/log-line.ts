// The shape of a line in patches.log, as Carbon's log4j wrote it: `[%d] %5p {%c} -  %m%n` (formats 8). Pure.

import type { LogLevel } from '../event.js';

/**
 * Lines of one moment, with their ends. Control characters of a body are escaped, so that a name cannot forge a line; they are
 * searched for together, since a start may write thousands of lines.
 */
export function formatLogLines(timeMs: number, level: LogLevel, logger: string, bodies: readonly string[]): string {
  const start = `[${formatTime(timeMs)}] ${level.toUpperCase().padStart(5)} {${logger}} -  `;
  const safe = bodies.join('').search(CONTROLS) < 0 ? bodies : bodies.map(escapeControls);
  return `${start}${safe.join(`\n${start}`)}\n`;
}

/** Local time with milliseconds after a comma: `2026-11-21 11:24:17,807`. */
export function formatTime(timeMs: number): string {
  // Lines come in bursts of the same millisecond.
  if (timeMs !== lastTime.timeMs) lastTime = { timeMs, text: timeText(timeMs) };
  return lastTime.text;
}

let lastTime = { timeMs: Number.NaN, text: '' };

function timeText(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())},${String(time.getMilliseconds()).padStart(3, '0')}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

export function escapeControls(text: string): string {
  if (text.search(CONTROLS) < 0) return text;
  return text.replace(CONTROLS, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
