// From JSON of the right shape to a `PackManifest`: defaults are filled in, paths, ranges, conditions and texts are checked, and
// so is everything that a schema cannot say. All faults are gathered; the manifest is only good where there are none.

import { assert } from '../error.js';
import type { Md5, Sha256 } from '../home/entry.js';
import { rooted } from '../home/layout.js';
import { parseCondition } from './condition.js';
import type { IniEdit } from './edit/edit-ini.js';
import type { JsonEdit, JsonValue } from './edit/edit-json.js';
import type { PropertiesEdit } from './edit/edit-properties.js';
import type { XmlEdit } from './edit/edit-xml.js';
import type { YamlEdit } from './edit/edit-yaml.js';
import { parseXPath } from './edit/xpath.js';
import type {
  Action,
  AppliesTo,
  Command,
  ContentType,
  DeltaPayload,
  ExpectedContent,
  FileFlags,
  FileOperation,
  FileOperationOf,
  ForEachAction,
  Health,
  LeadsTo,
  ListedDigest,
  PackCondition,
  PackManifest,
  PackReference,
  RunAction,
} from './pack-manifest.js';
import { interpolate, mapActionTexts, valueNamesIn } from './interpolate-action.js';
import { HOME_PATH_EXPECTED, homePath, PACK_PATH_EXPECTED, type PackPath, packPath } from './pack-manifest-path.js';
import {
  FAULT_LIMIT,
  type PointerParts,
  type StrictJson,
  type TextFault,
  fromPointer,
  toPointer,
} from './pack-manifest-text.js';
import { parseVersionRange, RANGE_EXPECTED, schemeOf } from './version.js';

/** How deep lists and loops of actions may be nested. */
export const ACTION_DEPTH = 8;

const COMMAND_SECONDS = 60;
const HEALTH_SECONDS = 300;

/** A value of the document with its place. The schema has vouched for its shape. */
interface Field {
  readonly value: unknown;
  readonly path: PointerParts;
}

/** What is known while the actions are read in order. */
interface Scope {
  /** Values that are set by then. */
  readonly values: Set<string>;
  /** A module may have set any value. */
  anyValue: boolean;
  readonly ids: Set<string>;
  depth: number;
}

interface Context {
  readonly json: StrictJson;
  readonly faults: TextFault[];
  /** Undefined where the manifest has no `digests`. */
  readonly listed: readonly string[] | undefined;
}

export function buildPackManifest(json: StrictJson): {
  readonly manifest: PackManifest;
  readonly faults: readonly TextFault[];
} {
  const root: Field = { value: json.value, path: [] };
  const digestField = child(root, 'digests');
  const listed = digestField === undefined ? undefined : Object.keys(objectOf(digestField));
  const context: Context = { json, faults: [], listed };
  const id = text(need(root, 'id'));
  const requires = items(root, 'requires').map((field) => reference(context, field, id));
  const conflicts = items(root, 'conflicts').map((field) => reference(context, field, id));
  checkContradictions(context, root, requires, conflicts);
  const appliesTo = optional(root, 'appliesTo', (field) => readAppliesTo(context, field));
  const leadsTo = optional(root, 'leadsTo', (field) => readLeadsTo(context, field));
  const health = optional(root, 'health', (field) => readHealth(context, field));
  const scope: Scope = { values: new Set(), anyValue: false, ids: new Set(), depth: 0 };
  const manifest: PackManifest = {
    id,
    version: version(context, need(root, 'version')),
    ...given('title', optional(root, 'title', text)),
    ...given('description', optional(root, 'description', text)),
    ...given('appliesTo', appliesTo),
    ...given('leadsTo', leadsTo),
    requires,
    conflicts,
    supersedes: items(root, 'supersedes').map((field) => reference(context, field, id)),
    chainable: optional(root, 'chainable', flag) ?? true,
    fixes: items(root, 'fixes').map(text),
    files: items(root, 'files').flatMap((field) => finalOperation(context, field, fileOperation(context, field))),
    actions: items(root, 'actions').map((field) => action(context, field, scope)),
    digests: readDigests(context, digestField),
    ...given('health', health),
  };
  return { manifest, faults: context.faults };
}

