// Small server homes in memory, each about to be changed in one way: what a start does to it is what the crash tests disturb.
import { createHash } from 'node:crypto';
import { resolveConfig } from '../../src/config.js';
import type { Config, Policy } from '../../src/config.js';
import { join } from 'node:path';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import type { Files } from '../../src/system/files.js';
import { encodeVcdiff } from './encode-vcdiff.js';
import { MemoryFiles } from './memory-files.js';
import { startHome } from './engine-run.js';
import { bundleManifest, forgeJar, forgeZip } from './zip-forge.js';

export const HOME = '/srv/home';
const COMPONENTS = `${HOME}/repository/components`;
export const PLUGINS = `${COMPONENTS}/plugins`;
export const PATCHES = `${COMPONENTS}/patches`;
export const SERVICEPACKS = `${COMPONENTS}/servicepacks`;
export const STATE = `${COMPONENTS}/.prepatch`;

export interface SmallHome {
  readonly name: string;
  readonly files: MemoryFiles;
  readonly config: Config;
  readonly policy: Policy;
  /** What is on record is what the run leads to, so that a start that refuses what is new may lead there too. */
  readonly recordIsAfter?: true;
}

/** A bundle's JAR; the same arguments give the same bytes. */
export function jar(name: string, version: string, content: string): Buffer {
  return forgeJar(bundleManifest(name, version), [{ name: 'content', data: content }]);
}

export function makeFolder(files: Files, path: string): void {
  if (files.stat(path) !== undefined) return;
  makeFolder(files, path.slice(0, path.lastIndexOf('/')) || '/');
  files.makeDirectory(path, 0o755);
}

export function put(files: Files, path: string, content: Buffer | string, mode = 0o644): void {
  makeFolder(files, path.slice(0, path.lastIndexOf('/')));
  if (files.stat(path) !== undefined) files.unlink(path);
  files.writeNew(path, content, mode);
}

export function removeTree(files: Files, path: string): void {
  if (files.stat(path)?.kind !== 'directory') {
    files.unlink(path);
    return;
  }
  for (const name of files.list(path)) removeTree(files, join(path, name));
  files.removeDirectory(path);
}

export function configOf(values: Record<string, unknown> = {}): Config {
  return resolveConfig([{ name: 'test', values: { companion: 'none', waitSeconds: 0, ...values } }]).config;
}

export function emptyHome(rules: ConstructorParameters<typeof MemoryFiles>[0] = {}): MemoryFiles {
  const files = new MemoryFiles(rules);
  for (const folder of [PLUGINS, PATCHES, SERVICEPACKS]) makeFolder(files, folder);
  return files;
}

export function putPlugins(files: Files, ...names: readonly string[]): void {
  for (const name of names) put(files, `${PLUGINS}/${name}_1.0.0.jar`, jar(name, '1.0.0', 'original'));
}

export function putPatch(files: Files, patch: string, content: Readonly<Record<string, Buffer | string>>): void {
  for (const [name, bytes] of Object.entries(content)) put(files, `${PATCHES}/${patch}/${name}`, bytes);
}

function putServicepack(files: Files, name: string, absorbs: string, lib: Readonly<Record<string, Buffer>>): void {
  put(files, `${SERVICEPACKS}/${name}/servicepack_patches.txt`, absorbs);
  makeFolder(files, `${SERVICEPACKS}/${name}/lib`);
  for (const [file, bytes] of Object.entries(lib)) put(files, `${SERVICEPACKS}/${name}/lib/${file}`, bytes);
}

export async function settled(files: MemoryFiles, config: Config): Promise<MemoryFiles> {
  const ended = await startHome(files, HOME, config, 'strict');
  if (ended.kind !== 'ended' || ended.exitCode !== 0)
    throw new Error(`the home could not be prepared: ${JSON.stringify(ended)}`);
  return files;
}

/** One plugin, one patch that replaces it. */
export async function smallest(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one') });
  return { name: 'smallest', files, config: configOf(), policy: 'last-good' };
}

