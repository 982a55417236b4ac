// From a plan to a transaction: what it is given, with the record as its last operation, the lines that tell of it, and what the
// cache knows afterwards.

import { errnoOf, PatchError } from '../error.js';
import type { Md5, RootedPath } from '../home/entry.js';
import { type Inventory, sameIdentity } from '../home/inventory.js';
import { stateEntry } from '../home/observe.js';
import {
  APPLYING,
  appliedLines,
  CHANGES_DETECTED,
  VERIFICATION_DONE,
  VERIFICATION_STARTED,
} from '../plan/carbon-lines.js';
import type { Ledger } from '../plan/ledger.js';
import type { Operation } from '../plan/operation.js';
import type { Plan } from '../plan/plan.js';
import { writeText } from '../plan/write-text.js';
import { formatLedger } from '../state/ledger-file.js';
import type { FileStat } from '../system/files.js';
import { transactionId } from '../system/transaction-id.js';
import type { Lock } from '../transaction/lock.js';
import { type ActionsRequest, runTransaction } from '../transaction/transaction.js';
import type { HomeAccess } from './home-access.js';
import type { Looker } from './looker.js';

export class Executor {
  readonly #access: HomeAccess;
  readonly #looker: Looker;

  constructor(access: HomeAccess, looker: Looker) {
    this.#access = access;
    this.#looker = looker;
  }

  /** @returns the transaction */
  async execute(plan: Plan, reason: string, lock: Lock, inventory: Inventory): Promise<string> {
    const quiet = plan.changes.length === 0 && !plan.detected.changed;
    const acts = plan.operations.some((operation) => operation.kind === 'action');
    const operations =
      plan.ledger === undefined
        ? plan.operations
        : [...plan.operations, this.#ledgerOperation(plan.ledger, acts, inventory)];
    const transaction = plan.ledger?.transaction ?? this.newTransaction();
    const verified = new Map<string, { readonly stat: FileStat; readonly md5: Md5 }>();
    // First, so that every line about the transaction carries its id.
    this.#access.doors.emit({ kind: 'transaction', transaction, state: 'begun' });
    if (!quiet) {
      const { apply, revert, update, changes } = plan;
      this.#access.doors.emit({ kind: 'plan', transaction, apply, revert, update, changes: changes.length });
      this.#access.log.all(plan.detected.lines);
      this.#access.log.line('info', CHANGES_DETECTED);
      this.#access.log.line('info', APPLYING);
    }
    const context = this.#access.context((event) => {
      if (event.kind !== 'phase' || event.phase !== 'verify' || quiet) return;
      this.#access.log.all(appliedLines(plan));
      this.#access.log.line('info', VERIFICATION_STARTED);
    });
    try {
      await runTransaction(context, {
        transaction,
        reason,
        startedMs: this.#access.doors.now(),
        operations,
        summary: {
          apply: plan.apply,
          revert: plan.revert,
          update: plan.update,
          paths: plan.changes.map((change) => ({ action: change.action, path: change.path })),
        },
        lookMs: this.#looker.takeSpentMs(),
        knownMd5: (path, stat) => inventory.cache.lookup(path, stat)?.md5,
        onVerified: (path, stat, md5) => verified.set(path, { stat, md5 }),
        lock,
        // What actions do changes the record.
        ...(acts ? { actions: this.#actionsRequest(plan) } : { ledger: plan.ledger }),
      });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#access.log.line(
        'error',
        error instanceof PatchError && error.exitCode === 4
          ? `Transaction ${transaction} could not be undone: ${cause}`
          : `Transaction ${transaction} failed, the home is as before: ${cause}`,
      );
      throw error;
    }
    // What was read after it was put in place need not be read at the next start, if nothing has touched it since.
    try {
      for (const [path, { stat, md5 }] of verified) {
        const now = this.#access.doors.files.stat(path);
        if (now !== undefined && sameIdentity(now, stat)) inventory.cache.record(path, now, { md5 }, 'made');
      }
    } catch (error) {
      // It is committed, and nothing depends on the cache.
      if (errnoOf(error) === undefined) throw error;
    }
    if (quiet) this.#access.log.nothing(plan);
    else this.#access.log.line('info', VERIFICATION_DONE);
    this.#access.doors.emit({ kind: 'transaction', transaction, state: 'committed' });
    return transaction;
  }

  /** What a transaction with actions needs; what they did is only known, and recorded, when they are done. */
  #actionsRequest(plan: Plan): ActionsRequest {
    const { ledger, operations } = plan;
    const doing = new Set(
      operations.flatMap((one) => (one.kind === 'action' && one.direction === 'do' ? [one.pack] : [])),
    );
    return {
      doors: { environment: process.env, platform: process.platform, arch: process.arch },
      covered: Object.keys(ledger?.base ?? {}) as RootedPath[],
      finish: (done) => {
        if (ledger === undefined) return '';
        const packs = ledger.packs.map((pack) =>
          pack.actions === undefined || !doing.has(pack.name)
            ? pack
            : { ...pack, actions: { ...pack.actions, done: done.get(pack.name) ?? [] } },
        );
        return formatLedger({ ...ledger, packs });
      },
    };
  }

  #ledgerOperation(ledger: Ledger, isLate: boolean, inventory?: Inventory): Operation {
    const before = stateEntry(this.#access.doors.files, inventory, this.#access.layout.ledger);
    const write = writeText('state:ledger.json' as RootedPath, before, formatLedger(ledger));
    return isLate && write.kind === 'write' ? { ...write, source: { kind: 'late' } } : write;
  }

  /** A transaction that changes nothing but our own record. */
  async record(ledger: Ledger, reason: string, lock: Lock): Promise<void> {
    const transaction = this.newTransaction();
    const next = { ...ledger, sequence: ledger.sequence + 1, transaction };
    await runTransaction(this.#access.context(), {
      transaction,
      reason,
      startedMs: this.#access.doors.now(),
      operations: [this.#ledgerOperation(next, false)],
      summary: { apply: [], revert: [], update: [], paths: [] },
      lock,
    });
  }

  newTransaction(): string {
    return transactionId(this.#access.doors.now());
  }
}
