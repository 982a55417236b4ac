// Digests of bytes in memory: what an edit has made of a file, before it is written.

import { createHash } from 'node:crypto';
import type { Md5, Sha256 } from '../home/entry.js';

export function digestBytes(bytes: Uint8Array): {
  readonly md5: Md5;
  readonly sha256: Sha256;
  readonly sizeBytes: number;
} {
  return {
    md5: createHash('md5').update(bytes).digest('hex') as Md5,
    sha256: createHash('sha256').update(bytes).digest('hex') as Sha256,
    sizeBytes: bytes.byteLength,
  };
}
