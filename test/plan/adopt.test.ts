// First contact: what a home that we see for the first time tells of itself, and what of it is believed (Carbon rules 11 to 13).
import { describe, expect, test } from 'vitest';
import { adopt } from '../../src/plan/adopt.js';
import { errorProblem } from '../../src/problem.js';
import { type Described, makeObservation, makePack, md5Of, plugin } from './observation-builder.js';

function adoptHome(described: Described) {
  return adopt(makeObservation(described));
}

describe('a home that nobody has patched', () => {
  test('has no packs and no base of its own: what is there is the base', () => {
    const prior = adoptHome({ plugins: { 'a.jar': 'base' }, packs: [makePack('patch0001', { 'a.jar': 'p1' })] });
    expect([prior.packs, prior.base, prior.problems]).toEqual([[], {}, []]);
  });
});

describe('a home that Carbon has patched', () => {
  const packs = [makePack('patch0001', { 'a.jar': 'p1', 'n.jar': 'p1' })];

  test('has what its list says; the base comes from patch0000', () => {
    const prior = adoptHome({
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1', 'b.jar': 'base' },
      packs,
      names: ['patch0000', 'patch0001'],
      backup: { 'a.jar': 'base', 'b.jar': 'base' },
    });
    expect(prior.packs.map((pack) => pack.name)).toEqual(['patch0001']);
    expect(prior.base).toMatchObject({
      [plugin('a.jar')]: { kind: 'file', md5: md5Of('base') },
      [plugin('n.jar')]: { kind: 'absent' },
    });
    expect([...prior.baseSources]).toEqual([[plugin('a.jar'), 'patches:patch0000/a.jar']]);
    expect([...prior.restore, ...prior.problems]).toEqual([]);
  });

  test('a folder that patch0000 has, too, is no pack’s', () => {
    const prior = adoptHome({
      plugins: { 'vendor/': '', 'vendor/empty/': '', 'added/': '', 'a.jar': 'base' },
      packs: [makePack('servicepack001', { 'vendor/': '', 'vendor/empty/': '', 'added/': '' })],
      names: ['servicepack001'],
      backup: { 'vendor/': '', 'vendor/empty/': '', 'a.jar': 'base' },
    });
    expect(prior.base).toEqual({
      [plugin('vendor')]: { kind: 'directory', mode: 0o755 },
      [plugin('vendor/empty')]: { kind: 'directory', mode: 0o755 },
    });
  });

  test('without a backup the original under an applied patch is unknown, not guessed', () => {
    const prior = adoptHome({ plugins: { 'a.jar': 'p1', 'n.jar': 'p1' }, packs, names: ['patch0001'] });
    expect(prior.base).toEqual({ [plugin('a.jar')]: { kind: 'unknown' }, [plugin('n.jar')]: { kind: 'unknown' } });
  });

  test('a torn backup is not taken for the original (D1)', () => {
    const whole = adoptHome({
      plugins: { 'a.jar': 'base', 'n.jar': 'p1' },
      packs,
      backup: { 'a.jar': 'x' },
      unsound: ['a.jar'],
    });
    expect(whole.base[plugin('a.jar')]).toBeUndefined();
    expect(whole.problems).toContainEqual(expect.objectContaining({ code: 'BACKUP_UNSOUND' }));
    const patched = adoptHome({
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1' },
      packs,
      names: ['patch0001'],
      backup: { 'a.jar': 'x' },
      unsound: ['a.jar'],
    });
    expect(patched.base[plugin('a.jar')]).toEqual({ kind: 'unknown' });
  });

  test('the recorded MD5 of a JAR counts, not that of its folder, so that an update since then is seen', () => {
    const prior = adoptHome({
      layout: 'carbon-4.4',
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1' },
      packs: [makePack('patch0001', { 'a.jar': 'p2', 'n.jar': 'p1' })],
      names: ['patch0000', 'patch0001'],
      jars: { 'a.jar': 'p1', 'n.jar': 'p1' },
      backup: { 'a.jar': 'base' },
    });
    expect(prior.packs[0]?.files.map((file) => file.md5)).toEqual([md5Of('p1'), md5Of('p1')]);
  });

  test('a patch that is gone is still on record, with the JARs that nobody else claims', () => {
    const prior = adoptHome({
      layout: 'carbon-4.4',
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1' },
      names: ['patch0000', 'patch0001'],
      jars: { 'a.jar': 'p1', 'n.jar': 'p1' },
      backup: { 'a.jar': 'base' },
    });
    expect(prior.packs.map((pack) => [pack.name, pack.files.length])).toEqual([['patch0001', 2]]);
    expect(prior.base).toMatchObject({
      [plugin('a.jar')]: { md5: md5Of('base') },
      [plugin('n.jar')]: { kind: 'absent' },
    });
  });

  test('a JAR taken out of a patch that is there is on record with it, if it is still in plugins (D6)', () => {
    const home: Described = {
      layout: 'carbon-4.4',
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1', 'out.jar': 'p1', 'back.jar': 'base', 'same.jar': 'base' },
      packs,
      names: ['patch0000', 'patch0001'],
      jars: { 'a.jar': 'p1', 'n.jar': 'p1', 'out.jar': 'p1', 'back.jar': 'p1', 'lost.jar': 'p1', 'same.jar': 'base' },
      backup: { 'a.jar': 'base', 'out.jar': 'base', 'back.jar': 'base', 'same.jar': 'base' },
    };
    const prior = adoptHome(home);
    expect(prior.packs[0]?.files.map((file) => file.fileName)).toEqual(['a.jar', 'n.jar', 'out.jar']);
    expect(prior.base[plugin('out.jar')]).toMatchObject({ kind: 'file', md5: md5Of('base') });
    const torn = errorProblem('PACK_REFUSED', 'torn', { pack: 'patch0001' });
    const broken = makePack('patch0001', {}, { problems: [torn] });
    expect(adoptHome({ ...home, packs: [broken] }).packs[0]?.files).toEqual([]);
  });

  test('a patch that is there, and that a service pack absorbs by now, is on record with what it has', () => {
    const prior = adoptHome({
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1' },
      packs: [makePack('servicepack001', {}, { absorbs: ['patch0001'] })],
      passedOver: packs,
      names: ['patch0001'],
      backup: { 'a.jar': 'base' },
    });
    expect(prior.packs.map((pack) => [pack.name, pack.files.length])).toEqual([['patch0001', 2]]);
    expect(prior.base[plugin('n.jar')]).toEqual({ kind: 'absent' });
    expect(prior.problems).toEqual([]);
  });

  test('a patch that is gone, and no backup: nothing can be reverted, and that is said', () => {
    expect(adoptHome({ plugins: { 'a.jar': 'p1' }, names: ['patch0001'] }).problems).toContainEqual(
      expect.objectContaining({ code: 'LEDGER_MISSING', severity: 'error' }),
    );
  });

  test('patch0000 is the base of a home whose list is empty: what differs is restored', () => {
    const prior = adoptHome({ plugins: { 'a.jar': 'p1' }, names: [], backup: { 'a.jar': 'base' } });
    expect([...prior.restore.keys()]).toEqual([plugin('a.jar')]);
  });

  test('a plugin that the vendor changed since the backup is not downgraded (D12)', () => {
    const prior = adoptHome({
      plugins: { 'a.jar': 'p1', 'n.jar': 'p1', 'b.jar': 'vendor' },
      packs,
      names: ['patch0001'],
      backup: { 'a.jar': 'base', 'b.jar': 'base' },
    });
    expect([...prior.restore.keys()]).toEqual([]);
    expect(prior.seen[plugin('b.jar')]).toMatchObject({ md5: md5Of('base') });
  });
});
