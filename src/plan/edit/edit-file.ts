// Edits of a configuration file: bytes in, bytes and undo records out. Every byte that an edit does not name stays as it
// is; each step is proven by comparing the trees before and after. docs/edits.md. Pure; no input makes it throw.

import { Buffer } from 'node:buffer';
import { unreachable } from '../../error.js';
import { type IniEdit, iniFormat } from './edit-ini.js';
import { type JsonEdit, jsonFormat } from './edit-json.js';
import { type PropertiesEdit, propertiesFormat } from './edit-properties.js';
import { type XmlEdit, xmlFormat } from './edit-xml.js';
import { type YamlEdit, yamlFormat } from './edit-yaml.js';
import {
  applySplice,
  type Change,
  differsOnlyAt,
  type EditFailure,
  type EditFailureCode,
  type EditFormat,
  fail,
  indexPath,
  isFailure,
  lacksOnly,
  nodeAt,
  type TextEncoding,
  type TextNode,
} from './text-tree.js';
import {
  type EditConflict,
  type EditUndo,
  insertedPath,
  recordInserted,
  recordRemoved,
  recordReplaced,
  revertUndo,
} from './undo-edit.js';

export type EditKind = 'xml' | 'properties' | 'ini' | 'json' | 'yaml';

export const EDIT_KINDS = ['xml', 'properties', 'ini', 'json', 'yaml'] as const satisfies readonly EditKind[];

/** The edits of each kind of file. */
export interface EditsOfKind {
  readonly xml: XmlEdit;
  readonly properties: PropertiesEdit;
  readonly ini: IniEdit;
  readonly json: JsonEdit;
  readonly yaml: YamlEdit;
}

/** Files above this size are refused. */
export const EDIT_LIMIT_BYTES = 16 * 1024 * 1024;

/** One edit may come to this many primitive changes (missing containers, duplicates). */
const CHANGES_PER_EDIT = 1_000;

export type EditResult =
  | { readonly kind: 'edited'; readonly bytes: Uint8Array; readonly undo: readonly EditUndo[] }
  | {
      readonly kind: 'failed';
      readonly code: EditFailureCode;
      /** The edit that failed; 0 where the file itself is at fault. */
      readonly editIndex: number;
      readonly message: string;
    };

export type RevertResult =
  | { readonly kind: 'reverted'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'conflict';
      readonly conflicts: readonly EditConflict[];
      /** The file with everything taken back that could be; for a caller whose policy is not all or nothing. */
      readonly partial: Uint8Array;
    };

/**
 * Applies edits in order, all or none.
 * An edit that finds its result already there changes nothing, and its undo leaves it.
 */
export function applyEdits<K extends EditKind>(
  kind: K,
  bytes: Uint8Array,
  edits: readonly EditsOfKind[K][],
): EditResult {
  return withFormat(kind, (format) => {
    const opened = open(format, bytes);
    if (isFailure(opened)) return { ...opened, editIndex: 0 };
    const before = format.check(opened.text);
    if (before !== undefined) return { ...before, editIndex: 0 };
    let { text, root } = opened;
    const undo: EditUndo[] = [];
    for (const [editIndex, edit] of edits.entries()) {
      for (let round = 0; ; round += 1) {
        if (round === CHANGES_PER_EDIT)
          return { ...fail('unsupported', 'the edit comes to too many changes'), editIndex };
        const change = guarded(() => format.plan(text, root, edit as never, opened.encoding));
        if (isFailure(change)) return { ...change, editIndex };
        if (change.kind === 'none') {
          if (round === 0) undo.push({ kind: 'unchanged', path: change.path });
          break;
        }
        const done = perform(format, text, root, change);
        if (isFailure(done)) return { ...done, editIndex };
        undo.push(done.undo);
        ({ text, root } = done);
        if (change.kind === 'replace' || !change.more) break;
      }
    }
    const editIndex = Math.max(0, edits.length - 1);
    const after = format.check(text);
    if (after !== undefined)
      return {
        ...fail('unsupported', `the edits would leave a file that is not well-formed: ${after.message}`),
        editIndex,
      };
    const encoded = encode(text, opened.encoding, opened.mark);
    if (encoded === undefined)
      return { ...fail('unsupported', `a value cannot be written in ${opened.encoding}`), editIndex };
    if (encoded.byteLength > EDIT_LIMIT_BYTES) return { ...tooLarge(encoded.byteLength), editIndex };
    return { kind: 'edited', bytes: encoded, undo };
  });
}

/**
 * Takes edits back, the last first, each only where the file still holds what the edit put there; other parts of the file
 * may have changed. All or nothing: with any conflict the result is the conflicts, and the caller's file stays.
 */
