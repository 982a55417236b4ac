// Which packs of the folders are to be applied, in their order, and why the others are not: versions, identities, requirements,
// conflicts, supersession, and chains from version to version. Pure; docs/patch-json.md, "Which packs apply", has the rules.

import type { LeadsTo, PackReference, PackRelations } from './pack-manifest.js';
import { compareVersions, schemeOf, versionInRange } from './version.js';

/** What the rules read of a pack. A pack without a manifest has only its name. */
export interface CandidatePack extends Partial<PackRelations> {
  /** The folder's name; unique. It stands for an id that is absent; without `chainable` a pack chains. */
  readonly name: string;
  /** The patches that a service pack stands for (Carbon rule 8). */
  readonly absorbs?: readonly string[];
}

export interface EligibilityInput {
  /** In the order in which they are applied (Carbon rules 6, 9). */
  readonly packs: readonly CandidatePack[];
  /** The home as it is without any of the packs: what was recorded before the first was applied. */
  readonly home: {
    readonly version?: string;
    readonly identities: readonly string[];
  };
  /** The names of the packs that are applied now. */
  readonly applied: readonly string[];
}

export type RefusalCode =
  /** The home's version or identity is not among those of `appliesTo`. */
  | 'not-applicable'
  /** `appliesTo` cannot be decided: the version, or the identity after an earlier pack, is not known. */
  | 'not-decidable'
  /** It would apply after a pack that sorts behind it. */
  | 'chain-order'
  | 'requirement-missing'
  | 'conflict'
  | 'duplicate-id'
  /** Its own rules rule it out beside packs that it needs, or that stay. */
  | 'contradiction';

export interface AppliedPack {
  readonly pack: string;
  /** The home's version before and after it; absent where it is not known. */
  readonly versionBefore?: string;
  readonly versionAfter?: string;
}

export interface RefusedPack {
  readonly pack: string;
  readonly code: RefusalCode;
  readonly message: string;
  readonly hint: string;
}

export interface DeferredPack {
  readonly pack: string;
  /** The pack that ends the run. */
  readonly after: string;
  readonly reason: string;
}

export interface SupersededPack {
  readonly pack: string;
  readonly by: string;
  readonly reason: string;
}

/** Every pack of the input is in exactly one of the lists; each is in the order of the input. */
export interface Eligibility {
  readonly apply: readonly AppliedPack[];
  readonly refused: readonly RefusedPack[];
  readonly deferred: readonly DeferredPack[];
  readonly superseded: readonly SupersededPack[];
}

/** Why a pack is left out. */
type Verdict =
  | { readonly kind: 'refused'; readonly entry: RefusedPack }
  | { readonly kind: 'superseded'; readonly entry: SupersededPack };

/** How many starts ahead are looked at for one that would come back to what is applied now. */
const STARTS_AHEAD = 8;

/**
 * Decides for all packs at once. Packs whose rules contradict each other in a circle have several sound choices: what a bare home
 * would get stays once it is there, and so does what the next starts would come back to, so that no start takes back what the start
 * before has chosen.
 */
export function chooseEligible(input: EligibilityInput): Eligibility {
  const chosen = choose(input);
  const { applied } = input;
  if (applied.length === 0 || applies(chosen, applied)) return chosen;
  const bare = choose({ ...input, applied: [] });
  if (applies(bare, applied) && bare.deferred.length === 0) return bare;
  // Only where something goes can a circle close.
  const [there, stays] = [new Set(applied), new Set(namesOf(chosen))];
  if (!input.packs.some(({ name }) => there.has(name) && !stays.has(name))) return chosen;
  let [last, next] = [input.applied, chosen];
  for (let starts = 0; starts < STARTS_AHEAD && !applies(next, last); starts++) {
    last = namesOf(next);
    next = choose({ ...input, applied: last });
    if (applies(next, applied)) return next.deferred.length === 0 ? next : chosen;
  }
  return chosen;
}

