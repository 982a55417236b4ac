// Properties over random lives of a home, on real folders with tiny JARs, through the library: after each start plugins are what
// base and folders say, a second plan is empty, and without packs the home is the original again, byte for byte.
import { mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config.js';
import { ignoreEvents } from '../../src/event.js';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import { RealFiles } from '../../src/system/real-files.js';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import { type CaseFile, type CaseLayout, TestHome } from '../support/home-builder.js';
import { compareTrees, filesWithOtherNames, isOwnState, snapshotTree } from '../support/tree-snapshot.js';
import { comparePlugins, expectedPlugins, readPluginTree } from './expected-plugins.js';

/** A file of a pack, out of few, so that packs meet: bundles, versions, build tool's names, plain files, folders. */
const jarFile = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'added'),
    version: fc.constantFrom('1.0.0', '1.1.0'),
    tag: fc.constantFrom('t1', 't2', 't3', 'base'),
    odd: fc.boolean(),
  })
  .map(
    ({ name, version, tag, odd }): CaseFile => ({
      name,
      version,
      tag,
      ...(odd ? { file: `${name}-${version}.jar` } : {}),
    }),
  );
const plainFile = fc
  .record({ file: fc.constantFrom('README', 'notes.txt', 'note\u0301s é.txt'), text: fc.constantFrom('', 'x', 'y') })
  .map(({ file, text }): CaseFile => ({ file, text, tag: text }));
const folder = fc
  .record({
    dir: fc.constantFrom('module', 'exploded_1.0.0'),
    files: fc.array(plainFile, { maxLength: 2 }),
    inner: fc.option(fc.constantFrom('lib', 'src'), { nil: undefined }),
  })
  .map(
    ({ dir, files, inner }): CaseFile => ({
      dir,
      files: distinct(
        inner === undefined ? files : [...files, { dir: inner, files: [{ file: 'x', text: 'x', tag: 'x' }] }],
      ),
    }),
  );
const content = (withFolders: boolean) =>
  fc
    .array(
      withFolders ? fc.oneof({ weight: 4, arbitrary: jarFile }, plainFile, folder) : fc.oneof(jarFile, plainFile),
      {
        maxLength: 5,
      },
    )
    .map(distinct);

/** One file of a name, and one JAR of an identity: two of them would be a conflict in the pack. */
function distinct(files: readonly CaseFile[]): CaseFile[] {
  const seen = new Set<string>();
  return files.filter((file) => {
    const keys = [file.dir ?? file.file ?? `${file.name}_${file.version}.jar`, `${file.name}_${file.version}`].filter(
      (key) => key !== 'undefined_undefined',
    );
    const isNew = !keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    return isNew;
  });
}

const patchName = fc.constantFrom('patch0001', 'patch0002', 'patch9', 'patch10', 'patch');
const servicepackName = fc.constantFrom('servicepack001', 'servicepack002');

type Step =
  | { readonly kind: 'patch'; readonly name: string; readonly files: readonly CaseFile[] }
  | {
      readonly kind: 'servicepack';
      readonly name: string;
      readonly files: readonly CaseFile[];
      readonly absorbs: readonly string[];
    }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'start' };

const steps = (withFolders: boolean) =>
  fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('patch' as const), name: patchName, files: content(withFolders) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('servicepack' as const),
          name: servicepackName,
          files: content(withFolders),
          absorbs: fc.array(patchName, { maxLength: 3 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('remove' as const),
          path: fc.oneof(
            patchName.map((name) => `patches/${name}`),
            servicepackName.map((name) => `servicepacks/${name}`),
          ),
        }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const) }) },
    ),
    { minLength: 3, maxLength: 14 },
  );

const BASE: readonly CaseFile[] = [
  { name: 'a', version: '1.0.0', tag: 'base' },
  { name: 'b', version: '1.0.0', tag: 'base' },
  { name: 'c', version: '1.0.0', tag: 'base' },
  { file: 'notes.txt', text: 'base notes', tag: 'base notes' },
  {
    dir: 'module',
    files: [
      { file: 'README', text: 'base readme', tag: 'base readme' },
      { dir: 'lib', files: [] },
    ],
  },
];

describe('a random life of a home', () => {
  test.each<[CaseLayout, boolean, number]>([
    ['4.2', false, 60],
    ['4.4', false, 40],
    ['4.4', true, 60],
  ])(
    'layout %s, companion %s: plugins are what base and folders say, and at the end the original',
    async (layout, companion, numRuns) => {
      await fc.assert(
        fc.asyncProperty(steps(!companion), (life) => live(layout, companion, life)),
        { numRuns, endOnFailure: false },
      );
    },
  );
});

async function live(layout: CaseLayout, companion: boolean, life: readonly Step[]): Promise<void> {
  const home = new TestHome(layout, { plugins: BASE });
  try {
    if (companion) home.addCompanion();
    const base = readPluginTree(home.path('plugins'));
    const original = snapshotTree(home.root, isOwnState);
    const present = new Set<string>();
    for (const step of [...life, { kind: 'start' } as const]) {
      if (step.kind === 'start') await startAndCheck(home, base, companion);
      else takeStep(home, step, present);
    }
    for (const path of present) home.remove(path);
    await startAndCheck(home, base, companion);
    const left = snapshotTree(home.root, (path) => isOwnState(path) || /prePatched[^/]*\.txt$/.test(path));
    expect(compareTrees(left, original)).toEqual([]);
  } finally {
    home.dispose();
  }
}

function takeStep(home: TestHome, step: Exclude<Step, { kind: 'start' }>, present: Set<string>): void {
  const path =
    step.kind === 'remove' ? step.path : `${step.kind === 'patch' ? 'patches' : 'servicepacks'}/${step.name}`;
  if (present.delete(path)) home.remove(path);
  if (step.kind === 'remove') return;
  present.add(path);
  if (step.kind === 'patch') home.addPatch(step.name, step.files);
  else {
    mkdirSync(home.path(path, 'lib'), { recursive: true });
    home.write(`${path}/lib`, step.files);
    writeFileSync(home.path(path, 'servicepack_patches.txt'), step.absorbs.map((name) => `${name}\n`).join(''));
  }
}

async function startAndCheck(
  home: TestHome,
  base: ReturnType<typeof readPluginTree>,
  companion: boolean,
): Promise<void> {
  const { config } = resolveConfig([]);
  const files = new RealFiles();
  const patcher = () =>
    new Patcher(home.root, config, { files, bulk: new SerialBulk(files), emit: ignoreEvents, now: Date.now });
  const result = await patcher().start('strict', 'test', 0);
  const expected = await expectedPlugins(base, home.path());
  expect(comparePlugins(readPluginTree(home.path('plugins')), expected.plugins)).toEqual([]);
  expect(home.names()).toEqual(expected.names);
  expect(filesWithOtherNames(home.path('plugins'))).toEqual([]);
  if (companion) expect((await carbonFindsNothingToDo(home.root)).reasons).toEqual([]);
  expect(result.failure).toBeNull();
  const again = await patcher().start('strict', 'test', 0);
  expect([again.outcome, again.changes]).toEqual(['nothing', []]);
  expect(await patcher().plan()).toMatchObject({ operations: 0, changes: [] });
}
