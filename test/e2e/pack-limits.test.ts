// What a pack may not do without end: a command that takes too long (TIMED_OUT), a gate that nothing would keep.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';

test('a command that takes longer than it may is stopped, and everything is undone', async () => {
  const home = mkdtempSync(join(tmpdir(), 'prepatch-timeout-'));
  try {
    const components = join(home, 'repository', 'components');
    for (const folder of ['plugins', 'patches/patch0001']) mkdirSync(join(components, folder), { recursive: true });
    writeFileSync(join(components, 'patches', 'patch0001', 'added.txt'), 'added\n');
    const actions = [{ kind: 'run', argv: ['sleep', '600'], repeatable: true, timeoutSeconds: 1 }];
    const manifest = JSON.stringify({ id: 'patch0001', version: '1.0.0', actions });
    writeFileSync(join(components, 'patches', 'patch0001.json'), manifest);
    const { exitCode, stdout } = await runPrepatch(['apply', '--home', home, '--json']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('TIMED_OUT');
    expect(readdirSync(join(components, 'plugins'))).toEqual([]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
