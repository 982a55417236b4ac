// P1: a start with nothing changed, by the guard in sh, against `node -e 0`.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOOT, interleave, run } from '../measure.mjs';

export async function measure({ homes, profile, rounds = 40, say }) {
  const home = homes.patched(profile);
  const boot = [BOOT, '--home', home, '--', 'true'];
  for (let start = 0; start < 2; start++) run(boot);
  refuseNode(homes.work, boot);
  const sides = interleave(
    { 'prepatch-boot': () => run(boot).ms, 'node -e 0': () => run([process.execPath, '-e', '0']).ms },
    rounds,
    say,
  );
  return [
    {
      figure: 'P1',
      what: `start, nothing changed, ${profile} (sh guard)`,
      against: 'node -e 0',
      ratio: sides['prepatch-boot'] / sides['node -e 0'],
      reach: 0.6,
      aim: 0.25,
      sides,
      rounds,
    },
  ];
}

/** A guard that starts Node after all would be measured as something else. */
function refuseNode(work, boot) {
  const tools = join(work, 'no-node');
  mkdirSync(tools, { recursive: true });
  writeFileSync(join(tools, 'node'), '#!/bin/sh\necho "the guard has started Node" >&2\nexit 99\n');
  chmodSync(join(tools, 'node'), 0o755);
  const environment = Object.entries(process.env).filter(([name]) => !/^(?:PREPATCH_|CARBON_)/.test(name));
  run(boot, { env: { ...Object.fromEntries(environment), PATH: `${tools}:${process.env.PATH}` } });
}
