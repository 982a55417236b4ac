// Versions and ranges: known answers of semver and OSGi, and the laws of an order.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareVersions,
  isRange,
  isVersion,
  parseVersionRange,
  satisfies,
  schemeOf,
  type VersionScheme,
  versionInRange,
} from '../../src/plan/version.js';

describe('versions', () => {
  it.each<[string, VersionScheme, boolean]>([
    ['4.4.0', 'semver', true],
    ['4.4', 'semver', true],
    ['4', 'semver', true],
    ['4.4.0-alpha.1+b7', 'semver', true],
    ['4.4.0.alpha', 'semver', false],
    ['v4.4.0', 'semver', false],
    ['=4.4.0', 'semver', false],
    [' 4.4.0', 'semver', false],
    ['04.4.0', 'semver', false],
    ['', 'semver', false],
    [`1.0.0-${'a'.repeat(300)}`, 'semver', false],
    ['4', 'osgi', true],
    ['4.4', 'osgi', true],
    ['4.4.0', 'osgi', true],
    ['4.4.0.v2026-11_x', 'osgi', true],
    ['4.4.0-alpha', 'osgi', false],
    ['4.4.0.', 'osgi', false],
    ['4.4.0.a.b', 'osgi', false],
    ['4..0', 'osgi', false],
    ['-1.0', 'osgi', false],
    ['2147483647', 'osgi', true],
    ['2147483648', 'osgi', false],
    ['', 'osgi', false],
    [`1.0.0.${'a'.repeat(300)}`, 'osgi', false],
  ])('%j as %s: %s', (text, scheme, valid) => {
    expect(isVersion(text, scheme)).toBe(valid);
  });

  it.each<[string, string, VersionScheme, number]>([
    ['1.2.3', '1.2.3', 'semver', 0],
    ['1.2', '1.2.0', 'semver', 0],
    ['1.10.0', '1.9.0', 'semver', 1],
    ['1.0.0-alpha', '1.0.0', 'semver', -1],
    ['1.0.0-alpha.2', '1.0.0-alpha.10', 'semver', -1],
    ['1.0.0+a', '1.0.0+b', 'semver', 0],
    ['1', '1.0.0', 'osgi', 0],
    ['1.0.0', '1.0.0.a', 'osgi', -1],
    ['1.0.0.a2', '1.0.0.a10', 'osgi', 1],
    ['1.0.0.Z', '1.0.0.a', 'osgi', -1],
    ['1.0.0.SNAPSHOT', '1.0.0', 'osgi', 1],
    ['1.2.10', '1.2.9.z', 'osgi', 1],
    ['01.0', '1.0', 'osgi', 0],
  ])('%s against %s as %s is %i', (a, b, scheme, order) => {
    expect(compareVersions(a, b, scheme)).toBe(order);
    expect(compareVersions(b, a, scheme)).toBe(order === 0 ? 0 : -order);
  });

  it('does not compare what is no version of the scheme', () => {
    expect(compareVersions('1.0.0', '1.0.0.a', 'semver')).toBeUndefined();
    expect(compareVersions('1.0.0-a', '1.0.0', 'osgi')).toBeUndefined();
  });

  it('finds the scheme that two versions share', () => {
    expect(schemeOf('4.4.0', '4.4.1-beta')).toBe('semver');
    expect(schemeOf('4.4.0', '4.4.0.beta')).toBe('osgi');
    expect(schemeOf('4.4.0-beta', '4.4.0.beta')).toBeUndefined();
    expect(schemeOf('today')).toBeUndefined();
  });
});

