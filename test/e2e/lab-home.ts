// Homes that the lab makes from real JARs: made once, kept in the cache, copied for each test. The plugins that they must have are
// worked out apart from prepatch.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { need } from '../support/need.js';
import { LAB, needLab } from './lab-case.js';

export type Profile = 'small' | 'medium' | 'large';

const HOMES = join(homedir(), '.cache', 'prepatch-lab', 'homes');
const OPTIONS = ['--servicepack', '--adds', '1', '--new-version', '1'];

/** Why homes of the lab cannot be had here; undefined where they can. @throws Error where CI=true */
export function needLabHome(): string | undefined {
  return needLab() ?? need('python3', 'lab-jars');
}

/** A copy of a home of the lab, in a temporary folder that the caller removes. */
export function copyLabHome(profile: Profile, layout: '4.2' | '4.4' = '4.2'): string {
  const made = join(HOMES, `e2e-${profile}-${layout}`);
  if (!existsSync(made)) {
    mkdirSync(HOMES, { recursive: true });
    // Made under another name first: a run that was stopped leaves nothing that looks like a home.
    const half = mkdtempSync(join(HOMES, 'half-'));
    execFileSync(join(LAB, 'make-home'), [join(half, 'home'), '--profile', profile, '--layout', layout, ...OPTIONS]);
    try {
      renameSync(join(half, 'home'), made);
    } catch (error) {
      // Another test file was quicker.
      if (!existsSync(made)) throw error;
    }
    rmSync(half, { recursive: true });
  }
  const folder = mkdtempSync(join(tmpdir(), 'prepatch-lab-'));
  copyTree(made, join(folder, 'home'));
  return join(folder, 'home');
}

/** Copies a folder as it is, without taking room for it where the file system shares blocks. */
export function copyTree(source: string, target: string): void {
  execFileSync('cp', ['-a', '--reflink=auto', source, target]);
}
