// Times programs, side by side: one round runs each side once, in an order that turns from round to round, so that what the
// machine does besides falls on all of them alike. A side that fails ends the benchmark: a fast failure is no result.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../scripts/build-stamp.mjs';

export const PREPATCH = join(ROOT, 'bin', 'prepatch.js');
export const BOOT = join(ROOT, 'bin', 'prepatch-boot');

/** Settings of whoever runs the benchmark are not those of the homes. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:PREPATCH_|CARBON_)/.test(name)),
);

/** Runs a program to its end. @returns milliseconds and standard output */
export function run(argv, options = {}) {
  const { output = 'ignore', statuses = [0], ...others } = options;
  const startedAt = performance.now();
  const result = spawnSync(argv[0], argv.slice(1), {
    env: ENVIRONMENT,
    stdio: ['ignore', output, 'pipe'],
    maxBuffer: 2 ** 30,
    ...others,
  });
  const ms = performance.now() - startedAt;
  if (result.error !== undefined) throw result.error;
  if (!statuses.includes(result.status))
    throw new Error(`${argv.join(' ')} ended with ${result.status ?? result.signal}:\n${result.stderr}`);
  return { ms, stdout: result.stdout?.toString('utf8') ?? '' };
}

/** `prepatch`, by this Node. */
export function prepatch(...args) {
  return [process.execPath, PREPATCH, ...args];
}

/**
 * Medians of the sides in milliseconds. A side gives its own time, or is timed as a whole where it gives nothing.
 * @param {Record<string, (round: number) => number | undefined>} sides
 */
export function interleave(sides, rounds, say) {
  const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    const names = Object.keys(sides);
    for (const name of round % 2 === 0 ? names : names.reverse()) {
      const startedAt = performance.now();
      const own = sides[name](round);
      times[name].push(own ?? performance.now() - startedAt);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
