// P9: the peak of resident memory of each command, with a JAR of 2 GB among the packs: a sparse file, made here and deleted
// with the work folder.

import { spawn } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { component } from '../homes.mjs';
import { writeLargeJar } from '../large-jar.mjs';
import { prepatch, run } from '../measure.mjs';

const JAR_BYTES = 2 * 1024 ** 3;
const POLL_MS = 5;

export async function measure({ homes, profile, say }) {
  const home = homes.copy(profile, `${profile}-memory`);
  const pack = component(home, 'patches', 'patch9998');
  const jar = join(homes.work, 'large.jar');
  writeLargeJar(jar, JAR_BYTES);
  run(['mkdir', pack]);
  renameSync(jar, join(pack, 'org.example.large_1.0.0.jar'));
  const peaks = {};
  const watch = async (name, ...args) => {
    say(name);
    peaks[name] = await peakOf(prepatch(...args, '--home', home));
  };
  await watch('plan (cold)', 'plan');
  await watch('apply', 'apply');
  await watch('status', 'status');
  await watch('boot', 'boot');
  await watch('verify --deep', 'verify', '--deep');
  renameSync(pack, join(homes.work, 'patch9998'));
  await watch('revert', 'apply');
  const [worst, bytes] = Object.entries(peaks).reduce((a, b) => (b[1] > a[1] ? b : a));
  return [
    {
      figure: 'P9',
      what: `peak memory, ${profile} and a JAR of 2 GB (${worst})`,
      against: '–',
      unit: ' MB',
      ratio: bytes / 1e6,
      reach: 200,
      aim: 120,
      notes: [
        Object.entries(peaks)
          .map(([name, peak]) => `${name} ${Math.round(peak / 1e6)} MB`)
          .join(', '),
      ],
    },
  ];
}

/** The high-water mark of a program's resident memory, in bytes, as the kernel keeps it; looked at until it ends. */
function peakOf(argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
    let peak = 0;
    const timer = setInterval(() => {
      try {
        const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
        if (found !== null) peak = Number(found[1]) * 1024;
      } catch {
        // It has just ended; the last look counts.
      }
    }, POLL_MS);
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(timer);
      if (status === 0) resolve(peak);
      else reject(new Error(`${argv.join(' ')} ended with ${status}`));
    });
  });
}
