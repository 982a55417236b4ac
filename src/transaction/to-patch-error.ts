// Turns an error of the file system into an error of ours: what could not be done, where, and what to do about it.

import { type ErrorCode, errnoOf, PatchError } from '../error.js';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'UNWRITABLE',
  EPERM: 'UNWRITABLE',
  EROFS: 'UNWRITABLE',
  ENAMETOOLONG: 'NAME_TOO_LONG',
};

/** A PatchError as it is; an errno as the code that fits, else `fallback`. A defect is thrown on. */
export function toPatchError(error: unknown, doing: string, path: string, fallback: ErrorCode): PatchError {
  if (error instanceof PatchError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return new PatchError(CODES[errno] ?? fallback, `${doing} ${path}: ${errno}`, { path, cause: error });
}