// Reading fields. The assertions hold because the schema was checked before.

function objectOf({ value, path }: Field): Readonly<Record<string, unknown>> {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), `no object at ${toPointer(path)}`);
  return value as Readonly<Record<string, unknown>>;
}

function child(field: Field, key: string): Field | undefined {
  const object = objectOf(field);
  return Object.hasOwn(object, key) ? { value: object[key], path: [...field.path, key] } : undefined;
}

function need(field: Field, key: string): Field {
  const found = child(field, key);
  assert(found !== undefined, `no ${key} at ${toPointer(field.path)}`);
  return found;
}

function items(field: Field, key: string): Field[] {
  const list = child(field, key);
  if (list === undefined) return [];
  assert(Array.isArray(list.value), `no list at ${toPointer(list.path)}`);
  return list.value.map((value: unknown, index) => ({ value, path: [...list.path, index] }));
}

function text({ value, path }: Field): string {
  assert(typeof value === 'string', `no text at ${toPointer(path)}`);
  return value;
}

function integer({ value, path }: Field): number {
  assert(typeof value === 'number', `no number at ${toPointer(path)}`);
  return value;
}

function flag({ value, path }: Field): boolean {
  assert(typeof value === 'boolean', `no flag at ${toPointer(path)}`);
  return value;
}

function optional<T>(field: Field, key: string, read: (field: Field) => T): T | undefined {
  const found = child(field, key);
  return found === undefined ? undefined : read(found);
}

/** A property where there is a value, no property where there is none. */
function given<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: T });
}

function report(context: Context, field: Field, found: string, expected: string): void {
  if (context.faults.length >= FAULT_LIMIT) return;
  context.faults.push({ pointer: toPointer(field.path), found, expected, at: context.json.locate(field.path) });
}

function show(field: Field): string {
  const shown = JSON.stringify(field.value);
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}

// What a pack says about versions and other packs.

const VERSION_EXPECTED = 'a version such as 1.2.0, 1.2.0-beta or 1.2.0.GA';

function version(context: Context, field: Field): string {
  if (schemeOf(text(field)) === undefined) report(context, field, show(field), VERSION_EXPECTED);
  return text(field);
}

function range(context: Context, field: Field): string {
  if (parseVersionRange(text(field)) === undefined) report(context, field, show(field), RANGE_EXPECTED);
  return text(field);
}

function reference(context: Context, field: Field, self: string): PackReference {
  const idField = need(field, 'id');
  if (text(idField) === self)
    report(context, idField, show(idField), 'another pack; older versions of a pack give way by themselves');
  return {
    id: text(idField),
    ...given(
      'version',
      optional(field, 'version', (each) => range(context, each)),
    ),
  };
}

function checkContradictions(
  context: Context,
  root: Field,
  requires: readonly PackReference[],
  conflicts: readonly PackReference[],
): void {
  for (const [index, field] of items(root, 'conflicts').entries()) {
    const conflict = conflicts[index];
    const required = requires.find((each) => each.id === conflict?.id);
    if (required === undefined || (required.version !== undefined && conflict?.version !== undefined)) continue;
    report(
      context,
      need(field, 'id'),
      `${show(need(field, 'id'))}, which is in requires too`,
      'a pack in one of the two, or a version range in both',
    );
  }
}

function readAppliesTo(context: Context, field: Field): AppliesTo {
  const versions = items(field, 'versions').map((each) => range(context, each));
  const identities = items(field, 'identities').map((each) => text(each) as Md5);
  return { ...(versions.length > 0 ? { versions } : {}), ...(identities.length > 0 ? { identities } : {}) };
}

function readLeadsTo(context: Context, field: Field): LeadsTo {
  return {
    version: version(context, need(field, 'version')),
    ...given(
      'identity',
      optional(field, 'identity', (each) => text(each) as Md5),
    ),
  };
}

