// From an observation to a plan: who wins, what resurfaces, what is kept, what is a problem. Pure; real homes are in test/e2e.
import { describe, expect, test } from 'vitest';
import { rooted } from '../../src/home/layout.js';
import type { Pack, PackFile } from '../../src/home/pack.js';
import type { Ledger } from '../../src/plan/ledger.js';
import { makePlan } from '../../src/plan/make-plan.js';
import type { PlanRules } from '../../src/plan/plan-rules.js';
import { errorProblem } from '../../src/problem.js';
import {
  type Contents,
  type Described,
  makeObservation,
  makePack,
  md5Of,
  plugin,
  sha256Of,
} from './observation-builder.js';

const RULES: PlanRules = { drift: 'repair', transaction: 't', rebase: false };

function planOf(described: Described, rules: Partial<PlanRules> = {}) {
  return makePlan(makeObservation(described), { ...RULES, ...rules });
}

/** The home after the packs have been applied over a base: plugins, record, names, store. */
function applied(base: Contents, packs: ReturnType<typeof makePack>[]): Described & { ledger: Ledger } {
  const { ledger } = planOf({ plugins: base, packs });
  if (ledger === undefined) throw new Error('nothing was to be recorded');
  const top = Object.assign(
    {},
    base,
    ...packs.map((pack) =>
      Object.fromEntries(pack.files.map((file) => [file.target.slice('plugins:'.length), tagOf(file.entry.md5)])),
    ),
  ) as Contents;
  const folders = Object.fromEntries(
    packs.flatMap((pack) => pack.directories.map(({ target }) => [`${target.slice(8)}/`, ''])),
  );
  const stored = Object.values(ledger.base).flatMap((entry) => (entry.kind === 'file' ? [tagOf(entry.md5)] : []));
  return { plugins: { ...top, ...folders }, packs, ledger, names: ledger.names, stored };
}

const TAGS = ['base', 'p1', 'p2', 'p3', 'sp', 'x', 'edited', 'vendor'];

function tagOf(md5: string): string {
  const tag = TAGS.find((one) => md5Of(one) === md5);
  if (tag === undefined) throw new Error(`no tag has the MD5 ${md5}`);
  return tag;
}

function changesOf(plan: ReturnType<typeof makePlan>) {
  return plan.changes.map(({ action, path, winner, shadows }) => ({
    action,
    path: path.split('/').at(-1),
    winner,
    shadows,
  }));
}

describe('layers', () => {
  test('the last writer of a name wins; a change says whom it shadows', () => {
    const plan = planOf({
      plugins: { 'a.jar': 'base' },
      packs: [
        makePack('servicepack001', { 'a.jar': 'sp' }),
        makePack('patch0001', { 'a.jar': 'p1' }),
        makePack('patch0002', { 'a.jar': 'p2', 'n.jar': 'p2' }),
      ],
    });
    expect(changesOf(plan)).toEqual([
      { action: 'replace', path: 'a.jar', winner: 'patch0002', shadows: ['servicepack001', 'patch0001'] },
      { action: 'create', path: 'n.jar', winner: 'patch0002', shadows: [] },
    ]);
    expect(plan.ledger?.names).toEqual(['servicepack001', 'patch0001', 'patch0002']);
    expect(plan.ledger?.base).toMatchObject({
      [plugin('a.jar')]: { kind: 'file', md5: md5Of('base') },
      [plugin('n.jar')]: { kind: 'absent' },
    });
  });

  test('the original that makes way goes to the store', () => {
    const { operations } = planOf({ plugins: { 'a.jar': 'base' }, packs: [makePack('patch0001', { 'a.jar': 'p1' })] });
    expect(operations[0]).toMatchObject({
      kind: 'write',
      path: plugin('a.jar'),
      keep: 'store',
      before: { sha256: sha256Of('base') },
    });
  });

  test('nothing to do, and nothing to record, once it is applied', () => {
    const plan = planOf(applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]));
    expect([plan.operations, plan.changes, plan.ledger, plan.problems]).toEqual([[], [], undefined, []]);
  });

  test('what a removal resurfaces: the layer below, else the base from the store, else nothing', () => {
    const [one, two] = [
      makePack('patch0001', { 'a.jar': 'p1' }),
      makePack('patch0002', { 'a.jar': 'p2', 'b.jar': 'p2', 'n.jar': 'p2' }),
    ];
    const home = applied({ 'a.jar': 'base', 'b.jar': 'base' }, [one, two]);
    const plan = planOf({ ...home, packs: [one] });
    expect(plan.revert).toEqual(['patch0002']);
    expect(changesOf(plan)).toEqual([
      { action: 'replace', path: 'a.jar', winner: 'patch0001', shadows: [] },
      { action: 'restore', path: 'b.jar', winner: null, shadows: [] },
      { action: 'delete', path: 'n.jar', winner: null, shadows: [] },
    ]);
    expect(plan.operations.filter(({ kind }) => kind === 'write').slice(0, 2)).toMatchObject([
      { source: { kind: 'path', path: 'patches:patch0001/a.jar' }, keep: 'drop' },
      { source: { kind: 'store', sha256: sha256Of('base'), lastUse: false } },
    ]);
  });

  test('an original that nothing needs afterwards is moved out of the store, and not copied', () => {
    const home = applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);
    expect(planOf({ ...home, packs: [] }).operations[0]).toMatchObject({ source: { kind: 'store', lastUse: true } });
  });

  test('folders come before what is in them, and go after it', () => {
    const pack = makePack('patch0001', { 'm/': '', 'm/lib/': '', 'm/lib/x': 'p1' });
    expect(planOf({ packs: [pack] }).operations.slice(0, 3)).toMatchObject([
      { kind: 'make-directory', path: plugin('m') },
      { kind: 'make-directory', path: plugin('m/lib') },
      { kind: 'write', path: plugin('m/lib/x') },
    ]);
    expect(planOf({ ...applied({}, [pack]), packs: [] }).operations.slice(0, 3)).toMatchObject([
      { kind: 'delete', path: plugin('m/lib/x') },
      { kind: 'remove-directory', path: plugin('m/lib') },
      { kind: 'remove-directory', path: plugin('m') },
    ]);
  });

  test('a folder of the base stays when the pack goes', () => {
    const home = applied({ 'm/': '' }, [makePack('patch0001', { 'm/': '', 'm/x': 'p1' })]);
    expect(planOf({ ...home, packs: [] }).operations.filter((one) => one.kind === 'remove-directory')).toEqual([]);
  });

  test('a record that changes where no path does is recorded', () => {
    const home = applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);
    const plan = planOf({ ...home, plugins: { 'a.jar': 'p2' }, packs: [makePack('patch0001', { 'a.jar': 'p2' })] });
    expect([plan.operations, plan.update]).toEqual([[], ['patch0001']]);
    expect(plan.ledger?.packs[0]?.files[0]?.md5).toBe(md5Of('p2'));
  });
});

