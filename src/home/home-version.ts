// Which version the home's server is, and which release it is by its identity files: both as they are without any pack, since
// a pack may change the very files that say so (docs/patch-json.md, "Which packs apply").

import { join } from 'node:path';
import type { Ledger } from '../plan/ledger.js';
import { md5OfText } from '../system/digest-text.js';
import type { Files } from '../system/files.js';
import type { Md5, RootedPath } from './entry.js';
import { homeTarget } from './home-target.js';
import { absolute, type Layout, rooted } from './layout.js';

export interface HomeFacts {
  /** Undefined where no file of the home tells. */
  readonly version: string | undefined;
  readonly identities: readonly Md5[];
}

const LIMIT_BYTES = 4 * 1024 * 1024;
/** `Plugin Server v4.4.0`, `WSO2 Carbon Framework v4.4.11.SNAPSHOT`. */
const VERSION = /(?:^|[\sv])(\d+\.\d+(?:\.\d+)?(?:[.+-][0-9A-Za-z][0-9A-Za-z.+-]*)?)\s*$/m;
const CARBON_XML_VERSION = /<Version>\s*([^<\s]+)\s*<\/Version>/;

/** Where a home keeps its version, the first that tells. */
const SOURCES: readonly { readonly path: string; readonly find: (text: string) => string | undefined }[] = [
  { path: 'bin/version.txt', find: (text) => VERSION.exec(text)?.[1] },
  {
    path: 'repository/conf/carbon.xml',
    find: (text) => CARBON_XML_VERSION.exec(text.replace(/<!--[\s\S]*?-->/g, ''))?.[1],
  },
  { path: 'bin/wso2carbon-version.txt', find: (text) => VERSION.exec(text)?.[1] },
];

/** @param identityFiles paths of the home, in the order in which its releases name them */
export function readHomeFacts(
  files: Files,
  layout: Layout,
  ledger: Ledger | undefined,
  identityFiles: readonly string[],
): HomeFacts {
  const version = SOURCES.map(({ path, find }) => {
    const text = readBase(files, layout, ledger, rooted('home', path));
    const found = text === undefined ? undefined : find(text);
    return found !== undefined && /^\d/.test(found) ? found : undefined;
  }).find((one) => one !== undefined);
  return { version, identities: readIdentity(files, layout, ledger, identityFiles) };
}

/** `MD5(concat(hex MD5 of each identity file, in order))`; none where there are no such files, or one is missing. */
function readIdentity(files: Files, layout: Layout, ledger: Ledger | undefined, paths: readonly string[]): Md5[] {
  if (paths.length === 0) return [];
  let text = '';
  for (const path of paths) {
    const target = homeTarget(layout, rooted('home', path.replace(/^\//, '')));
    if (target.kind === 'protected') return [];
    const base = ledger?.base[target.path];
    if (base?.kind === 'file') text += base.md5;
    else if (base !== undefined) return [];
    else {
      const full = absolute(layout, target.path);
      if (files.stat(full)?.kind !== 'file') return [];
      text += files.digest(full, false).md5;
    }
  }
  return [md5OfText(text)];
}

/** The text of a file as it is without any pack. */
function readBase(files: Files, layout: Layout, ledger: Ledger | undefined, path: RootedPath): string | undefined {
  const base = ledger?.base[path];
  if (base !== undefined && base.kind !== 'file') return undefined;
  const stored = base?.sha256 === undefined ? undefined : join(layout.store, base.sha256);
  const full = stored !== undefined && files.stat(stored)?.kind === 'file' ? stored : absolute(layout, path);
  const stat = files.stat(full);
  return stat?.kind === 'file' && stat.sizeBytes <= LIMIT_BYTES
    ? files.read(full, LIMIT_BYTES).toString('utf8')
    : undefined;
}
