// Which packs apply: each rule, chains, and laws that hold for any set of packs.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CandidatePack,
  chooseEligible,
  type Eligibility,
  type EligibilityInput,
} from '../../src/plan/eligibility.js';
import type { Md5 } from '../../src/home/entry.js';
import { versionInRange } from '../../src/plan/version.js';

const [ID1, ID2] = ['bae3d8f9b767a12336768dacf72cb0de', 'ebb5dcbf784e0ef2fe6c37dae8d52722'] as [Md5, Md5];

function choose(packs: readonly CandidatePack[], rest: Partial<EligibilityInput> = {}): Eligibility {
  return chooseEligible({ packs, home: { version: '1.0.0', identities: [] }, applied: [], ...rest });
}

const names = (list: readonly { readonly pack: string }[]) => list.map(({ pack }) => pack);
const outcome = (result: Eligibility) => ({
  apply: names(result.apply),
  refused: Object.fromEntries(result.refused.map(({ pack, code }) => [pack, code])),
  deferred: names(result.deferred),
  superseded: Object.fromEntries(result.superseded.map(({ pack, by }) => [pack, by])),
});
const expectChoice = (result: Eligibility, expected: Partial<ReturnType<typeof outcome>>) =>
  expect(outcome(result)).toEqual({ apply: [], refused: {}, deferred: [], superseded: {}, ...expected });

/** A pack of a chain. */
const step = (name: string, from: string, to: string, more: Partial<CandidatePack> = {}): CandidatePack => ({
  name,
  appliesTo: { versions: [from] },
  leadsTo: { version: to },
  ...more,
});

describe('packs without a manifest', () => {
  it('all apply, in their order', () => {
    expectChoice(choose([{ name: 'servicepack001' }, { name: 'patch0002' }, { name: 'patch0001' }]), {
      apply: ['servicepack001', 'patch0002', 'patch0001'],
    });
    expectChoice(choose([]), {});
  });
});

describe('appliesTo', () => {
  it('refuses another version, and says which the home is', () => {
    const result = choose([
      { name: 'a', appliesTo: { versions: ['>=2', '[3,4)'] } },
      { name: 'b', appliesTo: { versions: ['^1'] } },
    ]);
    expectChoice(result, { apply: ['b'], refused: { a: 'not-applicable' } });
    expect(result.refused[0]?.message).toBe('a is for version >=2 or [3,4); the home is 1.0.0');
    expect(result.refused[0]?.hint).not.toBe('');
  });

  it('takes any one of the ranges, in each its own scheme', () => {
    const packs = [{ name: 'a', appliesTo: { versions: ['^9', '[4.4,5)'] } }];
    expectChoice(choose(packs, { home: { version: '4.4.0.beta', identities: [] } }), { apply: ['a'] });
  });

  it('refuses where the version is not known, or of another scheme', () => {
    const packs = [{ name: 'a', appliesTo: { versions: ['>=1'] } }, { name: 'b' }];
    expectChoice(choose(packs, { home: { identities: [] } }), { apply: ['b'], refused: { a: 'not-decidable' } });
    expectChoice(choose(packs, { home: { version: '1.0.0.beta', identities: [] } }), {
      apply: ['b'],
      refused: { a: 'not-decidable' },
    });
  });

  it('asks for an identity, and for both where both are given', () => {
    const packs: CandidatePack[] = [
      { name: 'a', appliesTo: { identities: [ID2, ID1] } },
      { name: 'b', appliesTo: { identities: [ID2] } },
      { name: 'c', appliesTo: { identities: [ID1], versions: ['2'] } },
    ];
    expectChoice(choose(packs, { home: { version: '1.0.0', identities: [ID1] } }), {
      apply: ['a'],
      refused: { b: 'not-applicable', c: 'not-applicable' },
    });
  });
});

