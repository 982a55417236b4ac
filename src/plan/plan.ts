// A plan: what turns the home as it is into the home as its folders say, and why. Data, serialisable, made by pure functions.

import type { Entry, ObservedEntry, RootedPath } from '../home/entry.js';
import type { LayoutName } from '../home/layout.js';
import type { Problem } from '../problem.js';
import type { DeltaNeed } from './delta.js';
import type { Ledger } from './ledger.js';
import type { Operation } from './operation.js';

export type ChangeAction = 'create' | 'replace' | 'delete' | 'restore' | 'repair';

/** One path that changes, for people and programs. `path` is relative to the home. */
export interface Change {
  readonly action: ChangeAction;
  readonly path: string;
  /** Where the new content comes from: a pack’s file, `base`, or null for a deletion. */
  readonly from: string | null;
  readonly winner: string | null;
  readonly shadows: readonly string[];
  readonly before: ObservedEntry;
  readonly after: Entry;
  readonly reason: string;
}

/** What a comparison with the last start found, in the words of patches.log (Carbon rules 14, 15). */
export interface Detected {
  readonly lines: readonly string[];
  readonly changed: boolean;
}

export interface PlannedFile {
  readonly fileName: string;
  readonly target: RootedPath;
  readonly md5: string;
}

export interface PlannedPack {
  readonly name: string;
  readonly kind: 'patch' | 'servicepack';
  readonly files: readonly PlannedFile[];
}

export interface Plan {
  readonly home: string;
  readonly layout: LayoutName;
  readonly apply: readonly string[];
  readonly revert: readonly string[];
  /** Packs that stay applied and whose content differs. */
  readonly update: readonly string[];
  /** Everything that is applied afterwards, in order. */
  readonly packs: readonly PlannedPack[];
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly detected: Detected;
  readonly operations: readonly Operation[];
  /** The record after the plan; undefined where nothing has to be recorded. */
  readonly ledger: Ledger | undefined;
  /** Where drift of a path leaves content that is kept aside. */
  readonly drifted: readonly string[];
  /** Results of deltas that have to be known first; with one of them, the plan is not to be carried out. */
  readonly deltas: readonly DeltaNeed[];
}
