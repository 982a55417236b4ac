// The lab's homes: made once and kept in ~/.cache/prepatch-lab/homes; a benchmark works on copies, which it may spoil.
// A copy has its own plugins; the packs are only read, so they are moved from copy to copy.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../scripts/build-stamp.mjs';
import { prepatch, run } from './measure.mjs';

const CACHE = join(homedir(), '.cache', 'prepatch-lab', 'homes');
const COMPONENTS = join('repository', 'components');

export class Homes {
  #lab;
  #work;
  #patched = new Map();

  constructor({ lab, work }) {
    this.#lab = lab;
    this.#work = work;
  }

  get work() {
    return this.#work;
  }

  /** The home as the lab makes it; not to be written to. */
  pristine(profile) {
    const home = join(CACHE, profile);
    if (existsSync(home)) return home;
    const half = join(CACHE, `${profile}.half`);
    rmSync(half, { recursive: true, force: true });
    mkdirSync(CACHE, { recursive: true });
    console.log(`bench: making the home ${profile}`);
    const { status } = spawnSync(join(this.#findLab(), 'make-home'), [half, '--profile', profile, '--servicepack'], {
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error('the home could not be made (see above); the lab’s fetch-jars brings its JARs');
    renameSync(half, home);
    return home;
  }

  #findLab() {
    const places = [this.#lab, join(ROOT, '..', 'lab'), join(ROOT, '..', 'shared', 'lab')];
    const found = places.find((place) => place !== undefined && existsSync(join(place, 'make-home')));
    if (found === undefined) throw new Error('the lab is not there (make-home, fetch-jars); say where with --lab DIR');
    return found;
  }

  /** A whole copy, of which nothing has been applied. */
  copy(profile, name) {
    const home = join(this.#work, name);
    rmSync(home, { recursive: true, force: true });
    run(['cp', '-a', this.pristine(profile), home]);
    return home;
  }

  /** A copy on which everything has been applied and looked at again; made once, given back as it was by who changes it. */
  patched(profile) {
    const known = this.#patched.get(profile);
    if (known !== undefined) return known;
    const home = this.copy(profile, `${profile}-patched`);
    run(prepatch('apply', '--home', home));
    // The cache of digests does not trust what is as new as itself.
    for (let look = 0; look < 2; look++) run(prepatch('boot', '--home', home));
    this.#patched.set(profile, home);
    return home;
  }

  /** Makes a copy as it was before its first start: fresh plugins, no state of ours, and all of it on the disk. */
  reset(profile, home) {
    const components = join(home, COMPONENTS);
    for (const path of [join(components, 'plugins'), join(components, '.prepatch'), join(components, 'default')])
      rmSync(path, { recursive: true, force: true });
    for (const folder of ['plugins', 'default'])
      run(['cp', '-a', join(this.pristine(profile), COMPONENTS, folder), components]);
    run(['sync', '-f', home]);
  }
}

/** A path below `repository/components`. */
export function component(home, ...parts) {
  return join(home, COMPONENTS, ...parts);
}

/** Files below a folder, with their paths. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

export function planOf(home) {
  return JSON.parse(run(prepatch('plan', '--home', home, '--json'), { output: 'pipe', statuses: [0, 3] }).stdout);
}

/** Where the files of a plan come from and go to, as absolute paths; and what it deletes. */
export function movesOf(home, plan) {
  const at = (path) => join(home, path);
  const writes = plan.changes.filter((change) => change.after.kind === 'file' && change.from !== null);
  return {
    copies: writes.filter((change) => change.from !== 'base').map((change) => [at(change.from), at(change.path)]),
    restored: writes.filter((change) => change.from === 'base').map((change) => at(change.path)),
    deleted: plan.changes.filter((change) => change.after.kind === 'absent').map((change) => at(change.path)),
  };
}
