// From an observation to a plan: layers over the base, compared with what is there. Pure. The result depends on the packs and
// the base alone, not on the order in which packs came and went.

import type { Md5, Sha256 } from '../home/entry.js';
import { display } from '../home/layout.js';
import { errorProblem, notice } from '../problem.js';
import { type ActionPlan, planActions } from './action-plan.js';
import { adopt } from './adopt.js';
import { Bases } from './bases.js';
import { detectChanges, type Detection } from './detect.js';
import { type Draft, startDraft } from './draft.js';
import { hasError } from './judge-plan.js';
import type { BaseEntry } from './ledger.js';
import type { Observation } from './observation.js';
import type { Operation } from './operation.js';
import { PackMoves } from './pack-moves.js';
import { PackRecords } from './pack-records.js';
import type { Plan } from './plan.js';
import { planPaths } from './plan-paths.js';
import { planRecord } from './plan-record.js';
import type { PlanRules } from './plan-rules.js';
import { planUncovered } from './plan-uncovered.js';
import { fromLedger } from './prior.js';
import { findReopened } from './reopened.js';
import { sameList } from './same-data.js';
import { type Stack, stackLayers } from './stack-layers.js';

export function makePlan(observation: Observation, rules: PlanRules): Plan {
  return new Planner(observation, rules).plan();
}

/** Builds one plan; its parts add to one draft. */
class Planner {
  readonly #stack: Stack;
  readonly #bases: Bases;
  readonly #draft: Draft;
  #actions: ActionPlan | undefined;
  readonly #records: PackRecords;

  constructor(observation: Observation, rules: PlanRules) {
    const prior = observation.ledger === undefined ? adopt(observation) : fromLedger(observation.ledger);
    const packs = observation.packs.filter((pack) => !hasError(pack));
    this.#bases = new Bases(observation, prior);
    this.#stack = stackLayers(packs, this.#bases.ground());
    this.#records = new PackRecords(prior.packs, this.#stack);
    this.#draft = startDraft({ seen: observation, rules, prior, packs, layers: this.#stack.layers });
  }

  plan(): Plan {
    const { layout } = this.#draft.seen;
    this.#draft.problems.push(
      ...this.#draft.seen.problems,
      ...this.#draft.prior.problems,
      ...this.#draft.seen.packs.flatMap((pack) => pack.problems),
    );
    this.#checkStateFiles();
    this.#draft.problems.push(...this.#stack.problems);
    const draft = this.#draft;
    const packMoves = new PackMoves(draft);
    planPaths(draft, this.#bases);
    packMoves.planUnpacking();
    planUncovered(draft);
    packMoves.planMoves();
    this.#planActions();
    const detected = this.#detect();
    this.#warnOfReopened();
    const ledger = planRecord(draft, this.#bases, detected, this.#records, packMoves, this.#actions);
    return {
      home: layout.home,
      layout: layout.name,
      apply: detected.applied,
      revert: detected.reverted,
      update: detected.updated,
      packs: this.#draft.packs.map((pack) => ({
        name: pack.name,
        kind: pack.kind,
        files: this.#records.of(pack).files.map(({ fileName, target, md5 }) => ({ fileName, target, md5 })),
      })),
      changes: draft.changes,
      problems: this.#draft.problems,
      detected: { lines: detected.lines, changed: detected.lines.length > 0 },
      operations: [
        ...(this.#actions?.undo ?? []),
        ...draft.moves,
        ...draft.deletes,
        ...draft.removes.reverse(),
        ...draft.makes,
        ...this.#markLastUses(),
        ...(this.#actions?.perform ?? []),
        ...ledger.operations,
      ],
      ledger: ledger.after,
      drifted: draft.drifted,
      deltas: this.#stack.deltas,
    };
  }

