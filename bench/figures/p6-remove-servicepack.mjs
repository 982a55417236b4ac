// P6: the service pack is taken away and the originals that it shadowed come back, against P3's script over the same paths: md5sum of
// every JAR of the packs that are left, since a script without a memory finds in them which paths are to have an original again, then
// cp, sync -f and mv of just those paths. The note has a script that is told the paths, and reads and copies nothing but them.
// The patches that the service pack absorbs are not there, as after a clean-up: in the lab's homes they hold the same JARs, and
// nothing would come back.

import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runBaseline } from '../baseline.mjs';
import { component, filesBelow, movesOf, planOf } from '../homes.mjs';
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
    copies: originals,
  };
  const script = (read) => () => {
    rmSync(work.plugins, { recursive: true, force: true });
    mkdirSync(work.plugins);
    run(['sync', '-f', home]);
    return runBaseline({ ...work, read });
  };
  const left = filesBelow(component(home, 'patches'));
  const sides = interleave(
    {
      prepatch: () => {
        putBack();
        return start();
      },
      script: script(left),
      told: script(originals.map(([source]) => source)),
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
      sides: { prepatch: sides.prepatch, script: sides.script },
      rounds,
      notes: [
        `${originals.length} originals come back, ${moves.deleted.length} plugins go, ${moves.copies.length} are written; the script reads ${left.length} files of packs`,
        `a script that is told the paths: ${Math.round(sides.told)} ms, ratio ${(sides.prepatch / sides.told).toFixed(2)}`,
      ],
    },
  ];
}
