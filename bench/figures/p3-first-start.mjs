// P3: the first start, everything to apply, cold caches of our own, against the script without safety.

import { join } from 'node:path';
import { runBaseline } from '../baseline.mjs';
import { component, filesBelow, movesOf, planOf } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';

export async function measure({ homes, profile, rounds = 5, say }) {
  const home = homes.copy(profile, `${profile}-first`);
  const work = firstStart(homes, home);
  const sides = interleave(
    {
      prepatch: () => {
        homes.reset(profile, home);
        return run(prepatch('apply', '--home', home)).ms;
      },
      script: () => {
        homes.reset(profile, home);
        return runBaseline(work);
      },
    },
    rounds,
    say,
  );
  return [
    {
      figure: 'P3',
      what: `first start, everything to apply, ${profile}`,
      against: 'md5sum, cp, sync -f, mv',
      ratio: sides.prepatch / sides.script,
      reach: 1.5,
      aim: 1.0,
      sides,
      rounds,
      notes: [`${work.copies.length} plugins written, ${work.read.length} files of packs read`],
    },
  ];
}

/** What the script has to do for the outcome that prepatch has: found by a plan on the home as it is. */
export function firstStart(homes, home) {
  const plan = planOf(home);
  const packs = plan.apply.map((name) =>
    component(home, name.startsWith('servicepack') ? 'servicepacks' : 'patches', name),
  );
  return {
    folder: join(homes.work, 'baseline'),
    plugins: component(home, 'plugins'),
    read: packs.flatMap(filesBelow),
    copies: movesOf(home, plan).copies,
  };
}
