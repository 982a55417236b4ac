// Finds and loads plugins: a folder with package.json and index.mjs, or a single file NAME_VERSION.mjs. Of several versions
// of one plugin the highest runs, as an OSGi framework would have it; so a patch can add a version beside the old one.

import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PLUGIN_LIMIT = 500;
const MANIFEST_LIMIT_BYTES = 65_536;

/**
 * @returns one entry a plugin, sorted by name: `{ name, version, folder, older, module }`, or `error` instead of `module`.
 *   `older` lists the versions that lie there and do not run. A plugin is a module that exports `say()`.
 */
export async function loadPlugins(directory) {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.')).slice(0, PLUGIN_LIMIT)) {
    const plugin = await identify(directory, entry);
    if (plugin !== undefined) found.push(plugin);
  }

  const newest = new Map();
  for (const plugin of found.sort((a, b) => compareVersions(a.version, b.version))) {
    const previous = newest.get(plugin.name);
    const older = previous === undefined ? [] : [...previous.older, previous.version];
    newest.set(plugin.name, { ...plugin, older });
  }
  const loaded = await Promise.all([...newest.values()].map(load));
  return loaded.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function identify(directory, entry) {
  const path = join(directory, entry.name);
  if (entry.isFile()) {
    const match = /^(?<name>.+)_(?<version>\d[^_]*)\.mjs$/.exec(entry.name);
    return match === null ? undefined : { ...match.groups, folder: entry.name, main: path };
  }
  if (!entry.isDirectory()) return undefined;
  try {
    const { name, version } = JSON.parse(await readText(join(path, 'package.json'), MANIFEST_LIMIT_BYTES));
    if (typeof name !== 'string' || typeof version !== 'string') throw new Error('package.json lacks name or version');
    return { name, version, folder: entry.name, main: join(path, 'index.mjs') };
  } catch (error) {
    return { name: entry.name, version: '?', folder: entry.name, error: error.message };
  }
}

async function load({ main, ...plugin }) {
  if (plugin.error !== undefined) return plugin;
  try {
    const module = await import(pathToFileURL(main).href);
    if (typeof module.say !== 'function') throw new Error('it exports no function say()');
    return { ...plugin, module };
  } catch (error) {
    return { ...plugin, error: error.message };
  }
}

function compareVersions(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Reads a small text file; more than `limitBytes` is an error and not a large string. */
export async function readText(path, limitBytes) {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(limitBytes + 1);
    let length = 0;
    while (length <= limitBytes) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return buffer.toString('utf8', 0, length);
      length += bytesRead;
    }
    throw new Error(`${path} is larger than ${limitBytes} bytes`);
  } finally {
    await file.close();
  }
}
