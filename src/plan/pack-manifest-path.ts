// The two kinds of paths in a manifest: `/repository/conf/x.xml` is a path of the home, `files/x.xml` a path in the pack.
// Neither may leave its root.

import type { RootedPath } from '../home/entry.js';
import { rooted } from '../home/layout.js';

declare const brand: unique symbol;

/** A path inside a pack: relative, with `/`, without an empty, `.` or `..` segment; never empty. */
export type PackPath = string & { readonly [brand]: 'packPath' };

export const HOME_PATH_EXPECTED =
  'a path that starts with / and stays inside the home, such as /repository/conf/carbon.xml, without . or .. or empty parts';
export const PACK_PATH_EXPECTED =
  'a path in the pack without a / in front, such as files/carbon.xml, without . or .. or empty parts';

/** The longest path, in UTF-16 units. */
const LIMIT = 1024;

/** The path of the home that a manifest's text names; undefined where it is none. The home itself is none. */
export function homePath(text: string): RootedPath | undefined {
  return text.startsWith('/') ? inside(text.slice(1)) : undefined;
}

/** The path in the pack that a manifest's text names; undefined where it is none. */
export function packPath(text: string): PackPath | undefined {
  return inside(text) === undefined ? undefined : (text as PackPath);
}

function inside(path: string): RootedPath | undefined {
  // Windows reads a drive, or a stream of a file, where others read a name.
  if (path === '' || path.length > LIMIT || path.includes(':')) return undefined;
  try {
    return rooted('home', path);
  } catch {
    // `rooted` refuses by PatchError OUTSIDE_HOME; it throws nothing else.
    return undefined;
  }
}
