// Texts for people: amounts, problems, and that nothing from a name reaches a terminal as control.
import { describe, expect, test } from 'vitest';
import { ExitCode } from '../../src/error.js';
import type { RunResult } from '../../src/patcher/reports.js';
import type { PackFacts } from '../../src/plan/pack-facts.js';
import type { Problem } from '../../src/problem.js';
import { formatBytes, formatDuration } from '../../src/report/format-amount.js';
import { renderHistory } from '../../src/report/history-text.js';
import { formatLogLines } from '../../src/report/log-line.js';
import { renderPlan } from '../../src/report/plan-text.js';
import { renderProblems } from '../../src/report/problem-text.js';
import { renderRun } from '../../src/report/run-text.js';
import { renderStatus } from '../../src/report/status-text.js';
import { colorStyle, plainStyle } from '../../src/report/style.js';
import { renderVerify } from '../../src/report/verify-text.js';

const EVIL = 'patch\u001b[2J\r\n\u009bforged';
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

const problem = (severity: Problem['severity'], message: string, hint = 'Do this.'): Problem => ({
  code: 'CONFLICT',
  severity,
  message,
  hint,
});

describe('amounts', () => {
  test.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [9949, '9.9 kB'],
    [9951, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [2_147_483_648, '2.1 GB'],
    [5e15, '5000 TB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0, '0.0 s'],
    [9940, '9.9 s'],
    [9960, '10 s'],
    [59_499, '59 s'],
    [59_500, '1 min 0 s'],
    [185_000, '3 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [-5, '0.0 s'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('problems', () => {
  test('the worst first; a hint that several share is said once', () => {
    const lines = renderProblems(
      [problem('info', 'c', 'Other.'), problem('error', 'a'), problem('error', 'b'), problem('warning', 'w', 'Look.')],
      plainStyle,
    );
    expect(lines).toEqual([
      'error: a CONFLICT',
      'error: b CONFLICT',
      '  Do this.',
      'warning: w CONFLICT',
      '  Look.',
      'note: c CONFLICT',
      '  Other.',
    ]);
  });

  test('many are counted', () => {
    const lines = renderProblems(
      Array.from({ length: 25 }, (_, n) => problem('warning', `w${n}`)),
      plainStyle,
    );
    expect(lines.at(-1)).toBe('and 5 more; --json lists them all');
    expect(lines.filter((line) => line.startsWith('warning:')).length).toBe(20);
  });
});

describe('names of others', () => {
  const change = {
    action: 'create',
    path: EVIL,
    from: EVIL,
    winner: EVIL,
    shadows: [EVIL],
    before: { kind: 'absent' },
    after: { kind: 'absent' },
    reason: EVIL,
  } as const;
  const run: RunResult = {
    home: '/h',
    outcome: 'kept',
    transaction: null,
    recovered: null,
    apply: [EVIL],
    revert: [EVIL],
    update: [EVIL],
    changes: [change],
    problems: [problem('error', EVIL, EVIL)],
    quarantined: [{ name: EVIL, reason: EVIL }],
    probation: [],
    failure: { code: 'CONFLICT', message: EVIL, hint: EVIL, exitCode: ExitCode.refused },
  };
  const record = {
    number: 1,
    transaction: EVIL,
    outcome: 'committed',
    reason: EVIL,
    startedMs: 0,
    recordedMs: 1,
    cause: EVIL,
    user: EVIL,
    host: EVIL,
    previous: '',
    summary: { apply: [EVIL], revert: [], update: [], paths: [{ action: EVIL, path: EVIL }] },
  } as const;
  const pack: PackFacts = {
    name: EVIL,
    kind: 'patch',
    state: 'left-out',
    reason: EVIL,
    id: EVIL,
    version: EVIL,
    title: EVIL,
    appliesTo: { versions: [EVIL] },
    leadsTo: { version: EVIL },
    requires: [{ id: EVIL, version: EVIL }],
    fixes: [EVIL],
    reopens: [EVIL],
    health: { kind: 'command', what: EVIL, timeoutSeconds: 1 },
    actions: [{ title: EVIL, kind: 'list', when: EVIL, wanted: 'none', actions: [] }],
  };
  const texts: readonly [string, string][] = [
    ['run, kept', renderRun(run, plainStyle)],
    ['run, changed', renderRun({ ...run, outcome: 'changed' }, plainStyle)],
    [
      'plan',
      renderPlan(
        { ...run, layout: 'carbon-4.2', apply: [EVIL], packs: [pack], bytesNeeded: 0, forecastMs: null, operations: 1 },
        plainStyle,
      ),
    ],
    [
      'status',
      renderStatus(
        {
          home: '/h',
          layout: 'carbon-4.2',
          state: 'pending',
          applied: [EVIL],
          pending: { apply: [EVIL], revert: [EVIL], update: [EVIL] },
          base: { plugins: 1, covered: 1, unknown: [EVIL] },
          lastTransaction: { id: EVIL, outcome: EVIL, at: EVIL },
          companion: false,
          lockedBy: null,
          probation: [
            {
              transaction: EVIL,
              packs: [EVIL],
              checks: [{ pack: EVIL, kind: 'url', what: EVIL, timeoutSeconds: 1 }],
              startedAt: null,
              secondsLeft: null,
            },
          ],
          packs: [pack],
          problems: run.problems,
        },
        plainStyle,
      ),
    ],
    ['history', renderHistory({ records: [record], brokenAt: 1 }, false, plainStyle)],
    ['history of one', renderHistory({ records: [record], brokenAt: undefined }, true, plainStyle)],
    [
      'verify',
      renderVerify(
        { home: '/h', ok: false, deep: true, checkedFiles: 1, readBytes: 1, problems: run.problems, repaired: false },
        plainStyle,
      ),
    ],
    ['lines of a log', formatLogLines(0, 'info', 'prepatch', [EVIL]).slice(0, -1)],
  ];

  test.each(texts)('%s: no control reaches the terminal', (_, text) => {
    expect(text).toContain('forged');
    expect(text).not.toMatch(CONTROL);
    expect(text).not.toContain('\nforged');
  });
});

test('marks are put around a text and taken back', () => {
  expect(colorStyle.bad('x')).toBe('\u001b[31mx\u001b[39m');
  expect(colorStyle.bold('x')).toBe('\u001b[1mx\u001b[22m');
  expect(plainStyle.bad('x')).toBe('x');
});