function readDigests(context: Context, field: Field | undefined): ReadonlyMap<PackPath, ListedDigest> {
  const digests = new Map<PackPath, ListedDigest>();
  if (field === undefined) return digests;
  for (const key of Object.keys(objectOf(field))) {
    const entry = need(field, key);
    const path = packPath(key);
    if (path === undefined) report(context, entry, `the key ${JSON.stringify(key.slice(0, 80))}`, PACK_PATH_EXPECTED);
    else
      digests.set(path, {
        sha256: text(need(entry, 'sha256')) as Sha256,
        md5: text(need(entry, 'md5')) as Md5,
        ...given('sizeBytes', optional(entry, 'sizeBytes', integer)),
      });
  }
  return digests;
}

// Paths of the pack are only good where `digests`, if there is one, lists what they lead to.

function checkPackPath(context: Context, field: Field, path: string): PackPath | undefined {
  const inPack = packPath(path);
  if (inPack === undefined) report(context, field, show(field), PACK_PATH_EXPECTED);
  else if (
    context.listed !== undefined &&
    !context.listed.some((listed) => listed === path || listed.startsWith(`${path}/`))
  ) {
    report(context, field, show(field), 'a file that digests lists, or a folder of such files');
  }
  return inPack;
}

// File operations.

function fileOperation(context: Context, field: Field): FileOperationOf<string, string> {
  const kind = text(need(field, 'kind'));
  const type: ContentType = optional(field, 'type', text) === 'directory' ? 'directory' : 'file';
  const path = text(need(field, 'path'));
  const before = optional(field, 'before', expectedContent);
  if (before !== undefined && type === 'directory')
    report(context, need(field, 'before'), 'before for a directory', 'before for a file only');
  const permissions = () => readPermissions(context, field, type);
  switch (kind) {
    case 'create': {
      const source = optional(field, 'source', text);
      if (source === undefined && type === 'file')
        report(context, field, 'no source', 'source, the path in the pack of the file to create');
      return { kind, type, path, ...given('source', source), ...permissions() };
    }
    case 'update': {
      const source = optional(field, 'source', text);
      const delta = optional(field, 'delta', (each) => readDelta(context, each, type));
      if ((source === undefined) === (delta === undefined)) {
        report(
          context,
          field,
          source === undefined ? 'neither source nor delta' : 'both source and delta',
          'one of source and delta',
        );
      }
      if (delta !== undefined && before !== undefined)
        report(context, need(field, 'before'), 'before beside delta', 'before inside delta only');
      return {
        kind,
        type,
        path,
        ...given('source', source),
        ...given('delta', delta),
        ...given('before', before),
        ...permissions(),
      };
    }
    case 'delete':
      return { kind, type, path, ...given('before', before) };
    case 'rename': {
      const toField = need(field, 'to');
      const to = text(toField);
      if (to === path || to.startsWith(`${path}/`))
        report(context, toField, show(toField), `a path that is neither ${path} nor below it`);
      return { kind, type, path, to, ...given('before', before) };
    }
    default:
      throw new Error(`prepatch has a defect: the schema let the file operation ${kind} pass`);
  }
}

function readPermissions(
  context: Context,
  field: Field,
  type: ContentType,
): { readonly mode?: number; readonly flags?: FileFlags } {
  const mode = optional(field, 'mode', (each) => Number.parseInt(text(each), 8));
  const flags = optional(field, 'flags', (each): FileFlags => ({ executable: flag(need(each, 'executable')) }));
  if (flags !== undefined && type === 'directory')
    report(context, need(field, 'flags'), 'flags for a directory', 'mode; flags are for files');
  else if (flags !== undefined && mode !== undefined)
    report(context, need(field, 'flags'), 'flags beside mode', 'one of mode and flags');
  return { ...given('mode', mode), ...given('flags', flags) };
}

function expectedContent(field: Field): ExpectedContent {
  return {
    ...given(
      'sha256',
      optional(field, 'sha256', (each) => text(each) as Sha256),
    ),
    ...given(
      'md5',
      optional(field, 'md5', (each) => text(each) as Md5),
    ),
    ...given('sizeBytes', optional(field, 'sizeBytes', integer)),
  };
}

