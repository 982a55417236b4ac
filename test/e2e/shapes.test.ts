// Our own cases in the lab's format (cases/shapes.json), through the built command line: in both layouts with nobody after us, and
// in layout 4.4 with Carbon's own patcher to come.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectCarbonAtRest, filesAreOnlyThere } from './carbon-at-rest.js';
import { layoutsOf, readCases, runCase } from './lab-case.js';

const cases = readCases(join(import.meta.dirname, 'cases', 'shapes.json'));

describe('nobody after us', () => {
  for (const one of cases) {
    for (const layout of layoutsOf(one)) {
      test(`${layout} ${one.id}: ${one.title}`, async () => {
        expect(await runCase(one, layout, { afterStart: filesAreOnlyThere })).toEqual([]);
      });
    }
  }
});

/** A folder in a patch stops Carbon's patcher, so that the patch is held, and under last-good all that is not applied. */
const HELD: ReadonlyMap<string, readonly string[]> = new Map([
  ['exploded-bundle-added-and-reverted', ['patches/.held/patch0001']],
  ['exploded-bundle-merged-and-reverted', ['patches/.held/patch0001', 'patches/.held/patch0002']],
  ['folder-where-a-plugin-is', ['patches/.held/patch0002']],
  ['node-module', ['patches/.held/patch0001']],
  ['thirty-folders-deep', ['patches/.held/patch0001']],
  ['applied-patch-becomes-torn', ['patches/.held/patch0001']],
]);

describe('Carbon’s own patcher after us', () => {
  for (const one of cases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one, HELD.get(one.id)));
});
