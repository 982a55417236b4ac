// Carbon's own state files, read and written (Carbon rules 3, 12, 13). Pure: text in, data out, and back.

import type { Md5 } from '../home/entry.js';

/** What the state files say: names in applied order, and final names with their MD5 (4.4 only). */
export interface CarbonState {
  readonly names: readonly string[];
  readonly jars: ReadonlyMap<string, Md5> | undefined;
}

/** Names, one a line. CRLF and blank lines are tolerated; duplicates are dropped, the first stands. */
export function parseNames(text: string): string[] {
  return [...new Set(linesOf(text))];
}

export function formatNames(names: readonly string[]): string {
  return names.map((name) => `${name}\n`).join('');
}

/**
 * `<final name>:<md5>` lines, split at the first `:` (Carbon rule 13). A blank line says nothing (a blank one broke Carbon);
 * a line without a colon or whose second part is no MD5 is returned under `bad`.
 */
export function parseJars(text: string): { jars: Map<string, Md5>; bad: string[] } {
  const jars = new Map<string, Md5>();
  const bad: string[] = [];
  for (const line of linesOf(text)) {
    const colon = line.indexOf(':');
    const md5 = line.slice(colon + 1).trim();
    if (colon > 0 && /^[0-9a-f]{32}$/i.test(md5)) jars.set(line.slice(0, colon), md5.toLowerCase() as Md5);
    else bad.push(line);
  }
  return { jars, bad };
}

/** Sorted, so that the same state is the same text. */
export function formatJars(jars: ReadonlyMap<string, Md5>): string {
  return [...jars]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, md5]) => `${name}:${md5}\n`)
    .join('');
}

/** Why the list of names could not say a name, so that it would be read back as another, or as two. */
export function packNameFault(name: string): string | undefined {
  return /\p{Cc}/u.test(name) ? 'its name has a control character' : undefined;
}

/** The same for the name of a file in plugins and the list of JARs: lines, split at the first `:` (Carbon rule 13). */
export function jarsNameFault(name: string): string | undefined {
  if (name.includes(':')) return 'that name has a colon';
  return /[\r\n]/.test(name) ? 'that name has a line break' : undefined;
}

/** The patch names of a service pack's list: one a line, CRLF tolerated, blanks inside a line kept (Carbon rule 8). */
export function parseAbsorbed(text: string): string[] {
  return parseNames(text);
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line.trim() !== '');
}