describe('chains', () => {
  it('plans v1 → v2 → v3 in one run', () => {
    const result = choose([
      step('p1', '1.0.0', '2.0.0'),
      step('p2', '2.0.0', '3.0.0'),
      { name: 'p3', appliesTo: { versions: ['3'] } },
    ]);
    expectChoice(result, { apply: ['p1', 'p2', 'p3'] });
    expect(result.apply).toEqual([
      { pack: 'p1', versionBefore: '1.0.0', versionAfter: '2.0.0' },
      { pack: 'p2', versionBefore: '2.0.0', versionAfter: '3.0.0' },
      { pack: 'p3', versionBefore: '3.0.0', versionAfter: '3.0.0' },
    ]);
  });

  it('ends the run after a pack that is not chainable, and goes on at the next start', () => {
    const packs = [
      step('p1', '1.0.0', '2.0.0'),
      step('p2', '2.0.0', '3.0.0', { chainable: false }),
      step('p3', '3.0.0', '4.0.0'),
      { name: 'p4' },
    ];
    const first = choose(packs);
    expectChoice(first, { apply: ['p1', 'p2'], deferred: ['p3', 'p4'] });
    expect(first.deferred[0]).toEqual({
      pack: 'p3',
      after: 'p2',
      reason: 'p2 ends the run (it is not chainable); p3 waits, it is looked at again at the next start',
    });
    expectChoice(choose(packs, { applied: names(first.apply) }), { apply: ['p1', 'p2', 'p3', 'p4'] });
  });

  it('defers a pack that sorts before, where it requires one that waits', () => {
    const packs: CandidatePack[] = [
      { name: 'a', requires: [{ id: 'c' }] },
      { name: 'b', chainable: false },
      { name: 'c' },
    ];
    const first = choose(packs);
    expectChoice(first, { apply: ['b'], deferred: ['a', 'c'] });
    expect(first.deferred[0]).toMatchObject({
      after: 'b',
      reason: 'a requires a pack that waits because of b; it is looked at again at the next start',
    });
    expectChoice(choose(packs, { applied: ['b'] }), { apply: ['a', 'b', 'c'] });
  });

  it('keeps what is applied when a pack that ends the run is put in before it', () => {
    expectChoice(choose([{ name: 'a', chainable: false }, { name: 'b' }, { name: 'c' }], { applied: ['b'] }), {
      apply: ['a', 'b'],
      deferred: ['c'],
    });
  });

  it('is not ended by a pack that does not apply', () => {
    expectChoice(choose([{ name: 'a', chainable: false, requires: [{ id: 'none' }] }, { name: 'b' }]), {
      apply: ['b'],
      refused: { a: 'requirement-missing' },
    });
    // `c` is refused only once `d` is known to be; by then `e` and `f`, which need each other, wait for it.
    const packs: CandidatePack[] = [
      { name: 'c', chainable: false, requires: [{ id: 'd' }] },
      { name: 'd', appliesTo: { versions: ['9'] } },
      { name: 'e', requires: [{ id: 'f' }] },
      { name: 'f', requires: [{ id: 'e' }] },
    ];
    expectChoice(choose(packs), { apply: ['e', 'f'], refused: { c: 'requirement-missing', d: 'not-applicable' } });
    expectChoice(choose(packs, { applied: ['d'] }), {
      apply: ['e', 'f'],
      refused: { c: 'requirement-missing', d: 'not-applicable' },
    });
  });

  it('defers a pack that ends the run before the packs that it needs', () => {
    const packs: CandidatePack[] = [{ name: 'a', chainable: false, requires: [{ id: 'b' }] }, { name: 'b' }];
    const first = choose(packs);
    expectChoice(first, { apply: ['b'], deferred: ['a'] });
    expect(first.deferred[0]?.reason).toContain('packs that it requires come first');
    expectChoice(choose(packs, { applied: ['b'] }), { apply: ['a', 'b'] });
  });

  it('refuses a pack that ends the run between itself and what it cannot do without, for ever', () => {
    const packs: CandidatePack[] = [
      { name: 'a', chainable: false, requires: [{ id: 'b' }] },
      { name: 'b', requires: [{ id: 'a' }] },
    ];
    expectChoice(choose(packs), { refused: { a: 'contradiction', b: 'contradiction' } });
  });

  it('refuses a step that sorts before the one it needs', () => {
    const result = choose([step('p1', '2.0.0', '3.0.0'), step('p2', '1.0.0', '2.0.0')]);
    expectChoice(result, { apply: ['p2'], refused: { p1: 'chain-order' } });
    expect(result.refused[0]?.hint).toBe('Rename p1 so that it sorts behind p2, which leads to what it applies to.');
    const byIdentity: CandidatePack[] = [
      { name: 'p1', appliesTo: { identities: [ID2] } },
      { name: 'p2', leadsTo: { version: '2.0.0', identity: ID2 } },
    ];
    expectChoice(choose(byIdentity), { apply: ['p2'], refused: { p1: 'chain-order' } });
  });

  it('knows the identity after a step only where the step names it', () => {
    const home = { version: '1.0.0', identities: [ID1] };
    const next: CandidatePack = { name: 'p2', appliesTo: { identities: [ID2] } };
    expectChoice(choose([{ name: 'p1', leadsTo: { version: '2.0.0', identity: ID2 } }, next], { home }), {
      apply: ['p1', 'p2'],
    });
    const result = choose([{ name: 'p1', leadsTo: { version: '2.0.0' } }, next], { home });
    expectChoice(result, { apply: ['p1'], refused: { p2: 'not-decidable' } });
    expect(result.refused[0]?.hint).toContain('p1');
  });

  it('breaks where a step is missing', () => {
    expectChoice(choose([step('p1', '1.0.0', '2.0.0', { requires: [{ id: 'none' }] }), step('p2', '2.0.0', '3.0.0')]), {
      refused: { p1: 'requirement-missing', p2: 'not-applicable' },
    });
  });

  it('takes a pack back whose version only a refused step had changed', () => {
    const packs: CandidatePack[] = [
      { name: 'a', leadsTo: { version: '2.0.0' }, requires: [{ id: 'c' }] },
      { name: 'b', appliesTo: { versions: ['1.0.0'] } },
      { name: 'c', appliesTo: { versions: ['9'] } },
    ];
    expectChoice(choose(packs), { apply: ['b'], refused: { a: 'requirement-missing', c: 'not-applicable' } });
  });
});

