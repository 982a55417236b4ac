// Drops that may still be on their way: packs of which something was changed a short time ago. Times are change times, which
// copying tools cannot set, compared with the present time in the clock of the file system.

import { errnoOf } from '../error.js';
import { notice, type Problem } from '../problem.js';
import type { Files, FileStat } from '../system/files.js';
import { absolute, display, type Layout } from './layout.js';
import { listPacks } from './list-packs.js';
import type { PackRules } from './pack-rules.js';
import { type ListedPack, packFolder } from './pack-source.js';
import { walkTree } from './tree.js';

/** Beyond this a time in the future says that the clock was set back, and nothing about a copy. */
const CLOCK_SLACK_MS = 2000;
/** No clock of a file server is wrong by more while anybody works with it; older packs are settled without asking it. */
const SURELY_SETTLED_MS = 24 * 60 * 60 * 1000;

const STILL_COPIED = 'is still being copied';

/** Packs of which something was changed less than `settleMs` ago. `nowMs` is only a first guess at the file system's time. */
export function findUnsettled(
  files: Files,
  layout: Layout,
  rules: PackRules,
  settleMs: number,
  nowMs: number,
): ListedPack[] {
  if (settleMs <= 0) return [];
  const listing = listPacks(files, layout, rules);
  const packs = [
    ...listing.olderServicepacks,
    ...(listing.servicepack === undefined ? [] : [listing.servicepack]),
    ...listing.patches,
  ];
  const changed = packs
    .map((pack) => ({ pack, times: changesIn(files, absolute(layout, packFolder(pack))) }))
    .filter(({ times }) => times.some((changedMs) => changedMs > nowMs - settleMs - SURELY_SETTLED_MS));
  if (changed.length === 0) return [];
  const presentMs = timeIn(files, layout) ?? nowMs;
  // Each time for itself: one in the future, which is as old as it may be, must not hide one that is new.
  const isNew = (changedMs: number) => presentMs - changedMs < settleMs && changedMs - presentMs < CLOCK_SLACK_MS;
  return changed.filter(({ times }) => times.some(isNew)).map(({ pack }) => pack);
}

/**
 * The times of change in a folder: of a file its change time; of a folder the time when its entries changed last, since moving a
 * whole folder into place is no change of what is in it.
 */
function changesIn(files: Files, folder: string): number[] {
  const timeOf = (stat: FileStat) => (stat.kind === 'directory' ? stat.mtimeMs : stat.ctimeMs);
  const top = files.stat(folder);
  if (top === undefined) return [];
  try {
    const entries = top.kind === 'directory' ? walkTree(files, folder) : [];
    return [timeOf(top), ...entries.map((entry) => timeOf(entry.stat))];
  } catch {
    // What cannot be read is a problem of the pack when it is read.
    return [timeOf(top)];
  }
}

/** Undefined where nothing may be written: a plan is made there too. */
function timeIn(files: Files, layout: Layout): number | undefined {
  const folder = files.stat(layout.state)?.kind === 'directory' ? layout.state : layout.components;
  try {
    return files.fileSystemTime(folder);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

export function unsettledProblem(layout: Layout, pack: ListedPack): Problem {
  const path = display(layout, absolute(layout, packFolder(pack)));
  return notice('DEFERRED', 'warning', `${path} ${STILL_COPIED}; it is left for the next start`, {
    pack: pack.name,
    path,
    hint: 'Nothing has to be done if the copy is whole by then. The setting settleSeconds says how long nothing may change.',
  });
}

/** Whether a problem will be gone when a copy has ended, and nothing else has to happen. */
export function isUnsettled(problem: Problem): boolean {
  return problem.code === 'DEFERRED' && problem.message.includes(STILL_COPIED);
}
