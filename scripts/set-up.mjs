// Brings a fresh checkout to where it can run: the right Node, the packages of package-lock.json, a build of the sources.
// Does nothing where all of that is there. Node built-ins only: it runs before anything is installed.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isBuilt, ROOT } from './build-stamp.mjs';

/** Ends the process with a message that says what to do, where something is missing that this cannot bring. */
export function setUp() {
  requireNode();
  if (!isInstalled()) installPackages();
  if (!isBuilt()) buildSources();
}

function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const wanted = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  fail(`Node.js ${wanted} or newer is needed, this is ${process.version}. Install a newer one and start again.`);
}

/** Whether node_modules is what package-lock.json asks for; the two are only read where the times leave it open. */
function isInstalled() {
  const lockFile = join(ROOT, 'package-lock.json');
  const installedFile = join(ROOT, 'node_modules', '.package-lock.json');
  const installedAt = statSync(installedFile, { throwIfNoEntry: false })?.mtimeMs;
  if (installedAt === undefined) return false;
  if (statSync(lockFile).mtimeMs <= installedAt) return true;
  const wanted = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || present[path]?.version === version || (optional === true && present[path] === undefined),
  );
}

function installPackages() {
  say('installing the packages of package-lock.json (npm ci)');
  const { error, status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: ROOT, stdio: 'inherit' });
  if (error?.code === 'ENOENT') fail('npm is not on the PATH. It comes with Node.js; install it and start again.');
  if (error !== undefined) fail(`npm could not be started: ${error.message}`);
  if (status !== 0) fail('npm ci failed (see above). It needs the npm registry, or a mirror that npm is set up for.');
}

function buildSources() {
  say('building dist/');
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) fail('the build failed (see above).');
}

/** Runs a Node program with this process' streams; its exit status or signal becomes ours. Resolves only by exiting. */
export function become(args) {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group; passing it on as well would make it two.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`${args[0]} could not be started: ${error.message}`));
  child.on('exit', (status, signal) => process.exit(signal === null ? status : 128 + constants.signals[signal]));
}

export function say(text) {
  process.stderr.write(`prepatch: ${text}\n`);
}

export function fail(text) {
  say(text);
  process.exit(1);
}
