// Digests of short texts, for checksums of our own files and for comparing what is about to be written.

import { createHash } from 'node:crypto';
import type { Md5, Sha256 } from '../home/entry.js';

/** SHA-256 of a text's UTF-8 bytes. */
export function digestText(text: string): Sha256 {
  return createHash('sha256').update(text, 'utf8').digest('hex') as Sha256;
}

/** MD5 of a text's UTF-8 bytes. */
export function md5OfText(text: string): Md5 {
  return createHash('md5').update(text, 'utf8').digest('hex') as Md5;
}
