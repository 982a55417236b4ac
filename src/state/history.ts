// The audit of every transaction (formats 4): one record a line, appended, never cut; each carries the SHA-256 of the line
// before it, so that a changed or missing line is noticed.

import { PatchError } from '../error.js';
import type { Phase } from '../event.js';
import type { Layout } from '../home/layout.js';
import { TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import { digestText } from '../system/digest-text.js';
import type { Files } from '../system/files.js';

/** Milliseconds by step. Only what is known: a step that an interruption cut short is left out. */
export type StepsMs = Readonly<Partial<Record<Phase, number>>>;

export interface HistoryEntry {
  readonly transaction: string;
  readonly outcome: 'committed' | 'rolled-back';
  readonly reason: string;
  readonly startedMs: number;
  /** Why it was undone. */
  readonly cause?: string;
  readonly summary: {
    readonly apply: readonly string[];
    readonly revert: readonly string[];
    readonly update: readonly string[];
    readonly paths: readonly { readonly action: string; readonly path: string }[];
    /** Bytes that were copied; what had been copied ahead is not counted. Absent in old records, as the next two. */
    readonly stagedBytes?: number;
    /** Files that were put in place or removed, lists of what is applied aside. */
    readonly changedFiles?: number;
    /** Operations that are actions of packs. */
    readonly actions?: number;
  };
  /** How long each step took; clean-up, of which this record is a part, is left out. */
  readonly stepsMs?: StepsMs;
}

export interface HistoryRecord extends HistoryEntry {
  readonly number: number;
  readonly recordedMs: number;
  readonly user: string;
  readonly host: string;
  /** SHA-256 of the line before, 64 zeros for the first. */
  readonly previous: string;
}

export interface History {
  readonly records: readonly HistoryRecord[];
  /** Where the chain is broken, if it is: the line's number, from 1. */
  readonly brokenAt: number | undefined;
}

const TAIL_BYTES = 1024 * 1024;
/** What a look needs of the history is in its last transactions. */
const RECENT_BYTES = 8 * 1024 * 1024;
const NO_LINE = '0'.repeat(64);

/** Appends a record, unless it is there already from a clean-up that was interrupted. */
export function appendHistory(files: Files, layout: Layout, entry: HistoryEntry): void {
  const path = layout.historyFile;
  if (files.stat(layout.history) === undefined) {
    files.makeDirectory(layout.history);
    files.flushDirectory(layout.state);
  }
  const stat = files.stat(path);
  if (stat === undefined) {
    files.writeNew(path, formatLine(entry, 1, NO_LINE, files), 0o644);
    files.flushDirectory(layout.history);
    return;
  }
  const last = lastLine(files, path, stat.sizeBytes);
  const record = last === undefined ? undefined : parseLine(last.line);
  if (record?.transaction === entry.transaction) {
    // Whoever wrote it may have been killed before it was flushed.
    files.append(path, '');
    return;
  }
  const previous = last === undefined ? NO_LINE : digestText(last.line);
  // After a line that an interruption has cut off, the number goes on from the last whole one.
  const number = (record ?? (last === undefined ? undefined : recentHistory(files, layout).at(-1)))?.number ?? 0;
  const line = formatLine(entry, number + 1, previous, files);
  files.append(path, last !== undefined && !last.ended ? `\n${line}` : line);
}

/** @throws PatchError INPUT_TOO_LARGE */
export function readHistory(files: Files, layout: Layout): History {
  const path = layout.historyFile;
  if (files.stat(path) === undefined) return { records: [], brokenAt: undefined };
  const lines = files.read(path, TEXT_LIMIT_BYTES).toString('utf8').split('\n');
  const records: HistoryRecord[] = [];
  let previous = NO_LINE;
  let brokenAt: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (line === '' && index === lines.length - 1) break;
    const record = parseLine(line);
    // A line that is no record is what an interrupted append left: without an end, or the next record's digest of it proves it.
    const isLastWhole = index === lines.length - 2 && lines.at(-1) === '';
    if (record === undefined ? isLastWhole : record.previous !== previous) brokenAt ??= index + 1;
    if (record !== undefined) records.push(record);
    previous = digestText(line);
  }
  return { records, brokenAt };
}

/** The last records, of the last 8 MiB; nothing is said of the chain. */
export function recentHistory(files: Files, layout: Layout): readonly HistoryRecord[] {
  const path = layout.historyFile;
  const stat = files.stat(path);
  if (stat === undefined) return [];
  const length = Math.min(stat.sizeBytes, RECENT_BYTES);
  const lines = files
    .readRange(path, stat.sizeBytes - length, length)
    .toString('utf8')
    .split('\n');
  // The first one may be cut off: it is no record then.
  return lines.flatMap((line) => parseLine(line) ?? []);
}

function formatLine(entry: HistoryEntry, number: number, previous: string, files: Files): string {
  const record: HistoryRecord = { number, ...entry, recordedMs: Date.now(), ...files.identity(), previous };
  return `${JSON.stringify(record)}\n`;
}

function parseLine(line: string): HistoryRecord | undefined {
  // Quicker than an exception, of which a damaged file can hold millions.
  if (!line.startsWith('{')) return undefined;
  try {
    const record = JSON.parse(line) as Partial<HistoryRecord>;
    return typeof record.transaction === 'string' &&
      typeof record.previous === 'string' &&
      typeof record.number === 'number'
      ? (record as HistoryRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

function lastLine(files: Files, path: string, sizeBytes: number): { line: string; ended: boolean } | undefined {
  if (sizeBytes === 0) return undefined;
  for (let length = Math.min(sizeBytes, TAIL_BYTES); ; length = Math.min(sizeBytes, length * 8)) {
    const tail = files.readRange(path, sizeBytes - length, length).toString('utf8');
    const ended = tail.endsWith('\n');
    const text = ended ? tail.slice(0, -1) : tail;
    const start = text.lastIndexOf('\n');
    if (start >= 0 || length === sizeBytes) return { line: text.slice(start + 1), ended };
    if (length > TEXT_LIMIT_BYTES)
      throw new PatchError('INPUT_TOO_LARGE', `${path} has a line that is too long`, { path });
  }
}
