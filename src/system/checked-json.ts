// JSON with its SHA-256 in front: `<64 hex digits>\n<json>\n`, or `<64 hex digits> <json>\n` where a file has many. Any changed,
// missing or added byte is noticed (formats 1, 3).

import { createHash } from 'node:crypto';
import { digestText } from './digest-text.js';

/** How much of a text of our own is read: Node has no strings of more than 2^29 − 24 characters. */
export const TEXT_LIMIT_BYTES = 500 * 1024 * 1024;

const DIGITS = 64;
const LINE_END = 0x0a;
const SPACE = 0x20;

export function formatChecked(value: unknown): string {
  return format(value, '\n');
}

/** The value, or undefined where the checksum does not fit or the bytes are no JSON. */
export function parseChecked(bytes: Buffer): unknown {
  return bytes.at(-1) === LINE_END ? parseBehind(bytes, LINE_END) : undefined;
}

export function formatCheckedLine(value: unknown): string {
  return format(value, ' ');
}

/** The value of a line, which is given without its end. */
export function parseCheckedLine(line: string): unknown {
  return parseBehind(Buffer.from(`${line}\n`, 'utf8'), SPACE);
}

/** The values of the lines that are as they were written, with their lengths; `damaged` where one is not. */
export function parseCheckedLines(bytes: Buffer): {
  readonly values: readonly { readonly value: unknown; readonly sizeBytes: number }[];
  readonly damaged: boolean;
} {
  const values: { value: unknown; sizeBytes: number }[] = [];
  let damaged = false;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_END, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end + 1);
    const value = end === -1 ? undefined : parseBehind(line, SPACE);
    if (value === undefined) damaged = true;
    else values.push({ value, sizeBytes: line.length });
    start += line.length;
  }
  return { values, damaged };
}

function format(value: unknown, separator: '\n' | ' '): string {
  const json = JSON.stringify(value);
  return `${digestText(json)}${separator}${json}\n`;
}

function parseBehind(bytes: Buffer, separator: number): unknown {
  if (bytes[DIGITS] !== separator) return undefined;
  const json = bytes.subarray(DIGITS + 1, -1);
  if (bytes.toString('latin1', 0, DIGITS) !== createHash('sha256').update(json).digest('hex')) return undefined;
  try {
    return JSON.parse(json.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
