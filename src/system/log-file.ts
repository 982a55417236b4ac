// One log file: appended to, each text in one write at once, never cut, never led elsewhere by a link at its last segment.
// A text begins on a line of its own, also after a write that was torn by a full disk or a kill.

import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { PatchError } from '../error.js';

const APPEND_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const LINE_END = 0x0a;

export class LogFile {
  readonly path: string;
  #descriptor: number | undefined;
  #isTorn = false;

  constructor(path: string) {
    this.path = path;
  }

  /** An empty text makes the file. @throws PatchError NOT_A_FILE, or the error of the file system */
  append(text: string): void {
    this.#descriptor ??= this.#open();
    if (text === '') return;
    const bytes = Buffer.from(this.#isTorn ? `\n${text}` : text, 'utf8');
    this.#isTorn = true;
    for (let written = 0; written < bytes.length; )
      written += writeSync(this.#descriptor, bytes, written, bytes.length - written);
    this.#isTorn = bytes.at(-1) !== LINE_END;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    const folder = dirname(this.path);
    const made = mkdirSync(folder, { recursive: true });
    if (made !== undefined) giveToOwnerOf(dirname(made), folder);
    const isNew = lstatSync(this.path, { throwIfNoEntry: false }) === undefined;
    const descriptor = openSync(this.path, APPEND_FLAGS, 0o644);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      closeSync(descriptor);
      throw new PatchError('NOT_A_FILE', `${this.path} is not a file`, { path: this.path });
    }
    if (isNew) giveToOwnerOf(folder, descriptor);
    this.#isTorn = stats.size > 0 && lastByte(this.path, stats.size) !== LINE_END;
    return descriptor;
  }
}

/** What root makes belongs to the owner of the folder it is made in, so that the server's user can go on with it. */
function giveToOwnerOf(folder: string, made: string | number): void {
  if (process.getuid?.() !== 0) return;
  const owner = lstatSync(folder);
  if (owner.uid === 0 && owner.gid === 0) return;
  const descriptor = typeof made === 'number' ? made : openSync(made, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fchownSync(descriptor, owner.uid, owner.gid);
  } finally {
    if (typeof made === 'string') closeSync(descriptor);
  }
}

/** Undefined where a file may be written and not be read. */
function lastByte(path: string, sizeBytes: number): number | undefined {
  try {
    const descriptor = openSync(path, READ_FLAGS);
    try {
      const byte = Buffer.alloc(1);
      return readSync(descriptor, byte, 0, 1, sizeBytes - 1) === 1 ? byte[0] : undefined;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return LINE_END;
  }
}
