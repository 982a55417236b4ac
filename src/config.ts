// Each setting once: its key, environment name, default, parser and help. Files, environment and options are merged in this
// order; an unknown key or a bad value is CONFIG_INVALID and names the nearest known key.

import { PatchError } from './error.js';

interface Setting<T> {
  readonly env: string;
  readonly default: T;
  readonly parse: (value: unknown) => T | undefined;
  readonly expects: string;
  readonly help: string;
}

function oneOf<const V extends string>(values: readonly V[]) {
  return (value: unknown): V | undefined => values.find((known) => known === value);
}

function parseText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined;
}

function parseSeconds(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 && number <= 86_400 ? number : undefined;
}

function parsePositiveSeconds(value: unknown): number | undefined {
  const seconds = parseSeconds(value);
  return seconds === undefined || seconds < 1 ? undefined : seconds;
}

function parseFlag(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/** A list, or its items with commas between them. */
function parseHomePaths(value: unknown): readonly string[] | undefined {
  const items: readonly unknown[] =
    typeof value === 'string'
      ? value.split(',').map((item) => item.trim())
      : Array.isArray(value)
        ? value
        : [undefined];
  const isPath = (item: unknown): item is string =>
    typeof item === 'string' &&
    /^\/[^\\\0]+$/.test(item) &&
    !item
      .slice(1)
      .split('/')
      .some((part) => ['', '.', '..'].includes(part));
  return items.every(isPath) ? items : undefined;
}

function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

export const POLICIES = ['last-good', 'strict', 'degraded'] as const;
export type Policy = (typeof POLICIES)[number];
export const DRIFT_RULES = ['repair', 'report', 'refuse'] as const;
export type DriftRule = (typeof DRIFT_RULES)[number];

export const SETTINGS = {
  policy: setting<Policy>({
    env: 'PREPATCH_POLICY',
    default: 'last-good',
    parse: oneOf(POLICIES),
    expects: POLICIES.join(', '),
    help: 'what a start does when packs cannot be applied',
  }),
  layout: setting<'auto' | 'carbon-4.2' | 'carbon-4.4'>({
    env: 'PREPATCH_LAYOUT',
    default: 'auto',
    parse: oneOf(['auto', 'carbon-4.2', 'carbon-4.4']),
    expects: 'auto, carbon-4.2, carbon-4.4',
    help: 'where the state files are; auto: carbon-4.4 where patches/.metadata exists',
  }),
  companion: setting<'auto' | 'carbon' | 'none'>({
    env: 'PREPATCH_COMPANION',
    default: 'auto',
    parse: oneOf(['auto', 'carbon', 'none']),
    expects: 'auto, carbon, none',
    help: 'whether Carbon’s own patcher runs after us; auto: where its kernel is in bin',
  }),
  order: setting<'lexicographic' | 'natural'>({
    env: 'PREPATCH_ORDER',
    default: 'lexicographic',
    parse: oneOf(['lexicographic', 'natural']),
    expects: 'lexicographic, natural',
    help: 'order of packs; natural: patch9 before patch10, unless Carbon’s own patcher runs after us',
  }),
  drift: setting<DriftRule>({
    env: 'PREPATCH_DRIFT',
    default: 'repair',
    parse: oneOf(DRIFT_RULES),
    expects: DRIFT_RULES.join(', '),
    help: 'what is done about a patched plugin that was changed by hand',
  }),
  waitSeconds: setting<number>({
    env: 'PREPATCH_WAIT_SECONDS',
    default: 30,
    parse: parseSeconds,
    expects: 'seconds, 0 to 86400',
    help: 'how long to wait for another run to end',
  }),
  settleSeconds: setting<number>({
    env: 'PREPATCH_SETTLE_SECONDS',
    default: 0,
    parse: parseSeconds,
    expects: 'seconds, 0 to 86400',
    help: 'how long a drop must have been left alone before a start takes it',
  }),
  rescanSeconds: setting<number>({
    env: 'PREPATCH_RESCAN_SECONDS',
    default: 60,
    parse: parsePositiveSeconds,
    expects: 'seconds, 1 to 86400',
    help: 'how often prepatch watch looks around without being told of a change',
  }),
  allowModules: setting<boolean>({
    env: 'PREPATCH_ALLOW_MODULES',
    default: false,
    parse: parseFlag,
    expects: 'true or false',
    help: 'whether packs may run their own JavaScript modules',
  }),
  allowCommands: setting<boolean>({
    env: 'PREPATCH_ALLOW_COMMANDS',
    default: true,
    parse: parseFlag,
    expects: 'true or false',
    help: 'whether packs may run commands',
  }),
  identityFiles: setting<readonly string[]>({
    env: 'PREPATCH_IDENTITY_FILES',
    default: [],
    parse: parseHomePaths,
    expects: 'paths of the home, such as /bin/version.txt, in order (in the environment separated by commas)',
    help: 'the files that tell one release of the server from another, for packs that are for certain releases',
  }),
  repository: setting<string | undefined>({
    env: 'CARBON_REPOSITORY',
    default: undefined,
    parse: parseText,
    expects: 'a directory',
    help: 'the repository directory, if it is not HOME/repository',
  }),
  componentsDir: setting<string | undefined>({
    env: 'PREPATCH_COMPONENTS_DIR',
    default: undefined,
    parse: parseText,
    expects: 'a directory',
    help: 'the components directory (carbon.components.dir.path)',
  }),
  patchesDir: setting<string | undefined>({
    env: 'PREPATCH_PATCHES_DIR',
    default: undefined,
    parse: parseText,
    expects: 'a directory',
    help: 'the patches directory (carbon.patches.dir.path)',
  }),
  servicepacksDir: setting<string | undefined>({
    env: 'PREPATCH_SERVICEPACKS_DIR',
    default: undefined,
    parse: parseText,
    expects: 'a directory',
    help: 'the service packs directory (carbon.servicepacks.dir.path)',
  }),
} as const;

export type SettingKey = keyof typeof SETTINGS;
export type Config = { readonly [K in SettingKey]: (typeof SETTINGS)[K]['default'] };

/** Where an effective value comes from, for `prepatch config`. */
export interface ConfigSource {
  readonly key: SettingKey;
  readonly value: unknown;
  readonly from: string;
}

export interface ResolvedConfig {
  readonly config: Config;
  readonly sources: readonly ConfigSource[];
}

export interface ConfigLayer {
  /** Shown to people: a file's path, `environment`, `command line`. */
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The settings of an environment: `PREPATCH_…`, `CARBON_REPOSITORY`. @throws PatchError CONFIG_INVALID for an unknown `PREPATCH_…` name */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): ConfigLayer {
  const values: Record<string, unknown> = {};
  const known = new Map<string, SettingKey>(SETTING_KEYS.map((key) => [SETTINGS[key].env, key]));
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    const key = known.get(name);
    if (key !== undefined) values[key] = value;
    else if (name.startsWith('PREPATCH_') && !OTHER_ENVIRONMENT.has(name)) {
      throw new PatchError(
        'CONFIG_INVALID',
        `environment: ${name} is no setting of prepatch; the nearest is ${nearest(name, [...known.keys()])}`,
        { path: name },
      );
    }
  }
  return { name: 'environment', values };
}

