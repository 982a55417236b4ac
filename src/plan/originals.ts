// Which originals a record needs in the store. Pure.

import type { Sha256 } from '../home/entry.js';
import type { BaseEntry, Ledger } from './ledger.js';

/** The SHA-256 of every original that a ledger refers to. */
export function originalsOf(ledger: Ledger): Set<Sha256> {
  const found = new Set<Sha256>();
  for (const base of Object.values<BaseEntry>(ledger.base))
    if (base.kind === 'file' && base.sha256 !== undefined) found.add(base.sha256);
  for (const pack of ledger.packs) {
    for (const undo of pack.actions?.done.flatMap((done) => done.undo) ?? []) {
      if (undo.kind === 'module') found.add(undo.sha256);
      if (undo.kind === 'content' && undo.before.kind === 'file' && undo.before.sha256 !== undefined)
        found.add(undo.before.sha256);
    }
  }
  return found;
}
