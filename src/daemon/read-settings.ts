// The effective settings of a home: defaults, under `prepatch.yaml`, under the environment, under what the caller gives.

import { join } from 'node:path';
import { type ConfigLayer, readEnvironment, type ResolvedConfig, resolveConfig } from '../config.js';
import { readConfigFile } from './config-file.js';
import type { Files } from '../system/files.js';

export interface SettingSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The uppermost layer: options, or the settings of a caller of the library. */
  readonly given: ConfigLayer;
}

/** @throws PatchError CONFIG_INVALID naming the layer, the key and what is expected */
export async function readSettings(files: Files, home: string, sources: SettingSources): Promise<ResolvedConfig> {
  const layers: ConfigLayer[] = [];
  const path = join(home, 'prepatch.yaml');
  if (files.stat(path) !== undefined) {
    layers.push(await readConfigFile(files, path));
  }
  layers.push(readEnvironment(sources.environment), sources.given);
  return resolveConfig(layers);
}
