// What was there before a run: what the packs of the record are, what they have left at each path, and the base of it. Pure.

import { ABSENT, type Entry, type FileEntry, type RootedPath } from '../home/entry.js';
import type { Problem } from '../problem.js';
import type { BaseEntry, Ledger, LedgerPack, SeenFile } from './ledger.js';

/** What was there before this run: the ledger, or what could be told of a home that we see for the first time. */
export interface Prior {
  readonly ledger: Ledger | undefined;
  readonly packs: readonly LedgerPack[];
  readonly base: Readonly<Record<RootedPath, BaseEntry>>;
  readonly seen: Readonly<Record<RootedPath, SeenFile>>;
  /** Paths that no pack covers and that are to be as Carbon's backup has them. */
  readonly restore: ReadonlyMap<RootedPath, { readonly source: RootedPath; readonly entry: FileEntry }>;
  /** Where the content of a base comes from that is neither in place nor in the store. */
  readonly baseSources: ReadonlyMap<RootedPath, RootedPath>;
  readonly problems: readonly Problem[];
}

/** What the packs of a record have left at each path. */
export type LeftPaths = ReadonlyMap<RootedPath, { readonly after: Entry; readonly setsMode: boolean }>;

export function fromLedger(ledger: Ledger): Prior {
  return {
    ledger,
    packs: ledger.packs,
    base: ledger.base,
    seen: ledger.seen,
    restore: new Map(),
    baseSources: new Map(),
    problems: [],
  };
}

export function leftBy(packs: readonly LedgerPack[]): LeftPaths {
  const left = new Map<RootedPath, { readonly after: Entry; readonly setsMode: boolean }>();
  for (const pack of packs) {
    for (const { target, mode } of pack.directories)
      left.set(target, { after: { kind: 'directory', mode }, setsMode: false });
    for (const { target, md5, sizeBytes, mode, setsMode } of pack.files)
      left.set(target, { after: { kind: 'file', md5, sizeBytes, mode }, setsMode: setsMode === true });
    for (const path of pack.removes ?? []) left.set(path, { after: ABSENT, setsMode: false });
  }
  return left;
}
