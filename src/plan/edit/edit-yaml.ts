// Edits of YAML files: the `yaml` package gives the positions of nodes, and only the text of the named node changes, so
// comments, anchors, aliases, block scalars and quotes of everything else survive. What is written is read the same by
// YAML 1.1 and 1.2. What cannot be done without touching more is refused.

import {
  Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node as YamlNode,
  type Pair,
  parseAllDocuments,
  Scalar,
  stringify,
  visit,
} from 'yaml';
import type { JsonValue } from './edit-json.js';
import {
  type Change,
  type EditFailure,
  type EditFormat,
  fail,
  lineAfter,
  lineEnd,
  lineEndOf,
  lineStart,
  type Splice,
  type TextNode,
  startsLine,
  wholeLines,
} from './text-tree.js';

/** Keys are strings, items numbers from 0. `document` counts from 0; needed where the file holds several. */
interface YamlPlace {
  readonly path: readonly (string | number)[];
  readonly document?: number;
}

export type YamlEdit =
  /** Gives a scalar this value, or adds the key; missing maps on the way are made. A map or list is not overwritten. */
  | ({ readonly op: 'set'; readonly value: JsonValue } & YamlPlace)
  | ({ readonly op: 'remove' } & YamlPlace)
  /** Adds to the end of a list, unless an equal item is there. */
  | ({ readonly op: 'append'; readonly value: JsonValue } & YamlPlace)
  /** Removes the item of the list that equals `value`. */
  | ({ readonly op: 'removeItem'; readonly value: JsonValue } & YamlPlace);

interface Entry {
  readonly node: YamlNode | null;
  /** No text stands for the value: `key:`. */
  readonly empty: boolean;
  readonly flow: boolean;
  readonly document: Document.Parsed | undefined;
}

type Node = TextNode<Entry>;
/** A node whose end is not known yet. */
type Draft = { -readonly [K in keyof Node]: Node[K] };

const DEPTH_LIMIT = 200;

export const yamlFormat: EditFormat<YamlEdit> = {
  encodingOf: () => 'utf-8',
  separatesMark: true,
  parse,
  check: () => undefined,
  plan: (text, root, edit) => plan(text, root as Node, edit),
  remove: (text, node) => removal(text, node as Node),
  insert: (text, parent, index, body) => insertionAt(text, parent as Node, index, body),
};

