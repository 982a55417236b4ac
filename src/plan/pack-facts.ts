// What packs say of themselves and what becomes of each, for people and programs: the facts of `plan` and `status`. Pure.

import { splitRooted } from '../home/layout.js';
import type { Pack, PackKind } from '../home/pack.js';
import type { ActionOperation } from './action-operation.js';
import { describeAction } from './describe-action.js';
import { hasError } from './judge-plan.js';
import type { LedgerManifest } from './ledger.js';
import type { Observation } from './observation.js';
import type { Action, Health, PackManifest, PackRelations } from './pack-manifest.js';
import type { Plan } from './plan.js';
import { findReopened } from './reopened.js';

/** `left-out`: its manifest, that of another pack, or policy rules it out. `refused`: something is wrong with it. */
export type PackState = 'applied' | 'apply' | 'update' | 'revert' | 'left-out' | 'refused';

/** `keep`: it has been done, and stays. `none`: nothing, since the pack is not applied. */
export type ActionWish = 'do' | 'undo' | 'keep' | 'none';

export interface ActionFacts {
  readonly title: string;
  readonly kind: Action['kind'];
  /** The condition, as it is written. */
  readonly when?: string;
  readonly wanted: ActionWish;
  /** Of a list or a loop. */
  readonly actions?: readonly ActionFacts[];
}

export interface HealthFacts {
  readonly kind: Health['kind'];
  /** The URL, the path in the home, or the command. */
  readonly what: string;
  readonly timeoutSeconds: number;
}

/** A pack with a manifest, or one that is left out. Of a pack that has gone, only what is on record. */
export interface PackFacts extends Partial<PackRelations> {
  readonly name: string;
  readonly kind: PackKind;
  readonly state: PackState;
  /** Why it is left out, refused, or reverted though it is there. */
  readonly reason?: string;
  readonly title?: string;
  /** CVE and issue ids. */
  readonly fixes?: readonly string[];
  /** Those that are fixed now and by no pack afterwards. */
  readonly reopens?: readonly string[];
  /** How many files its manifest lists. */
  readonly digests?: number;
  readonly health?: HealthFacts;
  readonly actions?: readonly ActionFacts[];
}

/** In applied order; then what is left out; then what goes. */
export function describePacks(observation: Observation, plan: Plan): PackFacts[] {
  const { packs, excluded, ledger } = observation;
  const reasons = new Map<string, string>();
  for (const { severity, pack, message } of plan.problems)
    if (severity === 'error' && pack !== undefined && !reasons.has(pack)) reasons.set(pack, message);
  const acts = new Map<string, ActionOperation[]>();
  for (const operation of plan.operations) {
    if (operation.kind !== 'action') continue;
    acts.set(operation.pack, [...(acts.get(operation.pack) ?? []), operation]);
  }
  const sound = packs.filter((pack) => !hasError(pack));
  const reopened = new Map(findReopened(ledger?.packs ?? [], sound).map(({ pack, fixes }) => [pack, fixes]));
  const recorded = new Map((ledger?.packs ?? []).map((pack) => [pack.name, pack]));
  const facts = (
    { name, kind }: Pick<Pack, 'name' | 'kind'>,
    fate: { readonly state: PackState; readonly reason?: string | undefined },
    manifest: PackManifest | LedgerManifest | undefined,
  ): PackFacts => {
    const open = reopened.get(name);
    const actions = actionFacts(fate.state, manifest, acts.get(name));
    return {
      name,
      kind,
      state: fate.state,
      ...(fate.reason === undefined ? {} : { reason: fate.reason }),
      ...(manifest === undefined ? {} : sayings(manifest)),
      ...(open === undefined ? {} : { reopens: open }),
      ...(actions.length === 0 ? {} : { actions }),
    };
  };
  const found: PackFacts[] = [];
  for (const pack of packs) {
    const reason = reasons.get(pack.name);
    const manifest = pack.manifest ?? pack.recorded;
    if (manifest === undefined && reason === undefined) continue;
    found.push(facts(pack, { state: reason === undefined ? stateOf(pack.name, plan) : 'refused', reason }, manifest));
  }
  for (const one of excluded) {
    const state = plan.revert.includes(one.name) ? 'revert' : 'left-out';
    found.push(facts(one, { state, reason: one.reason }, one.manifest ?? recorded.get(one.name)?.manifest));
  }
  const known = new Set(found.map(({ name }) => name));
  for (const name of plan.revert) {
    const pack = recorded.get(name);
    if (pack === undefined || known.has(name) || (pack.manifest === undefined && pack.actions === undefined)) continue;
    found.push(facts(pack, { state: 'revert' }, pack.manifest));
  }
  return found;
}

function stateOf(name: string, plan: Plan): PackState {
  if (plan.apply.includes(name)) return 'apply';
  return plan.update.includes(name) ? 'update' : 'applied';
}

function sayings(manifest: PackManifest | LedgerManifest): Partial<PackFacts> {
  const { id, version, fixes } = manifest;
  if (!('files' in manifest)) return { id, version, fixes };
  const { title, appliesTo, leadsTo, requires, conflicts, supersedes, chainable, digests, health } = manifest;
  return {
    id,
    version,
    ...(title === undefined ? {} : { title }),
    ...(appliesTo === undefined ? {} : { appliesTo }),
    ...(leadsTo === undefined ? {} : { leadsTo }),
    requires,
    conflicts,
    supersedes,
    chainable,
    fixes,
    digests: digests.size,
    ...(health === undefined ? {} : { health: healthFacts(health) }),
  };
}

export function healthFacts(health: Health): HealthFacts {
  const { kind, timeoutSeconds } = health;
  switch (kind) {
    case 'command':
      return { kind, what: health.argv.join(' '), timeoutSeconds };
    case 'url':
      return { kind, what: health.url, timeoutSeconds };
    case 'file':
      return { kind, what: `/${splitRooted(health.path).path}`, timeoutSeconds };
  }
}

/** Those that the plan does or takes back, in its order; else those of the manifest. */
function actionFacts(
  state: PackState,
  manifest: PackManifest | LedgerManifest | undefined,
  planned: readonly ActionOperation[] | undefined,
): ActionFacts[] {
  if (planned !== undefined && state !== 'refused' && state !== 'left-out')
    return planned.map((one) =>
      one.direction === 'do' ? actionFact(one.action, 'do') : actionFact(one.done.action, 'undo'),
    );
  if (manifest === undefined || !('actions' in manifest)) return [];
  return manifest.actions.map((action) => actionFact(action, state === 'applied' ? 'keep' : 'none'));
}

function actionFact(action: Action, wanted: ActionWish): ActionFacts {
  const { kind, when } = action;
  return {
    title: describeAction(action),
    kind,
    ...(when === undefined ? {} : { when: when.text }),
    wanted,
    ...(action.kind === 'list' || action.kind === 'forEach'
      ? { actions: action.actions.map((one) => actionFact(one, wanted)) }
      : {}),
  };
}
