// `prepatch.yaml` of a home: a flat map of settings. Loaded only where there is such a file.

import { parseDocument } from 'yaml';
import type { ConfigLayer } from '../config.js';
import { PatchError } from '../error.js';
import type { Files } from '../system/files.js';

const CONFIG_LIMIT_BYTES = 1024 * 1024;

/** @throws PatchError CONFIG_INVALID with the line of what is wrong */
export function readConfigFile(files: Files, path: string): ConfigLayer {
  const document = parseDocument(files.read(path, CONFIG_LIMIT_BYTES).toString('utf8'), { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw new PatchError('CONFIG_INVALID', `${path}: ${error.message}`, { path, cause: error });
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (value === null || value === undefined) return { name: path, values: {} };
  if (typeof value !== 'object' || Array.isArray(value))
    throw new PatchError('CONFIG_INVALID', `${path}: expected settings as key: value`, { path });
  return { name: path, values: value as Record<string, unknown> };
}