describe('requires', () => {
  it.each<[string, CandidatePack[], Partial<ReturnType<typeof outcome>>]>([
    [
      'a pack that is there, before or behind',
      [
        { name: 'a', requires: [{ id: 'b' }] },
        { name: 'b', requires: [{ id: 'a' }] },
      ],
      { apply: ['a', 'b'] },
    ],
    [
      'a pack by its id',
      [
        { name: 'a', requires: [{ id: 'X-1' }] },
        { name: 'b', id: 'X-1' },
      ],
      { apply: ['a', 'b'] },
    ],
    [
      'a pack in a version',
      [
        { name: 'a', requires: [{ id: 'b', version: '>=2' }] },
        { name: 'b', version: '2.1.0' },
      ],
      { apply: ['a', 'b'] },
    ],
    [
      'a pack that a service pack absorbs',
      [
        { name: 'servicepack1', absorbs: ['b'] },
        { name: 'a', requires: [{ id: 'b' }] },
      ],
      { apply: ['servicepack1', 'a'] },
    ],
    [
      'a pack that another contains',
      [
        { name: 'a', requires: [{ id: 'b', version: '1' }] },
        { name: 'b', version: '1.0.0' },
        { name: 'c', supersedes: [{ id: 'b' }] },
      ],
      { apply: ['a', 'c'], superseded: { b: 'c' } },
    ],
    [
      'a pack that another contains and that is not there',
      [
        { name: 'a', requires: [{ id: 'b' }] },
        { name: 'c', supersedes: [{ id: 'b' }] },
      ],
      { apply: ['a', 'c'] },
    ],
    [
      'nothing through a version that nobody can look at',
      [
        { name: 'a', requires: [{ id: 'b', version: '>=1' }] },
        { name: 'c', supersedes: [{ id: 'b' }] },
      ],
      { apply: ['c'], refused: { a: 'requirement-missing' } },
    ],
    [
      'nothing by another version',
      [
        { name: 'a', requires: [{ id: 'b', version: '>=2' }] },
        { name: 'b', version: '1.0.0' },
      ],
      { apply: ['b'], refused: { a: 'requirement-missing' } },
    ],
    [
      'nothing by a pack without a version',
      [{ name: 'a', requires: [{ id: 'b', version: '>=2' }] }, { name: 'b' }],
      { apply: ['b'], refused: { a: 'requirement-missing' } },
    ],
    [
      'nothing by a pack that is refused, through any number of packs',
      [
        { name: 'a', requires: [{ id: 'b' }] },
        { name: 'b', requires: [{ id: 'c' }] },
        { name: 'c', requires: [{ id: 'd' }] },
        { name: 'e' },
      ],
      { apply: ['e'], refused: { a: 'requirement-missing', b: 'requirement-missing', c: 'requirement-missing' } },
    ],
  ])('is met by %s', (_name, packs, expected) => {
    expectChoice(choose(packs), expected);
  });

  it('says what is missing, and why', () => {
    const message = (packs: CandidatePack[]) => choose(packs).refused[0]?.message;
    expect(message([{ name: 'a', requires: [{ id: 'b', version: '>=2' }] }])).toBe(
      'a requires b >=2, which is not there',
    );
    expect(
      message([
        { name: 'a', requires: [{ id: 'b', version: '>=2' }] },
        { name: 'b', version: '1.0.0' },
      ]),
    ).toBe('a requires b >=2, and b has version 1.0.0');
    expect(
      message([
        { name: 'a', requires: [{ id: 'b' }] },
        { name: 'b', appliesTo: { versions: ['9'] } },
      ]),
    ).toBe('a requires b, and b is not applied');
  });

  it('is not met where an applied pack lost what it requires', () => {
    expectChoice(choose([{ name: 'a', requires: [{ id: 'b' }] }], { applied: ['a', 'b'] }), {
      refused: { a: 'requirement-missing' },
    });
  });
});

