// Takes the steps of a case in the lab's format (its README, "Cases") and tells after each start what is not as it says, as
// the lab's own run-cases does; and lets a caller look at the home after each start.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  BACKUP,
  type CaseFile,
  type CaseHome,
  type CaseLayout,
  type CasePack,
  linesOf,
  TestHome,
} from '../support/home-builder.js';
import { type CommandResult, runPrepatch } from '../support/command.js';
import { fileIdentities } from '../support/tree-snapshot.js';

type Tags = string | readonly string[];

export interface Expectation {
  readonly plugins?: Readonly<Record<string, Tags>>;
  readonly names?: readonly string[];
  readonly jars?: Readonly<Record<string, Tags>>;
  readonly log?: readonly (string | readonly string[])[];
  readonly log_absent?: readonly string[];
  readonly mentions?: readonly string[];
  readonly untouched?: boolean;
  readonly any_of?: readonly Expectation[];
}

interface Step extends CasePack {
  readonly start?: Expectation;
  readonly add_patch?: string;
  readonly remove_patch?: string;
  readonly if_there?: boolean;
  readonly add_servicepack?: string;
  readonly remove_servicepack?: string;
  readonly write?: string;
  readonly delete?: string;
  readonly files?: readonly CaseFile[];
}

export interface LabCase {
  readonly id: string;
  readonly title: string;
  readonly source: 'observed' | 'corrected' | 'ours';
  readonly layouts?: readonly CaseLayout[];
  readonly policy?: string;
  readonly home: CaseHome;
  readonly steps: readonly Step[];
}

export function readCases(path: string): readonly LabCase[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { cases: LabCase[] }).cases;
}

export function layoutsOf(one: LabCase): readonly CaseLayout[] {
  return one.layouts ?? ['4.2', '4.4'];
}

export interface CaseOptions {
  /** Carbon's own start script is there, so that packs that are not applied are held; what a case expects is compared all the same. */
  readonly companion?: boolean;
  /** Compare nothing: the caller's own look is all that counts. */
  readonly lookOnly?: boolean;
  readonly afterStart?: (
    home: TestHome,
    number: number,
    result: CommandResult,
  ) => Promise<readonly string[]> | readonly string[];
}

/** Runs a case in a home of its own; what differs, one line each; nothing is an agreement. */
export async function runCase(one: LabCase, layout: CaseLayout, options: CaseOptions = {}): Promise<string[]> {
  const home = new TestHome(layout, one.home);
  try {
    if (options.companion === true) home.addCompanion();
    const found: string[] = [];
    let number = 0;
    for (const step of one.steps) {
      if (step.start === undefined) {
        takeStep(home, step);
        continue;
      }
      number += 1;
      const at = (text: string) => `start ${number}: ${text}`;
      const { seen, result } = await startOnce(home, one.policy ?? 'last-good');
      if (options.lookOnly !== true) found.push(...differences(home, seen, step.start).map(at));
      found.push(...((await options.afterStart?.(home, number, result)) ?? []).map(at));
    }
    return found;
  } finally {
    home.dispose();
  }
}

function takeStep(home: TestHome, step: Step): void {
  if (step.add_patch !== undefined) home.addPatch(step.add_patch, step.files ?? []);
  else if (step.remove_patch !== undefined) home.remove(whereItIs(home, `patches/${step.remove_patch}`), step.if_there);
  else if (step.add_servicepack !== undefined) home.addServicepack(step.add_servicepack, step);
  else if (step.remove_servicepack !== undefined)
    home.remove(whereItIs(home, `servicepacks/${step.remove_servicepack}`));
  else if (step.write !== undefined) home.write(whereItIs(home, step.write), step.files ?? []);
  else if (step.delete !== undefined) home.remove(whereItIs(home, step.delete));
  else throw new Error(`not a step: ${JSON.stringify(step)}`);
}

