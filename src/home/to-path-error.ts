// From an error of the file system to one that names the path.

import { errnoOf, PatchError } from '../error.js';

/** UNREADABLE for an error with an errno, the error itself where it is ours. @throws what is neither: a defect */
export function toPathError(error: unknown, path: string): PatchError {
  if (error instanceof PatchError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return new PatchError('UNREADABLE', `${path} cannot be read (${errno})`, { path, cause: error });
}
