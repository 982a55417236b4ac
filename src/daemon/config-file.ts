// `prepatch.yaml` of a home: a flat map of settings. The package for YAML is loaded only where there is such a file.

import type { ConfigLayer } from '../config.js';
import { errnoOf, hintFor, PatchError } from '../error.js';
import type { Files } from '../system/files.js';

const CONFIG_LIMIT_BYTES = 1024 * 1024;

/** A link is followed: configuration is often mounted so. @throws PatchError CONFIG_INVALID with the line of what is wrong */
export async function readConfigFile(files: Files, path: string): Promise<ConfigLayer> {
  const { default: yaml } = await import('yaml');
  const text = readText(files, path);
  const document = yaml.parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined)
    throw new PatchError('CONFIG_INVALID', `${path}: ${error.message.split('\n')[0] ?? 'not YAML'}`, {
      path,
      cause: error,
    });
  const value = toPlain(() => document.toJS({ maxAliasCount: 0 }), path);
  if (value === null || value === undefined) return { name: path, values: {} };
  if (typeof value !== 'object' || Array.isArray(value))
    throw new PatchError('CONFIG_INVALID', `${path}: expected settings, each as key: value`, { path });
  return { name: path, values: value as Record<string, unknown> };
}

/** Aliases are refused: a few of them can stand for more than a memory holds. */
function toPlain(make: () => unknown, path: string): unknown {
  try {
    return make();
  } catch (error) {
    throw new PatchError('CONFIG_INVALID', `${path}: ${error instanceof Error ? error.message : 'not plain values'}`, {
      path,
      cause: error,
    });
  }
}

function readText(files: Files, path: string): string {
  try {
    return files.read(files.realPath(path), CONFIG_LIMIT_BYTES).toString('utf8');
  } catch (error) {
    if (error instanceof PatchError)
      throw new PatchError('CONFIG_INVALID', error.message, { path, hint: error.hint, cause: error });
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new PatchError('CONFIG_INVALID', `${path} cannot be read (${errno})`, {
      path,
      hint: hintFor('UNREADABLE', path),
      cause: error,
    });
  }
}