function fillFull(files: MemoryFiles): void {
  putPlugins(files, 'a', 'b', 'c');
  putServicepack(files, 'servicepack001', 'patch0001\n', { 'a.jar': jar('a', '1.0.0', 'pack') });
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'absorbed') });
  putPatch(files, 'patch0002', {
    'b_1.0.0.jar': jar('b', '1.0.0', 'two'),
    'b_2.0.0.jar': jar('b', '2.0.0', 'new version'),
    'd_1.0.0.jar': jar('d', '1.0.0', 'added'),
  });
  putPatch(files, 'patch0003', { 'e_1.0.0/plugin.xml': '<plugin/>', 'e_1.0.0/lib/e.jar': jar('e', '1.0.0', 'inner') });
}

/** A service pack, patches with additions, a new version, an exploded bundle; nothing applied yet. */
export async function applyFull(): Promise<SmallHome> {
  const files = emptyHome();
  fillFull(files);
  return { name: 'apply', files, config: configOf(), policy: 'last-good' };
}

/** The same in Carbon 4.4's layout. */
export async function applyMetadata(): Promise<SmallHome> {
  const files = emptyHome();
  makeFolder(files, `${PATCHES}/.metadata`);
  fillFull(files);
  return { name: 'apply 4.4', files, config: configOf(), policy: 'strict' };
}

/** Everything was applied, and all packs are taken out. */
export async function revertFull(): Promise<SmallHome> {
  const { files, config } = await applyFull();
  await settled(files, config);
  for (const name of ['patch0001', 'patch0002', 'patch0003']) removeTree(files, `${PATCHES}/${name}`);
  removeTree(files, `${SERVICEPACKS}/servicepack001`);
  return { name: 'revert', files, config, policy: 'last-good' };
}

/** Applied; one patch comes, one goes, one has other content; an original is uncovered again, out of the store. */
export async function upgrade(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a', 'b', 'c');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one') });
  putPatch(files, 'patch0002', { 'b_1.0.0.jar': jar('b', '1.0.0', 'two'), 'd_1.0.0.jar': jar('d', '1.0.0', 'added') });
  const config = configOf();
  await settled(files, config);
  removeTree(files, `${PATCHES}/patch0001`);
  put(files, `${PATCHES}/patch0002/b_1.0.0.jar`, jar('b', '1.0.0', 'two again'));
  putPatch(files, 'patch0003', {
    'c_1.0.0.jar': jar('c', '1.0.0', 'three'),
    'a_1.1.0.jar': jar('a', '1.1.0', 'later'),
  });
  return { name: 'upgrade', files, config, policy: 'last-good' };
}

/** Two covered plugins were edited by hand and one deleted: repaired, the edited content goes aside. */
export async function drift(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a', 'b', 'c');
  putPatch(files, 'patch0001', {
    'a_1.0.0.jar': jar('a', '1.0.0', 'one'),
    'b_1.0.0.jar': jar('b', '1.0.0', 'one'),
    'c_1.0.0.jar': jar('c', '1.0.0', 'one'),
  });
  const config = configOf();
  await settled(files, config);
  put(files, `${PLUGINS}/a_1.0.0.jar`, jar('a', '1.0.0', 'by hand'));
  files.scribble(`${PLUGINS}/b_1.0.0.jar`, Buffer.from('scribbled over'));
  files.unlink(`${PLUGINS}/c_1.0.0.jar`);
  return { name: 'drift', files, config, policy: 'last-good', recordIsAfter: true };
}

/** With Carbon's own patcher after us: a pack that was held comes back, a file that would hide the service packs goes. */
export async function companion(): Promise<SmallHome> {
  const files = emptyHome();
  makeFolder(files, `${PATCHES}/.metadata`);
  putPlugins(files, 'a', 'b', 'c');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one') });
  putPatch(files, 'patch0002', { 'b_1.0.0.jar': jar('b', '1.0.0', 'two').subarray(0, 40) });
  const config = configOf({ companion: 'carbon' });
  const first = await startHome(files, HOME, config, 'degraded');
  if (first.kind !== 'ended' || files.stat(`${PATCHES}/.held/patch0002`) === undefined)
    throw new Error('the home could not be prepared');
  put(files, `${PATCHES}/.held/patch0002/b_1.0.0.jar`, jar('b', '1.0.0', 'two'));
  putServicepack(files, 'servicepack001', 'patch0001\n', { 'c.jar': jar('c', '1.0.0', 'pack') });
  put(files, `${SERVICEPACKS}/servicepack999.txt`, 'no service pack');
  return { name: 'companion', files, config, policy: 'strict' };
}

