// Looks at a home and plans: what lies there, what the record has of it, what health, actions and deltas make of it, and what would
// have to be done. Changes nothing but our own cache.

import type { Config } from '../config.js';
import { PatchError } from '../error.js';
import type { EventSink } from '../event.js';
import { DigestCache } from '../home/digest-cache.js';
import { Inventory } from '../home/inventory.js';
import type { Layout } from '../home/layout.js';
import { type HealthGate, lookAtHealth } from '../home/look-at-health.js';
import { type Exclusion, observe, readNames } from '../home/observe.js';
import type { Pack } from '../home/pack.js';
import type { ListedPack } from '../home/pack-source.js';
import { comparePackNames } from '../home/pack-order.js';
import type { PackRules } from '../home/pack-rules.js';
import type { ManifestRules } from '../home/select-packs.js';
import { findUnsettled, unsettledProblem } from '../home/settle.js';
import { hasError, withoutErrors } from '../plan/judge-plan.js';
import type { Ledger } from '../plan/ledger.js';
import { makePlan } from '../plan/make-plan.js';
import type { Observation } from '../plan/observation.js';
import type { Plan } from '../plan/plan.js';
import { type HealthObservation, healthProblems } from '../plan/probation.js';
import { keepApplied, packOfLedger, sameFiles } from '../plan/recorded-packs.js';
import { readHistory, recentHistory } from '../state/history.js';
import { readLedger } from '../state/ledger-file.js';
import type { Bulk } from '../system/bulk.js';
import type { Files } from '../system/files.js';
import { transactionId } from '../system/transaction-id.js';

export interface LookerDoors {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly emit: EventSink;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Look {
  readonly observation: Observation;
  readonly inventory: Inventory;
}

/** What is loaded only where a pack has a manifest. */
const MANIFESTS: Omit<ManifestRules, 'identityFiles'> = {
  parse: async (text, sourceName) => (await import('../plan/pack-manifest.js')).parsePackManifest(text, sourceName),
  choose: async (input) => (await import('../plan/eligibility.js')).chooseEligible(input),
};

export class Looker {
  readonly rules: PackRules;
  /** False for a look that ends, with UnknownContent, where it would have to read a file that is not known. */
  mayRead = true;
  /** What a look makes of packs that are on probation. */
  gate: HealthGate = 'look';
  /** Whether a server is not to be started where a pack was taken back. */
  isStrict = false;
  /** The transaction that this run has completed after an interruption. */
  completed: string | undefined;
  readonly #doors: LookerDoors;
  readonly #config: Config;
  readonly #layout: Layout;
  #spentMs = 0;

  constructor(layout: Layout, rules: PackRules, config: Config, doors: LookerDoors) {
    this.rules = rules;
    this.#doors = doors;
    this.#config = config;
    this.#layout = layout;
  }

  /** Milliseconds that were spent on looking and planning since this was last asked. */
  takeSpentMs(): number {
    const spentMs = this.#spentMs;
    this.#spentMs = 0;
    return spentMs;
  }

  async look(excluded: readonly Exclusion[], deep: boolean, record: 'with' | 'without' = 'with'): Promise<Look> {
    const sinceMs = performance.now();
    try {
      return await this.#lookOnce(excluded, deep, record);
    } finally {
      this.#spentMs += performance.now() - sinceMs;
    }
  }

