// Which actions a plan runs: those of packs that leave or change are taken back, the last first; those of packs that are new or
// have changed are done, in the order of the packs. Pure.

import { HELD_FOLDER, rooted } from '../home/layout.js';
import type { Pack } from '../home/pack.js';
import type { RootedPath } from '../home/entry.js';
import { errorProblem, type Problem } from '../problem.js';
import type { ActionOperation, ActionRules, LedgerActions, PayloadDigests } from './action-operation.js';
import type { LedgerPack } from './ledger.js';
import type { ActionObservation } from './observation.js';
import type { Action } from './pack-manifest.js';

export interface ActionPlan {
  readonly undo: readonly ActionOperation[];
  readonly perform: readonly ActionOperation[];
  readonly problems: readonly Problem[];
  /** By pack; what is to be done is filled in when it is done. */
  readonly ledger: ReadonlyMap<string, LedgerActions>;
}

export function planActions(
  prior: readonly LedgerPack[],
  packs: readonly Pack[],
  seen: ActionObservation | undefined,
  rules: ActionRules,
): ActionPlan {
  const perform: ActionOperation[] = [];
  const problems: Problem[] = [];
  const ledger = new Map<string, LedgerActions>();
  for (const pack of packs) {
    const before = prior.find((one) => one.name === pack.name && one.kind === pack.kind)?.actions;
    const key = pack.actions?.key ?? seen?.keys.get(pack.name);
    if (key === undefined) continue;
    if (before?.key === key) {
      ledger.set(pack.name, before);
      continue;
    }
    ledger.set(pack.name, { key, done: [] });
    problems.push(...refusals(pack, rules));
    perform.push(...doing(pack, seen));
  }
  const leaving = prior.filter((pack) => pack.actions !== undefined && ledger.get(pack.name)?.key !== pack.actions.key);
  for (const conflict of seen?.conflicts ?? []) {
    if (!leaving.some((pack) => pack.name === conflict.pack)) continue;
    const { pack, path, message } = conflict;
    problems.push(
      errorProblem('CONFLICT', `the actions of ${pack} cannot be taken back: ${message}`, {
        pack,
        path,
        hint: 'Put back what the pack had set there, or keep the pack in place.',
      }),
    );
  }
  return { undo: leaving.reverse().flatMap(undoing), perform, problems, ledger };
}

function doing(pack: Pack, seen: ActionObservation | undefined): ActionOperation[] {
  const { manifest } = pack;
  const homeVersion = seen?.homeVersions.get(pack.name);
  return (manifest?.actions ?? []).map((action, index) => ({
    kind: 'action',
    direction: 'do',
    path: rootAfterMoves(pack),
    pack: pack.name,
    index,
    action,
    digests: digestsOf(pack, action),
    ...(homeVersion === undefined ? {} : { homeVersion }),
  }));
}

/** What an action brings must be what it was when the plan was made; a path that a value completes may be any. */
function digestsOf(pack: Pack, action: Action): PayloadDigests {
  const sources = flatten([action]).flatMap((each) => {
    switch (each.kind) {
      case 'create':
      case 'update':
        return each.source === undefined ? [] : [each.source];
      case 'unzip':
        return [each.archive];
      case 'module':
        return [each.file];
      default:
        return [];
    }
  });
  const isUsed = (path: string) =>
    sources.some((source) => source.includes('$') || path === source || path.startsWith(`${source}/`));
  const digests: Record<string, PayloadDigests[string]> = {};
  for (const [path, { entry }] of pack.content ?? [])
    if (entry.kind === 'file' && isUsed(path)) digests[path] = { md5: entry.md5, sizeBytes: entry.sizeBytes };
  for (const [path, listed] of pack.manifest?.digests ?? []) if (isUsed(path)) digests[path] = listed;
  return digests;
}

function undoing(pack: LedgerPack): ActionOperation[] {
  const path = rooted(pack.kind === 'patch' ? 'patches' : 'servicepacks', pack.name);
  const operations = (pack.actions?.done ?? []).map(
    (done, index): ActionOperation => ({ kind: 'action', direction: 'undo', path, pack: pack.name, index, done }),
  );
  return operations.reverse();
}

/** A pack that was held is given back before its actions run. */
function rootAfterMoves(pack: Pack): RootedPath {
  const root = pack.root ?? pack.folder;
  return pack.held ? (root.replace(`:${HELD_FOLDER}/`, ':') as RootedPath) : root;
}

/** What policy does not allow, or this version does not know, is refused before anything is touched. */
function refusals(pack: Pack, rules: ActionRules): Problem[] {
  const all = flatten(pack.manifest?.actions ?? []);
  const refuse = (message: string, hint: string) => errorProblem('PACK_REFUSED', message, { pack: pack.name, hint });
  const problems: Problem[] = [];
  const runs = all.some(({ kind }) => ['run', 'stopService', 'startService', 'notify'].includes(kind));
  if (runs && !rules.allowCommands)
    problems.push(
      refuse(
        `${pack.name} runs commands, and allowCommands is false`,
        'Set allowCommands: true if you trust the pack, or take it out.',
      ),
    );
  if (all.some(({ kind }) => kind === 'module') && !rules.allowModules)
    problems.push(
      refuse(
        `${pack.name} runs a module of its own, and allowModules is false`,
        'Set allowModules: true if you trust the pack, or take it out.',
      ),
    );
  if (all.some((action) => action.kind === 'update' && action.delta !== undefined))
    problems.push(
      refuse(`${pack.name} updates a file by delta in an action`, 'Ask the author for an update with the whole file.'),
    );
  return problems;
}

function flatten(actions: readonly Action[]): Action[] {
  return actions.flatMap((action) =>
    action.kind === 'list' || action.kind === 'forEach' ? flatten(action.actions) : [action],
  );
}
