// Deltas as planning sees them: which results it needs to know, and what making them has shown. Types and the key of a result; a
// result depends on the bytes of basis and delta alone (docs/patch-json.md, "Deltas").

import type { FileEntry, RootedPath } from '../home/entry.js';
import type { ErrorCode } from '../error.js';

/** What a delta is to be applied to, and where both lie. */
export interface DeltaNeed {
  readonly key: string;
  readonly pack: string;
  /** The path that is updated. */
  readonly target: RootedPath;
  readonly basis: { readonly path: RootedPath; readonly entry: FileEntry };
  readonly delta: { readonly path: RootedPath; readonly entry: FileEntry };
}

export type DeltaResult =
  /** `entry` has the digests of what came out; its mode means nothing. */
  | { readonly kind: 'made'; readonly path: RootedPath; readonly entry: FileEntry }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

export function deltaKey(basis: FileEntry, delta: FileEntry): string {
  return `${basis.md5}-${delta.md5}`;
}
