// The log of a home from within: the same bytes from both ways of writing, each line on disk when `write` returns, and what a
// kill leaves.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HomeLog } from '../../src/daemon/home-log.js';
import type { PatchEvent } from '../../src/event.js';
import { makeLayout } from '../../src/home/layout.js';
import { RealFiles } from '../../src/system/real-files.js';
import { runPrepatch } from '../support/command.js';
import { TestHome } from '../support/home-builder.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-log-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const EVENTS: readonly PatchEvent[] = [
  { kind: 'log', level: 'info', body: 'before' },
  { kind: 'transaction', transaction: 't1', state: 'begun' },
  { kind: 'phase', phase: 'deploy', transaction: 't1' },
  { kind: 'log', level: 'warn', body: 'tab\there, %s %d and "quotes" {braces}' },
  { kind: 'progress', phase: 'deploy', doneItems: 1, totalItems: 2, doneBytes: 0, totalBytes: 0 },
  { kind: 'log', level: 'info', body: 'the first of three', more: true },
  { kind: 'log', level: 'info', body: 'the second\nof three', more: true },
  { kind: 'log', level: 'info', body: 'the third' },
  { kind: 'problem', code: 'DRIFT', severity: 'error', message: 'wrong', path: undefined },
  { kind: 'transaction', transaction: 't1', state: 'rollback-failed' },
  { kind: 'log', level: 'info', body: '' },
];

async function writeAll(home: string, prepare: boolean): Promise<Record<string, string>> {
  const nowMs = 1_700_000_000_000;
  const layout = makeLayout(join(folder, home), 'carbon-4.2');
  const log = new HomeLog(layout, {
    files: new RealFiles(),
    now: () => nowMs,
    complain: (message) => expect.unreachable(message),
  });
  if (prepare) await log.prepare();
  for (const event of EVENTS) log.write(event);
  // Read before it is closed: nothing may wait in a stream.
  const found = Object.fromEntries(
    readdirSync(layout.logs, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.log'))
      .map((name) => [name, readFileSync(join(layout.logs, name), 'utf8')]),
  );
  log.close({ failed: true, quarantined: [] });
  return found;
}

describe('plainly and through winston', () => {
  test('the same files with the same bytes, all there at once', async () => {
    const plain = await writeAll('plain', false);
    const through = await writeAll('through', true);
    expect(through).toEqual(plain);
    expect(Object.keys(plain).sort()).toEqual([
      'patches.log',
      'prepatch/deploy.log',
      'prepatch/level0.log',
      'prepatch/level1.log',
      'prepatch/level2.log',
      'prepatch/look.log',
    ]);
    expect(plain['patches.log']?.split('\n').map((line) => line.slice(26))).toEqual([
      ' INFO {prepatch} -  before',
      ' WARN {prepatch.t1} -  tab\\u0009here, %s %d and "quotes" {braces}',
      ' INFO {prepatch.t1} -  the first of three',
      ' INFO {prepatch.t1} -  the second\\u000aof three',
      ' INFO {prepatch.t1} -  the third',
      'ERROR {prepatch.t1} -  wrong',
      ' INFO {prepatch.t1} -  ',
      '',
    ]);
    expect(plain['prepatch/level0.log']?.match(/\n/g)?.length).toBe(2);
  });

  test('a run of information only keeps no details until it is known to work', async () => {
    const layout = makeLayout(join(folder, 'quiet'), 'carbon-4.2');
    const log = new HomeLog(layout, { files: new RealFiles(), now: Date.now, complain: () => undefined });
    log.write({ kind: 'log', level: 'info', body: 'first' });
    expect(readdirSync(layout.logs)).toEqual(['patches.log']);
    await log.prepare();
    expect(readFileSync(join(layout.logs, 'prepatch', 'level2.log'), 'utf8')).toContain('first');
    log.close({ failed: false, quarantined: [] });
  });
});

test('what cannot be written is said once, whatever the number of files and lines', async () => {
  const complaints: string[] = [];
  // A folder that is a file: no log of any kind can be made.
  const layout = { ...makeLayout(folder, 'carbon-4.2'), logs: '/dev/null/logs' };
  const log = new HomeLog(layout, {
    files: new RealFiles(),
    now: Date.now,
    complain: (message) => complaints.push(message),
  });
  await log.prepare();
  for (const event of EVENTS) log.write(event);
  log.close({ failed: false, quarantined: [] });
  expect(complaints).toHaveLength(1);
  expect(complaints[0]).toContain('cannot be written');
});

test('a full disk is said once and stops nothing', async () => {
  const home = new TestHome('4.2', {
    plugins: [{ name: 'org.a', version: '1.0.0', tag: 'a' }],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
  try {
    // The shell's limit stands in for the disk: it holds for every file, so the payload is smaller than the log may become.
    spawnSync('truncate', ['-s', '64K', home.logFile]);
    const result = await runPrepatch(['apply', '--home', home.root], {
      through: ['sh', '-c', 'trap "" XFSZ; ulimit -f 64; exec "$@"', 'sh'],
    });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/^prepatch: [^\n]*patches\.log cannot be written: EFBIG[^\n]*\n$/);
    expect(home.names()).toEqual(['patch0001']);
  } finally {
    home.dispose();
  }
});
