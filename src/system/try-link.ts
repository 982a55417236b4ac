// Gives a file a second name, where that is possible.

import { errnoOf } from '../error.js';
import type { Files } from './files.js';

/** Errors of `link` that say that it is not possible here, and not that something is wrong. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'EOPNOTSUPP',
  'ENOTSUP',
  'EXDEV',
  'EMLINK',
  'ENOSYS',
]);

/** Links, or returns false where the file system, or its rules for this file, do not allow it. */
export function tryLink(files: Files, source: string, target: string): boolean {
  try {
    files.link(source, target);
    return true;
  } catch (error) {
    if (NO_LINKS.has(errnoOf(error))) return false;
    throw error;
  }
}
