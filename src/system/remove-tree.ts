// Removes a path with all that is below it; links are removed, not followed.

import { join } from 'node:path';
import type { Files } from './files.js';

export function removeTree(files: Files, path: string): void {
  const stat = files.stat(path);
  if (stat === undefined) return;
  if (stat.kind !== 'directory') {
    files.unlink(path);
    return;
  }
  for (const name of files.list(path)) removeTree(files, join(path, name));
  files.removeDirectory(path);
}
