// Observations made by hand for tests of planning: packs and plugins as `name: tag`, each tag standing for a content.
import { createHash } from 'node:crypto';
import { ABSENT, type FileEntry, type Md5, type RootedPath, type Sha256 } from '../../src/home/entry.js';
import { makeLayout, type LayoutName, rooted } from '../../src/home/layout.js';
import type { Pack, PackFile } from '../../src/home/pack.js';
import type { Ledger } from '../../src/plan/ledger.js';
import type { BackupFile, Observation, SeenPlugin } from '../../src/plan/observation.js';

/** Target name in plugins → tag. */
export type Contents = Readonly<Record<string, string>>;

export interface Described {
  readonly layout?: LayoutName;
  readonly plugins?: Contents;
  readonly packs?: readonly Pack[];
  readonly passedOver?: readonly Pack[];
  readonly backup?: Contents;
  /** Names of JARs in the backup that cannot be opened. */
  readonly unsound?: readonly string[];
  readonly names?: readonly string[];
  readonly jars?: Contents;
  readonly ledger?: Ledger;
  readonly stored?: readonly string[];
  readonly companion?: boolean;
  readonly excluded?: Observation['excluded'];
}

export function md5Of(tag: string): Md5 {
  return createHash('md5').update(tag).digest('hex') as Md5;
}

export function sha256Of(tag: string): Sha256 {
  return createHash('sha256').update(tag).digest('hex') as Sha256;
}

export function fileEntry(tag: string): FileEntry {
  return { kind: 'file', md5: md5Of(tag), sha256: sha256Of(tag), sizeBytes: tag.length, mode: 0o644 };
}

export function plugin(name: string): RootedPath {
  return rooted('plugins', name);
}

/** A patch, or a service pack where the name says so; a name that ends with `/` is a folder. */
export function makePack(name: string, contents: Contents, more: Partial<Pack> = {}): Pack {
  const kind = name.startsWith('servicepack') ? 'servicepack' : 'patch';
  const root = kind === 'patch' ? 'patches' : 'servicepacks';
  const inside = kind === 'patch' ? name : `${name}/lib`;
  const files = Object.entries(contents)
    .filter(([target]) => !target.endsWith('/'))
    .map(
      ([target, tag]): PackFile => ({
        fileName: target,
        source: rooted(root, `${inside}/${target}`),
        target: plugin(target),
        entry: { kind: 'file', md5: md5Of(tag), sizeBytes: tag.length, mode: 0o644 },
      }),
    );
  const directories = Object.keys(contents)
    .filter((target) => target.endsWith('/'))
    .map((target) => ({ target: plugin(target.slice(0, -1)), entry: { kind: 'directory' as const, mode: 0o755 } }));
  return {
    name,
    kind,
    folder: rooted(root, name),
    held: false,
    absorbs: [],
    files,
    directories,
    problems: [],
    ...more,
  };
}

export function makeObservation(described: Described): Observation {
  const layout = makeLayout('/home', described.layout ?? 'carbon-4.2');
  const { names, jars } = described;
  const stateFiles = [
    layout.name === 'carbon-4.2'
      ? rooted('components', 'default/configuration/prePatched.txt')
      : rooted('patches', '.metadata/prePatchedDir.txt'),
    ...(layout.name === 'carbon-4.2' ? [] : [rooted('patches', '.metadata/prePatchedJARs.txt')]),
    rooted('state', 'ledger.json'),
  ];
  return {
    layout,
    companion: described.companion ?? false,
    packs: described.packs ?? [],
    passedOver: described.passedOver ?? [],
    excluded: described.excluded ?? [],
    absorbed: [],
    hidingFiles: [],
    kept: { patch: new Set(), servicepack: new Set() },
    problems: [],
    hasBackup: described.backup !== undefined,
    backupAbsorbed: false,
    backupFolders: new Map(
      Object.keys(described.backup ?? {})
        .filter((name) => name.endsWith('/'))
        .map((name) => [plugin(name.slice(0, -1)), { kind: 'directory', mode: 0o755 }]),
    ),
    backup: new Map(
      Object.entries(described.backup ?? {})
        .filter(([name]) => !name.endsWith('/'))
        .map(([name, tag]): [RootedPath, BackupFile] => [
          plugin(name),
          {
            source: rooted('patches', `patch0000/${name}`),
            entry: fileEntry(tag),
            sound: described.unsound?.includes(name) !== true,
          },
        ]),
    ),
    state: {
      names: names ?? [],
      jars: jars === undefined ? undefined : new Map(Object.entries(jars).map(([name, tag]) => [name, md5Of(tag)])),
      namesFile: names !== undefined,
      jarsFile: jars !== undefined,
    },
    ledger: described.ledger,
    plugins: new Map(Object.entries(described.plugins ?? {}).map(([name, tag]) => seenPlugin(name, tag))),
    elsewhere: new Map(),
    leftovers: [],
    zipsInUse: [],
    stateEntries: new Map(stateFiles.map((path) => [path, ABSENT])),
    bundlesInfo: new Map(),
    missingDirectories: [],
    stored: new Set((described.stored ?? []).map(sha256Of)),
  };
}

function seenPlugin(name: string, tag: string): [RootedPath, SeenPlugin] {
  if (name.endsWith('/')) return [plugin(name.slice(0, -1)), { kind: 'directory', mode: 0o755 }];
  if (tag === 'link') return [plugin(name), { kind: 'foreign' }];
  return [plugin(name), { ...fileEntry(tag), mtimeMs: 1 }];
}