/** A pack that is held has been moved to `.held`; the operator goes there to correct it. */
function whereItIs(home: TestHome, path: string): string {
  const held = path.replace(/^(patches|servicepacks)\//, '$1/.held/');
  return !existsSync(home.path(path)) && existsSync(home.path(held)) ? held : path;
}

interface Seen {
  readonly problems: readonly string[];
  readonly log: readonly string[];
  readonly untouched: boolean;
}

async function startOnce(home: TestHome, policy: string): Promise<{ seen: Seen; result: CommandResult }> {
  const before = home.logBytes();
  const drops = dropsOf(home);
  const stamps = fileIdentities(home.path('plugins'));
  const result = await runPrepatch(['boot', '--home', home.root, '--policy', policy]);
  const problems: string[] = [];
  const after = home.logBytes();
  if (!after.subarray(0, before.length).equals(before))
    problems.push('patches.log: what was there before the start has changed');
  const changed = differingKeys(dropsOf(home), drops);
  if (changed.length > 0) problems.push(`the start changed the folders of packs: ${changed.join(', ')}`);
  const untouched = differingKeys(fileIdentities(home.path('plugins')), stamps).length === 0;
  return { seen: { problems, log: home.logBodies(before.length), untouched }, result };
}

/** What the operator has put there, which no start may change; a pack that is held is still there. */
function dropsOf(home: TestHome): ReadonlyMap<string, string> {
  return new Map(
    ['patches', 'servicepacks'].flatMap((folder) =>
      [...home.files(folder), ...home.files(`${folder}/.held`)]
        .filter(([name]) => !name.startsWith(`${BACKUP}/`))
        .map(([name, md5]) => [`${folder}/${name}`, md5] as const),
    ),
  );
}

function differingKeys(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}

function differences(home: TestHome, seen: Seen, expected: Expectation): string[] {
  if (expected.any_of !== undefined) {
    const answers = expected.any_of.map((one) => differences(home, seen, one));
    if (answers.some((answer) => answer.length === 0)) return [];
    return (answers[0] ?? []).map((text) => `none of ${answers.length} outcomes; of the first: ${text}`);
  }
  const found = [...seen.problems];
  if (expected.plugins !== undefined)
    found.push(...differingTags(home, 'plugins', home.files('plugins'), expected.plugins));
  if (expected.names !== undefined) {
    const wanted = withBackupName(home, expected.names);
    const names = home.names();
    if (names.join('\n') !== wanted.join('\n'))
      found.push(`names: ${names.join(', ')} (expected: ${wanted.join(', ')})`);
  }
  if (expected.jars !== undefined && home.layout === '4.4') {
    const recorded = new Map(
      linesOf(home.jarsFile).map((line) => {
        const colon = line.indexOf(':');
        return [colon < 0 ? line : line.slice(0, colon), colon < 0 ? '' : line.slice(colon + 1)] as const;
      }),
    );
    found.push(...differingTags(home, 'prePatchedJARs.txt', recorded, expected.jars));
  }
  found.push(...missingFromLog(home, seen.log, expected.log ?? []));
  for (const text of expected.log_absent ?? [])
    if (seen.log.includes(text)) found.push(`log: should not say ${JSON.stringify(text)}`);
  for (const text of expected.mentions ?? [])
    if (!seen.log.some((line) => line.includes(text))) found.push(`log: no line has ${JSON.stringify(text)} in it`);
  if (expected.untouched === true && !seen.untouched)
    found.push('plugins: written again, though there was nothing to do');
  return found;
}

function differingTags(
  home: TestHome,
  where: string,
  seen: ReadonlyMap<string, string>,
  expected: Readonly<Record<string, Tags>>,
): string[] {
  const found: string[] = [];
  for (const name of [...new Set([...seen.keys(), ...Object.keys(expected)])].sort()) {
    const md5 = seen.get(name);
    const wanted = Object.hasOwn(expected, name) ? [expected[name] ?? []].flat() : undefined;
    const tags = md5 === undefined ? undefined : home.tagsOf(md5);
    if (wanted === undefined) found.push(`${where}: ${name} (${[...(tags ?? [])].join('/')}) should not be there`);
    else if (tags === undefined) found.push(`${where}: ${name} is missing (expected: ${wanted.join(' or ')})`);
    else if (!wanted.some((tag) => tags.has(tag)))
      found.push(`${where}: ${name} is ${[...tags].join('/')} (expected: ${wanted.join(' or ')})`);
  }
  return found;
}

/** In the 4.4 layout `patch0000` is listed where it exists, unless the service pack that applies lists it (Carbon rule 12). */
function withBackupName(home: TestHome, names: readonly string[]): readonly string[] {
  if (home.layout !== '4.4' || !isFolder(home.path('patches', BACKUP))) return names;
  const last = readdirSync(home.path('servicepacks'))
    .filter((name) => name.startsWith('servicepack') && isFolder(home.path('servicepacks', name)))
    .sort()
    .at(-1);
  if (last !== undefined && linesOf(home.path('servicepacks', last, 'servicepack_patches.txt')).includes(BACKUP))
    return names;
  const first = names[0]?.startsWith('servicepack') === true ? names.slice(0, 1) : [];
  return [...first, ...[...names.slice(first.length), BACKUP].sort()];
}

/** The bodies must come in this order, with others between them; those of an inner list, in any order. */
function missingFromLog(home: TestHome, log: readonly string[], expected: NonNullable<Expectation['log']>): string[] {
  const missing: string[] = [];
  let position = 0;
  for (const item of expected) {
    let end = position;
    for (const text of [item].flat()) {
      const body = text.replace(/\{md5:([^}]*)\}/g, (_, path: string) => home.md5(path)).trim();
      const at = log.indexOf(body, position);
      if (at < 0)
        missing.push(`log: ${JSON.stringify(body)} is missing${log.includes(body) ? ', or not in its place' : ''}`);
      else end = Math.max(end, at + 1);
    }
    position = end;
  }
  return missing;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The lab stands beside the project where it is to be had. */
export const LAB = join(import.meta.dirname, '..', '..', '..', 'shared', 'lab');

/** Why tests with the lab cannot run here; undefined where they can. @throws Error where CI=true */
export function needLab(): string | undefined {
  if (statSync(join(LAB, 'carbon-cases.json'), { throwIfNoEntry: false }) !== undefined) return undefined;
  const reason = `the lab is missing: put it beside the project, as ../shared/lab`;
  if (process.env.CI === 'true') throw new Error(`${reason} (where CI=true, a test is not skipped)`);
  process.stderr.write(`skipped: ${reason}\n`);
  return reason;
}
