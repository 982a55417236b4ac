// P6: the service pack is taken away and the originals that it shadowed come back, against P3's script over the same paths.
// The patches that it absorbs are not there, as after a clean-up: in the lab's homes they hold the same JARs, and nothing
// would come back. The script is spared all that prepatch finds out; it reads and copies what changes.

import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runBaseline } from '../baseline.mjs';
import { component, movesOf, planOf } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';

const NAME = 'servicepack001';

export async function measure({ homes, profile, rounds = 7, say }) {
  const home = homes.copy(profile, `${profile}-servicepack`);
  const place = component(home, 'servicepacks', NAME);
  const absorbed = readFileSync(join(place, 'servicepack_patches.txt'), 'utf8')
    .split('\n')
    .filter((name) => name !== '');
  for (const name of absorbed) rmSync(component(home, 'patches', name), { recursive: true });
  const start = () => run(prepatch('apply', '--home', home)).ms;
  const status = () => run(prepatch('status', '--home', home));
  start();
  for (let look = 0; look < 2; look++) status();
  const shelf = join(homes.work, NAME);
  renameSync(place, shelf);
  const moves = movesOf(home, planOf(home));
  const pristine = homes.pristine(profile);
  const originals = moves.restored.map((target) => [join(pristine, target.slice(home.length)), target]);
  const putBack = () => {
    renameSync(shelf, place);
    start();
    status();
    renameSync(place, shelf);
    run(['sync', '-f', home]);
  };
  const work = {
    folder: join(homes.work, 'baseline'),
    plugins: join(homes.work, 'baseline-plugins'),
    read: originals.map(([source]) => source),
    copies: originals,
  };
  const sides = interleave(
    {
      prepatch: () => {
        putBack();
        return start();
      },
      script: () => {
        rmSync(work.plugins, { recursive: true, force: true });
        mkdirSync(work.plugins);
        run(['sync', '-f', home]);
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
        `${originals.length} originals come back, ${moves.deleted.length} plugins go, ${moves.copies.length} are written`,
      ],
    },
  ];
}
