// Modules in their thread: all that they print is in the log, in whole lines and before the result, however they end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runModule } from '../../src/system/run-module.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-module-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function run(body: string, timeoutMs = 20_000) {
  const path = join(folder, 'module.mjs');
  writeFileSync(path, `export async function execute({ log }) {\n${body}\n}\n`);
  const lines: string[] = [];
  const outcome = await runModule({
    url: pathToFileURL(path).href,
    method: 'execute',
    needed: [],
    home: folder,
    options: {},
    values: {},
    undo: null,
    timeoutMs,
    log: (text) => lines.push(text),
  });
  return { lines, outcome };
}

const PRINT = `console.log('one'); console.error('two'); log('three'); console.log('four');`;
const PRINTED = ['one', 'two', 'three', 'four'];

test.each<[string, string, object]>([
  ['returns', 'return 1;', { kind: 'returned' }],
  ['throws', `throw new Error('no');`, { kind: 'failed', message: 'no' }],
  ['throws beside', `setImmediate(() => { throw new Error('no'); }); await new Promise(() => {});`, { message: 'no' }],
  ['exits', 'process.exit(3);', { kind: 'failed', message: 'its thread ended without a result' }],
])('one that %s', async (_, end, expected) => {
  const { lines, outcome } = await run(PRINT + end);
  expect(lines).toEqual(PRINTED);
  expect(outcome).toMatchObject(expected);
});

test('one that never ends', async () => {
  const { lines, outcome } = await run(`${PRINT} process.stdout.write('half a line'); for (;;);`, 5_000);
  expect(lines).toEqual([...PRINTED, 'half a line']);
  expect(outcome).toEqual({ kind: 'timed-out' });
});

test('lines and characters in parts, and other encodings', async () => {
  const { lines } = await run(`
    const euro = Buffer.from('a €\\n');
    for (const byte of euro) process.stdout.write(Buffer.of(byte));
    process.stdout.write('62', 'hex');
    process.stdout.cork();
    process.stdout.write(' c');
    process.stdout.write(' d');
    process.stdout.uncork();
    await new Promise((resolve) => process.stdout.write(' e\\nf\\ng', resolve));
    console.error('between');`);
  expect(lines).toEqual(['a €', 'b c d e\nf', 'between', 'g']);
});

test('what is written to the descriptors of the process, which are not those of the thread', async () => {
  const { lines, outcome } = await run(`
    const fs = await import('node:fs');
    const { writeSync } = fs;
    console.log('one');
    writeSync(1, 'two\\n');
    writeSync(1, '74687265650a', null, 'hex');
    writeSync(1, Buffer.from('..four\\n..'), 2, 5);
    writeSync(2, new Uint8Array(Buffer.from('..five\\n..')), { offset: 2, length: 5 });
    fs.default.writeFileSync(1, 'six\\n');
    fs.appendFileSync(1, 'seven\\n', 'utf8');
    const written = await new Promise((resolve, reject) =>
      fs.write(1, 'eight\\n', (error, length) => (error ? reject(error) : resolve(length))));
    console.log(written);
    await new Promise((resolve) => fs.createWriteStream('', { fd: 1, autoClose: false }).end('nine\\n', resolve));
    fs.writeFileSync('${folder}/file', 'ten');
    const file = fs.openSync('${folder}/file', 'a');
    writeSync(file, '\\n');
    fs.closeSync(file);
    console.log(fs.readFileSync('${folder}/file', 'utf8'));`);
  expect(outcome).toMatchObject({ kind: 'returned' });
  const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', '6', 'nine', 'ten'];
  expect(lines).toEqual(numbers);
});

test('a line without an end is not kept until there is no memory left', async () => {
  const { lines } = await run(`for (let n = 0; n < 20; n++) process.stdout.write('x'.repeat(10_000));`);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join('')).toBe('x'.repeat(200_000));
});
