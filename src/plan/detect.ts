// What has changed since the last start, in the words and the order of patches.log (Carbon rules 14, 15). Pure.

import { splitRooted } from '../home/layout.js';
import type { LedgerPack } from './ledger.js';

export interface Detection {
  readonly lines: readonly string[];
  readonly applied: readonly string[];
  readonly reverted: readonly string[];
  readonly updated: readonly string[];
}

/** Compares the packs of the record with those that are to be applied: the service pack first, then a merge walk. */
export function detectChanges(prior: readonly LedgerPack[], packs: readonly LedgerPack[]): Detection {
  const lines: string[] = [];
  const applied: string[] = [];
  const reverted: string[] = [];
  const updated: string[] = [];
  const compare = (before: LedgerPack | undefined, after: LedgerPack | undefined) => {
    if (before === after) return;
    if (before !== undefined && after !== undefined && before.name === after.name) {
      const changes = compareFiles(before, after);
      if (changes.length > 0) updated.push(after.name);
      lines.push(...changes);
      return;
    }
    if (before !== undefined) {
      lines.push(`${before.name} has been reverted`);
      reverted.push(before.name);
    }
    if (after !== undefined) {
      lines.push(
        after.kind === 'servicepack'
          ? `New service pack available - ${after.name}`
          : `New patch available - ${after.name}`,
      );
      applied.push(after.name);
    }
  };
  const isServicepack = (pack: LedgerPack) => pack.kind === 'servicepack';
  compare(prior.find(isServicepack), packs.find(isServicepack));
  const before = new Map(prior.filter((pack) => !isServicepack(pack)).map((pack) => [pack.name, pack]));
  const after = new Map(packs.filter((pack) => !isServicepack(pack)).map((pack) => [pack.name, pack]));
  const names = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) compare(before.get(name), after.get(name));
  return { lines, applied, reverted, updated };
}

function compareFiles(before: LedgerPack, after: LedgerPack): string[] {
  const old = new Map(before.files.map((file) => [file.target, file.md5]));
  const lines: string[] = [];
  // Two files of a pack may have one name in plugins, where they are the same.
  const now = new Map(after.files.map((file) => [file.target, file.md5]));
  for (const [target, md5] of now) {
    const name = splitRooted(target).path;
    if (!old.has(target)) lines.push(`${name} has been added`);
    else if (old.get(target) !== md5) lines.push(`${name} has been updated`);
  }
  for (const target of old.keys()) if (!now.has(target)) lines.push(`${splitRooted(target).path} has been removed`);
  const gone = new Set(before.removes);
  for (const target of after.removes ?? [])
    if (!gone.has(target) && !old.has(target)) lines.push(`${splitRooted(target).path} has been removed`);
  const still = new Set(after.removes);
  for (const target of gone)
    if (!still.has(target) && !now.has(target)) lines.push(`${splitRooted(target).path} has been restored`);
  return lines;
}
