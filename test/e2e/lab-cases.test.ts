// The lab's cases and ours, through the built command line: in both layouts as they are; and in layout 4.4 with Carbon's own patcher
// to come, which must find nothing to do after every start. (The lab's own runner checks the lab's cases in CI besides.)
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import type { TestHome } from '../support/home-builder.js';
import { filesWithOtherNames } from '../support/tree-snapshot.js';
import { LAB, layoutsOf, needLab, readCases, runCase } from './lab-case.js';

const CASES = join(import.meta.dirname, 'cases');
const missing = needLab();
const labCases = missing === undefined ? readCases(join(LAB, 'carbon-cases.json')) : [];
const ourCases = readdirSync(CASES)
  .filter((name) => name.endsWith('.json'))
  .flatMap((name) => readCases(join(CASES, name)));

describe('our cases, nobody after us', () => {
  for (const one of ourCases) {
    for (const layout of layoutsOf(one)) {
      test(`${layout} ${one.id}: ${one.title}`, async () => {
        expect(await runCase(one, layout, { afterStart: filesAreOnlyThere })).toEqual([]);
      });
    }
  }
});

/** Where Carbon reads a home differently a pack is held, so that the outcome is another than the case expects. */
const HELD = new Set<string>([]);

describe.skipIf(missing !== undefined)('the lab’s cases, Carbon’s own patcher after us', () => {
  for (const one of labCases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one));
});

describe('our cases, Carbon’s own patcher after us', () => {
  for (const one of ourCases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one));
});

async function expectCarbonAtRest(one: (typeof ourCases)[number]): Promise<void> {
  const differences = await runCase(one, '4.4', {
    companion: true,
    lookOnly: HELD.has(one.id),
    afterStart: async (home) => [
      ...(await carbonFindsNothingToDo(home.root)).reasons.map((reason) => `Carbon: ${reason}`),
      ...filesAreOnlyThere(home),
    ],
  });
  expect(differences).toEqual([]);
}

/** Carbon copies in place: no file that it may write to has a second name among ours. */
function filesAreOnlyThere(home: TestHome): string[] {
  return ['plugins', 'patches', 'servicepacks'].flatMap((folder) =>
    filesWithOtherNames(home.path(folder)).map((path) => `${folder}/${path} has another name`),
  );
}
