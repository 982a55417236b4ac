// Builds dist/: the entry points bundled as ES modules that share chunks, and the declarations in dist/types.
// All outputs lie side by side, so that `new URL('./digest-worker.js', import.meta.url)` holds in whichever chunk it ends.
// A build is made in a folder of its own and renamed to dist/ when it is whole; two builds at once are both whole.
// Does nothing where dist/ is up to date; `--force` builds all the same.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import * as esbuild from 'esbuild';
import { DIST, digestInputs, isBuilt, makeStamp, ROOT } from './build-stamp.mjs';

/** Whether an entry point that is not written yet is passed over with a notice. */
const PASS_OVER_MISSING_ENTRIES = false;

/** Output name → source. */
const ENTRIES = {
  main: 'src/cli/main.ts',
  index: 'src/index.ts',
  boot: 'src/boot.ts',
  'digest-worker': 'src/system/digest-worker.ts',
};

/** What a start with nothing to do loads; of packages, only these may be in it (the others come by `await import()`). */
const START_ENTRIES = ['main', 'boot', 'digest-worker'];
const EAGER_PACKAGES = ['semver'];
/** The name of the entry point of threads. */
const WORKER = 'digest-worker';

/** What bundled CommonJS packages expect; made when the first of them asks. */
const BANNER = `let prepatchRequire;
const require = (name) => (prepatchRequire ??= process.getBuiltinModule('node:module').createRequire(import.meta.url))(name);`;

/**
 * Node's own modules, each loaded when the first of its exports is used. An ES import of one reads all its exports at once, and
 * some of those load much more: `node:fs` alone costs a start 15 ms for streams that it never opens.
 */
const LAZY_BUILTINS = {
  name: 'lazy-builtins',
  setup(build) {
    // Packages have them for themselves: what they share with the core would be in files of its own.
    build.onResolve({ filter: /^node:/ }, ({ path, kind, importer }) => {
      const namespace = importer.includes('/node_modules/') ? 'builtin-of-packages' : 'builtin';
      return kind === 'import-statement' ? { path, namespace } : undefined;
    });
    const load = ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).filter((name) => name !== 'default');
      // Inherited, since each importer is given a copy of the properties that are the object's own.
      return {
        loader: 'js',
        contents: `let loaded;
const load = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(path)}));
module.exports = Object.create({ ${names.map((name) => `get ${name}() { return load().${name}; }`).join(', ')}, get default() { return load(); } });`,
      };
    };
    for (const namespace of ['builtin', 'builtin-of-packages']) build.onLoad({ filter: /.*/, namespace }, load);
  },
};

try {
  if (isBuilt() && !process.argv.includes('--force')) console.error('build: dist/ is up to date');
  else await build();
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function build() {
  const entries = presentEntries();
  // Before the sources are read: if one changes meanwhile, the stamp is the older one and the next start builds again.
  const inputs = digestInputs();
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache', 'build-'));
  chmodSync(folder, 0o755);
  try {
    const metafile = await bundle(entries, folder);
    refuseHeavyStart(metafile, folder);
    writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), noticesOf(metafile));
    declare(folder);
    const stamp = makeStamp(inputs);
    writeFileSync(join(folder, stamp.name), stamp.text);
    install(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function presentEntries() {
  const missing = Object.values(ENTRIES).filter((source) => !existsSync(join(ROOT, source)));
  if (missing.length > 0 && !PASS_OVER_MISSING_ENTRIES) throw new Error(`${missing.join(', ')} is missing`);
  for (const source of missing) console.error(`build: ${source} is not there; passed over`);
  return Object.fromEntries(Object.entries(ENTRIES).filter(([, source]) => !missing.includes(source)));
}

async function bundle(entries, folder) {
  const { [WORKER]: worker, ...starts } = entries;
  const trial = await bundleTogether(starts, folder, { write: false });
  const core = eagerSources(trial, Object.values(starts));
  const parts = [await bundleTogether(starts, folder, { plugins: [wholeCore(trial, Object.values(starts), core)] })];
  // By itself: a thread is to load nothing but what it runs.
  if (worker !== undefined) parts.push(await bundleTogether({ [WORKER]: worker }, folder));
  return {
    inputs: Object.assign({}, ...parts.map((part) => part.inputs)),
    outputs: Object.assign({}, ...parts.map((part) => part.outputs)),
  };
}

/** What the entry points load at once, together: each of them loads all of it, as one file. */
function eagerSources(metafile, entries) {
  const seen = new Set(entries);
  for (const input of seen)
    for (const link of metafile.inputs[input]?.imports ?? [])
      if (link.kind !== 'dynamic-import' && metafile.inputs[link.path] !== undefined) seen.add(link.path);
  // Not the entry points: to load them is to run them.
  return [...seen].filter((input) => !entries.includes(input) && /\.[tj]s$/.test(input));
}

/**
 * Which chunk a module comes into depends on which entry points, and which targets of `import()`, lead to it: left alone, a start
 * loads some two dozen files, at more than a millisecond each. Where each of those that use a part of the core imports
 * all of it, it is one chunk.
 */
function wholeCore(metafile, entries, core) {
  const isCore = new Set(core);
  const reaches = (first) => isCore.has(first) || eagerSources(metafile, [first]).some((input) => isCore.has(input));
  const targets = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path),
  );
  const users = new Set(
    [...entries, ...targets].filter((path) => path.startsWith('src/') && reaches(path)).map((path) => join(ROOT, path)),
  );
  return {
    name: 'whole-core',
    setup(build) {
      build.onResolve({ filter: /^prepatch:core$/ }, ({ path }) => ({ path, namespace: 'core' }));
      build.onLoad({ filter: /.*/, namespace: 'core' }, () => ({
        contents: core.map((input) => `import ${JSON.stringify(join(ROOT, input))};`).join('\n'),
        resolveDir: ROOT,
      }));
      build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) =>
        users.has(path)
          ? { contents: `import 'prepatch:core';\n${readFileSync(path, 'utf8')}`, loader: 'ts' }
          : undefined,
      );
    },
  };
}

