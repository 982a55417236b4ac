// The boot hook with the real doors, for the process that it runs in.

import { RealFiles } from '../system/real-files.js';
import { writeStandard } from '../system/standard-stream.js';
import { runBootHook } from './boot-hook.js';

/** Returns where the server may start; ends the process with the exit code where it may not. */
export async function bootThisServer(): Promise<void> {
  const exitCode = await runBootHook({
    files: new RealFiles(),
    environment: process.env,
    currentFolder: process.cwd(),
    processId: process.pid,
    say: (text) => writeStandard('error', text),
  });
  if (exitCode !== undefined) process.exit(exitCode);
}