describe('conflicts', () => {
  const [a, b]: [CandidatePack, CandidatePack] = [{ name: 'a', conflicts: [{ id: 'b' }] }, { name: 'b' }];

  it('keep the first of two, whichever of them says so', () => {
    expectChoice(choose([a, b]), { apply: ['a'], refused: { b: 'conflict' } });
    expectChoice(choose([b, a]), { apply: ['b'], refused: { a: 'conflict' } });
    expectChoice(choose([{ name: 'a' }, { name: 'b', conflicts: [{ id: 'a' }] }]), {
      apply: ['a'],
      refused: { b: 'conflict' },
    });
  });

  it('keep the one that is applied', () => {
    const result = choose([a, b], { applied: ['b'] });
    expectChoice(result, { apply: ['b'], refused: { a: 'conflict' } });
    expect(result.refused[0]?.message).toBe('a and b exclude each other, and b is applied already');
  });

  it('mean versions where they name them', () => {
    const packs = (version: string): CandidatePack[] => [
      { name: 'a', conflicts: [{ id: 'b', version: '<2' }] },
      { name: 'b', version },
    ];
    expectChoice(choose(packs('1.0.0')), { apply: ['a'], refused: { b: 'conflict' } });
    expectChoice(choose(packs('2.0.0')), { apply: ['a', 'b'] });
  });

  it('do not count with a pack that is not applied', () => {
    expectChoice(choose([{ ...a, requires: [{ id: 'none' }] }, b]), {
      apply: ['b'],
      refused: { a: 'requirement-missing' },
    });
    // Known only at the second walk: `a` goes because of `c`, so `b` is taken back.
    expectChoice(choose([{ ...a, requires: [{ id: 'c' }] }, b, { name: 'c', appliesTo: { versions: ['9'] } }]), {
      apply: ['b'],
      refused: { a: 'requirement-missing', c: 'not-applicable' },
    });
  });
});

