// Versions and ranges as semver and as OSGi have them (OSGi Core 3.2.5, 3.2.6). Pure; text that is no version or no range is
// an answer (`undefined`), never an exception. docs/conditions.md, "Versions", is the reference for authors.

import semver from 'semver';

export type VersionScheme = 'semver' | 'osgi';

/** Longer texts are no versions and no ranges; it bounds the work of a comparison. */
const LIMIT = 256;

interface OsgiVersion {
  readonly numbers: readonly [number, number, number];
  readonly qualifier: string;
}

const OSGI = /^(\d{1,10})(?:\.(\d{1,10})(?:\.(\d{1,10})(?:\.([A-Za-z0-9_-]+))?)?)?$/;
/** Java's Integer.MAX_VALUE: the largest part that an OSGi framework reads. */
const LARGEST_PART = 2_147_483_647;

function parseOsgi(text: string): OsgiVersion | undefined {
  const match = text.length > LIMIT ? null : OSGI.exec(text);
  if (match === null) return undefined;
  const numbers = [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)] as const;
  return numbers.some((part) => part > LARGEST_PART) ? undefined : { numbers, qualifier: match[4] ?? '' };
}

function compareOsgi(a: OsgiVersion, b: OsgiVersion): number {
  for (const index of [0, 1, 2] as const) {
    const difference = a.numbers[index] - b.numbers[index];
    if (difference !== 0) return Math.sign(difference);
  }
  // Java's String.compareTo goes by UTF-16 units, as `<` does; a missing qualifier sorts first.
  return a.qualifier < b.qualifier ? -1 : a.qualifier > b.qualifier ? 1 : 0;
}

const SHORT_SEMVER = /^\d+(?:\.\d+)?$/;

/** Strict semver 2.0, where minor and patch may be missing (0), since servers call themselves `4.4`. */
function parseSemver(text: string): semver.SemVer | undefined {
  if (text.length > LIMIT || !/^\d/.test(text) || text !== text.trim()) return undefined;
  const full = SHORT_SEMVER.test(text) ? (text.includes('.') ? `${text}.0` : `${text}.0.0`) : text;
  return semver.parse(full) ?? undefined;
}

/** Whether the text is a version of the scheme. */
export function isVersion(text: string, scheme: VersionScheme): boolean {
  return scheme === 'osgi' ? parseOsgi(text) !== undefined : parseSemver(text) !== undefined;
}

/**
 * The scheme in which versions can be compared: semver where all are semver, else OSGi where all are OSGi, else undefined.
 * So `4.4.0` and `4.4.1-beta` are semver, `4.4.0` and `4.4.0.beta` are OSGi, `4.4.0-beta` and `4.4.0.beta` are neither.
 */
export function schemeOf(...versions: readonly string[]): VersionScheme | undefined {
  if (versions.every((version) => isVersion(version, 'semver'))) return 'semver';
  return versions.every((version) => isVersion(version, 'osgi')) ? 'osgi' : undefined;
}

/** -1, 0 or 1; undefined where either text is no version of the scheme. Semver build metadata is ignored, as semver says. */
export function compareVersions(a: string, b: string, scheme: VersionScheme): number | undefined {
  if (scheme === 'osgi') {
    const [left, right] = [parseOsgi(a), parseOsgi(b)];
    return left === undefined || right === undefined ? undefined : compareOsgi(left, right);
  }
  const [left, right] = [parseSemver(a), parseSemver(b)];
  return left === undefined || right === undefined ? undefined : left.compare(right);
}

interface OsgiRange {
  readonly floor: OsgiVersion;
  readonly floorIncluded: boolean;
  /** Absent: no upper bound. */
  readonly ceiling?: OsgiVersion;
  readonly ceilingIncluded: boolean;
}

function parseOsgiRange(text: string): OsgiRange | undefined {
  if (text.length > LIMIT) return undefined;
  const bare = parseOsgi(text.trim());
  if (bare !== undefined) return { floor: bare, floorIncluded: true, ceilingIncluded: false };
  const match = /^([[(])([^,]*),([^,]*)([\])])$/.exec(text.trim());
  const floor = parseOsgi(match?.[2]?.trim() ?? '');
  const ceiling = parseOsgi(match?.[3]?.trim() ?? '');
  if (match === null || floor === undefined || ceiling === undefined) return undefined;
  return { floor, floorIncluded: match[1] === '[', ceiling, ceilingIncluded: match[4] === ']' };
}

function parseSemverRange(text: string): semver.Range | undefined {
  if (text.length > LIMIT || text.trim() === '') return undefined;
  try {
    return new semver.Range(text);
  } catch {
    // The library throws a TypeError for what is no range; nothing else can happen here.
    return undefined;
  }
}

/** Whether the text is a range of the scheme (without a prefix). */
export function isRange(range: string, scheme: VersionScheme): boolean {
  return scheme === 'osgi' ? parseOsgiRange(range) !== undefined : parseSemverRange(range) !== undefined;
}

/**
 * Whether a version lies in a range of the same scheme; undefined where either text is not of the scheme.
 * OSGi: `[1.0,2.0)`, and a bare version means "at least". Semver: as npm reads ranges, so a pre-release lies only in a
 * range that names a pre-release of the same version.
 */
export function satisfies(version: string, range: string, scheme: VersionScheme): boolean | undefined {
  if (scheme === 'semver') {
    const [parsed, within] = [parseSemver(version), parseSemverRange(range)];
    return parsed === undefined || within === undefined ? undefined : within.test(parsed);
  }
  const [parsed, within] = [parseOsgi(version), parseOsgiRange(range)];
  if (parsed === undefined || within === undefined) return undefined;
  const low = compareOsgi(parsed, within.floor);
  if (low < 0 || (low === 0 && !within.floorIncluded)) return false;
  if (within.ceiling === undefined) return true;
  const high = compareOsgi(parsed, within.ceiling);
  return high < 0 || (high === 0 && within.ceilingIncluded);
}

/** A range with its scheme, as authors write it: `semver:>=4.4 <5`, `osgi:[1,2)`, or without a prefix. */
export interface VersionRange {
  readonly scheme: VersionScheme;
  readonly range: string;
}

/** What `parseVersionRange` expects, for error messages. */
export const RANGE_EXPECTED =
  'a version range such as ">=4.4.0 <5", "[4.4,5.0)", "semver:^4.4.0" or "osgi:4.4.0.alpha"';

/**
 * Reads a range. A prefix `semver:` or `osgi:` decides; without one the range is OSGi where it starts with `[` or `(` or is
 * a bare four-part version (`4.4.0.alpha`), else semver. Undefined where the text is no range of that scheme.
 */
export function parseVersionRange(text: string): VersionRange | undefined {
  const prefix = /^(semver|osgi):(.*)$/s.exec(text);
  const range = (prefix?.[2] ?? text).trim();
  const scheme: VersionScheme =
    prefix === null
      ? /^[[(]/.test(range) || isBareOsgi(range)
        ? 'osgi'
        : 'semver'
      : prefix[1] === 'osgi'
        ? 'osgi'
        : 'semver';
  return isRange(range, scheme) ? { scheme, range } : undefined;
}

function isBareOsgi(text: string): boolean {
  return isVersion(text, 'osgi') && text.split('.').length === 4;
}

/** Whether a version lies in a range that `parseVersionRange` reads; undefined where it cannot be said. */
export function versionInRange(version: string, range: string): boolean | undefined {
  const parsed = parseVersionRange(range);
  return parsed === undefined ? undefined : satisfies(version, parsed.range, parsed.scheme);
}