describe('the record of a pack', () => {
  const bundle = { symbolicName: 'a', version: '1.0.0' };
  const plain = makePack('servicepack001', { 'a.jar': 'p1', 'folder/': '' }, { absorbs: ['patch0001'] });
  const [file, folder] = [plain.files[0]!, plain.directories[0]!];
  const home = applied({ 'a.jar': 'base' }, [{ ...plain, files: [{ ...file, bundle }] }]);
  const planOfPack = (files: Partial<PackFile>, more: Partial<Pack> = {}) =>
    planOf({ ...home, packs: [{ ...plain, files: [{ ...file, bundle, ...files }], ...more }] });

  test('stays the one that is there where the pack says what it said', () => {
    expect(planOfPack({}).ledger).toBeUndefined();
    // Something else is new: what is the same is not made again.
    const second = makePack('patch0002', { 'b.jar': 'p2' });
    expect(planOf({ ...home, packs: [...home.packs!, second] }).ledger?.packs[0]).toBe(home.ledger.packs[0]);
  });

  test.each<[string, Partial<PackFile>, Partial<Pack>?]>([
    ['the name of a file', { fileName: 'other.jar' }],
    ['its target', { target: plugin('other.jar') }],
    ['its content', { entry: { ...file.entry, md5: md5Of('p2') } }],
    ['its length', { entry: { ...file.entry, sizeBytes: 7 } }],
    ['its mode', { entry: { ...file.entry, mode: 0o600 } }],
    ['whether its mode counts', { setsMode: true }],
    ['the name of its bundle', { bundle: { ...bundle, symbolicName: 'b' } }],
    ['the version of its bundle', { bundle: { ...bundle, version: '1.0.1' } }],
    ['one file less', {}, { files: [] }],
    ['what it absorbs', {}, { absorbs: [] }],
    ['the mode of a folder', {}, { directories: [{ ...folder, entry: { ...folder.entry, mode: 0o700 } }] }],
    ['the name of a folder', {}, { directories: [{ ...folder, target: plugin('other') }] }],
    ['one folder less', {}, { directories: [] }],
    ['what it takes away', {}, { removes: [plugin('x.jar')] }],
    ['what it says of itself', {}, { recorded: { id: 'x', version: '1', fixes: [] } }],
  ])('is made anew where it differs in %s', (_what, files, more) => {
    const after = planOfPack(files, more).ledger?.packs[0];
    expect(after).toBeDefined();
    expect(after).not.toEqual(home.ledger.packs[0]);
  });
});

