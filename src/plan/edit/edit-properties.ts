// Edits of .properties files by the grammar of java.util.Properties: separators `=`, `:` and blanks, `#` and `!` comments,
// continuation lines, escapes, the last of duplicate keys counts. The text is the bytes as ISO-8859-1, as Java reads them;
// what is written beyond printable ASCII is written as \uXXXX, so a file that is really UTF-8 keeps its bytes too.
import {
  type Change,
  type EditFailure,
  type EditFormat,
  fail,
  lineAfter,
  lineEndOf,
  type Splice,
  type TextNode,
  wholeLines,
} from './text-tree.js';

export type PropertiesEdit =
  /** Gives `key` this value; a new key goes after the key `after`, else to the end. */
  | { readonly op: 'set'; readonly key: string; readonly value: string; readonly after?: string }
  /** Removes `key`, every duplicate of it, with its lines. */
  | { readonly op: 'remove'; readonly key: string };

interface Entry {
  /** Where the key ends; the separator is from there to `valueStart`. */
  readonly keyEnd: number;
}

type Node = TextNode<Entry>;

export const propertiesFormat: EditFormat<PropertiesEdit> = {
  encodingOf: () => 'latin-1',
  separatesMark: false,
  parse,
  check: () => undefined,
  plan: (text, root, edit) => plan(text, root as Node, edit),
  remove: (text, node) => wholeLines(text, node.start, node.end),
  insert: (text, parent, index, body) => insertLine(text, parent, index, body),
};

function parse(text: string): Node | EditFailure {
  const root: Node = {
    label: '',
    keyed: true,
    start: 0,
    end: text.length,
    valueStart: 0,
    valueEnd: text.length,
    interiorStart: 0,
    interiorEnd: text.length,
    leaf: false,
    features: [],
    parent: undefined,
    children: [],
    data: { keyEnd: 0 },
  };
  let at = 0;
  while (at < text.length) {
    while (at < text.length && /[ \t\f\r\n]/.test(text[at] as string)) at += 1;
    if (at >= text.length) break;
    if (text[at] === '#' || text[at] === '!') {
      while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at += 1;
      continue;
    }
    const start = at;
    const end = endOfLogicalLine(text, start);
    at = end;
    let keyEnd = start;
    while (keyEnd < end) {
      const char = text[keyEnd] as string;
      if (char === '\\') keyEnd = skipEscape(text, keyEnd, end);
      else if (/[=: \t\f]/.test(char)) break;
      else keyEnd += 1;
    }
    let valueStart = skipBlanks(text, keyEnd, end);
    if (text[valueStart] === '=' || text[valueStart] === ':') {
      if (valueStart < end) valueStart = skipBlanks(text, valueStart + 1, end);
    }
    const label = decode(text.slice(start, keyEnd));
    const value = decode(text.slice(valueStart, end));
    if (label === undefined || value === undefined) {
      const line = text.slice(0, start).split(/\r\n|\r|\n/).length;
      return fail('malformed', `line ${line} has a \\u that no four hexadecimal digits follow`);
    }
    root.children.push({
      label,
      keyed: true,
      start,
      end,
      valueStart,
      valueEnd: end,
      interiorStart: start,
      interiorEnd: start,
      leaf: true,
      features: [],
      parent: root,
      children: [],
      data: { keyEnd },
    });
  }
  return root;
}

function skipBlanks(text: string, from: number, end: number): number {
  let at = from;
  while (at < end) {
    if (/[ \t\f]/.test(text[at] as string)) at += 1;
    // A continuation inside the separator belongs to it: blanks go on in the next line.
    else if (text[at] === '\\' && /[\r\n]/.test(text[at + 1] ?? '')) at = skipEscape(text, at, end);
    else break;
  }
  return Math.min(at, end);
}

/** Past a backslash and what it escapes; for a continuation, past the line end and the blanks that Java drops. */
function skipEscape(text: string, backslash: number, end: number): number {
  let at = backslash + 1;
  if (text[at] === '\r' || text[at] === '\n') {
    at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1;
    while (at < end && /[ \t\f]/.test(text[at] as string)) at += 1;
  } else {
    at += 1;
  }
  return Math.min(at, end);
}

