// `npm run bench`: the figures P1 to P11, as ratios of medians of interleaved rounds, in a table and in bench/results.json.
// --only P3,P5 · --rounds N (of every figure) · --home large|huge|medium|small · --lab DIR · --keep (the work folder).
// Says what it leaves out, and why. bench/README.md says how to read it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/build-stamp.mjs';
import { setUp } from '../scripts/set-up.mjs';
import * as p1 from './figures/p1-guard.mjs';
import * as p2 from './figures/p2-nothing.mjs';
import * as p3 from './figures/p3-first-start.mjs';
import * as p4p5 from './figures/p4-p5-one-patch.mjs';
import * as p6 from './figures/p6-remove-servicepack.mjs';
import * as p7 from './figures/p7-verify-deep.mjs';
import * as p8 from './figures/p8-staged-ahead.mjs';
import * as p9 from './figures/p9-memory.mjs';
import * as p10 from './figures/p10-scale.mjs';
import * as p11 from './figures/p11-identities.mjs';
import { Homes } from './homes.mjs';
import { formatTable, judge } from './table.mjs';

const FIGURES = { P1: p1, P2: p2, P3: p3, P4: p4p5, P5: p4p5, P6: p6, P7: p7, P8: p8, P9: p9, P10: p10, P11: p11 };

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    home: { type: 'string', default: 'large' },
    lab: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const wanted = values.only?.toUpperCase().split(',') ?? Object.keys(FIGURES);
const unknown = wanted.filter((name) => !(name in FIGURES));
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (unknown.length > 0 || (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))) {
  console.error(`bench: --only takes ${Object.keys(FIGURES).join(', ')}; --rounds a number above 0`);
  process.exit(2);
}

setUp();
const work = mkdtempSync(join(tmpdir(), 'prepatch-bench-'));
const homes = new Homes({ lab: values.lab, work });
const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg() };
console.log(
  `bench: ${machine.cpus} cores, Node ${machine.node}, load ${machine.load.map((one) => one.toFixed(1)).join(' ')}`,
);
if (machine.load[0] > 0.5)
  console.log('bench: the machine is not idle; ratios vary more, and what uses both cores looks worse');

const results = [];
try {
  for (const figure of new Set(wanted.map((name) => FIGURES[name]))) {
    for (const result of await figure.measure({ homes, profile: values.home, rounds, say })) {
      if (!wanted.includes(result.figure)) continue;
      results.push({ ...result, ...judge(result) });
      say('');
      console.log(formatTable([results.at(-1)]));
    }
  }
} finally {
  if (!values.keep) rmSync(work, { recursive: true, force: true });
}
console.log(`\n${formatTable(results)}`);
const file = join(ROOT, 'bench', 'results.json');
writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), machine, results }, null, 2)}\n`);
process.exitCode = results.some((result) => result.verdict === 'missed') ? 1 : 0;

/** What is going on, on a line of its own that the next replaces; only for a person who watches. */
function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
