// The house rules (CONTRIBUTING.md), held against this checkout; and for each rule a source that breaks it, so that a rule
// that finds nothing is known to look.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../src/error.js';
import {
  findBarrels,
  findConsoleUse,
  findDefaultExports,
  findForbiddenNames,
  findLoosePaths,
  findHeaderFaults,
  findImpureCalls,
  findImpureImports,
  findLayerBreaks,
  findMachineTraces,
  findMisnamedFiles,
  findRealFiles,
  findUnfinishedMarks,
  findUnlockedPackages,
  findUntestedCodes,
  importsOf,
  kebabCase,
  type Source,
} from './support/tidy.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LARGEST_TEXT_BYTES = 2 ** 21;

/** What git would have in a clone once everything is committed; without git, every file but those of tools. */
function checkoutPaths(): string[] {
  if (existsSync(join(ROOT, '.git'))) {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
    return listed
      .toString()
      .split('\0')
      .filter((path) => path !== '' && existsSync(join(ROOT, path)));
  }
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => !/^(?:node_modules|dist|coverage|\.cache)(?:\/|$)/.test(path))
    .filter((path) => statSync(join(ROOT, path)).isFile());
}

function readSource(path: string): Source {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

const paths = checkoutPaths();
const sources = paths.filter((path) => /^src\/.*\.ts$/.test(path)).map(readSource);
const tests = paths.filter((path) => /^test\/.*\.ts$/.test(path)).map(readSource);

const file = (path: string, text: string): Source[] => [{ path, text }];

describe('imports are found in every form', () => {
  test.each([
    ["import { a } from './a.js';", './a.js', false],
    ["import './a.js';", './a.js', false],
    ["import * as a from './a.js';", './a.js', false],
    ["import type { A } from './a.js';", './a.js', true],
    ["import { type A } from './a.js';", './a.js', false],
    ["export { a } from './a.js';", './a.js', false],
    ["export * from './a.js';", './a.js', false],
    ["export type { A } from './a.js';", './a.js', true],
    ["const a = await import('./a.js');", './a.js', false],
    ['const a = await import(`./a.js`);', './a.js', false],
    ["type A = import('./a.js').A;", './a.js', true],
    ["import a = require('./a.js');", './a.js', false],
    ["const a = require('./a.js');", './a.js', false],
    ['const a = await import(name);', undefined, false],
  ])('%s', (text, specifier, typeOnly) => {
    expect(importsOf({ path: 'src/plan/x.ts', text })).toEqual([{ specifier, typeOnly }]);
  });
});

describe('layers: arrows go one way', () => {
  test('in this checkout', () => {
    expect(findLayerBreaks(sources)).toEqual([]);
  });

  test.each([
    ['src/error.ts', "import { a } from './system/a.js';"],
    ['src/event.ts', "import type { A } from './patcher.js';"],
    ['src/config.ts', "import yaml from 'yaml';"],
    ['src/system/x.ts', "import { ABSENT } from '../home/entry.js';"],
    ['src/system/x.ts', "import type { Ledger } from '../state/ledger.js';"],
    ['src/home/x.ts', "import { makePlan } from '../plan/plan.js';"],
    ['src/home/x.ts', "import { a } from '../state/a.js';"],
    ['src/state/x.ts', "import { readPacks } from '../home/packs.js';"],
    ['src/release/x.ts', "export * from '../transaction/a.js';"],
    ['src/plan/x.ts', "import { readPacks } from '../home/packs.js';"],
    ['src/plan/x.ts', "import { type Files } from '../system/files.js';"],
    ['src/plan/x.ts', "import type { A } from '../transaction/a.js';"],
    ['src/plan/x.ts', "import { hostname } from 'node:os';"],
    ['src/plan/x.ts', "import { readFileSync } from 'fs';"],
    ['src/plan/x.ts', "const y = await import('winston');"],
    ['src/transaction/x.ts', "import type { Patcher } from '../patcher.js';"],
    ['src/transaction/x.ts', "import { fetch } from '../release/channel.js';"],
    ['src/patcher.ts', "import { a } from './report/a.js';"],
    ['src/report/x.ts', "import { a } from '../system/a.js';"],
    ['src/report/x.ts', "import type { a } from '../cli/a.js';"],
    ['src/daemon/x.ts', "import { a } from '../fleet/a.js';"],
    ['src/daemon/x.ts', "import { run } from '../cli/run.js';"],
    ['src/cli/x.ts', "import { openHome } from '../index.js';"],
    ['src/index.ts', "await import('./cli/run.js');"],
    ['src/home/x.ts', 'await import(name);'],
    ['src/home/x.ts', "import { a } from '../../test/support/a.js';"],
    ['src/other/x.ts', ''],
  ])('%s may not: %s', (path, text) => {
    expect(findLayerBreaks(file(path, text))).toHaveLength(1);
  });

  test.each([
    ['src/system/x.ts', "import type { Md5 } from '../home/entry.js';"],
    ['src/state/x.ts', "import { ABSENT } from '../home/entry.js';"],
    ['src/plan/x.ts', "import { ABSENT } from '../home/entry.js';\nimport type { Files } from '../system/files.js';"],
    ['src/plan/x.ts', "import { satisfies } from 'semver';\nimport { PatchError } from '../error.js';"],
    ['src/transaction/x.ts', "import { diff } from '../plan/diff.js';"],
    ['src/report/x.ts', "import type { Status } from '../patcher.js';"],
    ['src/daemon/x.ts', "import { Patcher } from '../patcher.js';"],
    ['src/cli/x.ts', "const { watch } = await import('../daemon/watch.js');"],
  ])('%s may: %s', (path, text) => {
    expect(findLayerBreaks(file(path, text))).toEqual([]);
  });
});

describe('src/system is the only door', () => {
  test('no other file imports what reaches outside the process', () => {
    expect(findImpureImports(sources)).toEqual([]);
  });

  test.each(['node:fs', 'fs/promises', 'node:child_process', 'node:crypto', 'node:worker_threads', 'http'])(
    '%s',
    (name) => {
      const text = `import { a } from '${name}';`;
      expect(findImpureImports(file('src/home/x.ts', text))).toHaveLength(1);
      expect(findImpureImports(file('src/home/x.ts', text), { 'src/home/x.ts': [name] })).toEqual([]);
      expect(findImpureImports(file('src/system/x.ts', text))).toEqual([]);
      expect(findImpureImports(file('src/home/x.ts', `import type { A } from '${name}';`))).toEqual([]);
    },
  );

  test('pure layers ask neither clock nor chance nor process', () => {
    expect(findImpureCalls(sources)).toEqual([]);
    for (const call of ['Date.now()', 'new Date()', 'Math.random()', 'process.env.HOME']) {
      expect(findImpureCalls(file('src/plan/x.ts', `const a = ${call};`))).toHaveLength(1);
    }
    expect(findImpureCalls(file('src/report/x.ts', 'const a = new Date(startedAtMs);'))).toEqual([]);
  });

  test('the real file system is made where programs begin', () => {
    expect(findRealFiles(sources)).toEqual([]);
    expect(findRealFiles(file('src/transaction/x.ts', 'const files = new RealFiles();'))).toHaveLength(1);
    expect(findRealFiles(file('src/cli/x.ts', 'const files = new RealFiles();'))).toEqual([]);
  });

  test('only programs write to the console', () => {
    expect(findConsoleUse(sources)).toEqual([]);
    expect(findConsoleUse(file('src/report/x.ts', 'console.log(1);'))).toHaveLength(1);
  });
});

describe('files', () => {
  test('begin with a header of one to five lines', () => {
    expect(findHeaderFaults(sources)).toEqual([]);
    expect(findHeaderFaults(file('src/x.ts', "import a from 'a';\n"))).toHaveLength(1);
    expect(findHeaderFaults(file('src/x.ts', `${'// line\n'.repeat(6)}\n`))).toHaveLength(1);
  });

  test('have no default exports', () => {
    expect(findDefaultExports(sources)).toEqual([]);
    for (const text of ['export default 1;', 'export default function a() {}', 'export { a as default };']) {
      expect(findDefaultExports(file('src/x.ts', text))).toHaveLength(1);
    }
  });

  test('are no barrels', () => {
    expect(findBarrels(sources)).toEqual([]);
    expect(findBarrels(file('src/x.ts', "export * from './a.js';\nexport { b } from './b.js';"))).toHaveLength(1);
    expect(findBarrels(file('src/x.ts', "import { a } from './a.js';\nexport { a };"))).toHaveLength(1);
    expect(findBarrels(file('src/index.ts', "export * from './a.js';"))).toEqual([]);
  });

  test('take the paths of a home from its layout', () => {
    expect(findLoosePaths(sources)).toEqual([]);
    for (const call of [
      "join(layout.state, 'x')",
      "join(this.#layout.cache, name, 'x')",
      "join(doors.layout.logs, 'x')",
    ])
      expect(findLoosePaths(file('src/x.ts', call))).toHaveLength(1);
    expect(findLoosePaths(file('src/x.ts', 'join(layout.store, sha256)'))).toEqual([]);
  });

  test('have names that say what is in them', () => {
    expect(findForbiddenNames(paths)).toEqual([]);
    expect(
      findForbiddenNames(['src/utils.ts', 'src/common/a.ts', 'test/helper.test.ts', 'src/a-util.ts']),
    ).toHaveLength(3);
  });

  test('are named after their main export', () => {
    expect(findMisnamedFiles(sources)).toEqual([]);
    expect(findMisnamedFiles(file('src/home/packs.ts', 'export function readJars() {}'))).toHaveLength(1);
    expect(findMisnamedFiles(file('src/home/pack-list.ts', 'export const a = 1, b = 2;'))).toHaveLength(1);
    expect(findMisnamedFiles(file('src/home/packs.ts', 'export function readPacks() {}'))).toEqual([]);
    expect(findMisnamedFiles(file('src/home/rollback.ts', 'export function rollBack() {}'))).toEqual([]);
    expect([kebabCase('PatchError'), kebabCase('readURLPath'), kebabCase('ERROR_CODES')]).toEqual([
      'patch-error',
      'read-url-path',
      'error-codes',
    ]);
  });

  test('are finished', () => {
    const own = paths.filter(
      (path) => /^(?:src|test|scripts|bin|bench|examples)\//.test(path) && /\.(?:ts|m?js|sh)$/.test(path),
    );
    expect(findUnfinishedMarks(own.map(readSource))).toEqual([]);
    expect(findUnfinishedMarks(file('src/x.ts', ['// TO', 'DO: later'].join('')))).toHaveLength(1);
  });
});

describe('the checkout', () => {
  test('has no address of a registry and no path of this machine in it', () => {
    const texts = paths.filter(
      (path) => statSync(join(ROOT, path)).size < LARGEST_TEXT_BYTES && !/\.(?:jar|zip|png)$/.test(path),
    );
    expect(findMachineTraces(texts.map(readSource), ROOT)).toEqual([]);
    expect(
      findMachineTraces(file('a.md', ['see https://registry', 'npmjs', 'org/'].join('.')), '/opt/prepatch'),
    ).toHaveLength(1);
    expect(findMachineTraces(file('a.md', 'cd /builds/x && ls'), '/builds/prepatch')).toHaveLength(1);
    expect(findMachineTraces(file('a.md', 'cd /opt/prepatch'), '/opt/prepatch')).toHaveLength(1);
    expect(findMachineTraces(file('a.md', '.prepatch/builds/ and /opt/other'), '/builds/prepatch')).toEqual([]);
  });

  test('locks the packages of every platform, so that npm ci accepts it', () => {
    expect(findUnlockedPackages(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))).toEqual([]);
    const lock = {
      packages: { 'node_modules/a': { optionalDependencies: { 'a-darwin': '1.0.0', 'a-linux': '1.0.0' } } },
    };
    expect(findUnlockedPackages(JSON.stringify(lock))).toHaveLength(2);
  });
});

test('every measure that the mutation check takes out stands in its file, once, and its tests are there', async () => {
  const { MUTATIONS } = (await import(`${ROOT}/scripts/mutations.mjs`)) as {
    MUTATIONS: readonly (readonly [string, string, string, string, readonly string[]])[];
  };
  const faults = MUTATIONS.flatMap(([name, file, find, , tests]) => {
    const count = readFileSync(join(ROOT, file), 'utf8').split(find).length - 1;
    const missing = tests.filter((one) => !existsSync(join(ROOT, one.split('#')[0] ?? '')));
    return [...(count === 1 ? [] : [`${name}: ${count} times in ${file}`]), ...missing.map((one) => `${name}: ${one}`)];
  });
  expect(faults).toEqual([]);
  expect(MUTATIONS.length).toBeGreaterThan(80);
});

test('every error code is named in a test', () => {
  const others = tests.filter(({ path }) => path !== 'test/tidy.test.ts');
  expect(findUntestedCodes(['A_CODE'], file('test/x.test.ts', 'A_CODE_TWO'))).toEqual(['A_CODE']);
  expect(findUntestedCodes(ERROR_CODES, others)).toEqual([]);
});
