// The recovery table, every row, and that no row is missing: the phases come from every journal that can be written.
import { describe, expect, test } from 'vitest';
import type { Journal, StageRecord } from '../../src/transaction/journal.js';
import {
  decideMoveBack,
  decideRecovery,
  decideUndo,
  type JournalPhase,
  phaseOf,
  type RecoveryAction,
  type Seen,
  type UndoAction,
} from '../../src/transaction/recovery-table.js';

const RECOVERY: Readonly<Record<JournalPhase, readonly [RecoveryAction, RecoveryAction]>> = {
  none: ['nothing', 'nothing'],
  staging: ['sweep', 'sweep'],
  deploying: ['roll-back', 'roll-back'],
  committed: ['complete', 'roll-back'],
  'rolling-back': ['roll-back', 'roll-back'],
  'rolled-back': ['finish-rollback', 'finish-rollback'],
};

describe('what recovery does, by phase and whether a path is seen as before', () => {
  for (const [phase, [whole, inPart]] of Object.entries(RECOVERY)) {
    test(`${phase}, nothing undone: ${whole}`, () => expect(decideRecovery(phase as JournalPhase, false)).toBe(whole));
    test(`${phase}, undone in part: ${inPart}`, () => expect(decideRecovery(phase as JournalPhase, true)).toBe(inPart));
  }
});

const UNDO: Readonly<Record<Seen, UndoAction>> = {
  before: 'leave',
  after: 'restore',
  absent: 'restore',
  foreign: 'set-aside-and-restore',
};

test.each(Object.entries(UNDO))('a path that is seen as %s: %s', (seen, action) => {
  expect(decideUndo(seen as Seen)).toBe(action);
});

test.each([
  [true, false, 'leave'],
  [false, true, 'move-back'],
  [true, true, 'report'],
  [false, false, 'report'],
] as const)('a move, seen at its source %s and at its target %s: %s', (atSource, atTarget, action) => {
  expect(decideMoveBack(atSource, atTarget)).toBe(action);
});

const stage: StageRecord = { kind: 'stage', format: 1, transaction: 't', reason: 'r', startedMs: 1, folders: [] };
const begin = {
  kind: 'begin',
  operations: [],
  places: [],
  summary: { apply: [], revert: [], update: [], paths: [] },
} as const;

test('the phase of every combination of records', () => {
  const flags = [false, true] as const;
  for (const begun of flags)
    for (const committed of flags)
      for (const rollingBack of flags)
        for (const rolledBack of flags) {
          const journal: Journal = {
            stage,
            begin: begun ? begin : undefined,
            undo: new Map(),
            committed,
            stepsMs: undefined,
            rollingBack,
            rolledBack,
            failed: undefined,
          };
          const expected: JournalPhase = rolledBack
            ? 'rolled-back'
            : !begun
              ? 'staging'
              : rollingBack
                ? 'rolling-back'
                : committed
                  ? 'committed'
                  : 'deploying';
          expect(phaseOf(journal), JSON.stringify({ begun, committed, rollingBack, rolledBack })).toBe(expected);
        }
  expect(phaseOf(undefined)).toBe('none');
});
