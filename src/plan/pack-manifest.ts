// What a pack says about itself (`patch.json`): the types, and the one way to read it. The text must be strict JSON of at most
// 1 MiB; schemas/patch.schema.json gives its shape, docs/patch-json.md its meaning. Pure; nothing is loaded before one is read.

import type { Md5, RootedPath, Sha256 } from '../home/entry.js';
import type { ConditionNode } from './condition.js';
import type { IniEdit } from './edit/edit-ini.js';
import type { JsonEdit, JsonValue } from './edit/edit-json.js';
import type { PropertiesEdit } from './edit/edit-properties.js';
import type { XmlEdit } from './edit/edit-xml.js';
import type { YamlEdit } from './edit/edit-yaml.js';
import type { PackPath } from './pack-manifest-path.js';
import type { TextFault } from './pack-manifest-text.js';

/** What decides whether a pack is applied, beside others. */
export interface PackRelations {
  readonly id: string;
  /** Semver or OSGi. */
  readonly version: string;
  readonly appliesTo?: AppliesTo;
  readonly leadsTo?: LeadsTo;
  readonly requires: readonly PackReference[];
  readonly conflicts: readonly PackReference[];
  readonly supersedes: readonly PackReference[];
  /** Default true. False: the run ends with this pack, the packs after it wait for the next start. */
  readonly chainable: boolean;
}

export interface PackManifest extends PackRelations {
  readonly title?: string;
  readonly description?: string;
  /** CVE and issue ids. */
  readonly fixes: readonly string[];
  readonly files: readonly FileOperation[];
  readonly actions: readonly Action[];
  /** By path in the pack; empty where the pack lists none. */
  readonly digests: ReadonlyMap<PackPath, ListedDigest>;
  readonly health?: Health;
}

/** The homes that a pack is for. Where both are given, both must hold; within each, any one is enough. */
export interface AppliesTo {
  /** Version ranges as `parseVersionRange` reads them. */
  readonly versions?: readonly string[];
  /** `MD5(concat(hex MD5 of each identity file, in order))`, as release manifests have it. */
  readonly identities?: readonly Md5[];
}

/** What the home is once the pack is applied; packs that lead from version to version are chained by it. */
export interface LeadsTo {
  readonly version: string;
  readonly identity?: Md5;
}

export interface PackReference {
  /** A pack's id; where it has no manifest, its folder's name. */
  readonly id: string;
  /** A range; absent: every version. */
  readonly version?: string;
}

export interface ListedDigest {
  readonly sha256: Sha256;
  readonly md5: Md5;
  readonly sizeBytes?: number;
}

/** At least one of the three is there. */
export interface ExpectedContent {
  readonly sha256?: Sha256;
  readonly md5?: Md5;
  readonly sizeBytes?: number;
}

/** One change of a path of the home. In `files` paths are checked and final; in an action they are texts with `$name$`. */
export type FileOperationOf<Target, Source> =
  | CreateOperation<Target, Source>
  | UpdateOperation<Target, Source>
  | DeleteOperation<Target>
  | RenameOperation<Target>;

export type FileOperation = FileOperationOf<RootedPath, PackPath>;

export type ContentType = 'file' | 'directory';

/** The target must not be there. */
export interface CreateOperation<Target, Source> {
  readonly kind: 'create';
  /** Default file. */
  readonly type: ContentType;
  readonly path: Target;
  /** Always there for a file. A directory without one is created empty; with one, with everything below it. */
  readonly source?: Source;
  readonly mode?: number;
  readonly flags?: FileFlags;
}

/** The target must be there, and be what `before` says. A directory gets exactly the content of `source`. */
export interface UpdateOperation<Target, Source> {
  readonly kind: 'update';
  readonly type: ContentType;
  readonly path: Target;
  /** Exactly one of `source` and `delta` is there. */
  readonly source?: Source;
  readonly delta?: DeltaPayload<Source>;
  readonly before?: ExpectedContent;
  readonly mode?: number;
  readonly flags?: FileFlags;
}

/** The target must be there; a directory goes with everything below it. */
export interface DeleteOperation<Target> {
  readonly kind: 'delete';
  readonly type: ContentType;
  readonly path: Target;
  readonly before?: ExpectedContent;
}

/** `path` must be there, `to` must not. */
export interface RenameOperation<Target> {
  readonly kind: 'rename';
  readonly type: ContentType;
  readonly path: Target;
  readonly to: Target;
  readonly before?: ExpectedContent;
}

export interface FileFlags {
  /** Sets or clears the execute permission wherever read permission is given. */
  readonly executable: boolean;
}

/** Karazeh's delta: made against `before`, giving `after`; both carry a digest. */
export interface DeltaPayload<Source> {
  readonly source: Source;
  readonly before: ExpectedContent;
  readonly after: ExpectedContent;
}

/** A parsed `when`, with its text for messages. */
export interface PackCondition {
  readonly text: string;
  readonly ast: ConditionNode;
}

interface ActionBase {
  readonly id?: string;
  readonly title?: string;
  readonly when?: PackCondition;
}

export type FileAction = ActionBase & FileOperationOf<string, string>;

