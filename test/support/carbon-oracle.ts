// How Carbon 4.4's own patcher reads a home, written from its rules (docs/carbon.md, rules 5 to 15, and its companion section) with nothing of
// ours: what it would apply, whether that is news to it, whether its verification would pass, whether it would crash.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import JSZip from 'jszip';

export interface CarbonReading {
  /** Why its patcher would stop with an exception; undefined where it would not. */
  readonly crash: string | undefined;
  /** The names that it would list, in its order. */
  readonly names: readonly string[];
  /** Final name → MD5, as it would record them. */
  readonly jars: ReadonlyMap<string, string>;
  /** What it would take for a change, in words. */
  readonly changes: readonly string[];
  /** What its verification would warn of. */
  readonly warnings: readonly string[];
}

/** Whether Carbon's own patcher would leave the home alone, and if not, why. The home has the 4.4 layout. */
export async function carbonFindsNothingToDo(home: string): Promise<{ ok: boolean; reasons: string[] }> {
  const reading = await readAsCarbon(home);
  const reasons = [
    ...(reading.crash === undefined ? [] : [`it crashes: ${reading.crash}`]),
    ...reading.changes,
    ...reading.warnings,
  ];
  return { ok: reasons.length === 0, reasons };
}

class Crash extends Error {}

/** Reads the home as Carbon's patcher does; never writes. */
export async function readAsCarbon(home: string): Promise<CarbonReading> {
  const components = join(home, 'repository', 'components');
  const patches = join(components, 'patches');
  const names: string[] = [];
  const jars = new Map<string, string>();
  const changes: string[] = [];
  const warnings: string[] = [];
  try {
    const servicepack = lastServicepack(join(components, 'servicepacks'));
    const absorbed = servicepack === undefined ? [] : absorbedPatches(join(components, 'servicepacks', servicepack));
    const applied = folderNames(patches).filter((name) => name.startsWith('patch') && !absorbed.includes(name));
    if (servicepack !== undefined) names.push(servicepack);
    names.push(...applied);
    if (servicepack !== undefined)
      warnings.push(...(await collectJars(join(components, 'servicepacks', servicepack, 'lib'), 'servicepack', jars)));
    for (const name of applied) if (name !== 'patch0000') await collectJars(join(patches, name), 'patch', jars);
    changes.push(...compareNames(names, readLines(join(patches, '.metadata', 'prePatchedDir.txt'))));
    changes.push(...compareJars(jars, readRecordedJars(join(patches, '.metadata', 'prePatchedJARs.txt'))));
    warnings.push(...verifyPlugins(join(components, 'plugins'), jars));
    return { crash: undefined, names, jars, changes, warnings };
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return { crash: error.message, names, jars, changes, warnings };
  }
}

/** Rule 7: the last by name of all entries that begin with the word; where that is a plain file, there is none. */
function lastServicepack(folder: string): string | undefined {
  const last = entryNames(folder)
    .filter((name) => name.startsWith('servicepack'))
    .at(-1);
  return last !== undefined && isFolder(join(folder, last)) ? last : undefined;
}

/** Rule 8; without `lib` or the list it crashes (D8). */
function absorbedPatches(servicepack: string): string[] {
  if (!isFolder(join(servicepack, 'lib'))) throw new Crash(`${servicepack} has no lib`);
  const list = join(servicepack, 'servicepack_patches.txt');
  if (!isFile(list)) throw new Crash(`${servicepack} has no servicepack_patches.txt`);
  return readLines(list);
}

/** Rule 10; every file counts, whatever it is called. A folder in a patch stops it (D7), one in a service pack is a warning. */
async function collectJars(
  folder: string,
  kind: 'patch' | 'servicepack',
  jars: Map<string, string>,
): Promise<string[]> {
  const warnings: string[] = [];
  for (const name of entryNames(folder)) {
    const path = join(folder, name);
    if (isFolder(path)) {
      if (kind === 'patch') throw new Crash(`${path} is a folder in a patch`);
      warnings.push(`${name} is a folder in a service pack`);
      continue;
    }
    const bytes = readFileSync(path);
    jars.set(name.endsWith('.jar') ? await finalName(path, name, bytes) : name, md5Of(bytes));
  }
  return warnings;
}

async function finalName(path: string, name: string, bytes: Buffer): Promise<string> {
  let zip: JSZip;
  try {
    zip = await JSZip.loadAsync(bytes);
  } catch (error) {
    throw new Crash(`${path} is torn (${error instanceof Error ? error.message : String(error)})`);
  }
  const entry = Object.values(zip.files).find((one) => one.name.toUpperCase() === 'META-INF/MANIFEST.MF');
  if (entry === undefined) throw new Crash(`${path} has no manifest`);
  const headers = mainHeaders(await entry.async('string'));
  const symbolicName = headers.get('bundle-symbolicname');
  const version = headers.get('bundle-version');
  return symbolicName === undefined || version === undefined ? name : `${symbolicName.split(';')[0]}_${version}.jar`;
}

/** The headers of a manifest's main section, by lower-case name; lines that begin with a space go on. Values are not trimmed. */
export function mainHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') break;
    if (line.startsWith(' ')) {
      if (last !== undefined) headers.set(last, `${headers.get(last)}${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(': ');
    if (colon < 0) continue;
    last = line.slice(0, colon).toLowerCase();
    headers.set(last, line.slice(colon + 2));
  }
  return headers;
}

/** Rules 12 and 14: it compares what it lists with what is listed. */
function compareNames(computed: readonly string[], listed: readonly string[]): string[] {
  if (computed.length === listed.length && computed.every((name, index) => name === listed[index])) return [];
  return [`it lists ${computed.join(', ') || 'nothing'}; the file says ${listed.join(', ') || 'nothing'}`];
}

/** Rule 13: what it would record, and nothing else. It would not notice a JAR too many, but then the file is not its own. */
function compareJars(computed: ReadonlyMap<string, string>, recorded: ReadonlyMap<string, string>): string[] {
  const names = [...new Set([...computed.keys(), ...recorded.keys()])].sort();
  return names
    .filter((name) => computed.get(name) !== recorded.get(name))
    .map((name) => `${name}: it computes ${computed.get(name) ?? 'none'}, recorded is ${recorded.get(name) ?? 'none'}`);
}

/** Rule 13: split at the first colon; a blank line breaks its every start. */
function readRecordedJars(path: string): Map<string, string> {
  const recorded = new Map<string, string>();
  for (const line of readLines(path)) {
    const colon = line.indexOf(':');
    if (colon < 0) throw new Crash(`${path} has a line without a colon: ${JSON.stringify(line)}`);
    recorded.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return recorded;
}

function verifyPlugins(plugins: string, jars: ReadonlyMap<string, string>): string[] {
  return [...jars]
    .filter(([name, md5]) => !isFile(join(plugins, name)) || md5Of(readFileSync(join(plugins, name))) !== md5)
    .map(([name, md5]) => `${name}(MD5: ${md5}) is not in plugins`);
}

/** As Java's BufferedReader reads lines: any line end, and the last line counts without one. */
function readLines(path: string): string[] {
  if (!isFile(path)) return [];
  const lines = readFileSync(path, 'utf8').split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** In the order of UTF-16 code units (rule 6), which is how JavaScript and Java compare strings. */
function entryNames(folder: string): string[] {
  return isFolder(folder) ? readdirSync(folder).sort() : [];
}

function folderNames(folder: string): string[] {
  return entryNames(folder).filter((name) => isFolder(join(folder, name)));
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
