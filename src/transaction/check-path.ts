// Where a path of the home leads, looked at before anything is changed there: never through a link, never by too long a name.

import { join } from 'node:path';
import { PatchError } from '../error.js';
import type { RootedPath } from '../home/entry.js';
import { display, type Layout, splitRooted } from '../home/layout.js';
import type { Files } from '../system/files.js';

const NAME_LIMIT_BYTES = 255;

/**
 * Nothing on the way from a root to a target may be a link, and no name may be longer than file systems allow.
 * `isLeaving`: the file at this absolute path makes way before the target is reached.
 * @throws PatchError OUTSIDE_HOME, NOT_A_DIRECTORY, NAME_TOO_LONG
 */
export function checkPath(
  files: Files,
  layout: Layout,
  path: RootedPath,
  isLeaving: (file: string) => boolean = () => false,
): void {
  const { root, path: inside } = splitRooted(path);
  let folder: string = layout[root];
  const parts = inside.split('/');
  for (const part of parts) {
    if (Buffer.byteLength(part) > NAME_LIMIT_BYTES)
      throw new PatchError(
        'NAME_TOO_LONG',
        `${display(layout, path)}: a name has more than ${NAME_LIMIT_BYTES} bytes`,
        { path: display(layout, path) },
      );
  }
  for (const part of parts.slice(0, -1)) {
    folder = join(folder, part);
    const stat = files.stat(folder);
    if (stat === undefined) return;
    if (stat.kind === 'link')
      throw new PatchError('OUTSIDE_HOME', `${folder} is a link, on the way to ${display(layout, path)}`, {
        path: folder,
      });
    if (stat.kind === 'file' && isLeaving(folder)) return;
    if (stat.kind !== 'directory')
      throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder });
  }
}