/** Names with our prefix that are no settings: given by a launcher, or left by the hook for the server's children. */
const OTHER_ENVIRONMENT: ReadonlySet<string> = new Set(['PREPATCH_BOOTED', 'PREPATCH_GUARD']);

/** Merges layers, the later over the earlier. @throws PatchError CONFIG_INVALID naming the layer, the key and what is expected */
export function resolveConfig(layers: readonly ConfigLayer[]): ResolvedConfig {
  const found = new Map<SettingKey, { value: unknown; from: string }>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer.values)) {
      if (value === undefined) continue;
      const key = SETTING_KEYS.find((known) => known === name);
      if (key === undefined) {
        throw new PatchError(
          'CONFIG_INVALID',
          `${layer.name}: ${name} is no setting of prepatch; the nearest is ${nearest(name, SETTING_KEYS)}`,
          { path: layer.name },
        );
      }
      const parsed = SETTINGS[key].parse(value);
      if (parsed === undefined) {
        throw new PatchError(
          'CONFIG_INVALID',
          `${layer.name}: ${key} is ${JSON.stringify(value)}; expected: ${SETTINGS[key].expects}`,
          { path: layer.name },
        );
      }
      found.set(key, { value: parsed, from: layer.name });
    }
  }
  const sources = SETTING_KEYS.map((key) => ({
    key,
    value: found.get(key)?.value ?? SETTINGS[key].default,
    from: found.get(key)?.from ?? 'default',
  }));
  return { config: Object.fromEntries(sources.map(({ key, value }) => [key, value])) as unknown as Config, sources };
}

/** The known name with the smallest edit distance. */
export function nearest(name: string, known: readonly string[]): string {
  const scored = known.map((candidate) => ({
    candidate,
    score: distance(name.toLowerCase(), candidate.toLowerCase()),
  }));
  return scored.reduce((best, next) => (next.score < best.score ? next : best)).candidate;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
