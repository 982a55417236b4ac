// More than one thread's worth of content: applied and verified over the threads, with vectors and where this Node has none.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CommandOptions, runPrepatch } from '../support/command.js';
import { md5OfFile } from '../support/tree-snapshot.js';

/** 20 files of up to 2 MiB, and a long one that no other keeps company. */
const LENGTHS = [...Array.from({ length: 20 }, (_, n) => (n + 1) * 100_001), 12_000_000];
const nameOf = (n: number) => `content-${n}.bin`;
let home: string;
let components: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'prepatch-much-'));
  components = join(home, 'repository', 'components');
  for (const folder of ['plugins', 'patches/patch0001']) mkdirSync(join(components, folder), { recursive: true });
  for (const [n, length] of LENGTHS.entries())
    writeFileSync(join(components, 'patches', 'patch0001', nameOf(n)), randomBytes(length));
});
afterEach(() => rmSync(home, { recursive: true }));

test.each<[string, CommandOptions]>([
  ['with vectors', {}],
  ['without WebAssembly', { env: { NODE_OPTIONS: '--jitless' } }],
  ['without room for the memory of WebAssembly', { through: ['sh', '-c', 'ulimit -v 12000000; exec "$@"', 'sh'] }],
])('%s, what is applied has the bytes of its pack, and a changed one is named', async (_, options) => {
  expect((await runPrepatch(['apply', '--home', home], options)).exitCode).toBe(0);
  for (const n of LENGTHS.keys())
    expect(md5OfFile(join(components, 'plugins', nameOf(n)))).toBe(
      md5OfFile(join(components, 'patches', 'patch0001', nameOf(n))),
    );
  const sound = await runPrepatch(['verify', '--deep', '--json', '--home', home], options);
  expect(sound.exitCode).toBe(0);
  const total = LENGTHS.reduce((sum, length) => sum + length, 0);
  expect(JSON.parse(sound.stdout)).toMatchObject({ ok: true, readBytes: 2 * total });

  for (const n of [0, 7, LENGTHS.length - 1]) {
    const path = join(components, 'plugins', nameOf(n));
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
    utimesSync(path, 1, 1);
  }
  const changed = await runPrepatch(['verify', '--deep', '--json', '--home', home], options);
  expect(changed.exitCode).not.toBe(0);
  for (const n of LENGTHS.keys()) {
    const isNamed = changed.stdout.includes(`plugins/${nameOf(n)}`);
    expect(isNamed, nameOf(n)).toBe([0, 7, LENGTHS.length - 1].includes(n));
  }
});