async function bundleTogether(entries, folder, { write = true, plugins = [] } = {}) {
  const { metafile } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(entries).map(([out, source]) => ({ out, in: source })),
    outdir: folder,
    write,
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    // Its first entry is UMD, whose requires no bundler can follow.
    alias: { 'jsonc-parser': './node_modules/jsonc-parser/lib/esm/main.js' },
    target: 'node20.19',
    banner: { js: BANNER },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    plugins: [LAZY_BUILTINS, ...plugins],
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** The packages that a start would load before it knows that it needs them are an error, with the chain that leads there. */
function refuseHeavyStart(metafile, folder) {
  const prefix = `${relative(ROOT, folder)}/`;
  for (const entry of START_ENTRIES) {
    const chains = new Set();
    for (const output of staticOutputs(metafile, `${prefix}${entry}.js`)) {
      for (const [input, { bytesInOutput }] of Object.entries(metafile.outputs[output].inputs)) {
        const name = packageOf(input);
        if (name === undefined || bytesInOutput === 0 || EAGER_PACKAGES.includes(name)) continue;
        // What a package loads in its turn is no news.
        const chain = chainTo(metafile, ENTRIES[entry], input);
        chains.add(chain.slice(0, chain.findIndex(packageOf) + 1).join(' > '));
      }
    }
    if (chains.size === 0) continue;
    throw new Error(
      `${entry}.js would load packages at every start; use await import():\n  ${[...chains].join('\n  ')}`,
    );
  }
}

function staticOutputs(metafile, first) {
  const seen = new Set();
  const visit = (output) => {
    if (seen.has(output) || metafile.outputs[output] === undefined) return;
    seen.add(output);
    for (const link of metafile.outputs[output].imports) if (link.kind === 'import-statement') visit(link.path);
  };
  visit(first);
  return seen;
}

function chainTo(metafile, first, last) {
  const from = new Map([[first, undefined]]);
  for (const input of from.keys()) {
    for (const link of metafile.inputs[input]?.imports ?? []) {
      if (link.kind !== 'dynamic-import' && !from.has(link.path)) from.set(link.path, input);
    }
  }
  const chain = [];
  for (let step = last; step !== undefined; step = from.get(step)) chain.unshift(step);
  return chain;
}

function packageOf(input) {
  return /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(input)?.[1];
}

/** The licences of what is in the bundles, as they ask to be passed on. */
function noticesOf(metafile) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, part] of Object.entries(output.inputs)) {
      const name = packageOf(input);
      if (name === undefined || part.bytesInOutput === 0) continue;
      const end = input.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length;
      folders.add(input.slice(0, end));
    }
  }
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
    const text = file === undefined ? '' : `\n${readFileSync(join(ROOT, folder, file), 'utf8').trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return `The files in this folder contain parts of these packages.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

function declare(folder) {
  const config = JSON.parse(readFileSync(join(ROOT, 'tsconfig.build.json'), 'utf8'));
  if (!config.files.every((file) => existsSync(join(ROOT, file))) && PASS_OVER_MISSING_ENTRIES) return;
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(
    process.execPath,
    [compiler, '-p', 'tsconfig.build.json', '--outDir', join(folder, 'types')],
    { cwd: ROOT, stdio: 'inherit' },
  );
  if (status !== 0) throw new Error('the declarations could not be made (see above)');
}

/** Puts a whole build in the place of the one before. Another build may do the same between any two steps. */
function install(folder) {
  for (;;) {
    const old = `${folder}.replaced`;
    try {
      renameSync(DIST, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    try {
      renameSync(folder, DIST);
      return;
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}
