// Whether the store has a content already, whole: only then may another copy of it be given up.

import { errnoOf } from '../error.js';
import type { Sha256 } from '../home/entry.js';
import type { Files } from '../system/files.js';

/** False for a file there that is damaged, or cannot be read: the copy at hand takes its place. */
export function isInStore(files: Files, path: string, sha256: Sha256): boolean {
  if (files.stat(path)?.kind !== 'file') return false;
  try {
    return files.digest(path, true).sha256 === sha256;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
