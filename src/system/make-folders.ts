// Makes a folder and what is missing above it. Nothing is flushed: for what can be made anew.

import { dirname } from 'node:path';
import { errnoOf } from '../error.js';
import type { Files } from './files.js';

/** Another run may make the same at the same time. */
export function makeFolders(files: Files, path: string): void {
  if (files.stat(path) !== undefined) return;
  makeFolders(files, dirname(path));
  try {
    files.makeDirectory(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
