// What an error means to a program that ends by it: one of ours, the file system's, or a defect.

import { errnoOf, PatchError } from '../error.js';

/** An error of the file system that nobody expected here is still one of the home; undefined for a defect. */
export function toFailure(error: unknown, home: string): PatchError | undefined {
  if (error instanceof PatchError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : home;
  return new PatchError('UNREADABLE', `${path} cannot be read (${errno})`, { path, cause: error });
}

/** Nothing is known of the home then, so the code to end with is the one that asks for attention, and no server starts. */
export function explainDefect(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `prepatch: this is a defect of prepatch; prepatch status says how the home is\n${text}\n`;
}
