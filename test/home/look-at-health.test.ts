// Who has passed, who waits, who has failed: by the gate, the clock and what lies there.
import { describe, expect, test } from 'vitest';
import { type HealthGate, lookAtHealth } from '../../src/home/look-at-health.js';
import { makeLayout, rooted } from '../../src/home/layout.js';
import type { Ledger } from '../../src/plan/ledger.js';
import type { Probation } from '../../src/plan/probation.js';
import { MemoryFiles } from '../support/memory-files.js';
import { HOME, PATCHES, put } from '../support/small-homes.js';

const layout = makeLayout(HOME, 'carbon-4.2');
const STARTED_MS = 1_000_000;
const probation: Probation = {
  transaction: 't',
  packs: [{ name: 'patch0001', kind: 'patch', path: rooted('patches', 'patch0001') }],
  checks: [{ pack: 'patch0001', health: { kind: 'file', path: rooted('home', 'alive'), timeoutSeconds: 60 } }],
  startedMs: STARTED_MS,
};

function look(
  one: Probation,
  gate: HealthGate,
  more: { nowMs?: number; completed?: string; files?: MemoryFiles } = {},
) {
  const files = more.files ?? new MemoryFiles({});
  if (more.files === undefined) put(files, `${PATCHES}/patch0001/a.txt`, 'a');
  const ledger = { probation: [one] } as unknown as Ledger;
  const { nowMs = STARTED_MS + 1000, completed } = more;
  return lookAtHealth(files, layout, ledger, { gate, nowMs, committedMs: () => undefined, completed });
}

const fate = (seen: ReturnType<typeof look>) =>
  seen === undefined ? 'none' : seen.probation.length > 0 ? 'waits' : seen.quarantined.length > 0 ? 'failed' : 'passed';

describe('without a touch', () => {
  const { startedMs: _, ...unstarted } = probation;

  test.each<[string, string, HealthGate, Probation, Parameters<typeof look>[2]]>([
    ['a second start', 'failed', 'server', probation, {}],
    [
      'a second start that has completed the very transaction: no server ran',
      'waits',
      'server',
      probation,
      { completed: 't' },
    ],
    ['a second start that has completed another', 'failed', 'server', probation, { completed: 'other' }],
    ['a first start', 'waits', 'server', unstarted, {}],
    ['a first start, long afterwards', 'waits', 'server', unstarted, { nowMs: 9e12 }],
    ['a look in time', 'waits', 'look', probation, {}],
    ['a look at the last moment', 'waits', 'look', probation, { nowMs: STARTED_MS + 60_000 }],
    ['a look when the time is over', 'failed', 'look', probation, { nowMs: STARTED_MS + 60_001 }],
    ['a look with a clock that was set back', 'waits', 'look', probation, { nowMs: 5 }],
    ['one who only compares, when the time is over', 'waits', 'ignore', probation, { nowMs: 9e12 }],
  ])('%s: %s', (_name, expected, gate, one, more) => {
    expect(fate(look(one, gate, more))).toBe(expected);
  });

  test('a pack that is not there any more is not remembered', () => {
    expect(look(probation, 'server', { files: new MemoryFiles({}) })).toEqual({
      probation: [],
      quarantined: [],
      passed: [],
    });
  });
});

test('a touch counts at any gate but one', () => {
  const files = new MemoryFiles({});
  put(files, `${HOME}/alive`, '');
  const early = { ...probation, startedMs: 0 };
  expect(
    ['server', 'look', 'ignore'].map((gate) => fate(look(early, gate as HealthGate, { files, nowMs: 9e12 }))),
  ).toEqual(['passed', 'passed', 'waits']);
});

test('a touch before the server was started is none', () => {
  const files = new MemoryFiles({});
  put(files, `${PATCHES}/patch0001/a.txt`, 'a');
  put(files, `${HOME}/alive`, '');
  const touchedMs = files.stat(`${HOME}/alive`)?.ctimeMs ?? 0;
  const started = (startedMs: number) => fate(look({ ...probation, startedMs }, 'server', { files }));
  expect(started(touchedMs - 1)).toBe('passed');
  expect(started(touchedMs)).toBe('failed');
});

describe('a pack that was taken back', () => {
  const folder = `${PATCHES}/patch0001`;

  function takenBack(): { files: MemoryFiles; lookAgain: () => readonly string[] } {
    const files = new MemoryFiles({});
    put(files, `${folder}/a.txt`, 'a');
    const quarantined = look(probation, 'server', { files })?.quarantined ?? [];
    expect(quarantined.map(({ name }) => name)).toEqual(['patch0001']);
    const ledger = { quarantined } as unknown as Ledger;
    const options = { gate: 'server', nowMs: 9e12, committedMs: () => undefined, completed: undefined } as const;
    const lookAgain = () =>
      lookAtHealth(files, layout, ledger, options)?.quarantined.map(({ name, reason }) => `${name}: ${reason}`) ?? [];
    return { files, lookAgain };
  }

  test('is left out as long as it lies there', () => {
    const { lookAgain } = takenBack();
    expect(lookAgain()).toEqual([expect.stringMatching(/^patch0001: patch0001 was taken back: /)]);
  });

  test.each<[string, (files: MemoryFiles) => void]>([
    [
      'it was put in again',
      (files) => {
        files.rename(folder, `${folder}.away`);
        files.rename(`${folder}.away`, folder);
      },
    ],
    ['a file of it was changed', (files) => files.append(`${folder}/a.txt`, 'b')],
    ['it was taken away', (files) => files.rename(folder, `${HOME}/away`)],
  ])('is tried again when %s', (_name, change) => {
    const { files, lookAgain } = takenBack();
    change(files);
    expect(lookAgain()).toEqual([]);
  });
});

test('a record without anything about health costs nothing', () => {
  const none = {} as unknown as Ledger;
  const options = { gate: 'server', nowMs: 0, committedMs: () => undefined, completed: undefined } as const;
  expect(lookAtHealth(new MemoryFiles({}), layout, none, options)).toBeUndefined();
});
