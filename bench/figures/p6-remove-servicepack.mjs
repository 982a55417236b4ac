// P6: the service pack is taken away and what it shadowed resurfaces, against P3's script over the same paths. The script is
// spared all that prepatch finds out; it reads and copies what changes.

import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runBaseline } from '../baseline.mjs';
import { component, filesBelow, movesOf, planOf } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';

const NAME = 'servicepack001';

export async function measure({ homes, profile, rounds = 5, say }) {
  const home = homes.copy(profile, `${profile}-servicepack`);
  const start = () => run(prepatch('apply', '--home', home)).ms;
  start();
  for (let look = 0; look < 2; look++) run(prepatch('status', '--home', home));
  const place = component(home, 'servicepacks', NAME);
  const shelf = join(homes.work, NAME);
  renameSync(place, shelf);
  const plan = planOf(home);
  const moves = movesOf(home, plan);
  const originals = keepOriginals(homes, profile, home, moves.restored);
  const cache = component(home, '.prepatch', 'cache');
  const cold = () => {
    // The patches that it absorbed are unknown at the first time; so they are at each.
    renameSync(shelf, place);
    start();
    rmSync(cache, { recursive: true, force: true });
    run(prepatch('status', '--home', home));
    run(prepatch('status', '--home', home));
    renameSync(place, shelf);
    run(['sync', '-f', home]);
  };
  const work = {
    folder: join(homes.work, 'baseline'),
    plugins: join(homes.work, 'baseline-plugins'),
    read: plan.apply.flatMap((name) => filesBelow(component(home, 'patches', name))),
    copies: [...moves.copies, ...originals],
  };
  const sides = interleave(
    {
      prepatch: () => {
        cold();
        return start();
      },
      script: () => {
        cold();
        rmSync(work.plugins, { recursive: true, force: true });
        mkdirSync(work.plugins);
        return runBaseline(work);
      },
    },
    rounds,
    say,
  );
  return [
    {
      figure: 'P6',
      what: `removing the service pack, ${profile}`,
      against: 'P3’s script, same paths',
      ratio: sides.prepatch / sides.script,
      reach: 1.2,
      aim: 0.5,
      sides,
      rounds,
      notes: [
        `${plan.apply.length} patches come back (${work.read.length} files to read), ${moves.copies.length} plugins are written, ${originals.length} originals put back`,
      ],
    },
  ];
}

/** The script’s originals are the lab’s. */
function keepOriginals(homes, profile, home, targets) {
  const pristine = homes.pristine(profile);
  return targets.map((target) => [join(pristine, target.slice(home.length)), target]);
}