describe('ranges', () => {
  it.each<[string, string, VersionScheme, boolean]>([
    ['4.4.11', '>=4.4.0 <5', 'semver', true],
    ['5.0.0', '>=4.4.0 <5', 'semver', false],
    ['4.4.1-beta', '>=4.4.0 <5', 'semver', false],
    ['4.4.1-beta', '>=4.4.1-alpha <5', 'semver', true],
    ['4.4', '4.4.x', 'semver', true],
    ['1.2.3', '1.2.3', 'semver', true],
    ['1.2.4', '1.2.3', 'semver', false],
    ['1.0.0', '[1.0,2.0)', 'osgi', true],
    ['1.0.0', '(1.0,2.0)', 'osgi', false],
    ['1.9.9.zzz', '[1.0,2.0)', 'osgi', true],
    ['2.0.0', '[1.0,2.0)', 'osgi', false],
    ['2.0.0', '[1.0,2.0]', 'osgi', true],
    ['2.0.0.a', '[1.0,2.0]', 'osgi', false],
    ['99.0', '1.5', 'osgi', true],
    ['1.4.9', '1.5', 'osgi', false],
    ['1.5', ' [ 1.0 , 2.0 ) ', 'osgi', true],
    ['1.5', '[2.0,1.0]', 'osgi', false],
  ])('%s in %j as %s: %s', (version, range, scheme, within) => {
    expect(satisfies(version, range, scheme)).toBe(within);
  });

  it.each<[string, VersionScheme]>([
    ['', 'semver'],
    ['today', 'semver'],
    ['[1,2)', 'semver'],
    ['>=1', 'osgi'],
    ['[1,2', 'osgi'],
    ['[1,2,3]', 'osgi'],
    ['[,2]', 'osgi'],
    ['', 'osgi'],
  ])('%j is no range of %s', (range, scheme) => {
    expect(isRange(range, scheme)).toBe(false);
    expect(satisfies('1.0.0', range, scheme)).toBeUndefined();
  });

  it.each<[string, VersionScheme, string]>([
    ['>=4.4.0 <5', 'semver', '>=4.4.0 <5'],
    ['4.4', 'semver', '4.4'],
    ['4.4.0', 'semver', '4.4.0'],
    ['4.4.0.alpha', 'osgi', '4.4.0.alpha'],
    ['[4.4,5)', 'osgi', '[4.4,5)'],
    ['(4.4,5]', 'osgi', '(4.4,5]'],
    ['osgi:4.4', 'osgi', '4.4'],
    ['semver: ^4.4.0', 'semver', '^4.4.0'],
  ])('reads %j as %s', (text, scheme, range) => {
    expect(parseVersionRange(text)).toEqual({ scheme, range });
  });

  it('reads no range from the wrong scheme, an unknown prefix, or a version that is none', () => {
    expect(parseVersionRange('osgi:^4.4.0')).toBeUndefined();
    expect(parseVersionRange('semver:[4,5)')).toBeUndefined();
    expect(parseVersionRange('maven:[4,5)')).toBeUndefined();
    expect(versionInRange('4.4.0.alpha', '>=4')).toBeUndefined();
    expect(versionInRange('4.4.0.alpha', '[4,5)')).toBe(true);
  });
});

describe('laws', () => {
  const part = fc.nat({ max: 12 });
  const osgi = fc
    .tuple(part, part, part, fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,3}$/), { nil: '' }))
    .map(([a, b, c, q]) => (q === '' ? `${a}.${b}.${c}` : `${a}.${b}.${c}.${q}`));
  const semverText = fc
    .tuple(part, part, part, fc.option(fc.constantFrom('alpha', 'alpha.1', 'beta', '0', '10'), { nil: '' }))
    .map(([a, b, c, p]) => (p === '' ? `${a}.${b}.${c}` : `${a}.${b}.${c}-${p}`));

  it.each<[VersionScheme, fc.Arbitrary<string>]>([
    ['osgi', osgi],
    ['semver', semverText],
  ])('%s is a total order', (scheme, versions) => {
    const compare = (a: string, b: string) => compareVersions(a, b, scheme) ?? Number.NaN;
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        expect(compare(a, a)).toBe(0);
        expect(compare(a, b) + compare(b, a)).toBe(0);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('an OSGi range holds exactly what its bounds say', () => {
    fc.assert(
      fc.property(osgi, osgi, osgi, fc.boolean(), fc.boolean(), (version, low, high, lowIn, highIn) => {
        const range = `${lowIn ? '[' : '('}${low},${high}${highIn ? ']' : ')'}`;
        const above = compareVersions(version, low, 'osgi') ?? Number.NaN;
        const below = compareVersions(version, high, 'osgi') ?? Number.NaN;
        expect(satisfies(version, range, 'osgi')).toBe(
          (lowIn ? above >= 0 : above > 0) && (highIn ? below <= 0 : below < 0),
        );
      }),
    );
  });
});
