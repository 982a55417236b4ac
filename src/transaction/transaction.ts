// Carries out a plan: stage, journal, back up, deploy, verify, commit, clean up (ARCHITECTURE, steps). The only writer of a
// home. Whatever fails before the commit record is undone by `rollback`; what is interrupted, by `recover`.

import { dirname, join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import type { Phase } from '../event.js';
import { type FileEntry, type Md5, type RootedPath, sameContent } from '../home/entry.js';
import { absolute, display, rooted } from '../home/layout.js';
import type { ActionOperation, LedgerAction } from '../plan/action-operation.js';
import { countWork } from '../plan/forecast.js';
import type { Ledger } from '../plan/ledger.js';
import { beforeOf, type Operation, stagedBytes, type WriteOperation } from '../plan/operation.js';
import type { BulkResult } from '../system/bulk.js';
import { md5OfText } from '../system/digest-text.js';
import { ensureFolder } from '../system/ensure-folder.js';
import type { Files, FileStat } from '../system/files.js';
import { removeIfEmpty } from '../system/remove-if-empty.js';
import { tryLink } from '../system/try-link.js';
import type { ActionDoors, ActionRun } from './actions/run-actions.js';
import { AheadStock, sweepAhead } from './ahead.js';
import { checkPath } from './check-path.js';
import { checkWritable } from './check-writable.js';
import { cleanUp } from './clean-up.js';
import { guardChanges, isTakenOverError } from './guard-changes.js';
import { toPatchError } from './to-patch-error.js';
import {
  type ActionRecord,
  type BeginRecord,
  formatRecord,
  type JournalRecord,
  type TransactionSummary,
  type WorkFolder,
} from './journal.js';
import type { Lock } from './lock.js';
import { rollBack } from './rollback.js';
import { sweepRemnants } from './sweep-remnants.js';
import { Stopwatch } from './stopwatch.js';
import type { TransactionContext } from './transaction-context.js';
import { BEGUN, placeWork } from './work-folders.js';

/** What a transaction with actions needs beside its operations. */
export interface ActionsRequest {
  readonly doors: ActionDoors;
  /** Paths that the files of packs cover: actions leave them alone. */
  readonly covered: Iterable<RootedPath>;
  /** The text of the `late` operation, once it is known what was done for each pack. */
  readonly finish: (done: ReadonlyMap<string, readonly LedgerAction[]>) => string;
}

export interface TransactionRequest {
  readonly transaction: string;
  readonly reason: string;
  readonly startedMs: number;
  readonly operations: readonly Operation[];
  readonly summary: TransactionSummary;
  /** What looking and planning have taken, for the history. */
  readonly lookMs?: number;
  /** The MD5 of a file, if it is known and the file is still the one that was read; else it is read again. */
  readonly knownMd5?: (path: string, stat: FileStat) => Md5 | undefined;
  /** Told of each file that was put in place and found to be right. */
  readonly onVerified?: (path: string, stat: FileStat, md5: Md5) => void;
  /** The lock that this run has on the home; absent where nobody else can know of it. */
  readonly lock?: Pick<Lock, 'check' | 'isTakenOver'>;
  /** The record that is among the operations, where what it says is known now. */
  readonly ledger?: Ledger | undefined;
  /** Only where there are actions among the operations. */
  readonly actions?: ActionsRequest;
}

/** Bytes that must stay free beside what is staged. */
const SPACE_MARGIN_BYTES = 1024 * 1024;

/**
 * Runs a transaction to its end.
 * @throws PatchError of a code with exit 3 where nothing was touched; DEPLOY_FAILED or VERIFY_FAILED where it was undone;
 * ROLLBACK_FAILED where undoing it failed too
 */
export async function runTransaction(context: TransactionContext, request: TransactionRequest): Promise<void> {
  await new Transaction(context, request).run();
}

interface Staging {
  readonly index: number;
  readonly operation: WriteOperation;
  readonly source: string;
  readonly target: string;
}

/** One transaction from its first byte on disk to its last. */
class Transaction {
  readonly #context: TransactionContext;
  readonly #request: TransactionRequest;
  readonly #operations: Operation[];
  #folders: readonly WorkFolder[] = [];
  #places: readonly number[] = [];
  /** Originals that are still exactly the files that the plan has read. */
  readonly #known = new Set<number>();
  /** Backups that are copies, where the file system cannot link. */
  readonly #copied = new Set<number>();
  /** What each existing target looked like when its backup was made. */
  readonly #backedUp = new Map<number, FileStat>();
  /** Payloads that were copied, flushed and read before this run. */
  readonly #ahead: AheadStock;
  /** Staged files as they were when they had been flushed and their digests found to be right. */
  readonly #staged = new Map<number, FileStat>();
  /** What the journal says of actions, by operation. */
  readonly #acts = new Map<number, ActionRecord[]>();
  #actions: ActionRun | undefined;
  readonly #stopwatch: Stopwatch;
  #summary: TransactionSummary;

  constructor(context: TransactionContext, request: TransactionRequest) {
    this.#context = guardChanges(context, () => this.#stopIfTakenOver());
    this.#request = request;
    this.#operations = request.operations.map(withDigests);
    this.#ahead = new AheadStock(context.files, context.layout);
    this.#stopwatch = new Stopwatch(request.lookMs);
    this.#summary = request.summary;
  }

  async run(): Promise<void> {
    this.#check();
    await this.#stageOrSweep();
    try {
      this.#request.lock?.check();
      this.#append(forJournal(this.#beginRecord()));
      await this.#backUp();
      this.#request.lock?.check();
      this.#markBegun();
      await this.#deploy();
      await this.#verify();
      this.#request.lock?.check();
      this.#phase('commit');
      this.#append({ kind: 'commit', stepsMs: this.#stopwatch.read() });
    } catch (error) {
      await this.#undo(error);
    }
    this.#phase('cleanup');
    await this.#cleanUpCommitted();
  }

  // --- before anything is touched

  #check(): void {
    this.#phase('check');
    const { files, layout } = this.#context;
    const paths = this.#operations.map((operation) => operation.path);
    // Actions say only later which paths they change; in the home's own folder there is always a place to stage.
    if (this.#request.actions !== undefined) paths.push(rooted('home', 'prepatch.yaml'));
    const leaving = new Set(
      this.#operations
        .filter((operation) => operation.kind === 'delete')
        .map((operation) => absolute(layout, operation.path)),
    );
    for (const operation of this.#operations) {
      const targets = operation.kind === 'move' ? [operation.path, operation.target] : [operation.path];
      for (const path of targets) checkPath(files, layout, path, (file) => leaving.has(file));
    }
    checkWritable(files, layout, this.#operations);
    const { folders, places } = placeWork(files, layout, this.#request.transaction, paths);
    this.#folders = folders;
    this.#places = places.slice(0, this.#operations.length);
    this.#ahead.find(this.#operations, (index) => this.#folderOf(index));
    for (const [index, folder] of folders.entries()) {
      const needed = this.#operations.reduce(
        (sum, operation, n) => sum + (places[n] === index && !this.#ahead.has(n) ? stagedBytes(operation) : 0),
        0,
      );
      const existing = firstExisting(files, folder.path);
      let free = files.freeBytes(existing);
      if (free < needed + SPACE_MARGIN_BYTES) {
        this.#ahead.makeRoom();
        free = files.freeBytes(existing);
      }
      if (free < needed + SPACE_MARGIN_BYTES) {
        throw new PatchError(
          'NO_SPACE',
          `${needed + SPACE_MARGIN_BYTES} bytes are needed on the file system of ${existing}, ${free} are free`,
          { path: existing },
        );
      }
    }
  }

  // --- staging: the home is not touched

  async #stageOrSweep(): Promise<void> {
    this.#phase('stage');
    const { files, layout } = this.#context;
    // Of a transaction of this run that was undone and could not be cleaned up: it is not ours to sweep.
    if (files.stat(layout.journal) !== undefined) {
      this.#stopIfTakenOver();
      const message = 'the transaction before this one was undone, and is not cleaned up yet';
      throw new PatchError('INTERRUPTED', message, { path: layout.journal });
    }
    try {
      ensureFolder(files, layout.state);
      files.writeNew(layout.journal, formatRecord(this.#stageRecord()), 0o644);
      files.flushDirectory(layout.state);
      for (const folder of this.#folders) ensureFolder(files, folder.path);
      if (this.#operations.some((operation) => dirname(absolute(layout, operation.path)) === layout.store))
        ensureFolder(files, layout.store);
      await this.#stage();
    } catch (error) {
      const failure = toPatchError(error, 'staging below', layout.state, 'DEPLOY_FAILED');
      await this.#sweep(failure);
      throw failure;
    }
  }

  async #stage(): Promise<void> {
    const { bulk, layout } = this.#context;
    const copies: Staging[] = [];
    const links: Staging[] = [];
    for (const [index, operation] of this.#operations.entries()) {
      if (operation.kind !== 'write' || operation.source.kind === 'late') continue;
      const target = this.#work(index, 'new');
      if (operation.source.kind === 'text') this.#writeText(target, operation.source.text, operation);
      else if (operation.source.kind === 'path') {
        const source = absolute(layout, operation.source.path);
        if (!this.#ahead.take(index, target)) copies.push({ index, operation, source, target });
      } else {
        const source = join(layout.store, operation.source.sha256);
        const isLinked = operation.source.lastUse && this.#link(source, target);
        (isLinked ? links : copies).push({ index, operation, source, target });
      }
    }
    this.#ahead.flush();
    this.#checkStaged(
      links,
      await bulk.digest(
        links.map(({ operation, target }) => ({
          path: target,
          sizeBytes: operation.after.sizeBytes,
          withSha256: false,
        })),
      ),
    );
    const totalBytes = copies.reduce((sum, copy) => sum + copy.operation.after.sizeBytes, 0);
    this.#summary = { ...this.#request.summary, ...countWork(this.#operations), stagedBytes: totalBytes };
    const results = await bulk.copy(
      copies.map(({ operation, source, target }) => ({
        source,
        target,
        sizeBytes: operation.after.sizeBytes,
        mode: operation.after.mode,
        withSha256: operation.after.sha256 !== undefined,
      })),
      (doneItems, doneBytes) => this.#progress('stage', doneItems, copies.length, doneBytes, totalBytes),
    );
    this.#checkStaged(copies, results);
  }

  /** What is staged must be what was planned; each file that is, is remembered as it is now. */
  #checkStaged(staged: readonly Staging[], results: readonly BulkResult[]): void {
    for (const [n, { index, operation, source, target }] of staged.entries()) {
      const code = operation.source.kind === 'store' ? 'STORE_DAMAGED' : 'PACK_CHANGED';
      this.#checkDigests(operation, resultOf(results[n], source), source, code);
      const stat = this.#context.files.stat(target);
      if (stat !== undefined) this.#staged.set(index, stat);
    }
  }

  /** The file at an operation's path, if it is the very one that was staged for it and not written to since it was read. */
  #asStaged(index: number, path: string): FileStat | undefined {
    const staged = this.#staged.get(index);
    const stat = staged === undefined ? undefined : this.#context.files.stat(path);
    return staged !== undefined && stat !== undefined && sameFile(staged, stat) ? stat : undefined;
  }

  #checkDigests(
    operation: WriteOperation,
    found: Pick<FileEntry, 'md5' | 'sha256' | 'sizeBytes'>,
    source: string,
    code: 'STORE_DAMAGED' | 'PACK_CHANGED',
  ): void {
    const wanted = operation.after;
    const same =
      found.md5 === wanted.md5 &&
      found.sizeBytes === wanted.sizeBytes &&
      (wanted.sha256 === undefined || found.sha256 === undefined || wanted.sha256 === found.sha256);
    if (same) return;
    throw new PatchError(
      code,
      `${source} is not what it was when the plan was made (MD5 ${found.md5}, expected ${wanted.md5})`,
      { path: source },
    );
  }

  async #sweep(failure: PatchError): Promise<void> {
    const { files, layout } = this.#context;
    this.#stopIfTakenOver();
    try {
      if (files.stat(layout.journal) !== undefined)
        await cleanUp(this.#context, { stage: this.#stageRecord(), begin: undefined }, 'swept');
    } catch (error) {
      // The next start sweeps it; what went wrong first is what counts.
      if (isTakenOverError(error)) throw error;
      if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
      this.#context.emit({
        kind: 'problem',
        code: failure.code,
        severity: 'warning',
        message: `staging could not be removed: ${String(error)}`,
        path: layout.work,
      });
    }
  }

  // --- from here on the home changes

  /** A second name for each file that will make way, in the work folder; a copy where the file system knows no links. */
  async #backUp(): Promise<void> {
    const { files, bulk, layout } = this.#context;
    const copies: { index: number; source: string; before: FileEntry }[] = [];
    for (const [index, operation] of this.#operations.entries()) {
      const before = beforeOf(operation);
      if (before === undefined) continue;
      const source = absolute(layout, operation.path);
      const stat = files.stat(source);
      if (stat?.kind !== 'file' || stat.sizeBytes !== before.sizeBytes) throw this.#changedMeanwhile(operation.path);
      // Looked up before the link, which gives the file a new change time.
      if (this.#request.knownMd5?.(source, stat) === before.md5) this.#known.add(index);
      if (this.#link(source, this.#work(index, 'old'))) continue;
      copies.push({ index, source, before });
      this.#copied.add(index);
    }
    const results = await bulk.copy(
      copies.map(({ index, source, before }) => ({
        source,
        target: this.#work(index, 'old'),
        sizeBytes: before.sizeBytes,
        mode: before.mode,
        withSha256: false,
      })),
    );
    for (const [n, { source, before }] of copies.entries()) {
      if (resultOf(results[n], source).md5 !== before.md5)
        throw new PatchError('HOME_CHANGED', `${source} changed while it was backed up`, { path: source });
    }
    await this.#verifyBackups();
  }

  /** What is about to be replaced must be what was planned for; what is not known to be is read through the backup. */
  async #verifyBackups(): Promise<void> {
    const { files, bulk, layout } = this.#context;
    const unknown: { path: string; operation: Operation; before: FileEntry }[] = [];
    for (const [index, operation] of this.#operations.entries()) {
      const before = beforeOf(operation);
      if (before === undefined) continue;
      const backup = this.#work(index, 'old');
      const target = absolute(layout, operation.path);
      const stat = files.stat(target);
      if (stat === undefined) throw this.#changedMeanwhile(operation.path);
      this.#backedUp.set(index, stat);
      // Overlay file systems show two names of one file as two files; a file that took the other's place looks the same.
      const isApart = !this.#copied.has(index) && files.stat(backup)?.inode !== stat.inode;
      if (isApart || !this.#known.has(index)) unknown.push({ path: backup, operation, before });
      if (isApart) unknown.push({ path: target, operation, before });
    }
    const results = await bulk.digest(
      unknown.map(({ path, before }) => ({
        path,
        sizeBytes: before.sizeBytes,
        withSha256: before.sha256 !== undefined,
      })),
    );
    for (const [n, { path, operation, before }] of unknown.entries()) {
      const digests = resultOf(results[n], path);
      if (!sameContent({ ...digests, kind: 'file', mode: before.mode }, before))
        throw this.#changedMeanwhile(operation.path);
    }
  }

  /** From here on a journal that says less, or none at all, is a journal that was lost (see `BEGUN`). */
  #markBegun(): void {
    const { files } = this.#context;
    for (const folder of this.#folders) {
      files.writeNew(join(folder.path, BEGUN), '', 0o644, 'unflushed');
      files.flushDirectory(folder.path);
    }
  }

  async #deploy(): Promise<void> {
    this.#phase('deploy');
    const { bulk, layout } = this.#context;
    const folders = new Set<string>();
    let acted = 0;
    for (const [index, operation] of this.#operations.entries()) {
      if (index < acted) continue;
      if (operation.kind === 'action') {
        acted = await this.#act(index);
        this.#progress('deploy', acted, this.#operations.length, 0, 0);
        continue;
      }
      if (operation.kind === 'write' && operation.source.kind === 'late') this.#complete(index, operation);
      this.#recheck(index, operation);
      this.#deployOne(index, operation);
      folders.add(dirname(absolute(layout, operation.path)));
      if (operation.kind === 'move') folders.add(dirname(absolute(layout, operation.target)));
      if (operation.kind === 'write') folders.add(this.#folderOf(index));
      this.#progress('deploy', index + 1, this.#operations.length, 0, 0);
    }
    const removed = new Set(
      this.#operations
        .filter((operation) => operation.kind === 'remove-directory')
        .map((operation) => absolute(layout, operation.path)),
    );
    await bulk.flushDirectories(
      // Where a folder was, there may be nothing, or a file.
      [...folders].filter((folder) => !removed.has(folder) || this.#context.files.stat(folder)?.kind === 'directory'),
    );
  }

  /** Runs the actions from an operation on; returns the number of the operation behind them. */
  async #act(first: number): Promise<number> {
    const { actions, transaction } = this.#request;
    if (actions === undefined) throw new Error('prepatch has a defect: a transaction has actions and nothing for them');
    const [{ ActionRun }, { coveredPaths }] = await Promise.all([
      import('./actions/run-actions.js'),
      import('./actions/planned-change.js'),
    ]);
    this.#actions ??= new ActionRun(this.#context, {
      transaction,
      operations: this.#operations,
      folders: this.#folders,
      covered: coveredPaths(this.#context.layout, actions.covered),
      doors: actions.doors,
      append: (record) => {
        // First, since what fails half-way may be on disk.
        const own = this.#acts.get(record.operation) ?? [];
        own.push(record);
        this.#acts.set(record.operation, own);
        this.#append(record);
      },
    });
    return this.#actions.runFrom(first);
  }

  /** The text that depends on what the actions did: staged, and told to the journal, before it is put in place. */
  #complete(index: number, operation: WriteOperation): void {
    const { files } = this.#context;
    const text = this.#request.actions?.finish(this.#actions?.done ?? new Map()) ?? '';
    const path = this.#work(index, 'new');
    this.#writeText(path, text, operation);
    files.flushDirectory(this.#folderOf(index));
    const after: FileEntry = { kind: 'file', ...files.digest(path, false), mode: operation.after.mode };
    this.#append({ kind: 'late', operation: index, after });
    this.#operations[index] = { ...operation, after };
  }

  /** The world may have moved since the plan: what is there must still be what was backed up. */
  #recheck(index: number, operation: Operation): void {
    const { files, layout } = this.#context;
    const target = absolute(layout, operation.path);
    const stat = files.stat(target);
    if (operation.kind === 'write' || operation.kind === 'delete') {
      const known = this.#backedUp.get(index);
      const same = known === undefined ? stat === undefined : stat !== undefined && sameFile(known, stat);
      if (!same) throw this.#changedMeanwhile(operation.path);
      checkPath(this.#context.files, this.#context.layout, operation.path);
    } else if (operation.kind === 'move') {
      if (stat === undefined) throw this.#changedMeanwhile(operation.path);
      if (files.stat(absolute(layout, operation.target)) !== undefined) throw this.#changedMeanwhile(operation.target);
      checkPath(this.#context.files, this.#context.layout, operation.target);
    } else if (operation.kind === 'make-directory' && stat !== undefined) {
      throw this.#changedMeanwhile(operation.path);
    }
  }

  #deployOne(index: number, operation: Exclude<Operation, ActionOperation>): void {
    const { files, layout } = this.#context;
    const target = absolute(layout, operation.path);
    switch (operation.kind) {
      case 'write':
        files.rename(this.#work(index, 'new'), target);
        return;
      case 'delete':
        files.unlink(target);
        return;
      case 'make-directory':
        files.makeDirectory(target, operation.mode);
        return;
      case 'remove-directory':
        removeIfEmpty(files, target);
        return;
      case 'move':
        ensureFolder(files, dirname(absolute(layout, operation.target)));
        files.rename(target, absolute(layout, operation.target));
        // What makes room within a folder is there for certain before its name is taken.
        if (dirname(target) === dirname(absolute(layout, operation.target))) files.flushDirectory(dirname(target));
        return;
    }
  }

  /**
   * Every changed path is compared with its layer. It is read again, unless it is the very file, unchanged, whose digest was
   * taken when it was staged.
   */
  async #verify(): Promise<void> {
    this.#phase('verify');
    const { files, bulk, layout } = this.#context;
    const written = this.#operations.filter((operation, index): operation is WriteOperation => {
      if (operation.kind !== 'write') return false;
      const path = absolute(layout, operation.path);
      const stat = this.#ahead.asTaken(index, path) ?? this.#asStaged(index, path);
      if (stat !== undefined) this.#request.onVerified?.(path, stat, operation.after.md5);
      return stat === undefined;
    });
    const totalBytes = written.reduce((sum, operation) => sum + operation.after.sizeBytes, 0);
    const stats = written.map((operation) => files.stat(absolute(layout, operation.path)));
    const results = await bulk.digest(
      written.map((operation) => ({
        path: absolute(layout, operation.path),
        sizeBytes: operation.after.sizeBytes,
        withSha256: operation.after.sha256 !== undefined,
      })),
      (doneItems, doneBytes) => this.#progress('verify', doneItems, written.length, doneBytes, totalBytes),
    );
    for (const [n, operation] of written.entries()) {
      const path = display(layout, operation.path);
      const found = resultOf(results[n], path);
      if (!sameContent({ ...found, kind: 'file', mode: 0 }, operation.after)) {
        throw new PatchError(
          'VERIFY_FAILED',
          `${path} is not what was put there (MD5 ${found.md5}, expected ${operation.after.md5})`,
          { path },
        );
      }
      const stat = stats[n];
      if (stat !== undefined) this.#request.onVerified?.(absolute(layout, operation.path), stat, found.md5);
    }
    const folders = new Set(this.#operations.filter(({ kind }) => kind === 'make-directory').map(({ path }) => path));
    for (const operation of this.#operations) {
      if (operation.kind !== 'delete' || folders.has(operation.path)) continue;
      if (files.stat(absolute(layout, operation.path)) !== undefined) {
        throw new PatchError(
          'VERIFY_FAILED',
          `${display(layout, operation.path)} is there again after it was removed`,
          { path: display(layout, operation.path) },
        );
      }
    }
  }

  /** The commit stands whatever happens here: what could not be cleaned up is left to the next start, and said. */
  async #cleanUpCommitted(): Promise<void> {
    try {
      const finished = {
        stage: this.#stageRecord(),
        begin: this.#beginRecord(),
        undo: this.#acts,
        stepsMs: this.#stopwatch.read(),
        ledger: this.#request.ledger,
      };
      await cleanUp(this.#context, finished, 'committed');
      sweepAhead(this.#context.files, this.#context.layout);
      sweepRemnants(this.#context.files, this.#context.layout);
    } catch (error) {
      // Who has taken over has completed it, or will.
      if (isTakenOverError(error)) return;
      if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
      this.#context.emit({
        kind: 'problem',
        code: 'CLEAN_UP',
        severity: 'warning',
        message: `done, but not cleaned up; the next start completes it: ${String(error)}`,
        path: this.#context.layout.work,
      });
    }
  }

  /** Undoes everything, then throws what it was undone for; stops at its first record where another run has taken over. */
  async #undo(error: unknown): Promise<never> {
    const isOurs = error instanceof PatchError || errnoOf(error) !== undefined;
    const cause = error instanceof Error ? error.message : String(error);
    this.#phase('rollback');
    const stepsMs = () => {
      this.#stopwatch.begin('cleanup');
      return this.#stopwatch.read();
    };
    const undoable = { stage: this.#stageRecord(), begin: this.#beginRecord(), undo: this.#acts, stepsMs };
    await rollBack(this.#context, undoable, cause);
    if (!isOurs) throw error;
    if (error instanceof PatchError && error.exitCode === 1) throw error;
    const path = error instanceof PatchError ? error.path : undefined;
    throw new PatchError('DEPLOY_FAILED', `the transaction was undone: ${cause}`, {
      cause: error,
      ...(path === undefined ? {} : { path }),
    });
  }

  /** A run that has slept too long has been taken for dead: its transaction was finished by another, whose the journal may be. */
  #stopIfTakenOver(): void {
    if (!this.#isTakenOver()) return;
    const { transaction } = this.#request;
    const message = `another run has taken this one for dead, and finishes or undoes transaction ${transaction}; nothing more was done`;
    throw new PatchError('LOCKED', message, { path: this.#context.layout.home });
  }

  #isTakenOver(): boolean {
    const { files, layout } = this.#context;
    const isJournalOurs = () => {
      const stage = Buffer.from(formatRecord(this.#stageRecord()));
      return stage.equals(files.readRange(layout.journal, 0, stage.byteLength));
    };
    try {
      return this.#request.lock?.isTakenOver(isJournalOurs) === true;
    } catch (error) {
      // What cannot be read is not proven to be another's, and to undo what is ours must not wait.
      if (errnoOf(error) === undefined) throw error;
      return errnoOf(error) === 'ENOENT';
    }
  }

  // --- small things

  #stageRecord() {
    const { transaction, reason, startedMs } = this.#request;
    return { kind: 'stage', format: 1, transaction, reason, startedMs, folders: this.#folders } as const;
  }

  #beginRecord(): BeginRecord {
    return { kind: 'begin', operations: this.#operations, places: this.#places, summary: this.#summary };
  }

  /** A text that takes the place of another keeps its mode, whatever the umask; a new one has what the umask leaves. */
  #writeText(path: string, text: string, { before, after }: WriteOperation): void {
    const { files } = this.#context;
    files.writeNew(path, text, after.mode);
    if (before.kind === 'file' && files.stat(path)?.mode !== after.mode) files.setMode(path, after.mode);
  }

  #append(record: JournalRecord): void {
    this.#context.files.append(this.#context.layout.journal, formatRecord(record));
  }

  #folderOf(index: number): string {
    const folder = this.#folders[this.#places[index] ?? -1];
    if (folder === undefined) throw new Error('prepatch has a defect: an operation has no work folder');
    return folder.path;
  }

  #work(index: number, role: 'new' | 'old'): string {
    return join(this.#folderOf(index), `${index}.${role}`);
  }

  /** False where the file system cannot link. */
  #link(source: string, target: string): boolean {
    return tryLink(this.#context.files, source, target);
  }

  #changedMeanwhile(path: RootedPath): PatchError {
    const shown = display(this.#context.layout, path);
    return new PatchError('HOME_CHANGED', `${shown} changed after the plan was made`, { path: shown });
  }

  #phase(phase: Phase): void {
    this.#stopwatch.begin(phase);
    this.#context.emit({ kind: 'phase', phase, transaction: this.#request.transaction });
  }

  #progress(phase: Phase, doneItems: number, totalItems: number, doneBytes: number, totalBytes: number): void {
    this.#context.emit({ kind: 'progress', phase, doneItems, totalItems, doneBytes, totalBytes });
  }
}

/** A text lies in its staged file, or is in place; nothing that is done with a journal needs it a second time. */
function forJournal(record: BeginRecord): BeginRecord {
  const operations = record.operations.map((operation) =>
    operation.kind === 'write' && operation.source.kind === 'text'
      ? { ...operation, source: { kind: 'text', text: '' } as const }
      : operation,
  );
  return { ...record, operations };
}

function withDigests(operation: Operation): Operation {
  if (operation.kind !== 'write' || operation.source.kind !== 'text') return operation;
  return { ...operation, after: { ...operation.after, md5: md5OfText(operation.source.text) } };
}

/** The same file, unchanged but for its number of names. */
function sameFile(a: FileStat, b: FileStat): boolean {
  return a.inode === b.inode && a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.kind === b.kind;
}

function firstExisting(files: Files, path: string): string {
  let existing = path;
  while (files.stat(existing) === undefined && existing !== dirname(existing)) existing = dirname(existing);
  return existing;
}

function resultOf(result: BulkResult | undefined, path: string) {
  if (result === undefined) throw new Error('prepatch has a defect: a result is missing');
  if (result.kind === 'failed') throw toPatchError(result.error, 'reading or copying', path, 'DEPLOY_FAILED');
  return result.digests;
}
