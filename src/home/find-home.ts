// Which directory is the home, which layout it has, whether Carbon's own patcher comes after us. Reads only.

import { isAbsolute, join, resolve } from 'node:path';
import type { Config } from '../config.js';
import { PatchError } from '../error.js';
import type { Files } from '../system/files.js';
import { type Layout, type LayoutOverrides, makeLayout, metadataFolder } from './layout.js';

export interface HomeCandidates {
  /** `--home`. */
  readonly given: string | undefined;
  /** `CARBON_HOME`. */
  readonly carbonHome: string | undefined;
  readonly currentFolder: string;
}

/** The home: as given, else CARBON_HOME, else the current folder if it is one. @throws PatchError NO_HOME */
export function findHome(files: Files, candidates: HomeCandidates): string {
  const { given, carbonHome, currentFolder } = candidates;
  const named = given ?? (carbonHome === '' ? undefined : carbonHome);
  if (named !== undefined) {
    const home = isAbsolute(named) ? named : resolve(currentFolder, named);
    const stat = files.stat(home);
    if (stat === undefined) throw new PatchError('NO_HOME', `there is no directory ${home}`, { path: home });
    if (stat.kind === 'file')
      throw new PatchError('NO_HOME', `${home} is a file, not a server’s directory`, { path: home });
    return files.realPath(home);
  }
  if (files.stat(join(currentFolder, 'repository', 'components'))?.kind === 'directory')
    return files.realPath(currentFolder);
  throw new PatchError('NO_HOME', `${currentFolder} is no server’s home: it has no directory repository/components`, {
    path: currentFolder,
  });
}

/** The layout of a home. @throws PatchError NO_HOME, NOT_A_DIRECTORY */
export function detectLayout(files: Files, home: string, config: Config): Layout {
  const overrides = overridesOf(config);
  const trial = makeLayout(home, 'carbon-4.2', overrides);
  const components = files.stat(trial.components);
  if (components === undefined)
    throw new PatchError('NO_HOME', `${home} is no server’s home: there is no directory ${trial.components}`, {
      path: home,
    });
  for (const folder of [trial.components, trial.plugins, trial.patches, trial.servicepacks]) {
    const kind = files.stat(folder)?.kind;
    if (kind === 'file' || kind === 'other')
      throw new PatchError('NOT_A_DIRECTORY', `${folder} is not a directory`, { path: folder });
  }
  if (config.layout !== 'auto') return makeLayout(home, config.layout, overrides);
  const is44 = files.stat(metadataFolder(trial.patches))?.kind === 'directory';
  return makeLayout(home, is44 ? 'carbon-4.4' : 'carbon-4.2', overrides);
}

function overridesOf(config: Config): LayoutOverrides {
  const overrides: { -readonly [K in keyof LayoutOverrides]: LayoutOverrides[K] } = {};
  if (config.repository !== undefined) overrides.repository = config.repository;
  if (config.componentsDir !== undefined) overrides.components = config.componentsDir;
  if (config.patchesDir !== undefined) overrides.patches = config.patchesDir;
  if (config.servicepacksDir !== undefined) overrides.servicepacks = config.servicepacksDir;
  return overrides;
}

const KERNEL_SCRIPTS = ['wso2server.sh', 'wso2server.bat'];
const BOOTSTRAP_JAR = /^org\.wso2\.carbon\.bootstrap.*\.jar$/;

/** Whether Carbon's kernel is in the home's `bin`, so that its own patcher runs inside the start (docs/carbon.md, companion). */
export function hasCompanion(files: Files, layout: Layout, config: Config): boolean {
  if (config.companion !== 'auto') return config.companion === 'carbon';
  const { bin } = layout;
  if (files.stat(bin)?.kind !== 'directory') return false;
  return files.list(bin).some((name) => KERNEL_SCRIPTS.includes(name) || BOOTSTRAP_JAR.test(name));
}
