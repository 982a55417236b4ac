// The order in which packs are applied, by their names (Carbon rule 6), and where that is not the order of their numbers.

import { notice, type Problem } from '../problem.js';
import type { PackRules } from './pack-rules.js';
import type { ListedPack } from './pack-source.js';

export function warnOfOrder(packs: readonly ListedPack[], rules: PackRules, problems: Problem[]): void {
  if (rules.order === 'natural') return;
  const natural = [...packs].sort((a, b) => comparePackNames(a.name, b.name, 'natural'));
  const first = packs.findIndex((pack, index) => pack.name !== natural[index]?.name);
  if (first < 0) return;
  const [early, late] = [packs[first], natural[first]];
  const who = rules.companion ? 'Carbon’s own patcher compares names' : 'names are compared';
  const otherwise = rules.companion ? '; order: natural does not count beside it' : ', or set order: natural';
  problems.push(
    notice('ORDER_SURPRISE', 'warning', `${early?.name} is applied before ${late?.name}: ${who} letter by letter`, {
      hint: `Write the numbers with as many digits each (patch0009, patch0010)${otherwise}.`,
    }),
  );
}

/** Carbon rule 6, or runs of digits compared as numbers. */
export function comparePackNames(a: string, b: string, order: PackRules['order']): number {
  const plain = a < b ? -1 : a > b ? 1 : 0;
  if (order === 'lexicographic') return plain;
  const [left, right] = [splitDigits(a), splitDigits(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [x, y] = [left[index] as string, right[index] as string];
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = BigInt(x) - BigInt(y);
      if (difference !== 0n) return difference < 0n ? -1 : 1;
    } else if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length || plain;
}

function splitDigits(name: string): string[] {
  return name.match(/\d+|\D+/g) ?? [];
}