function readDelta(context: Context, field: Field, type: ContentType): DeltaPayload<string> {
  if (type === 'directory') report(context, field, 'delta for a directory', 'delta for a file only');
  const [before, after] = ['before', 'after'].map((key) => {
    const each = need(field, key);
    const content = expectedContent(each);
    if (content.md5 === undefined && content.sha256 === undefined)
      report(context, each, 'no digest', 'md5 or sha256, which tell the right file from others');
    return content;
  });
  return { source: text(need(field, 'source')), before: before ?? {}, after: after ?? {} };
}

/** An operation of `files`: its paths are final. None where a path is wrong, which is reported. */
function finalOperation(context: Context, field: Field, operation: FileOperationOf<string, string>): FileOperation[] {
  const home = (key: string) => {
    const pathField = need(field, key);
    const path = homePath(text(pathField));
    if (path === undefined) report(context, pathField, show(pathField), HOME_PATH_EXPECTED);
    return path;
  };
  const packField = (key: string) => (key === 'delta' ? need(need(field, 'delta'), 'source') : need(field, key));
  const path = home('path');
  const to = operation.kind === 'rename' ? home('to') : undefined;
  const checkSource = (key: 'source' | 'delta', given: string | undefined) =>
    given === undefined ? undefined : checkPackPath(context, packField(key), given);
  if (operation.kind === 'rename') return path === undefined || to === undefined ? [] : [{ ...operation, path, to }];
  if (operation.kind === 'delete') return path === undefined ? [] : [{ ...operation, path }];
  const source = checkSource('source', operation.source);
  if (operation.kind === 'create') {
    const { source: _source, ...rest } = operation;
    return path === undefined ? [] : [{ ...rest, path, ...given('source', source) }];
  }
  const { source: _source, delta, ...rest } = operation;
  const deltaSource = checkSource('delta', delta?.source);
  const finalDelta = delta === undefined || deltaSource === undefined ? undefined : { ...delta, source: deltaSource };
  return path === undefined ? [] : [{ ...rest, path, ...given('source', source), ...given('delta', finalDelta) }];
}

// Actions.

function action(context: Context, field: Field, scope: Scope): Action {
  const idField = child(field, 'id');
  if (idField !== undefined) {
    if (scope.ids.has(text(idField)))
      report(context, idField, `${show(idField)} a second time`, 'an id that no other action has');
    scope.ids.add(text(idField));
  }
  const base = {
    ...given('id', optional(field, 'id', text)),
    ...given('title', optional(field, 'title', text)),
    ...given(
      'when',
      optional(field, 'when', (each) => condition(context, each)),
    ),
  };
  const result: Action = { ...base, ...actionBody(context, field, scope) };
  return result;
}

function actionBody(context: Context, field: Field, scope: Scope): Action {
  const body = readActionBody(context, field);
  checkTexts(context, field, body, scope);
  switch (body.kind) {
    case 'list':
      return { ...body, actions: nestedActions(context, field, scope) };
    case 'forEach': {
      const shadowed = scope.values.has(body.as);
      scope.values.add(body.as);
      const actions = nestedActions(context, field, scope);
      if (!shadowed) scope.values.delete(body.as);
      return { ...body, actions };
    }
    case 'setValue':
      scope.values.add(body.name);
      return body;
    case 'run':
      if (body.set !== undefined) scope.values.add(body.set);
      return body;
    case 'module':
      scope.anyValue = true;
      return body;
    default:
      return body;
  }
}

function nestedActions(context: Context, field: Field, scope: Scope): readonly Action[] {
  if (scope.depth >= ACTION_DEPTH) {
    report(
      context,
      need(field, 'actions'),
      `actions at depth ${ACTION_DEPTH + 1}`,
      `at most ${ACTION_DEPTH} levels of lists and loops`,
    );
    return [];
  }
  scope.depth++;
  const actions = items(field, 'actions').map((each) => action(context, each, scope));
  scope.depth--;
  return actions;
}