function namesOf({ apply }: Eligibility): readonly string[] {
  return apply.map(({ pack }) => pack);
}

function applies({ apply }: Eligibility, names: readonly string[]): boolean {
  const wanted = new Set(names);
  return apply.length === wanted.size && apply.every(({ pack }) => wanted.has(pack));
}

/**
 * First which packs are eligible at all, then which of them wait because an earlier one ends the run. What is applied already waits
 * only where it needs a pack that does.
 */
function choose(input: EligibilityInput): Eligibility {
  const applied = new Set(input.applied);
  const deadlocked = new Set<string>();
  /** Those of them for which nothing waited: another pack was in their place, or in that of one that they need. */
  const beaten = new Set<string>();
  for (;;) {
    const wanted = settle(input, input.packs, deadlocked);
    // What is neither wanted in the end nor there now stays out of this run: nothing is applied to be taken away at the next.
    const out = input.packs
      .map(({ name }) => name)
      .filter((name) => !wanted.isIn(name) && (!applied.has(name) || deadlocked.has(name)));
    const { choice: now, waiting } = holdBack(input, new Set(out), applied);
    const held = input.packs.map(({ name }) => name).filter((name) => wanted.isIn(name) && !now.isIn(name));
    const progress = input.packs.some(({ name }) => now.isIn(name) && !applied.has(name));
    if (held.length === 0 || progress) return report(input, wanted, now, waiting, { deadlocked, beaten });
    // Nothing new would ever come before those that are held: they wait for each other.
    for (const name of held) {
      deadlocked.add(name);
      if (!waiting.has(name) && (waiting.size === 0 || isByAnother(now.whyOut(name)))) beaten.add(name);
    }
  }
}

function report(
  input: EligibilityInput,
  wanted: Choice,
  now: Choice,
  waiting: ReadonlyMap<string, string>,
  { deadlocked, beaten }: { readonly deadlocked: ReadonlySet<string>; readonly beaten: ReadonlySet<string> },
): Eligibility {
  const refused: RefusedPack[] = [];
  const deferred: DeferredPack[] = [];
  const superseded: SupersededPack[] = [];
  /** Of packs that beat each other in a circle, the choice for this run may fall on another one than that for the end. */
  const makesWay = (name: string) =>
    wanted.isIn(name) && !now.isIn(name) && !waiting.has(name) && !deadlocked.has(name);
  const reasonOf = (name: string): Verdict | undefined => {
    if (beaten.has(name)) return now.whyOut(name);
    if (deadlocked.has(name)) return { kind: 'refused', entry: deadlock(name) };
    if (waiting.has(name)) return undefined;
    const verdict = wanted.verdictOf(name);
    if (verdict?.kind === 'superseded' && makesWay(verdict.entry.by)) return now.whyOut(name);
    if (verdict !== undefined) return verdict;
    const held = now.whyOut(name);
    return waiting.size === 0 || isByAnother(held) ? held : undefined;
  };
  for (const { name } of input.packs) {
    if (now.isIn(name)) continue;
    const verdict = reasonOf(name);
    if (verdict?.kind === 'refused') refused.push(verdict.entry);
    else if (verdict?.kind === 'superseded') superseded.push(verdict.entry);
    else deferred.push(deferral(name, waiting));
  }
  return { apply: now.appliedPacks(), refused, deferred, superseded };
}

/** Whether packs that are in say it: they contain this one, exclude it, or take its place. Else it lacks something. */
function isByAnother(verdict: Verdict): boolean {
  return verdict.kind === 'superseded' || ['conflict', 'duplicate-id', 'contradiction'].includes(verdict.entry.code);
}

