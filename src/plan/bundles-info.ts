// Equinox loads what `bundles.info` lists, and nothing else: a bundle that a pack adds, or brings in another version, gets its
// line there, and loses it with the pack. Pure: the file's text in, its text and what was changed out. Other lines stay.

/** A bundle that the packs put into plugins: the winner of its file name. */
export interface PlacedBundle {
  readonly symbolicName: string;
  readonly version: string;
  /** The file's name in plugins. */
  readonly file: string;
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

/**
 * The text with the earlier edits taken back and those for `bundles` made. A bundle whose file is listed is left alone; one
 * whose symbolic name is listed once takes that line's place, with its start level; any other is added at the end.
 */
export function editBundlesInfo(
  text: string,
  earlier: BundlesInfoEdits,
  bundles: readonly PlacedBundle[],
): { text: string; edits: BundlesInfoEdits } {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const isEnded = text === '' || text.endsWith('\n');
  const lines = text.split(/\r?\n/);
  if (isEnded) lines.pop();
  const wasEnded = isEnded && !earlier.endAdded;
  const base = takeBack(lines, earlier);
  const prefix = locationPrefix(base);
  const listed = new Set(base.map((line) => fileOf(parseLine(line)?.location)));
  const added: string[] = [];
  const replaced: { old: string; new: string }[] = [];
  const result = [...base];
  for (const bundle of [...bundles].sort((a, b) => (a.file < b.file ? -1 : 1))) {
    if (listed.has(bundle.file)) continue;
    const same = base.flatMap((line, index) => (parseLine(line)?.name === bundle.symbolicName ? [index] : []));
    const [index] = same;
    const old = index === undefined ? undefined : base[index];
    const isFree =
      index !== undefined &&
      result[index] === old &&
      bundles.filter((one) => one.symbolicName === bundle.symbolicName).length === 1;
    if (same.length === 1 && index !== undefined && old !== undefined && isFree) {
      const line = formatLine(bundle, prefix, parseLine(old)?.rest ?? DEFAULT_REST);
      replaced.push({ old, new: line });
      result[index] = line;
    } else {
      const line = formatLine(bundle, prefix, DEFAULT_REST);
      added.push(line);
      result.push(line);
    }
  }
  const endAdded = !wasEnded && added.length > 0;
  const isBlank = result.length === 0;
  return {
    text: isBlank ? '' : `${result.join(end)}${wasEnded || endAdded ? end : ''}`,
    edits: { added, replaced, endAdded },
  };
}

/** The lines as they were before the edits, whatever else was changed since. */
function takeBack(lines: readonly string[], edits: BundlesInfoEdits): string[] {
  const added = new Set(edits.added);
  const replaced = new Map(edits.replaced.map((one) => [one.new, one.old]));
  return lines.filter((line) => !added.has(line)).map((line) => replaced.get(line) ?? line);
}

/** `name,version,location,startLevel,started`; undefined for comments and blank lines. */
function parseLine(line: string): Line | undefined {
  if (line.startsWith('#')) return undefined;
  const parts = line.split(',');
  const [name, version, location, ...rest] = parts;
  if (name === undefined || version === undefined || location === undefined || rest.length !== 2) return undefined;
  return { name: name.trim(), version: version.trim(), location: location.trim(), rest: rest.join(',') };
}

function fileOf(location: string | undefined): string | undefined {
  return location?.slice(location.lastIndexOf('/') + 1);
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