/** The same, where what goes was set aside before, under that name: what is held there makes room. */
export async function heldAgain(): Promise<SmallHome> {
  const home = await companion();
  put(home.files, `${SERVICEPACKS}/.held/servicepack999.txt`, 'no service pack either, and the first');
  return { ...home, name: 'held again' };
}

/** Carbon's own patcher after us, a pack that is refused and another one: what fails is followed by a second transaction. */
export async function degradedCompanion(): Promise<SmallHome> {
  const files = emptyHome();
  makeFolder(files, `${PATCHES}/.metadata`);
  putPlugins(files, 'a', 'b');
  const config = configOf({ companion: 'carbon' });
  await settled(files, config);
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one') });
  putPatch(files, 'patch0002', { 'b_1.0.0.jar': jar('b', '1.0.0', 'two').subarray(0, 40) });
  return { name: 'degraded companion', files, config, policy: 'degraded' };
}

/** Plugins lie on a file system of their own. */
export async function mounted(): Promise<SmallHome> {
  const files = emptyHome();
  files.mount(PLUGINS);
  putPlugins(files, 'a', 'b');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one'), 'd_1.0.0.jar': jar('d', '1.0.0', 'added') });
  return { name: 'mounted', files, config: configOf(), policy: 'last-good' };
}

/** The same, the other way round: the original has to come back over the border. */
export async function mountedRevert(): Promise<SmallHome> {
  const { files, config } = await mounted();
  await settled(files, config);
  removeTree(files, `${PATCHES}/patch0001`);
  return { name: 'mounted revert', files, config, policy: 'last-good' };
}

/** A covered plugin on that file system was edited by hand: what it held has to go over the border to be kept aside. */
export async function mountedDrift(): Promise<SmallHome> {
  const { files, config } = await mounted();
  await settled(files, config);
  put(files, `${PLUGINS}/a_1.0.0.jar`, jar('a', '1.0.0', 'by hand'));
  return { name: 'mounted drift', files, config, policy: 'last-good', recordIsAfter: true };
}

/** A file system without second names: backups are copies. */
export async function linkless(): Promise<SmallHome> {
  const files = emptyHome({ links: false });
  putPlugins(files, 'a', 'b');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one'), 'd_1.0.0.jar': jar('d', '1.0.0', 'added') });
  return { name: 'linkless', files, config: configOf(), policy: 'last-good' };
}

/** `upgrade`, for which everything was staged ahead. */
export async function stagedAhead(): Promise<SmallHome> {
  const { files, config } = await upgrade();
  const doors = { files, bulk: new SerialBulk(files), emit: () => undefined, now: () => 1_800_000_000_000 };
  const { ahead } = await new Patcher(HOME, config, doors).stageAhead(() => true);
  if (ahead === null || ahead.readyItems === 0 || ahead.left !== null)
    throw new Error(`nothing was staged ahead: ${JSON.stringify(ahead)}`);
  return { name: 'staged ahead', files, config, policy: 'last-good' };
}

/** A pack whose manifest changes files all over the home: whole folders, modes, a file and a folder in each other's place. */
function putManifestPatch(files: Files): void {
  for (const path of ['conf/a.xml', 'conf/b.xml', 'webapps/old/x.txt', 'webapps/old/deep/y.txt', 'swap/z.txt'])
    put(files, `${HOME}/${path}`, `original of ${path}`);
  putPatch(files, 'patch0001', {
    'p_1.0.0.jar': jar('p', '1.0.0', 'new'),
    'files/a.xml': 'new',
    'files/w/i.html': 'i',
  });
  const manifest = {
    id: 'p',
    version: '1.0.0',
    files: [
      { kind: 'update', path: '/conf/a.xml', source: 'files/a.xml', mode: '0600' },
      { kind: 'delete', path: '/conf/b.xml' },
      { kind: 'create', type: 'directory', path: '/data/w', source: 'files/w' },
      { kind: 'rename', type: 'directory', path: '/webapps/old', to: '/webapps/new/place' },
      { kind: 'delete', type: 'directory', path: '/swap' },
      { kind: 'create', path: '/swap', source: 'files/a.xml' },
    ],
  };
  put(files, `${PATCHES}/patch0001.json`, JSON.stringify(manifest));
}

