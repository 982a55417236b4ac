// Hands over to the server: replaces this process where Node can (process.execve), else stays as its parent and passes
// signals and the exit status on.

import { spawnServer } from '../system/spawn-server.js';

/** The exit status that prepatch is to have. @throws PatchError BAD_USAGE where the server cannot be started */
export async function becomeServer(words: readonly string[]): Promise<number> {
  return spawnServer(words);
}
