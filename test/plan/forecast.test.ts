// How long a start will take, from the history: the rate of what is comparable, and nothing where nothing is.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RootedPath } from '../../src/home/entry.js';
import { countWork, forecastMs, type Work } from '../../src/plan/forecast.js';
import type { Operation } from '../../src/plan/operation.js';
import type { HistoryRecord, StepsMs } from '../../src/state/history.js';

const MB = 1_000_000;

function recordOf(
  work: Partial<Work>,
  stepsMs: StepsMs | undefined,
  others: Partial<HistoryRecord> = {},
): HistoryRecord {
  return {
    number: 1,
    transaction: 't',
    outcome: 'committed',
    reason: 'start',
    startedMs: 0,
    recordedMs: 1,
    user: 'u',
    host: 'h',
    previous: '',
    summary: { apply: [], revert: [], update: [], paths: [], ...work },
    ...(stepsMs === undefined ? {} : { stepsMs }),
    ...others,
  };
}

const work = (stagedBytes: number, changedFiles: number): Work => ({ stagedBytes, changedFiles, actions: 0 });
const steps = (ms: number): StepsMs => ({ look: ms / 2, stage: ms / 4, deploy: ms / 4 });

describe('unknown', () => {
  const known = recordOf(work(40 * MB, 10), steps(1000));
  test.each<[string, readonly HistoryRecord[], Work]>([
    ['without a history', [], work(40 * MB, 10)],
    ['where nothing is to be done', [known], work(0, 0)],
    ['where actions are to be run', [known], { ...work(40 * MB, 10), actions: 1 }],
    ['where all were much smaller', [known], work(4000 * MB, 1000)],
    ['where all were much greater', [known], work(1000, 1)],
    ['of records without steps', [recordOf(work(40 * MB, 10), undefined)], work(40 * MB, 10)],
    ['of records that do not say how much it was', [recordOf({}, steps(1000))], work(40 * MB, 10)],
    ['of one that was undone', [{ ...known, outcome: 'rolled-back' }], work(40 * MB, 10)],
    ['of one that ran actions', [recordOf({ ...work(40 * MB, 10), actions: 2 }, steps(1000))], work(40 * MB, 10)],
  ])('%s', (_, records, wanted) => expect(forecastMs(records, wanted)).toBeNull());
});

test('the same work takes as long', () => {
  expect(forecastMs([recordOf(work(40 * MB, 10), steps(1000))], work(40 * MB, 10))).toBe(1000);
});

test('twice the work takes twice as long', () => {
  expect(forecastMs([recordOf(work(40 * MB, 10), steps(1000))], work(80 * MB, 20))).toBe(2000);
});

test('one that took long for once does not count', () => {
  const records = [900, 1000, 60_000].map((ms) => recordOf(work(40 * MB, 10), steps(ms)));
  expect(forecastMs(records, work(40 * MB, 10))).toBe(1000);
});

test('the last twenty count', () => {
  const slow = Array.from({ length: 50 }, () => recordOf(work(40 * MB, 10), steps(9000)));
  const quick = Array.from({ length: 20 }, () => recordOf(work(40 * MB, 10), steps(1000)));
  expect(forecastMs([...slow, ...quick], work(40 * MB, 10))).toBe(1000);
});

test('where every transaction had the same rate, a forecast has it too', () => {
  const works = fc.record({
    stagedBytes: fc.nat(1e9),
    changedFiles: fc.integer({ min: 1, max: 1e4 }),
    actions: fc.constant(0),
  });
  fc.assert(
    fc.property(fc.array(works), works, (done, wanted) => {
      const size = (one: Work) => one.stagedBytes + one.changedFiles * 256 * 1024;
      const records = done.map((one) => recordOf(one, { stage: size(one) / 1e5 }));
      const forecast = forecastMs(records, wanted);
      if (forecast !== null) expect(Math.abs(forecast - size(wanted) / 1e5)).toBeLessThanOrEqual(1);
      else expect(done.every((one) => Math.abs(Math.log2(size(one) / size(wanted))) >= 2.99)).toBe(true);
    }),
  );
});

test('the work of operations: lists and moves are none, what is moved out of the store is not copied', () => {
  const path = 'plugins:a.jar' as RootedPath;
  const after = { kind: 'file', md5: 'm', sizeBytes: 10, mode: 0o644 } as never;
  const write = { kind: 'write', path, before: { kind: 'absent' }, after, keep: 'drop' } as const;
  const operations: readonly Operation[] = [
    { ...write, source: { kind: 'path', path } },
    { ...write, source: { kind: 'store', sha256: 's' as never, lastUse: false } },
    { ...write, source: { kind: 'store', sha256: 's' as never, lastUse: true } },
    { ...write, source: { kind: 'text', text: 'patch0001\n' } },
    { ...write, source: { kind: 'late' } },
    { kind: 'delete', path, before: after, keep: 'drop' },
    { kind: 'move', path, target: path },
    { kind: 'make-directory', path, mode: 0o755 },
  ];
  expect(countWork(operations)).toEqual({ stagedBytes: 20, changedFiles: 4, actions: 0 });
});
