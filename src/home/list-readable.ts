// The names in a folder that has to be readable.

import { errnoOf, PatchError } from '../error.js';
import type { Files } from '../system/files.js';

/** @throws PatchError UNREADABLE */
export function listReadable(files: Files, folder: string): string[] {
  try {
    return files.list(folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTDIR')
      throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder, cause: error });
    throw new PatchError('UNREADABLE', `${folder} cannot be read (${errno ?? 'unknown error'})`, {
      path: folder,
      cause: error,
    });
  }
}