function deferral(pack: string, waiting: ReadonlyMap<string, string>): DeferredPack {
  const after = waiting.get(pack);
  const next = 'it is looked at again at the next start';
  if (after === pack)
    return {
      pack,
      after,
      reason: `${pack} ends the run (it is not chainable), and packs that it requires come first; ${next}`,
    };
  if (after !== undefined)
    return { pack, after, reason: `${after} ends the run (it is not chainable); ${pack} waits, ${next}` };
  const [, ender = pack] = [...waiting].find(([, name]) => name !== pack) ?? [];
  return { pack, after: ender, reason: `${pack} requires a pack that waits because of ${ender}; ${next}` };
}

function deadlock(pack: string): RefusedPack {
  const message = `${pack} and the packs that it requires wait for each other: one of them ends the run before the others`;
  return {
    pack,
    code: 'contradiction',
    message,
    hint: 'Rename the packs so that the one that is not chainable sorts last.',
  };
}

/** The packs that a run takes: those behind one that ends it wait, and it waits itself where it requires one of them. */
function holdBack(
  input: EligibilityInput,
  unwanted: ReadonlySet<string>,
  applied: ReadonlySet<string>,
): { readonly choice: Choice; readonly waiting: ReadonlyMap<string, string> } {
  /** The name of each pack that waits → the pack that it waits for. */
  const waiting = new Map<string, string>();
  const isNew = ({ name }: CandidatePack) => !applied.has(name);
  const settleWithout = (more: readonly CandidatePack[]) => {
    const packs = input.packs.filter((pack) => !waiting.has(pack.name) && !more.includes(pack));
    return settle(input, packs, unwanted);
  };
  let choice = settleWithout([]);
  for (;;) {
    const taken = input.packs.filter(({ name }) => choice.isIn(name));
    const place = taken.findIndex((pack) => pack.chainable === false && isNew(pack));
    const ender = taken[place];
    const behind = taken.slice(place + 1).filter(isNew);
    if (ender === undefined || behind.length === 0) return { choice, waiting };
    const shorter = settleWithout(behind);
    if (shorter.isIn(ender.name)) {
      for (const { name } of behind) waiting.set(name, ender.name);
      choice = shorter;
    } else {
      waiting.set(ender.name, ender.name);
      choice = settleWithout([]);
    }
  }
}

/**
 * Packs are left out until none breaks a rule; those whose reason has gone with another pack are taken back, each tried once,
 * so that packs whose rules contradict each other end in a sound choice too. `unwanted` packs are out from the start.
 */
function settle(input: EligibilityInput, packs: readonly CandidatePack[], unwanted: ReadonlySet<string>): Choice {
  const choice = new Choice({ ...input, packs }, unwanted);
  const tried = new Set(unwanted);
  choice.leaveOutBreakers();
  for (;;) {
    const names = choice.findUnfounded(tried);
    if (names.length === 0) break;
    for (const name of names) tried.add(name);
    choice.tryTakingBack(names);
  }
  choice.nameContradictions(unwanted);
  return choice;
}

/** The state of the home while the packs are walked through in order. */
interface HomeState {
  readonly version: string | undefined;
  /** Undefined: not known since a pack led to another version. */
  readonly identities: readonly string[] | undefined;
  /** The pack that led to the version. */
  readonly through: string | undefined;
}

class Choice {
  readonly #packs: readonly CandidatePack[];
  readonly #home: EligibilityInput['home'];
  readonly #applied: ReadonlySet<string>;
  #out = new Map<string, Verdict>();
  /** By id and by name. */
  readonly #byId = new Map<string, CandidatePack[]>();
  readonly #position = new Map<string, number>();
  /** Packs that name a pack in `conflicts`, or `supersedes`, by the id that they name. */
  readonly #opponents = new Map<string, CandidatePack[]>();
  readonly #successors = new Map<string, CandidatePack[]>();

