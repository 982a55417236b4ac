// Says whether dist/ was built from the sources as they are now: a digest of everything that goes into a build, kept in
// dist/build.json. A digest and not modification times, because a checkout or a copy changes those at will.
// Node built-ins only: it runs before anything is installed.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const DIST = join(ROOT, 'dist');
const STAMP_FILE = 'build.json';

const INPUTS = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'bin/prepatch.js',
  'scripts/build.mjs',
  'scripts/build-stamp.mjs',
  'scripts/warm-up.mjs',
];

/**
 * SHA-256, in hex, over the names and bytes of src/ and of the files that decide how it is built; and over the Node that builds, for
 * which the code caches are.
 */
export function digestInputs() {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}\0`);
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length + 1));
  for (const path of [...INPUTS, ...sources].sort()) {
    const content = existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path)) : Buffer.alloc(0);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** What `writeStamp` put into a build; undefined where there is no build or its stamp cannot be read. */
export function readStamp(folder = DIST) {
  try {
    return JSON.parse(readFileSync(join(folder, STAMP_FILE), 'utf8'));
  } catch {
    return undefined;
  }
}

/** The text and name of a stamp file for a build made from inputs with this digest. */
export function makeStamp(inputs) {
  return { name: STAMP_FILE, text: `${JSON.stringify({ inputs })}\n` };
}

export function isBuilt() {
  return readStamp()?.inputs === digestInputs();
}
