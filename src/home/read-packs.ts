// Reads what packs are made of: the digests of their files, and where each of these lands (Carbon rule 10). Reads only;
// everything odd is a problem that names the pack. Order is decided in list-packs.ts, layers in the plan.

import type { ListedDigest } from '../plan/pack-manifest.js';
import { errorProblem, notice } from '../problem.js';
import type { Files } from '../system/files.js';
import { jarsNameFault } from './carbon-state.js';
import type { DirectoryEntry, FileEntry } from './entry.js';
import type { Inventory, Learned, Wanted } from './inventory.js';
import { type JarReading, jarTargetName } from './jar.js';
import { absolute, display, type Layout, rooted } from './layout.js';
import type { PackListing } from './list-packs.js';
import type { Pack, PackContent, PackDirectory, PackFile } from './pack.js';
import type { PackRules } from './pack-rules.js';
import { planUnpacking } from './plan-unpacking.js';
import { type PackEntry, readingProblem, shownEntry, type WalkedPack } from './walk-pack.js';
import { forgetUnpacked } from './zip-cache.js';

export interface ReadOptions {
  readonly rules: PackRules;
  readonly deep: boolean;
  readonly kept: PackListing['kept'];
  readonly progress?: (doneItems: number, totalItems: number, doneBytes: number, totalBytes: number) => void;
}

/** Reads packs, in order: their files with digests, sizes and targets. What is wrong with one is in its `problems`. */
export async function readPacks(
  files: Files,
  layout: Layout,
  inventory: Inventory,
  walked: readonly WalkedPack[],
  options: ReadOptions,
): Promise<Pack[]> {
  const wanted: Wanted[] = [];
  for (const one of walked) {
    const withSha256 = (one.described?.manifest.digests.size ?? 0) > 0;
    for (const entry of one.entries) {
      if (entry.stat.kind !== 'file') continue;
      const asJar = entry.layer !== undefined && isJarName(entry.layer);
      wanted.push({ path: absolute(layout, entry.source), stat: entry.stat, withSha256, asJar });
    }
  }
  const totalBytes = wanted.reduce((sum, want) => sum + want.stat.sizeBytes, 0);
  const learned = await inventory.learn(wanted, options.deep, (items, bytes) =>
    options.progress?.(items, wanted.length, bytes, totalBytes),
  );
  let next = 0;
  return walked.map((one) => {
    const packFiles: PackFile[] = [];
    const directories: PackDirectory[] = [];
    const content = new Map<string, PackContent>();
    for (const entry of one.entries) {
      const { layer, name, source, stat } = entry;
      if (stat.kind === 'directory') {
        const directory: DirectoryEntry = { kind: 'directory', mode: stat.mode & 0o777 };
        content.set(name, { source, entry: directory });
        if (layer !== undefined) directories.push({ target: rooted('plugins', layer), entry: directory });
      } else if (stat.kind === 'file') {
        const result = learned[next++];
        if (result === undefined) throw new Error('prepatch has a defect: a pack’s file was not read');
        const fileEntry = readEntry(files, layout, one, entry, result);
        if (fileEntry === undefined) continue;
        content.set(name, { source, entry: fileEntry });
        const file =
          layer === undefined
            ? undefined
            : packFile(layout, one, entry, layer, fileEntry, jarOf(result), options.rules);
        if (file !== undefined) packFiles.push(file);
      }
    }
    checkDigests(layout, one, content);
    checkTargets(layout, one, packFiles, directories, options.rules);
    const unpacking = options.rules.companion ? planUnpacking(files, layout, one, content, options.kept) : undefined;
    const broken = one.problems.some((problem) => problem.severity === 'error');
    return {
      name: one.listed.name,
      kind: one.listed.kind,
      folder: one.folder,
      held: one.listed.held,
      absorbs: one.absorbs,
      files: broken ? [] : packFiles,
      directories: broken ? [] : directories,
      problems: one.problems,
      ...(one.described === undefined
        ? {}
        : {
            manifest: one.described.manifest,
            operations: one.described.operations,
            root: one.root,
            content: sortContent(content),
          }),
      ...(one.listed.zip === undefined ? {} : { zip: one.listed.zip.path }),
      ...(unpacking === undefined ? {} : { unpacking }),
    };
  });
}

