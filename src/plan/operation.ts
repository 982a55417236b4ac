// The operations of a plan: one change of one path each, with what is there before and what is to be there after. They are
// data, and go into the journal as they are (formats 3).

import type { ActionOperation } from './action-operation.js';
import {
  ABSENT,
  type DirectoryEntry,
  type Entry,
  type FileEntry,
  type RootedPath,
  type Sha256,
} from '../home/entry.js';

/** Where the content of a new file comes from. */
export type Source =
  | { readonly kind: 'path'; readonly path: RootedPath }
  /** An original from the store; `lastUse` where nothing needs it there afterwards, so that it can be moved and not copied. */
  | { readonly kind: 'store'; readonly sha256: Sha256; readonly lastUse: boolean }
  /** In a journal the text is empty: it lies in the staged file. */
  | { readonly kind: 'text'; readonly text: string }
  /** A text that is only known once the actions are done (the ledger, with what undoes them). */
  | { readonly kind: 'late' };

/**
 * What becomes of the content that makes way: `store` keeps it as an original, `aside` keeps it for the operator because it
 * is nowhere else, `drop` deletes it at clean-up because it is nothing of its own.
 */
export type Keep = 'store' | 'aside' | 'drop';

export interface WriteOperation {
  readonly kind: 'write';
  readonly path: RootedPath;
  readonly before: Exclude<Entry, DirectoryEntry>;
  readonly after: FileEntry;
  readonly source: Source;
  readonly keep: Keep;
}

export interface DeleteOperation {
  readonly kind: 'delete';
  readonly path: RootedPath;
  readonly before: FileEntry;
  readonly keep: Keep;
}

export interface MakeDirectoryOperation {
  readonly kind: 'make-directory';
  readonly path: RootedPath;
  readonly mode: number;
}

/** Removes a directory if it is empty; one that is not is left, and said so. */
export interface RemoveDirectoryOperation {
  readonly kind: 'remove-directory';
  readonly path: RootedPath;
  readonly mode: number;
}

/** Renames a file or a folder to a path that must be free, on the same file system. */
export interface MoveOperation {
  readonly kind: 'move';
  readonly path: RootedPath;
  readonly target: RootedPath;
}

export type Operation =
  | WriteOperation
  | DeleteOperation
  | MakeDirectoryOperation
  | RemoveDirectoryOperation
  | MoveOperation
  | ActionOperation;

/** The bytes that staging an operation needs on disk. */
export function stagedBytes(operation: Operation): number {
  if (operation.kind !== 'write') return 0;
  return operation.source.kind === 'store' && operation.source.lastUse ? 0 : operation.after.sizeBytes;
}

/** The file that an operation makes way for; undefined where there is none. */
export function beforeOf(operation: Operation): FileEntry | undefined {
  if (operation.kind === 'delete') return operation.before;
  return operation.kind === 'write' && operation.before.kind === 'file' ? operation.before : undefined;
}

/** What a path is to be after an operation. */
export function afterOf(operation: WriteOperation | Extract<Operation, { kind: 'delete' }>): Entry {
  return operation.kind === 'write' ? operation.after : ABSENT;
}
