// Edits of XML files by XPath. A tokenizer that keeps positions finds the places (xmldom's are those of a start tag only,
// and its serializer rewrites); xmldom is the second opinion on well-formedness. DOCTYPE stays as it is, and entities
// beyond the five of XML are never expanded.

import { DOMParser } from '@xmldom/xmldom';
import {
  type Change,
  type EditFailure,
  type EditFormat,
  fail,
  indentAt,
  isFailure,
  lineContentEnd,
  lineEndOf,
  type Splice,
  startsLine,
  type TextEncoding,
  type TextNode,
  wholeLines,
} from './text-tree.js';
import { type NameTest, parseXPath, type XPath } from './xpath.js';

interface XmlPlace {
  /** Must name one node. */
  readonly xpath: string;
  /** Prefix → URI for the names in `xpath`; without it names match by their local part in any namespace. */
  readonly namespaces?: { readonly [prefix: string]: string };
}

export type XmlEdit =
  /** Gives an element without child elements, or an attribute that is there, this text. */
  | ({ readonly op: 'setText'; readonly value: string } & XmlPlace)
  /** Sets or adds an attribute of the element. */
  | ({ readonly op: 'setAttribute'; readonly name: string; readonly value: string } & XmlPlace)
  /** Removes an element or an attribute. */
  | ({ readonly op: 'removeNode' } & XmlPlace)
  /**
   * Adds one element, unless an equal one is there: as `first` or `last` (default) child of the element that `xpath` names,
   * or `before` or `after` it.
   */
  | ({
      readonly op: 'insertChild';
      readonly fragment: string;
      readonly position?: 'first' | 'last' | 'before' | 'after';
    } & XmlPlace)
  /** Puts one element in the place of the element. */
  | ({ readonly op: 'replaceNode'; readonly fragment: string } & XmlPlace);

type Namespaces = ReadonlyMap<string, string>;

interface Entry {
  readonly kind: 'document' | 'element' | 'attribute';
  /** As written, with its prefix. */
  readonly name: string;
  readonly local: string;
  readonly uri: string;
  /** An attribute's decoded value; undefined where it holds an unknown entity. */
  readonly value: string | undefined;
  readonly namespaces: Namespaces;
  /** Where new attributes go. */
  readonly tailStart: number;
  readonly contentStart: number;
  readonly contentEnd: number;
  readonly selfClosing: boolean;
  /** Decoded text and CDATA directly inside, in order; undefined in `text` where it holds an unknown entity. */
  readonly texts: { readonly start: number; readonly text: string | undefined; readonly cdata: boolean }[];
  /** Comments and processing instructions directly inside. */
  readonly hasOther: boolean;
}

type Node = TextNode<Entry>;
/** A node whose end and content are not known yet. */
type Draft = { -readonly [K in Exclude<keyof Node, 'data'>]: Node[K] } & {
  data: { -readonly [K in keyof Entry]: Entry[K] };
};

const DEPTH_LIMIT = 500;
const XML_URI = 'http://www.w3.org/XML/1998/namespace';
const XMLNS_URI = 'http://www.w3.org/2000/xmlns/';
const NAME = /[\p{L}_:][\p{L}\p{N}_:.\-\u00b7]*/uy;
/** Characters that XML 1.0 does not have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_XML =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
/** What may follow an entry on its line and go with it. */
const CLOSING_COMMENT = /^[ \t]*(?:<!--(?:(?!-->).)*-->[ \t]*)?$/;
const FIVE: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

export const xmlFormat: EditFormat<XmlEdit> = {
  encodingOf,
  separatesMark: true,
  parse: (text) => parse(text, new Map([['xml', XML_URI]]), true),
  check,
  plan: (text, root, edit, encoding) => plan(text, root as Node, edit, encoding),
  remove: (text, node) => removal(text, node as Node),
  insert: (text, parent, index, body) => insertionAt(text, parent as Node, index, body),
};

