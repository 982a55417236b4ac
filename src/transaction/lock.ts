// One writer a home. Each contender makes a file of its own, whose name says who it is, then looks who else is there: of two,
// the later one sees the other and yields. A name is never used twice, so removing a dead one can never hit a live one.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, PatchError } from '../error.js';
import type { Layout } from '../home/layout.js';
import { ensureFolder } from '../system/ensure-folder.js';
import type { Files } from '../system/files.js';
import { isAlive, ownIdentity, type ProcessIdentity } from '../system/process-identity.js';
import { randomName } from '../system/transaction-id.js';
import { toPatchError } from './to-patch-error.js';

/** A lock of another host or container counts as dead when it was not touched for so long; its owner touches it every 2 s. */
const FOREIGN_STALE_MS = 20_000;
const BEAT_MS = 2_000;
const TIE_MS = 40;

interface Contender {
  readonly name: string;
  readonly state: 'try' | 'held';
  readonly identity: ProcessIdentity;
}

export class Lock {
  readonly #files: Files;
  readonly #layout: Layout;
  /** Where its name is: another view of the home may leave it out. */
  readonly path: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(files: Files, layout: Layout, path: string) {
    this.#files = files;
    this.#layout = layout;
    this.path = path;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  /**
   * Takes the lock of a home, waiting for another run to end, or until `signal` ends the waiting.
   * @throws PatchError LOCKED naming the process that has it; UNWRITABLE
   */
  static async take(
    files: Files,
    layout: Layout,
    waitMs: number,
    onWait?: (owner: string) => void,
    signal?: AbortSignal,
  ): Promise<Lock> {
    const own = ownIdentity();
    const name = nameOf(own, randomName());
    const until = performance.now() + waitMs;
    let said = false;
    try {
      ensureFolder(files, layout.locks);
      for (let tries = 1; ; tries++) {
        const rival = contend(files, layout, name, own);
        if (rival === undefined) return new Lock(files, layout, join(layout.locks, `held.${name}`));
        const isTie = rival.state === 'try' && tries < 200;
        if (!isTie && (signal?.aborted === true || performance.now() >= until)) throw lockedError(layout, rival);
        if (!isTie && !said) {
          said = true;
          onWait?.(describe(rival));
        }
        await sleep(isTie ? Math.random() * TIE_MS : Math.min(100, Math.max(1, until - performance.now())));
      }
    } catch (error) {
      throw toPatchError(error, 'locking the home in', layout.locks, 'UNWRITABLE');
    }
  }

  /** @throws PatchError LOCKED where another run has taken the lock for dead */
  check(): void {
    if (this.#files.stat(this.path) === undefined)
      throw new PatchError('LOCKED', `the lock ${this.path} was taken away`, { path: this.path });
  }

  /**
   * Whether another run has taken the lock for dead, and has done with our journal what a recovery does: it has the lock now, or
   * the journal is not ours any more. A name that somebody removed by hand is no other run.
   */
  isTakenOver(isJournalOurs: () => boolean): boolean {
    if (this.#files.stat(this.path) !== undefined) return false;
    return findOwner(this.#files, this.#layout) !== undefined || !isJournalOurs();
  }

  release(): void {
    clearInterval(this.#timer);
    removeQuietly(this.#files, this.path);
  }

  #beat(): void {
    try {
      this.#files.touch(this.path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

/** Another live run of this home, if there is one, in words; for those that only read. */
export function findOwner(files: Files, layout: Layout): string | undefined {
  if (files.stat(layout.locks) === undefined) return undefined;
  const rival = liveRivals(files, layout, '', ownIdentity(), 'keep').find((one) => one.state === 'held');
  return rival === undefined ? undefined : describe(rival);
}

/** Waits for the runs of other processes, for those that only read; false where there was none. @throws PatchError LOCKED */
export async function waitForOthers(files: Files, layout: Layout, waitMs: number): Promise<boolean> {
  const until = performance.now() + waitMs;
  for (let hasWaited = false; ; hasWaited = true) {
    const rival = findOther(files, layout);
    if (rival === undefined) return hasWaited;
    if (performance.now() >= until) throw lockedError(layout, rival);
    await sleep(Math.min(100, Math.max(1, until - performance.now())));
  }
}

function findOther(files: Files, layout: Layout): Contender | undefined {
  if (files.stat(layout.locks) === undefined || files.list(layout.locks).length === 0) return undefined;
  const own = ownIdentity();
  const parts = ['pid', 'started', 'boot', 'namespace', 'host'] as const;
  const isOwn = (one: ProcessIdentity) => parts.every((part) => one[part] === own[part]);
  return liveRivals(files, layout, '', own, 'keep').find((one) => one.state === 'held' && !isOwn(one.identity));
}

/** Whether there are names of processes that are gone: whoever takes the lock removes them. */
export function hasDeadLocks(files: Files, layout: Layout): boolean {
  if (files.stat(layout.locks) === undefined) return false;
  const own = ownIdentity();
  return files.list(layout.locks).some((file) => {
    const contender = parseName(file);
    return contender !== undefined && isAlive(contender.identity, own) === 'dead';
  });
}

/** Undefined where the lock is ours now; else the one that has it, or that came at the same time. */
function contend(files: Files, layout: Layout, name: string, own: ProcessIdentity): Contender | undefined {
  const path = join(layout.locks, `try.${name}`);
  try {
    files.writeNew(path, '', 0o644, 'unflushed');
    const rival = liveRivals(files, layout, name, own, 'remove')[0];
    if (rival === undefined) hold(files, join(layout.locks, `held.${name}`));
    return rival;
  } finally {
    removeQuietly(files, path);
  }
}

/** A second name, and not a renaming: one who lists the folder in between could see neither the old nor the new name. */
function hold(files: Files, path: string): void {
  try {
    files.writeNew(path, '', 0o644, 'unflushed');
  } catch (error) {
    removeQuietly(files, path);
    throw error;
  }
}

function liveRivals(
  files: Files,
  layout: Layout,
  ownName: string,
  own: ProcessIdentity,
  dead: 'remove' | 'keep',
): Contender[] {
  const rivals: Contender[] = [];
  for (const file of files.list(layout.locks)) {
    const contender = parseName(file);
    if (contender === undefined || contender.name === ownName) continue;
    if (isLive(files, layout, file, contender, own)) rivals.push(contender);
    else if (dead === 'remove') removeQuietly(files, join(layout.locks, file));
  }
  return rivals.sort((a, b) => (a.state === b.state ? 0 : a.state === 'held' ? -1 : 1));
}

function isLive(files: Files, layout: Layout, file: string, contender: Contender, own: ProcessIdentity): boolean {
  const alive = isAlive(contender.identity, own);
  if (alive !== 'unknown') return alive === 'alive';
  // By the clock of the file system, as what it is compared with; the modification time is by that of the other host.
  const touchedMs = files.stat(join(layout.locks, file))?.ctimeMs;
  return touchedMs !== undefined && files.fileSystemTime(layout.locks) - touchedMs < FOREIGN_STALE_MS;
}

function nameOf(identity: ProcessIdentity, nonce: string): string {
  return [identity.pid, identity.started, identity.boot, identity.namespace, nonce, identity.host].join('.');
}

function parseName(file: string): Contender | undefined {
  const [state, pid, started, boot, namespace, nonce, ...host] = file.split('.');
  if (
    (state !== 'try' && state !== 'held') ||
    pid === undefined ||
    started === undefined ||
    boot === undefined ||
    namespace === undefined ||
    nonce === undefined
  )
    return undefined;
  if (!/^[1-9]\d{0,9}$/.test(pid)) return undefined;
  return {
    name: file.slice(state.length + 1),
    state,
    identity: { host: host.join('.'), boot, namespace, pid: Number(pid), started },
  };
}

function describe(contender: Contender): string {
  return `process ${contender.identity.pid} on ${contender.identity.host}`;
}

function lockedError(layout: Layout, rival: Contender): PatchError {
  return new PatchError('LOCKED', `${describe(rival)} works on ${layout.home}`, { path: layout.home });
}

function removeQuietly(files: Files, path: string): void {
  try {
    files.unlink(path);
  } catch (error) {
    // A name that stays names a dead process, and the next run removes it.
    if (errnoOf(error) === undefined) throw error;
  }
}
