// The lab's cases through the built command line, in layout 4.4 and with Carbon's own patcher to come, which must find nothing to do
// after every start. (Without it, and in both layouts, the lab's own runner takes them, see .ci/run.)
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { expectCarbonAtRest } from './carbon-at-rest.js';
import { LAB, layoutsOf, needLab, readCases } from './lab-case.js';

const missing = needLab();
const cases = missing === undefined ? readCases(join(LAB, 'carbon-cases.json')) : [];

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
describe.skipIf(missing !== undefined)('the lab’s cases, Carbon’s own patcher after us', () => {
  for (const one of cases.filter((each) => layoutsOf(each).includes('4.4')))
    test(`${one.id}: ${one.title}`, () => expectCarbonAtRest(one, HELD.get(one.id)));
});
