// P2: a start with nothing changed, through Node, against `node -e 0`: `status` and `plan`.

import { interleave, prepatch, run } from '../measure.mjs';

export async function measure({ homes, profile, rounds = 20, say }) {
  const home = homes.patched(profile);
  const sides = interleave(
    {
      status: () => run(prepatch('status', '--home', home)).ms,
      plan: () => run(prepatch('plan', '--home', home)).ms,
      'node -e 0': () => run([process.execPath, '-e', '0']).ms,
    },
    rounds,
    say,
  );
  return ['status', 'plan'].map((command) => ({
    figure: 'P2',
    what: `start, nothing changed, ${profile} (${command})`,
    against: 'node -e 0',
    ratio: sides[command] / sides['node -e 0'],
    reach: 1.8,
    aim: 1.4,
    sides: { [command]: sides[command], 'node -e 0': sides['node -e 0'] },
    rounds,
  }));
}
