// The journal: what is written is read, a torn end counts as not written, and every other change of a byte is noticed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PatchError } from '../../src/error.js';
import type { Md5, RootedPath, Sha256 } from '../../src/home/entry.js';
import {
  type BeginRecord,
  formatRecord,
  formatUndoing,
  type Journal,
  type JournalRecord,
  parseJournal,
  readJournal,
} from '../../src/transaction/journal.js';
import { MemoryFiles } from '../support/memory-files.js';

const PATH = '/state/journal';
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const rootedPath = fc
  .tuple(fc.constantFrom('plugins', 'patches', 'state'), fc.stringMatching(/^[A-Za-z0-9 äß☃_-]{1,12}\.jar$/))
  .map(([root, name]) => `${root}:${name}` as RootedPath);
const entry = fc.record({
  kind: fc.constant('file' as const),
  md5: hex(32).map((text) => text as Md5),
  sha256: hex(64).map((text) => text as Sha256),
  sizeBytes: fc.nat(),
  mode: fc.integer({ min: 0, max: 0o777 }),
});
const operation = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    path: rootedPath,
    before: fc.oneof(entry, fc.constant({ kind: 'absent' as const })),
    after: entry,
    source: fc.record({ kind: fc.constant('text' as const), text: fc.string({ unit: 'binary' }) }),
    keep: fc.constantFrom('store' as const, 'aside' as const, 'drop' as const),
  }),
  fc.record({
    kind: fc.constant('delete' as const),
    path: rootedPath,
    before: entry,
    keep: fc.constant('drop' as const),
  }),
  fc.record({ kind: fc.constant('make-directory' as const), path: rootedPath, mode: fc.constant(0o755) }),
  fc.record({ kind: fc.constant('move' as const), path: rootedPath, target: rootedPath }),
);
const begin: fc.Arbitrary<BeginRecord> = fc.array(operation, { maxLength: 5 }).map((operations) => ({
  kind: 'begin',
  operations,
  places: operations.map(() => 0),
  summary: { apply: ['patch0001'], revert: [], update: [], paths: [] },
}));
const stage = fc.record({
  kind: fc.constant('stage' as const),
  format: fc.constant(1 as const),
  transaction: fc.string({ minLength: 1 }),
  reason: fc.string({ unit: 'binary' }),
  startedMs: fc.nat(),
  folders: fc.array(fc.record({ path: fc.string(), device: fc.nat() }), { maxLength: 2 }),
});

function textOf(records: readonly JournalRecord[]): string {
  return records
    .map((record) =>
      record.kind === 'rollback' || record.kind === 'rolled-back' || record.kind === 'rollback-failed'
        ? formatUndoing(record)
        : formatRecord(record),
    )
    .join('');
}

/** Undefined, a journal, or the code of the error; anything else is thrown on. */
function read(bytes: Buffer | string): Journal | string | undefined {
  try {
    return parseJournal(typeof bytes === 'string' ? bytes : bytes.toString('utf8'), PATH);
  } catch (error) {
    if (error instanceof PatchError) return error.code;
    throw error;
  }
}

const SAMPLE: readonly JournalRecord[] = [
  {
    kind: 'stage',
    format: 1,
    transaction: '20261121-112417-3f9a1c',
    reason: 'start ☃',
    startedMs: 1_700_000_000_000,
    folders: [{ path: '/srv/home/repository/components/.prepatch/work/20261121-112417-3f9a1c', device: 7 }],
  },
  {
    kind: 'begin',
    operations: [{ kind: 'make-directory', path: 'plugins:e_1.0.0' as RootedPath, mode: 0o755 }],
    places: [0],
    summary: { apply: ['patch0001'], revert: [], update: [], paths: [] },
  },
];
const ENDS: readonly (readonly JournalRecord[])[] = [
  [],
  [{ kind: 'commit' }],
  [{ kind: 'rollback', cause: 'EIO' }, { kind: 'rolled-back' }],
  [{ kind: 'commit' }, { kind: 'rollback', cause: 'EIO' }],
  [
    { kind: 'rollback', cause: 'EIO' },
    { kind: 'rollback-failed', cause: 'EIO', path: null },
  ],
];

test('what is written is read', () => {
  fc.assert(
    fc.property(stage, begin, fc.constantFrom(...ENDS), (first, second, end) => {
      const journal = read(textOf([first, second, ...end]));
      expect(journal).toMatchObject({
        stage: JSON.parse(JSON.stringify(first)) as unknown,
        begin: JSON.parse(JSON.stringify(second)) as unknown,
        committed: end.some(({ kind }) => kind === 'commit'),
        rollingBack: end.some(({ kind }) => kind === 'rollback'),
        rolledBack: end.some(({ kind }) => kind === 'rolled-back'),
      });
    }),
  );
});

