// `npm run mutation`: removes each safety measure in turn, in a copy of the checkout, and runs the tests that should notice.
// A measure that no test misses is printed as SURVIVED; one that the source does not have any more is a failure too.
// `--only PART`, `--skip PART` of a name; `--from NAME` to go on; `--table` prints Markdown. The last line is `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './build-stamp.mjs';
import { MUTATIONS } from './mutations.mjs';
import { setUp } from './set-up.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    /** The name to begin with, to go on where an earlier run ended. */
    from: { type: 'string', default: '' },
    skip: { type: 'string', default: '\n' },
    table: { type: 'boolean', default: false },
  },
});

setUp();
const folder = mkdtempSync(join(tmpdir(), 'prepatch-mutation-'));
const LOADS_NOT = 'does not load';
const ENDS_NOT = 'does not end';
/** Whether a test passes with nothing removed, by file and title. */
const sound = new Map();
try {
  for (const part of ['src', 'test', 'scripts', 'schemas', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const part of ['node_modules', 'dist']) symlinkSync(join(ROOT, part), join(folder, part));
  const start = MUTATIONS.findIndex(([name]) => name.startsWith(options.from));
  const wanted = MUTATIONS.slice(start).filter(([name]) => name.includes(options.only) && !name.includes(options.skip));
  const results = wanted.map(check);
  if (options.table) {
    console.log('\n| removed | test that fails |\n| --- | --- |');
    for (const { name, by, isGood } of results) console.log(`| ${name} | ${isGood ? by : `**${by}**`} |`);
  }
  const failed = results.filter(({ isGood }) => !isGood).length;
  console.log(`${results.filter(({ isGood }) => isGood).length} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function check([name, file, find, replace, tests]) {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) return say(name, `NOT FOUND ONCE in ${file}, but ${count} times`, false);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  let found;
  try {
    for (const test of tests) {
      const title = runTest(test);
      if (title === undefined) continue;
      found = { test, title };
      break;
    }
  } finally {
    writeFileSync(path, text);
  }
  if (found === undefined) return say(name, 'SURVIVED', false);
  const { title } = found;
  const [test] = found.test.split('#');
  const by = `${test.replace('test/', '')}: ${title}`;
  return isSound(test, title) ? say(name, by, true) : say(name, `${by}, as it does without that too`, false);
}

/** A test that fails with nothing removed has noticed nothing. */
function isSound(test, title) {
  const key = `${test} ${title}`;
  const only = title === LOADS_NOT || title === ENDS_NOT ? [] : ['--testNamePattern', escapePattern(title)];
  if (!sound.has(key)) sound.set(key, runTest(test, only) === undefined);
  return sound.get(key);
}

function escapePattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The title of the first test that fails; undefined where all pass. */
function runTest(named, more = []) {
  const [test, home] = named.split('#');
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    vitest,
    'run',
    '--bail',
    '1',
    '--reporter=json',
    `--outputFile=${report}`,
    ...(home === undefined ? [] : ['--testNamePattern', `^${home}:`]),
    ...more,
    test,
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'ignore', timeout: 900_000 });
  if (status === 0) return undefined;
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = testResults.flatMap((one) => one.assertionResults).find((one) => one.status === 'failed');
    return failed?.title ?? LOADS_NOT;
  } catch {
    return ENDS_NOT;
  }
}

function say(name, by, isGood) {
  console.log(`${isGood ? 'noticed ' : 'FAIL    '} ${name}: ${by}`);
  return { name, by, isGood };
}