/** By name, so that a pack is the same whether its parts lie in one folder or in two. */
function sortContent(content: ReadonlyMap<string, PackContent>): ReadonlyMap<string, PackContent> {
  return new Map([...content].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function jarOf(result: Learned): JarReading | undefined {
  return result.kind === 'facts' ? result.facts.jar : undefined;
}

/** A file's digests and mode; of one out of a zip, only if it is still what came out. */
function readEntry(
  files: Files,
  layout: Layout,
  one: WalkedPack,
  entry: PackEntry,
  result: Learned,
): FileEntry | undefined {
  const show = () => shownEntry({ layout, listed: one.listed }, entry);
  if (result.kind === 'failed') {
    one.problems.push(readingProblem(result.error, show(), one.listed.name));
    return undefined;
  }
  const { md5, sha256 } = result.facts;
  const unpacked = one.listed.zip?.unpacked;
  const original = unpacked?.files.get(entry.source);
  if (unpacked !== undefined && original?.md5 !== md5) {
    forgetUnpacked(files, layout, unpacked.digest);
    one.problems.push(
      errorProblem('PACK_CHANGED', `what ${show()} was unpacked to has been changed; it will be unpacked again`, {
        pack: one.listed.name,
        path: display(layout, entry.source),
        hint: 'Run prepatch again.',
      }),
    );
    return undefined;
  }
  return {
    kind: 'file',
    md5,
    ...(sha256 === undefined ? {} : { sha256 }),
    sizeBytes: entry.stat.sizeBytes,
    mode: (original?.mode ?? entry.stat.mode) & 0o777,
  };
}

/** Every file of the pack is listed and as it is listed, and every listed file is there. */
function checkDigests(layout: Layout, one: WalkedPack, content: ReadonlyMap<string, PackContent>): void {
  const digests = one.described?.manifest.digests;
  if (digests === undefined || digests.size === 0) return;
  const pack = one.listed.name;
  const shown = display(layout, one.listed.zip?.path ?? one.folder);
  const refuse = (name: string, what: string) => {
    const path = `${shown}${one.listed.zip === undefined ? '/' : '!/'}${name}`;
    one.problems.push(
      errorProblem('PACK_REFUSED', `${path} ${what}`, {
        pack,
        path,
        hint: `Copy ${pack} again, completely; if that does not help, ask its author for a sound one.`,
      }),
    );
  };
  const listed = new Map<string, ListedDigest>();
  for (const [path, digest] of digests) listed.set(nameInPack(path, pack, content), digest);
  for (const [name, { entry }] of content) {
    if (entry.kind !== 'file') continue;
    const digest = listed.get(name);
    if (digest === undefined) refuse(name, 'is not among the digests of its manifest (unlisted)');
    else if (digest.sizeBytes !== undefined && digest.sizeBytes !== entry.sizeBytes)
      refuse(name, `has ${entry.sizeBytes} bytes, its manifest says ${digest.sizeBytes} (wrong-size)`);
    else if (digest.md5 !== entry.md5)
      refuse(name, `has the MD5 ${entry.md5}, its manifest says ${digest.md5} (wrong-checksum)`);
    else if (entry.sha256 !== undefined && digest.sha256 !== entry.sha256)
      refuse(name, `has the SHA-256 ${entry.sha256}, its manifest says ${digest.sha256} (wrong-checksum)`);
  }
  for (const name of listed.keys()) {
    if (content.get(name)?.entry.kind !== 'file')
      refuse(name, 'is among the digests of its manifest, and is not there (missing)');
  }
}

/** The name of a path in the pack: what lies in the folder of a patch may be written with or without that folder. */
function nameInPack(path: string, pack: string, content: ReadonlyMap<string, PackContent>): string {
  return content.has(path) || !path.startsWith(`${pack}/`) ? path : path.slice(pack.length + 1);
}

function isJarName(path: string): boolean {
  return !path.includes('/') && path.endsWith('.jar');
}

function packFile(
  layout: Layout,
  one: WalkedPack,
  entry: PackEntry,
  layer: string,
  fileEntry: FileEntry,
  jar: JarReading | undefined,
  rules: PackRules,
): PackFile | undefined {
  const show = () => shownEntry({ layout, listed: one.listed }, entry);
  const refuse = (message: string, hint: string): PackFile | undefined => {
    one.problems.push(errorProblem('PACK_REFUSED', message, { pack: one.listed.name, path: show(), hint }));
    return undefined;
  };
  let name = layer;
  let bundle: PackFile['bundle'];
  if (jar !== undefined) {
    if (jar.kind === 'bad')
      return refuse(`${show()} is no sound JAR: ${jar.reason}`, `Copy ${show()} again, completely.`);
    const target = jarTargetName(layer, jar);
    if (target.kind === 'refused')
      return refuse(`${show()}: ${target.reason}`, 'Ask the author of the pack for a corrected JAR.');
    name = target.name;
    if (rules.companion && jar.hasManifest === false)
      return refuse(
        `${show()} has no manifest; Carbon’s own patcher would stop at it at every start`,
        'Ask the author of the pack for a JAR with a manifest.',
      );
    if (jar.bundle !== undefined) {
      bundle = { symbolicName: jar.bundle.symbolicName, version: jar.bundle.version };
      if (rules.companion && jar.bundle.rawSymbolicName !== jar.bundle.symbolicName) {
        return refuse(
          `${show()}: Carbon’s own patcher would take the blank in its Bundle-SymbolicName for a part of the name`,
          'Ask the author of the pack for a JAR without a blank before the parameters.',
        );
      }
    }
  }
  // What lies deeper is in no list.
  const fault = layout.jarsFile === undefined || name.includes('/') ? undefined : jarsNameFault(name);
  if (fault !== undefined)
    return refuse(
      `${show()} would be ${JSON.stringify(name)} in plugins; ${fault}, and prePatchedJARs.txt could not say it`,
      name === layer ? 'Rename the file.' : 'Ask the author of the pack for a corrected JAR.',
    );
  return {
    fileName: layer,
    source: entry.source,
    target: rooted('plugins', name),
    entry: fileEntry,
    ...(bundle === undefined ? {} : { bundle }),
  };
}

/** Two files of one pack that land on one path, a folder that Carbon's own patcher cannot take. */
function checkTargets(
  layout: Layout,
  one: WalkedPack,
  files: readonly PackFile[],
  directories: readonly PackDirectory[],
  rules: PackRules,
): void {
  const pack = one.listed.name;
  const path = display(layout, one.listed.zip?.path ?? one.folder);
  const seen = new Map<string, PackFile>();
  for (const file of files) {
    const other = seen.get(file.target);
    if (other !== undefined && other.entry.md5 !== file.entry.md5) {
      one.problems.push(
        errorProblem(
          'PACK_REFUSED',
          `${other.fileName} and ${file.fileName} of ${pack} are both ${file.target.slice('plugins:'.length)}, with different content`,
          { pack, path, hint: 'Leave only one of them in the pack.' },
        ),
      );
    }
    seen.set(file.target, file);
  }
  if (!rules.companion || directories.length === 0) return;
  if (one.listed.kind === 'patch') {
    one.problems.push(
      errorProblem('PACK_REFUSED', `${pack} has a folder in it; Carbon’s own patcher would stop at it at every start`, {
        pack,
        path,
        hint: 'Take the folder out, or put it into a service pack.',
      }),
    );
  } else {
    one.problems.push(
      notice(
        'COMPANION',
        'warning',
        `${pack} has a folder in its lib; Carbon’s own verification will warn of it at every start`,
        { pack, path, hint: 'Nothing has to be done.' },
      ),
    );
  }
}
