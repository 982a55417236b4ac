// Asks, right before each change of a home, whether the lock is still ours: a run that has slept until another took it for dead
// (a paused container, a machine that was moved) may change nothing when it wakes, wherever in its work it was.

import { PatchError } from '../error.js';
import type { Files } from '../system/files.js';
import type { TransactionContext } from './transaction-context.js';

/** The context with `check` before each change, and before each command and module of a pack; it throws where the lock is not ours. */
export function guardChanges(context: TransactionContext, check: () => void): TransactionContext {
  return { ...context, files: guardFiles(context.files, check), check };
}

function guardFiles(files: Files, check: () => void): Files {
  const guarded =
    <A extends readonly unknown[]>(change: (...args: A) => void) =>
    (...args: A) => {
      check();
      change(...args);
    };
  return {
    stat: (path) => files.stat(path),
    list: (path) => files.list(path),
    read: (path, limitBytes) => files.read(path, limitBytes),
    readRange: (path, offset, length) => files.readRange(path, offset, length),
    readRanges: (path, use) => files.readRanges(path, use),
    realPath: (path) => files.realPath(path),
    digest: (path, withSha256) => files.digest(path, withSha256),
    freeBytes: (path) => files.freeBytes(path),
    checkWritable: (folder) => {
      files.checkWritable(folder);
    },
    mountOf: (path) => files.mountOf(path),
    // Its file has a name of its own, and is gone when it returns.
    fileSystemTime: (folder) => files.fileSystemTime(folder),
    identity: () => files.identity(),
    makeDirectory: guarded((path: string, mode?: number) => files.makeDirectory(path, mode)),
    writeNew: guarded((...args: Parameters<Files['writeNew']>) => files.writeNew(...args)),
    append: guarded((...args: Parameters<Files['append']>) => files.append(...args)),
    copyNew: guarded((...args: Parameters<Files['copyNew']>) => files.copyNew(...args)),
    link: guarded((source: string, target: string) => files.link(source, target)),
    rename: guarded((source: string, target: string) => files.rename(source, target)),
    unlink: guarded((path: string) => files.unlink(path)),
    removeDirectory: guarded((path: string) => files.removeDirectory(path)),
    setMode: guarded((path: string, mode: number) => files.setMode(path, mode)),
    touch: guarded((path: string) => files.touch(path)),
    // Makes durable what is there, whoever put it there.
    flushDirectory: (path) => {
      files.flushDirectory(path);
    },
  };
}

/** Whether an error says that another run has the home now. */
export function isTakenOverError(error: unknown): boolean {
  return error instanceof PatchError && error.code === 'LOCKED';
}