  async #lookOnce(excluded: readonly Exclusion[], deep: boolean, record: 'with' | 'without'): Promise<Look> {
    const { files, bulk } = this.#doors;
    const ledger = record === 'with' ? this.#readLedger() : undefined;
    const inventory = new Inventory(files, bulk, DigestCache.load(files, this.#layout.cache), this.mayRead);
    const unsettled = this.#findUnsettled(ledger);
    const waiting = unsettled.map(({ name, kind, zip }): Exclusion => {
      const reason = 'still being copied';
      return zip === undefined ? { name, kind, reason } : { name, kind, reason, zip: zip.path };
    });
    const health = this.#lookAtHealth(ledger);
    const quarantined = health?.quarantined ?? [];
    const observed = await observe(files, this.#layout, inventory, {
      rules: this.rules,
      deep,
      excluded: [...excluded, ...waiting, ...quarantined],
      ledger,
      manifests: { ...MANIFESTS, identityFiles: this.#config.identityFiles },
      progress: (doneItems, totalItems, doneBytes, totalBytes) =>
        this.#doors.emit({ kind: 'progress', phase: 'look', doneItems, totalItems, doneBytes, totalBytes }),
    });
    const observation = await this.#lookAtActions(health === undefined ? observed : this.#withHealth(observed, health));
    if (unsettled.length === 0) return { observation: await this.#makeDeltas(observation, inventory), inventory };
    const problems = unsettled.map((pack) => unsettledProblem(this.#layout, pack));
    const left = unsettled.filter(({ name }) => !quarantined.some((pack) => pack.name === name));
    const kept = keepApplied(observation, left, (a, b) => comparePackNames(a, b, this.rules.order));
    const settled = await this.#makeDeltas(kept, inventory);
    return { observation: { ...settled, problems: [...settled.problems, ...problems] }, inventory };
  }

  /**
   * Without a record of ours nothing can stand for a pack that Carbon has applied: left out, it would be reverted. A copy of
   * a whole home makes every pack in it new.
   */
  #findUnsettled(ledger: Ledger | undefined): ListedPack[] {
    const { files, now } = this.#doors;
    const settleMs = this.#config.settleSeconds * 1000;
    const unsettled = findUnsettled(files, this.#layout, this.rules, settleMs, now());
    if (ledger !== undefined || unsettled.length === 0) return unsettled;
    const applied = readNames(files, this.#layout);
    return unsettled.filter(({ name }) => !applied.includes(name));
  }

  /** What the record has about health, and what the files say of it. */
  #lookAtHealth(ledger: Ledger | undefined): HealthObservation | undefined {
    const { files, now } = this.#doors;
    return lookAtHealth(files, this.#layout, ledger, {
      gate: this.gate,
      nowMs: now(),
      committedMs: (transaction) => this.committedMs(transaction),
      completed: this.completed,
    });
  }

  #withHealth(observation: Observation, health: HealthObservation): Observation {
    const problems = this.gate === 'ignore' ? [] : healthProblems(health);
    return { ...observation, health, problems: [...observation.problems, ...problems] };
  }

  /** Where packs have deltas: what they make of what is below them. */
  async #makeDeltas(observation: Observation, inventory: Inventory): Promise<Observation> {
    const has = observation.packs.some((pack) =>
      pack.operations?.some((operation) => operation.kind === 'update' && operation.delta !== undefined),
    );
    if (!has) return observation;
    const { makeDeltas } = await import('../home/deltas.js');
    const { files } = this.#doors;
    return makeDeltas(files, this.#layout, inventory, observation, (seen) => this.plan(seen).deltas);
  }

  /** Where packs have actions, or had some: whether these have changed, and can be taken back. */
  async #lookAtActions(observation: Observation): Promise<Observation> {
    const { packs, ledger } = observation;
    const has =
      packs.some((pack) => (pack.manifest?.actions.length ?? 0) > 0) ||
      ledger?.packs.some((pack) => pack.actions !== undefined) === true;
    if (!has) return observation;
    const { observeActions } = await import('../transaction/actions/observe-actions.js');
    return { ...observation, actions: await observeActions(this.#doors.files, observation) };
  }

  /** A look whose wanted packs are those of the ledger: what the home should be if nothing new is taken in. */
  async lookAtLedger(deep: boolean): Promise<Look> {
    const look = await this.look([], deep);
    const { ledger, packs } = look.observation;
    if (ledger === undefined) return look;
    const isOut = (name: string) => look.observation.health?.quarantined.some((pack) => pack.name === name) === true;
    const recorded = ledger.packs.filter(({ name }) => !isOut(name));
    const known = recorded.map((pack) => packOfLedger(pack, packs, look.observation.deltas));
    const unchanged = (pack: Pack) =>
      !hasError(pack) && known.some((one) => one.name === pack.name && one.kind === pack.kind && sameFiles(one, pack));
    if (!this.rules.companion) {
      const excluded = packs
        .filter((pack) => !unchanged(pack))
        .map((pack) => ({ name: pack.name, kind: pack.kind, reason: 'not applied', held: pack.held }));
      const problems = withoutErrors(look.observation.problems);
      return { observation: { ...look.observation, packs: known, problems, excluded }, inventory: look.inventory };
    }
    const seen = await this.lookWithout(look, unchanged, deep);
    const observation: Observation = {
      ...seen.observation,
      packs: recorded.map((pack) => packOfLedger(pack, [...packs, ...seen.observation.packs], look.observation.deltas)),
      problems: withoutErrors(seen.observation.problems),
      visible: seen.observation.packs.filter((pack) => !pack.held),
    };
    return { observation, inventory: seen.inventory };
  }

  /**
   * Leaves out what does not count, and looks again, since that may bring others to light: the service pack before it, the
   * patches that it absorbed.
   */
  async lookWithout(look: Look, counts: (pack: Pack) => boolean, deep: boolean): Promise<Look> {
    let seen = look;
    let excluded: readonly Exclusion[] = [];
    for (;;) {
      const others = seen.observation.packs.filter((pack) => !counts(pack));
      if (others.length === 0) return seen;
      excluded = [...excluded, ...others.map((pack) => ({ name: pack.name, kind: pack.kind, reason: 'not applied' }))];
      seen = await this.look(excluded, deep);
    }
  }

  #readLedger(): Ledger | undefined {
    const { files } = this.#doors;
    const ledger = readLedger(files, this.#layout);
    if (ledger !== undefined) return ledger;
    const wasThere =
      files.stat(this.#layout.ledgerCopy) !== undefined || files.stat(this.#layout.historyFile) !== undefined;
    if (wasThere && readHistory(files, this.#layout).records.some((record) => record.outcome === 'committed')) {
      throw new PatchError('LEDGER_MISSING', `${this.#layout.ledger} is missing, although this home has been patched`, {
        path: this.#layout.ledger,
      });
    }
    return undefined;
  }

  plan(observation: Observation, drift: Config['drift'] = this.#config.drift): Plan {
    const { allowCommands, allowModules } = this.#config;
    const actions = { allowCommands, allowModules };
    const sinceMs = performance.now();
    const plan = makePlan(observation, {
      drift,
      transaction: transactionId(this.#doors.now()),
      rebase: false,
      actions,
      ...(this.#mayStartServer(observation) ? { serverStartsMs: this.#doors.now() } : {}),
    });
    this.#spentMs += performance.now() - sinceMs;
    return plan;
  }

  /** Whether a server is started after a plan, unless something goes wrong. */
  #mayStartServer({ health }: Observation): boolean {
    return this.gate === 'server' && !(this.isStrict && (health?.quarantined.length ?? 0) > 0);
  }

  saveCache(inventory: Inventory): void {
    const failure = inventory.cache.save();
    if (failure !== undefined)
      this.#doors.emit({
        kind: 'problem',
        code: 'CACHE_DAMAGED',
        severity: 'info',
        message: `the cache of digests could not be written: ${failure.message}`,
        path: this.#layout.cache,
      });
  }

  /** When a transaction was recorded, which is before any server can have started on it. */
  committedMs(transaction: string): number | undefined {
    const records = recentHistory(this.#doors.files, this.#layout);
    return records.findLast((record) => record.transaction === transaction)?.recordedMs;
  }
}