describe('problems', () => {
  test('a file where another pack brings a folder is a conflict of the pack that brings it', () => {
    const plan = planOf({
      packs: [makePack('patch0001', { 'm/': '', 'm/x': 'p1' }), makePack('patch0002', { m: 'p2' })],
    });
    expect(plan.problems).toContainEqual(expect.objectContaining({ code: 'CONFLICT', pack: 'patch0002' }));
  });

  test.each([
    ['a link', { 'a.jar': 'link' }],
    ['a folder', { 'a.jar/': '' }],
  ])('%s where a pack brings a file is a conflict, and never replaced', (_, plugins) => {
    const plan = planOf({ plugins, packs: [makePack('patch0001', { 'a.jar': 'p1' })] });
    expect(plan.problems).toContainEqual(
      expect.objectContaining({ code: 'CONFLICT', severity: 'error', pack: 'patch0001' }),
    );
    expect(plan.changes).toEqual([]);
  });

  test('an original that is not in the store is STORE_DAMAGED', () => {
    const home = applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);
    expect(planOf({ ...home, packs: [], stored: [] }).problems).toContainEqual(
      expect.objectContaining({ code: 'STORE_DAMAGED', severity: 'error' }),
    );
  });

  test('an original that nobody knows is BASE_UNKNOWN when the pack over it goes', () => {
    const home = applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);
    const ledger = { ...home.ledger, base: { [plugin('a.jar')]: { kind: 'unknown' as const } } };
    expect(planOf({ ...home, ledger, packs: [] }).problems).toContainEqual(
      expect.objectContaining({ code: 'BASE_UNKNOWN' }),
    );
    expect(planOf({ ...home, ledger }).operations).toEqual([]);
  });

  test('a names file that does not say what was recorded is LEDGER_EDITED', () => {
    const home = applied({ 'a.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);
    for (const names of [[], ['patch0002'], ['patch0001', 'patch0002']])
      expect(planOf({ ...home, names }).problems).toContainEqual(expect.objectContaining({ code: 'LEDGER_EDITED' }));
  });

  test('a pack with an error is not applied, and its error is among the problems', () => {
    const problems = [errorProblem('PACK_REFUSED', 'broken', { pack: 'patch0001' })];
    const plan = planOf({ packs: [makePack('patch0001', {}, { problems }), makePack('patch0002', { x: 'p2' })] });
    expect(plan.packs.map((pack) => pack.name)).toEqual(['patch0002']);
    expect(plan.problems).toEqual(problems);
  });
});

describe('drift', () => {
  const home = applied({ 'a.jar': 'base', 'b.jar': 'base' }, [makePack('patch0001', { 'a.jar': 'p1' })]);

  test.each([
    ['repair', 'DRIFT', 'warning', 1],
    ['report', 'DRIFT', 'warning', 0],
    ['refuse', 'DRIFTED', 'error', 1],
  ] as const)('%s: %s of severity %s', (drift, code, severity, changes) => {
    const plan = planOf({ ...home, plugins: { 'a.jar': 'edited', 'b.jar': 'base' } }, { drift });
    expect(plan.problems).toContainEqual(expect.objectContaining({ code, severity }));
    expect(plan.changes).toHaveLength(changes);
    expect(plan.drifted).toHaveLength(1);
  });

  test.each([
    ['its pack is taken away', [], 'base'],
    ['its pack changes it', [makePack('patch0001', { 'a.jar': 'p2' })], 'p2'],
  ] as const)('report does not keep what was edited where %s', (_, packs, after) => {
    const plan = planOf({ ...home, packs, plugins: { 'a.jar': 'edited', 'b.jar': 'base' } }, { drift: 'report' });
    expect(plan.problems).toContainEqual(expect.objectContaining({ code: 'DRIFT', severity: 'warning' }));
    expect(plan.operations[0]).toMatchObject({ kind: 'write', after: { md5: md5Of(after) }, keep: 'aside' });
  });

  test('what was edited is kept aside; what is missing is put back', () => {
    expect(planOf({ ...home, plugins: { 'a.jar': 'edited', 'b.jar': 'base' } }).operations[0]).toMatchObject({
      keep: 'aside',
      source: { kind: 'path' },
    });
    expect(planOf({ ...home, plugins: { 'b.jar': 'base' } }).operations[0]).toMatchObject({
      before: { kind: 'absent' },
      after: { md5: md5Of('p1') },
    });
  });

  test('plugins that no pack covers are only talked about', () => {
    const plan = planOf({ ...home, plugins: { 'a.jar': 'p1', 'b.jar': 'vendor', 'c.jar': 'x' } });
    expect(plan.operations).toEqual([]);
    expect(plan.problems.map((problem) => problem.code).sort()).toEqual(['BASE_CHANGED', 'ORPHAN']);
    expect(planOf({ ...home, plugins: { 'a.jar': 'p1' } }).problems.map((problem) => problem.code)).toEqual([
      'BASE_CHANGED',
    ]);
  });
});

