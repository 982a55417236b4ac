// Makes the names in folders durable.

import type { Files } from './files.js';

/** What is no folder, or none any more, has nothing to be flushed. @throws the errors of `flushDirectory` */
export function flushFolders(files: Files, folders: Iterable<string>): void {
  for (const folder of folders) if (files.stat(folder)?.kind === 'directory') files.flushDirectory(folder);
}
