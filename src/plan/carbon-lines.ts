// The bodies of patches.log that people already search for (docs/carbon.md). Pure.

import type { Plan } from './plan.js';

export const CHECKING = 'Checking for patch changes ...';
export const NOTHING_NEW = 'No new patch or service pack detected, server will start without applying patches';
export const CHANGES_DETECTED = 'Patch changes detected';
export const APPLYING = 'Applying patches ...';
export const VERIFICATION_STARTED = 'Patch verification started';
export const VERIFICATION_DONE = 'Patch verification successfully completed';
export const VERIFICATION_PROBLEMS = 'Problems found during patch verification. See below for details:';
export const VERIFICATION_WARNINGS = 'Patch verification completed with warnings.';

/** One line a pack and one a file of it, in applied order. */
export function appliedLines(plan: Plan): string[] {
  return plan.packs.flatMap((pack) => [
    pack.kind === 'servicepack' ? `Start applying - ${pack.name}` : `Applying - ${pack.name}`,
    ...pack.files.map((file) => `Patched ${file.fileName}(MD5:${file.md5})`),
  ]);
}

export function notAppliedLine(jar: string, md5: string, pack: string): string {
  return `${jar}(MD5: ${md5}) has been patched with ${pack}, but not applied`;
}
