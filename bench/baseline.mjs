// The script with the same outcome and no safety: md5sum of every JAR that has to be read, on two cores, cp of the winners to a
// temporary folder, sync -f, mv. It is told who wins, which costs prepatch a plan.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './measure.mjs';

const SCRIPT = `set -eu
xargs -0 -P2 -n64 md5sum <"$1/read" >"$1/sums"
mkdir "$1/new"
xargs -0 -r cp -t "$1/new" <"$1/same"
while IFS='	' read -r source name; do cp "$source" "$1/new/$name"; done <"$1/renamed"
sync -f "$1/new"
cd "$1/new"
find . -type f -print0 | xargs -0 -r mv -t "$2"
xargs -0 -r rm -f <"$1/deleted"
`;

/**
 * Prepares the script for one run, and gives the argv that is to be timed.
 * @param {{ folder: string, plugins: string, read: readonly string[], copies: readonly (readonly [string, string])[], deleted?: readonly string[] }} work
 */
export function baseline({ folder, plugins, read, copies, deleted = [] }) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const list = (name, paths) => writeFileSync(join(folder, name), paths.map((path) => `${path}\0`).join(''));
  const isSame = ([source, target]) => basename(source) === basename(target);
  list('read', read);
  list(
    'same',
    copies.filter(isSame).map(([source]) => source),
  );
  list('deleted', deleted);
  const renamed = copies.filter((copy) => !isSame(copy));
  writeFileSync(
    join(folder, 'renamed'),
    renamed.map(([source, target]) => `${source}\t${basename(target)}\n`).join(''),
  );
  return ['sh', '-c', SCRIPT, 'baseline', folder, plugins];
}

/** Runs it; milliseconds. */
export function runBaseline(work) {
  return run(baseline(work)).ms;
}