  constructor(input: EligibilityInput, unwanted: ReadonlySet<string>) {
    this.#packs = input.packs;
    this.#home = input.home;
    this.#applied = new Set(input.applied);
    for (const [position, pack] of input.packs.entries()) {
      if (unwanted.has(pack.name)) {
        const message = `${pack.name} is not wanted`;
        this.#out.set(pack.name, this.#refuse(pack, 'not-applicable', message, ''));
      }
      this.#position.set(pack.name, position);
      for (const id of new Set([idOf(pack), pack.name])) addTo(this.#byId, id, pack);
      for (const { id } of pack.conflicts ?? []) addTo(this.#opponents, id, pack);
      for (const { id } of pack.supersedes ?? []) addTo(this.#successors, id, pack);
    }
  }

  isIn(name: string): boolean {
    return this.#position.has(name) && !this.#out.has(name);
  }

  verdictOf(name: string): Verdict | undefined {
    return this.#out.get(name);
  }

  /** Why a pack is out, by what is in now. */
  whyOut(name: string): Verdict {
    let state = this.#start();
    for (const pack of this.#packs) {
      if (pack.name === name) return this.#judge(pack, state) ?? this.#contradiction(pack);
      if (this.#isIn(pack)) state = this.#after(pack, state);
    }
    throw new Error(`prepatch has a defect: ${name} is no pack of this choice`);
  }

  /** Walks through the packs until a walk leaves none out. */
  leaveOutBreakers(): void {
    for (let changed = true; changed; ) {
      changed = false;
      let state = this.#start();
      for (const pack of this.#packs) {
        if (this.#out.has(pack.name)) continue;
        const verdict = this.#judge(pack, state);
        if (verdict === undefined) state = this.#after(pack, state);
        else {
          this.#out.set(pack.name, verdict);
          changed = true;
        }
      }
    }
  }

  /** Packs that are out and break no rule any more: the first one, else those that only miss each other. */
  findUnfounded(except: ReadonlySet<string>): readonly string[] {
    const first = this.#firstUnfounded(except);
    if (first !== undefined) return [first];
    return this.#thoseThatFit(
      this.#packs.filter(({ name }) => !except.has(name) && missesAnother(this.#out.get(name))),
    );
  }

  /** The packs of a group that break no rule when all of the group are taken back together, and the others of it are not. */
  #thoseThatFit(packs: readonly CandidatePack[]): readonly string[] {
    const group = new Set(packs.map(({ name }) => name));
    const before = this.#out;
    this.#out = without(before, [...group]);
    for (let changed = true; changed; ) {
      changed = false;
      let state = this.#start();
      for (const pack of this.#packs) {
        if (this.#out.has(pack.name)) continue;
        const verdict = group.has(pack.name) ? this.#judge(pack, state) : undefined;
        if (verdict === undefined) state = this.#after(pack, state);
        else {
          this.#out.set(pack.name, verdict);
          group.delete(pack.name);
          changed = true;
        }
      }
    }
    this.#out = before;
    return [...group];
  }

  /** Takes packs back, unless that puts out the very same packs again: their rules contradict those of the others then. */
  tryTakingBack(names: readonly string[]): void {
    const before = this.#out;
    this.#out = without(before, names);
    this.leaveOutBreakers();
    if (names.every((name) => this.#out.has(name))) this.#out = before;
  }

  /** What is still out though it breaks no rule: taking it back puts out itself or others, which their verdicts do not say. */
  nameContradictions(except: ReadonlySet<string>): void {
    let state = this.#start();
    for (const pack of this.#packs) {
      const verdict = this.#out.get(pack.name);
      if (verdict === undefined) {
        state = this.#after(pack, state);
        continue;
      }
      if (except.has(pack.name) || this.#judge(pack, state) !== undefined) continue;
      this.#out.set(pack.name, this.#contradiction(pack));
    }
  }

  /** For a pack that is out and breaks no rule. */
  #contradiction(pack: CandidatePack): Verdict {
    const before = this.#out;
    this.#out = without(before, [pack.name]);
    this.leaveOutBreakers();
    const lost = this.#packs
      .filter((other) => !before.has(other.name) && this.#out.has(other.name))
      .map(({ name }) => name);
    this.#out = before;
    const rest = lost.length === 0 ? 'packs that it needs or excludes' : lost.join(', ');
    const message = `the rules of ${pack.name} contradict those of ${rest}, beside which it would have to be applied`;
    const hint = `Take ${pack.name} away, or ask its author about supersedes, requires and appliesTo.`;
    return this.#refuse(pack, 'contradiction', message, hint);
  }

  /** Verdicts that stay are brought up to date on the way: the pack that they name may have changed. */
  #firstUnfounded(except: ReadonlySet<string>): string | undefined {
    let state = this.#start();
    for (const pack of this.#packs) {
      if (!this.#out.has(pack.name)) {
        state = this.#after(pack, state);
        continue;
      }
      const verdict = this.#judge(pack, state);
      if (verdict !== undefined) this.#out.set(pack.name, verdict);
      else if (!except.has(pack.name)) return pack.name;
    }
    return undefined;
  }

  appliedPacks(): readonly AppliedPack[] {
    const applied: AppliedPack[] = [];
    let state = this.#start();
    for (const pack of this.#packs) {
      if (!this.#isIn(pack)) continue;
      const after = this.#after(pack, state);
      applied.push({
        pack: pack.name,
        ...(state.version === undefined ? {} : { versionBefore: state.version }),
        ...(after.version === undefined ? {} : { versionAfter: after.version }),
      });
      state = after;
    }
    return applied;
  }

  #start(): HomeState {
    return { version: this.#home.version, identities: this.#home.identities, through: undefined };
  }

  #after(pack: CandidatePack, state: HomeState): HomeState {
    if (pack.leadsTo === undefined) return state;
    const { version, identity } = pack.leadsTo;
    return { version, identities: identity === undefined ? undefined : [identity], through: pack.name };
  }

  #isIn(pack: CandidatePack): boolean {
    return !this.#out.has(pack.name);
  }

  /** The rules, in the order in which their reasons are worth telling. */
  #judge(pack: CandidatePack, state: HomeState): Verdict | undefined {
    return (
      this.#judgeSuperseded(pack) ??
      this.#judgeTwins(pack) ??
      this.#judgeHome(pack, state) ??
      this.#judgeRequirements(pack) ??
      this.#judgeConflicts(pack)
    );
  }

  /** The pack that is in and contains this one, directly or through packs that it contains. */
  #judgeSuperseded(pack: CandidatePack): Verdict | undefined {
    const seen = new Set([pack.name]);
    const queue = [pack];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const successor of this.#namedBy(this.#successors, next, 'supersedes')) {
        if (seen.has(successor.name)) continue;
        if (this.#isIn(successor)) {
          const through = next === pack ? '' : `, which ${next.name} is part of`;
          const reason = `${successor.name} contains ${pack.name}${through}`;
          return { kind: 'superseded', entry: { pack: pack.name, by: successor.name, reason } };
        }
        seen.add(successor.name);
        queue.push(successor);
      }
    }
    return undefined;
  }

  /** The packs whose references in a list mean this pack. */
  #namedBy(
    index: ReadonlyMap<string, readonly CandidatePack[]>,
    pack: CandidatePack,
    list: 'supersedes' | 'conflicts',
  ): CandidatePack[] {
    const found = new Set<CandidatePack>();
    for (const id of new Set([idOf(pack), pack.name])) {
      for (const other of index.get(id) ?? []) {
        if (other !== pack && (other[list] ?? []).some((reference) => means(reference, pack))) found.add(other);
      }
    }
    return [...found].sort((a, b) => this.#place(a) - this.#place(b));
  }

  #place(pack: CandidatePack): number {
    return this.#position.get(pack.name) ?? 0;
  }

