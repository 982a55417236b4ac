// P10: P2, P3 and P7 on `huge` against `large`: the time for each file, or each byte, must be the same within 20 %.

import { statSync } from 'node:fs';
import { component, filesBelow } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';
import { measure as measureFirstStart } from './p3-first-start.mjs';
import { measure as measureDeep } from './p7-verify-deep.mjs';

const [SMALL, BIG] = ['large', 'huge'];

export async function measure({ homes, rounds, say }) {
  const sizes = new Map([SMALL, BIG].map((profile) => [profile, sizeOf(homes.pristine(profile))]));
  const grown = (what) => sizes.get(BIG)[what] / sizes.get(SMALL)[what];
  const nothing = interleave(
    {
      [BIG]: () => run(prepatch('status', '--home', homes.patched(BIG))).ms,
      [SMALL]: () => run(prepatch('status', '--home', homes.patched(SMALL))).ms,
      // What every run of Node costs does not grow with the home.
      node: () => run([process.execPath, '-e', '0']).ms,
    },
    rounds ?? 10,
    say,
  );
  const first = await both(measureFirstStart, 'prepatch', { homes, rounds: rounds ?? 3, say });
  const deep = await both(measureDeep, 'verify', { homes, rounds: rounds ?? 3, say });
  const growth = (times) => (times[BIG] - nothing.node) / (times[SMALL] - nothing.node);
  return [
    ['P2', nothing, 'files'],
    ['P3', first, 'bytes'],
    ['P7', deep, 'bytes'],
  ].map(([name, times, what]) => ({
    figure: 'P10',
    what: `${name}, ${BIG} against ${SMALL}, for each of the ${what}`,
    against: `${grown(what).toFixed(2)} times the ${what}`,
    ratio: growth(times) / grown(what),
    reach: 1.2,
    sides: { [BIG]: times[BIG], [SMALL]: times[SMALL], 'node -e 0': nothing.node },
  }));
}

async function both(measureOne, side, options) {
  const times = {};
  for (const profile of [SMALL, BIG]) {
    const [result] = await measureOne({ ...options, profile });
    times[profile] = result.sides[side];
  }
  return times;
}

function sizeOf(home) {
  const files = ['plugins', 'patches', 'servicepacks'].flatMap((folder) => filesBelow(component(home, folder)));
  return { files: files.length, bytes: files.reduce((sum, path) => sum + statSync(path).size, 0) };
}
