// P8: the first start of a home of which `watch --once` has staged everything ahead, against P2 (`status` with nothing changed).

import { interleave, prepatch, run } from '../measure.mjs';

export async function measure({ homes, profile, rounds = 5, say }) {
  const patched = homes.patched(profile);
  const home = homes.copy(profile, `${profile}-ahead`);
  const sides = interleave(
    {
      start: () => {
        homes.reset(profile, home);
        // Digests of what is as new as their record are trusted from the second look on.
        for (let look = 0; look < 2; look++) run(prepatch('watch', '--once', '--home', home));
        run(['sync', '-f', home]);
        return run(prepatch('apply', '--home', home)).ms;
      },
      status: () => run(prepatch('status', '--home', patched)).ms,
    },
    rounds,
    say,
  );
  return [
    {
      figure: 'P8',
      what: `start after watch has staged all of ${profile}`,
      against: 'P2 (status)',
      ratio: sides.start / sides.status,
      reach: 3,
      aim: 2,
      sides,
      rounds,
    },
  ];
}