describe('supersedes', () => {
  it('leaves out what a pack contains, directly or not', () => {
    const result = choose([
      { name: 'a' },
      { name: 'b', supersedes: [{ id: 'a' }] },
      { name: 'c', supersedes: [{ id: 'b' }] },
    ]);
    expectChoice(result, { apply: ['c'], superseded: { a: 'c', b: 'c' } });
    expect(result.superseded.map(({ reason }) => reason)).toEqual(['c contains a, which b is part of', 'c contains b']);
  });

  it('means versions where it names them', () => {
    const packs = (version: string): CandidatePack[] => [
      { name: 'a', version },
      { name: 'b', supersedes: [{ id: 'a', version: '[1,2)' }] },
    ];
    expectChoice(choose(packs('1.5.0')), { apply: ['b'], superseded: { a: 'b' } });
    expectChoice(choose(packs('2.0.0')), { apply: ['a', 'b'] });
  });

  it('does not count where the pack itself is refused or waits', () => {
    expectChoice(choose([{ name: 'a' }, { name: 'b', supersedes: [{ id: 'a' }], appliesTo: { versions: ['9'] } }]), {
      apply: ['a'],
      refused: { b: 'not-applicable' },
    });
    const packs: CandidatePack[] = [
      { name: 'a' },
      { name: 'n', chainable: false },
      { name: 'z', supersedes: [{ id: 'a' }] },
    ];
    expectChoice(choose(packs, { applied: ['a'] }), { apply: ['a', 'n'], deferred: ['z'] });
    expectChoice(choose(packs, { applied: ['a', 'n'] }), { apply: ['n', 'z'], superseded: { a: 'z' } });
  });

  it('does not lose both where a pack contains the step that it needs', () => {
    const packs: CandidatePack[] = [
      step('a', '1.0.0', '2.0.0'),
      { name: 'b', appliesTo: { versions: ['2'] }, supersedes: [{ id: 'a' }] },
    ];
    expectChoice(choose(packs), { apply: ['a'], refused: { b: 'contradiction' } });
  });

  it('leaves the last of two that contain each other', () => {
    expectChoice(
      choose([
        { name: 'a', supersedes: [{ id: 'b' }] },
        { name: 'b', supersedes: [{ id: 'a' }] },
      ]),
      { apply: ['b'], superseded: { a: 'b' } },
    );
  });
});

describe('the same id twice', () => {
  it('leaves the newer version, wherever it sorts', () => {
    expectChoice(
      choose([
        { name: 'a', id: 'X', version: '1.10.0' },
        { name: 'b', id: 'X', version: '1.9.0' },
      ]),
      { apply: ['a'], superseded: { b: 'a' } },
    );
    expectChoice(
      choose([
        { name: 'a', id: 'X', version: '1.9.0' },
        { name: 'b', id: 'X', version: '1.10.0' },
      ]),
      { apply: ['b'], superseded: { a: 'b' } },
    );
  });

  it('refuses the later of two alike', () => {
    const packs = [
      { name: 'a', id: 'X', version: '1.0.0' },
      { name: 'b', id: 'X', version: '1.0.0' },
    ];
    expectChoice(choose(packs), { apply: ['a'], refused: { b: 'duplicate-id' } });
    expectChoice(choose(packs, { applied: ['b'] }), { apply: ['b'], refused: { a: 'duplicate-id' } });
  });

  it('keeps the older one where the newer does not apply', () => {
    expectChoice(
      choose([
        { name: 'a', id: 'X', version: '1.0.0' },
        { name: 'b', id: 'X', version: '2.0.0', appliesTo: { versions: ['9'] } },
      ]),
      {
        apply: ['a'],
        refused: { b: 'not-applicable' },
      },
    );
  });
});

