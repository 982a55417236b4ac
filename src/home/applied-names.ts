// Whether the folders name other packs than Carbon’s list of applied ones: cheaper than a look, and enough to know that there
// is work. Where it is wrong (a pack is there that will not be applied), nothing but time is lost.

import { PatchError } from '../error.js';
import type { Files } from '../system/files.js';
import { BACKUP_PACK, type Layout } from './layout.js';
import { listPacks } from './list-packs.js';
import { readNames } from './observe.js';
import type { PackRules } from './pack-rules.js';
import { readAbsorbed } from './walk-pack.js';

/** Whether, by their names alone, the packs that are there are not those that are applied. */
export function differsFromAppliedNames(files: Files, layout: Layout, rules: PackRules): boolean {
  try {
    const { patches, servicepack } = listPacks(files, layout, rules);
    const absorbed = servicepack === undefined ? [] : (readAbsorbed(files, layout, servicepack) ?? []);
    const wanted = patches.filter((pack) => !absorbed.includes(pack.name)).map((pack) => pack.name);
    if (servicepack !== undefined) wanted.unshift(servicepack.name);
    const applied = readNames(files, layout).filter((name) => name !== BACKUP_PACK);
    return wanted.length !== applied.length || wanted.some((name, index) => name !== applied[index]);
  } catch (error) {
    // The look says what is wrong.
    if (error instanceof PatchError) return true;
    throw error;
  }
}
