// The list of applied packs that a start leaves, in either layout of Carbon; a home that was never patched has none.

import { join } from 'node:path';
import { readText } from './plugins.mjs';

const LIST_LIMIT_BYTES = 1_048_576;

/** @returns the names in the order in which they were applied. */
export async function readApplied(components) {
  for (const list of ['patches/.metadata/prePatchedDir.txt', 'default/configuration/prePatched.txt']) {
    try {
      const text = await readText(join(components, list), LIST_LIMIT_BYTES);
      return text.split(/\r?\n/).filter((line) => line !== '');
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  return [];
}
