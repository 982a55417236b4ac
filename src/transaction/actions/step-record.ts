// What the journal keeps of one executed action before it touches anything: what a rollback needs. Reading it back checks its
// shape, as far as deciding what to touch depends on it.

import { PatchError } from '../../error.js';
import { type ObservedEntry, type RootedPath, sameContent } from '../../home/entry.js';
import { parseRooted } from '../../home/layout.js';
import type { Change, RecordedModule } from '../../plan/action-operation.js';
import type { Command } from '../../plan/pack-manifest.js';
import type { ProcessIdentity } from '../../system/process-identity.js';
import type { ActionRecord } from '../journal.js';

export interface RecordedChange {
  readonly change: Change;
  /** Where the old content of a changed file is: work folder and name there. */
  readonly backup?: { readonly folder: number; readonly name: string };
}

export interface RecordedCommand {
  readonly command: Command;
  /** The log of the action, relative to the logs folder. */
  readonly log: string;
}

export interface StagedModule extends RecordedModule {
  /** Its copy: work folder and name there. */
  readonly folder: number;
  readonly name: string;
  /** `rollback`: what it did is undone. `execute`: what it undid is done again. */
  readonly method: 'rollback' | 'execute';
}

export interface StepRecord {
  /** Counts the actions of one operation, lists and loops taken apart. */
  readonly step: number;
  readonly title: string;
  readonly pack: string;
  /** Its place among the actions of the operation, by lists and rounds of loops. */
  readonly order: readonly number[];
  /** False where it was only prepared; that is rolled back only while nothing is executed yet. */
  readonly isExecuting: boolean;
  /** The first operation of those that are prepared together. */
  readonly block: number;
  readonly changes: readonly RecordedChange[];
  /** Run to undo it; run whether or not the action came to its end. */
  readonly undo?: RecordedCommand;
  /** Run to tell of the failure. */
  readonly notify?: RecordedCommand;
  readonly module?: StagedModule;
  /** Whether the old content goes to the store once the transaction is committed, for a revert. */
  readonly keep: boolean;
}

/** A step as the journal tells of it. */
export interface RecordedStep {
  readonly operation: number;
  readonly record: StepRecord;
  /** The process of its command, where it may still run. */
  readonly running: ProcessIdentity | undefined;
  readonly done: boolean;
  readonly undone: boolean;
}

/** The steps that count, in the order in which they stand in the plan. @throws PatchError JOURNAL_DAMAGED */
export function readSteps(records: ReadonlyMap<number, readonly ActionRecord[]>): RecordedStep[] {
  const steps = [...records].sort(([a], [b]) => a - b).flatMap(([operation, own]) => readOperation(operation, own));
  const executing = new Set(
    [...records.values()].flatMap((own) => own.flatMap((one) => (one.kind === 'executing' ? [one.operation] : []))),
  );
  for (const { record } of steps) if (record.isExecuting) executing.add(record.block);
  return steps.filter(({ record }) => record.isExecuting || !executing.has(record.block));
}

function readOperation(operation: number, records: readonly ActionRecord[]): RecordedStep[] {
  const steps = new Map<number, RecordedStep>();
  for (const one of records) {
    if (one.kind === 'undo') {
      const record = checkStep(one.data);
      steps.set(record.step, { operation, record, running: undefined, done: false, undone: false });
      continue;
    }
    if (one.kind === 'executing') continue;
    const step = steps.get(one.step);
    if (step === undefined) continue;
    if (one.kind === 'started') steps.set(one.step, { ...step, running: one.process });
    else if (one.kind === 'done') steps.set(one.step, { ...step, running: undefined, done: true });
    else steps.set(one.step, { ...step, undone: true });
  }
  return [...steps.values()].sort((a, b) => compareOrder(a.record, b.record));
}

function compareOrder(a: StepRecord, b: StepRecord): number {
  for (const [index, place] of a.order.entries()) {
    const difference = place - (b.order[index] ?? -1);
    if (difference !== 0) return difference;
  }
  return a.order.length - b.order.length || a.step - b.step;
}

function checkStep(data: unknown): StepRecord {
  try {
    const record = data as StepRecord;
    for (const { change } of record.changes) {
      parseRooted(change.path);
      if (change.kind === 'rename') parseRooted(change.to);
    }
    return record;
  } catch (error) {
    throw new PatchError('JOURNAL_DAMAGED', 'the journal has a record of an action that cannot be read', {
      cause: error,
    });
  }
}

/** Whether what is at a path is what it was before an earlier change: then the later ones are undone there already. */
export function wasSoEarlier(earlier: readonly RecordedChange[], path: RootedPath, found: ObservedEntry): boolean {
  return earlier.some(({ change }) => {
    switch (change.kind) {
      case 'rename': {
        const holds = (one: RootedPath) => one === path || path.startsWith(`${one}/`);
        return holds(change.path) || (holds(change.to) && found.kind === 'absent');
      }
      case 'content':
        return change.path === path && sameContent(found, change.before);
      case 'make-directory':
        return change.path === path && found.kind === 'absent';
      case 'remove-directory':
        return change.path === path && found.kind === 'directory';
      case 'mode':
        return false;
    }
  });
}
