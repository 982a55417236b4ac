// The stamp of prepatch-boot: a description of the home that the guard made before this run looked, kept where the run found
// nothing to do and nothing to say. docs/guard.md has the rules by number; in any doubt there is no stamp.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { guardFolder, type Layout, makeLayout } from '../home/layout.js';
import { walkTree } from '../home/tree.js';
import { CONTENT } from '../home/zip-cache.js';
import type { RunResult } from '../patcher/reports.js';
import type { ProblemCode } from '../problem.js';
import { COARSEST_MS, type Files } from '../system/files.js';

/** The guard's two descriptions, and the names of their files in `.prepatch/guard`. */
const PARTS = ['plugins', 'packs'] as const;
const LIMIT_BYTES = 256 * 1024 * 1024;
/** How long to wait for the file system's clock to move on. */
const CLOCK_WAIT_MS = 20;
/** Two ways to make milliseconds of the same time differ by less. */
const ROUNDING_MS = 0.001;

/** What a start need not repeat. Everything else, and what depends on the time of day, is said or tried at every start. */
const QUIET: ReadonlySet<ProblemCode> = new Set(['README_IN_PACK', 'CACHE_DAMAGED', 'SUPERSEDED']);

/** One file or folder of a description. */
export interface DescribedPath {
  /** Relative to the home; absolute for files of prepatch itself. */
  readonly path: string;
  readonly device: string;
  readonly changedMs: number;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
}

export interface Description {
  readonly home: string;
  readonly paths: readonly DescribedPath[];
}

/** A description that was made before a look, and what becomes of it after the look. */
export class StampCandidate {
  readonly #files: Files;
  readonly #guard: string;
  readonly #folder: string;
  readonly #hasZips: boolean;

  private constructor(files: Files, guard: string, folder: string, hasZips: boolean) {
    this.#files = files;
    this.#guard = guard;
    this.#folder = folder;
    this.#hasZips = hasZips;
  }

  /**
   * To be called before anything of the home is read, its settings among it (guard 3.2). `folder` is where the guard put its
   * description (`PREPATCH_GUARD`). Undefined where the description could not stand for the home, whatever the look finds.
   */
  static open(files: Files, home: string, folder: string | undefined, now: () => number): StampCandidate | undefined {
    const guard = guardFolder(home);
    if (folder === undefined || dirname(folder) !== guard) return undefined;
    try {
      const paths: DescribedPath[] = [];
      for (const part of PARTS) {
        const description = parseDescription(files.read(join(folder, part), LIMIT_BYTES).toString('utf8'));
        if (description === undefined || description.home !== home) return undefined;
        paths.push(...description.paths);
      }
      return isProof(paths, () => files.fileSystemTime(guard), now)
        ? new StampCandidate(files, guard, folder, paths.some(isZip))
        : undefined;
    } catch (error) {
      if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
      return undefined;
    }
  }