function endOfLogicalLine(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') {
    at = text[at] === '\\' ? skipEscape(text, at, text.length) : at + 1;
  }
  return at;
}

/** The characters that a raw key or value stands for; undefined where an escape is malformed, as Java refuses it. */
function decode(raw: string): string | undefined {
  let result = '';
  for (let at = 0; at < raw.length; ) {
    const char = raw[at] as string;
    if (char !== '\\') {
      result += char;
      at += 1;
      continue;
    }
    const next = raw[at + 1];
    if (next === 'u') {
      const digits = raw.slice(at + 2, at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return undefined;
      result += String.fromCharCode(Number.parseInt(digits, 16));
      at += 6;
      continue;
    }
    if (next !== undefined && next !== '\r' && next !== '\n') {
      result += { t: '\t', n: '\n', r: '\r', f: '\f' }[next] ?? next;
    }
    at = skipEscape(raw, at, raw.length);
  }
  return result;
}

function escape(text: string, isKey: boolean): string {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    const code = text.charCodeAt(at);
    const named = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\f': '\\f', '\\': '\\\\' }[char];
    if (named !== undefined) result += named;
    else if (code < 0x20 || code > 0x7e) result += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
    else if (char === ' ' ? isKey || at === 0 : isKey ? /[=:#!]/.test(char) : at === 0 && /[=:]/.test(char)) {
      result += `\\${char}`;
    } else result += char;
  }
  return result;
}

function plan(text: string, root: Node, edit: PropertiesEdit): Change | EditFailure {
  const path = edit.key;
  const entries = root.children as Node[];
  const entry = entries.findLast((node) => node.label === edit.key);
  switch (edit.op) {
    case 'remove': {
      if (entry === undefined) return { kind: 'none', path };
      const splice = wholeLines(text, entry.start, entry.end);
      if (splice === undefined) return fail('unsupported', `${path}: its line cannot be told from its neighbours`);
      return { kind: 'remove', path, node: entry, splice, more: true };
    }
    case 'set': {
      if (entry !== undefined) {
        if (decode(text.slice(entry.valueStart, entry.valueEnd)) === edit.value) return { kind: 'none', path };
        const separator = text.slice(entry.data.keyEnd, entry.valueStart);
        const key = text.slice(entry.start, entry.data.keyEnd);
        return separator === ''
          ? { kind: 'replace', path, node: entry, whole: true, text: `${key}=${escape(edit.value, false)}` }
          : { kind: 'replace', path, node: entry, whole: false, text: escape(edit.value, false) };
      }
      if (edit.key === '') return fail('unsupported', 'a key cannot be empty');
      const after = edit.after === undefined ? undefined : entries.findLast((node) => node.label === edit.after);
      if (edit.after !== undefined && after === undefined) return fail('not-found', `there is no key ${edit.after}`);
      const isModel = (node: Node | undefined) =>
        node !== undefined &&
        node.valueStart < node.valueEnd &&
        /^[ \t]*[=:][ \t]*$/.test(text.slice(node.data.keyEnd, node.valueStart));
      const model = isModel(after) ? after : entries.findLast(isModel);
      const separator = model === undefined ? '=' : text.slice(model.data.keyEnd, model.valueStart);
      const body = `${escape(edit.key, true)}${separator}${escape(edit.value, false)}`;
      const splice = after === undefined ? atEnd(text, body) : lineAfter(text, after.end, body);
      return { kind: 'insert', path, parent: root, splice, container: false, more: false };
    }
    default:
      return fail('unsupported', `${(edit as { op: string }).op} is no edit of a properties file`);
  }
}

function atEnd(text: string, body: string): Splice {
  return lineAfter(text, text.length, body);
}

function insertLine(text: string, parent: TextNode, index: number, body: string): Splice {
  const before = parent.children[index - 1];
  if (before !== undefined) return lineAfter(text, before.end, body);
  const next = parent.children[index];
  if (next === undefined) return atEnd(text, body);
  return { start: next.start, end: next.start, text: body + lineEndOf(text) };
}
