// The recovery table: what the journal says and what is seen on disk decide what is done. Pure, and tested row by row.

import type { Journal } from './journal.js';

/** How far an interrupted transaction came, by its journal. */
export type JournalPhase = 'none' | 'staging' | 'deploying' | 'committed' | 'rolling-back' | 'rolled-back';

/** What recovery does with the whole transaction. */
export type RecoveryAction = 'nothing' | 'sweep' | 'roll-back' | 'complete' | 'finish-rollback';

export function phaseOf(journal: Journal | undefined): JournalPhase {
  if (journal === undefined) return 'none';
  if (journal.rolledBack) return 'rolled-back';
  if (journal.begin === undefined) return 'staging';
  if (journal.rollingBack) return 'rolling-back';
  return journal.committed ? 'committed' : 'deploying';
}

/**
 * A commit record whose flush failed may be on disk although the transaction was then undone. `undoingBegun` says that what
 * was written last is seen as before; the undoing is then finished, since clean-up, which would make that impossible, never began.
 */
export function decideRecovery(phase: JournalPhase, undoingBegun: boolean): RecoveryAction {
  switch (phase) {
    case 'none':
      return 'nothing';
    case 'staging':
      return 'sweep';
    case 'deploying':
    case 'rolling-back':
      return 'roll-back';
    case 'committed':
      return undoingBegun ? 'roll-back' : 'complete';
    case 'rolled-back':
      return 'finish-rollback';
  }
}

/** What is seen at the path of a file operation, compared with what the journal says of before and after. */
export type Seen = 'before' | 'after' | 'absent' | 'foreign';

export type UndoAction =
  | 'leave'
  /** Put the backup in place, or remove what was created. */
  | 'restore'
  /** Keep the foreign content under another name, then restore. */
  | 'set-aside-and-restore';

/** `before` wins over `after` where both are the same. `absent` here means: absent, and neither before nor after is. */
export function decideUndo(seen: Seen): UndoAction {
  switch (seen) {
    case 'before':
      return 'leave';
    case 'after':
    case 'absent':
      return 'restore';
    case 'foreign':
      return 'set-aside-and-restore';
  }
}

/** A folder or file that an operation moves: seen at its old and at its new place. */
export function decideMoveBack(atSource: boolean, atTarget: boolean): 'leave' | 'move-back' | 'report' {
  if (!atTarget) return atSource ? 'leave' : 'report';
  return atSource ? 'report' : 'move-back';
}
