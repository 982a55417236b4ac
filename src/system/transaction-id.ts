// Names that nobody else will choose.

import { randomBytes } from 'node:crypto';

/** 16 hex digits that no other process will choose. */
export function randomName(): string {
  return randomBytes(8).toString('hex');
}

/** An id that sorts by time: `20261121-112417-3f9a1c`. */
export function transactionId(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${randomBytes(3).toString('hex')}`;
}
