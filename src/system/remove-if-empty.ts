// Removes a folder where nothing is in it, also where another run is quicker.

import { errnoOf } from '../error.js';
import type { Files } from './files.js';

/** Removes a folder that is empty; leaves one that is not. */
export function removeIfEmpty(files: Files, path: string): void {
  try {
    files.removeDirectory(path);
  } catch (error) {
    const errno = errnoOf(error);
    const isGone = errno === 'ENOENT' && files.stat(path) === undefined;
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST' && !isGone) throw error;
  }
}
