// The lab's cases and ours, through the built command line: in both layouts as they are; and in layout 4.4 with Carbon's own patcher
// to come, which must find nothing to do after every start. (The lab's own runner checks the lab's cases in CI besides.)
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import type { TestHome } from '../support/home-builder.js';
import { filesWithOtherNames } from '../support/tree-snapshot.js';
import { LAB, type LabCase, layoutsOf, needLab, readCases, runCase } from './lab-case.js';

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

/**
 * Where Carbon would stop at a pack, or read it differently, the pack is held: the outcome is another than the case expects.
 * What is ever below `.held` after a start.
 */
const HELD: ReadonlyMap<string, readonly string[]> = new Map([
  ['rename-with-blank-before-parameters', ['patches/.held/patch0001']],
  ['servicepack-file-that-sorts-last', ['servicepacks/.held/servicepack002.txt']],
  ['servicepack-without-lib', ['servicepacks/.held/servicepack001']],
  ['bad-jar-others-apply', ['patches/.held/patch0002']],
  ['bad-jar-last-good', ['patches/.held/patch0002']],
  ['jar-without-manifest', ['patches/.held/patch0001', 'patches/.held/patch0002']],
  ['folder-in-patch', ['patches/.held/patch0001', 'patches/.held/patch0002']],
]);
/** Its verification warns of a folder in a service pack at every start; nothing can be done (2-carbon, last section). */
const FOLDER_IN_SERVICEPACK = / is a folder in a service pack$/;

describe.skipIf(missing !== undefined)('the lab’s cases, Carbon’s own patcher after us', () => {
  for (const one of labCases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one));
});

describe('our cases, Carbon’s own patcher after us', () => {
  for (const one of ourCases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one));
});

async function expectCarbonAtRest(one: LabCase): Promise<void> {
  const held = HELD.get(one.id);
  const everHeld = new Set<string>();
  const differences = await runCase(one, '4.4', {
    companion: true,
    lookOnly: held !== undefined,
    afterStart: async (home) => {
      for (const path of heldIn(home)) everHeld.add(path);
      const { reasons } = await carbonFindsNothingToDo(home.root);
      return [
        ...reasons.filter((reason) => !FOLDER_IN_SERVICEPACK.test(reason)).map((reason) => `Carbon: ${reason}`),
        ...filesAreOnlyThere(home),
      ];
    },
  });
  expect(differences).toEqual([]);
  expect([...everHeld].sort()).toEqual(held ?? []);
}

function heldIn(home: TestHome): string[] {
  return ['patches/.held', 'servicepacks/.held'].flatMap((folder) =>
    existsSync(home.path(folder))
      ? readdirSync(home.path(folder))
          .sort()
          .map((name) => `${folder}/${name}`)
      : [],
  );
}

/** Carbon copies in place: no file that it may write to has a second name among ours. */
function filesAreOnlyThere(home: TestHome): string[] {
  return ['plugins', 'patches', 'servicepacks'].flatMap((folder) =>
    filesWithOtherNames(home.path(folder)).map((path) => `${folder}/${path} has another name`),
  );
}
