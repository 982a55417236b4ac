// Makes a folder and what is missing above it.

import { dirname } from 'node:path';
import { errnoOf } from '../error.js';
import type { Files } from './files.js';

/** Each name is durable before the next; `unflushed` for what can be made anew. Another run may make the same at the same time. */
export function ensureFolder(files: Files, path: string, flush: 'flushed' | 'unflushed' = 'flushed'): void {
  if (files.stat(path) !== undefined) return;
  ensureFolder(files, dirname(path), flush);
  try {
    files.makeDirectory(path);
  } catch (error) {
    // Another run was quicker; it flushes what it made.
    if (errnoOf(error) !== 'EEXIST' || files.stat(path)?.kind !== 'directory') throw error;
  }
  if (flush === 'flushed') files.flushDirectory(dirname(path));
}
