// What this process is within its program: its main thread, or one of the threads and children that the server makes.

import { isMainThread } from 'node:worker_threads';
import { isZombie } from './process-identity.js';

/** False in a worker thread. */
export function isMainProgram(): boolean {
  return isMainThread;
}

/** Whether a process with this id is there and has not ended, whoever it belongs to. */
export function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !isZombie(processId);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
