// Reads and writes our own record (formats 2). It is checked like any input: a changed byte is LEDGER_DAMAGED, never a guess.

import { PatchError } from '../error.js';
import { type Layout, parseRooted } from '../home/layout.js';
import type { Ledger } from '../plan/ledger.js';
import { formatChecked, parseChecked, TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import { errnoOf } from '../error.js';
import type { Files } from '../system/files.js';

export function formatLedger(ledger: Ledger): string {
  return formatChecked(ledger);
}

/** Undefined where there is none. @throws PatchError LEDGER_DAMAGED, LEDGER_NEWER, UNREADABLE */
export function readLedger(files: Files, layout: Layout): Ledger | undefined {
  return readLedgerAt(files, layout.ledger);
}

export function readLedgerAt(files: Files, path: string): Ledger | undefined {
  if (files.stat(path) === undefined) return undefined;
  let bytes: Buffer;
  try {
    bytes = files.read(path, TEXT_LIMIT_BYTES);
  } catch (error) {
    if (error instanceof PatchError) throw error;
    throw new PatchError('UNREADABLE', `${path} cannot be read (${errnoOf(error) ?? 'unknown error'})`, {
      path,
      cause: error,
    });
  }
  return parseLedger(bytes, path);
}

/** @throws PatchError LEDGER_DAMAGED, LEDGER_NEWER */
export function parseLedger(bytes: Buffer, path: string): Ledger {
  const value = parseChecked(bytes);
  if (typeof value !== 'object' || value === null || !('format' in value)) {
    throw new PatchError('LEDGER_DAMAGED', `${path} was changed or is damaged: its checksum does not fit`, { path });
  }
  if (value.format !== 1)
    throw new PatchError('LEDGER_NEWER', `${path} has format ${String(value.format)}; this version knows 1`, { path });
  const ledger = value as Ledger;
  try {
    for (const key of Object.keys(ledger.base)) parseRooted(key);
    for (const pack of ledger.packs) for (const file of pack.files) parseRooted(file.target);
    for (const { path } of ledger.quarantined ?? []) parseRooted(path);
    for (const { packs, checks } of ledger.probation ?? []) {
      for (const { path } of packs) parseRooted(path);
      for (const { health } of checks) if (health.kind === 'file') parseRooted(health.path);
    }
  } catch (error) {
    throw new PatchError(
      'LEDGER_DAMAGED',
      `${path} is damaged: ${error instanceof Error ? error.message : 'unexpected content'}`,
      { path },
    );
  }
  return ledger;
}

/** Keeps a second copy, which only `doctor` reads. */
export function copyLedger(files: Files, layout: Layout): void {
  if (files.stat(layout.ledger) === undefined) return;
  const temporary = `${layout.ledgerCopy}.new`;
  if (files.stat(temporary) !== undefined) files.unlink(temporary);
  files.writeNew(temporary, files.read(layout.ledger, TEXT_LIMIT_BYTES), 0o644);
  files.rename(temporary, layout.ledgerCopy);
}
