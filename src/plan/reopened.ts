// Vulnerabilities and issues that packs on record have fixed, and that none of those fixes that are left. Pure.

import type { Pack } from '../home/pack.js';
import type { LedgerPack } from './ledger.js';

export interface Reopened {
  readonly pack: string;
  /** The pack stays, and its new content does not fix them any more. */
  readonly stays: boolean;
  readonly fixes: readonly string[];
}

export function findReopened(prior: readonly LedgerPack[], packs: readonly Pack[]): Reopened[] {
  const names = new Set(packs.map((pack) => pack.name));
  const fixed = new Set(packs.flatMap((pack) => pack.recorded?.fixes ?? pack.manifest?.fixes ?? []));
  return prior.flatMap(({ name, manifest }) => {
    const fixes = (manifest?.fixes ?? []).filter((fix) => !fixed.has(fix));
    if (fixes.length === 0) return [];
    const isContained = packs.some(
      (pack) =>
        pack.absorbs.includes(name) ||
        pack.manifest?.supersedes.some(({ id }) => id === name || id === manifest?.id) === true,
    );
    return isContained ? [] : [{ pack: name, stays: names.has(name), fixes }];
  });
}
