// What is at a path by a look, as an entry that can be compared with what is to be there. Pure.

import { ABSENT, type Md5, type ObservedEntry, type RootedPath } from '../home/entry.js';
import type { SeenPlugin } from './observation.js';

/** `unread`: also of what was not read, since nothing will be compared with it. */
export function observedEntry(plugin: SeenPlugin | undefined, need: 'read' | 'unread' = 'read'): ObservedEntry {
  if (plugin === undefined) return ABSENT;
  if (plugin.kind !== 'file') return plugin;
  if (plugin.md5 === undefined && need === 'unread')
    return { kind: 'file', md5: '' as Md5, sizeBytes: plugin.sizeBytes, mode: plugin.mode };
  if (plugin.md5 === undefined) throw new Error('prepatch has a defect: a covered plugin was not read');
  const { md5, sha256, sizeBytes, mode } = plugin;
  return { kind: 'file', md5, sizeBytes, mode, ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Parents before what is in them. */
export function byPath(a: RootedPath, b: RootedPath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