  /** Keeps the description as the stamp where the start that followed allows it. A stamp that cannot be kept is none. */
  settle(layout: Layout, result: RunResult): 'kept' | 'dropped' {
    if (!isPlain(layout) || !isQuiet(result)) return 'dropped';
    try {
      if (this.#hasZips && mayHoldManifest(this.#files, layout)) return 'dropped';
      for (const part of PARTS) this.#files.rename(join(this.#folder, part), join(this.#guard, part));
      for (const name of this.#files.list(this.#guard)) {
        const path = join(this.#guard, name);
        if (name.startsWith('new.') && this.#files.list(path).length === 0) this.#files.removeDirectory(path);
      }
      return 'kept';
    } catch (error) {
      if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
      return 'dropped';
    }
  }
}

/** Whether the next start may leave out what this one did: it changed nothing, and had nothing to say (guard 4.1). */
export function isQuiet(result: RunResult): boolean {
  return (
    result.outcome === 'nothing' &&
    result.transaction === null &&
    result.failure === null &&
    result.quarantined.length === 0 &&
    result.problems.every((problem) => problem.severity === 'info' && QUIET.has(problem.code))
  );
}

/** Whether a later change of any of these paths is bound to show in a new description (guard 3). */
export function isProof(paths: readonly DescribedPath[], fileSystemTime: () => number, now: () => number): boolean {
  const plugins = paths.find((one) => one.path === 'repository/components/plugins');
  const ledger = paths.find((one) => one.path === 'repository/components/.prepatch/ledger.json');
  if (plugins?.kind !== 'directory' || ledger?.kind !== 'file') return false;
  if (!paths.some((one) => one.path.startsWith('/') && one.path.endsWith('/dist/main.cjs'))) return false;
  let newest = 0;
  for (const one of paths) {
    if (hasManifest(one.path)) return false;
    if (one.device === ledger.device) newest = Math.max(newest, one.changedMs);
    else if (!one.path.startsWith('/') || one.changedMs > now() - COARSEST_MS) return false;
  }
  const until = performance.now() + CLOCK_WAIT_MS;
  do {
    if (fileSystemTime() > newest + ROUNDING_MS) return true;
  } while (performance.now() < until);
  return false;
}

/** A pack's own manifest may make it depend on anything: other files, the environment, the time. */
function hasManifest(path: string): boolean {
  return /^repository\/components\/(?:patches|servicepacks)\/(?:\.held\/)?(?:[^/]+\/patch\.json|[^/]+\.json)$/i.test(
    path,
  );
}

function isZip({ path }: DescribedPath): boolean {
  return /^repository\/components\/(?:patches|servicepacks)\/(?:\.held\/)?[^/]+\.zip$/i.test(path);
}

/** Whether a zip may have brought a manifest: what this start has unpacked, or would have, has any JSON in it, or is not there. */
function mayHoldManifest(files: Files, layout: Layout): boolean {
  if (files.stat(layout.zips)?.kind !== 'directory') return true;
  return files
    .list(layout.zips)
    .some((name) => walkTree(files, join(layout.zips, name, CONTENT)).some(({ path }) => /\.json$/i.test(path)));
}

/** Whether every folder is where the guard looks for it. */
function isPlain(layout: Layout): boolean {
  const plain = makeLayout(layout.home, layout.name);
  return (Object.keys(plain) as (keyof Layout)[]).every((key) => plain[key] === layout[key]);
}

/**
 * Reads a description as `describe` of bin/prepatch-boot prints it: a line with its format, then fields and entries.
 * Undefined for anything that is not exactly that.
 */
export function parseDescription(text: string): Description | undefined {
  const end = text.indexOf('\n');
  const format = /^prepatch guard 1 (printf|stat)$/.exec(text.slice(0, end))?.[1];
  const [home, , settings, ...rest] = text.slice(end + 1).split('\0');
  if (format === undefined || home === undefined || settings === undefined || !areSettingsPlain(settings))
    return undefined;
  const separator = format === 'printf' ? '\0' : '\n';
  const entries = rest.join('\0').split(separator);
  if (entries.pop() !== '') return undefined;
  const pattern = format === 'printf' ? PRINTF_ENTRY : STAT_ENTRY;
  const paths: DescribedPath[] = [];
  for (const entry of entries) {
    const found = pattern.exec(entry)?.groups;
    const { device, seconds, fraction, type, path } = found ?? {};
    if (device === undefined || seconds === undefined || fraction === undefined || type === undefined || !path)
      return undefined;
    const changedMs = Number(seconds) * 1000 + Number(`0.${fraction}`) * 1000;
    paths.push({ path, device, changedMs, kind: KINDS[type] ?? 'other' });
  }
  return { home, paths };
}

/** Whether each setting is a line of its own: of a value with a line break, the description has only the first line. */
function areSettingsPlain(settings: string): boolean {
  const plain = /^(?:export|declare -x) \w+=(?:'[^'"\\]*'|"[^'"\\]*"|[^\s'"\\]*)$/;
  return settings === '' || settings.split('\n').every((line) => plain.test(line));
}

/** `%i %D %C@ %T@ %s %m %y %p` of GNU find. */
const PRINTF_ENTRY =
  /^\d+ (?<device>\d+) (?<seconds>\d+)\.(?<fraction>\d{9,10}) -?\d+\.\d+ \d+ [0-7]+ (?<type>\S) (?<path>.+)$/s;
/** `%i %d %Z %z %y %s %f %n` of stat, in UTC; the type is the first digit of the mode in hex. */
const STAT_ENTRY =
  /^\d+ (?<device>\d+) (?<seconds>\d+) \d+-\d\d-\d\d \d\d:\d\d:\d\d\.(?<fraction>\d{9}) \+0000 \S+ \S+ \S+ \d+ (?<type>[0-9a-f])[0-9a-f]{3} (?<path>.+)$/s;

const KINDS: Readonly<Record<string, DescribedPath['kind']>> = {
  f: 'file',
  d: 'directory',
  l: 'link',
  8: 'file',
  4: 'directory',
  a: 'link',
};
