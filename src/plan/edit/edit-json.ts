// Edits of JSON files by JSON Pointer (RFC 6901). Comments and trailing commas are tolerated and kept. jsonc-parser gives
// the positions; the text of what is new imitates its neighbours (lines or one line, indentation, `": "`).

import { createScanner, type Node as JsonNode, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import {
  type Change,
  type EditFailure,
  type EditFormat,
  fail,
  indentAt,
  lineContentEnd,
  lineEndOf,
  lineStart,
  type Splice,
  startsLine,
  type TextNode,
  wholeLines,
} from './text-tree.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type JsonEdit =
  /** Gives the member or item this value, whatever it was; missing objects on the way are made. `/list/-` is `append`. */
  | { readonly op: 'set'; readonly pointer: string; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly pointer: string }
  /** Adds to the end of an array, unless an equal item is there. */
  | { readonly op: 'append'; readonly pointer: string; readonly value: JsonValue }
  /** Removes the item of the array that equals `value`. */
  | { readonly op: 'removeItem'; readonly pointer: string; readonly value: JsonValue };

interface Entry {
  readonly json: JsonNode;
}

type Node = TextNode<Entry>;

const ITEM = '-';
const DEPTH_LIMIT = 500;
/** What may follow an entry on its line and go with it. */
const CLOSING_COMMENT = /^[ \t]*(?:\/\/.*|\/\*(?:(?!\*\/).)*\*\/[ \t]*)?$/;

export const jsonFormat: EditFormat<JsonEdit> = {
  encodingOf: () => 'utf-8',
  separatesMark: true,
  parse,
  check: () => undefined,
  plan: (text, root, edit) => plan(text, root as Node, edit),
  remove: (text, node) => removal(text, node as Node),
  insert: (text, parent, index, body) => insertion(text, parent as Node, index, () => body),
};

function parse(text: string): Node | EditFailure {
  const errors: ParseError[] = [];
  const json = parseTree(text, errors, { allowTrailingComma: true });
  const error = errors[0];
  if (error !== undefined || json === undefined) {
    const line = text.slice(0, error?.offset ?? 0).split('\n').length;
    return fail('malformed', `line ${line}: ${error === undefined ? 'no value' : printParseErrorCode(error.error)}`);
  }
  if (depthOf(json) > DEPTH_LIMIT) return fail('unsupported', 'the file is nested too deeply');
  return build(json, json, '', true, undefined);
}

function depthOf(json: JsonNode): number {
  return 1 + (json.children ?? []).reduce((most, child) => Math.max(most, depthOf(child)), 0);
}

function build(entry: JsonNode, value: JsonNode, label: string, keyed: boolean, parent: Node | undefined): Node {
  const isContainer = value.type === 'object' || value.type === 'array';
  const node: Node = {
    label,
    keyed,
    start: entry.offset,
    end: value.offset + value.length,
    valueStart: value.offset,
    valueEnd: value.offset + value.length,
    interiorStart: isContainer ? value.offset + 1 : value.offset,
    interiorEnd: isContainer ? value.offset + value.length - 1 : value.offset,
    leaf: !isContainer,
    features: featuresOf(value),
    parent,
    children: [],
    data: { json: value },
  };
  for (const child of value.children ?? []) {
    const [key, inner] = child.children ?? [];
    if (child.type !== 'property') node.children.push(build(child, child, ITEM, false, node));
    else if (key !== undefined && inner !== undefined)
      node.children.push(build(child, inner, String(key.value), true, node));
  }
  return node;
}

function featuresOf(json: JsonNode): string[] {
  if (json.type !== 'object') return [];
  return (json.children ?? []).flatMap((member) => {
    const [key, value] = member.children ?? [];
    return key === undefined || value === undefined || value.children !== undefined
      ? []
      : [`${key.value}=${value.value}`];
  });
}

function plan(text: string, root: Node, edit: JsonEdit): Change | EditFailure {
  const path = edit.pointer;
  if (!['set', 'remove', 'append', 'removeItem'].includes(edit.op))
    return fail('unsupported', `${edit.op} is no edit of a JSON file`);
  const names = parsePointer(edit.pointer);
  if (names === undefined) return fail('unsupported', `${path} is no JSON pointer`);
  const value = edit.op === 'remove' ? null : edit.value;
  let node = root;
  for (const [index, name] of names.entries()) {
    const last = index === names.length - 1;
    if (node.data.json.type === 'array') {
      if (last && name === '-' && edit.op === 'set') return append(text, node, path, value);
      const item = /^(?:0|[1-9]\d*)$/.test(name) ? node.children[Number(name)] : undefined;
      if (item === undefined) {
        return last && edit.op === 'remove'
          ? { kind: 'none', path }
          : fail('not-found', `${path}: there is no item ${name}`);
      }
      node = item;
      continue;
    }
    if (node.data.json.type !== 'object')
      return fail('type-mismatch', `${path}: ${name} would be inside a ${node.data.json.type}`);
    const members = node.children.filter((child) => child.label === name);
    if (members.length > 1)
      return fail('ambiguous', `${path}: ${JSON.stringify(name)} is there ${members.length} times`);
    const [member] = members;
    if (member !== undefined) {
      node = member;
      continue;
    }
    if (edit.op === 'remove' || edit.op === 'removeItem') {
      return last ? { kind: 'none', path } : fail('not-found', `${path}: there is no ${name}`);
    }
    // A missing array or object is made empty first, so that a revert knows what was made for the edit's sake.
    const missing = last ? (edit.op === 'append' ? [] : value) : {};
    const parent = node;
    const splice = insertion(text, parent, parent.children.length, (base, inline) => {
      return `${JSON.stringify(name)}${colonOf(text, parent)}${format(text, missing, base, inline)}`;
    });
    if (splice === undefined) return fail('unsupported', `${path}: there is no safe place for it`);
    const container = !last || edit.op === 'append';
    return { kind: 'insert', path: pointerOf(names.slice(0, index + 1)), parent, splice, container, more: container };
  }
  if (edit.op === 'append') {
    if (node.data.json.type !== 'array')
      return fail('type-mismatch', `${path} is no array but a ${node.data.json.type}`);
    return append(text, node, path, value);
  }
  if (edit.op === 'set') {
    if (equals(node.data.json, value)) return { kind: 'none', path };
    const inline = !node.leaf && node.children.length > 0 && !spreads(text, node);
    return { kind: 'replace', path, node, whole: false, text: format(text, value, indentAt(text, node.start), inline) };
  }
  if (edit.op === 'removeItem') {
    if (node.data.json.type !== 'array')
      return fail('type-mismatch', `${path} is no array but a ${node.data.json.type}`);
    const items = (node.children as Node[]).filter((item) => equals(item.data.json, edit.value));
    if (items.length === 0) return { kind: 'none', path };
    if (items.length > 1) return fail('ambiguous', `${path} holds ${items.length} equal items`);
    node = items[0] as Node;
  }
  if (node.parent === undefined) return fail('unsupported', 'the whole document cannot be removed');
  const splice = removal(text, node);
  if (splice === undefined) return fail('unsupported', `${path} cannot be taken from its surroundings`);
  return { kind: 'remove', path, node, splice, more: false };
}

function append(text: string, array: Node, path: string, value: JsonValue): Change | EditFailure {
  const there = (array.children as Node[]).some((item) => equals(item.data.json, value));
  if (there) return { kind: 'none', path };
  const splice = insertion(text, array, array.children.length, (base, inline) => format(text, value, base, inline));
  if (splice === undefined) return fail('unsupported', `${path}: there is no safe place for it`);
  return { kind: 'insert', path, parent: array, splice, container: false, more: false };
}

function equals(json: JsonNode, value: JsonValue): boolean {
  const children = json.children ?? [];
  if (json.type === 'array') {
    return (
      Array.isArray(value) &&
      value.length === children.length &&
      children.every((child, index) => equals(child, value[index] as JsonValue))
    );
  }
  if (json.type !== 'object') return json.value === value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const members = value as { readonly [key: string]: JsonValue };
  return (
    Object.keys(members).length === children.length &&
    children.every((child) => {
      const [key, inner] = child.children ?? [];
      const name = String(key?.value);
      return inner !== undefined && Object.hasOwn(members, name) && equals(inner, members[name] as JsonValue);
    })
  );
}

/** The names of a pointer; undefined where it is none. */
function parsePointer(pointer: string): string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function pointerOf(names: readonly string[]): string {
  return names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Whether the children of a container stand on lines of their own. */
function spreads(text: string, node: Node): boolean {
  const first = node.children[0];
  return first !== undefined && text.slice(node.interiorStart, first.start).includes('\n');
}

function format(text: string, value: JsonValue, base: string, inline: boolean): string {
  if (inline || typeof value !== 'object' || value === null) return formatInline(value);
  return JSON.stringify(value, undefined, unitOf(text)).replaceAll('\n', lineEndOf(text) + base);
}

function formatInline(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(formatInline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${formatInline(inner)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** One level of indentation: that of the first indented line. */
function unitOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
}

function colonOf(text: string, parent: Node): string {
  for (const sibling of parent.children as Node[]) {
    const key = sibling.data.json.parent?.children?.[0];
    if (key === undefined) continue;
    const between = text.slice(key.offset + key.length, sibling.valueStart);
    if (/^[ \t]*:[ \t]*$/.test(between)) return between;
  }
  return ': ';
}

/** The offset of the first comma outside comments in `from..to`. */
function commaIn(text: string, from: number, to: number): number | undefined {
  const scanner = createScanner(text.slice(from, to), true);
  scanner.scan();
  return scanner.getTokenLength() === 1 && text[from + scanner.getTokenOffset()] === ','
    ? from + scanner.getTokenOffset()
    : undefined;
}

function insertion(
  text: string,
  parent: Node,
  index: number,
  bodyOf: (base: string, inline: boolean) => string,
): Splice | undefined {
  const { children, interiorStart, interiorEnd } = parent;
  if (parent.leaf) return undefined;
  const eol = lineEndOf(text);
  if (children.length === 0) {
    const outer = indentAt(text, parent.start);
    const inner = outer + unitOf(text);
    const interior = text.slice(interiorStart, interiorEnd);
    const kept = interior.trimEnd();
    const start = interiorStart + kept.length;
    if (kept === '' && !text.includes('\n')) return { start, end: interiorEnd, text: bodyOf(outer, true) };
    return { start, end: interiorEnd, text: `${eol}${inner}${bodyOf(inner, false)}${eol}${outer}` };
  }
  const inline = !spreads(text, parent);
  const next = children[index];
  const first = children[0] as TextNode;
  const base = indentAt(text, first.start);
  if (next !== undefined) {
    const gap = inline ? ' ' : eol + indentAt(text, next.start);
    return { start: next.start, end: next.start, text: `${bodyOf(base, inline)},${gap}` };
  }
  const last = children.at(-1) as TextNode;
  const comma = commaIn(text, last.end, interiorEnd);
  // A comment that ends the last entry's line belongs to that entry: the new line goes after it.
  let end = comma === undefined ? last.end : comma + 1;
  const line = text.slice(end, Math.min(lineContentEnd(text, end), interiorEnd));
  if (/\/[/*]/.test(line)) {
    end += line.trimEnd().length;
    // A block comment that goes on in the next line is not taken apart.
    if (!line.includes('//') && !line.trimEnd().endsWith('*/'))
      end = interiorStart + text.slice(interiorStart, interiorEnd).trimEnd().length;
  }
  const kept = text.slice(last.end, end);
  const gap = inline && !kept.includes('//') ? ' ' : eol + base;
  return { start: last.end, end, text: `${comma === undefined ? ',' : ''}${kept}${gap}${bodyOf(base, inline)}` };
}

function removal(text: string, node: Node): Splice | undefined {
  const parent = node.parent;
  if (parent === undefined) return undefined;
  const index = parent.children.indexOf(node);
  const previous = parent.children[index - 1];
  const next = parent.children[index + 1];
  const comma = commaIn(text, node.end, next?.start ?? parent.interiorEnd);
  if (next === undefined && previous === undefined) {
    const interior = text.slice(parent.interiorStart, parent.interiorEnd);
    const rest =
      text.slice(parent.interiorStart, node.start) +
      text.slice(comma === undefined ? node.end : comma + 1, parent.interiorEnd);
    if (rest.trim() === '' && interior !== '')
      return { start: parent.interiorStart, end: parent.interiorEnd, text: '' };
    return { start: node.start, end: comma === undefined ? node.end : comma + 1, text: '' };
  }
  if (next === undefined && previous !== undefined && comma === undefined) {
    const before = commaIn(text, previous.end, node.start);
    if (before === undefined) return undefined;
    const kept = text.slice(previous.end, before) + text.slice(before + 1, node.start);
    const rest = text.slice(node.end, lineContentEnd(text, node.end));
    const own = startsLine(text, node.start) && CLOSING_COMMENT.test(rest) ? rest.trimEnd().length : 0;
    return { start: previous.end, end: node.end + own, text: kept.trimEnd() };
  }
  if (comma === undefined) return undefined;
  // An entry alone on its lines goes with them, and with a comment that ends them.
  const lines = wholeLines(text, node.start, comma + 1, CLOSING_COMMENT);
  if (lines !== undefined && lineStart(text, node.start) === lines.start && text.slice(node.end, comma).trim() === '')
    return lines;
  const blanks = /^[ \t]*/.exec(text.slice(comma + 1, next?.start ?? comma + 1))?.[0].length ?? 0;
  return { start: node.start, end: comma + 1 + blanks, text: text.slice(node.end, comma).trim() };
}