function parse(text: string): Node | EditFailure {
  let documents: Document.Parsed[];
  try {
    const parsed = parseAllDocuments(text, { keepSourceTokens: true, logLevel: 'error', uniqueKeys: false });
    documents = 'empty' in parsed ? [] : parsed;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
  const root = makeNode('', false, { parent: undefined, start: 0, end: text.length });
  let previousEnd = 0;
  for (const document of documents) {
    const error = document.errors[0];
    if (error !== undefined) return fail('malformed', (error.message.split('\n')[0] as string).replace(/:$/, ''));
    const contents = document.contents;
    const at = document.range[0];
    const node = build(
      text,
      'document',
      false,
      contents,
      root,
      { start: contents === null ? at : contents.range[0], emptyEnd: at, interiorStart: previousEnd },
      false,
      document,
      0,
    );
    if (node === 'too deep') return fail('unsupported', 'the file is nested too deeply');
    if (node === 'duplicate') return fail('malformed', 'a map has the same key twice');
    root.children.push(node);
    previousEnd = node.end;
  }
  return root;
}

function makeNode(label: string, keyed: boolean, more: Partial<Node> & Pick<Node, 'start' | 'end' | 'parent'>): Draft {
  return {
    label,
    keyed,
    valueStart: more.start,
    valueEnd: more.end,
    interiorStart: more.start,
    interiorEnd: more.end,
    leaf: false,
    features: [],
    children: [],
    data: { node: null, empty: false, flow: false, document: undefined },
    ...more,
  };
}

interface Token {
  readonly type: string;
  readonly offset: number;
  readonly source: string;
}

function tokensOf(tokens: unknown): readonly Token[] {
  return Array.isArray(tokens) ? (tokens as Token[]) : [];
}

/** Where a block collection may begin: in the line after its key, comments included, or where it stands. */
function blockStart(text: string, start: number, afterKey: number): number {
  return startsLine(text, start) ? Math.min(lineEnd(text, afterKey), lineStart(text, start)) : start;
}

/** Not a node where the tree is too deep, or a map has a key twice. */
function build(
  text: string,
  label: string,
  keyed: boolean,
  value: YamlNode | null,
  parent: Node,
  entry: { readonly start: number; readonly emptyEnd: number; readonly interiorStart?: number },
  inFlow: boolean,
  document: Document.Parsed | undefined,
  depth: number,
): Node | 'too deep' | 'duplicate' {
  if (depth > DEPTH_LIMIT) return 'too deep';
  const range = value?.range;
  const token = value?.srcToken;
  if (value === null || range === undefined || range === null || range[0] === range[1]) {
    return makeNode(label, keyed, {
      parent,
      start: Math.min(entry.start, entry.emptyEnd),
      end: entry.emptyEnd,
      valueStart: entry.emptyEnd,
      leaf: true,
      data: { node: value, empty: true, flow: inFlow, document },
    });
  }
  const flow = token?.type === 'flow-collection';
  let end = range[1];
  if (token?.type === 'block-scalar' && text[end - 1] === '\n') end -= text[end - 2] === '\r' ? 2 : 1;
  const collection = isCollection(value);
  const node = makeNode(label, keyed, {
    parent,
    start: entry.start,
    end,
    valueStart: range[0],
    interiorStart: flow ? range[0] + 1 : (entry.interiorStart ?? blockStart(text, range[0], entry.emptyEnd)),
    interiorEnd: flow ? range[1] - 1 : collection ? range[2] : range[0],
    leaf: !collection,
    features: featuresOf(value),
    data: { node: value, empty: false, flow: inFlow || flow, document },
  });
  if (!collection) return node;
  const sources = token !== undefined && 'items' in token ? token.items : [];
  for (const [index, item] of value.items.entries()) {
    const child = isPair(item)
      ? buildPair(text, item as Pair<YamlNode, YamlNode | null>, node, depth)
      : buildItem(text, item as YamlNode, tokensOf(sources[index]?.start), node, flow, depth);
    if (typeof child === 'string') return child;
    node.children.push(child);
  }
  if (isMap(value)) {
    // The package compares each key with every other, which takes minutes on large maps. Several merges are no duplicates.
    const keys = node.children.map((child) => child.label).filter((key) => key !== '<<');
    if (new Set(keys).size < keys.length) return 'duplicate';
  }
  const last = node.children.at(-1);
  if (flow || last === undefined) return node;
  // A block collection ends with its last entry; what follows are comments and line ends.
  node.end = last.end;
  node.valueEnd = last.end;
  node.interiorEnd = Math.max(node.interiorEnd, lineEnd(text, last.end));
  return node;
}

function buildItem(
  text: string,
  value: YamlNode,
  tokens: readonly Token[],
  parent: Node,
  flow: boolean,
  depth: number,
): Node | 'too deep' | 'duplicate' {
  const dash = tokens.find((token) => token.type === 'seq-item-ind');
  const properties = tokens.filter((token) => token.type === 'anchor' || token.type === 'tag');
  const first = flow ? properties[0] : dash;
  const last = properties.at(-1) ?? dash;
  const start = first?.offset ?? value.range?.[0] ?? parent.interiorStart;
  const emptyEnd = last === undefined ? start : last.offset + last.source.length;
  return build(text, '-', false, value, parent, { start, emptyEnd }, flow || parent.data.flow, undefined, depth + 1);
}

function buildPair(
  text: string,
  pair: Pair<YamlNode, YamlNode | null>,
  parent: Node,
  depth: number,
): ReturnType<typeof build> {
  const source = pair.srcToken;
  const before = tokensOf(source?.start).find((token) => ['explicit-key-ind', 'anchor', 'tag'].includes(token.type));
  const separator = tokensOf(source?.sep);
  const key = pair.key as YamlNode | null;
  const keyRange = key?.range ?? undefined;
  const start = before?.offset ?? keyRange?.[0] ?? separator[0]?.offset ?? parent.interiorStart;
  const mark = separator.findLast((token) => ['map-value-ind', 'anchor', 'tag'].includes(token.type));
  const emptyEnd = mark === undefined ? (keyRange?.[1] ?? start) : mark.offset + mark.source.length;
  const label = isScalar(key)
    ? String(key.value)
    : `? ${keyRange === undefined ? '' : text.slice(keyRange[0], keyRange[1])}`;
  return build(text, label, true, pair.value, parent, { start, emptyEnd }, parent.data.flow, undefined, depth + 1);
}

function featuresOf(value: YamlNode): string[] {
  if (!isMap(value)) return [];
  return value.items.flatMap((pair) =>
    isScalar(pair.key) && isScalar(pair.value) ? [`${String(pair.key.value)}=${String(pair.value.value)}`] : [],
  );
}

function plan(text: string, root: Node, edit: YamlEdit): Change | EditFailure {
  const path = showPath(edit);
  if (!['set', 'remove', 'append', 'removeItem'].includes(edit.op))
    return fail('unsupported', `${edit.op} is no edit of a YAML file`);
  if (edit.document === undefined && root.children.length > 1) {
    return fail('ambiguous', `the file holds ${root.children.length} documents; say which with "document"`);
  }
  const document = root.children[edit.document ?? 0] as Node | undefined;
  if (document === undefined) return fail('not-found', `there is no document ${edit.document ?? 0}`);
  let node = document;
  for (const [index, name] of edit.path.entries()) {
    const last = index === edit.path.length - 1;
    const value = node.data.node;
    if (isAlias(value))
      return fail('unsupported', `${path} leads through the alias *${value.source}; edit what it stands for`);
    if (isSeq(value)) {
      const item = typeof name === 'number' ? node.children[name] : undefined;
      if (item === undefined) {
        return last && edit.op === 'remove'
          ? { kind: 'none', path }
          : fail('not-found', `${path}: there is no item ${name}`);
      }
      node = item;
      continue;
    }
    if (!isMap(value)) return fail('type-mismatch', `${path}: ${name} would be inside a value that is no map`);
    if (typeof name !== 'string') return fail('type-mismatch', `${path}: ${name} counts items, but there is a map`);
    const member = node.children.find((child) => child.label === name);
    if (member !== undefined) {
      node = member;
      continue;
    }
    if (edit.op === 'remove' || edit.op === 'removeItem') {
      return last ? { kind: 'none', path } : fail('not-found', `${path}: there is no ${name}`);
    }
    let made: JsonValue = edit.op === 'append' ? [edit.value] : edit.value;
    for (const inner of edit.path.slice(index + 1).toReversed()) {
      if (typeof inner !== 'string') return fail('not-found', `${path}: there is no ${name}`);
      made = { [inner]: made };
    }
    const body = renderMember(name, made, node.data.flow);
    return insert(text, node, path, body);
  }
  const current = node.data.node;
  if (edit.op === 'append') {
    if (isAlias(current))
      return fail('unsupported', `${path} is the alias *${current.source}; edit what it stands for`);
    if (!isSeq(current)) return fail('type-mismatch', `${path} is no list`);
    if (node.children.some((item) => equals(item.data.node, edit.value))) return { kind: 'none', path };
    return insert(text, node, path, node.data.flow ? renderFlow(edit.value) : renderItem(edit.value));
  }
  if (edit.op === 'set') {
    if (equals(current, edit.value)) return { kind: 'none', path };
    if (isCollection(current))
      return fail(
        'type-mismatch',
        `${path} is a ${isMap(current) ? 'map' : 'list'}, which is not overwritten as a whole`,
      );
    if (node.data.empty) {
      const rendered = renderFlow(edit.value);
      return { kind: 'replace', path, node, whole: true, text: `${text.slice(node.start, node.end)} ${rendered}` };
    }
    return { kind: 'replace', path, node, whole: false, text: renderValue(text, node, edit.value) };
  }
  if (edit.op === 'removeItem') {
    if (!isSeq(current)) return fail('type-mismatch', `${path} is no list`);
    const items = node.children.filter((item) => equals(item.data.node, edit.value));
    if (items.length === 0) return { kind: 'none', path };
    if (items.length > 1) return fail('ambiguous', `${path} holds ${items.length} equal items`);
    node = items[0] as Node;
  }
  if (node === document) return fail('unsupported', 'a document cannot be removed');
  const aliased = findAliased(text, document, node);
  if (aliased !== undefined)
    return fail('unsupported', `${path} carries the anchor &${aliased}, which is used elsewhere`);
  const parent = node.parent as Node;
  if (parent.children.length === 1 && !isFlow(parent)) {
    const nothing = isMap(parent.data.node) ? '{}' : '[]';
    const head = text.slice(parent.start, parent.valueStart);
    return parent === document || head.includes('#')
      ? { kind: 'replace', path, node: parent, whole: false, text: nothing }
      : { kind: 'replace', path, node: parent, whole: true, text: `${head.trimEnd()} ${nothing}` };
  }
  const splice = removal(text, node);
  if (splice === undefined) return fail('unsupported', `${path} cannot be taken from its surroundings`);
  return { kind: 'remove', path, node, splice, more: false };
}

function showPath(edit: YamlPlace): string {
  const document = edit.document === undefined ? '' : `document ${edit.document}: `;
  return document + edit.path.map((name) => (typeof name === 'number' ? `[${name}]` : `/${name}`)).join('');
}

function isFlow(node: Node): boolean {
  return node.data.node?.srcToken?.type === 'flow-collection';
}

/** Whether a comment stands between the brackets of a flow collection. */
function holdsComment(node: Node): boolean {
  const token = node.data.node?.srcToken;
  return token !== undefined && 'items' in token && hasComment(token.items);
}

/** Whether a comment is anywhere in a token of the parser. */
function hasComment(token: unknown): boolean {
  if (Array.isArray(token)) return token.some(hasComment);
  if (typeof token !== 'object' || token === null) return false;
  if ('type' in token && token.type === 'comment') return true;
  return ['start', 'items', 'key', 'sep', 'value', 'props', 'end'].some(
    (name) => name in token && hasComment((token as Record<string, unknown>)[name]),
  );
}

/** Whether a node has this value; a node with an alias inside never has. */
function equals(node: YamlNode | null, value: JsonValue): boolean {
  if (node === null) return value === null;
  if (isScalar(node)) return node.value === value;
  if (isSeq(node)) {
    return (
      Array.isArray(value) &&
      value.length === node.items.length &&
      node.items.every((item, index) => equals(item as YamlNode, value[index] as JsonValue))
    );
  }
  if (!isMap(node) || typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const members = value as { readonly [key: string]: JsonValue };
  return (
    Object.keys(members).length === node.items.length &&
    node.items.every((pair) => {
      const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
      return (
        key !== undefined && Object.hasOwn(members, key) && equals(pair.value as YamlNode, members[key] as JsonValue)
      );
    })
  );
}

const RENDER = { lineWidth: 0, blockQuote: false, aliasDuplicateObjects: false, compat: 'yaml-1.1' } as const;

function renderMember(key: string, value: JsonValue, flow: boolean): string {
  const text = stringify({ [key]: value }, { ...RENDER, collectionStyle: flow ? 'flow' : 'any' }).trim();
  return flow ? text.replace(/^\{\s*|\s*\}$/g, '') : text;
}

function renderItem(value: JsonValue): string {
  return stringify([value], RENDER).trim();
}

function renderFlow(value: JsonValue): string {
  return stringify([value], { ...RENDER, collectionStyle: 'flow' })
    .trim()
    .replace(/^\[\s*|\s*\]$/g, '');
}

/** The new value in the style of the old one. */
function renderValue(text: string, node: Node, value: JsonValue): string {
  const old = node.data.node;
  if (typeof value !== 'string' || !isScalar(old)) return renderFlow(value);
  const eol = lineEndOf(text);
  const raw = text.slice(node.valueStart, node.valueEnd);
  const header = /^\|-?(?=\r?\n)/.exec(raw)?.[0];
  if (header !== undefined && old.type === Scalar.BLOCK_LITERAL) {
    const indent = /\n([ ]+)\S/.exec(raw)?.[1];
    const lines = value.replace(/\n$/, '').split('\n');
    const fits =
      value.endsWith('\n') === (header === '|') &&
      /^[^\s]/.test(value) &&
      !/[ \t]\n|[ \t]$|\n\n$|[^\n\x20-\x7e\xa0-\ud7ff]/.test(value);
    if (indent !== undefined && fits)
      return [header, ...lines.map((line) => (line === '' ? '' : indent + line))].join(eol);
  }
  if (/[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]/.test(value)) return JSON.stringify(value);
  if (old.type === Scalar.QUOTE_DOUBLE) return JSON.stringify(value);
  if (old.type === Scalar.QUOTE_SINGLE) return `'${value.replaceAll("'", "''")}'`;
  return renderFlow(value);
}

/** An anchor inside `node` that an alias outside it uses. */
function findAliased(text: string, document: Node, node: Node): string | undefined {
  const anchors = new Set<string>();
  const outside: string[] = [];
  const inside = (at: YamlNode) => {
    const offset = at.range?.[0] ?? -1;
    return offset >= node.start && offset <= node.end;
  };
  const parsed = document.data.document;
  if (parsed === undefined) return undefined;
  visit(parsed, {
    Node: (_, at) => {
      if (at instanceof Alias) {
        if (!inside(at)) outside.push(at.source);
      } else if (at.anchor !== undefined && inside(at)) anchors.add(at.anchor);
    },
  });
  // The positions of empty nodes with an anchor are not those of the anchor: look at the text as well.
  for (const match of text.slice(node.start, node.end).matchAll(/&([^\s,[\]{}]+)/g)) anchors.add(match[1] as string);
  return outside.find((name) => anchors.has(name));
}

function insert(text: string, parent: Node, path: string, body: string): Change | EditFailure {
  const splice = insertionAt(text, parent, parent.children.length, body);
  if (splice === undefined) return fail('unsupported', `${path}: there is no safe place for it`);
  return { kind: 'insert', path, parent, splice, container: false, more: false };
}

function insertionAt(text: string, parent: Node, index: number, body: string): Splice | undefined {
  const { children, interiorStart, interiorEnd } = parent;
  const eol = lineEndOf(text);
  const first = children[0];
  if (parent.leaf) return undefined;
  if (isFlow(parent)) {
    if (holdsComment(parent)) return undefined;
    if (first === undefined) {
      const gap = isMap(parent.data.node) ? ' ' : '';
      return { start: interiorStart, end: interiorEnd, text: gap + body + gap };
    }
    const lead = text.slice(interiorStart, first.start);
    const gap = lead.includes('\n') ? eol + ' '.repeat(first.start - lineStart(text, first.start)) : ' ';
    const next = children[index];
    if (next !== undefined) return { start: next.start, end: next.start, text: `${body},${gap}` };
    const last = children.at(-1) as TextNode;
    const comma = text.slice(last.end, interiorEnd).indexOf(',');
    if (comma < 0) return { start: last.end, end: last.end, text: `,${gap}${body}` };
    return { start: last.end + comma + 1, end: last.end + comma + 1, text: gap + body };
  }
  if (first === undefined) return undefined;
  const indent = ' '.repeat(first.start - lineStart(text, first.start));
  const lines = body.split('\n').map((line, at) => (at === 0 || line === '' ? line : indent + line));
  const rendered = lines.join(eol);
  const before = children[index - 1];
  if (before !== undefined) return lineAfter(text, before.end, indent + rendered);
  return { start: first.start, end: first.start, text: rendered + eol + indent };
}

function removal(text: string, node: Node): Splice | undefined {
  const parent = node.parent as Node | undefined;
  if (parent?.parent === undefined) return undefined;
  const index = parent.children.indexOf(node);
  const previous = parent.children[index - 1];
  const next = parent.children[index + 1];
  if (isFlow(parent)) {
    const splice =
      next !== undefined
        ? { start: node.start, end: next.start, text: '' }
        : previous !== undefined
          ? { start: previous.end, end: node.end, text: '' }
          : { start: parent.interiorStart, end: parent.interiorEnd, text: '' };
    return holdsComment(parent) ? undefined : splice;
  }
  if (parent.children.length === 1) return undefined;
  if (startsLine(text, node.start)) return wholeLines(text, node.start, node.end, /^[ \t]*(?:[ \t]#.*)?$/);
  if (next === undefined || text.slice(node.end, next.start).includes('#')) return undefined;
  return { start: node.start, end: next.start, text: '' };
}