function encodingOf(bytes: Uint8Array): TextEncoding | EditFailure {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 1_000));
  if (/^(?:\xff\xfe|\xfe\xff|<\0|\0<)/.test(head)) return fail('unsupported', 'files in UTF-16 are not edited');
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']/.exec(head)?.[1]?.toLowerCase();
  if (declared === undefined || declared === 'utf-8' || declared === 'utf8') return 'utf-8';
  if (head.startsWith('\xef\xbb\xbf')) return fail('malformed', `the file begins as UTF-8 but declares ${declared}`);
  if (/^(?:iso-8859-1|iso8859-1|iso_8859-1|latin1|latin-1|l1)$/.test(declared)) return 'latin-1';
  if (/^(?:us-ascii|ascii)$/.test(declared)) return 'ascii';
  return fail('unsupported', `the encoding ${declared} is not known here`);
}

function check(text: string): EditFailure | undefined {
  const problems: string[] = [];
  try {
    new DOMParser({
      onError: (_level: string, message: string) => {
        if (!/^entity not found/.test(message) || !text.includes('<!DOCTYPE')) problems.push(message);
      },
    }).parseFromString(text, 'text/xml');
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  const [problem] = problems;
  return problem === undefined ? undefined : fail('malformed', problem.split('\n')[0] as string);
}

/** Parses a document (one root element) or, within the namespaces of an element, a fragment (likewise one element). */
function parse(text: string, namespaces: Namespaces, whole: boolean): Node | EditFailure {
  const bad = (offset: number, what: string) =>
    fail('malformed', `line ${text.slice(0, offset).split('\n').length}: ${what}`);
  const control = NOT_XML.exec(text);
  if (control !== null) return bad(control.index, 'a character that XML does not have');
  const root = makeNode('document', '', 0, undefined, namespaces);
  root.end = text.length;
  root.interiorEnd = text.length;
  let open: Draft = root;
  let depth = 0;
  const hasDoctype = whole && text.includes('<!DOCTYPE');
  const note = (start: number, end: number, cdata: boolean): EditFailure | undefined => {
    const raw = text.slice(start, end);
    if (open === root) return raw.trim() === '' && !cdata ? undefined : bad(start, 'text outside the root element');
    if (!cdata && raw.includes(']]>')) return bad(start, ']]> in text');
    const decoded = cdata ? { text: raw.replace(/\r\n?/g, '\n') } : decodeText(raw);
    if (decoded === undefined) return bad(start, 'an & that begins no reference');
    if (decoded.text === undefined && !hasDoctype) return bad(start, 'an entity that is not declared');
    open.data.texts.push({ start, text: decoded.text, cdata });
    return undefined;
  };

  for (let at = 0; at < text.length; ) {
    const tag = text.indexOf('<', at);
    if (tag !== at) {
      const end = tag < 0 ? text.length : tag;
      const failure = note(at, end, false);
      if (failure !== undefined) return failure;
      at = end;
      continue;
    }
    const special = skipSpecial(text, at);
    if (special !== undefined) {
      if (special.end < 0) return bad(at, `a ${special.what} that does not end`);
      if (special.what === 'CDATA section') {
        const failure = note(at + 9, special.end - 3, true);
        if (failure !== undefined) return failure;
      } else if (special.what === 'DOCTYPE' && (!whole || open !== root || root.children.length > 0)) {
        return bad(at, 'a DOCTYPE that is not before the root element');
      } else {
        open.data.hasOther = true;
      }
      at = special.end;
      continue;
    }
    if (text[at + 1] === '/') {
      const close = text.indexOf('>', at);
      const name = text.slice(at + 2, close).trimEnd();
      if (close < 0 || open === root || name !== open.data.name) return bad(at, 'an end tag that fits no start tag');
      open.data.contentEnd = at;
      open.interiorEnd = at;
      open.end = close + 1;
      finish(open);
      open = open.parent as Draft;
      depth -= 1;
      at = close + 1;
      continue;
    }
    if (open === root && root.children.length > 0) return bad(at, 'a second root element');
    const element = readStartTag(text, at, open);
    if (isFailure(element)) return bad(at, element.message);
    open.children.push(element);
    at = element.data.contentStart;
    if (element.data.selfClosing) {
      finish(element);
    } else {
      open = element;
      depth += 1;
      if (depth > DEPTH_LIMIT) return fail('unsupported', 'the file is nested too deeply');
    }
  }
  if (open !== root) return bad(open.start, `<${open.data.name}> is not closed`);
  if (root.children.length !== 1) return bad(0, 'there is no element');
  return root;
}

function makeNode(
  kind: Entry['kind'],
  name: string,
  start: number,
  parent: Node | undefined,
  namespaces: Namespaces,
): Draft {
  return {
    label: name,
    keyed: kind !== 'element',
    start,
    end: start,
    valueStart: start,
    valueEnd: start,
    interiorStart: start,
    interiorEnd: start,
    leaf: false,
    features: [],
    parent,
    children: [],
    data: {
      kind,
      name,
      local: name.slice(name.indexOf(':') + 1),
      uri: '',
      value: undefined,
      namespaces,
      tailStart: start,
      contentStart: start,
      contentEnd: start,
      selfClosing: false,
      texts: [],
      hasOther: false,
    },
  };
}

/** Comments, processing instructions, CDATA, DOCTYPE; `end` is -1 where it does not end. */
function skipSpecial(text: string, at: number): { readonly what: string; readonly end: number } | undefined {
  const until = (what: string, mark: string, from: number) => {
    const end = text.indexOf(mark, from);
    return { what, end: end < 0 ? -1 : end + mark.length };
  };
  if (text.startsWith('<!--', at)) return until('comment', '-->', at + 4);
  if (text.startsWith('<?', at)) return until('processing instruction', '?>', at + 2);
  if (text.startsWith('<![CDATA[', at)) return until('CDATA section', ']]>', at + 9);
  if (!text.startsWith('<!', at)) return undefined;
  if (!text.startsWith('<!DOCTYPE', at)) return { what: 'declaration', end: -1 };
  // The internal subset: strings, comments and instructions in it may hold any bracket.
  for (let position = at + 9, inside = false; position < text.length; ) {
    const char = text[position] as string;
    if (char === '"' || char === "'") {
      const end = text.indexOf(char, position + 1);
      if (end < 0) break;
      position = end + 1;
    } else if (text.startsWith('<!--', position) || text.startsWith('<?', position)) {
      const mark = text.startsWith('<?', position) ? '?>' : '-->';
      const end = text.indexOf(mark, position + 2);
      if (end < 0) break;
      position = end + mark.length;
    } else {
      if (char === '[') inside = true;
      if (char === ']') inside = false;
      position += 1;
      if (char === '>' && !inside) return { what: 'DOCTYPE', end: position };
    }
  }
  return { what: 'DOCTYPE', end: -1 };
}

function readName(text: string, at: number): string | undefined {
  NAME.lastIndex = at;
  return NAME.exec(text)?.[0];
}

function readStartTag(text: string, start: number, parent: Node): Draft | EditFailure {
  const name = readName(text, start + 1);
  if (name === undefined) return fail('malformed', 'a < that begins no tag');
  const attributes: { start: number; name: string; valueStart: number; end: number; value: string | undefined }[] = [];
  let at = start + 1 + name.length;
  let tailStart = at;
  const blanks = /[ \t\r\n]*/y;
  for (;;) {
    blanks.lastIndex = at;
    const space = blanks.exec(text)?.[0] ?? '';
    const next = at + space.length;
    if (text[next] === '>' || text.startsWith('/>', next)) {
      at = next;
      break;
    }
    const attribute = space === '' ? undefined : readName(text, next);
    if (attribute === undefined) return fail('malformed', `<${name}> is not closed or has a malformed attribute`);
    const match = /[ \t\r\n]*=[ \t\r\n]*(["'])/y;
    match.lastIndex = next + attribute.length;
    const quote = match.exec(text)?.[1];
    if (quote === undefined) return fail('malformed', `the attribute ${attribute} has no quoted value`);
    const valueStart = match.lastIndex;
    const valueEnd = text.indexOf(quote, valueStart);
    const raw = text.slice(valueStart, valueEnd);
    const value = valueEnd < 0 || raw.includes('<') ? undefined : decodeText(raw.replace(/\r\n|[\t\r\n]/g, ' '));
    if (value === undefined) return fail('malformed', `the value of the attribute ${attribute} is malformed`);
    attributes.push({ start: next, name: attribute, valueStart, end: valueEnd + 1, value: value.text });
    at = valueEnd + 1;
    tailStart = at;
  }
  const namespaces = new Map(parent.data.namespaces);
  for (const { name: attribute, value } of attributes) {
    if (attribute === 'xmlns') namespaces.set('', value ?? '');
    else if (attribute.startsWith('xmlns:')) namespaces.set(attribute.slice(6), value ?? '');
  }
  const selfClosing = text[at] === '/';
  const contentStart = at + (selfClosing ? 2 : 1);
  const shared = attributes.some(({ name: attribute }) => attribute.startsWith('xmlns'))
    ? namespaces
    : parent.data.namespaces;
  const node = makeNode('element', name, start, parent, shared);
  const uri = resolvePrefix(shared, name, true);
  if (uri === undefined) return fail('malformed', `the prefix of <${name}> is not declared`);
  node.data.uri = uri;
  node.label = `{${uri}}${node.data.local}`;
  node.end = contentStart;
  node.interiorStart = start + 1 + name.length;
  node.interiorEnd = at;
  Object.assign(node.data, { tailStart, contentStart, contentEnd: contentStart, selfClosing });
  for (const attribute of attributes) {
    const child = makeNode('attribute', attribute.name, attribute.start, node, shared);
    const childUri = /^xmlns(?::|$)/.test(attribute.name) ? XMLNS_URI : resolvePrefix(shared, attribute.name, false);
    if (childUri === undefined)
      return fail('malformed', `the prefix of the attribute ${attribute.name} is not declared`);
    child.label = `@{${childUri}}${child.data.local}`;
    child.end = attribute.end;
    child.valueStart = attribute.valueStart;
    child.valueEnd = attribute.end - 1;
    child.leaf = true;
    child.data.uri = childUri;
    child.data.value = attribute.value;
    if (node.children.some((other) => other.label === child.label)) {
      return fail('malformed', `the attribute ${attribute.name} is there twice`);
    }
    node.children.push(child);
  }
  return node;
}

/** Undefined where the prefix is not declared. */
function resolvePrefix(namespaces: Namespaces, name: string, isElement: boolean): string | undefined {
  const colon = name.indexOf(':');
  if (colon < 0) return isElement ? (namespaces.get('') ?? '') : '';
  if (name.indexOf(':', colon + 1) >= 0 || colon === 0 || colon === name.length - 1) return undefined;
  return namespaces.get(name.slice(0, colon)) || undefined;
}

/** An element whose end is known: what a change of its text replaces, and what tells it from its siblings. */
function finish(node: Draft): void {
  const children = node.children as Node[];
  node.valueStart = node.data.tailStart;
  node.valueEnd = node.end;
  node.leaf = children.every((child) => child.data.kind === 'attribute');
  node.features = children.flatMap((child) => {
    if (child.data.kind === 'attribute') return [`${child.label}=${child.data.value}`];
    return child.leaf ? [`${child.label}=${textOf(child)}`] : [];
  });
}

/** Text with its references resolved: undefined where an & begins none, `text` undefined where one is beyond the five. */
function decodeText(raw: string): { readonly text: string | undefined } | undefined {
  const seen = { malformed: false, unknown: false };
  const text = raw.replace(/\r\n?/g, '\n').replace(/&([^\s;&<]*)(;?)/g, (whole, name: string, semicolon: string) => {
    const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code =
      number === null
        ? undefined
        : Number.parseInt(number[1] ?? (number[2] as string), number[1] === undefined ? 10 : 16);
    if (code !== undefined && code <= 0x10ffff && !NOT_XML.test(String.fromCodePoint(code)) && semicolon !== '') {
      return String.fromCodePoint(code);
    }
    if (semicolon === '' || code !== undefined || !/^[\p{L}_:][\p{L}\p{N}_:.-]*$/u.test(name)) seen.malformed = true;
    const known = Object.hasOwn(FIVE, name) ? FIVE[name] : undefined;
    if (known === undefined) seen.unknown = true;
    return known ?? whole;
  });
  return seen.malformed ? undefined : { text: seen.unknown ? undefined : text };
}

/** An element's own text; undefined where it holds an unknown entity. */
function textOf(node: Node): string | undefined {
  let result = '';
  for (const { text } of node.data.texts) {
    if (text === undefined) return undefined;
    result += text;
  }
  return result;
}

/** The string value of XPath: all text below; undefined where it holds an unknown entity. */
function stringValue(node: Node): string | undefined {
  const parts = [
    ...node.data.texts,
    ...elementsOf(node).map((element) => ({ start: element.start, text: stringValue(element) })),
  ].sort((a, b) => a.start - b.start);
  let result = '';
  for (const { text } of parts) {
    if (text === undefined) return undefined;
    result += text;
  }
  return result;
}

function elementsOf(node: Node): Node[] {
  return (node.children as Node[]).filter((child) => child.data.kind === 'element');
}

/** What tells XML elements apart, blanks between elements aside: for "it is already there". */
function canonical(node: Node): string {
  const attributes = (node.children as Node[])
    .filter((child) => child.data.kind === 'attribute' && child.data.uri !== XMLNS_URI)
    .map((child) => JSON.stringify([child.label, child.data.value ?? null]))
    .sort();
  const elements = elementsOf(node);
  const text = textOf(node);
  const shown = elements.length > 0 ? text?.trim() : text;
  return JSON.stringify([node.label, attributes, shown ?? null, elements.map(canonical)]);
}

function matchesName(node: Node, test: NameTest, namespaces: XmlPlace['namespaces']): boolean {
  if (test.local !== '*' && node.data.local !== test.local) return false;
  if (namespaces === undefined) return true;
  if (test.prefix === undefined) return test.local === '*' || node.data.uri === '';
  return node.data.uri === namespaces[test.prefix];
}

function select(root: Node, xpath: XPath, namespaces: XmlPlace['namespaces']): Node[] {
  let nodes = [root];
  for (const step of xpath.steps) {
    const found = new Set<Node>();
    for (const context of step.deep ? nodes.flatMap(descendants) : nodes) {
      let children = elementsOf(context).filter((child) => matchesName(child, step.name, namespaces));
      for (const predicate of step.predicates) {
        children = children.filter((child, index) => {
          switch (predicate.kind) {
            case 'position':
              return index + 1 === predicate.position;
            case 'last':
              return index + 1 === children.length;
            case 'text':
              return stringValue(child) === predicate.value;
            case 'attribute':
              return attributesOf(child, predicate.name, namespaces).some(
                ({ data }) => predicate.value === undefined || data.value === predicate.value,
              );
            case 'child':
              return elementsOf(child).some(
                (inner) =>
                  matchesName(inner, predicate.name, namespaces) &&
                  (predicate.value === undefined || stringValue(inner) === predicate.value),
              );
          }
        });
      }
      for (const child of children) found.add(child);
    }
    nodes = [...found];
  }
  return nodes;
}

function descendants(node: Node): Node[] {
  const found = [node];
  for (let at = 0; at < found.length; at += 1) found.push(...elementsOf(found[at] as Node));
  return found;
}

function attributesOf(node: Node, test: NameTest, namespaces: XmlPlace['namespaces']): Node[] {
  return (node.children as Node[]).filter(
    (child) => child.data.kind === 'attribute' && child.data.uri !== XMLNS_URI && matchesName(child, test, namespaces),
  );
}

function plan(text: string, root: Node, edit: XmlEdit, encoding: TextEncoding): Change | EditFailure {
  const path = edit.xpath;
  const xpath = parseXPath(edit.xpath);
  if (xpath === undefined) return fail('unsupported', `${path} is not of the part of XPath that edits know`);
  const prefix = unknownPrefix(xpath, edit.namespaces);
  if (prefix !== undefined) return fail('unsupported', `${path}: the prefix ${prefix} is not in "namespaces"`);
  const attributeTest = typeof xpath.part === 'object' ? xpath.part.attribute : undefined;
  const elements = select(root, xpath, edit.namespaces);
  // A path to an attribute names attributes: elements without it do not count, unless none has it.
  const bearers =
    attributeTest === undefined
      ? elements
      : elements.filter((node) => attributesOf(node, attributeTest, edit.namespaces).length > 0);
  const found = bearers.length === 0 && elements.length === 1 ? elements : bearers;
  if (found.length > 1) return fail('ambiguous', `${path} names ${found.length} nodes`);
  const [element] = found;
  switch (edit.op) {
    case 'removeNode': {
      if (xpath.part === 'text') return fail('unsupported', `${path}: text is removed by setText with an empty value`);
      if (element === undefined) {
        const above = { ...xpath, steps: xpath.steps.slice(0, -1) };
        const gone =
          attributeTest !== undefined
            ? elements.length > 0
            : xpath.steps.at(-1)?.deep === true || select(root, above, edit.namespaces).length > 0;
        return gone ? { kind: 'none', path } : notFound(path);
      }
      const node =
        typeof xpath.part === 'object' ? attributesOf(element, xpath.part.attribute, edit.namespaces)[0] : element;
      if (node === undefined) return { kind: 'none', path };
      if (node.parent === root) return fail('unsupported', `${path}: the root element cannot be removed`);
      return { kind: 'remove', path, node, splice: removal(text, node), more: false };
    }
    case 'setText': {
      if (element === undefined) return notFound(path);
      if (NOT_XML.test(edit.value)) return notXml(path);
      if (typeof xpath.part !== 'object') return setText(text, element, path, edit.value, encoding);
      const attribute = attributesOf(element, xpath.part.attribute, edit.namespaces)[0];
      return attribute === undefined ? notFound(path) : setValue(text, attribute, path, edit.value, encoding);
    }
    case 'setAttribute': {
      if (xpath.part !== 'element') return fail('type-mismatch', `${path} names no element`);
      if (element === undefined) return notFound(path);
      if (NOT_XML.test(edit.value)) return notXml(path);
      const there = (element.children as Node[]).find(
        (child) => child.data.kind === 'attribute' && child.data.name === edit.name,
      );
      if (there !== undefined) return setValue(text, there, path, edit.value, encoding);
      if (readName(edit.name, 0) !== edit.name)
        return fail('unsupported', `${JSON.stringify(edit.name)} is no name of an attribute`);
      const attributes = (element.children as Node[]).filter((child) => child.data.kind === 'attribute');
      const last = attributes.at(-1);
      const gap = last === undefined ? ' ' : text.slice(attributes.at(-2)?.end ?? element.interiorStart, last.start);
      const at = element.data.tailStart;
      const body = `${attributes.length > 1 ? gap : ' '}${edit.name}="${escapeText(edit.value, encoding, '"')}"`;
      return insert(path, element, { start: at, end: at, text: body });
    }
    case 'insertChild': {
      if (xpath.part !== 'element') return fail('type-mismatch', `${path} names no element`);
      if (element === undefined) return notFound(path);
      // An edit comes from a pack: its type is not proven.
      const position: string = edit.position ?? 'last';
      const beside = position === 'before' || position === 'after';
      if (!beside && position !== 'first' && position !== 'last')
        return fail('unsupported', `${position} is no position`);
      const parent = beside ? (element.parent as Node) : element;
      if (parent === root) return fail('unsupported', `${path}: nothing can stand beside the root element`);
      const fragment = readFragment(edit.fragment, parent, encoding);
      if (isFailure(fragment))
        return fail(fragment.code, `${path}: the fragment is not one element: ${fragment.message}`);
      if (elementsOf(parent).some((child) => canonical(child) === fragment.canonical)) return { kind: 'none', path };
      const index =
        position === 'last'
          ? parent.children.length
          : position === 'first'
            ? parent.children.length - elementsOf(parent).length
            : parent.children.indexOf(element) + (position === 'after' ? 1 : 0);
      if (elementsOf(parent).length === 0 && parent.data.texts.some(({ text: own }) => own?.trim() !== '')) {
        return fail('type-mismatch', `${path} holds text`);
      }
      const inner = elementsOf(parent)[0];
      const indent = inner === undefined ? indentAt(text, parent.start) + unitOf(text) : indentAt(text, inner.start);
      return insert(path, parent, insertionAt(text, parent, index, fit(fragment.text, text, indent)));
    }
    case 'replaceNode': {
      if (xpath.part !== 'element') return fail('type-mismatch', `${path} names no element`);
      if (element === undefined) return notFound(path);
      const fragment = readFragment(edit.fragment, element.parent as Node, encoding);
      if (isFailure(fragment))
        return fail(fragment.code, `${path}: the fragment is not one element: ${fragment.message}`);
      if (canonical(element) === fragment.canonical) return { kind: 'none', path };
      const body = fit(fragment.text, text, indentAt(text, element.start));
      return { kind: 'replace', path, node: element, whole: true, text: body };
    }
    default:
      return fail('unsupported', `${(edit as { op: string }).op} is no edit of an XML file`);
  }
}

function notFound(path: string): EditFailure {
  return fail('not-found', `${path} names nothing in this file`);
}

function notXml(path: string): EditFailure {
  return fail('unsupported', `${path}: the value has a character that XML does not have`);
}

function unknownPrefix(xpath: XPath, namespaces: XmlPlace['namespaces']): string | undefined {
  if (namespaces === undefined) return undefined;
  const tests = xpath.steps.flatMap((step) => [
    step.name,
    ...step.predicates.flatMap((predicate) => ('name' in predicate ? [predicate.name] : [])),
  ]);
  if (typeof xpath.part === 'object') tests.push(xpath.part.attribute);
  return tests.map((test) => test.prefix).find((prefix) => prefix !== undefined && !Object.hasOwn(namespaces, prefix));
}

function setText(
  text: string,
  element: Node,
  path: string,
  value: string,
  encoding: TextEncoding,
): Change | EditFailure {
  const { texts, hasOther, selfClosing, tailStart, contentStart, contentEnd, name } = element.data;
  if (elementsOf(element).length > 0) return fail('type-mismatch', `${path} holds elements`);
  if (textOf(element) === value) return { kind: 'none', path };
  if (hasOther) return fail('unsupported', `${path} holds a comment that would be lost`);
  const isCdata = texts.length === 1 && texts[0]?.cdata === true && !value.includes(']]>') && !value.includes('\r');
  const body = isCdata && isWritable(value, encoding) ? `<![CDATA[${value}]]>` : escapeText(value, encoding, '');
  const around = selfClosing
    ? ['>', `</${name}>`]
    : [text.slice(tailStart, contentStart), text.slice(contentEnd, element.end)];
  return { kind: 'replace', path, node: element, whole: false, text: around.join(body) };
}

function setValue(
  text: string,
  attribute: Node,
  path: string,
  value: string,
  encoding: TextEncoding,
): Change | EditFailure {
  if (attribute.data.value === value) return { kind: 'none', path };
  const quote = text[attribute.valueEnd] as string;
  return { kind: 'replace', path, node: attribute, whole: false, text: escapeText(value, encoding, quote) };
}

function isWritable(value: string, encoding: TextEncoding): boolean {
  if (encoding === 'utf-8') return true;
  const limit = encoding === 'latin-1' ? 0xff : 0x7f;
  for (let at = 0; at < value.length; at += 1) if (value.charCodeAt(at) > limit) return false;
  return true;
}

/** In an attribute (`quote` not empty) blanks other than the space are references, or a parser would make them spaces. */
function escapeText(value: string, encoding: TextEncoding, quote: string): string {
  let result = '';
  for (const char of value) {
    const code = char.codePointAt(0) as number;
    if (char === '&') result += '&amp;';
    else if (char === '<') result += '&lt;';
    else if (char === '>' && quote === '') result += '&gt;';
    else if (char === quote) result += quote === '"' ? '&quot;' : '&apos;';
    else if (char === '\r' || (quote !== '' && (char === '\n' || char === '\t'))) result += `&#${code};`;
    else result += isWritable(char, encoding) ? char : `&#x${code.toString(16).toUpperCase()};`;
  }
  return result;
}

function insert(path: string, parent: Node, splice: Splice): Change {
  return { kind: 'insert', path, parent, splice, container: false, more: false };
}

/** The fragment as it may stand in the file, read within the namespaces of the place it is for. */
function readFragment(
  source: string,
  parent: Node,
  encoding: TextEncoding,
): { readonly text: string; readonly canonical: string } | EditFailure {
  const text = Array.from(source.trim().replaceAll('\r\n', '\n'))
    .map((char) =>
      isWritable(char, encoding) ? char : `&#x${(char.codePointAt(0) as number).toString(16).toUpperCase()};`,
    )
    .join('');
  const root = parse(text, parent.data.namespaces, false);
  if (isFailure(root)) return root;
  const [element] = root.children as [Node];
  if (root.data.hasOther) return fail('unsupported', 'there is a comment beside it');
  return { text, canonical: canonical(element) };
}

/** A fragment of several lines, indented like the place it goes to. */
function fit(fragment: string, text: string, indent: string): string {
  const [first, ...rest] = fragment.split('\n');
  const common = rest
    .filter((line) => line.trim() !== '')
    .map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0)
    .reduce((least, length) => Math.min(least, length), Number.POSITIVE_INFINITY);
  const fitted = rest.map((line) => (line.trim() === '' ? '' : indent + line.slice(common)));
  return [first, ...fitted].join(lineEndOf(text));
}

/** One level of indentation: that of the first indented tag. */
function unitOf(text: string): string {
  return /\n([ \t]+)</.exec(text)?.[1] ?? '  ';
}

function insertionAt(text: string, parent: Node, index: number, body: string): Splice {
  const { contentStart, contentEnd, selfClosing, tailStart, name, kind } = parent.data;
  const eol = lineEndOf(text);
  // An attribute's body begins with its name, an element's with its tag.
  if (!body.startsWith('<')) return { start: tailStart, end: tailStart, text: ` ${body}` };
  if (kind === 'document') return { start: parent.end, end: parent.end, text: body };
  const elements = elementsOf(parent);
  const outer = indentAt(text, parent.start);
  const inner = outer + unitOf(text);
  if (elements.length === 0) {
    const spread = text.includes('\n');
    const lead = spread ? eol + inner : '';
    const trail = spread ? eol + outer : '';
    if (selfClosing) return { start: tailStart, end: parent.end, text: `>${lead}${body}${trail}</${name}>` };
    const start = contentStart + text.slice(contentStart, contentEnd).trimEnd().length;
    return { start, end: contentEnd, text: lead + body + trail };
  }
  const first = elements[0] as Node;
  const gap = startsLine(text, first.start) ? eol + indentAt(text, first.start) : '';
  const before = parent.children[index - 1] as Node | undefined;
  if (before?.data.kind === 'element') {
    // A comment that ends the line belongs to the element on it.
    const rest = gap === '' ? '' : text.slice(before.end, lineContentEnd(text, before.end));
    const at = before.end + (CLOSING_COMMENT.test(rest) ? rest.trimEnd().length : 0);
    return { start: at, end: at, text: gap + body };
  }
  if (text.slice(contentStart, first.start).trim() === '')
    return { start: contentStart, end: contentStart, text: gap + body };
  // A comment before the first element keeps its place.
  return { start: first.start, end: first.start, text: body + gap };
}

function removal(text: string, node: Node): Splice {
  if (node.data.kind === 'attribute') {
    const start = node.start - (/[ \t\r\n]+$/.exec(text.slice(0, node.start).slice(-1_000))?.[0].length ?? 0);
    return { start, end: node.end, text: '' };
  }
  return wholeLines(text, node.start, node.end, CLOSING_COMMENT) ?? { start: node.start, end: node.end, text: '' };
}
