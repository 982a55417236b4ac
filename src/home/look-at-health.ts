// What the files of a home say about health: whether the server has touched what it was to touch, whose time is over, and which
// packs that were taken back still lie there unchanged. Reads only.

import type { Ledger } from '../plan/ledger.js';
import type { HealthCheck, HealthObservation, PackPlace, Probation, QuarantinedPack } from '../plan/probation.js';
import { md5OfText } from '../system/digest-text.js';
import type { Files, FileStat } from '../system/files.js';
import type { RootedPath } from './entry.js';
import { absolute, HELD_FOLDER, type Layout, rooted, splitRooted } from './layout.js';
import { PAYLOAD_FOLDER } from './pack-source.js';
import { walkTree } from './tree.js';

/** `ignore`: whoever only compares with the record. `look`: time decides. `server`: a server is about to be started (again). */
export type HealthGate = 'ignore' | 'look' | 'server';

export interface HealthLook {
  readonly gate: HealthGate;
  readonly nowMs: number;
  /** When a transaction was recorded as committed, if that is known. */
  readonly committedMs: (transaction: string) => number | undefined;
  /** The transaction that was interrupted, and completed by this very run: no server has started on it. */
  readonly completed: string | undefined;
}

/** Undefined where the record has nothing about health. */
export function lookAtHealth(
  files: Files,
  layout: Layout,
  ledger: Ledger | undefined,
  look: HealthLook,
): HealthObservation | undefined {
  if (ledger?.probation === undefined && ledger?.quarantined === undefined) return undefined;
  const quarantined = (ledger.quarantined ?? []).filter((pack) => isUnchanged(files, layout, pack));
  const probation: Probation[] = [];
  const passed: HealthCheck[] = [];
  for (const one of ledger.probation ?? []) {
    if (look.gate === 'ignore') {
      probation.push(one);
      continue;
    }
    const sinceMs = sinceOf(one, look.committedMs);
    const isPassed = (check: HealthCheck) => isTouchedSince(files, layout, check, sinceMs);
    const checks = one.checks.filter((check) => !isPassed(check));
    passed.push(...one.checks.filter(isPassed));
    if (checks.length === 0) continue;
    const late = one.transaction === look.completed ? undefined : findLate({ ...one, checks }, look);
    if (late === undefined) probation.push({ ...one, checks });
    else
      for (const pack of one.packs) {
        const stamp = stampOf(files, layout, pack);
        if (stamp === undefined) continue;
        const { stamp: text, changedMs } = stamp;
        const reason = `${pack.name} was taken back: ${late}`;
        quarantined.push({ ...pack, reason, transaction: one.transaction, stamp: text, changedMs });
      }
  }
  return { probation, quarantined, passed };
}

/** Since when a touch counts: the commit, or the start of the server on it. */
export function sinceOf(one: Probation, committedMs: (transaction: string) => number | undefined): number {
  return Math.max(committedMs(one.transaction) ?? 0, one.startedMs ?? 0);
}

/** Whether the server has touched the file of a check; false for other checks. */
export function isTouchedSince(files: Files, layout: Layout, { health }: HealthCheck, sinceMs: number): boolean {
  if (health.kind !== 'file') return false;
  const stat = files.stat(absolute(layout, health.path));
  return stat?.kind === 'file' && (stat.mtimeMs > sinceMs || stat.ctimeMs > sinceMs);
}

/** Why a probation has failed; undefined where it has time. Before a server has been started, no time runs. */
function findLate(one: Probation, { gate, nowMs }: HealthLook): string | undefined {
  const [first] = one.checks;
  if (one.startedMs === undefined || first === undefined) return undefined;
  const startedMs = one.startedMs;
  const late = one.checks.find(({ health }) => nowMs - startedMs > health.timeoutSeconds * 1000);
  if (late !== undefined)
    return `the server did not show that it is healthy within ${late.health.timeoutSeconds} s (${late.pack}: ${describe(late)})`;
  return gate === 'server'
    ? `the server was started again before it had shown that it is healthy (${first.pack}: ${describe(first)})`
    : undefined;
}

function describe({ health }: HealthCheck): string {
  switch (health.kind) {
    case 'command':
      return `command ${health.argv[0] ?? ''}`;
    case 'url':
      return `url ${health.url}`;
    case 'file':
      return `file /${splitRooted(health.path).path}`;
  }
}

function isUnchanged(files: Files, layout: Layout, pack: QuarantinedPack): boolean {
  const now = stampOf(files, layout, pack);
  return now !== undefined && now.stamp === pack.stamp && (now.isHeld || now.changedMs === pack.changedMs);
}

/** What changes where anything in a pack is changed; undefined where it is not there. Moving it out of a companion's sight is none. */
function stampOf(
  files: Files,
  layout: Layout,
  { name, kind, path }: PackPlace,
): { readonly stamp: string; readonly changedMs: number; readonly isHeld: boolean } | undefined {
  const { root, path: inside } = splitRooted(path);
  const held = rooted(root, `${HELD_FOLDER}/${inside}`);
  const there = [path, held].find((one) => files.stat(absolute(layout, one)) !== undefined);
  const top = there === undefined ? undefined : files.stat(absolute(layout, there));
  if (there === undefined || top === undefined) return undefined;
  const lines = describeTree(files, layout, there);
  if (kind === 'patch')
    for (const one of [rooted('patches', `${name}.json`), rooted('patches', `${PAYLOAD_FOLDER}/${name}`)])
      lines.push(...describeTree(files, layout, one));
  return { stamp: md5OfText(lines.join('\n')), changedMs: top.ctimeMs, isHeld: there === held };
}

function describeTree(files: Files, layout: Layout, path: RootedPath): string[] {
  const full = absolute(layout, path);
  const line = (name: string, { kind, sizeBytes, mtimeMs, inode }: FileStat) =>
    kind === 'directory' ? `${name}/` : `${name} ${kind} ${sizeBytes} ${mtimeMs} ${inode}`;
  const top = files.stat(full);
  if (top === undefined) return [];
  if (top.kind !== 'directory') return [line('', top)];
  return ['/', ...walkTree(files, full).map((entry) => line(entry.path, entry.stat))];
}
