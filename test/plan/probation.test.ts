// What the record says of health after a plan: what begins, what goes on, what ends.
import { describe, expect, test } from 'vitest';
import { rooted } from '../../src/home/layout.js';
import type { Health, PackManifest } from '../../src/plan/pack-manifest.js';
import { describeProbation, type HealthRecord, type Probation, recordHealth } from '../../src/plan/probation.js';
import { makePack } from './observation-builder.js';

const URL_HEALTH: Health = { kind: 'url', url: 'http://localhost/', timeoutSeconds: 10 };
const plain = (name: string) => makePack(name, {});
const gated = (name: string, health: Health = URL_HEALTH) =>
  makePack(name, {}, { manifest: { health } as PackManifest });
const record = (seen: HealthRecord, packs: Parameters<typeof recordHealth>[1], fresh: string[], startsMs?: number) =>
  recordHealth(seen, packs, new Set(fresh), 'now', startsMs);

const place = (name: string) => ({ name, kind: 'patch' as const, path: rooted('patches', name) });
const before: Probation = {
  transaction: 'before',
  packs: [place('patch0001'), place('patch0002')],
  checks: [{ pack: 'patch0001', health: URL_HEALTH }],
};

describe('what begins', () => {
  test('packs without health begin nothing', () => {
    expect(record({}, [plain('patch0001')], ['patch0001'], 5)).toEqual({});
  });

  test('one with health takes all that come with it, and none that were there', () => {
    const packs = [plain('patch0001'), gated('patch0002'), plain('patch0003')];
    expect(record({}, packs, ['patch0002', 'patch0003'])).toEqual({
      probation: [
        {
          transaction: 'now',
          packs: [place('patch0002'), place('patch0003')],
          checks: [{ pack: 'patch0002', health: URL_HEALTH }],
        },
      ],
    });
  });

  test('the time begins with the start of a server, for what waits for one too, and only once', () => {
    const { probation = [] } = record(
      { probation: [before] },
      [gated('patch0001'), gated('patch0003')],
      ['patch0003'],
      5,
    );
    expect(probation.map(({ transaction, startedMs }) => [transaction, startedMs])).toEqual([
      ['before', 5],
      ['now', 5],
    ]);
    const again = record({ probation }, [gated('patch0001'), gated('patch0003')], [], 9);
    expect(again.probation?.map(({ startedMs }) => startedMs)).toEqual([5, 5]);
  });

  test('a pack that was held, or a zip, is found where it lies afterwards', () => {
    const held = makePack('patch0001', {}, { folder: rooted('patches', '.held/patch0001') });
    const zip = makePack('patch0002', {}, { zip: rooted('patches', 'fix.zip') });
    const unpacked = makePack(
      'patch0003',
      {},
      {
        zip: rooted('patches', 'other.zip'),
        unpacking: {
          zip: rooted('patches', 'other.zip'),
          keptAs: rooted('patches', '.held/x'),
          directories: [],
          files: [],
        },
      },
    );
    const names = ['patch0001', 'patch0002', 'patch0003', 'patch0004'];
    const { probation = [] } = record({}, [held, zip, unpacked, gated('patch0004')], names);
    expect(probation[0]?.packs.map(({ path }) => path)).toEqual([
      'patches:patch0001',
      'patches:fix.zip',
      'patches:patch0003',
      'patches:patch0004',
    ]);
  });
});

describe('what ends', () => {
  test('a pack that has gone leaves it; the last check ends it', () => {
    expect(record({ probation: [before] }, [plain('patch0001')], [])).toEqual({
      probation: [{ ...before, packs: [place('patch0001')] }],
    });
    expect(record({ probation: [before] }, [plain('patch0002')], [])).toEqual({});
  });

  test('a pack that has changed begins anew', () => {
    const { probation = [] } = record({ probation: [before] }, [gated('patch0001'), plain('patch0002')], ['patch0001']);
    expect(probation.map(({ transaction }) => transaction)).toEqual(['now']);
  });
});

test('the time that is left is that of the check that has the least, and never less than nothing', () => {
  const checks = [
    { pack: 'a', health: URL_HEALTH },
    { pack: 'b', health: { ...URL_HEALTH, timeoutSeconds: 5 } },
  ];
  const left = (startedMs: number | undefined, nowMs: number) =>
    describeProbation({ ...before, checks, ...(startedMs === undefined ? {} : { startedMs }) }, nowMs).secondsLeft;
  expect([left(undefined, 1), left(1000, 1500), left(1000, 99_000)]).toEqual([null, 5, 0]);
});
