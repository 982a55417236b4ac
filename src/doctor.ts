// Examines a home and says what it can prove about each thing that is wrong; rebuilds our own state where that is certain
// enough, keeping what it cannot place. Everything else it names, with what to do.

import { join } from 'node:path';
import { PatchError } from './error.js';
import type { Severity } from './event.js';
import type { BaseEntry, Ledger } from './plan/ledger.js';
import { ABSENT, type FileEntry, type Md5, type RootedPath, type Sha256 } from './home/entry.js';
import { jarTargetName, readJar } from './home/jar.js';
import { display, type Layout, rooted } from './home/layout.js';
import type { Observation } from './plan/observation.js';
import type { Plan } from './plan/plan.js';
import { type Originals, rebuildRecord } from './plan/rebuild-record.js';
import { readHistory } from './state/history.js';
import { formatLedger, readLedger, readLedgerAt } from './state/ledger-file.js';
import { ensureFolder } from './system/ensure-folder.js';
import type { Files } from './system/files.js';
import { readJournal } from './transaction/journal.js';
import { recover, strayWork } from './transaction/recover.js';
import { salvage } from './transaction/salvage.js';
import type { TransactionContext } from './transaction/transaction-context.js';
import { setAside } from './transaction/set-aside.js';

export interface Finding {
  readonly code: string;
  /** `info`: worth knowing, and nothing is wrong. */
  readonly severity: Severity;
  readonly what: string;
  readonly path: string;
  readonly remedy: string;
  /** Whether `doctor --fix` deals with it. */
  readonly fixable: boolean;
}

export interface DoctorDoors {
  /** `record`: whether our own record is to be read; without it the home is looked at as if for the first time. */
  readonly look: (record: 'with' | 'without') => Promise<{ readonly observation: Observation; readonly plan: Plan }>;
  readonly isInterrupted: () => boolean;
}

/** Codes of a plan's problems that are worth a finding; errors are, whatever their codes, since a start refuses. */
const TOLD: ReadonlySet<string> = new Set([
  'LEDGER_EDITED',
  'BASE_CHANGED',
  'BASE_UNKNOWN',
  'BACKUP_UNSOUND',
  'ORPHAN',
  'DRIFT',
  'DRIFTED',
  'STORE_DAMAGED',
  'CONFLICT',
  'LEDGER_MISSING',
  'PACK_REFUSED',
  'NEAR_MISS',
  'ABSORB_LIST',
]);

const NOT_REBUILT =
  'Put it back from a backup of .prepatch. Without one, undo by hand what these packs did, take them out, and run prepatch doctor --fix.';

export class Doctor {
  readonly #layout: Layout;
  readonly #files: Files;
  readonly #doors: DoctorDoors;

  constructor(layout: Layout, files: Files, doors: DoctorDoors) {
    this.#layout = layout;
    this.#files = files;
    this.#doors = doors;
  }

