// P10: P2, P3 and P7 on `huge` against `large`: what looks must grow as the number of files does, within 20 %; what reads and
// writes, as the scripts do that only read and write the same files. `medium` is measured too, for the note.

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
      // What every run of Node costs does not grow with the home.
      node: () => run([process.execPath, '-e', '0']).ms,
    },
    rounds ?? 10,
    say,
  );
  const [first, copying] = await each(measureFirstStart, ['prepatch', 'script'], { homes, rounds: rounds ?? 3, say });
  const [deep, reading] = await each(measureDeep, ['verify', 'md5sum'], { homes, rounds: rounds ?? 3, say });
  const growth = (times, fixed = 0) => (times[BIG] - fixed) / (times[SMALL] - fixed);
  const files = sizes.get(BIG).files / sizes.get(SMALL).files;
  const rows = SIZES.map((profile) => {
    const { plugins, files, bytes } = sizes.get(profile);
    const ms = [nothing, first, deep].map((times) => Math.round(times[profile])).join(', ');
    return `${profile} (${plugins} plugins, ${files} files, ${Math.round(bytes / 1e6)} MB): ${ms}`;
  });
  return [
    ['P2', nothing, files, 'the files'],
    ['P3', first, growth(copying), 'P3’s script'],
    ['P7', deep, growth(reading), 'md5sum'],
  ].map(([name, times, grown, what], index) => ({
    figure: 'P10',
    what: `${name}: growth from ${SMALL} to ${BIG}`,
    against: `that of ${what}, ${grown.toFixed(2)}`,
    ratio: growth(times, nothing.node) / grown,
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
