// Builds dist/: the command line as scripts with code caches, which bin/prepatch.js loads; the library as ES modules that share
// chunks; the declarations in dist/types. All lie side by side, so that `new URL('./digest-worker.cjs', import.meta.url)` holds
// in each. A build is made in a folder of its own and renamed to dist/ when it is whole; two builds at once are both whole.
// Does nothing where dist/ is up to date; `--force` builds all the same.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
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

/** The source of the command line, all of it but packages in one script: main.cjs. */
const COMMAND_LINE = 'src/cli/run.ts';
/** The ES modules: output name → source. */
const LIBRARY = { index: 'src/index.ts', boot: 'src/boot.ts' };
/** CommonJS: each thread would load Node's loader of ES modules for itself. */
const WORKER = 'src/system/digest-worker.ts';

/** What a start with nothing to do loads; of packages, only these may be in it (the others come by `await import()`). */
const START_SOURCES = [COMMAND_LINE, LIBRARY.boot, WORKER];
const EAGER_PACKAGES = ['semver'];
/** Packages that have modules in common, and so are in one script. */
const TOGETHER = [['winston', 'winston-transport']];

/** What bundled CommonJS packages expect of an ES module; made when the first of them asks. */
const MODULE_BANNER = `let prepatchRequire;
const require = (name) => (prepatchRequire ??= process.getBuiltinModule('node:module').createRequire(import.meta.url))(name);`;
/** A script is a function, which bin/prepatch.js calls. */
const SCRIPT_BANNER = `(function (module, require, load, filename) {
const importMeta = { get url() { return require('node:url').pathToFileURL(filename).href; } };`;
const SCRIPT_FOOTER = '})';

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

/** How packages are called that a script asks another script for. */
const PACKAGE = 'package';

const BUNDLED = {
  absWorkingDir: ROOT,
  bundle: true,
  minify: true,
  platform: 'node',
  // Its first entry is UMD, whose requires no bundler can follow.
  alias: { 'jsonc-parser': './node_modules/jsonc-parser/lib/esm/main.js' },
  target: 'node20.19',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
};

