// The record on disk of the transaction that runs (formats 3). One JSON record a line, each with its checksum; appended and
// flushed, never rewritten. A torn last line was never acted upon and counts as not written; any other damage is an error.

import { PatchError } from '../error.js';
import type { FileEntry } from '../home/entry.js';
import { parseRooted } from '../home/layout.js';
import type { Operation } from '../plan/operation.js';
import type { StepsMs } from '../state/history.js';
import { formatCheckedLine, parseCheckedLine, TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import type { Files } from '../system/files.js';
import type { ProcessIdentity } from '../system/process-identity.js';

/** Where staged files and backups of one file system are. */
export interface WorkFolder {
  readonly path: string;
  readonly device: number;
}

export interface StageRecord {
  readonly kind: 'stage';
  readonly format: 1;
  readonly transaction: string;
  readonly reason: string;
  readonly startedMs: number;
  /** Absolute paths of the folders that staging uses, one for each file system concerned. */
  readonly folders: readonly WorkFolder[];
}

export interface BeginRecord {
  readonly kind: 'begin';
  readonly operations: readonly Operation[];
  /** For each operation, the index of its work folder. */
  readonly places: readonly number[];
  readonly summary: TransactionSummary;
}

/** What history keeps of a transaction. */
export interface TransactionSummary {
  readonly apply: readonly string[];
  readonly revert: readonly string[];
  readonly update: readonly string[];
  readonly paths: readonly { readonly action: string; readonly path: string }[];
  readonly stagedBytes?: number;
  readonly changedFiles?: number;
  readonly actions?: number;
}

/** What an action needs for its rollback; durable before the action is executed. */
export interface UndoRecord {
  readonly kind: 'undo';
  readonly operation: number;
  readonly data: unknown;
}

/** What the journal says of an operation's actions, in the order of writing; `step` counts within the operation. */
export type ActionRecord =
  | UndoRecord
  /** A command runs as this process, which may outlive ours. */
  | {
      readonly kind: 'started';
      readonly operation: number;
      readonly step: number;
      readonly process: ProcessIdentity;
    }
  /** An action failed in its execution: what was only prepared of this block is not rolled back. */
  | { readonly kind: 'executing'; readonly operation: number }
  /** Without it what was begun may have been done in part. */
  | { readonly kind: 'done'; readonly operation: number; readonly step: number }
  | { readonly kind: 'undone'; readonly operation: number; readonly step: number };

/** What a `late` text has become; durable before it is put in place. */
export interface LateRecord {
  readonly kind: 'late';
  readonly operation: number;
  readonly after: FileEntry;
}

export type JournalRecord =
  | StageRecord
  | BeginRecord
  | ActionRecord
  | LateRecord
  /** `stepsMs`: what the steps before have taken, for the history. */
  | { readonly kind: 'commit'; readonly stepsMs?: StepsMs }
  /** From here on the transaction is undone, even if a commit record stands before it. */
  | { readonly kind: 'rollback'; readonly cause: string }
  /** Everything is undone and verified: only work folders are left to remove. */
  | { readonly kind: 'rolled-back' }
  | { readonly kind: 'rollback-failed'; readonly cause: string; readonly path: string | null };

export interface Journal {
  readonly stage: StageRecord;
  readonly begin: BeginRecord | undefined;
  readonly undo: ReadonlyMap<number, readonly ActionRecord[]>;
  readonly committed: boolean;
  readonly stepsMs: StepsMs | undefined;
  readonly rollingBack: boolean;
  readonly rolledBack: boolean;
  readonly failed: { readonly cause: string; readonly path: string | null } | undefined;
}

export function formatRecord(record: JournalRecord): string {
  return formatCheckedLine(record);
}

/**
 * A record of the undoing, as it is appended: on a line of its own, since the append before it may have been torn. After a
 * whole line that leaves an empty one, by which a torn line can be told from a changed one.
 */
export function formatUndoing(
  record: Extract<JournalRecord, { kind: 'rollback' | 'rolled-back' | 'rollback-failed' | 'undone' }>,
): string {
  return `\n${formatRecord(record)}`;
}

/**
 * Reads the journal; undefined where there is none, or where not even its first record is whole (nothing was done then).
 * @throws PatchError JOURNAL_DAMAGED
 */
export function readJournal(files: Files, path: string): Journal | undefined {
  if (files.stat(path) === undefined) return undefined;
  return parseJournal(files.read(path, TEXT_LIMIT_BYTES).toString('utf8'), path);
}

/** @throws PatchError JOURNAL_DAMAGED */
export function parseJournal(text: string, path: string): Journal | undefined {
  const records: JournalRecord[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    const record = isLast ? undefined : parseRecord(line);
    if (record !== undefined) records.push(record);
    else if (isLast) break;
    else if (line === '') continue;
    else if (isTorn(lines.slice(index))) break;
    else if (!isTornBeforeUndoing(line, lines[index + 1], index + 2 === lines.length))
      throw damaged(path, `record ${index + 1} is not as it was written`);
  }
  return assemble(records, path);
}

/** What the whole records of a damaged journal say; undefined where the first two are not among them. */
export function parseWholeRecords(text: string): Journal | undefined {
  const records = text.split('\n').flatMap((line) => parseRecord(line) ?? []);
  const [stage, begin] = records;
  return stage?.kind === 'stage' && begin?.kind === 'begin' ? assemble(records, 'journal') : undefined;
}

/** Whether what follows the last whole record is what an interrupted append leaves: no line end, or zeros only. */
function isTorn(rest: readonly string[]): boolean {
  return rest.every((line) => /^\0*$/.test(line));
}

/** Whether a line is what an append left that failed, and that was then undone (`formatUndoing`). */
function isTornBeforeUndoing(line: string, next: string | undefined, nextIsLast: boolean): boolean {
  if (next === undefined || parseRecord(line.slice(0, -1)) !== undefined) return false;
  // That append may be torn itself, down to its line end alone; then only a record without its end can be what is torn.
  if (nextIsLast) return next !== '' || !(line.endsWith('}') || parseRecord(`${line.slice(0, -1)}}`) !== undefined);
  return UNDOING.has(parseRecord(next)?.kind);
}

const UNDOING: ReadonlySet<JournalRecord['kind'] | undefined> = new Set([
  'rollback',
  'rolled-back',
  'rollback-failed',
  'undone',
]);

function parseRecord(line: string): JournalRecord | undefined {
  const record = parseCheckedLine(line) as JournalRecord | null | undefined;
  return typeof record?.kind === 'string' ? record : undefined;
}

function assemble(records: readonly JournalRecord[], path: string): Journal | undefined {
  const [stage, ...rest] = records;
  if (stage === undefined) return undefined;
  if (stage.kind !== 'stage' || (stage.format as number) !== 1 || !isStage(stage))
    throw damaged(path, 'it does not begin with a record that this version knows');
  let begin: BeginRecord | undefined;
  let failed: Journal['failed'];
  let stepsMs: StepsMs | undefined;
  const undo = new Map<number, ActionRecord[]>();
  const kinds = new Set<JournalRecord['kind']>();
  for (const record of rest) {
    kinds.add(record.kind);
    if (record.kind === 'begin') begin = checkBegin(record, path);
    else if (record.kind === 'late') begin = withLate(begin, record, path);
    else if (isActionRecord(record)) {
      const own = undo.get(record.operation) ?? [];
      own.push(record);
      undo.set(record.operation, own);
    } else if (record.kind === 'rollback-failed') failed = { cause: record.cause, path: record.path };
    else if (record.kind === 'commit') stepsMs = record.stepsMs;
    else if (record.kind === 'stage') throw damaged(path, 'it has two beginnings');
  }
  if (begin === undefined && (kinds.has('commit') || kinds.has('undo')))
    throw damaged(path, 'the record of the operations is missing');
  return {
    stage,
    begin,
    undo,
    committed: kinds.has('commit'),
    stepsMs,
    rollingBack: kinds.has('rollback'),
    rolledBack: kinds.has('rolled-back'),
    failed,
  };
}

function isStage({ transaction, folders }: StageRecord): boolean {
  return (
    typeof transaction === 'string' &&
    Array.isArray(folders) &&
    folders.every((folder: WorkFolder | null) => typeof folder?.path === 'string')
  );
}

function isActionRecord(record: JournalRecord): record is ActionRecord {
  return ['undo', 'started', 'executing', 'done', 'undone'].includes(record.kind);
}

function withLate(begin: BeginRecord | undefined, { operation, after }: LateRecord, path: string): BeginRecord {
  const late = begin?.operations[operation];
  if (begin === undefined || late?.kind !== 'write') throw damaged(path, 'it completes an operation that is not there');
  return { ...begin, operations: begin.operations.with(operation, { ...late, after }) };
}

/** Paths in a journal are checked like any other input. */
function checkBegin(record: BeginRecord, path: string): BeginRecord {
  try {
    for (const operation of record.operations) {
      parseRooted(operation.path);
      if (operation.kind === 'move') parseRooted(operation.target);
    }
  } catch (error) {
    throw damaged(path, error instanceof Error ? error.message : 'a path is not valid');
  }
  return record;
}

function damaged(path: string, what: string): PatchError {
  return new PatchError('JOURNAL_DAMAGED', `the journal ${path} is damaged: ${what}`, { path });
}