export type Action =
  | FileAction
  | UnzipAction
  | EditXmlAction
  | EditPropertiesAction
  | EditIniAction
  | EditJsonAction
  | EditYamlAction
  | RunAction
  | ServiceAction
  | ModuleAction
  | ListAction
  | ForEachAction
  | SetValueAction
  | NotifyAction;

/** `archive` is a path in the pack, `into` a folder of the home. */
export interface UnzipAction extends ActionBase {
  readonly kind: 'unzip';
  readonly archive: string;
  readonly into: string;
}

export interface EditXmlAction extends ActionBase {
  readonly kind: 'editXml';
  readonly file: string;
  readonly edits: readonly XmlEdit[];
}

export interface EditPropertiesAction extends ActionBase {
  readonly kind: 'editProperties';
  readonly file: string;
  readonly edits: readonly PropertiesEdit[];
}

export interface EditIniAction extends ActionBase {
  readonly kind: 'editIni';
  readonly file: string;
  readonly edits: readonly IniEdit[];
}

export interface EditJsonAction extends ActionBase {
  readonly kind: 'editJson';
  readonly file: string;
  readonly edits: readonly JsonEdit[];
}

export interface EditYamlAction extends ActionBase {
  readonly kind: 'editYaml';
  readonly file: string;
  readonly edits: readonly YamlEdit[];
}

export interface Command {
  readonly argv: readonly string[];
  /** A folder of the home; absent: the home. */
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Default 60. */
  readonly timeoutSeconds: number;
  /** That mean success; default 0 alone. */
  readonly exitCodes: readonly number[];
}

/** Either `undo` or `repeatable: true` is there. */
export interface RunAction extends ActionBase, Command {
  readonly kind: 'run';
  readonly undo?: Command;
  readonly repeatable?: true;
  /** The shared value that gets the standard output, without the line end. */
  readonly set?: string;
}

export interface ServiceAction extends ActionBase, Command {
  readonly kind: 'stopService' | 'startService';
  readonly undo: Command;
}

/** `file`: an ES module in the pack with the four methods. */
export interface ModuleAction extends ActionBase {
  readonly kind: 'module';
  readonly file: string;
  readonly options: { readonly [key: string]: JsonValue };
  /** For each method; default 60. */
  readonly timeoutSeconds: number;
}

export interface ListAction extends ActionBase {
  readonly kind: 'list';
  readonly actions: readonly Action[];
}

/** Exactly one of `items` and `itemsFrom` is there; `itemsFrom` names a value whose lines are the items. */
export interface ForEachAction extends ActionBase {
  readonly kind: 'forEach';
  readonly items?: readonly string[];
  readonly itemsFrom?: string;
  readonly as: string;
  readonly actions: readonly Action[];
}

export interface SetValueAction extends ActionBase {
  readonly kind: 'setValue';
  readonly name: string;
  readonly value: string | number | boolean;
}

/** Does nothing going forward; placed first it is rolled back last, and then runs its command. */
export interface NotifyAction extends ActionBase {
  readonly kind: 'notify';
  readonly onFailure: Command;
}

/** How the server shows that it is healthy, within `timeoutSeconds` (default 300) of its start. */
export type Health =
  | (Command & { readonly kind: 'command' })
  | { readonly kind: 'url'; readonly url: string; readonly timeoutSeconds: number }
  | { readonly kind: 'file'; readonly path: RootedPath; readonly timeoutSeconds: number };

export interface ManifestError {
  /** The file's name as the caller gave it. */
  readonly source: string;
  /** JSON pointer of the field; empty for the document. */
  readonly pointer: string;
  readonly found: string;
  readonly expected: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** All of it in one line. */
  readonly message: string;
}

export type ParsedPackManifest =
  | { readonly kind: 'manifest'; readonly manifest: PackManifest }
  | { readonly kind: 'invalid'; readonly errors: readonly ManifestError[] };

/** Reads a `patch.json`. Never throws for what is in the text. `sourceName` is only shown. */
export async function parsePackManifest(text: string, sourceName: string): Promise<ParsedPackManifest> {
  const { readStrictJson } = await import('./pack-manifest-text.js');
  const read = readStrictJson(text);
  if (read.kind === 'invalid') return { kind: 'invalid', errors: toErrors(read.faults, sourceName) };
  const { findShapeFaults } = await import('./find-shape-faults.js');
  const shapeFaults = findShapeFaults(read);
  if (shapeFaults.length > 0) return { kind: 'invalid', errors: toErrors(shapeFaults, sourceName) };
  const { buildPackManifest } = await import('./pack-manifest-build.js');
  const built = buildPackManifest(read);
  return built.faults.length > 0
    ? { kind: 'invalid', errors: toErrors(built.faults, sourceName) }
    : { kind: 'manifest', manifest: built.manifest };
}

function toErrors(faults: readonly TextFault[], source: string): ManifestError[] {
  return [...faults]
    .sort((a, b) => a.at.offset - b.at.offset)
    .map(({ pointer, found, expected, at }) => {
      const field = pointer === '' ? '' : `${pointer}: `;
      const message = `${source}:${at.line}:${at.column}: ${field}found ${found}, expected ${expected}`;
      return { source, pointer, found, expected, line: at.line, column: at.column, message };
    });
}