try {
  if (isBuilt() && !process.argv.includes('--force')) console.error('build: dist/ is up to date');
  else await build();
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function build() {
  // Before the sources are read: if one changes meanwhile, the stamp is the older one and the next start builds again.
  const inputs = digestInputs();
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.cache', 'build-'));
  chmodSync(folder, 0o755);
  try {
    const metafiles = [
      ...(await bundleCommandLine(folder)),
      await bundleLibrary(folder),
      // By itself: a thread is to load nothing but what it runs.
      await bundleWorker(folder),
    ];
    for (const metafile of metafiles) refuseHeavyStart(metafile);
    writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), noticesOf(metafiles));
    const compiler = [
      'node_modules/typescript/bin/tsc',
      '-p',
      'tsconfig.build.json',
      '--outDir',
      join(folder, 'types'),
    ];
    const made = await Promise.allSettled([
      run('the declarations', compiler, 'stdout'),
      run('the code caches', ['scripts/warm-up.mjs', folder], 'stderr'),
    ]);
    for (const { reason } of made) if (reason !== undefined) throw reason;
    const stamp = makeStamp(inputs);
    writeFileSync(join(folder, stamp.name), stamp.text);
    install(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All of src/ in one script, and each package that it imports, or group of them, in one of its own. */
async function bundleCommandLine(folder) {
  const parts = new Map();
  const bundlePart = (packages) => {
    const [name] = packages;
    if (!parts.has(name)) parts.set(name, bundlePackages(packages, folder));
    return parts.get(name);
  };
  const core = await bundleScript('main', { entryPoints: [COMMAND_LINE], plugins: [inScripts(bundlePart)] }, folder);
  const metafiles = (await Promise.all(parts.values())).map(({ metafile }) => metafile);
  return [core.metafile, ...metafiles];
}

/** A script that exports packages by their names, each loaded when it is asked for, as by `require`. */
function bundlePackages(names, folder) {
  const exported = names
    .map((name) => JSON.stringify(name))
    .map((name) => `get ${name}() { return required(require(${name})); }`);
  const contents = `const required = (loaded) => loaded['module.exports'] ?? loaded;
module.exports = { ${exported.join(', ')} };`;
  const name = names[0].replaceAll(/^@.*\//g, '');
  return bundleScript(`${name}-[hash]`, { stdin: { contents, resolveDir: ROOT } }, folder);
}

/** Has packages come from scripts of their own, each loaded where it is imported. */
function inScripts(bundlePart) {
  return {
    name: 'in-scripts',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
        kind === 'entry-point' || path.startsWith('node:') || EAGER_PACKAGES.includes(path)
          ? undefined
          : { path, namespace: PACKAGE },
      );
      build.onLoad({ filter: /.*/, namespace: PACKAGE }, async ({ path }) => {
        const { script } = await bundlePart(TOGETHER.find((names) => names.includes(path)) ?? [path]);
        return { contents: `module.exports = load(${JSON.stringify(script)})[${JSON.stringify(path)}];` };
      });
    },
  };
}

async function bundleScript(name, { plugins = [], ...input }, folder) {
  const { outputFiles, metafile } = await esbuild.build({
    ...BUNDLED,
    ...input,
    entryNames: name,
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    write: false,
    format: 'cjs',
    define: { 'import.meta': 'importMeta' },
    banner: { js: SCRIPT_BANNER },
    footer: { js: SCRIPT_FOOTER },
    plugins: [LAZY_BUILTINS, ...plugins],
  });
  let script;
  for (const { path, text } of outputFiles) {
    if (path.endsWith('.cjs')) script = relative(folder, path);
    writeFileSync(path, path.endsWith('.cjs') ? nameCache(text) : text);
  }
  return { script, metafile };
}

/** The end of a script names its cache, by a digest of it: V8 takes a cache for that of any script of the same length. */
function nameCache(text) {
  if (/[^\0-\x7f]/.test(text))
    throw new Error('a script has characters that are not ASCII, as bin/prepatch.js reads it');
  return `${text}//# codeCache=${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

async function bundleLibrary(folder) {
  const entries = Object.values(LIBRARY);
  const trial = await bundleModules(folder, { write: false });
  const core = eagerSources(trial, entries);
  return bundleModules(folder, { plugins: [wholeCore(trial, entries, core)] });
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

async function bundleModules(folder, { write = true, plugins = [] } = {}) {
  const { metafile } = await esbuild.build({
    ...BUNDLED,
    entryPoints: Object.entries(LIBRARY).map(([out, source]) => ({ out, in: source })),
    outdir: folder,
    write,
    chunkNames: 'chunk-[hash]',
    splitting: true,
    format: 'esm',
    banner: { js: MODULE_BANNER },
    plugins: [LAZY_BUILTINS, ...plugins],
  });
  return metafile;
}

async function bundleWorker(folder) {
  const { metafile } = await esbuild.build({
    ...BUNDLED,
    entryPoints: [WORKER],
    outfile: join(folder, 'digest-worker.cjs'),
    format: 'cjs',
    plugins: [LAZY_BUILTINS],
  });
  return metafile;
}

/** The packages that a start would load before it knows that it needs them are an error, with the chain that leads there. */
function refuseHeavyStart(metafile) {
  for (const source of START_SOURCES.filter((one) => one in metafile.inputs)) {
    const chains = new Set();
    const from = eagerly(metafile, source);
    for (const input of from.keys()) {
      const name = packageOf(input);
      if (name === undefined || EAGER_PACKAGES.includes(name)) continue;
      const chain = [];
      for (let step = input; step !== undefined; step = from.get(step)) chain.unshift(step);
      // What a package loads in its turn is no news.
      chains.add(chain.slice(0, chain.findIndex(packageOf) + 1).join(' > '));
    }
    if (chains.size === 0) continue;
    throw new Error(`${source} would load packages at every start; use await import():\n  ${[...chains].join('\n  ')}`);
  }
}

/** Everything that is loaded with an input, each with the input that loads it. */
function eagerly(metafile, first) {
  const from = new Map([[first, undefined]]);
  for (const input of from.keys()) {
    for (const link of metafile.inputs[input]?.imports ?? []) {
      if (link.kind !== 'dynamic-import' && !from.has(link.path)) from.set(link.path, input);
    }
  }
  return from;
}

function packageOf(input) {
  if (input.startsWith(`${PACKAGE}:`)) return input.slice(PACKAGE.length + 1);
  return /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(input)?.[1];
}

/** The licences of what is in the bundles, as they ask to be passed on. */
function noticesOf(metafiles) {
  const folders = new Set();
  for (const output of metafiles.flatMap((metafile) => Object.values(metafile.outputs))) {
    for (const [input, part] of Object.entries(output.inputs)) {
      const name = packageOf(input);
      if (name === undefined || part.bytesInOutput === 0 || input.startsWith(`${PACKAGE}:`)) continue;
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

/** Runs a script of ours or of a tool; what it complains of is shown where it fails. */
function run(what, args, complaints) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '' } });
    let text = '';
    child[complaints].setEncoding('utf8').on('data', (more) => {
      text += more;
    });
    for (const stream of [child.stdout, child.stderr]) stream.resume();
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${what} could not be made:\n${text}`));
    });
  });
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
