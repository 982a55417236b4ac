// Standard output and error without Node's streams: written at once, so that nothing is lost when this process ends or becomes
// the server, and so that a start loads no more than it needs. A reader that went away (EPIPE) is no error.

import { fstatSync, lstatSync, writeSync } from 'node:fs';
import { devNull } from 'node:os';
import { errnoOf, PatchError } from '../error.js';

export type StandardStream = 'out' | 'error';

const DESCRIPTORS = { out: 1, error: 2 } as const;
const FULL_PIPE_WAIT_MS = 5;

/** Writes all of a text; waits while a pipe is full. @returns why it is not written (a full disk), for the caller to judge */
export function writeStandard(stream: StandardStream, text: string): PatchError | undefined {
  const bytes = Buffer.from(text, 'utf8');
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(DESCRIPTORS[stream], bytes, written, bytes.length - written);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
      // Closed, or read by nobody any more: there is no one to tell.
      else if (errno === 'EPIPE' || errno === 'EBADF') return undefined;
      else if (errno === undefined) throw error;
      else return cannotWrite(stream, errno, error);
    }
  }
  return undefined;
}

function cannotWrite(stream: StandardStream, errno: string, cause: unknown): PatchError {
  const name = stream === 'out' ? 'standard output' : 'standard error';
  return new PatchError('UNWRITABLE', `${name} cannot be written (${errno})`, {
    hint: 'Free space where it leads to, or lead it elsewhere; prepatch status says how the home is.',
    cause,
  });
}

/** What a stream leads to. `columns` is 0 where it is no terminal. */
export interface Terminal {
  readonly isTerminal: boolean;
  readonly hasColors: boolean;
  readonly columns: number;
}

const NO_TERMINAL: Terminal = { isTerminal: false, hasColors: false, columns: 0 };
const USUAL_COLUMNS = 80;

/** Asks Node only where the stream is a character device. NO_COLOR and FORCE_COLOR are Node's to judge. */
export function lookAtTerminal(stream: StandardStream): Terminal {
  try {
    const stats = fstatSync(DESCRIPTORS[stream]);
    if (!stats.isCharacterDevice() || stats.rdev === lstatSync(devNull).rdev) return NO_TERMINAL;
  } catch {
    return NO_TERMINAL;
  }
  const node = stream === 'out' ? process.stdout : process.stderr;
  if (!node.isTTY) return NO_TERMINAL;
  return { isTerminal: true, hasColors: node.hasColors(), columns: node.columns || USUAL_COLUMNS };
}