function readActionBody(context: Context, field: Field): Action {
  const kind = text(need(field, 'kind'));
  const file = () => text(need(field, 'file'));
  switch (kind) {
    case 'create':
    case 'update':
    case 'delete':
    case 'rename':
      return fileOperation(context, field);
    case 'unzip':
      return { kind, archive: text(need(field, 'archive')), into: text(need(field, 'into')) };
    case 'editXml':
      return { kind, file: file(), edits: edits(field) as readonly XmlEdit[] };
    case 'editProperties':
      return { kind, file: file(), edits: edits(field) as readonly PropertiesEdit[] };
    case 'editIni':
      return { kind, file: file(), edits: iniEdits(field) };
    case 'editJson':
      return { kind, file: file(), edits: edits(field) as readonly JsonEdit[] };
    case 'editYaml':
      return { kind, file: file(), edits: edits(field) as readonly YamlEdit[] };
    case 'run':
      return runAction(context, field);
    case 'stopService':
    case 'startService':
      return { kind, ...command(context, field), undo: command(context, need(field, 'undo')) };
    case 'module': {
      const options = child(field, 'options');
      return {
        kind,
        file: file(),
        options: options === undefined ? {} : (objectOf(options) as { readonly [key: string]: JsonValue }),
        timeoutSeconds: optional(field, 'timeoutSeconds', integer) ?? COMMAND_SECONDS,
      };
    }
    case 'list':
      return { kind, actions: [] };
    case 'forEach':
      return forEachAction(context, field);
    case 'setValue':
      return { kind, name: text(need(field, 'name')), value: need(field, 'value').value as string | number | boolean };
    case 'notify':
      return { kind, onFailure: command(context, need(field, 'onFailure')) };
    default:
      throw new Error(`prepatch has a defect: the schema let the action ${kind} pass`);
  }
}

function condition(context: Context, field: Field): PackCondition {
  const source = text(field);
  const parsed = parseCondition(source);
  if (parsed.kind === 'condition') return { text: source, ast: parsed.ast };
  const expected = `${parsed.expected} (line ${parsed.line}, column ${parsed.column} of the condition)`;
  report(context, field, parsed.found, expected);
  return { text: source, ast: { kind: 'literal', value: false } };
}

function command(context: Context, field: Field): Command {
  const argv = items(field, 'argv');
  const first = argv[0];
  if (first !== undefined && text(first) === '')
    report(context, first, show(first), 'the name or the path of a program');
  const environment = child(field, 'env');
  const exitCodes = items(field, 'exitCodes').map(integer);
  return {
    argv: argv.map(text),
    ...given('cwd', optional(field, 'cwd', text)),
    env:
      environment === undefined
        ? {}
        : Object.fromEntries(Object.keys(objectOf(environment)).map((key) => [key, text(need(environment, key))])),
    timeoutSeconds: optional(field, 'timeoutSeconds', integer) ?? COMMAND_SECONDS,
    exitCodes: exitCodes.length > 0 ? exitCodes : [0],
  };
}

function runAction(context: Context, field: Field): RunAction {
  const undo = optional(field, 'undo', (each) => command(context, each));
  const repeatable = child(field, 'repeatable') !== undefined;
  if ((undo !== undefined) === repeatable) {
    report(
      context,
      field,
      repeatable ? 'both undo and repeatable' : 'neither undo nor repeatable',
      'an undo command, or repeatable: true where running it again and leaving its effect do no harm',
    );
  }
  return {
    kind: 'run',
    ...command(context, field),
    ...given('undo', undo),
    ...(repeatable ? { repeatable: true } : {}),
    ...given('set', optional(field, 'set', text)),
  };
}

function forEachAction(context: Context, field: Field): ForEachAction {
  const list = child(field, 'items');
  const itemsFrom = optional(field, 'itemsFrom', text);
  if ((list === undefined) === (itemsFrom === undefined)) {
    report(
      context,
      field,
      list === undefined ? 'neither items nor itemsFrom' : 'both items and itemsFrom',
      'one of items and itemsFrom',
    );
  }
  return {
    kind: 'forEach',
    ...(list === undefined ? {} : { items: items(field, 'items').map(text) }),
    ...given('itemsFrom', itemsFrom),
    as: text(need(field, 'as')),
    actions: [],
  };
}

/** Edits are handed on as they are written: the schema has the shapes of the edits' own types. */
function edits(field: Field): readonly object[] {
  return items(field, 'edits').map(objectOf);
}

function iniEdits(field: Field): readonly IniEdit[] {
  return items(field, 'edits').map((each) => ({ section: '', ...objectOf(each) }) as IniEdit);
}