export function revertEdits(kind: EditKind, bytes: Uint8Array, undo: readonly EditUndo[]): RevertResult {
  return withFormat(kind, (format) => {
    const unreadable = (message: string): RevertResult => ({
      kind: 'conflict',
      conflicts: [{ path: '', expected: `a file of kind ${kind}`, found: message }],
      partial: bytes,
    });
    const opened = open(format, bytes);
    if (isFailure(opened)) return unreadable(opened.message);
    const before = format.check(opened.text);
    if (before !== undefined) return unreadable(before.message);
    let { text, root } = opened;
    const conflicts: EditConflict[] = [];
    for (const record of undo.toReversed()) {
      const result = revertUndo(format, text, root, record);
      if (result.kind === 'conflict') {
        conflicts.unshift(result.conflict);
        continue;
      }
      if (result.text === text) continue;
      const parsed = guarded(() => format.parse(result.text));
      if (isFailure(parsed)) return unreadable(parsed.message);
      ({ text } = result);
      root = parsed;
    }
    const after = format.check(text);
    if (after !== undefined) return unreadable(`without the edits it would not be well-formed: ${after.message}`);
    const encoded = encode(text, opened.encoding, opened.mark);
    if (encoded === undefined) return unreadable(`the old text cannot be written in ${opened.encoding}`);
    return conflicts.length === 0
      ? { kind: 'reverted', bytes: encoded }
      : { kind: 'conflict', conflicts, partial: encoded };
  });
}

/** The edit types of the formats differ; each format refuses at run time what is not its own. */
function withFormat<R>(kind: EditKind, use: <E>(format: EditFormat<E>) => R): R {
  switch (kind) {
    case 'xml':
      return use(xmlFormat);
    case 'properties':
      return use(propertiesFormat);
    case 'ini':
      return use(iniFormat);
    case 'json':
      return use(jsonFormat);
    case 'yaml':
      return use(yamlFormat);
    default:
      return unreachable(kind);
  }
}

interface Opened {
  readonly text: string;
  readonly root: TextNode;
  readonly encoding: TextEncoding;
  readonly mark: boolean;
}

const MARK = '\uFEFF';

function open<E>(format: EditFormat<E>, bytes: Uint8Array): Opened | EditFailure {
  if (bytes.byteLength > EDIT_LIMIT_BYTES) return tooLarge(bytes.byteLength);
  const encoding = format.encodingOf(bytes);
  if (typeof encoding !== 'string') return encoding;
  let text: string;
  if (encoding === 'utf-8') {
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return fail('malformed', 'the file is not valid UTF-8');
    }
  } else {
    text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
  const mark = format.separatesMark && text.startsWith(MARK);
  if (mark) text = text.slice(1);
  const root = guarded(() => format.parse(text));
  return isFailure(root) ? root : { text, root, encoding, mark };
}

/** Undefined where the encoding has no such character. */
function encode(text: string, encoding: TextEncoding, mark: boolean): Uint8Array | undefined {
  const limit = encoding === 'utf-8' ? Infinity : encoding === 'latin-1' ? 0xff : 0x7f;
  for (let at = 0; limit < Infinity && at < text.length; at += 1) if (text.charCodeAt(at) > limit) return undefined;
  if (encoding !== 'utf-8') return Buffer.from(text, 'latin1');
  return text.isWellFormed() ? Buffer.from(mark ? MARK + text : text, 'utf8') : undefined;
}

function tooLarge(sizeBytes: number): EditFailure {
  return fail('unsupported', `the file has ${sizeBytes} bytes; the limit is ${EDIT_LIMIT_BYTES}`);
}

/** Carries out one change, proves that it touched nothing else, and says how to take it back. */
function perform<E>(
  format: EditFormat<E>,
  text: string,
  root: TextNode,
  change: Exclude<Change, { kind: 'none' }>,
): { readonly text: string; readonly root: TextNode; readonly undo: EditUndo } | EditFailure {
  const { path } = change;
  const unsafe = fail('unsupported', `${path}: the change would reach beyond its place in this file`);
  const splice =
    change.kind !== 'replace'
      ? change.splice
      : change.whole
        ? { start: change.node.start, end: change.node.end, text: change.text }
        : { start: change.node.valueStart, end: change.node.valueEnd, text: change.text };
  const next = applySplice(text, splice);
  const after = guarded(() => format.parse(next));
  if (isFailure(after))
    return fail('unsupported', `${path}: the change would leave a file that cannot be read: ${after.message}`);
  const before = text.slice(splice.start, splice.end);
  switch (change.kind) {
    case 'replace': {
      const at = indexPath(change.node);
      const node = nodeAt(after, at);
      if (node === undefined || !differsOnlyAt(root, text, after, next, at)) return unsafe;
      if (node.keyed && node.label !== change.node.label) return unsafe;
      const start = change.whole ? node.start : node.valueStart;
      const end = change.whole ? node.end : node.valueEnd;
      if (start !== splice.start || end !== start + splice.text.length) return unsafe;
      return { text: next, root: after, undo: recordReplaced(path, before, next, after, node, change.whole) };
    }
    case 'insert': {
      const at = insertedPath(after, indexPath(change.parent), splice, undefined);
      const node = at === undefined ? undefined : nodeAt(after, at);
      if (at === undefined || node === undefined || !lacksOnly(root, text, after, next, at)) return unsafe;
      return {
        text: next,
        root: after,
        undo: recordInserted(path, before, splice, next, after, node, change.container),
      };
    }
    case 'remove': {
      const at = indexPath(change.node);
      const parent = nodeAt(after, at.slice(0, -1));
      if (parent === undefined || !lacksOnly(after, next, root, text, at)) return unsafe;
      return { text: next, root: after, undo: recordRemoved(path, text, change.node, splice, next, after, parent) };
    }
  }
}

/** Deep nesting exhausts the stack of a recursive parser; that is a property of the file, not a defect. */
function guarded<T extends object>(work: () => T): T | EditFailure {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return fail('unsupported', 'the file is nested too deeply');
    throw error;
  }
}