  async findings(): Promise<Finding[]> {
    const found: Finding[] = [];
    const error = this.#transactionError();
    if (error !== undefined) found.push(error);
    else if (this.#doors.isInterrupted()) {
      found.push({
        code: 'INTERRUPTED',
        severity: 'error',
        what: 'a transaction was interrupted',
        path: display(this.#layout, this.#layout.journal),
        remedy: 'Run prepatch recover; the next start does the same.',
        fixable: true,
      });
    }
    const history = readHistory(this.#files, this.#layout);
    if (history.brokenAt !== undefined) {
      found.push({
        code: 'HISTORY_CHANGED',
        severity: 'error',
        what: `the history was changed: line ${history.brokenAt} does not follow from the one before`,
        path: display(this.#layout, this.#layout.history),
        remedy: 'Compare it with a backup; nothing else depends on it.',
        fixable: false,
      });
    }
    const ledger = this.#ledgerOrFinding(found);
    this.#examineStore(ledger, found);
    if (error !== undefined) return found;
    if (found.some((one) => one.code.startsWith('LEDGER_'))) return this.#withObstacles(found);
    const { plan } = await this.#doors.look('with');
    for (const problem of plan.problems) {
      if (problem.severity !== 'error' && !TOLD.has(problem.code)) continue;
      found.push({
        code: problem.code,
        severity: problem.severity,
        what: problem.message,
        path: problem.path ?? '',
        remedy: problem.hint,
        fixable: problem.code === 'LEDGER_EDITED',
      });
    }
    for (const [path, base] of Object.entries(ledger?.base ?? {}) as [RootedPath, BaseEntry][]) {
      if (base.kind !== 'unknown') continue;
      const shown = display(this.#layout, path);
      found.push({
        code: 'BASE_UNKNOWN',
        severity: 'error',
        what: `the original of ${shown} is not known: the pack over it cannot be reverted`,
        path: shown,
        remedy: `Take the pack out, put the vendor’s original to ${shown}, and start.`,
        fixable: false,
      });
    }
    return found;
  }

  /** Brings our own state back into order; returns what was done, in words. */
  async repairState(context: TransactionContext, id: string): Promise<string[]> {
    const done: string[] = [];
    const broken = this.#transactionError();
    if (broken === undefined && this.#doors.isInterrupted()) {
      const outcome = await recover(context);
      done.push(
        `transaction ${outcome.transaction ?? ''} was ${outcome.action === 'complete' ? 'completed' : 'undone'}`,
      );
    }
    this.#repairLedger(context, id, done);
    if (broken !== undefined) {
      const result = await salvage(context, readLedger(this.#files, this.#layout), id);
      done.push(...result.restored.map((path) => `${path} is as it was before the interrupted transaction`));
      done.push(...result.kept.map((path) => `${path} keeps what could not be told to belong anywhere else`));
      if (result.completed !== undefined) done.push(`transaction ${result.completed} was completed`);
      else if (result.restored.length + result.kept.length === 0)
        done.push('the remains of an interrupted transaction were removed');
    }
    if (!(await this.#hasRecord())) await this.#rebuildLedger(id, done);
    return done;
  }

  #transactionError(): Finding | undefined {
    try {
      const journal = readJournal(this.#files, this.#layout.journal);
      if (journal !== undefined || !this.#doors.isInterrupted()) return undefined;
      const full = strayWork(this.#files, this.#layout).find((folder) => this.#files.list(folder).length > 0);
      if (full === undefined) return undefined;
      return {
        code: 'JOURNAL_MISSING',
        severity: 'error',
        what: 'the files of an interrupted transaction are there, its journal is not',
        path: display(this.#layout, full),
        remedy: 'Run prepatch doctor --fix: each backup is put back where it can be proven to belong.',
        fixable: true,
      };
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      return {
        code: error.code,
        severity: 'error',
        what: error.message,
        path: display(this.#layout, this.#layout.journal),
        remedy:
          'Run prepatch doctor --fix: the whole records are used, each backup is put back where it can be proven to belong.',
        fixable: true,
      };
    }
  }

  #ledgerOrFinding(found: Finding[]): Ledger | undefined {
    const path = display(this.#layout, this.#layout.ledger);
    try {
      const ledger = readLedger(this.#files, this.#layout);
      if (ledger !== undefined || !this.#hasHistory()) return ledger;
      found.push({
        code: 'LEDGER_MISSING',
        severity: 'error',
        what: `${path} is missing, although this home has been patched`,
        path,
        remedy: this.#ledgerRemedy(),
        fixable: true,
      });
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      found.push({
        code: error.code,
        severity: 'error',
        what: error.message,
        path,
        remedy: this.#ledgerRemedy(),
        fixable: true,
      });
    }
    return undefined;
  }

  /** A record that is lost, and that could not be rebuilt: why, said before anybody tries. */
  async #withObstacles(found: readonly Finding[]): Promise<Finding[]> {
    const isLost = (one: Finding) => one.code === 'LEDGER_MISSING' || one.code === 'LEDGER_DAMAGED';
    if (!found.some(isLost) || this.#copy() !== undefined || this.#doors.isInterrupted()) return [...found];
    const { observation } = await this.#doors.look('without');
    const { obstacles } = rebuildRecord(observation, this.#originals());
    if (obstacles.length === 0) return [...found];
    const what = `it cannot be rebuilt: ${obstacles.join('; ')}`;
    return found.map((one) =>
      isLost(one) ? { ...one, what: `${one.what}; ${what}`, remedy: NOT_REBUILT, fixable: false } : one,
    );
  }

  #hasHistory(): boolean {
    return readHistory(this.#files, this.#layout).records.some((record) => record.outcome === 'committed');
  }

  async #hasRecord(): Promise<boolean> {
    return readLedger(this.#files, this.#layout) !== undefined || !this.#hasHistory();
  }

  #ledgerRemedy(): string {
    return this.#copy() === undefined
      ? 'Run prepatch doctor --fix: the record is rebuilt from the packs, the plugins and the originals in the store, where these prove it.'
      : 'Run prepatch doctor --fix: the second copy of the record is whole and takes its place.';
  }

  #copy(): Ledger | undefined {
    try {
      const copy = readLedgerAt(this.#files, this.#layout.ledgerCopy);
      return copy === undefined || this.#isOlder(copy) ? undefined : copy;
    } catch {
      return undefined;
    }
  }

  /** A copy that was not renewed after a commit: what that has applied would be taken for what was there before. */
  #isOlder({ transaction }: Ledger): boolean {
    const { records } = readHistory(this.#files, this.#layout);
    const committed = records.filter((record) => record.outcome === 'committed').map((record) => record.transaction);
    return committed.includes(transaction) && committed.at(-1) !== transaction;
  }

  /** A damaged record is kept aside; its second copy takes its place. */
  #repairLedger(context: TransactionContext, id: string, done: string[]): void {
    const { ledger, state } = this.#layout;
    try {
      if (readLedger(this.#files, this.#layout) !== undefined) return;
    } catch (error) {
      if (!(error instanceof PatchError) || error.code === 'LEDGER_NEWER') throw error;
      const kept = setAside(context, id, 0, ledger);
      done.push(`the damaged record is kept as ${display(this.#layout, kept)}`);
    }
    const copy = this.#copy();
    if (copy === undefined || !this.#hasHistory()) return;
    this.#write(ledger, formatLedger(copy));
    this.#files.flushDirectory(state);
    done.push('the record was restored from its second copy');
  }

  /**
   * From the packs that are in place, and the originals in the store by the bundle that each says it is, or by their digests.
   * @throws PatchError LEDGER_MISSING where the record alone told what a pack has done
   */
  async #rebuildLedger(id: string, done: string[]): Promise<void> {
    const { observation } = await this.#doors.look('without');
    const { packs, base, obstacles, notes } = rebuildRecord(observation, this.#originals());
    if (obstacles.length > 0)
      throw new PatchError('LEDGER_MISSING', `the record cannot be rebuilt: ${obstacles.join('; ')}`, {
        path: this.#layout.ledger,
        hint: NOT_REBUILT,
      });
    const covered = new Set(Object.keys(base));
    const seen: Record<RootedPath, { sizeBytes: number; mtimeMs: number; md5?: Md5 }> = {};
    for (const [path, plugin] of observation.plugins) {
      if (plugin.kind === 'file' && !covered.has(path))
        seen[path] = {
          sizeBytes: plugin.sizeBytes,
          mtimeMs: plugin.mtimeMs,
          ...(plugin.md5 === undefined ? {} : { md5: plugin.md5 }),
        };
    }
    const ledger: Ledger = {
      format: 1,
      sequence: readHistory(this.#files, this.#layout).records.length + 1,
      transaction: id,
      layout: this.#layout.name,
      packs,
      base,
      seen,
      names: observation.state.names,
      jars: observation.state.jars === undefined ? undefined : Object.fromEntries(observation.state.jars),
      held: [],
    };
    this.#write(this.#layout.ledger, formatLedger(ledger));
    this.#files.flushDirectory(this.#layout.state);
    const unknown = Object.values(base).filter((entry) => entry.kind === 'unknown').length;
    done.push(
      ...notes,
      `the record was rebuilt: ${packs.length} packs are in place, the originals of ${covered.size - unknown} of ${covered.size} paths are proven`,
    );
  }

  /** What the store has: by the bundle that each says it is, and by digests. */
  #originals(): Originals {
    const stored = this.#storeFiles();
    const byPath = new Map<RootedPath, FileEntry>();
    const whole: FileEntry[] = [];
    const placed = new Set<string>();
    for (const { path, sha256, sizeBytes } of stored) {
      const digests = this.#files.digest(path, true);
      if (digests.sha256 !== sha256) continue;
      const mode = this.#files.stat(path)?.mode ?? 0o644;
      const original: FileEntry = { kind: 'file', md5: digests.md5, sha256, sizeBytes, mode };
      whole.push(original);
      const reading = readJar(this.#files, path, sizeBytes);
      const isBundle = reading.kind === 'jar' && reading.bundle !== undefined;
      const name = isBundle ? jarTargetName('original.jar', reading) : undefined;
      if (name?.kind !== 'name') continue;
      byPath.set(rooted('plugins', name.name), original);
      placed.add(sha256);
    }
    return {
      find: ({ md5, sha256 }) => {
        if (md5 === undefined && sha256 === undefined) return undefined;
        const found = whole.find((one) => (md5 ?? one.md5) === one.md5 && (sha256 ?? one.sha256) === one.sha256);
        if (found?.sha256 !== undefined) placed.add(found.sha256);
        return found;
      },
      // Every original that was there is in the store, so a bundle without one there was added by its pack.
      baseOf: (path) => {
        const isWhole = placed.size === stored.length && this.#files.stat(this.#layout.store)?.kind === 'directory';
        return byPath.get(path) ?? (isWhole && path.endsWith('.jar') ? ABSENT : { kind: 'unknown' });
      },
    };
  }

  #examineStore(ledger: Ledger | undefined, found: Finding[]): void {
    for (const { path, sha256 } of this.#storeFiles()) {
      if (this.#files.digest(path, true).sha256 === sha256) continue;
      const shown = display(this.#layout, path);
      found.push({
        code: 'STORE_DAMAGED',
        severity: 'error',
        what: `${shown} is damaged: it is not what its name says`,
        path: shown,
        remedy: `Put a file with the SHA-256 ${sha256} in its place: the vendor’s original.`,
        fixable: false,
      });
    }
    const there = new Set(this.#storeFiles().map((file) => file.sha256));
    for (const [path, base] of Object.entries(ledger?.base ?? {}) as [RootedPath, BaseEntry][]) {
      if (
        base.kind !== 'file' ||
        base.sha256 === undefined ||
        there.has(base.sha256) ||
        !this.#isShadowed(ledger, path, base.md5)
      )
        continue;
      const shown = display(this.#layout, path);
      found.push({
        code: 'STORE_DAMAGED',
        severity: 'error',
        what: `the original of ${shown} (SHA-256 ${base.sha256}) is not in the store any more`,
        path: shown,
        remedy: `Put the vendor’s original into ${display(this.#layout, this.#layout.store)} under that name.`,
        fixable: false,
      });
    }
  }

  #isShadowed(ledger: Ledger | undefined, path: RootedPath, md5: Md5): boolean {
    const top = ledger?.packs.flatMap((pack) => pack.files.filter((file) => file.target === path)).at(-1);
    return top !== undefined && top.md5 !== md5;
  }

  #storeFiles(): { path: string; sha256: Sha256; sizeBytes: number }[] {
    const { store } = this.#layout;
    if (this.#files.stat(store)?.kind !== 'directory') return [];
    return this.#files.list(store).flatMap((name) => {
      const path = join(store, name);
      const stat = this.#files.stat(path);
      return stat?.kind === 'file' && /^[0-9a-f]{64}$/.test(name)
        ? [{ path, sha256: name as Sha256, sizeBytes: stat.sizeBytes }]
        : [];
    });
  }

  #write(path: string, text: string): void {
    const temporary = `${path}.new`;
    ensureFolder(this.#files, this.#layout.state);
    if (this.#files.stat(temporary) !== undefined) this.#files.unlink(temporary);
    this.#files.writeNew(temporary, text, 0o644);
    this.#files.rename(temporary, path);
  }
}
