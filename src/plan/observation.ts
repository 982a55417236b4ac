// What a look at a home has found, as data: the only input of planning. Types only.

import type { CarbonState } from '../home/carbon-state.js';
import type { DirectoryEntry, Entry, FileEntry, Md5, RootedPath, Sha256 } from '../home/entry.js';
import type { Layout } from '../home/layout.js';
import type { Pack, PackKind } from '../home/pack.js';
import type { Problem } from '../problem.js';
import type { ActionConflict } from './action-operation.js';
import type { DeltaResult } from './delta.js';
import type { Ledger } from './ledger.js';
import type { PackManifest } from './pack-manifest.js';
import type { HealthObservation } from './probation.js';

export type SeenPlugin =
  | {
      readonly kind: 'file';
      readonly sizeBytes: number;
      readonly mtimeMs: number;
      readonly mode: number;
      /** Read where planning needs it: covered paths, suspects, everything when looking deep. */
      readonly md5?: Md5;
      readonly sha256?: Sha256;
      /** False for a `.jar` that cannot be opened; undefined where it was not looked into. */
      readonly sound?: boolean;
    }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'foreign' };

export interface ActionObservation {
  /** By pack; another one where its actions, or the files that they use, are others. */
  readonly keys: ReadonlyMap<string, string>;
  /** The version that the home has before each pack's actions, where it is known. */
  readonly homeVersions: ReadonlyMap<string, string>;
  /** Why the actions of packs that leave or change cannot be taken back as things are. */
  readonly conflicts: readonly ActionConflict[];
}

/** A file of Carbon's `patch0000` (Carbon rule 11). */
export interface BackupFile {
  readonly source: RootedPath;
  readonly entry: FileEntry;
  readonly sound: boolean;
}

export interface Observation {
  readonly layout: Layout;
  readonly companion: boolean;
  /** The packs that are to be applied, in order, as their folders are; a broken one has an error among its problems. */
  readonly packs: readonly Pack[];
  /** At first contact: sound packs that Carbon's list has, and that do not count any more though they are there. */
  readonly passedOver: readonly Pack[];
  /** Packs that policy leaves out in this run, and those whose manifests rule them out, with the reason. */
  readonly excluded: readonly {
    readonly name: string;
    readonly kind: PackKind;
    readonly reason: string;
    readonly held: boolean;
    readonly zip?: RootedPath;
    readonly manifest?: PackManifest;
  }[];
  /** With a companion, the packs that it will see after this run, where they are others than those that are applied. */
  readonly visible?: readonly Pack[];
  /** The patches that the service pack absorbs and that are there. */
  readonly absorbed: readonly string[];
  readonly hidingFiles: readonly string[];
  /** Names that are taken in `.held`. */
  readonly kept: Readonly<Record<PackKind, ReadonlySet<string>>>;
  readonly problems: readonly Problem[];
  readonly hasBackup: boolean;
  /** Whether the service pack that applies lists `patch0000` (Carbon rule 12). */
  readonly backupAbsorbed: boolean;
  /** Read at first contact only. */
  readonly backup: ReadonlyMap<RootedPath, BackupFile>;
  /** The folders of `patch0000`, by their place in plugins; read with it. */
  readonly backupFolders: ReadonlyMap<RootedPath, DirectoryEntry>;
  /** `namesFile`, `jarsFile`: the file is there and written as we write it; one with a blank line breaks Carbon's every start. */
  readonly state: CarbonState & { readonly namesFile: boolean; readonly jarsFile: boolean };
  readonly ledger: Ledger | undefined;
  /** Every path below plugins, without our own and other dot folders at the top. */
  readonly plugins: ReadonlyMap<RootedPath, SeenPlugin>;
  /** What is at the other paths that packs change, with the folders that lead there. */
  readonly elsewhere: ReadonlyMap<RootedPath, SeenPlugin>;
  /** With a companion: what was unpacked beside a patch that is not there any more, and where it is kept. */
  readonly leftovers: readonly { readonly path: RootedPath; readonly keptAs: RootedPath }[];
  /** Digests of the zips among the packs. */
  readonly zipsInUse: readonly string[];
  /** Without any pack; only where a pack has a manifest. */
  readonly homeVersion?: string;
  /** The state files as they are on disk, for the operations that write them. */
  readonly stateEntries: ReadonlyMap<RootedPath, Exclude<Entry, { kind: 'directory' }>>;
  /** Each profile's list of the bundles that Equinox loads. */
  readonly bundlesInfo: ReadonlyMap<RootedPath, { readonly text: string; readonly entry: FileEntry }>;
  /** Directories on the way to the state files that are not there yet, outermost first. */
  readonly missingDirectories: readonly RootedPath[];
  /** Only where the record has something about health. */
  readonly health?: HealthObservation;
  /** Results of deltas, by key; only where packs have deltas. */
  readonly deltas?: ReadonlyMap<string, DeltaResult>;
  /** Only where packs have actions, or had. */
  readonly actions?: ActionObservation;
  /** Originals in the store. */
  readonly stored: ReadonlySet<Sha256>;
}
