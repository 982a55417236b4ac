// Runs a case with Carbon's own patcher to come after each start, and asks its oracle whether it would find anything to do.
import { existsSync, readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import type { TestHome } from '../support/home-builder.js';
import { filesWithOtherNames } from '../support/tree-snapshot.js';
import { type LabCase, runCase } from './lab-case.js';

/** Its verification warns of a folder in a service pack at every start; nothing can be done (docs/carbon.md, companion). */
const FOLDER_IN_SERVICEPACK = / is a folder in a service pack$/;

/**
 * Runs a case in layout 4.4 with Carbon's own patcher to come. `held`: what is to be below `.held` at one time or another, where
 * the outcome is another than the case expects, so that only Carbon's view counts.
 */
export async function expectCarbonAtRest(one: LabCase, held: readonly string[] | undefined): Promise<void> {
  const everHeld = new Set<string>();
  const differences = await runCase(one, '4.4', {
    companion: true,
    lookOnly: held !== undefined,
    afterStart: async (home, _number, result) => {
      // A start that ends with an error keeps the server, and Carbon's patcher with it, from starting.
      if (result.exitCode !== 0) return [];
      for (const path of heldIn(home)) everHeld.add(path);
      const { reasons } = await carbonFindsNothingToDo(home.root);
      return [
        ...reasons.filter((reason) => !FOLDER_IN_SERVICEPACK.test(reason)).map((reason) => `Carbon: ${reason}`),
        ...filesAreOnlyThere(home),
      ];
    },
  });
  expect(differences).toEqual([]);
  if (held !== undefined) expect([...everHeld].sort()).toEqual(held);
}

function heldIn(home: TestHome): string[] {
  return ['patches/.held', 'servicepacks/.held'].flatMap((folder) =>
    existsSync(home.path(folder))
      ? readdirSync(home.path(folder))
          .sort()
          .map((name) => `${folder}/${name}`)
      : [],
  );
}

/** Carbon copies in place: no file that it may write to has a second name among ours. */
export function filesAreOnlyThere(home: TestHome): string[] {
  return ['plugins', 'patches', 'servicepacks'].flatMap((folder) =>
    filesWithOtherNames(home.path(folder)).map((path) => `${folder}/${path} has another name`),
  );
}
