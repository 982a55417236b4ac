// What a pack on disk is made of, as data: a patch or a service pack, its files and where each is to land.

import type { LedgerActions } from '../plan/action-operation.js';
import type { LedgerManifest } from '../plan/ledger.js';
import type { FileOperation, PackManifest } from '../plan/pack-manifest.js';
import type { Problem } from '../problem.js';
import type { DirectoryEntry, FileEntry, RootedPath } from './entry.js';

export type PackKind = 'patch' | 'servicepack';

/** One file of a pack: a layer over its target. */
export interface PackFile {
  /** Path inside the pack's folder (a service pack's `lib`), as the operator named it. */
  readonly fileName: string;
  /** Undefined for a pack as the ledger has it, whose folder has gone or says something else now. */
  readonly source: RootedPath | undefined;
  readonly target: RootedPath;
  readonly entry: FileEntry;
  readonly bundle?: { readonly symbolicName: string; readonly version: string };
  /** Brought by an operation of the manifest, and not because it lies in the folder; Carbon knows nothing of it. */
  readonly operation?: true;
  /** The mode is part of what the pack says, also where a file is replaced. */
  readonly setsMode?: true;
}

export interface PackDirectory {
  readonly target: RootedPath;
  readonly entry: DirectoryEntry;
}

/** A file or folder of a pack that its manifest can name. */
export interface PackContent {
  readonly source: RootedPath;
  readonly entry: FileEntry | DirectoryEntry;
}

/** What becomes of a zip that is applied before a companion runs: a folder that it can see, and the zip out of the way. */
export interface Unpacking {
  readonly zip: RootedPath;
  readonly keptAs: RootedPath;
  /** Parents first. */
  readonly directories: readonly RootedPath[];
  readonly files: readonly { readonly path: RootedPath; readonly entry: FileEntry; readonly source: RootedPath }[];
}

/** A pack as it lies in its folder. `files` and `directories` are empty where `problems` has an error. */
export interface Pack {
  readonly name: string;
  readonly kind: PackKind;
  readonly folder: RootedPath;
  /** Set aside under `.held` by an earlier start (docs/carbon.md, companion). */
  readonly held: boolean;
  /** The patch names that a service pack absorbs (Carbon rule 8); empty for a patch. */
  readonly absorbs: readonly string[];
  readonly files: readonly PackFile[];
  readonly directories: readonly PackDirectory[];
  readonly problems: readonly Problem[];
  readonly manifest?: PackManifest;
  /** The manifest's operations on files, their paths below the roots that they lie in. */
  readonly operations?: readonly FileOperation[];
  /** The folder in which the paths of the manifest lie; only with a manifest. */
  readonly root?: RootedPath;
  /** What its manifest can name, by path in the pack; only with a manifest. */
  readonly content?: ReadonlyMap<string, PackContent>;
  /** The zip that the pack lies in; `folder` is then what it was unpacked to, in our own cache. */
  readonly zip?: RootedPath;
  /** Only with a companion, and where the pack is a zip. */
  readonly unpacking?: Unpacking;
  /** Of a pack as the ledger has it: the paths that it takes away. */
  readonly removes?: readonly RootedPath[];
  /** Of a pack as the ledger has it: what it said of itself. */
  readonly recorded?: LedgerManifest;
  /** Of a pack as the ledger has it: its actions, as they were done. */
  readonly actions?: LedgerActions;
}
