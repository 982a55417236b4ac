// A small home with everything that a start does to plugins (replaced, covered twice, added, a new version, whole folders), taken
// from as it is to patched and back, wherever it lies: each step is to succeed, the one after it to write nothing.
import { readdirSync, rmSync } from 'node:fs';
import { expect } from 'vitest';
import { type CommandOptions, type CommandResult, runPrepatch } from '../support/command.js';
import type { TestHome } from '../support/home-builder.js';
import { type CaseFile, type CaseHome } from '../support/home-builder.js';
import { compareTrees, fileIdentities, isOwnState, snapshotTree, type TreeSnapshot } from '../support/tree-snapshot.js';

export function bundle(name: string, tag: string, version = '1.0.0'): CaseFile {
  return { name: `org.example.${name}`, version, tag };
}

export function text(file: string, content: string): CaseFile {
  return { file, text: content, tag: content };
}

export const ODD_HOME: CaseHome = {
  plugins: [
    bundle('core', 'base'),
    bundle('web', 'base'),
    bundle('left', 'base'),
    { dir: 'exploded_1.0.0', files: [text('plugin.xml', 'base'), { dir: 'lib', files: [text('a.txt', 'base')] }] },
  ],
  patches: {
    patch0001: [bundle('core', 'p1'), bundle('added', 'p1'), bundle('core', 'p1', '1.1.0')],
    patch0002: [
      bundle('core', 'p2'),
      { dir: 'exploded_1.0.0', files: [text('plugin.xml', 'p2'), { dir: 'new', files: [text('b.txt', 'p2')] }] },
    ],
  },
  servicepacks: { servicepack001: { lib: [bundle('web', 'sp1')], absorbs: 'patch0009\n' } },
};

const CORE = 'plugins/org.example.core_1.0.0.jar';

export function applyTo(home: TestHome, options: CommandOptions = {}): Promise<CommandResult> {
  return runPrepatch(['apply', '--home', home.root], options);
}

/** Everything in a home but packs, logs and our own state. */
export function contentOf(home: TestHome): TreeSnapshot {
  const packs = /^repository\/components\/(?:patches|servicepacks)(?:\/|$)|(?:^|\/)prePatched\w*\.txt$/;
  return snapshotTree(home.root, (path) => isOwnState(path) || packs.test(path));
}

/** Applies, starts again, takes the packs away and starts twice: plugins are what they are to be, then what they were. */
export async function goThereAndBack(home: TestHome, options: CommandOptions = {}): Promise<void> {
  const original = contentOf(home);
  await change(home, options);
  expect(home.tagsOf(home.md5(CORE))).toEqual(new Set(['p2']));
  expect([...home.files('plugins').keys()]).toHaveLength(8);
  expect(home.names()).toEqual(['servicepack001', 'patch0001', 'patch0002']);
  for (const folder of ['patches', 'servicepacks'])
    for (const name of readdirSync(home.path(folder)).filter((one) => !one.startsWith('.')))
      rmSync(home.path(folder, name), { recursive: true });
  await change(home, options);
  expect(compareTrees(contentOf(home), original)).toEqual([]);
}

async function change(home: TestHome, options: CommandOptions): Promise<void> {
  const { exitCode, stdout, stderr } = await applyTo(home, options);
  expect(exitCode, stdout + stderr).toBe(0);
  const identities = fileIdentities(home.path('plugins'));
  expect((await applyTo(home, options)).exitCode).toBe(0);
  expect([...fileIdentities(home.path('plugins'))]).toEqual([...identities]);
}