  /** An original that nothing needs in the store afterwards can be moved out of it and need not be copied. */
  #markLastUses(): readonly Operation[] {
    if (!this.#draft.writes.some((write) => write.kind === 'write' && write.source.kind === 'store'))
      return this.#draft.writes;
    const uses = new Map<Sha256, number>();
    const use = (sha256: Sha256 | undefined) => sha256 !== undefined && uses.set(sha256, (uses.get(sha256) ?? 0) + 1);
    for (const base of Object.values<BaseEntry>(this.#draft.base)) if (base.kind === 'file') use(base.sha256);
    for (const write of this.#draft.writes)
      if (write.kind === 'write' && write.source.kind === 'store') use(write.source.sha256);
    return this.#draft.writes.map((write) =>
      write.kind === 'write' && write.source.kind === 'store'
        ? { ...write, source: { ...write.source, lastUse: uses.get(write.source.sha256) === 1 } }
        : write,
    );
  }

  #warnOfReopened(): void {
    for (const { pack, stays, fixes } of findReopened(this.#draft.prior.packs, this.#draft.packs)) {
      const what = stays ? `the new content of ${pack}` : `the revert of ${pack}`;
      this.#draft.problems.push(
        notice('REOPENS', 'warning', `${what} reopens ${fixes.join(', ')}`, {
          pack,
          hint: `Put ${pack} back, or a pack that fixes the same.`,
        }),
      );
    }
  }

  /** A pack whose files are the same may have other actions. */
  #detect(): Detection {
    const after = this.#draft.packs.map((pack) => this.#records.of(pack));
    const detected = detectChanges(this.#draft.prior.packs, after);
    const { undo = [], perform = [] } = this.#actions ?? {};
    const known = [...detected.applied, ...detected.reverted, ...detected.updated];
    const packs = new Set([...undo, ...perform].map((operation) => operation.pack));
    const others = [...packs].filter((pack) => !known.includes(pack));
    if (others.length === 0) return detected;
    return {
      ...detected,
      updated: [...detected.updated, ...others],
      lines: [...detected.lines, ...others.map((pack) => `The actions of ${pack} have changed`)],
    };
  }

  /** What packs did comes undone while their files are still there; what they do comes when their files are. */
  #planActions(): void {
    const { actions } = this.#draft.seen;
    const isConcerned = (pack: { readonly actions?: unknown }) => pack.actions !== undefined;
    if (actions === undefined && ![...this.#draft.prior.packs, ...this.#draft.packs].some(isConcerned)) return;
    const rules = this.#draft.rules.actions ?? { allowCommands: true, allowModules: false };
    this.#actions = planActions(this.#draft.prior.packs, this.#draft.packs, actions, rules);
    this.#draft.problems.push(...this.#actions.problems);
  }

  /** The names file must say what we wrote, or (at first contact) nothing that contradicts the folders. */
  #checkStateFiles(): void {
    const { ledger, state, layout } = this.#draft.seen;
    if (ledger === undefined || ledger.layout !== layout.name) return;
    const path = display(layout, layout.namesFile);
    if (!sameList(ledger.names, state.names)) {
      const said = (names: readonly string[]) => (names.length === 0 ? 'nothing' : names.join(', '));
      this.#draft.problems.push(
        errorProblem(
          'LEDGER_EDITED',
          `${path} was changed: it says ${said(state.names)}; applied is ${said(ledger.names)}`,
          { path },
        ),
      );
    }
    if (layout.jarsFile === undefined || ledger.jars === undefined) return;
    const recorded = new Map(Object.entries(ledger.jars));
    const jars = state.jars ?? new Map<string, Md5>();
    const same = recorded.size === jars.size && [...recorded].every(([name, md5]) => jars.get(name) === md5);
    if (!same && (recorded.size > 0 || jars.size > 0)) {
      const jarsPath = display(layout, layout.jarsFile);
      this.#draft.problems.push(
        errorProblem('LEDGER_EDITED', `${jarsPath} was changed: it does not say what was recorded`, { path: jarsPath }),
      );
    }
  }
}
