// JSON with its SHA-256 in front: `<64 hex digits>\n<json>`. Any changed, missing or added byte is noticed (formats 1).

import { digestText } from './digest-text.js';

/** How much of a text of our own is read: Node has no strings of more than 2^29 − 24 characters. */
export const TEXT_LIMIT_BYTES = 500 * 1024 * 1024;

export function formatChecked(value: unknown): string {
  const json = JSON.stringify(value);
  return `${digestText(json)}\n${json}\n`;
}

/** The value, or undefined where the checksum does not fit or the text is no JSON. */
export function parseChecked(text: string): unknown {
  const json = text.slice(65, -1);
  if (text[64] !== '\n' || !text.endsWith('\n') || text.slice(0, 64) !== digestText(json)) return undefined;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
