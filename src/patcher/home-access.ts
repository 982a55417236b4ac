// How a run has a home: its paths, doors and log; alone, under its lock, or beside others, for whom it waits; and what transactions
// are given of it.

import type { Config } from '../config.js';
import type { EventSink, PatchEvent } from '../event.js';
import type { Layout } from '../home/layout.js';
import { guardChanges } from '../transaction/guard-changes.js';
import { findOwner, Lock, waitForOthers } from '../transaction/lock.js';
import type { TransactionContext } from '../transaction/transaction-context.js';
import type { PatcherDoors } from './patcher-doors.js';
import { RunLog } from './run-log.js';

export class HomeAccess {
  readonly layout: Layout;
  readonly config: Config;
  readonly doors: PatcherDoors;
  readonly log: RunLog;

  constructor(layout: Layout, config: Config, doors: PatcherDoors) {
    this.layout = layout;
    this.config = config;
    this.doors = doors;
    this.log = new RunLog(layout, doors.emit);
  }

  isLocked(): boolean {
    return findOwner(this.doors.files, this.layout) !== undefined;
  }

  waitForOthers(): Promise<boolean> {
    return waitForOthers(this.doors.files, this.layout, this.config.waitSeconds * 1000);
  }

  async withLock<T>(waitMs: number, work: (lock: Lock) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const say = (owner: string) => this.log.line('info', `Waiting for ${owner}, which works on this home`);
    const lock = await Lock.take(this.doors.files, this.layout, waitMs, say, signal);
    try {
      await this.doors.prepare?.();
      return await work(lock);
    } finally {
      lock.release();
    }
  }

  context(watch?: (event: PatchEvent) => void): TransactionContext {
    const emit: EventSink = (event) => {
      watch?.(event);
      this.doors.emit(event);
    };
    const { files, bulk, commands } = this.doors;
    return { files, bulk, layout: this.layout, emit, ...(commands === undefined ? {} : { commands }) };
  }

  /** For what changes the home beside transactions, which ask for their lock themselves. */
  lockedContext(lock: Lock): TransactionContext {
    return guardChanges(this.context(), () => lock.check());
  }
}