/** Fields of actions that are paths of the home, and paths in the pack. */
const HOME_FIELDS = /^\/(?:path|to|into|cwd|(?:undo|onFailure)\/cwd)$/;
const PACK_FIELDS = /^\/(?:source|archive|delta\/source)$/;

const XPATH_FIELD = /^\/edits\/\d+\/xpath$/;

/** Each text of an action: its `$name$` are well formed and set by then, and what is a path stays one. */
function checkTexts(context: Context, field: Field, body: Action, scope: Scope): void {
  const isKnown = (name: string) => scope.anyValue || scope.values.has(name);
  const whole = { ...body };
  mapActionTexts(whole, (source, pointer) => {
    const at: Field = { value: source, path: [...field.path, ...fromPointer(pointer)] };
    const names = valueNamesIn(source);
    // Any text does in the place of a value that is not known yet; the path is checked again when it is.
    const result = interpolate(source, new Map(names.map((name) => [name, 'x'])));
    if (result.kind === 'malformed')
      report(context, at, `a lone $ at character ${result.offset + 1}`, '$name$ for a shared value, or $$ for a $');
    const unknown = names.find((name) => !isKnown(name));
    if (unknown !== undefined) report(context, at, `$${unknown}$`, 'a value that an earlier action sets');
    if (source.includes('\0')) report(context, at, 'a NUL character', 'a text without one');
    if (result.kind !== 'text') return source;
    if (XPATH_FIELD.test(pointer) && body.kind === 'editXml' && parseXPath(result.text) === undefined) {
      report(
        context,
        at,
        show(at),
        'an absolute path in the part of XPath that docs/edits.md describes, such as /Server/Ports/Offset',
      );
    }
    const inPack = PACK_FIELDS.test(pointer) || (body.kind === 'module' && pointer === '/file');
    if (inPack) {
      if (names.length === 0) checkPackPath(context, at, result.text);
      else if (packPath(result.text) === undefined) report(context, at, show(at), PACK_PATH_EXPECTED);
    } else if ((HOME_FIELDS.test(pointer) || pointer === '/file') && homePath(result.text) === undefined) {
      report(context, at, show(at), HOME_PATH_EXPECTED);
    }
    return source;
  });
  if (body.kind === 'forEach' && body.itemsFrom !== undefined && !isKnown(body.itemsFrom)) {
    report(context, need(field, 'itemsFrom'), JSON.stringify(body.itemsFrom), 'a value that an earlier action sets');
  }
}

// Health.

function readHealth(context: Context, field: Field): Health {
  const timeoutSeconds = optional(field, 'timeoutSeconds', integer) ?? HEALTH_SECONDS;
  switch (text(need(field, 'kind'))) {
    case 'command': {
      const cwd = child(field, 'cwd');
      if (cwd !== undefined && homePath(text(cwd)) === undefined) report(context, cwd, show(cwd), HOME_PATH_EXPECTED);
      return { ...command(context, field), kind: 'command', timeoutSeconds };
    }
    case 'url': {
      const url = need(field, 'url');
      if (!isLoopback(text(url))) {
        report(
          context,
          url,
          show(url),
          'an http or https URL of this machine (localhost, 127.0.0.1, [::1]) without a user name',
        );
      }
      return { kind: 'url', url: text(url), timeoutSeconds };
    }
    case 'file': {
      const pathField = need(field, 'path');
      const path = homePath(text(pathField));
      if (path === undefined) report(context, pathField, show(pathField), HOME_PATH_EXPECTED);
      // Where the path is wrong the manifest is not used.
      return { kind: 'file', path: path ?? rooted('home', ''), timeoutSeconds };
    }
    default:
      throw new Error('prepatch has a defect: the schema let an unknown kind of health pass');
  }
}

/** URLs are fetched by a start; one that led elsewhere would let a pack make the server's machine call others. */
function isLoopback(source: string): boolean {
  if (!URL.canParse(source)) return false;
  const { protocol, hostname, username, password } = new URL(source);
  if ((protocol !== 'http:' && protocol !== 'https:') || username !== '' || password !== '') return false;
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}
