// What plugins must hold: the base, then the service pack, then the patches that it does not absorb (Carbon rules 5 to 11), worked
// out from the folders by other means than prepatch's own: node:fs, and jszip for the manifests.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import JSZip from 'jszip';
import { mainHeaders } from '../support/carbon-oracle.js';
import { md5OfFile } from '../support/tree-snapshot.js';

/** Path below plugins → `folder`, or the MD5 of the file. */
export type PluginTree = ReadonlyMap<string, string>;

/** What is below a folder now. */
export function readPluginTree(plugins: string): PluginTree {
  const found = new Map<string, string>();
  const visit = (folder: string, prefix: string) => {
    for (const name of readdirSync(folder)) {
      const path = prefix + name;
      const stat = lstatSync(join(folder, name));
      if (stat.isDirectory()) {
        found.set(path, 'folder');
        visit(join(folder, name), `${path}/`);
      } else found.set(path, stat.isFile() ? md5OfFile(join(folder, name)) : 'other');
    }
  };
  visit(plugins, '');
  return found;
}

export interface Expected {
  readonly plugins: PluginTree;
  /** Carbon rule 12, without `patch0000`. */
  readonly names: readonly string[];
}

/** The plugins that base and folders say, and what is to be listed as applied. `components` is a folder of a home. */
export async function expectedPlugins(base: PluginTree, components: string): Promise<Expected> {
  const plugins = new Map(base);
  const names: string[] = [];
  const servicepack = foldersOf(join(components, 'servicepacks'), 'servicepack').at(-1);
  let absorbed: readonly string[] = [];
  if (servicepack !== undefined) {
    const folder = join(components, 'servicepacks', servicepack);
    absorbed = readFileSync(join(folder, 'servicepack_patches.txt'), 'utf8').split(/\r?\n/);
    names.push(servicepack);
    await layOver(plugins, join(folder, 'lib'));
  }
  for (const patch of foldersOf(join(components, 'patches'), 'patch')) {
    if (patch === 'patch0000' || absorbed.includes(patch)) continue;
    names.push(patch);
    await layOver(plugins, join(components, 'patches', patch));
  }
  return { plugins, names };
}

async function layOver(plugins: Map<string, string>, pack: string): Promise<void> {
  for (const [path, content] of readPluginTree(pack)) {
    const target =
      content !== 'folder' && !path.includes('/') && path.endsWith('.jar')
        ? await finalName(join(pack, path), path)
        : path;
    plugins.set(target, content);
  }
}

const knownNames = new Map<string, string>();

/** What a JAR is called in plugins (Carbon rule 10). */
export async function finalName(path: string, name: string): Promise<string> {
  const { mtimeMs, size, ino } = lstatSync(path);
  const key = `${path} ${mtimeMs} ${size} ${ino}`;
  const known = knownNames.get(key);
  if (known !== undefined) return known;
  const zip = await JSZip.loadAsync(readFileSync(path));
  const manifest = await zip.file('META-INF/MANIFEST.MF')?.async('string');
  const headers = mainHeaders(manifest ?? '');
  const symbolicName = headers.get('bundle-symbolicname')?.split(';')[0]?.trim();
  const version = headers.get('bundle-version');
  const final = symbolicName === undefined || version === undefined ? name : `${symbolicName}_${version}.jar`;
  knownNames.set(key, final);
  return final;
}

function foldersOf(folder: string, prefix: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && lstatSync(join(folder, name)).isDirectory())
    .sort();
}

/** What two trees say differently, one line a path. */
export function comparePlugins(seen: PluginTree, expected: PluginTree): string[] {
  return [...new Set([...seen.keys(), ...expected.keys()])]
    .filter((path) => seen.get(path) !== expected.get(path))
    .sort()
    .map((path) => `${path}: ${seen.get(path) ?? 'not there'} (expected: ${expected.get(path) ?? 'not there'})`);
}
