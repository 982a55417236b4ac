// Whether the names that a transaction changes may be changed by who runs it, asked before anything is touched. What the system
// answers wrongly (rights of a network's server) is found by the change itself, and undone.

import { dirname } from 'node:path';
import { absolute, type Layout } from '../home/layout.js';
import type { Operation } from '../plan/operation.js';
import type { Files } from '../system/files.js';
import { toPatchError } from './to-patch-error.js';

/** Folders that are still to be made are answered for by those above them. @throws PatchError UNWRITABLE */
export function checkWritable(files: Files, layout: Layout, operations: readonly Operation[]): void {
  const folders = new Set<string>();
  for (const operation of operations) {
    if (operation.kind === 'action') continue;
    const path = absolute(layout, operation.path);
    folders.add(dirname(path));
    if (operation.kind !== 'move') continue;
    folders.add(dirname(absolute(layout, operation.target)));
    // A folder that goes to another one gets another `..`.
    if (files.stat(path)?.kind === 'directory') folders.add(path);
  }
  for (const folder of folders) {
    if (files.stat(folder)?.kind !== 'directory') continue;
    try {
      files.checkWritable(folder);
    } catch (error) {
      throw toPatchError(error, 'writing to', folder, 'UNWRITABLE');
    }
  }
}