  /** Two folders with the same id: the newer version stays. */
  #judgeTwins(pack: CandidatePack): Verdict | undefined {
    const id = idOf(pack);
    for (const twin of this.#byId.get(id) ?? []) {
      if (twin === pack || idOf(twin) !== id || !this.#isIn(twin)) continue;
      const order = compare(pack.version, twin.version);
      if (order === -1) {
        const reason = `${twin.name} is ${id} ${twin.version}, newer than ${pack.version}`;
        return { kind: 'superseded', entry: { pack: pack.name, by: twin.name, reason } };
      }
      if ((order === 0 || order === undefined) && this.#yields(pack, twin)) {
        const message = `${pack.name} and ${twin.name} are both ${id} ${pack.version ?? ''}`.trimEnd();
        return this.#refuse(
          pack,
          'duplicate-id',
          message,
          `Take one of the two folders away: ${pack.name} or ${twin.name}.`,
        );
      }
    }
    return undefined;
  }

  /** Of two that cannot both stay the one that is applied does, else the first. */
  #yields(pack: CandidatePack, other: CandidatePack): boolean {
    const [mine, theirs] = [this.#applied.has(pack.name), this.#applied.has(other.name)];
    return mine === theirs ? this.#place(other) < this.#place(pack) : theirs;
  }

  #judgeHome(pack: CandidatePack, state: HomeState): Verdict | undefined {
    const { versions, identities } = pack.appliesTo ?? {};
    const since = state.through === undefined ? '' : ` after ${state.through}`;
    if (versions !== undefined) {
      const wanted = `${pack.name} is for version ${versions.join(' or ')}`;
      if (state.version === undefined) {
        return this.#refuse(
          pack,
          'not-decidable',
          `${wanted}, and the home’s version is not known`,
          'Tell prepatch where the home keeps its version.',
        );
      }
      const { version } = state;
      const answers = versions.map((range) => versionInRange(version, range));
      if (!answers.includes(true)) {
        const later = this.#laterPackTo(pack, (leadsTo) =>
          versions.some((range) => versionInRange(leadsTo.version, range) === true),
        );
        const message = `${wanted}; the home is ${version}${since}`;
        if (later !== undefined) return this.#refuseOrder(pack, later, message);
        return answers.every((answer) => answer === undefined)
          ? this.#refuse(
              pack,
              'not-decidable',
              `${message}, which is no version of that scheme`,
              'Ask the pack’s author for a range in the scheme of the home’s version.',
            )
          : this.#refuse(pack, 'not-applicable', message, 'Take the pack away, or get the one for this version.');
      }
    }
    if (identities === undefined) return undefined;
    if (state.identities === undefined) {
      const message = `${pack.name} asks for an identity of the home, which is not known${since}`;
      return this.#refuse(
        pack,
        'not-decidable',
        message,
        `Ask the author of ${state.through ?? 'the pack before it'} to name the identity in leadsTo.`,
      );
    }
    if (identities.some((identity) => state.identities?.includes(identity))) return undefined;
    const later = this.#laterPackTo(
      pack,
      ({ identity }) => identity !== undefined && identities.some((each) => each === identity),
    );
    const message = `${pack.name} is for the identity ${identities.join(' or ')}; the home${since} has ${state.identities.join(', ') || 'none'}`;
    if (later !== undefined) return this.#refuseOrder(pack, later, message);
    return this.#refuse(pack, 'not-applicable', message, 'Take the pack away, or get the one for this release.');
  }

  /** A pack that sorts behind this one, is in, and leads to where this one applies. */
  #laterPackTo(pack: CandidatePack, applies: (leadsTo: LeadsTo) => boolean): CandidatePack | undefined {
    return this.#packs
      .slice(this.#place(pack) + 1)
      .find((other) => this.#isIn(other) && other.leadsTo !== undefined && applies(other.leadsTo));
  }

  #refuseOrder(pack: CandidatePack, later: CandidatePack, message: string): Verdict {
    const hint = `Rename ${pack.name} so that it sorts behind ${later.name}, which leads to what it applies to.`;
    return this.#refuse(pack, 'chain-order', message, hint);
  }

  #judgeRequirements(pack: CandidatePack): Verdict | undefined {
    for (const reference of pack.requires ?? []) {
      if (this.#isSatisfied(reference)) continue;
      const message = `${pack.name} requires ${describe(reference)}`;
      const present = (this.#byId.get(reference.id) ?? []).find(
        (each) => idOf(each) === reference.id || each.name === reference.id,
      );
      const reason =
        present === undefined
          ? 'which is not there'
          : this.#isIn(present)
            ? `and ${present.name} has version ${present.version ?? 'unknown'}`
            : `and ${present.name} is not applied`;
      const hint = `Put ${describe(reference)} beside it${present === undefined ? '' : `, or see why ${present.name} does not do`}.`;
      return this.#refuse(pack, 'requirement-missing', `${message}, ${reason}`, hint);
    }
    return undefined;
  }

  /** By a pack that is in, by one that a pack that is in contains, or absorbs. */
  #isSatisfied(reference: PackReference): boolean {
    const named = this.#byId.get(reference.id) ?? [];
    if (named.some((pack) => means(reference, pack) && (this.#isIn(pack) || this.#judgeSuperseded(pack) !== undefined)))
      return true;
    // A pack that is not there has no version to look at, so a range stays open.
    if (reference.version !== undefined) return false;
    if ((this.#successors.get(reference.id) ?? []).some((pack) => this.#isIn(pack))) return true;
    return this.#packs.some((pack) => pack.absorbs?.includes(reference.id) === true && this.#isIn(pack));
  }

  #judgeConflicts(pack: CandidatePack): Verdict | undefined {
    const declared = (pack.conflicts ?? []).flatMap((reference) =>
      (this.#byId.get(reference.id) ?? []).filter((other) => other !== pack && means(reference, other)),
    );
    for (const other of [...declared, ...this.#namedBy(this.#opponents, pack, 'conflicts')]) {
      if (!this.#isIn(other) || !this.#yields(pack, other)) continue;
      const kept = this.#applied.has(other.name) ? 'is applied already' : 'comes first';
      const message = `${pack.name} and ${other.name} exclude each other, and ${other.name} ${kept}`;
      return this.#refuse(
        pack,
        'conflict',
        message,
        `Take ${other.name} away to have ${pack.name}, or take ${pack.name} away.`,
      );
    }
    return undefined;
  }

  #refuse(pack: CandidatePack, code: RefusalCode, message: string, hint: string): Verdict {
    return { kind: 'refused', entry: { pack: pack.name, code, message, hint } };
  }
}

function without(out: ReadonlyMap<string, Verdict>, names: readonly string[]): Map<string, Verdict> {
  return new Map([...out].filter(([name]) => !names.includes(name)));
}

function missesAnother(verdict: Verdict | undefined): boolean {
  return verdict?.kind === 'refused' && verdict.entry.code === 'requirement-missing';
}

function idOf(pack: CandidatePack): string {
  return pack.id ?? pack.name;
}

/** Whether a reference means a pack: by its id or its folder's name, and by its version where one is asked for. */
function means(reference: PackReference, pack: CandidatePack): boolean {
  if (reference.id !== idOf(pack) && reference.id !== pack.name) return false;
  return (
    reference.version === undefined ||
    (pack.version !== undefined && versionInRange(pack.version, reference.version) === true)
  );
}

function describe(reference: PackReference): string {
  return reference.version === undefined ? reference.id : `${reference.id} ${reference.version}`;
}

function compare(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  const scheme = schemeOf(a, b);
  return scheme === undefined ? undefined : compareVersions(a, b, scheme);
}

function addTo(index: Map<string, CandidatePack[]>, key: string, pack: CandidatePack): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [pack]);
  else list.push(pack);
}