describe('first contact with a backup of the originals', () => {
  const home = {
    plugins: { 'a.jar': 'p1', 'b.jar': 'base', 'x.jar': 'x' },
    backup: { 'a.jar': 'base', 'b.jar': 'base' },
  };
  const packs = [makePack('patch0001', { 'a.jar': 'p1' })];

  test('a plugin that is neither in it nor in a pack is told, as information, and left', () => {
    const plan = planOf({ ...home, packs, names: ['patch0000', 'patch0001'] });
    expect(plan.problems).toEqual([
      expect.objectContaining({ code: 'ORPHAN', severity: 'info', path: 'repository/components/plugins/x.jar' }),
    ]);
    expect(plan.changes).toEqual([]);
    expect(plan.ledger?.seen[plugin('x.jar')]).toBeDefined();
  });

  test('once it is on record it is the base, and nothing is said', () => {
    const { ledger } = planOf({ ...home, packs, names: ['patch0000', 'patch0001'] });
    const after = { ...home, packs, names: ['patch0001'] };
    expect(planOf({ ...after, ledger: { ...ledger!, names: ['patch0001'] } }).problems).toEqual([]);
  });

  test('what Carbon recorded and left is no drift, whatever length the JAR has that the pack holds now', () => {
    const seen = { layout: 'carbon-4.4', names: ['patch0001'], jars: { 'a.jar': 'p1' }, ...home } as const;
    const plan = planOf({ ...seen, packs: [makePack('patch0001', { 'a.jar': 'vendor' })] });
    expect(plan.drifted).toEqual([]);
    expect(plan.detected.lines).toEqual(['a.jar has been updated']);
  });

  test('without a backup nothing can be told', () => {
    expect(planOf({ plugins: home.plugins, packs }).problems).toEqual([]);
  });
});

describe('state files', () => {
  test('layout 4.4 lists patch0000 in its place, unless the service pack does (Carbon rule 12), and every file (rule 13)', () => {
    const described = {
      layout: 'carbon-4.4',
      backup: {},
      packs: [
        makePack('servicepack001', {}),
        makePack('patch', { 'a.jar': 'p1', README: 'x', 'm/': '', 'm/x': 'x' }),
        makePack('patch0001', { 'a.jar': 'p2' }),
      ],
    } as const;
    const { ledger } = planOf(described);
    expect(ledger?.names).toEqual(['servicepack001', 'patch', 'patch0000', 'patch0001']);
    expect(ledger?.jars).toEqual({ README: md5Of('x'), 'a.jar': md5Of('p2') });
    const absorbed = makePlan({ ...makeObservation(described), backupAbsorbed: true }, RULES);
    expect(absorbed.ledger?.names).toEqual(['servicepack001', 'patch', 'patch0001']);
    const byNumber = [makePack('patch9', { 'a.jar': 'p1' }), makePack('patch10', { 'a.jar': 'p2' })];
    const natural = planOf({ ...described, packs: byNumber });
    expect(natural.ledger?.names).toEqual(['patch0000', 'patch9', 'patch10']);
  });

  test('with a companion what is not applied is moved from its sight, and what is applied again is given back', () => {
    const problems = [errorProblem('PACK_REFUSED', 'broken', { pack: 'patch0001' })];
    const plan = planOf({
      companion: true,
      packs: [
        makePack('patch0001', {}, { problems }),
        makePack('patch0002', { x: 'p2' }, { held: true, folder: rooted('patches', '.held/patch0002') }),
      ],
    });
    expect(plan.operations.filter((one) => one.kind === 'move')).toEqual([
      { kind: 'move', path: 'patches:.held/patch0002', target: 'patches:patch0002' },
      { kind: 'move', path: 'patches:patch0001', target: 'patches:.held/patch0001' },
    ]);
    expect(plan.ledger?.held).toEqual([{ name: 'patch0001', kind: 'patch', reason: 'not applied' }]);
  });

  test('a pack that is held and stays so is on record, and nothing has to be done about it', () => {
    const problems = [errorProblem('PACK_REFUSED', 'broken', { pack: 'patch0001' })];
    const held = makePack('patch0001', {}, { problems, held: true });
    const first = planOf({ companion: true, packs: [makePack('patch0001', {}, { problems })] });
    expect(first.ledger?.held).toHaveLength(1);
    const second = planOf({ companion: true, packs: [held], ledger: first.ledger as Ledger, names: [] });
    expect([second.operations, second.ledger]).toEqual([[], undefined]);
  });
});
