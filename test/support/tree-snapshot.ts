// What a folder holds, as data: every entry with kind, mode and content digest, and apart from that the identity of each file.
// Reads with node:fs alone, so that it shares nothing with what it is used to judge.
import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Relative path → `file <mode> <md5>`, `folder <mode>`, `link <target>`. */
export type TreeSnapshot = ReadonlyMap<string, string>;

/** Everything below a folder but what `skip` is true for. A folder that is not there is empty. */
export function snapshotTree(top: string, skip: (path: string) => boolean = () => false): TreeSnapshot {
  return new TreeWatch(top, skip).snapshot();
}

/**
 * Snapshots of one folder that is looked at again and again. A file is read again unless inode, size, and times of its last change,
 * which only the kernel sets, are those of the last reading.
 */
export class TreeWatch {
  readonly #top: string;
  readonly #skip: (path: string) => boolean;
  #known = new Map<string, string>();

  constructor(top: string, skip: (path: string) => boolean = () => false) {
    this.#top = top;
    this.#skip = skip;
  }

  snapshot(): TreeSnapshot {
    const known = new Map<string, string>();
    const digestOf = (full: string, stat: BigIntStats) => {
      const identity = `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
      const digest = this.#known.get(identity) ?? md5OfFile(full);
      known.set(identity, digest);
      return digest;
    };
    const found = takeSnapshot(this.#top, this.#skip, digestOf);
    this.#known = known;
    return found;
  }
}

function takeSnapshot(
  top: string,
  skip: (path: string) => boolean,
  digestOf: (full: string, stat: BigIntStats) => string,
): TreeSnapshot {
  const found = new Map<string, string>();
  visitTree(top, skip, (path, full, stat) => {
    const mode = (Number(stat.mode) & 0o7777).toString(8);
    if (stat.isSymbolicLink()) found.set(path, `link ${readlinkSync(full)}`);
    else if (stat.isDirectory()) found.set(path, `folder ${mode}`);
    else if (stat.isFile()) found.set(path, `file ${mode} ${digestOf(full, stat)}`);
    else found.set(path, 'other');
  });
  return found;
}

/** Relative path → inode, modification time and size of each file: the same twice means that nothing was written. */
export function fileIdentities(top: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  visitTree(
    top,
    () => false,
    (path, _full, stat) => {
      if (stat.isFile()) found.set(path, `${stat.ino} ${stat.mtimeNs} ${stat.size}`);
    },
  );
  return found;
}

/** Files that have more than one name: a server that writes in place would change the other one too. */
export function filesWithOtherNames(top: string): string[] {
  const found: string[] = [];
  visitTree(
    top,
    () => false,
    (path, _full, stat) => {
      if (stat.isFile() && stat.nlink !== 1n) found.push(path);
    },
  );
  return found;
}

/** What two snapshots say differently, one line a path, for messages. */
export function compareTrees(seen: TreeSnapshot, expected: TreeSnapshot): string[] {
  const paths = [...new Set([...seen.keys(), ...expected.keys()])].sort();
  return paths
    .filter((path) => seen.get(path) !== expected.get(path))
    .map((path) => `${path}: ${seen.get(path) ?? 'not there'} (expected: ${expected.get(path) ?? 'not there'})`);
}

/** Our own state and the logs: what a revert need not give back. */
export function isOwnState(path: string): boolean {
  return /(^|\/)\.prepatch(\/|$)/.test(path) || /(^|\/)repository\/logs(\/|$)/.test(path);
}

export function md5OfFile(path: string): string {
  return createHash('md5').update(readFileSync(path)).digest('hex');
}

function visitTree(
  top: string,
  skip: (path: string) => boolean,
  visit: (path: string, full: string, stat: BigIntStats) => void,
): void {
  const walk = (folder: string, prefix: string) => {
    for (const name of readdirSync(folder)) {
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (skip(path)) continue;
      const full = join(folder, name);
      const stat = lstatSync(full, { bigint: true });
      visit(path, full, stat);
      if (stat.isDirectory()) walk(full, path);
    }
  };
  if (lstatSync(top, { throwIfNoEntry: false })?.isDirectory() === true) walk(top, '');
}
