// Hands over to the server: replaces this process where Node can (process.execve), else stays as its parent and passes
// signals and the exit status on. It stays where there is something to do beside the server.

import { spawnServer } from '../system/spawn-server.js';

/** The exit status that prepatch is to have. @throws PatchError BAD_USAGE where the server cannot be started */
export async function becomeServer(
  words: readonly string[],
  meanwhile?: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  return spawnServer(words, meanwhile);
}
