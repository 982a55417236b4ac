// Mutated inputs to every parser of our own files and of the configuration: only typed errors, none slower than a second. A
// changed byte is the rare case that a checksum finds at once, so half of the cases carry a checksum that fits what they say.
// FUZZ_CASES (20,000) inputs each; FUZZ_SEED (1) makes other ones.
import { beforeAll, describe, expect, test } from 'vitest';
import { readEnvironment, resolveConfig } from '../../src/config.js';
import { readConfigFile } from '../../src/daemon/config-file.js';
import { PatchError } from '../../src/error.js';
import { formatJars, formatNames, parseAbsorbed, parseJars, parseNames } from '../../src/home/carbon-state.js';
import { DigestCache } from '../../src/home/digest-cache.js';
import { makeLayout } from '../../src/home/layout.js';
import { readHistory } from '../../src/state/history.js';
import { parseLedger } from '../../src/state/ledger-file.js';
import { formatChecked } from '../../src/system/checked-json.js';
import { digestText } from '../../src/system/digest-text.js';
import type { Files } from '../../src/system/files.js';
import { parseJournal } from '../../src/transaction/journal.js';
import { startHome } from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import { makeRandom, mutate } from '../support/mutate.js';
import { applyFull, HOME, STATE, upgrade } from '../support/small-homes.js';

const CASES = Number(process.env.FUZZ_CASES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const SLOWEST_MS = 1_000;

type Random = () => number;

interface Parser {
  readonly name: string;
  /** Real texts of this kind. */
  readonly texts: () => readonly string[];
  readonly parse: (bytes: Buffer) => unknown;
  /** The same text with other values in it, and checksums that fit; undefined where the format has none. */
  readonly reseal?: (text: string, random: Random) => string;
}

const samples = {
  journals: [] as string[],
  ledgers: [] as string[],
  histories: [] as string[],
  caches: [] as string[],
  /** Paths of which the caches know something. */
  cached: [] as string[],
};

beforeAll(async () => {
  for (const make of [applyFull, upgrade]) {
    const home = await make();
    const files = home.files.clone();
    const counting = new FaultyFiles(files);
    await startHome(counting, HOME, home.config, home.policy);
    samples.ledgers.push(files.read(`${STATE}/ledger.json`, 1e6).toString());
    samples.histories.push(files.read(`${STATE}/history/transactions.jsonl`, 1e6).toString());
    samples.caches.push(files.read(`${STATE}/cache/inventory.json`, 1e6).toString());
    for (const share of [0.4, 0.6, 0.75]) {
      const cut = home.files.clone();
      const at = Math.floor(counting.points.length * share);
      await startHome(new FaultyFiles(cut, { at, fault: 'crash', forGood: false }), HOME, home.config, home.policy);
      if (cut.stat(`${STATE}/journal`) !== undefined)
        samples.journals.push(cut.read(`${STATE}/journal`, 1e6).toString());
    }
  }
  for (const text of samples.caches) {
    const { files } = JSON.parse(text.split('\n')[0]?.slice(65) ?? '') as { files: object };
    samples.cached.push(...Object.keys(files));
  }
  expect(samples.journals.length).toBeGreaterThan(2);
  expect(samples.cached.length).toBeGreaterThan(2);
});

const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  'x',
  '__proto__',
  'plugins:',
  'plugins:../..',
  'nowhere:a',
  '\0',
  [],
  {},
  [[]],
  [null],
  { kind: 'file' },
  { kind: 'write' },
  { kind: 'commit' },
  { __proto__: null, format: 2 },
];

/** Puts something odd in one place of a JSON value. */
function disturb(value: unknown, random: Random): unknown {
  const odd = () => ODD[Math.floor(random() * ODD.length)];
  if (typeof value !== 'object' || value === null || random() < 0.15) return odd();
  const keys = Object.keys(value);
  if (keys.length === 0) return odd();
  const key = keys[Math.floor(random() * keys.length)] ?? '';
  const inner = (value as Record<string, unknown>)[key];
  if (Array.isArray(value)) {
    const copy: unknown[] = [...(value as unknown[])];
    if (random() < 0.1) copy.splice(Number(key), 1);
    else copy[Number(key)] = disturb(inner, random);
    return copy;
  }
  const copy: Record<string, unknown> = { ...value };
  if (random() < 0.2) Reflect.deleteProperty(copy, key);
  else copy[key] = disturb(inner, random);
  return copy;
}

function resealLines(text: string, random: Random): string {
  // A last line may be torn.
  const lines = text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '');
  const at = Math.floor(random() * lines.length);
  return lines
    .map((line, index) => {
      if (index !== at) return `${line}\n`;
      const json = JSON.stringify(disturb(JSON.parse(line.slice(65)) as unknown, random));
      return `${digestText(json)} ${json}\n`;
    })
    .join('');
}

function resealWhole(text: string, random: Random): string {
  return formatChecked(disturb(JSON.parse(text.slice(65)) as unknown, random));
}

/** A door behind which every file has these bytes. */
function oneFile(bytes: Buffer): Files {
  const stat = {
    kind: 'file',
    sizeBytes: bytes.length,
    mtimeMs: 1,
    ctimeMs: 1,
    inode: 1,
    device: 1,
    mode: 0o644,
    links: 1,
  };
  return {
    stat: () => stat,
    read: () => bytes,
    realPath: (path: string) => path,
    fileSystemTime: () => 2,
    append: () => undefined,
    writeNew: () => undefined,
    rename: () => undefined,
    unlink: () => undefined,
  } as unknown as Files;
}

