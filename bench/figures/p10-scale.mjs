// P10: P2, P3 and P7 on `huge` against `large`, within 20 % of what is linear: a look grows as the number of files does; what P3 and P7
// do besides their look, as the scripts do that only read and write the same files. `medium` is measured too, for the note.

import { statSync } from 'node:fs';
import { component, filesBelow } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';
import { measure as measureFirstStart } from './p3-first-start.mjs';
import { measure as measureDeep } from './p7-verify-deep.mjs';

const SIZES = ['medium', 'large', 'huge'];
const [, SMALL, BIG] = SIZES;

export async function measure({ homes, rounds, say }) {
  const sizes = new Map(SIZES.map((profile) => [profile, sizeOf(homes.pristine(profile))]));
  const status = (profile) => () => run(prepatch('status', '--home', homes.patched(profile))).ms;
  const nothing = interleave(
    {
      ...Object.fromEntries(SIZES.map((profile) => [profile, status(profile)])),
      node: () => run([process.execPath, '-e', '0']).ms,
    },
    rounds ?? 10,
    say,
  );
  const [first, copying] = await each(measureFirstStart, ['prepatch', 'script'], { homes, rounds: rounds ?? 3, say });
  const [deep, reading] = await each(measureDeep, ['verify', 'md5sum'], { homes, rounds: rounds ?? 3, say });
  const files = sizes.get(BIG).files / sizes.get(SMALL).files;
  // What every run of Node costs does not grow.
  const look = nothing[SMALL] - nothing.node;
  const linear = (times, script) => look * files + (times[SMALL] - nothing[SMALL]) * (script[BIG] / script[SMALL]);
  const rows = SIZES.map((profile) => {
    const { plugins, files, bytes } = sizes.get(profile);
    const ms = [nothing, first, deep].map((times) => Math.round(times[profile])).join(', ');
    return `${profile} (${plugins} plugins, ${files} files, ${Math.round(bytes / 1e6)} MB): ${ms}`;
  });
  return [
    ['P2', nothing, look * files, `${files.toFixed(2)} times the files`],
    ['P3', first, linear(first, copying), 'the files for the look, the script for the rest'],
    ['P7', deep, linear(deep, reading), 'the files for the look, md5sum for the rest'],
  ].map(([name, times, expected, what], index) => ({
    figure: 'P10',
    what: `${name}: ${BIG} against ${SMALL}`,
    against: `${what}: ${Math.round(expected + nothing.node)}`,
    ratio: (times[BIG] - nothing.node) / expected,
    reach: 1.2,
    sides: { ...Object.fromEntries(SIZES.map((profile) => [profile, times[profile]])), 'node -e 0': nothing.node },
    ...(index === 0 ? { notes: [`ms of status, first start, verify --deep – ${rows.join('; ')}`] } : {}),
  }));
}

async function each(measureOne, sides, options) {
  const times = sides.map(() => ({}));
  for (const profile of SIZES) {
    const [result] = await measureOne({ ...options, profile });
    for (const [index, side] of sides.entries()) times[index][profile] = result.sides[side];
  }
  return times;
}

function sizeOf(home) {
  const below = (folder) => filesBelow(component(home, folder));
  const files = ['plugins', 'patches', 'servicepacks'].flatMap(below);
  return {
    plugins: below('plugins').length,
    files: files.length,
    bytes: files.reduce((sum, path) => sum + statSync(path).size, 0),
  };
}
