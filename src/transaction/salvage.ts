// What can still be done for an interrupted transaction whose journal is damaged or gone: the records that are whole are
// used; else each backup is put back where it can be proven to belong. Nothing is deleted but our own copies.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { Md5, RootedPath } from '../home/entry.js';
import { jarTargetName, readJar } from '../home/jar.js';
import { absolute, display, rooted } from '../home/layout.js';
import type { Ledger } from '../plan/ledger.js';
import { TEXT_LIMIT_BYTES } from '../system/checked-json.js';
import { ensureFolder } from '../system/ensure-folder.js';
import { type BeginRecord, type Journal, parseWholeRecords } from './journal.js';
import { recoverJournal, strayWork } from './recover.js';
import { setAside } from './set-aside.js';
import type { TransactionContext } from './transaction-context.js';

export interface Salvage {
  /** Paths that were put back as they were before. */
  readonly restored: readonly string[];
  /** Where content was put that cannot be told to belong anywhere, or that had to make way. */
  readonly kept: readonly string[];
  /** The transaction that was found to be committed, and was completed. */
  readonly completed?: string;
}

/** @throws PatchError ROLLBACK_FAILED; LOCKED where another run has taken this one for dead */
export async function salvage(context: TransactionContext, ledger: Ledger | undefined, id: string): Promise<Salvage> {
  try {
    return await putBack(context, ledger, id);
  } catch (error) {
    // What is gone may have been put back by another.
    context.check?.();
    throw error;
  }
}

async function putBack(context: TransactionContext, ledger: Ledger | undefined, id: string): Promise<Salvage> {
  const { files, layout } = context;
  const restored: string[] = [];
  const kept: string[] = [];
  if (files.stat(layout.journal) !== undefined) {
    const journal = parseWholeRecords(files.read(layout.journal, TEXT_LIMIT_BYTES).toString('utf8'));
    if (journal?.begin !== undefined) {
      const paths = journal.begin.operations.flatMap((operation) =>
        operation.kind === 'action' ? [] : [display(layout, operation.path)],
      );
      kept.push(...(await keepUntold(context, journal, journal.begin, id)));
      const { action, transaction } = await recoverJournal(context, journal);
      return action === 'complete' && transaction !== undefined
        ? { restored, kept, completed: transaction }
        : { restored: paths, kept };
    }
  }
  const expected = expectedContent(ledger);
  for (const folder of strayWork(files, layout)) {
    for (const [index, name] of files.list(folder).entries()) {
      const path = join(folder, name);
      if (!name.endsWith('.old')) {
        files.unlink(path);
        continue;
      }
      const target = ownerOf(context, path, expected);
      if (target === undefined) kept.push(display(layout, setAside(context, id, index, path)));
      else restore(context, id, index, path, target, restored, kept);
    }
    files.flushDirectory(folder);
    files.removeDirectory(folder);
    files.flushDirectory(dirname(folder));
  }
  if (files.stat(layout.journal) !== undefined) {
    kept.push(display(layout, setAside(context, id, 0, layout.journal)));
    files.flushDirectory(layout.state);
  }
  return { restored, kept };
}

/** Backups that no whole record tells of: those of the actions whose records are damaged. A recovery would delete them. */
async function keepUntold(
  context: TransactionContext,
  { stage, undo }: Journal,
  { operations, places }: BeginRecord,
  id: string,
): Promise<string[]> {
  const { files, layout } = context;
  const told = new Set(
    operations.map((_, index) => join(stage.folders[places[index] ?? -1]?.path ?? '', `${index}.old`)),
  );
  if (undo.size > 0) {
    const { backupsOfSteps } = await import('./actions/undo-actions.js');
    for (const path of backupsOfSteps(stage, undo)) told.add(path);
  }
  const untold = strayWork(files, layout)
    .flatMap((folder) => files.list(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.old') && !told.has(path));
  return untold.map((path, index) => display(layout, setAside(context, id, index, path)));
}

/** What the last record says of each path, by content. */
function expectedContent(ledger: Ledger | undefined): Map<Md5, RootedPath[]> {
  const top = new Map<RootedPath, Md5>();
  for (const pack of ledger?.packs ?? []) for (const file of pack.files) top.set(file.target, file.md5);
  for (const [path, seen] of Object.entries(ledger?.seen ?? {}))
    if (seen.md5 !== undefined) top.set(path as RootedPath, seen.md5);
  const expected = new Map<Md5, RootedPath[]>();
  for (const [path, md5] of top) expected.set(md5, [...(expected.get(md5) ?? []), path]);
  return expected;
}

/** The path that a backup was made of: the one place where the record wants this content, or the plugin that it says it is. */
function ownerOf(
  context: TransactionContext,
  backup: string,
  expected: ReadonlyMap<Md5, readonly RootedPath[]>,
): RootedPath | undefined {
  const { files, layout } = context;
  const digests = files.digest(backup, false);
  const places = (expected.get(digests.md5) ?? []).filter((path) => {
    const target = absolute(layout, path);
    return files.stat(target)?.kind !== 'file' || files.digest(target, false).md5 !== digests.md5;
  });
  if (places.length === 1) return places[0];
  if (places.length > 1) return undefined;
  const reading = readJar(files, backup, digests.sizeBytes);
  if (reading.kind !== 'jar' || reading.bundle === undefined) return undefined;
  const name = jarTargetName('original.jar', reading);
  return name.kind === 'name' ? rooted('plugins', name.name) : undefined;
}

function restore(
  context: TransactionContext,
  id: string,
  index: number,
  backup: string,
  target: RootedPath,
  restored: string[],
  kept: string[],
): void {
  const { files, layout } = context;
  const path = absolute(layout, target);
  const here = files.stat(path);
  const isSame = here?.kind === 'file' && files.digest(path, false).md5 === files.digest(backup, false).md5;
  if (isSame) {
    files.unlink(backup);
    return;
  }
  if (here !== undefined) kept.push(display(layout, setAside(context, id, index, path)));
  ensureFolder(files, dirname(path));
  try {
    files.rename(backup, path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new PatchError('ROLLBACK_FAILED', `${display(layout, target)} could not be put back from ${backup}`, {
      path: backup,
      cause: error,
    });
  }
  files.flushDirectory(dirname(path));
  restored.push(display(layout, target));
}
