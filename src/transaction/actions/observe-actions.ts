// What planning needs to know of actions: whether those of a pack have changed, which version the home has before each pack,
// and whether what an earlier transaction did can be taken back as things are. Reads only; nothing is loaded that is not needed.

import { PatchError } from '../../error.js';
import { readHomeFacts } from '../../home/home-version.js';
import type { Pack } from '../../home/pack.js';
import type { ActionConflict } from '../../plan/action-operation.js';
import type { LedgerPack } from '../../plan/ledger.js';
import type { ActionObservation, Observation } from '../../plan/observation.js';
import { digestText } from '../../system/digest-text.js';
import type { Files } from '../../system/files.js';
import { pathsOf } from './apply-changes.js';
import { contentReader, DiskView, ExpectedView, Uncertain } from './home-view.js';
import { checkOwner, coveredPaths } from './planned-change.js';

export async function observeActions(files: Files, observation: Observation): Promise<ActionObservation> {
  const { packs, ledger, layout } = observation;
  const keys = new Map<string, string>();
  const homeVersions = new Map<string, string>();
  let version: string | undefined;
  if (packs.some((pack) => hasActions(pack))) ({ version } = readHomeFacts(files, layout, ledger, []));
  for (const pack of packs) {
    if (hasActions(pack)) {
      keys.set(pack.name, keyOf(pack));
      if (version !== undefined) homeVersions.set(pack.name, version);
    }
    version = pack.manifest?.leadsTo?.version ?? version;
  }
  const leaving = (ledger?.packs ?? []).filter(
    (pack) => pack.actions !== undefined && keys.get(pack.name) !== pack.actions.key,
  );
  const conflicts = leaving.length === 0 ? [] : await findConflicts(files, observation, leaving);
  return { keys, homeVersions, conflicts };
}

function hasActions(pack: Pack): boolean {
  return (pack.manifest?.actions.length ?? 0) > 0;
}

/** Another one where the actions, or any file of the pack, are others. */
function keyOf(pack: Pack): string {
  const content = [...(pack.content ?? [])].map(([path, { entry }]) => [path, entry.kind === 'file' ? entry.md5 : '']);
  const files = pack.files.map((file) => [file.target, file.entry.md5]);
  return digestText(JSON.stringify([pack.manifest?.actions, content, files]));
}

/** Takes everything back on paper, in the order in which it will be taken back. */
async function findConflicts(
  files: Files,
  { layout, ledger }: Observation,
  leaving: readonly LedgerPack[],
): Promise<ActionConflict[]> {
  const { planReverts } = await import('./plan-revert.js');
  const covered = coveredPaths(
    layout,
    (ledger?.packs ?? [])
      .filter((pack) => !leaving.includes(pack))
      .flatMap((pack) => pack.files.map((file) => file.target)),
  );
  const readContent = contentReader(files, layout);
  const view = new ExpectedView(new DiskView(files, layout), readContent);
  const conflicts: ActionConflict[] = [];
  // A command or a module between them is taken not to mend what it did not do.
  for (const pack of [...leaving].reverse()) {
    for (const action of [...(pack.actions?.done ?? [])].reverse()) {
      try {
        const found = planReverts(layout, view, action.undo, readContent);
        if (found.kind === 'conflict') {
          conflicts.push({ pack: pack.name, path: found.path, message: found.message });
          continue;
        }
        for (const { change } of found.changes) for (const path of pathsOf(change)) checkOwner(layout, path, covered);
        for (const change of found.changes) view.apply(change);
      } catch (error) {
        if (error instanceof Uncertain) return conflicts;
        if (!(error instanceof PatchError)) throw error;
        conflicts.push({ pack: pack.name, path: error.path, message: error.message });
      }
    }
  }
  return conflicts;
}
