#!/usr/bin/env node
// The command line: loads dist/main.cjs by its code cache, and runs it. The build makes the caches (scripts/warm-up.mjs); what is in
// one is neither parsed nor compiled. One that is missing, cut short or made by another Node is passed over, and the script compiled
// as any other. V8 looks at a cache's head only: where Node is built as usual it does not check the rest, so dist/ is to be trusted
// with its caches as it is with its scripts.
'use strict';

const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { constants, Script } = require('node:vm');

/** A script ends with as many characters that name its cache: V8 itself tells scripts apart by nothing but their length. */
const NAME_LENGTH = 32;

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
    cachedData: readIfThere(cachePath),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module, require, (name) => load(join(dirname(path), name)), path);
  loaded.set(path, { script, cachePath, module });
  return module.exports;
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

module.exports = { load, loaded };
if (require.main === module) {
  // Node's own for a program that ends while it waits for something: what never ended must not look like a good start.
  process.exitCode = 13;
  const { runCommandLine } = load(join(__dirname, '..', 'dist', 'main.cjs'));
  runCommandLine(process.argv.slice(2)).then((exitCode) => {
    process.exitCode = exitCode;
  });
}
