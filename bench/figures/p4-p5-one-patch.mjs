// P4 and P5: one new patch of five JARs on a patched home, and its revert, against P2 (`status` with nothing changed).

import { copyFileSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { component } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';

const NAME = 'patch9999';

export async function measure({ homes, profile, rounds = 15, say }) {
  const home = homes.patched(profile);
  const shelf = makePatch(homes, profile, home);
  const place = component(home, 'patches', NAME);
  const start = () => run(prepatch('apply', '--home', home)).ms;
  const status = () => run(prepatch('status', '--home', home)).ms;
  // Each side leaves the home as it found it, so that they may come in any order.
  const withPatch = (measured) => {
    renameSync(shelf, place);
    const apply = start();
    // Digests of what was applied just now are trusted from the second look on.
    status();
    renameSync(place, shelf);
    const revert = start();
    status();
    return measured === 'apply' ? apply : revert;
  };
  const sides = interleave({ apply: () => withPatch('apply'), revert: () => withPatch('revert'), status }, rounds, say);
  return [
    ['P4', 'one new patch of five JARs', 'apply'],
    ['P5', 'revert of that patch', 'revert'],
  ].map(([figure, what, side]) => ({
    figure,
    what: `${what}, ${profile}`,
    against: 'P2 (status)',
    ratio: sides[side] / sides.status,
    reach: 1.5,
    aim: 1.2,
    sides: { [side]: sides[side], status: sides.status },
    rounds,
  }));
}

/** Five JARs of an absorbed patch: plugins that are there, in a content that does not win now. */
function makePatch(homes, profile, home) {
  const shelf = join(homes.work, `${profile}-${NAME}`);
  const source = component(home, 'patches', 'patch0001');
  mkdirSync(shelf, { recursive: true });
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(shelf, name));
  return shelf;
}
