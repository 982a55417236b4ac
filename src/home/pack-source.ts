// Where a pack was found and where its parts lie, before anything of it is read: a folder, or a zip with what it was unpacked
// to. Pure but for the types; the folders of both forms are decided here, once.

import type { Problem } from '../problem.js';
import type { Md5, RootedPath } from './entry.js';
import { HELD_FOLDER, rooted } from './layout.js';
import type { PackKind } from './pack.js';

export const MANIFEST = 'patch.json';
/** Beside the patches: what manifests name and Carbon's own patcher must not see, a folder for each patch. */
export const PAYLOAD_FOLDER = '.payload';

/** A pack that was found, not yet read. */
export interface ListedPack {
  readonly name: string;
  readonly kind: PackKind;
  readonly held: boolean;
  readonly zip?: ListedZip;
  /** Why what lies there by the name is no folder of a pack. */
  readonly refusal?: Problem;
}

/** A zip that counts as a pack, as it was opened. */
export interface ListedZip {
  readonly path: RootedPath;
  /** Undefined where it is refused; `problems` say why. */
  readonly unpacked: UnpackedZip | undefined;
  readonly problems: readonly Problem[];
}

/** Where the content of a zip lies in our cache. */
export interface UnpackedZip {
  /** SHA-256 of the zip. */
  readonly digest: string;
  /** What paths of its manifest are relative to. */
  readonly root: RootedPath;
  /** Whose content lands in plugins: the folder of a patch, a service pack’s own folder. */
  readonly folder: RootedPath;
  /** The MD5 and mode of each file as it came out of the zip. */
  readonly files: ReadonlyMap<RootedPath, { readonly md5: Md5; readonly mode: number }>;
}

export function packsRoot(kind: PackKind): 'patches' | 'servicepacks' {
  return kind === 'patch' ? 'patches' : 'servicepacks';
}

/** The rooted folder of a pack, held or not; of a zip, what it was unpacked to, or the zip where it is refused. */
export function packFolder(pack: ListedPack): RootedPath {
  if (pack.zip !== undefined) return pack.zip.unpacked?.folder ?? pack.zip.path;
  return rooted(packsRoot(pack.kind), pack.held ? `${HELD_FOLDER}/${pack.name}` : pack.name);
}

/** A path below a rooted one. */
export function below(folder: RootedPath, path: string): RootedPath {
  return (folder.endsWith(':') ? `${folder}${path}` : `${folder}/${path}`) as RootedPath;
}
