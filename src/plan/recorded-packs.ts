// Packs as the record has them: what the home is to be where their folders cannot say it. Pure.

import type { Md5, RootedPath } from '../home/entry.js';
import type { Pack, PackKind } from '../home/pack.js';
import type { ListedPack } from '../home/pack-source.js';
import type { LedgerPack } from './ledger.js';
import type { Observation } from './observation.js';

/** A pack as the ledger has it; its files come from the pack's folder where they are still the same there. */
export function packOfLedger(recorded: LedgerPack, packs: readonly Pack[], deltas?: Observation['deltas']): Pack {
  const folder = packs.find((pack) => pack.name === recorded.name && pack.kind === recorded.kind);
  const root = recorded.kind === 'patch' ? 'patches' : 'servicepacks';
  return {
    name: recorded.name,
    kind: recorded.kind,
    held: false,
    folder: folder?.folder ?? (`${root}:${recorded.name}` as RootedPath),
    absorbs: recorded.absorbs,
    files: recorded.files.map((file) => {
      const source = folder?.files.find((one) => one.target === file.target && one.entry.md5 === file.md5);
      return {
        fileName: file.fileName,
        source:
          source?.source ??
          file.source ??
          (file.operation === true ? findContent(folder, file.md5, deltas) : undefined),
        ...(file.operation === true ? { operation: true as const } : {}),
        ...(file.setsMode === true ? { setsMode: true as const } : {}),
        target: file.target,
        entry: { kind: 'file', md5: file.md5, sizeBytes: file.sizeBytes, mode: file.mode },
        ...(file.bundle === undefined ? {} : { bundle: file.bundle }),
      };
    }),
    directories: recorded.directories.map((directory) => ({
      target: directory.target,
      entry: { kind: 'directory', mode: directory.mode },
    })),
    problems: [],
    ...(recorded.removes === undefined ? {} : { removes: recorded.removes }),
    ...(recorded.manifest === undefined ? {} : { recorded: recorded.manifest }),
    ...(recorded.actions === undefined ? {} : { actions: recorded.actions }),
  };
}

/** Where a pack has content that one of its operations has put somewhere, or what a delta has made. */
function findContent(pack: Pack | undefined, md5: Md5, deltas: Observation['deltas']): RootedPath | undefined {
  const brought = [...(pack?.content?.values() ?? [])].find(({ entry }) => entry.kind === 'file' && entry.md5 === md5);
  if (pack === undefined || brought !== undefined) return brought?.source;
  const made = [...(deltas?.values() ?? [])].find((delta) => delta.kind === 'made' && delta.entry.md5 === md5);
  return made?.kind === 'made' ? made.path : undefined;
}

/** Of packs that are left for the next start, those that are applied stay as they are on record. */
export function keepApplied(
  observation: Observation,
  left: readonly ListedPack[],
  compareNames: (a: string, b: string) => number,
): Observation {
  const among = (packs: readonly { readonly name: string; readonly kind: PackKind }[], pack: LedgerPack) =>
    packs.some((one) => one.name === pack.name && one.kind === pack.kind);
  // What is left may be a zip that only has the name of a pack that is there.
  const recorded = (observation.ledger?.packs ?? []).filter(
    (pack) => among(left, pack) && !among(observation.packs, pack),
  );
  if (recorded.length === 0) return observation;
  const kept = recorded.map((pack) => packOfLedger(pack, []));
  const servicepack = kept.find((pack) => pack.kind === 'servicepack');
  const others = observation.packs.filter(
    (pack) => servicepack === undefined || (pack.kind === 'patch' && !servicepack.absorbs.includes(pack.name)),
  );
  const rank = (pack: Pack) => (pack.kind === 'servicepack' ? 0 : 1);
  const packs = [...others, ...kept].sort((a, b) => rank(a) - rank(b) || compareNames(a.name, b.name));
  return { ...observation, packs, ...(observation.companion ? { visible: observation.packs } : {}) };
}

/** Whether two packs bring the same to the same places, operations of manifests left out. */
export function sameFiles(a: Pack, b: Pack): boolean {
  const own = a.files.filter((file) => file.operation !== true);
  const files = new Map(own.map((file) => [file.target, file.entry.md5]));
  return own.length === b.files.length && b.files.every((file) => files.get(file.target) === file.entry.md5);
}
