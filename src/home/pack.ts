// What a pack on disk is made of, as data: a patch or a service pack, its files and where each is to land.

import type { Problem } from '../problem.js';
import type { DirectoryEntry, FileEntry, RootedPath } from './entry.js';

export type PackKind = 'patch' | 'servicepack';

/** One file of a pack: a layer over its target. */
export interface PackFile {
  /** Path inside the pack's folder (a service pack's `lib`), as the operator named it. */
  readonly fileName: string;
  readonly source: RootedPath;
  readonly target: RootedPath;
  readonly entry: FileEntry;
  readonly bundle?: { readonly symbolicName: string; readonly version: string };
}

export interface PackDirectory {
  readonly target: RootedPath;
  readonly entry: DirectoryEntry;
}

/** A pack as it lies in its folder. `files` and `directories` are empty where `problems` has an error. */
export interface Pack {
  readonly name: string;
  readonly kind: PackKind;
  readonly folder: RootedPath;
  /** Set aside under `.held` by an earlier start (2-carbon: "The server's own patcher comes after us"). */
  readonly held: boolean;
  /** The patch names that a service pack absorbs (Carbon rule 8); empty for a patch. */
  readonly absorbs: readonly string[];
  readonly files: readonly PackFile[];
  readonly directories: readonly PackDirectory[];
  readonly problems: readonly Problem[];
}
