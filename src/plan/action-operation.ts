// Actions as data: the operation of a plan, the changes of paths that an action comes to, and what takes it back: within the
// transaction (journal) and after it, even weeks later (ledger). Types only; all of it is JSON (docs/actions.md).

import type { AbsentEntry, FileEntry, Md5, RootedPath, Sha256 } from '../home/entry.js';
import type { EditKind } from './edit/edit-file.js';
import type { EditUndo } from './edit/undo-edit.js';
import type { JsonValue } from './edit/edit-json.js';
import type { Action, Command } from './pack-manifest.js';

export type Content = FileEntry | AbsentEntry;

/** One change of one path. Content is replaced by a rename, never written in place. */
export type Change =
  | { readonly kind: 'content'; readonly path: RootedPath; readonly before: Content; readonly after: Content }
  | { readonly kind: 'make-directory'; readonly path: RootedPath; readonly mode: number }
  /** Removes the directory if it is empty by then. */
  | { readonly kind: 'remove-directory'; readonly path: RootedPath; readonly mode: number }
  /** Permissions of a directory. */
  | { readonly kind: 'mode'; readonly path: RootedPath; readonly before: number; readonly after: number }
  | { readonly kind: 'rename'; readonly path: RootedPath; readonly to: RootedPath };

export type PayloadDigests = Readonly<
  Record<string, { readonly md5: Md5; readonly sha256?: Sha256; readonly sizeBytes?: number }>
>;

/** A pack's module as it was run; its text is kept in the store. */
export interface RecordedModule {
  readonly file: string;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
  readonly options: { readonly [key: string]: JsonValue };
  /** Absent in records from before there was a limit. */
  readonly timeoutSeconds?: number;
  readonly values: { readonly [name: string]: string | number | boolean };
  /** What its `prepare` returned. */
  readonly undo: JsonValue;
}

/** What a revert does to take a part of an action back. */
export type ActionUndo =
  | Change
  | { readonly kind: 'edit'; readonly path: RootedPath; readonly format: EditKind; readonly undo: readonly EditUndo[] }
  /** `command` undoes, `redo` is what was run. */
  | { readonly kind: 'command'; readonly command: Command; readonly redo: Command }
  | ({ readonly kind: 'module' } & RecordedModule);

/** An action that was executed, as the ledger keeps it. */
export interface LedgerAction {
  /** With its values put in; an action of a list or a loop stands for itself. */
  readonly action: Action;
  /** In the order in which it was done. */
  readonly undo: readonly ActionUndo[];
}

/** The actions of an applied pack. */
export interface LedgerActions {
  /** Changes where the actions, or the files that they use, do. */
  readonly key: string;
  readonly done: readonly LedgerAction[];
}

interface ActionOperationBase {
  readonly kind: 'action';
  /** The pack's folder. */
  readonly path: RootedPath;
  readonly pack: string;
  /** Which of the pack's actions, from 0. */
  readonly index: number;
}

export interface DoOperation extends ActionOperationBase {
  readonly direction: 'do';
  readonly action: Action;
  /** The files of the pack that it uses, by path in the pack, as its manifest lists them or as they were when it was planned. */
  readonly digests: PayloadDigests;
  /** Of the home, for conditions; absent where it is not known. */
  readonly homeVersion?: string;
}

export interface UndoOperation extends ActionOperationBase {
  readonly direction: 'undo';
  readonly done: LedgerAction;
}

export type ActionOperation = DoOperation | UndoOperation;

/** What the plan needs to know of an applied pack's actions that cannot be taken back as things are. */
export interface ActionConflict {
  readonly pack: string;
  readonly path: string | undefined;
  readonly message: string;
}

export interface ActionRules {
  readonly allowCommands: boolean;
  readonly allowModules: boolean;
}
