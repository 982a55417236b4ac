// Which pack a zip holds, by the names in it: JARs at its top, one folder named as a pack, or WSO2's shape, where a folder
// patchNNNN lies beside a README in an outer folder (docs/authoring.md, "Zips"). Pure.

import { ABSORBED_LIST } from './layout.js';
import type { PackKind } from './pack.js';
import { MANIFEST } from './pack-source.js';

export type ZipShape =
  | {
      readonly kind: 'pack';
      readonly name: string;
      /** What paths of the manifest are relative to; empty for the top of the zip. */
      readonly root: string;
      /** The folder of the pack; empty for the top of the zip. */
      readonly folder: string;
    }
  | { readonly kind: 'unknown'; readonly reason: string; readonly hint: string };

interface Names {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** What macOS puts beside the content of a zip. */
const NOISE = ['__MACOSX', '.DS_Store'];

/**
 * @param paths of the files and folders of the zip, without a slash at the end
 * @param zipName the zip’s name without `.zip`
 */
export function shapeOfZip(kind: PackKind, zipName: string, paths: readonly string[]): ZipShape {
  const top = namesIn(paths, '');
  const found = shapeIn(kind, zipName, paths, '', top);
  if (found !== undefined) return found;
  const [outer] = top.folders;
  if (outer !== undefined && top.folders.length === 1 && top.files.length === 0) {
    const inner = shapeIn(kind, undefined, paths, outer, namesIn(paths, outer));
    if (inner !== undefined) return inner;
    if (namesIn(paths, outer).files.some(isJar))
      return unknown(
        `its JARs are in the folder ${outer}`,
        `Rename that folder to ${kind}NNNN, or pack the JARs without it.`,
      );
  }
  const other = kind === 'patch' ? 'servicepack' : 'patch';
  if (top.folders.some((name) => name.startsWith(other)))
    return unknown(`it holds a ${other}`, `Move it to the folder ${other === 'patch' ? 'patches' : 'servicepacks'}.`);
  return kind === 'patch'
    ? unknown(
        'it holds neither JARs at its top nor a folder whose name begins with patch',
        'Pack the JARs, or the folder patchNNNN, without anything around it.',
      )
    : unknown(`it holds no folder lib beside a ${ABSORBED_LIST}`, 'Pack the whole service pack.');
}

/** The pack in one folder of the zip; `zipName` where the pack may lie there without a folder of its own. */
function shapeIn(
  kind: PackKind,
  zipName: string | undefined,
  paths: readonly string[],
  folder: string,
  names: Names,
): ZipShape | undefined {
  const packs = names.folders.filter((name) => name.startsWith(kind));
  const jars = names.files.filter(isJar);
  if (kind === 'servicepack') {
    const isHere = (at: Names) => at.folders.includes('lib') && at.files.includes(ABSORBED_LIST);
    if (zipName !== undefined && isHere(names)) return { kind: 'pack', name: zipName, root: folder, folder };
    if (folder.startsWith('servicepack') && isHere(names)) return { kind: 'pack', name: folder, root: folder, folder };
  }
  if (packs.length > 1) return unknown(`it holds ${packs.join(' and ')}`, 'Pack each of them into a zip of its own.');
  const [name] = packs;
  if (name !== undefined) {
    if (jars.length > 0)
      return unknown(`it holds the folder ${name}, and JARs beside it`, 'Pack the JARs into that folder.');
    const own = join(folder, name);
    // A folder alone is the whole pack; what lies beside it belongs to the pack and does not land in plugins.
    const isAlone = names.folders.length === 1 && names.files.length === 0;
    if (kind === 'servicepack') {
      const there = namesIn(paths, own);
      return there.folders.includes('lib') && there.files.includes(ABSORBED_LIST)
        ? { kind: 'pack', name, root: own, folder: own }
        : unknown(`${own} has no folder lib, or no ${ABSORBED_LIST}`, 'Pack the whole service pack.');
    }
    return { kind: 'pack', name, root: isAlone ? own : folder, folder: own };
  }
  const isPatch = kind === 'patch' && zipName !== undefined && (jars.length > 0 || names.files.includes(MANIFEST));
  return isPatch ? { kind: 'pack', name: zipName, root: folder, folder } : undefined;
}

function namesIn(paths: readonly string[], folder: string): Names {
  const files = new Set<string>();
  const folders = new Set<string>();
  const all = new Set(paths);
  const prefix = folder === '' ? '' : `${folder}/`;
  for (const path of all) {
    if (!path.startsWith(prefix)) continue;
    const [name, ...rest] = path.slice(prefix.length).split('/');
    if (name === undefined || name === '' || NOISE.includes(name)) continue;
    if (rest.length > 0) folders.add(name);
    else files.add(name);
  }
  for (const name of folders) files.delete(name);
  return { files: [...files], folders: [...folders] };
}

function isJar(name: string): boolean {
  return name.endsWith('.jar');
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function unknown(reason: string, hint: string): ZipShape {
  return { kind: 'unknown', reason, hint };
}
