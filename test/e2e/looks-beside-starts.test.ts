// Those that only look take no lock: beside starts that apply and revert, plan and verify wait and see the home before or after,
// status says who works on it, and none of them fails because something moved.
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openHome } from '../../src/index.js';
import { runPrepatch, startPrepatch, watchEnd } from '../support/command.js';
import { type CaseFile, TestHome } from '../support/home-builder.js';

const ROUNDS = 6;
const bundles = (tag: string): CaseFile[] =>
  Array.from({ length: 150 }, (_, n) => ({ name: `org.example.many${n}`, version: '1.0.0', tag: `${tag}${n}` }));

let home: TestHome | undefined;

afterEach(() => home?.dispose());

test('status, plan and verify beside starts', async () => {
  home = new TestHome('4.2', { plugins: bundles('base'), patches: { patch0001: bundles('p1') } });
  const at = await openHome(home.root, { environment: {} });
  const patch = home.path('patches/patch0001');
  const away = join(home.root, 'away');
  mkdirSync(away);
  const seen = { status: 0, plan: 0, verify: 0, locked: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0 && round % 2 === 1) renameSync(patch, join(away, 'patch0001'));
    else if (round > 0) renameSync(join(away, 'patch0001'), patch);
    const start = startPrepatch(['apply', '--home', home.root]);
    const running = watchEnd(start.ended);
    const before = round % 2 === 0 ? [] : ['patch0001'];
    const after = round % 2 === 0 ? ['patch0001'] : [];
    while (running.isOn) {
      // A look can be done without a turn of the event loop, and the end of the other process comes with one.
      await setImmediate();
      const status = await at.status();
      seen.status += 1;
      if (status.lockedBy === null) expect(['pending', 'clean']).toContain(status.state);
      else seen.locked += 1;
      const plan = await at.plan();
      seen.plan += 1;
      expect(plan.problems).toEqual([]);
      expect([0, 150]).toContain(plan.changes.length);
      expect(plan.changes.length === 0 ? [] : [...plan.apply, ...plan.revert]).toEqual(
        plan.changes.length === 0 ? [] : ['patch0001'],
      );
      const verified = await at.verify();
      seen.verify += 1;
      expect(verified).toMatchObject({ ok: true, problems: [] });
    }
    expect((await start.ended).exitCode).toBe(0);
    expect([before, (await at.status()).applied]).toEqual([before, after]);
  }
  expect(Math.min(seen.status, seen.plan, seen.verify)).toBeGreaterThanOrEqual(ROUNDS);
});

test('where a run does not end, plan and verify say who has the home, and status goes on', async () => {
  home = new TestHome('4.2', { plugins: bundles('base'), patches: { patch0001: bundles('p1') } });
  const start = startPrepatch(['apply', '--home', home.root]);
  const running = watchEnd(start.ended);
  const at = await openHome(home.root, { environment: {}, settings: { waitSeconds: 0 } });
  let isStopped = false;
  while (running.isOn && !isStopped) {
    await setImmediate();
    isStopped = (await at.status()).lockedBy !== null;
    if (isStopped) start.child.kill('SIGSTOP');
  }
  if (isStopped) {
    expect((await at.status()).lockedBy).toMatch(/^process \d+ on /);
    for (const command of ['plan', 'verify']) {
      const { exitCode, stderr } = await runPrepatch([command, '--home', home.root, '--set', 'waitSeconds=0']);
      expect([command, exitCode]).toEqual([command, 5]);
      expect(stderr).toMatch(/process \d+ on .* works on/);
    }
    start.child.kill('SIGCONT');
  }
  expect((await start.ended).exitCode).toBe(0);
  expect(await at.verify()).toMatchObject({ ok: true });
});