export async function filesAnywhere(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'p');
  putManifestPatch(files);
  return { name: 'files anywhere', files, config: configOf(), policy: 'last-good' };
}

export async function filesReverted(): Promise<SmallHome> {
  const { files, config } = await filesAnywhere();
  await settled(files, config);
  removeTree(files, `${PATCHES}/patch0001`);
  files.unlink(`${PATCHES}/patch0001.json`);
  return { name: 'files reverted', files, config, policy: 'last-good' };
}

/** A plugin that one pack updates by a delta, and a later one by a delta on that. */
export async function deltas(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a', 'b');
  const steps = ['original', 'one', 'two'].map((content) => jar('a', '1.0.0', content));
  for (const [step, patch] of ['patch0001', 'patch0002'].entries()) {
    const [before, after] = [steps[step] as Buffer, steps[step + 1] as Buffer];
    const digestOf = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
    const delta = { source: 'files/d', before: { md5: digestOf(before) }, after: { md5: digestOf(after) } };
    const path = '/repository/components/plugins/a_1.0.0.jar';
    putPatch(files, patch, { 'files/d': encodeVcdiff(before, after) });
    const manifest = { id: patch, version: '1.0.0', files: [{ kind: 'update', path, delta }] };
    put(files, `${PATCHES}/${patch}.json`, JSON.stringify(manifest));
  }
  return { name: 'deltas', files, config: configOf(), policy: 'last-good' };
}

/** A server was started on a patch long ago, and has never shown that it is healthy: the patch is taken back. */
export async function unhealthy(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'a', 'b');
  putPatch(files, 'patch0001', { 'a_1.0.0.jar': jar('a', '1.0.0', 'one'), 'd_1.0.0.jar': jar('d', '1.0.0', 'added') });
  const health = { kind: 'file', path: '/data/alive', timeoutSeconds: 60 };
  put(files, `${PATCHES}/patch0001.json`, JSON.stringify({ id: 'p', version: '1.0.0', health }));
  const config = configOf();
  const doors = { files, bulk: new SerialBulk(files), emit: () => undefined, now: () => 1_700_000_000_000 };
  await new Patcher(HOME, config, doors).start('strict', 'start', 0, true);
  return { name: 'unhealthy', files, config, policy: 'last-good' };
}

/** A zip that becomes a folder, since Carbon's own patcher comes after us. */
export async function zipUnpacked(): Promise<SmallHome> {
  const files = emptyHome();
  putPlugins(files, 'p');
  put(files, `${HOME}/conf/a.xml`, 'original');
  const manifest = {
    id: 'p',
    version: '1.0.0',
    files: [{ kind: 'update', path: '/conf/a.xml', source: 'conf/a.xml' }],
  };
  const entries = [
    { name: 'W-0001/patch0001/p_1.0.0.jar', data: jar('p', '1.0.0', 'new') },
    { name: 'W-0001/conf/a.xml', data: 'new' },
    { name: 'W-0001/patch.json', data: JSON.stringify(manifest) },
  ];
  put(files, `${PATCHES}/patch-w.zip`, forgeZip({ entries }));
  return { name: 'zip unpacked', files, config: configOf({ companion: 'carbon' }), policy: 'strict' };
}

export const SMALL_HOMES: readonly (() => Promise<SmallHome>)[] = [
  smallest,
  applyFull,
  applyMetadata,
  revertFull,
  upgrade,
  stagedAhead,
  drift,
  companion,
  heldAgain,
  mounted,
  mountedRevert,
  mountedDrift,
  linkless,
  filesAnywhere,
  filesReverted,
  deltas,
  unhealthy,
  zipUnpacked,
];
