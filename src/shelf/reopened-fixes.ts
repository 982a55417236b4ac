// What opens again when packs go: the CVE and issue ids that their manifests say they fix, and that no other pack fixes.

import { join } from 'node:path';
import { errnoOf, PatchError } from '../error.js';
import { MANIFEST } from '../home/pack-source.js';
import { parsePackManifest } from '../plan/pack-manifest.js';
import type { Files } from '../system/files.js';
import type { FoundPack } from './find-pack.js';

const MANIFEST_LIMIT_BYTES = 1024 * 1024;

/** Ids, sorted. A manifest that cannot be read fixes nothing: what is wrong with it is the plan's to say. */
export async function reopenedFixes(
  files: Files,
  removed: readonly FoundPack[],
  remaining: readonly FoundPack[],
): Promise<string[]> {
  const still = new Set((await Promise.all(remaining.map((pack) => fixesOf(files, pack)))).flat());
  const gone = (await Promise.all(removed.map((pack) => fixesOf(files, pack)))).flat();
  return [...new Set(gone)].filter((id) => !still.has(id)).sort();
}

async function fixesOf(files: Files, pack: FoundPack): Promise<readonly string[]> {
  const [own, ...beside] = pack.parts;
  const inside = own === undefined ? [] : [join(own.path, MANIFEST)];
  for (const path of [...beside.map((part) => part.path).filter((one) => one.endsWith('.json')), ...inside]) {
    const text = readText(files, path);
    if (text === undefined) continue;
    const parsed = await parsePackManifest(text, path);
    if (parsed.kind === 'manifest') return parsed.manifest.fixes;
  }
  return [];
}

function readText(files: Files, path: string): string | undefined {
  try {
    if (files.stat(path)?.kind !== 'file') return undefined;
    return files.read(path, MANIFEST_LIMIT_BYTES).toString('utf8');
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;
    return undefined;
  }
}
