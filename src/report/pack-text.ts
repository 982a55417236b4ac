// What packs say of themselves and what becomes of each, for people. Pure.

import type { ActionFacts, PackFacts, PackState } from '../plan/pack-facts.js';
import type { PackReference } from '../plan/pack-manifest.js';
import { escapeControls } from './log-line.js';
import { joinNames } from './run-text.js';
import type { Style } from './style.js';

const MOST_SHOWN = 50;

/** A line for each pack with what it is, and lines for what it says; empty where there is nothing to say. */
export function renderPacks(packs: readonly PackFacts[], style: Style): string[] {
  const lines = packs.slice(0, MOST_SHOWN).flatMap((pack) => renderPack(pack, style));
  return packs.length > MOST_SHOWN
    ? [...lines, `and ${packs.length - MOST_SHOWN} more packs; --json lists them all`]
    : lines;
}

function renderPack(pack: PackFacts, style: Style): string[] {
  const { name, state, id, version, title, reason } = pack;
  const what = [...(id === undefined || id === name ? [] : [id]), ...(version === undefined ? [] : [version])].join(
    ' ',
  );
  const named = what === '' ? '' : ` ${what}`;
  const titled = title === undefined ? '' : `, ${title}`;
  const lines = [`${markState(state, style)} ${style.bold(escapeControls(name))}${escapeControls(named + titled)}`];
  // A refusal stands among the problems, with what to do about it.
  if (reason !== undefined && state !== 'refused') lines.push(`         ${escapeControls(reason)}`);
  for (const line of sayings(pack)) lines.push(`         ${style.dim(escapeControls(line))}`);
  for (const action of pack.actions ?? []) lines.push(...renderAction(action, 1, style));
  return lines;
}

function sayings(pack: PackFacts): string[] {
  const { appliesTo, leadsTo, requires = [], conflicts = [], supersedes = [], fixes = [], reopens = [], health } = pack;
  const homes = [
    ...(appliesTo?.versions === undefined ? [] : [`version ${appliesTo.versions.join(' or ')}`]),
    ...(appliesTo?.identities === undefined ? [] : [`identity ${appliesTo.identities.join(' or ')}`]),
  ];
  const relations = [
    ...(homes.length === 0 ? [] : [`for ${homes.join(' and ')}`]),
    ...(leadsTo === undefined ? [] : [`leads to ${leadsTo.version}`]),
    ...namesOf('requires', requires),
    ...namesOf('conflicts with', conflicts),
    ...namesOf('supersedes', supersedes),
    ...(pack.chainable === false ? ['ends the run'] : []),
  ];
  const checks = [
    ...(pack.digests === undefined || pack.digests === 0 ? [] : [`${pack.digests} digests listed`]),
    ...(health === undefined ? [] : [`healthy by ${health.kind} ${health.what} within ${health.timeoutSeconds} s`]),
  ];
  return [
    ...(relations.length === 0 ? [] : [relations.join('; ')]),
    ...(fixes.length === 0 ? [] : [`fixes ${fixes.join(', ')}`]),
    ...(reopens.length === 0
      ? []
      : [`its ${pack.state === 'update' ? 'update' : 'revert'} reopens ${reopens.join(', ')}`]),
    ...(checks.length === 0 ? [] : [checks.join('; ')]),
  ];
}

function namesOf(what: string, packs: readonly PackReference[]): string[] {
  const names = packs.map(({ id, version }) => (version === undefined ? id : `${id} ${version}`));
  return names.length === 0 ? [] : [`${what} ${joinNames(names)}`];
}

function renderAction(action: ActionFacts, depth: number, style: Style): string[] {
  const wanted = action.wanted === 'none' ? 'not' : action.wanted;
  const kind = action.title.startsWith(action.kind) ? '' : ` (${action.kind})`;
  const when = action.when === undefined ? '' : ` when ${action.when}`;
  const line = `${'  '.repeat(depth)}       ${wanted.padEnd(4)} ${action.title}${kind}${when}`;
  return [
    style.dim(escapeControls(line)),
    ...(action.actions ?? []).flatMap((one) => renderAction(one, depth + 1, style)),
  ];
}

function markState(state: PackState, style: Style): string {
  const text = state.padEnd(8);
  switch (state) {
    case 'applied':
      return text;
    case 'apply':
    case 'update':
      return style.good(text);
    case 'revert':
    case 'left-out':
      return style.warn(text);
    case 'refused':
      return style.bad(text);
  }
}