const layout = makeLayout('/home', 'carbon-4.2');
const YAML = [
  'policy: strict\ndrift: report\nwaitSeconds: 5\n',
  '# comment\npolicy: last-good\nallowModules: false\nrepository: "/srv/repository"\norder: natural\n',
  'a: &x {b: 1}\nc: *x\n',
];

const PARSERS: readonly Parser[] = [
  {
    name: 'journal',
    texts: () => samples.journals,
    parse: (bytes) => parseJournal(bytes.toString('utf8'), '/journal'),
    reseal: resealLines,
  },
  {
    name: 'ledger',
    texts: () => samples.ledgers,
    parse: (bytes) => parseLedger(bytes, '/ledger.json'),
    reseal: resealWhole,
  },
  {
    name: 'history',
    texts: () => samples.histories,
    parse: (bytes) => readHistory(oneFile(bytes), layout),
    reseal: (text, random) => `${JSON.stringify(disturb(JSON.parse(text.split('\n')[0] ?? ''), random))}\n`,
  },
  {
    name: 'cache of digests',
    texts: () => samples.caches,
    parse: (bytes) => {
      const cache = DigestCache.load(oneFile(bytes), '/cache');
      const stat = oneFile(bytes).stat('/plugins/a.jar')!;
      for (const path of ['/plugins/a.jar', ...samples.cached]) cache.lookup(path, stat);
      cache.save();
    },
    reseal: resealLines,
  },
  {
    name: 'names of applied packs',
    texts: () => [formatNames(['servicepack001', 'patch0000', 'patch0002']), 'patch0001\r\n\r\npatch0002'],
    parse: (bytes) => {
      parseNames(bytes.toString('utf8'));
      parseAbsorbed(bytes.toString('utf8'));
    },
  },
  {
    name: 'JARs of applied packs',
    texts: () => [formatJars(parseJars(`a_1.0.0.jar:${'0'.repeat(32)}\nb.jar:${'f'.repeat(32)}\n`).jars)],
    parse: (bytes) => parseJars(bytes.toString('utf8')),
  },
  {
    name: 'configuration file',
    texts: () => YAML,
    parse: async (bytes) => resolveConfig([await readConfigFile(oneFile(bytes), '/home/prepatch.yaml')]),
  },
  {
    name: 'settings',
    texts: () => [
      '{"policy":"strict","waitSeconds":"5","allowModules":"true"}',
      '{"order":"natural","patchesDir":"/srv/p"}',
    ],
    parse: (bytes) => {
      let values: unknown;
      try {
        values = JSON.parse(bytes.toString('utf8'));
      } catch {
        return;
      }
      if (typeof values === 'object' && values !== null)
        resolveConfig([{ name: 'test', values: values as Record<string, unknown> }]);
    },
    reseal: (text, random) => JSON.stringify(disturb(JSON.parse(text), random)),
  },
  {
    name: 'environment',
    texts: () => ['PREPATCH_POLICY=strict\0PREPATCH_WAIT_SECONDS=5\0CARBON_REPOSITORY=/srv', 'PREPATCH_DRIFT=report'],
    parse: (bytes) => {
      const pairs = bytes
        .toString('utf8')
        .split('\0')
        .map((pair) => pair.split('=', 2));
      resolveConfig([readEnvironment(Object.fromEntries(pairs.map(([name = '', value]) => [name, value])))]);
    },
  },
];

describe.each(PARSERS.map((parser) => [parser.name, parser] as const))('%s', (name, parser) => {
  test(`${CASES} mutated inputs, seed ${SEED}`, { timeout: 3_600_000 }, async () => {
    const random = makeRandom(SEED);
    const texts = parser.texts();
    let slowestMs = 0;
    let refused = 0;
    for (let n = 0; n < CASES; n++) {
      const text = texts[Math.floor(random() * texts.length)] ?? '';
      const other = texts[Math.floor(random() * texts.length)] ?? '';
      const bytes =
        parser.reseal !== undefined && n % 2 === 0
          ? Buffer.from(parser.reseal(text, random))
          : mutate(Buffer.from(text), Buffer.from(other), random);
      const startedMs = performance.now();
      try {
        await parser.parse(bytes);
      } catch (error) {
        if (!(error instanceof PatchError))
          throw new Error(`seed ${SEED}, case ${n}: ${String(error)}\n${bytes.toString('utf8').slice(0, 2000)}`, {
            cause: error,
          });
        refused += 1;
      }
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    process.stdout.write(
      `${name}: ${CASES} inputs, seed ${SEED}, ${refused} refused, slowest ${slowestMs.toFixed(1)} ms\n`,
    );
    expect(slowestMs).toBeLessThan(SLOWEST_MS);
  });
});

test.each([
  ['a line of a million characters', 'x'.repeat(1_000_000)],
  ['a million lines', 'x\n'.repeat(1_000_000)],
  ['a million zeros', '\0'.repeat(1_000_000)],
  ['a million lines of zeros', '\0\n'.repeat(1_000_000)],
  ['brackets, deeply nested', '['.repeat(500_000)],
  ['a million empty lines', '\n'.repeat(1_000_000)],
  ['a million empty lines and something', `${'\n'.repeat(1_000_000)}x\n`],
])('%s is no trouble for any of them', async (_, text) => {
  for (const parser of PARSERS) {
    // The configuration file has a limit of its own, before it is parsed.
    if (parser.name === 'configuration file') continue;
    try {
      await parser.parse(Buffer.from(text));
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
    }
  }
});
