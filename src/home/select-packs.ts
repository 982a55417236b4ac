// Which of the packs that were found are to be applied: the last service pack, the patches that it does not absorb, and of
// those the ones whose manifests allow it (Carbon rules 7 to 9; docs/patch-json.md, "Which packs apply"). Reads only.

import type { CandidatePack, Eligibility, EligibilityInput } from '../plan/eligibility.js';
import type { Ledger } from '../plan/ledger.js';
import type { PackManifest } from '../plan/pack-manifest.js';
import { notice, type Problem } from '../problem.js';
import type { Files } from '../system/files.js';
import { readHomeFacts } from './home-version.js';
import { display, type Layout } from './layout.js';
import type { PackListing } from './list-packs.js';
import type { PackKind } from './pack.js';
import type { PackRules } from './pack-rules.js';
import { type ListedPack, packFolder } from './pack-source.js';
import type { ManifestParser } from './read-manifest.js';
import { type WalkedPack, walkPack } from './walk-pack.js';

/** What manifests need, and what is loaded only where there is one. */
export interface ManifestRules {
  readonly parse: ManifestParser;
  readonly choose: (input: EligibilityInput) => Promise<Eligibility>;
  /** Paths of the home, in the order in which its releases name them. */
  readonly identityFiles: readonly string[];
}

export interface SelectOptions {
  readonly rules: PackRules;
  readonly manifests: ManifestRules;
  readonly ledger: Ledger | undefined;
  readonly isExcluded: (pack: ListedPack) => boolean;
}

export interface Selection {
  readonly servicepack: ListedPack | undefined;
  readonly absorbs: readonly string[];
  /** In applied order. */
  readonly walked: readonly WalkedPack[];
  /** Packs whose manifests, or those of others, rule them out. */
  readonly leftOut: readonly {
    readonly name: string;
    readonly kind: PackKind;
    readonly reason: string;
    readonly manifest?: PackManifest;
  }[];
  readonly problems: readonly Problem[];
  /** The home’s version, where a pack has a manifest and a file of the home tells. */
  readonly homeVersion: string | undefined;
}

export async function selectPacks(
  files: Files,
  layout: Layout,
  listing: PackListing,
  options: SelectOptions,
): Promise<Selection> {
  const { isExcluded, rules, manifests, ledger } = options;
  const candidates = [
    ...listing.olderServicepacks,
    ...(listing.servicepack === undefined ? [] : [listing.servicepack]),
  ].filter((pack) => !isExcluded(pack));
  const walkedAlready = new Map<ListedPack, WalkedPack>();
  const walk = async (pack: ListedPack): Promise<WalkedPack> => {
    const { parse } = manifests;
    const known = walkedAlready.get(pack);
    if (known !== undefined) return known;
    const { manifests: beside, payloads } = listing;
    const walked = await walkPack(files, layout, pack, { rules, manifests: beside, payloads, parse });
    walkedAlready.set(pack, walked);
    return walked;
  };
  const refused: Selection['leftOut'][number][] = [];
  const refusals: Problem[] = [];
  for (;;) {
    const servicepack = candidates.at(-1);
    // Its list is read once, with the pack: one that cannot be read is a problem of the pack, never an empty list.
    const absorbs = servicepack === undefined ? [] : (await walk(servicepack)).absorbs;
    const patches = listing.patches.filter((pack) => !absorbs.includes(pack.name) && !isExcluded(pack));
    const walked: WalkedPack[] = [];
    for (const pack of servicepack === undefined ? patches : [servicepack, ...patches]) walked.push(await walk(pack));
    const described = walked.filter((one) => one.described !== undefined);
    if (described.length === 0)
      return { servicepack, absorbs, walked, leftOut: refused, problems: refusals, homeVersion: undefined };
    const facts = readHomeFacts(files, layout, ledger, manifests.identityFiles);
    const sound = walked.filter((one) => one.problems.every((problem) => problem.severity !== 'error'));
    const chosen = await manifests.choose({
      packs: sound.map(toCandidate),
      home: {
        identities: facts.identities,
        ...(facts.version === undefined ? {} : { version: facts.version }),
      },
      applied: (ledger?.packs ?? []).map((pack) => pack.name),
    });
    const { leftOut, problems } = judge(layout, walked, chosen);
    const top = leftOut.find((one) => one.kind === 'servicepack');
    if (top === undefined) {
      const out = new Set(leftOut.map((one) => one.name));
      return {
        servicepack,
        absorbs,
        walked: walked.filter((one) => !out.has(one.listed.name)),
        leftOut: [...refused, ...leftOut],
        problems: [...refusals, ...problems],
        homeVersion: facts.version,
      };
    }
    // Without it the service pack before it counts, and the patches that it absorbed.
    refused.push(top);
    refusals.push(...problems.filter((problem) => problem.pack === top.name));
    candidates.pop();
  }
}

function toCandidate(one: WalkedPack): CandidatePack {
  const manifest = one.described?.manifest;
  const { name } = one.listed;
  const { absorbs } = one;
  if (manifest === undefined) return absorbs.length === 0 ? { name } : { name, absorbs };
  const { id, version, appliesTo, leadsTo, requires, conflicts, supersedes, chainable } = manifest;
  return {
    name,
    id,
    version,
    ...(appliesTo === undefined ? {} : { appliesTo }),
    ...(leadsTo === undefined ? {} : { leadsTo }),
    requires,
    conflicts,
    supersedes,
    chainable,
    absorbs,
  };
}

function judge(
  layout: Layout,
  walked: readonly WalkedPack[],
  chosen: Eligibility,
): Pick<Selection, 'leftOut' | 'problems'> {
  const leftOut: Selection['leftOut'][number][] = [];
  const problems: Problem[] = [];
  const leave = (
    name: string,
    code: 'NOT_ELIGIBLE' | 'DEFERRED' | 'SUPERSEDED',
    severity: 'info' | 'warning',
    reason: string,
    hint: string,
  ) => {
    const one = walked.find((candidate) => candidate.listed.name === name);
    if (one === undefined) return;
    const path = display(layout, one.listed.zip?.path ?? packFolder(one.listed));
    const manifest = one.described?.manifest;
    leftOut.push({ name, kind: one.listed.kind, reason, ...(manifest === undefined ? {} : { manifest }) });
    problems.push(notice(code, severity, reason, { pack: name, path, hint }));
  };
  for (const { pack, code, message, hint } of chosen.refused)
    leave(pack, 'NOT_ELIGIBLE', 'warning', `${pack} is not applied (${code}): ${message}`, hint);
  for (const { pack, reason } of chosen.deferred)
    leave(pack, 'DEFERRED', 'warning', `${pack} waits: ${reason}`, 'Nothing has to be done.');
  for (const { pack, reason } of chosen.superseded)
    leave(pack, 'SUPERSEDED', 'info', `${pack} is not applied: ${reason}`, 'It can be taken away.');
  return { leftOut, problems };
}
