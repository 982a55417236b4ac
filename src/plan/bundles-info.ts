// Equinox loads what `bundles.info` lists, and nothing else: a bundle that a pack adds, or brings in another version, gets its
// line there, and loses it with the pack. Pure: the file's text in, its text and what was changed out. Other lines stay.

/** A bundle that the packs put into plugins: the winner of its file name. */
export interface PlacedBundle {
  readonly symbolicName: string;
  readonly version: string;
  /** The file's name in plugins. */
  readonly file: string;
  /** The place of its pack in applied order: of two packs with a version each, the later one replaces the earlier. */
  readonly order: number;
}

/** What was done to one file; kept in the ledger, so that it can be taken back line by line. */
export interface BundlesInfoEdits {
  readonly added: readonly string[];
  readonly replaced: readonly { readonly old: string; readonly new: string }[];
  /** Whether the last line was given an end that it did not have. */
  readonly endAdded: boolean;
}

export const NO_EDITS: BundlesInfoEdits = { added: [], replaced: [], endAdded: false };

interface Line {
  readonly name: string;
  readonly version: string;
  readonly location: string;
  readonly rest: string;
}

const DEFAULT_REST = '4,true';

/** A line of the file; its end is its own, since files with both kinds are met. */
interface TextLine {
  readonly text: string;
  readonly end: string;
}

/**
 * The text with the earlier edits taken back and those for `bundles` made, pack by pack. A bundle whose file is listed is left
 * alone; one whose symbolic name is listed once takes that line's place, with its start level, unless its pack brings several
 * versions; any other is added at the end.
 */
export function editBundlesInfo(
  text: string,
  earlier: BundlesInfoEdits,
  bundles: readonly PlacedBundle[],
): { text: string; edits: BundlesInfoEdits } {
  if (bundles.length === 0 && earlier.added.length + earlier.replaced.length === 0) return { text, edits: NO_EDITS };
  const base = takeBack(splitLines(text), earlier);
  const prefix = locationPrefix(base.map((line) => line.text));
  const result = base.map((line) => line.text);
  const listed = new ListedLines(result);
  const versions = new Map<string, number>();
  for (const bundle of bundles) versions.set(keyOf(bundle), (versions.get(keyOf(bundle)) ?? 0) + 1);
  for (const bundle of [...bundles].sort((a, b) => a.order - b.order || (a.file < b.file ? -1 : 1))) {
    if (listed.hasFile(bundle.file)) continue;
    const only = versions.get(keyOf(bundle)) === 1 ? listed.onlyLineOf(bundle.symbolicName) : undefined;
    const index = only ?? result.length;
    const line = formatLine(bundle, prefix, listed.restOf(index) ?? DEFAULT_REST);
    result[index] = line;
    listed.set(index, line);
  }
  const added = result.slice(base.length);
  const replaced = base.flatMap((line, index) => {
    const now = result[index] ?? line.text;
    return now === line.text ? [] : [{ old: line.text, new: now }];
  });
  const end = base.findLast((line) => line.end !== '')?.end ?? '\n';
  const endAdded = base.at(-1)?.end === '' && added.length > 0;
  const endOf = (index: number) => (endAdded ? base[index]?.end || end : (base[index]?.end ?? end));
  return {
    text: result.map((line, index) => `${line}${endOf(index)}`).join(''),
    edits: { added, replaced, endAdded },
  };
}

/** Lines by what they say, so that thousands of bundles can be placed among thousands of lines. */
class ListedLines {
  readonly #lines: (Line | undefined)[] = [];
  readonly #files = new Map<string, number>();
  readonly #byName = new Map<string, Set<number>>();

  constructor(lines: readonly string[]) {
    for (const [index, line] of lines.entries()) this.set(index, line);
  }

  hasFile(file: string): boolean {
    return (this.#files.get(file) ?? 0) > 0;
  }

  /** The index of its line, where a symbolic name is listed once. */
  onlyLineOf(name: string): number | undefined {
    const [first, ...others] = this.#byName.get(name) ?? [];
    return others.length === 0 ? first : undefined;
  }

  restOf(index: number): string | undefined {
    return this.#lines[index]?.rest;
  }

  set(index: number, text: string): void {
    const before = this.#lines[index];
    if (before !== undefined) {
      this.#count(before, -1);
      this.#byName.get(before.name)?.delete(index);
    }
    const line = parseLine(text);
    this.#lines[index] = line;
    if (line === undefined) return;
    this.#count(line, 1);
    const own = this.#byName.get(line.name);
    if (own === undefined) this.#byName.set(line.name, new Set([index]));
    else own.add(index);
  }

  #count({ location }: Line, by: number): void {
    const file = location.slice(location.lastIndexOf('/') + 1);
    this.#files.set(file, (this.#files.get(file) ?? 0) + by);
  }
}

/** A bundle by name and pack: a pack may bring several versions of it. */
function keyOf({ symbolicName, order }: PlacedBundle): string {
  return `${order} ${symbolicName}`;
}

function splitLines(text: string): TextLine[] {
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => {
    const end = /\r?\n$/.exec(line)?.[0] ?? '';
    return { text: line.slice(0, line.length - end.length), end };
  });
}

/** The lines as they were before the edits, whatever else was changed since. */
function takeBack(lines: readonly TextLine[], edits: BundlesInfoEdits): TextLine[] {
  const added = new Set(edits.added);
  const replaced = new Map(edits.replaced.map((one) => [one.new, one.old]));
  const base = lines
    .filter((line) => !added.has(line.text))
    .map((line) => ({ ...line, text: replaced.get(line.text) ?? line.text }));
  const last = base.at(-1);
  return edits.endAdded && last !== undefined ? [...base.slice(0, -1), { ...last, end: '' }] : base;
}

/** `name,version,location,startLevel,started`; undefined for comments and blank lines. */
function parseLine(line: string): Line | undefined {
  if (line.startsWith('#')) return undefined;
  const parts = line.split(',');
  const [name, version, location, ...rest] = parts;
  if (name === undefined || version === undefined || location === undefined || rest.length !== 2) return undefined;
  return { name: name.trim(), version: version.trim(), location: location.trim(), rest: rest.join(',') };
}

/** How the other lines write the way to plugins. */
function locationPrefix(lines: readonly string[]): string {
  for (const line of lines) {
    const location = parseLine(line)?.location;
    const at = location?.lastIndexOf('plugins/');
    if (location !== undefined && at !== undefined && at >= 0) return location.slice(0, at + 'plugins/'.length);
  }
  return '../plugins/';
}

function formatLine(bundle: PlacedBundle, prefix: string, rest: string): string {
  return [bundle.symbolicName, bundle.version, `${prefix}${bundle.file}`, rest].join(',');
}
