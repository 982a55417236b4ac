// Our own record of what is applied: the packs with every layer, the base of each path they cover, what the other plugins
// looked like. Types only; reading and writing are in state/ledger-file (formats 2).

import type { LedgerActions } from './action-operation.js';
import type { BundlesInfoEdits } from './bundles-info.js';
import type { Entry, Md5, RootedPath } from '../home/entry.js';
import type { LayoutName } from '../home/layout.js';
import type { PackKind } from '../home/pack.js';
import type { Probation, QuarantinedPack } from './probation.js';

/** A path as it is without any pack. `unknown`: a pack covered it before we first looked, and no backup tells. */
export type BaseEntry = Entry | { readonly kind: 'unknown' };

export interface LedgerFile {
  readonly fileName: string;
  readonly target: RootedPath;
  readonly md5: Md5;
  readonly sizeBytes: number;
  readonly mode: number;
  /** Brought by an operation of the manifest; `source` is where its content is, where that is not the pack. */
  readonly operation?: true;
  readonly source?: RootedPath;
  readonly setsMode?: true;
  readonly bundle?: { readonly symbolicName: string; readonly version: string };
}

export interface LedgerDirectory {
  readonly target: RootedPath;
  readonly mode: number;
}

/** What a pack has said of itself, for a time when it is gone. */
export interface LedgerManifest {
  readonly id: string;
  readonly version: string;
  readonly fixes: readonly string[];
}

export interface LedgerPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly absorbs: readonly string[];
  readonly files: readonly LedgerFile[];
  readonly directories: readonly LedgerDirectory[];
  /** Paths that it takes away. */
  readonly removes?: readonly RootedPath[];
  readonly manifest?: LedgerManifest;
  /** Only where the pack has actions. */
  readonly actions?: LedgerActions;
}

/** A plugin that no pack covers, as it was when we last looked. `md5` only where there was a reason to read it. */
export interface SeenFile {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly md5?: Md5;
}

export interface Ledger {
  readonly format: 1;
  /** Counts the transactions of this home. */
  readonly sequence: number;
  readonly transaction: string;
  readonly layout: LayoutName;
  /** In applied order, the service pack first. */
  readonly packs: readonly LedgerPack[];
  /** For every path that a pack covers. */
  readonly base: Readonly<Record<RootedPath, BaseEntry>>;
  readonly seen: Readonly<Record<RootedPath, SeenFile>>;
  /** What the names file and the JARs file say, as we wrote them; compared at the next start. */
  readonly names: readonly string[];
  readonly jars: Readonly<Record<string, Md5>> | undefined;
  /** What was done to each `bundles.info`. */
  readonly bundles?: Readonly<Record<RootedPath, BundlesInfoEdits>>;
  /** Transactions whose packs have to show that the server is healthy with them. */
  readonly probation?: readonly Probation[];
  /** Packs that were taken back because they did not show it. */
  readonly quarantined?: readonly QuarantinedPack[];
  /** Packs that were set aside, and why. */
  readonly held: readonly { readonly name: string; readonly kind: PackKind; readonly reason: string }[];
}
