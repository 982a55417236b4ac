// Where a path of the home lies in the words of the engine, so that one file has one name: below plugins where it is a plugin,
// nowhere where it is the business of prepatch itself. Pure.

import { join, relative, sep } from 'node:path';
import type { RootedPath } from './entry.js';
import { type Layout, rooted, splitRooted, STATE_FOLDER } from './layout.js';

export type HomeTarget =
  | { readonly kind: 'target'; readonly path: RootedPath }
  | { readonly kind: 'protected'; readonly what: string };

/** The one name of `home:<path>`. */
export function homeTarget(layout: Layout, path: RootedPath): HomeTarget {
  const full = join(layout.home, splitRooted(path).path);
  const owned: readonly (readonly [string, string])[] = [
    [layout.patches, 'the folder of patches'],
    [layout.servicepacks, 'the folder of service packs'],
    [layout.state, 'the state of prepatch'],
    [layout.logs, 'the logs'],
    [layout.namesFile, 'the list of what is applied'],
    [layout.configFile, 'the settings of prepatch'],
    [join(layout.home, STATE_FOLDER), 'the state of prepatch'],
  ];
  for (const [folder, what] of owned) if (full === folder || isBelow(folder, full)) return { kind: 'protected', what };
  for (const [folder, what] of [...owned, [layout.plugins, 'the folder of plugins'] as const])
    if (full === folder || isBelow(full, folder)) return { kind: 'protected', what: `a folder that holds ${what}` };
  if (!isBelow(layout.plugins, full)) return { kind: 'target', path };
  const inside = relative(layout.plugins, full).split(sep).join('/');
  if (inside === STATE_FOLDER || inside.startsWith(`${STATE_FOLDER}/`))
    return { kind: 'protected', what: 'the state of prepatch' };
  return { kind: 'target', path: rooted('plugins', inside) };
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder + sep);
}
