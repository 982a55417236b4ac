// Damaged JARs and archives through the readers: only typed results come back, and none takes long. FUZZ_CASES says how
// many for each reader (20,000), FUZZ_SEED which ones.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspectArchive } from '../../src/home/archive.js';
import { verifyArchive } from '../../src/home/archive-entry.js';
import { readJar } from '../../src/home/jar.js';
import { parseJarManifest } from '../../src/home/jar-manifest.js';
import { hostileArchives, poisonedArchives, soundArchives } from '../support/archive-corpus.js';
import { jarCorpus, manifests } from '../support/jar-corpus.js';
import { memoryFile } from '../support/memory-file.js';
import { makeRandom, mutate } from '../support/mutate.js';

const CASES = Number(process.env.FUZZ_CASES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101);
const LARGEST_BASE_BYTES = 32 * 1024;
/** Processor time, not time on the clock: a machine that is busy with other things does not count. */
const LIMIT_MS = 1000;
const timeout = 60_000 + CASES * 5;

/** Real JARs, where the lab is there: the forged ones are enough, these add what real packers write. */
function labJars(): Buffer[] {
  const folder = join(homedir(), '.cache', 'prepatch-lab', 'jars');
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
  const paths = names.filter((name) => name.endsWith('.jar')).map((name) => join(folder, name));
  return paths
    .sort()
    .filter((path) => statSync(path).isFile() && statSync(path).size <= LARGEST_BASE_BYTES)
    .map((path) => readFileSync(path));
}

function archives(): Buffer[] {
  return [...soundArchives(), ...hostileArchives(), ...poisonedArchives()].map(([, bytes]) => bytes);
}

interface Tally {
  readonly results: Map<string, number>;
  readonly slowestMs: number;
}

async function run(bases: readonly Buffer[], read: (bytes: Buffer) => string | Promise<string>): Promise<Tally> {
  const fit = bases.filter((base) => base.length > 0 && base.length <= LARGEST_BASE_BYTES);
  const random = makeRandom(SEED);
  const results = new Map<string, number>();
  let slowestMs = 0;
  for (let index = 0; index < CASES; index++) {
    const pick = () => fit[Math.floor(random() * fit.length)] ?? Buffer.alloc(1);
    const bytes = mutate(pick(), pick(), random);
    const before = process.cpuUsage();
    let result: string;
    try {
      result = await read(bytes);
    } catch (cause) {
      throw new Error(`case ${index} of seed ${SEED} threw; the bytes: ${bytes.toString('base64')}`, { cause });
    }
    const { user, system } = process.cpuUsage(before);
    slowestMs = Math.max(slowestMs, (user + system) / 1000);
    results.set(result, (results.get(result) ?? 0) + 1);
  }
  const counts = [...results].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  process.stderr.write(`seed ${SEED}, ${CASES} cases, slowest ${slowestMs.toFixed(0)} ms: ${counts.join(', ')}\n`);
  return { results, slowestMs };
}

describe('damaged input', () => {
  test('manifests are read or refused', { timeout }, async () => {
    const bases = manifests().map(([, text]) => Buffer.from(text));
    const { results, slowestMs } = await run(bases, (bytes) => {
      const parsed = parseJarManifest(bytes);
      if (parsed.kind === 'bad') return parsed.reason === '' ? 'no reason' : 'bad';
      return typeof (parsed.get('Bundle-SymbolicName') ?? '') === 'string' ? 'manifest' : 'no text';
    });
    expect([...results.keys()].sort()).toEqual(['bad', 'manifest']);
    expect(slowestMs).toBeLessThan(LIMIT_MS);
  });

  test('JARs are read or bad', { timeout }, async () => {
    const { results, slowestMs } = await run([...jarCorpus().values(), ...labJars()], (bytes) => {
      const reading = readJar(memoryFile(bytes), 'x.jar', bytes.length);
      if (reading.kind === 'bad') return reading.reason === '' ? 'no reason' : 'bad';
      return reading.bundle === undefined ? 'jar' : 'bundle';
    });
    expect([...results.keys()].sort()).toEqual(['bad', 'bundle', 'jar']);
    expect(slowestMs).toBeLessThan(LIMIT_MS);
  });

  test('archives are taken or refused', { timeout }, async () => {
    const { results, slowestMs } = await run([...archives(), ...labJars()], async (bytes) => {
      const file = memoryFile(bytes);
      const listing = await inspectArchive(file, 'x.zip');
      if (listing.kind === 'refused') return listing.reason;
      const refused = await verifyArchive(file, 'x.zip', listing.entries);
      return refused?.reason ?? 'taken';
    });
    expect(results.get('taken')).toBeGreaterThan(0);
    expect(results.size).toBeGreaterThan(20);
    expect(slowestMs).toBeLessThan(LIMIT_MS);
  });
});
