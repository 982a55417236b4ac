// `npm run check`: everything that can be checked on one machine, each step once, all of them even after a failure.
// `--skip STEP` (repeatable) leaves a step out. The last line is `N passed, N failed`, a step counting as one.

import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { ROOT } from './build-stamp.mjs';

/** Name → command. `publint` looks at the build, so it comes after it. */
const STEPS = {
  format: ['npx', 'biome', 'format'],
  lint: ['npx', 'eslint', '.'],
  types: ['npx', 'tsc', '--noEmit', '-p', '.'],
  unused: ['npx', 'knip'],
  build: ['node', 'scripts/build.mjs'],
  package: ['npx', 'publint', '--strict'],
  unit: ['npx', 'vitest', 'run'],
};

const { values } = parseArgs({ options: { skip: { type: 'string', multiple: true, default: [] } } });
const unknown = values.skip.filter((name) => !(name in STEPS));
if (unknown.length > 0) {
  console.error(`check: no step ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}`);
  process.exit(2);
}

const results = [];
for (const [name, [command, ...args]] of Object.entries(STEPS)) {
  if (values.skip.includes(name)) continue;
  console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
  const startedAt = performance.now();
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' });
  results.push({ name, passed: status === 0, seconds: Math.round((performance.now() - startedAt) / 1000) });
}

console.log('');
for (const { name, passed, seconds } of results) console.log(`${passed ? 'pass' : 'FAIL'}  ${name} (${seconds} s)`);
const failed = results.filter((result) => !result.passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
