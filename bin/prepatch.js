#!/usr/bin/env node
// The command line: loads dist/main.cjs by its code cache, and runs it. The build makes the caches (scripts/warm-up.mjs); what is in
// one is neither parsed nor compiled. One that is missing, damaged or made by another Node is passed over, and the script compiled
// as any other. V8 looks at no more than the head of a cache, and runs what follows: so each has a digest in front, which is checked.
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

/** A script ends with as many characters that name its cache: V8 itself tells scripts apart by nothing but their length. */
const NAME_LENGTH = 32;
const DIGEST_BYTES = 32;

/** Path of a script → the script, the path of its cache, and what it exports. */
const loaded = new Map();

/** Runs a script of dist/, once. @returns what it exports */
function load(path) {
  const known = loaded.get(path);
  if (known !== undefined) return known.module.exports;
  // It has ASCII characters only; as UTF-8 it would be looked through for others.
  const source = readFileSync(path, 'latin1');
  const cachePath = join(dirname(path), `${source.slice(-NAME_LENGTH)}.cache`);
  const script = new Script(source, {
    filename: path,
    cachedData: readCache(cachePath),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module, require, (name) => load(join(dirname(path), name)), path);
  loaded.set(path, { script, cachePath, module });
  return module.exports;
}

/** A cache as it lies in dist/: its digest, then what V8 has made. */
function sealCache(data) {
  return Buffer.concat([digestOf(data), data]);
}

function readCache(path) {
  try {
    const bytes = readFileSync(path);
    const data = bytes.subarray(DIGEST_BYTES);
    return digestOf(data).equals(bytes.subarray(0, DIGEST_BYTES)) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256. */
function digestOf(data) {
  return createHash('sha256').update(data).digest();
}

module.exports = { load, loaded, sealCache };
if (require.main === module) {
  // Node's own for a program that ends while it waits for something: what never ended must not look like a good start.
  process.exitCode = 13;
  const { runCommandLine } = load(join(__dirname, '..', 'dist', 'main.cjs'));
  // All is written and closed by then: to wait for what Node has in hand still, and to take its heap apart, would cost a start 8 ms.
  runCommandLine(process.argv.slice(2)).then((exitCode) => process.exit(exitCode));
}
