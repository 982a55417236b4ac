// How bin/prepatch.js loads the command line: by the code caches where they are this Node's, and all the same without them.
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestHome } from '../support/home-builder.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Loads the command line as bin/prepatch.js does, and says of each script whether V8 has refused its cache. */
const ASK = `
const [, program, ...args] = process.argv;
const { load, loaded } = require(program + '/bin/prepatch.js');
load(program + '/dist/main.cjs').runCommandLine(args).then((exitCode) => {
  const scripts = [...loaded].map(([path, { script }]) => [path.replace(/.*[/]|(?:-[A-Z0-9]+)?[.]cjs$/g, ''), script.cachedDataRejected]);
  process.stderr.write(JSON.stringify({ exitCode, scripts: Object.fromEntries(scripts) }));
});`;

let scratch: string;
let program: string;
let kept: string;
let cache: string;
let home: TestHome;

async function run(...argv: readonly string[]): Promise<ProgramResult> {
  return runProgram([process.execPath, ...argv], { cwd: scratch });
}

/** Undefined where there was no cache. */
async function askAbout(...args: readonly string[]): Promise<Record<string, boolean | undefined>> {
  const { stderr } = await run('-e', ASK, program, ...args, '--home', home.root);
  const { exitCode, scripts } = JSON.parse(stderr) as {
    exitCode: number;
    scripts: Record<string, boolean | undefined>;
  };
  expect(exitCode).toBe(0);
  return scripts;
}

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'prepatch code-cache-'));
  program = join(scratch, 'program');
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(ROOT, part), join(program, part), {
      recursive: true,
      filter: (path) => !/\.(?:map|cache)$/.test(path),
    });
  // The build may be another Node's.
  const made = await run(join(ROOT, 'scripts', 'warm-up.mjs'), join(program, 'dist'));
  expect(made).toMatchObject({ status: 0 });
  cache = join(program, 'dist', `${readFileSync(join(program, 'dist', 'main.cjs'), 'latin1').slice(-32)}.cache`);
  kept = join(scratch, 'kept.cache');
  copyFileSync(cache, kept);
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

beforeEach(() => {
  home = new TestHome('4.2', {
    plugins: [{ name: 'org.a', version: '1.0.0', tag: 'a' }],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
});

afterEach(() => {
  home.dispose();
  copyFileSync(kept, cache);
});

test('V8 takes the caches', async () => {
  expect(await askAbout('status')).toEqual({ main: false });
  expect(await askAbout('apply')).toEqual({ main: false, winston: false });
});

test('no script is without a cache but those of which little is used, or seldom', () => {
  const scripts = readdirSync(join(program, 'dist')).filter((name) => name.endsWith('.cjs'));
  const without = scripts.filter((name) => {
    const named = readFileSync(join(program, 'dist', name), 'latin1').slice(-32);
    return !readdirSync(join(program, 'dist')).includes(`${named}.cache`);
  });
  expect(without.map((name) => name.replace(/(?:-[A-Z0-9]+)?\.cjs$/, '')).sort()).toEqual([
    'chokidar',
    'digest-worker',
    'md5-file',
  ]);
});

describe('a cache that cannot be used is passed over in silence:', () => {
  const { sealCache } = createRequire(import.meta.url)('../../bin/prepatch.js') as {
    sealCache: (data: Buffer) => Buffer;
  };
  const flip = (offset: number) => (bytes: Buffer) => {
    const at = offset < 0 ? bytes.length + offset : offset;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  /** What V8 itself refuses: with a digest that is right. */
  const sealed = (damage: (data: Buffer) => Buffer) => (bytes: Buffer) => sealCache(damage(bytes.subarray(32)));
  const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length - 8);

  test.each<[string, ((bytes: Buffer) => Buffer) | undefined, 'not given to V8' | 'refused by V8']>([
    ['missing', undefined, 'not given to V8'],
    ['empty', () => Buffer.alloc(0), 'not given to V8'],
    ['cut off', cut, 'not given to V8'],
    ['garbage', (bytes) => Buffer.alloc(bytes.length, 'garbage'), 'not given to V8'],
    ['with a flipped bit in its digest', flip(0), 'not given to V8'],
    ['with a flipped bit in its code', flip(-1000), 'not given to V8'],
    ['zeros behind its head, as a power cut may leave them', (bytes) => bytes.fill(0, 4096), 'not given to V8'],
    ['of another kind of machine', sealed(flip(0)), 'refused by V8'],
    ['of another version of V8', sealed(flip(4)), 'refused by V8'],
    ['of another length of source', sealed(flip(8)), 'refused by V8'],
    ['made under other flags', sealed(flip(12)), 'refused by V8'],
    ['shorter than it says', sealed(cut), 'refused by V8'],
  ])('%s', async (_, damage, outcome) => {
    const before = await run(join(program, 'bin/prepatch.js'), 'status', '--home', home.root);
    if (damage === undefined) rmSync(cache);
    else writeFileSync(cache, damage(readFileSync(kept)));
    expect(await askAbout('status')).toEqual(outcome === 'refused by V8' ? { main: true } : {});
    const after = await run(join(program, 'bin/prepatch.js'), 'status', '--home', home.root);
    expect(after).toEqual(before);
    expect(after).toMatchObject({ status: 0, stderr: '' });
  });
});

test('a folder in the place of a cache is passed over too', async () => {
  rmSync(cache);
  cpSync(join(program, 'bin'), cache, { recursive: true });
  try {
    expect(await askAbout('status')).toEqual({});
  } finally {
    rmSync(cache, { recursive: true });
  }
});

test('called through a link, as npm makes one', async () => {
  const link = join(scratch, 'prepatch');
  symlinkSync(join(program, 'bin', 'prepatch.js'), link);
  expect(await run(link, 'status', '--home', home.root)).toMatchObject({ status: 0, stderr: '' });
});

test('a program that never comes to its end does not look like one that has', async () => {
  const broken = join(scratch, 'broken');
  cpSync(join(program, 'bin'), join(broken, 'bin'), { recursive: true });
  cpSync(join(program, 'package.json'), join(broken, 'package.json'));
  const source = '(function (module) { module.exports = { runCommandLine: () => new Promise(() => {}) }; })';
  mkdirSync(join(broken, 'dist'));
  writeFileSync(join(broken, 'dist', 'main.cjs'), source);
  expect(await run(join(broken, 'bin/prepatch.js'), 'status')).toMatchObject({ status: 13 });
});
