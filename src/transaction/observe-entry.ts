// What is at a path now, for the recovery table: absent, a file with its digests, a directory, or something foreign.

import { ABSENT, type ObservedEntry } from '../home/entry.js';
import type { Files } from '../system/files.js';

export function observeEntry(files: Files, path: string, withSha256: boolean): ObservedEntry {
  const stat = files.stat(path);
  if (stat === undefined) return ABSENT;
  if (stat.kind === 'directory') return { kind: 'directory', mode: stat.mode };
  if (stat.kind !== 'file') return { kind: 'foreign' };
  return { kind: 'file', ...files.digest(path, withSha256), mode: stat.mode };
}
