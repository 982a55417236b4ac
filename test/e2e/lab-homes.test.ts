// The life of the lab's homes, from real JARs: apply, revert one patch, upgrade and remove the service pack, revert all. After each
// start plugins are what base and folders say, a second start writes nothing, and at the end the home is the original.
// PREPATCH_LARGE=1 takes `large` (1,500 plugins, 300 patches, 1 GB) too, and both layouts; layout 4.4 has more to go wrong.
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import { runPrepatch } from '../support/command.js';
import {
  compareTrees,
  fileIdentities,
  filesWithOtherNames,
  isOwnState,
  snapshotTree,
} from '../support/tree-snapshot.js';
import { comparePlugins, expectedPlugins, finalName, type PluginTree, readPluginTree } from './expected-plugins.js';
import { copyLabHome, copyTree, needLabHome, type Profile } from './lab-home.js';

const missing = needLabHome();
const ALL = process.env.PREPATCH_LARGE === '1';
const PROFILES: readonly Profile[] = ALL ? ['medium', 'large'] : ['medium'];
const LAYOUTS = ALL ? (['4.2', '4.4'] as const) : (['4.4'] as const);
const NOTHING = 'No new patch or service pack detected, server will start without applying patches';

describe.skipIf(missing !== undefined).each(PROFILES)('%s', (profile) => {
  test.each(LAYOUTS)(
    'layout %s: every state is what base and folders say, and the last one is the original',
    async (layout) => {
      const home = copyLabHome(profile, layout);
      const temporary = dirname(home);
      try {
        const components = join(home, 'repository', 'components');
        const shelf = join(temporary, 'shelf');
        const original = snapshotTree(home, isOwnState);
        const base = readPluginTree(join(components, 'plugins'));
        copyTree(join(components, 'patches'), shelf);
        const patches = readdirSync(shelf).filter((name) => name.startsWith('patch'));
        const take = (path: string) => rmSync(join(components, path), { recursive: true });

        await expectConverged(home, base, layout);
        take(`patches/${patches.at(-1)}`);
        await expectConverged(home, base, layout);
        take(`patches/${patches[Math.floor(patches.length / 2)]}`);
        await expectConverged(home, base, layout);

        await upgradeServicepack(components, patches.slice(0, Math.floor(patches.length / 2)));
        await expectConverged(home, base, layout);
        take('servicepacks/servicepack002');
        await expectConverged(home, base, layout);
        take('servicepacks/servicepack001');
        await expectConverged(home, base, layout);
        for (const patch of readdirSync(join(components, 'patches')).filter((name) => name.startsWith('patch')))
          take(`patches/${patch}`);
        await expectConverged(home, base, layout);

        const left = new Map(
          [...original].filter(([path]) => !/components\/(patches\/patch|servicepacks\/)/.test(path)),
        );
        const now = snapshotTree(home, (path) => isOwnState(path) || /prePatched[^/]*\.txt$/.test(path));
        expect(compareTrees(now, left)).toEqual([]);
      } finally {
        rmSync(temporary, { recursive: true });
      }
    },
    profile === 'large' ? 900_000 : 120_000,
  );
});

/** A start brings plugins to what base and folders say; the next one says that there is nothing to do, and writes nothing. */
async function expectConverged(home: string, base: PluginTree, layout: '4.2' | '4.4'): Promise<void> {
  const components = join(home, 'repository', 'components');
  const plugins = join(components, 'plugins');
  const run = await runPrepatch(['apply', '--home', home], { timeoutMs: 300_000 });
  expect(run.exitCode, run.stdout + run.stderr).toBe(0);
  const expected = await expectedPlugins(base, components);
  expect(comparePlugins(readPluginTree(plugins), expected.plugins)).toEqual([]);
  expect(filesWithOtherNames(plugins)).toEqual([]);
  if (layout === '4.4') expect((await carbonFindsNothingToDo(home)).reasons).toEqual([]);

  const stamps = fileIdentities(plugins);
  const second = await runPrepatch(['boot', '--home', home], { timeoutMs: 300_000 });
  expect(second.exitCode, second.stderr).toBe(0);
  expect([...fileIdentities(plugins)]).toEqual([...stamps]);
  const log = snapshotLog(home);
  expect(log.at(-3)).toContain(NOTHING);
}

function snapshotLog(home: string): string[] {
  return readFileSync(join(home, 'repository', 'logs', 'patches.log'), 'utf8')
    .trimEnd()
    .split('\n');
}

/** servicepack002: the JARs of servicepack001, and over them those of the patches that it absorbs, each by its final name. */
async function upgradeServicepack(components: string, absorbed: readonly string[]): Promise<void> {
  const servicepacks = join(components, 'servicepacks');
  const lib = join(servicepacks, 'servicepack002', 'lib');
  copyTree(join(servicepacks, 'servicepack001'), join(servicepacks, 'servicepack002'));
  for (const patch of absorbed) {
    const folder = join(components, 'patches', patch);
    for (const name of readdirSync(folder))
      copyFileSync(join(folder, name), join(lib, await finalName(join(folder, name), name)));
  }
  writeFileSync(
    join(servicepacks, 'servicepack002', 'servicepack_patches.txt'),
    absorbed.map((patch) => `${patch}\r\n`).join(''),
  );
}
