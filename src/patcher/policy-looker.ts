// Looks that a use case can go by: made again where something moves under them, and never of what another run has done in part;
// where the folders hold what cannot be applied, with the plan that the policy asks for instead.

import type { Policy } from '../config.js';
import { type ErrorCode, PatchError } from '../error.js';
import { differsFromAppliedNames } from '../home/applied-names.js';
import { UnknownContent } from '../home/inventory.js';
import type { Exclusion } from '../home/observe.js';
import { asWarning, hasError, isAsBefore, problemError, withoutErrors } from '../plan/judge-plan.js';
import type { Plan } from '../plan/plan.js';
import type { Problem } from '../problem.js';
import type { HomeAccess } from './home-access.js';
import type { Look, Looker } from './looker.js';

/** A look, what is planned by it, and what the policy has made of it. */
export interface Run {
  readonly look: Look;
  readonly plan: Plan;
  readonly excluded: readonly Exclusion[];
  /** Why the folders cannot be applied as they are. */
  readonly failure: PatchError | undefined;
}

/** What a look may end with only because something moved under it. */
const MOVING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['PACK_CHANGED', 'HOME_CHANGED', 'UNREADABLE']);
const LOOKS = 3;

export class PolicyLooker {
  readonly #access: HomeAccess;
  readonly #looker: Looker;

  constructor(access: HomeAccess, looker: Looker) {
    this.#access = access;
    this.#looker = looker;
  }

  /** The look that needs no lock; undefined where there is work for sure, or something to read: the locked look finds out. */
  async lookFirst(policy: Policy, waitMs: number): Promise<Run | undefined> {
    if (differsFromAppliedNames(this.#access.doors.files, this.#access.layout, this.#looker.rules)) return undefined;
    this.#looker.mayRead = false;
    try {
      return await this.lookUnlocked(policy, waitMs);
    } catch (error) {
      if (error instanceof UnknownContent) return undefined;
      throw error;
    } finally {
      this.#looker.mayRead = true;
    }
  }

  /** Looks without the lock: what another run has changed meanwhile is looked at again when that run has ended. */
  lookUnlocked(policy: Policy, waitMs: number): Promise<Run> {
    return this.lookAgain(
      () => this.lookByPolicy(policy),
      async () => {
        if (this.#access.isLocked()) await this.#access.withLock(waitMs, () => Promise.resolve());
      },
    );
  }

  /** Looks a few times, where something moves under the look. */
  async lookAgain<T>(look: () => Promise<T>, wait?: () => Promise<unknown>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await look();
      } catch (error) {
        if (tries === LOOKS || !(error instanceof PatchError) || !MOVING.has(error.code)) throw error;
        await wait?.();
      }
    }
  }

  /** A look that takes no lock, and must not see what another run has done in part: it begins and ends where none works. */
  async lookBeside<T>(look: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      await this.#access.waitForOthers();
      const seen = await this.lookAgain(look, () => this.#access.waitForOthers());
      if (tries === LOOKS || !this.#access.isLocked()) return seen;
    }
  }

  /**
   * The last good state: that of the record. Without one it is the home as it is found, and a plan only where a companion
   * must not see the packs that are not applied, and nothing else has to be done; undefined where nothing can be done.
   */
  async lookAtLastGood(look: Look): Promise<{ readonly look: Look; readonly plan: Plan } | undefined> {
    if (look.observation.ledger !== undefined) {
      const lastGood = await this.#looker.lookAtLedger(false);
      return { look: lastGood, plan: this.#looker.plan(lastGood.observation, 'repair') };
    }
    if (!this.#looker.rules.companion) return undefined;
    const claimed = new Set(look.observation.state.names);
    const kept = await this.#looker.lookWithout(look, (pack) => claimed.has(pack.name) && !hasError(pack), false);
    const plan = this.#looker.plan({ ...kept.observation, problems: withoutErrors(kept.observation.problems) });
    const holdsOnly =
      isAsBefore(plan) &&
      plan.apply.length + plan.revert.length + plan.update.length === 0 &&
      withoutErrors(plan.problems).length === plan.problems.length;
    return holdsOnly ? { look: kept, plan } : undefined;
  }

  /** Looks and plans; where the folders hold something that cannot be applied, does what the policy says. */
  async lookByPolicy(policy: Policy, excluded: readonly Exclusion[] = []): Promise<Run> {
    let left: readonly Exclusion[] = excluded;
    const refusals: Problem[] = [];
    // What changed while it was read is looked at again.
    let tries = 1;
    for (;;) {
      const look = await this.#looker.look(left, false);
      const plan = this.#looker.plan(look.observation);
      const errors = plan.problems.filter((problem) => problem.severity === 'error');
      if (tries < LOOKS && errors.some((problem) => problem.code === 'PACK_CHANGED')) {
        tries += 1;
        continue;
      }
      const withRefusals = { ...plan, problems: [...refusals, ...plan.problems] };
      if (errors.length === 0) return { look, plan: withRefusals, excluded: left, failure: undefined };
      const failure = problemError(errors);
      const broken = look.observation.packs.filter((pack) => errors.some((problem) => problem.pack === pack.name));
      if (policy === 'degraded' && broken.length > 0) {
        refusals.push(
          ...errors
            .filter((problem) => broken.some((pack) => pack.name === problem.pack))
            .map((problem): Problem => ({ ...problem, severity: 'warning' })),
        );
        left = [
          ...left,
          ...broken.map((pack) => ({
            name: pack.name,
            kind: pack.kind,
            reason: errors.find((problem) => problem.pack === pack.name)?.message ?? 'broken',
          })),
        ];
        for (const one of left.slice(-broken.length)) this.#access.log.quarantined(one.name, one.reason);
        continue;
      }
      const lastGood = policy === 'strict' ? undefined : await this.lookAtLastGood(look);
      if (lastGood === undefined) {
        // Nothing is done: the home stays as it is found.
        const operations = policy === 'strict' ? withRefusals.operations : [];
        return { look, plan: { ...withRefusals, operations, changes: [], ledger: undefined }, excluded: left, failure };
      }
      // What both looks have found is said once, and as the last good state has it: what is an error there is one.
      const { problems } = lastGood.plan;
      const known = new Set(problems.map(({ message }) => message));
      const news = withRefusals.problems.filter(({ message }) => !known.has(message)).map(asWarning);
      return {
        look: lastGood.look,
        plan: { ...lastGood.plan, problems: [...news, ...problems] },
        excluded: left,
        failure,
      };
    }
  }
}