test('an undo record comes back under its operation', () => {
  const records = [
    { kind: 'undo', operation: 3, data: { old: 'value' } },
    { kind: 'done', operation: 3, step: 0 },
  ] as const;
  const journal = read(textOf([...SAMPLE, ...records]));
  expect((journal as Journal).undo.get(3)).toEqual(records);
});

describe.each(ENDS.map((end) => [end.map(({ kind }) => kind).join(', ') || 'deploying', end] as const))(
  '%s',
  (_, end) => {
    const records = [...SAMPLE, ...end];
    const bytes = Buffer.from(textOf(records));

    test('cut off anywhere, it is what was whole before the cut', () => {
      const ends: number[] = [];
      for (let count = 1; count <= records.length; count++)
        ends.push(Buffer.from(textOf(records.slice(0, count))).length);
      for (let length = 0; length < bytes.length; length++) {
        const whole = ends.filter((one) => one <= length).length;
        expect(read(bytes.subarray(0, length)), `cut at ${length}`).toEqual(read(textOf(records.slice(0, whole))));
      }
    });

    test('a changed byte is noticed, or says the same', () => {
      const intact = JSON.stringify(read(bytes));
      for (let at = 0; at < bytes.length; at++) {
        for (const flip of [1, 2, 4, 8, 16, 32, 64, 128]) {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ flip;
          const found = read(changed);
          const isNoticed = found === 'JOURNAL_DAMAGED' || JSON.stringify(found) === intact;
          // The very last line end: the last record counts as torn, as after a crash while it was appended.
          const isTorn =
            at === bytes.length - 1 && JSON.stringify(found) === JSON.stringify(read(textOf(records.slice(0, -1))));
          expect(isNoticed || isTorn, `byte ${at} ^ ${flip}: ${JSON.stringify(found)}`).toBe(true);
        }
      }
    });

    test('a byte taken out or put in is noticed, or says the same', () => {
      const intact = JSON.stringify(read(bytes));
      for (let at = 0; at < bytes.length; at++) {
        const without = read(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
        // Without its end, or the end of its line, the last record counts as torn.
        const isLast = at >= bytes.length - 2;
        const torn = JSON.stringify(read(textOf(records.slice(0, -1))));
        const said = JSON.stringify(without);
        expect(
          without === 'JOURNAL_DAMAGED' || said === intact || (isLast && said === torn),
          `without byte ${at}: ${said}`,
        ).toBe(true);
      }
    });

    test('zeros in place of the last record count as torn', () => {
      const last = records.at(-1);
      const kept = Buffer.from(textOf(records.slice(0, -1)));
      const zeros = Buffer.concat([kept, Buffer.alloc(bytes.length - kept.length)]);
      if (last?.kind === 'begin' || end.length > 0) expect(read(zeros)).toEqual(read(kept));
    });
  },
);

test.each([1, 20, 64, 66, 100])('a torn append of %s bytes does not spoil the undoing that follows', (length) => {
  const whole = formatRecord({
    kind: 'begin',
    ...{ operations: [], places: [], summary: { apply: [], revert: [], update: [], paths: [] } },
  });
  const text = textOf(SAMPLE.slice(0, 1)) + whole.slice(0, length) + formatUndoing({ kind: 'rollback', cause: 'x' });
  expect(read(text)).toMatchObject({ begin: undefined, rollingBack: true });
  const commit = formatRecord({ kind: 'commit' }).slice(0, length);
  expect(read(textOf(SAMPLE) + commit + formatUndoing({ kind: 'rollback', cause: 'x' }))).toMatchObject({
    rollingBack: true,
  });
});

describe('a journal is refused', () => {
  test.each<[string, readonly JournalRecord[]]>([
    ['with two beginnings', [SAMPLE[0]!, SAMPLE[0]!]],
    ['with a commit of nothing', [SAMPLE[0]!, { kind: 'commit' }]],
    ['that does not begin with its first record', [{ kind: 'commit' }]],
    ['of a format that this version does not know', [{ ...SAMPLE[0], format: 2 } as unknown as JournalRecord]],
    [
      'whose paths leave the home',
      [
        SAMPLE[0]!,
        {
          ...SAMPLE[1],
          operations: [{ kind: 'make-directory', path: 'plugins:../x', mode: 1 }],
        } as unknown as JournalRecord,
      ],
    ],
  ])('%s', (_, records) => {
    expect(read(textOf(records))).toBe('JOURNAL_DAMAGED');
  });
});

test('no journal is none, and so is one whose first record was torn', () => {
  const files = new MemoryFiles();
  expect(readJournal(files, '/journal')).toBeUndefined();
  files.writeNew('/journal', textOf(SAMPLE).slice(0, 50));
  expect(readJournal(files, '/journal')).toBeUndefined();
});
