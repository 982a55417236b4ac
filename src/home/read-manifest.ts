// Finds and reads what a pack says about itself: patch.json in a service pack, a zip or a patch folder, or <pack>.json beside
// a patch (docs/carbon.md, companion). Each error is a problem of that pack; parsing is the caller's, so that it is loaded late.

import { errnoOf, PatchError } from '../error.js';
import type { FileOperation, PackManifest, ParsedPackManifest } from '../plan/pack-manifest.js';
import { errorProblem, type Problem, problemOf } from '../problem.js';
import type { Files } from '../system/files.js';
import type { RootedPath } from './entry.js';
import { homeTarget } from './home-target.js';
import { absolute, display, type Layout } from './layout.js';

export type ManifestParser = (text: string, sourceName: string) => Promise<ParsedPackManifest>;

export interface ReadManifest {
  readonly manifest: PackManifest;
  readonly operations: readonly FileOperation[];
}

const LIMIT_BYTES = 1024 * 1024;

/** Undefined where it cannot be used; `problems` then say why. */
export async function readManifest(
  files: Files,
  layout: Layout,
  pack: string,
  path: RootedPath,
  parse: ManifestParser,
  problems: Problem[],
): Promise<ReadManifest | undefined> {
  const shown = display(layout, path);
  let text: string;
  try {
    const bytes = files.read(absolute(layout, path), LIMIT_BYTES);
    text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes)) {
      problems.push(errorProblem('INPUT_INVALID', `${shown} is not UTF-8`, { pack, path: shown }));
      return undefined;
    }
  } catch (error) {
    if (error instanceof PatchError) problems.push(problemOf(error, pack));
    else if (errnoOf(error) === undefined) throw error;
    else
      problems.push(errorProblem('UNREADABLE', `${shown} cannot be read (${errnoOf(error)})`, { pack, path: shown }));
    return undefined;
  }
  const parsed = await parse(text, shown);
  if (parsed.kind === 'invalid') {
    for (const error of parsed.errors)
      problems.push(errorProblem('INPUT_INVALID', error.message, { pack, path: shown }));
    return undefined;
  }
  const operations: FileOperation[] = [];
  for (const [index, operation] of parsed.manifest.files.entries()) {
    const found = toTargets(layout, operation);
    if ('what' in found) {
      problems.push(
        errorProblem(
          'OUTSIDE_HOME',
          `${shown}: /files/${index}: ${found.path} is ${found.what}; no pack may change it`,
          {
            pack,
            path: shown,
            hint: `Ask the author of ${pack} for one that leaves ${found.path} alone.`,
          },
        ),
      );
    } else operations.push(found);
  }
  return { manifest: parsed.manifest, operations };
}

function toTargets(
  layout: Layout,
  operation: FileOperation,
): FileOperation | { readonly path: string; readonly what: string } {
  const refused = (path: RootedPath, what: string) => ({ path: `/${path.slice('home:'.length)}`, what });
  const target = homeTarget(layout, operation.path);
  if (target.kind === 'protected') return refused(operation.path, target.what);
  if (operation.kind !== 'rename') return { ...operation, path: target.path };
  const to = homeTarget(layout, operation.to);
  if (to.kind === 'protected') return refused(operation.to, to.what);
  return { ...operation, path: target.path, to: to.path };
}

/**
 * The parts at the top of a pack that its manifest names: they are what it works with, and do not land in plugins. Undefined
 * where a path begins with a value that is only known when the pack is applied.
 */
export function namedTops(manifest: PackManifest): ReadonlySet<string> | undefined {
  const tops = new Set<string>();
  for (const path of namedPaths(manifest)) {
    const top = path.split('/')[0] ?? path;
    if (top.includes('$')) return undefined;
    tops.add(top);
  }
  return tops;
}

/** The paths in the pack that a manifest names, those of its actions as they are written. */
function namedPaths(manifest: PackManifest): string[] {
  const paths: string[] = [];
  const take = (one: unknown) => {
    if (typeof one !== 'object' || one === null) return;
    if ('source' in one && typeof one.source === 'string') paths.push(one.source);
    if ('delta' in one) take(one.delta);
    if ('kind' in one && one.kind === 'unzip' && 'archive' in one && typeof one.archive === 'string')
      paths.push(one.archive);
    if ('kind' in one && one.kind === 'module' && 'file' in one && typeof one.file === 'string') paths.push(one.file);
    if ('actions' in one && Array.isArray(one.actions)) one.actions.forEach(take);
  };
  manifest.files.forEach(take);
  manifest.actions.forEach(take);
  return paths;
}
