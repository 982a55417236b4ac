// `node scripts/warm-up.mjs FOLDER`: makes the code caches of the scripts in a folder that is to become dist/.
// A cache has the functions that were compiled by the time it was made. So commands are run before, here, on a home for that.
// The caches hold for this version of Node on this architecture.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import JSZip from 'jszip';
import { ROOT } from './build-stamp.mjs';

const { load, loaded, sealCache } = createRequire(import.meta.url)('../bin/prepatch.js');
const { runCommandLine } = load(join(resolve(process.argv[2]), 'main.cjs'));

const scratch = mkdtempSync(join(tmpdir(), 'prepatch-warm-up-'));
const home = join(scratch, 'home');
const components = join(home, 'repository', 'components');
const patches = join(components, 'patches');
const made = new Set();

// Settings of whoever builds are not for this home.
const settings = Object.keys(process.env).filter((name) => /^(?:PREPATCH|CARBON)_/.test(name));
for (const name of settings) Reflect.deleteProperty(process.env, name);
// What has not run for a while would lose its code.
setFlagsFromString('--no-flush-bytecode');
try {
  await makeHome();
  await runUsual();
  // To load a cache takes time, so that of the core has what is used every day; a package's, what it is there for.
  makeCaches();
  await runOther();
  makeCaches();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function runUsual() {
  await makePatch('patch0001');
  await run('plan');
  await run('apply');
  for (const command of ['plan', 'status']) {
    await run(command);
    await run(command, '--json');
  }
  await run('boot');
  await makePatch('patch0002');
  await run('boot');
  rmSync(join(patches, 'patch0002'), { recursive: true });
  await run('apply', '--json');
  await run('verify', '--deep');
}

async function runOther() {
  await run('apply', '--help');
  write('prepatch.yaml', 'policy: last-good\n');
  cpSync(join(ROOT, 'examples', 'packs', 'authoring', 'edits'), patches, { recursive: true });
  await run('apply');
  await writeZip('patch0003.zip', new JSZip().file('patch0003/d_1.0.0.txt', 'd'));
  await run('add', join(home, 'patch0003.zip'));
  await run('watch', '--once');
}

async function run(...args) {
  const exitCode = await runCommandLine([...args, '--home', home]);
  if (exitCode !== 0) throw new Error(`prepatch ${args.join(' ')} ended with exit status ${exitCode}`);
}

/** Of the scripts that have none yet. V8 takes a cache only under the flags under which it was made. */
function makeCaches() {
  setFlagsFromString('--flush-bytecode');
  for (const { script, cachePath } of loaded.values()) {
    if (!made.has(cachePath)) writeFileSync(cachePath, sealCache(script.createCachedData()));
    made.add(cachePath);
  }
  setFlagsFromString('--no-flush-bytecode');
}

/** What the packs change, and what else a server has. */
async function makeHome() {
  for (const name of ['a', 'b']) await makeJar(join('plugins', `${name}_1.0.0.jar`), name);
  write('repository/components/plugins/c_1.0.0/META-INF/MANIFEST.MF', manifestOf('c'));
  for (const folder of ['patches', 'servicepacks']) mkdirSync(join(components, folder));
  write('repository/conf/server.xml', '<Server port="8080"/>\n');
  write('repository/conf/server.properties', 'server.port=8080\n');
  write('repository/conf/server.ini', '[server]\nport=8080\n');
  write('repository/conf/server.json', '{ "server": { "port": 8080, "hosts": ["node-1"] } }\n');
  write('repository/conf/server.yaml', 'server:\n  port: 8080\n');
}

async function makePatch(patch) {
  for (const name of ['a', 'new']) await makeJar(join('patches', patch, `${name}_1.0.0.jar`), name, patch);
}

async function makeJar(path, name, content = 'original') {
  const jar = new JSZip().file('META-INF/MANIFEST.MF', manifestOf(name)).file('content.txt', content);
  await writeZip(join('repository/components', path), jar);
}

async function writeZip(path, zip) {
  write(path, await zip.generateAsync({ type: 'nodebuffer', compression: 'DEFLATE' }));
}

function manifestOf(name) {
  return `Manifest-Version: 1.0\r\nBundle-SymbolicName: ${name}\r\nBundle-Version: 1.0.0\r\n\r\n`;
}

function write(path, content) {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), content);
}