describe('laws', () => {
  const ids = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
  const versions = ['1.0.0', '2.0.0', '3.0.0'];
  const reference = fc.record(
    { id: fc.constantFrom(...ids, 'X', 'none'), version: fc.constantFrom('>=1', '>=2', '[1,2)') },
    { requiredKeys: ['id'] },
  );
  const references = fc.array(reference, { maxLength: 2 });
  const body = fc.record(
    {
      id: fc.constantFrom('X', 'Y'),
      version: fc.constantFrom(...versions),
      appliesTo: fc.record({
        versions: fc.array(fc.constantFrom('1.0.0', '2.0.0', '>=2', '[1,3)'), { minLength: 1, maxLength: 2 }),
      }),
      leadsTo: fc.record({ version: fc.constantFrom(...versions) }),
      requires: references,
      conflicts: references,
      supersedes: references,
      chainable: fc.boolean(),
      absorbs: fc.array(fc.constantFrom('none', 'p9'), { maxLength: 1 }),
    },
    { requiredKeys: [] },
  );
  /** A manifest that names its own pack is refused when it is read. */
  const withoutSelf = (pack: CandidatePack): CandidatePack => {
    const others = (list: readonly { id: string; version?: string }[] = []) =>
      list.filter(({ id }) => id !== pack.id && id !== pack.name);
    return {
      ...pack,
      requires: others(pack.requires),
      conflicts: others(pack.conflicts),
      supersedes: others(pack.supersedes),
    };
  };
  const packs: fc.Arbitrary<CandidatePack[]> = fc
    .array(body, { maxLength: ids.length })
    .map((bodies) => bodies.map((each, index) => withoutSelf({ ...each, name: ids[index] ?? '' })));
  const input = fc
    .tuple(packs, fc.subarray(ids))
    .map(([list, applied]): EligibilityInput => ({ packs: list, home: { version: '1.0.0', identities: [] }, applied }));
  // The same lists each time; ELIGIBILITY_SEED draws others.
  const RUNS = {
    numRuns: Number(process.env.ELIGIBILITY_RUNS ?? 3000),
    seed: Number(process.env.ELIGIBILITY_SEED ?? 1),
  };
  const means = (ref: { id: string; version?: string }, pack: CandidatePack) =>
    (ref.id === (pack.id ?? pack.name) || ref.id === pack.name) &&
    (ref.version === undefined || (pack.version !== undefined && versionInRange(pack.version, ref.version) === true));

  it('every pack is in exactly one list, in the order of the input', () => {
    fc.assert(
      fc.property(input, (given) => {
        const result = chooseEligible(given);
        const lists = [result.apply, result.refused, result.deferred, result.superseded].map(names);
        expect(lists.flat().sort()).toEqual(given.packs.map(({ name }) => name).sort());
        for (const list of lists)
          expect(list).toEqual(given.packs.map(({ name }) => name).filter((name) => list.includes(name)));
      }),
      RUNS,
    );
  });

  it('what applies breaks no rule', () => {
    fc.assert(
      fc.property(input, (given) => {
        const result = chooseEligible(given);
        const chosen = names(result.apply);
        const deferred = names(result.deferred);
        const inside = given.packs.filter(({ name }) => chosen.includes(name));
        const contained = new Set<CandidatePack>();
        const queue = [...inside];
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          for (const other of given.packs) {
            if (contained.has(other) || !next.supersedes?.some((ref) => means(ref, other))) continue;
            contained.add(other);
            queue.push(other);
          }
        }
        let version = '1.0.0';
        let ended = false;
        for (const pack of inside) {
          if (pack.appliesTo?.versions)
            expect(pack.appliesTo.versions.some((range) => versionInRange(version, range))).toBe(true);
          if (ended) expect(given.applied).toContain(pack.name);
          version = pack.leadsTo?.version ?? version;
          ended ||= pack.chainable === false && !given.applied.includes(pack.name);
          for (const ref of pack.requires ?? []) {
            const met =
              given.packs.some((other) => means(ref, other) && (chosen.includes(other.name) || contained.has(other))) ||
              (ref.version === undefined &&
                inside.some(
                  (other) => other.absorbs?.includes(ref.id) || other.supersedes?.some(({ id }) => id === ref.id),
                ));
            expect(met, `${pack.name} requires ${ref.id}`).toBe(true);
          }
          for (const other of inside) {
            if (other === pack) continue;
            for (const ref of [...(pack.conflicts ?? []), ...(pack.supersedes ?? [])])
              expect(means(ref, other), `${pack.name} against ${other.name}`).toBe(false);
            if (pack.id !== undefined && pack.id === other.id) {
              // Versions that cannot be compared would be refused as duplicates too.
              expect.fail(`${pack.name} and ${other.name} are both ${pack.id}`);
            }
          }
        }
        for (const { pack, by } of result.superseded)
          expect([...chosen, ...deferred], `${pack} by ${by}`).toContain(by);
        const enders = names(
          given.packs.filter((each) => each.chainable === false).map(({ name: pack }) => ({ pack })),
        );
        for (const { pack, message } of result.refused)
          if (message.includes('wait for each other')) expect(enders.length, `${pack}: ${message}`).toBeGreaterThan(0);
        for (const { pack, after } of result.deferred) {
          expect([...chosen, ...deferred], `${pack} after ${after}`).toContain(after);
          expect(enders, `${pack} after ${after}`).toContain(after);
          const waits = given.packs.find(({ name }) => name === pack);
          if (given.applied.includes(pack))
            expect((waits?.requires ?? []).length > 0 || waits?.appliesTo !== undefined).toBe(true);
        }
        for (const entry of [...result.refused.map(({ message, hint }) => message + hint)])
          expect(entry).not.toMatch(/undefined|\s{2}/);
      }),
      RUNS,
    );
  });

  it('packs that contradict each other in a circle are chosen once, and stay', () => {
    const circle: CandidatePack[] = [
      { name: 'p0', id: 'Y', leadsTo: { version: '2.0.0' } },
      { name: 'p1', id: 'Y', version: '1.0.0', leadsTo: { version: '3.0.0' }, supersedes: [{ id: 'p0' }] },
      { name: 'p2', id: 'X', version: '3.0.0', appliesTo: { versions: ['1.0.0'] } },
      { name: 'p3', id: 'X', version: '1.0.0', supersedes: [{ id: 'p1' }] },
    ];
    const first = choose(circle);
    expect(choose(circle, { applied: names(first.apply) })).toEqual(first);
  });

  it('choices that would lead in a circle, start after start, come to rest', () => {
    const circle: CandidatePack[] = [
      { name: 'p0', id: 'Y', version: '1.0.0', leadsTo: { version: '2.0.0' } },
      { name: 'p1', id: 'X', appliesTo: { versions: ['>=2'] }, leadsTo: { version: '1.0.0' } },
      { name: 'p2', id: 'X', appliesTo: { versions: ['1.0.0'] }, leadsTo: { version: '2.0.0' }, chainable: false },
      { name: 'p3' },
      { name: 'p4', id: 'Y', version: '3.0.0', appliesTo: { versions: ['1.0.0'] } },
    ];
    let applied: readonly string[] = [];
    for (let starts = 0; starts < 5; starts++) applied = names(choose(circle, { applied }).apply);
    expect(applied).not.toEqual([]);
    expect(names(choose(circle, { applied }).apply)).toEqual(applied);
  });

  it('what makes way in a circle says for what, and waits for nothing where nothing ends the run', () => {
    const bySupersession: CandidatePack[] = [
      { name: 'p0' },
      { name: 'p3', supersedes: [{ id: 'X' }] },
      { name: 'p4', id: 'X', version: '1.0.0', supersedes: [{ id: 'p3' }] },
      { name: 'p5', id: 'X', version: '3.0.0' },
    ];
    const contained = choose(bySupersession, { applied: ['p3', 'p4'] });
    expectChoice(contained, { apply: ['p0', 'p4'], superseded: { p3: 'p4', p5: 'p4' } });
    expect(contained.superseded.map(({ reason }) => reason)).toEqual([
      'p4 contains p3',
      'p4 contains p5, which p3 is part of',
    ]);
    // Newer than the first, without a version beside the second, and the first of those that are applied.
    const byId: CandidatePack[] = [
      { name: 'p1', id: 'X', version: '1.0.0' },
      { name: 'p2', id: 'X', version: '3.0.0' },
      { name: 'p4', id: 'X' },
    ];
    const twins = choose(byId, { applied: ['p1', 'p4'] });
    expectChoice(twins, { apply: ['p2'], refused: { p4: 'contradiction' }, superseded: { p1: 'p2' } });
    expect(twins.refused[0]?.message).toBe(
      'the rules of p4 contradict those of p2, beside which it would have to be applied',
    );
  });

  it('a second start goes on from the first, and comes to rest', () => {
    fc.assert(
      fc.property(packs, (list) => {
        let applied: readonly string[] = [];
        for (let starts = 0; starts <= list.length + 1; starts++) {
          const result = choose(list, { applied });
          const next = names(result.apply);
          if (JSON.stringify(next) === JSON.stringify(applied)) {
            expect(result.deferred).toEqual([]);
            return;
          }
          applied = next;
        }
        expect.fail('still changing');
      }),
      RUNS,
    );
  });

  it('the order does not matter to packs that neither chain, nor exclude or contain each other', () => {
    const plain = packs.map((list) =>
      list.map(
        ({
          leadsTo: _leads,
          chainable: _chainable,
          conflicts: _conflicts,
          supersedes: _supersedes,
          id: _id,
          ...pack
        }): CandidatePack => pack,
      ),
    );
    fc.assert(
      fc.property(
        plain.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(names(choose(shuffled).apply).sort()).toEqual(names(choose(list).apply).sort());
        },
      ),
      RUNS,
    );
  });

  it('the order does not matter to supersession without cycles', () => {
    const list = fc.array(fc.subarray([0, 1, 2, 3, 4, 5]), { minLength: 6, maxLength: 6 }).map((contained) =>
      contained.map(
        (below, index): CandidatePack => ({
          name: `p${index}`,
          supersedes: below.filter((other) => other < index).map((other) => ({ id: `p${other}` })),
        }),
      ),
    );
    fc.assert(
      fc.property(
        list.chain((each) => fc.tuple(fc.constant(each), fc.shuffledSubarray(each, { minLength: 6 }))),
        ([each, shuffled]) => {
          expect(names(choose(shuffled).apply).sort()).toEqual(names(choose(each).apply).sort());
        },
      ),
      RUNS,
    );
  });

  it('decides thousands of packs', () => {
    const many = Array.from(
      { length: 3000 },
      (_, index): CandidatePack => ({
        name: `patch${String(index).padStart(4, '0')}`,
        version: '1.0.0',
        appliesTo: { versions: [index % 3 === 0 ? '>=9' : '>=1'] },
        requires: index % 5 === 1 ? [{ id: `patch${String(index - 1).padStart(4, '0')}` }] : [],
      }),
    );
    const result = choose(many);
    expect(result.apply.length + result.refused.length).toBe(3000);
  });
});
