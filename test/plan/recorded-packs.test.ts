// Packs as the record has them, where their folders cannot say it.
import { expect, test } from 'vitest';
import { rooted } from '../../src/home/layout.js';
import type { ListedPack } from '../../src/home/pack-source.js';
import { makePlan } from '../../src/plan/make-plan.js';
import { keepApplied } from '../../src/plan/recorded-packs.js';
import { makeObservation, makePack } from './observation-builder.js';

const compareNames = (a: string, b: string) => (a < b ? -1 : 1);

test('a pack that is left out stays as recorded; a zip that has its name leaves the folder as it is', () => {
  const pack = makePack('patch-x', { 'a.jar': 'x1' });
  const home = { plugins: { 'a.jar': 'base' }, packs: [pack] };
  const rules = { drift: 'repair', transaction: 'one', rebase: false } as const;
  const { ledger } = makePlan(makeObservation(home), rules);
  if (ledger === undefined) throw new Error('nothing is recorded');
  const left: ListedPack = { name: 'patch-x', kind: 'patch', held: false };
  const without = keepApplied(makeObservation({ ...home, packs: [], ledger }), [left], compareNames);
  expect(without.packs.map(({ name, files }) => [name, files.map(({ target }) => target)])).toEqual([
    ['patch-x', ['plugins:a.jar']],
  ]);
  const zip = { path: rooted('patches', 'patch-x.zip'), unpacked: undefined, problems: [] };
  const beside = keepApplied(makeObservation({ ...home, ledger }), [{ ...left, zip }], compareNames);
  expect(beside.packs).toEqual([pack]);
});
