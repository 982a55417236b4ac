// P7: `verify --deep`, against md5sum of the same files under xargs -P2, in MB/s.

import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { component, filesBelow } from '../homes.mjs';
import { interleave, prepatch, run } from '../measure.mjs';

export async function measure({ homes, profile, rounds = 5, say }) {
  const home = homes.patched(profile);
  const verify = prepatch('verify', '--deep', '--home', home);
  const { readBytes, ok } = JSON.parse(run([...verify, '--json'], { output: 'pipe' }).stdout);
  if (ok !== true) throw new Error('the home does not verify');
  const files = appliedFiles(home);
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const list = join(homes.work, 'verify-list');
  writeFileSync(list, files.map((path) => `${path}\0`).join(''));
  const script = ['sh', '-c', 'xargs -0 -P2 -n64 md5sum <"$1" >/dev/null', 'md5sum', list];
  const sides = interleave({ verify: () => run(verify).ms, md5sum: () => run(script).ms }, rounds, say);
  const speed = { verify: readBytes / sides.verify / 1000, md5sum: bytes / sides.md5sum / 1000 };
  return [
    {
      figure: 'P7',
      what: `verify --deep, MB/s, ${profile}`,
      against: 'md5sum, xargs -P2',
      ratio: speed.verify / speed.md5sum,
      reach: 0.95,
      aim: 1.1,
      atLeast: true,
      sides,
      rounds,
      notes: [
        `${Math.round(speed.verify)} MB/s over ${Math.round(readBytes / 1e6)} MB, against ${Math.round(speed.md5sum)} MB/s over ${Math.round(bytes / 1e6)} MB`,
      ],
    },
  ];
}

/** The plugins, and the packs that are applied. */
function appliedFiles(home) {
  const { applied } = JSON.parse(run(prepatch('status', '--home', home, '--json'), { output: 'pipe' }).stdout);
  const packs = applied.map((name) =>
    component(home, name.startsWith('servicepack') ? 'servicepacks' : 'patches', name),
  );
  return [component(home, 'plugins'), ...packs].flatMap(filesBelow);
}
