// The operation that writes a list, or another short text.

import type { Entry, Md5, RootedPath } from '../home/entry.js';
import type { Operation } from './operation.js';

/** An operation that writes a short text; its digests are filled in when it is staged. */
export function writeText(path: RootedPath, before: Exclude<Entry, { kind: 'directory' }>, text: string): Operation {
  const placeholder = '0'.repeat(32) as Md5;
  const sizeBytes = Buffer.byteLength(text, 'utf8');
  const mode = before.kind === 'file' ? before.mode : 0o644;
  return {
    kind: 'write',
    path,
    before,
    after: { kind: 'file', md5: placeholder, sizeBytes, mode },
    source: { kind: 'text', text },
    keep: 'drop',
  };
}
