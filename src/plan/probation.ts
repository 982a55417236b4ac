// Health-gated commits: what is on probation until the server says that it is healthy, and what was taken back because it did
// not (docs/patch-json.md, "health"). What the record says of both after a plan. Pure.

import { HELD_FOLDER, rooted } from '../home/layout.js';
import type { RootedPath } from '../home/entry.js';
import type { Pack, PackKind } from '../home/pack.js';
import { notice, type Problem } from '../problem.js';
import { type HealthFacts, healthFacts } from './pack-facts.js';
import type { Health } from './pack-manifest.js';

export interface HealthCheck {
  readonly pack: string;
  readonly health: Health;
}

/** A transaction that is on probation; it ends when no check is left. */
export interface Probation {
  readonly transaction: string;
  /** What it has applied or updated, and what goes with it. */
  readonly packs: readonly PackPlace[];
  /** Those that the server has not passed yet. */
  readonly checks: readonly HealthCheck[];
  /** When the hook has let a server start on it, in milliseconds since the epoch; absent where none was started yet. */
  readonly startedMs?: number;
}

export interface PackPlace {
  readonly name: string;
  readonly kind: PackKind;
  /** The folder or zip in the drop folders. */
  readonly path: RootedPath;
}

/** A pack that was taken back; it is left out as long as it lies there as it did then. */
export interface QuarantinedPack extends PackPlace {
  readonly reason: string;
  readonly transaction: string;
  /** Tells whether anything in it has been changed. */
  readonly stamp: string;
  /** The change time of its folder, or zip: another one where it was put in again. */
  readonly changedMs: number;
}

/** What a look has found about health; only where the record has something of it. */
export interface HealthObservation {
  /** What is still on probation, without the checks that are passed now. */
  readonly probation: readonly Probation[];
  /** What is left out, with what this look has found to have failed. */
  readonly quarantined: readonly QuarantinedPack[];
  readonly passed: readonly HealthCheck[];
}

/** What the packs of a plan say of health. */
export interface HealthRecord {
  readonly probation?: readonly Probation[];
  readonly quarantined?: readonly QuarantinedPack[];
}

/** A probation for people and programs. */
export interface ProbationFacts {
  readonly transaction: string;
  readonly packs: readonly string[];
  readonly checks: readonly ({ readonly pack: string } & HealthFacts)[];
  /** When a server was started on it, ISO 8601; null where none was yet. */
  readonly startedAt: string | null;
  /** Of the check that has the least; null where no server was started yet. */
  readonly secondsLeft: number | null;
}

export function describeProbation(one: Probation, nowMs: number): ProbationFacts {
  const { transaction, packs, checks, startedMs } = one;
  const left = checks.map(({ health }) => (startedMs ?? 0) + health.timeoutSeconds * 1000 - nowMs);
  return {
    transaction,
    packs: packs.map(({ name }) => name),
    checks: checks.map(({ pack, health }) => ({ pack, ...healthFacts(health) })),
    startedAt: startedMs === undefined ? null : new Date(startedMs).toISOString(),
    secondsLeft: startedMs === undefined ? null : Math.max(0, Math.ceil(Math.min(...left) / 1000)),
  };
}

/** What is worth saying: what waits, and what is left out. */
export function healthProblems(seen: HealthObservation): Problem[] {
  const waiting = seen.probation.map((one) => {
    const { packs, checks } = describeProbation(one, 0);
    const until =
      one.startedMs === undefined
        ? 'the time begins when the hook starts the server'
        : `a start before the server has shown that it is healthy takes ${packs.length === 1 ? 'it' : 'them'} back`;
    const what = checks.map(({ pack, kind, what }) => `${pack}: ${kind} ${what}`).join('; ');
    return notice('PROBATION', 'info', `${packs.join(', ')} on probation (${what}): ${until}`, {
      pack: packs[0],
      hint: 'The server is asked by prepatch watch, or by prepatch boot where it stays its parent; a touched file is seen by the next start.',
    });
  });
  const out = seen.quarantined.map(({ name, reason }) =>
    notice('QUARANTINED', 'warning', `${name} is quarantined: ${reason}`, {
      pack: name,
      hint: `Change ${name}, or take it out and put it in again, to have it tried again.`,
    }),
  );
  return [...waiting, ...out];
}

/**
 * The record after a plan. `fresh` packs are applied or updated by it, and begin a probation of their own; `startsMs` is there
 * where a server is started afterwards.
 */
export function recordHealth(
  seen: HealthRecord,
  packs: readonly Pack[],
  fresh: ReadonlySet<string>,
  transaction: string,
  startsMs: number | undefined,
): HealthRecord {
  const staying = new Set(packs.map(({ name }) => name).filter((name) => !fresh.has(name)));
  const begun = startsMs === undefined ? {} : { startedMs: startsMs };
  const kept = (seen.probation ?? []).flatMap((one): Probation[] => {
    const checks = one.checks.filter(({ pack }) => staying.has(pack));
    if (checks.length === 0) return [];
    return [{ ...begun, ...one, packs: one.packs.filter(({ name }) => staying.has(name)), checks }];
  });
  const checks = packs.flatMap(({ name, manifest }): HealthCheck[] =>
    fresh.has(name) && manifest?.health !== undefined ? [{ pack: name, health: manifest.health }] : [],
  );
  const places = packs.filter(({ name }) => fresh.has(name)).map(placeOf);
  const probation = checks.length === 0 ? kept : [...kept, { transaction, packs: places, checks, ...begun }];
  const quarantined = seen.quarantined ?? [];
  return {
    ...(probation.length === 0 ? {} : { probation }),
    ...(quarantined.length === 0 ? {} : { quarantined }),
  };
}

/** Where a pack lies after the plan that applies it. */
function placeOf({ name, kind, folder, zip, unpacking }: Pack): PackPlace {
  const root = kind === 'patch' ? 'patches' : 'servicepacks';
  const path = unpacking === undefined ? (zip ?? folder) : rooted(root, name);
  return { name, kind, path: path.replace(`:${HELD_FOLDER}/`, ':') as RootedPath };
}
