// Edits of INI files: `[section]` headers, `key = value` or `key: value`, `;` and `#` comments on lines of their own, and
// after a value where a blank stands before them. The text is the bytes one by one; names and values are compared and
// written in UTF-8 where the file is UTF-8, else in ISO-8859-1.
import { Buffer } from 'node:buffer';
import {
  type Change,
  type EditFailure,
  type EditFormat,
  fail,
  lineAfter,
  lineContentEnd,
  lineEnd,
  lineEndOf,
  type Splice,
  type TextNode,
  wholeLines,
} from './text-tree.js';

/** A section that is there twice counts as one; the last of duplicate keys counts. `''` is what precedes every header. */
export type IniEdit =
  /** Gives `key` this value; a missing section is added at the end, a missing key at the end of its section. */
  | { readonly op: 'set'; readonly section: string; readonly key: string; readonly value: string }
  | { readonly op: 'remove'; readonly section: string; readonly key: string }
  | { readonly op: 'addSection'; readonly section: string };

interface Entry {
  readonly keyEnd: number;
}

type Node = TextNode<Entry>;
/** A node whose end is not known yet. */
type Draft = { -readonly [K in keyof Node]: Node[K] };

export const iniFormat: EditFormat<IniEdit> = {
  encodingOf: () => 'latin-1',
  separatesMark: false,
  parse,
  check: () => undefined,
  plan: (text, root, edit) => plan(text, root as Node, edit),
  remove: (text, node) => wholeLines(text, node.start, node.end, /^[ \t]*(?:[ \t][;#].*)?$/),
  insert: (text, parent, index, body) => {
    const before = parent.children[index - 1];
    if (before !== undefined) return lineAfter(text, before.end, body);
    if (parent.interiorStart > 0)
      return { start: parent.interiorStart, end: parent.interiorStart, text: body + lineEndOf(text) };
    const next = parent.children[index];
    return next === undefined ? undefined : { start: next.start, end: next.start, text: body + lineEndOf(text) };
  },
};

const MARK = 'ï»¿';

function parse(text: string): Node | EditFailure {
  const children: Node[] = [];
  const root: Node = makeNode('', 0, text.length, { parent: undefined, children });
  const firstStart = text.startsWith(MARK) ? MARK.length : 0;
  let section = makeNode('', firstStart, firstStart, { parent: root });
  const close = (end: number) => {
    section.interiorEnd = end;
    children.push(section);
  };
  for (let at = firstStart, line = 1; at < text.length; at = lineEnd(text, at), line += 1) {
    const end = lineContentEnd(text, at);
    const raw = text.slice(at, end);
    const start = at + (/^[ \t]*/.exec(raw)?.[0].length ?? 0);
    if (start === end || text[start] === ';' || text[start] === '#') continue;
    if (text[start] === '[') {
      const header = /^\[([^\]]*)\][ \t]*(?:[;#].*)?$/.exec(text.slice(start, end));
      if (header === null) return fail('malformed', `line ${line} begins a section but does not end it with ]`);
      close(at);
      const name = (header[1] as string).replace(/^[ \t]+|[ \t]+$/g, '');
      const contentEnd = start + text.slice(start, end).indexOf(']') + 1;
      section = makeNode(name, start, contentEnd, { parent: root, interiorStart: lineEnd(text, at) });
      continue;
    }
    const body = text.slice(start, end);
    const separator = /[=:]/.exec(body);
    const keyLength = (separator === null ? contentOf(body) : body.slice(0, separator.index)).replace(
      /[ \t]+$/,
      '',
    ).length;
    const keyEnd = start + keyLength;
    let valueStart = keyEnd;
    let valueEnd = keyEnd;
    if (separator !== null) {
      valueStart = start + separator.index + 1;
      while (valueStart < end && /[ \t]/.test(text[valueStart] as string)) valueStart += 1;
      valueEnd = valueStart + contentOf(text.slice(valueStart, end)).length;
    }
    section.children.push(
      makeNode(text.slice(start, keyEnd), start, Math.max(valueEnd, keyEnd), {
        parent: section,
        valueStart,
        valueEnd,
        leaf: true,
        keyEnd,
      }),
    );
  }
  close(text.length);
  return root;
}

/** A value without the comment after it and the blanks before that; quotes protect both. */
function contentOf(raw: string): string {
  const quoted = /^"[^"]*"(?=[ \t]*(?:[;#].*)?$)/.exec(raw);
  if (quoted !== null) return quoted[0];
  const comment = /(?:^|[ \t])[;#]/.exec(raw);
  return (comment === null ? raw : raw.slice(0, comment.index)).replace(/[ \t]+$/, '');
}

function makeNode(
  label: string,
  start: number,
  end: number,
  more: Partial<Node> & { readonly parent: Node | undefined; readonly keyEnd?: number },
): Draft {
  return {
    label,
    keyed: true,
    start,
    end,
    valueStart: more.valueStart ?? start,
    valueEnd: more.valueEnd ?? start,
    interiorStart: more.interiorStart ?? end,
    interiorEnd: end,
    leaf: more.leaf ?? false,
    features: [],
    parent: more.parent,
    children: more.children ?? [],
    data: { keyEnd: more.keyEnd ?? end },
  };
}

function plan(text: string, root: Node, edit: IniEdit): Change | EditFailure {
  const isUtf8 = Buffer.from(Buffer.from(text, 'latin1').toString('utf8'), 'utf8').toString('latin1') === text;
  const carry = (value: string) => {
    if (isUtf8) return Buffer.from(value, 'utf8').toString('latin1');
    return /^[\0-\xff]*$/.test(value) ? value : undefined;
  };
  const name = carry(edit.section);
  if (name === undefined) return fail('unsupported', `[${edit.section}] cannot be written in the file's encoding`);
  const sections = root.children.filter((node) => node.label === name);
  const addSection = (more: boolean): Change | EditFailure => {
    if (name === '' || /[\]\r\n]/.test(name) || name.trim() !== name) {
      return fail('unsupported', `${JSON.stringify(edit.section)} cannot be the name of a section`);
    }
    const splice = lineAfter(text, text.length, `[${name}]`);
    return { kind: 'insert', path: `[${edit.section}]`, parent: root, splice, container: true, more };
  };
  if (edit.op === 'addSection') {
    return sections.length > 0 ? { kind: 'none', path: `[${edit.section}]` } : addSection(false);
  }
  // An edit comes from a pack: its type is not proven.
  const op: string = edit.op;
  if (op !== 'set' && op !== 'remove') return fail('unsupported', `${op} is no edit of an INI file`);
  const path = `[${edit.section}] ${edit.key}`;
  const key = carry(edit.key);
  if (key === undefined) return fail('unsupported', `${path} cannot be written in the file's encoding`);
  const entry = sections.flatMap((section) => section.children as Node[]).findLast((node) => node.label === key);
  if (edit.op === 'remove') {
    if (entry === undefined) return { kind: 'none', path };
    const splice = iniFormat.remove(text, entry);
    return splice === undefined
      ? fail('unsupported', `${path}: its line cannot be told from its neighbours`)
      : { kind: 'remove', path, node: entry, splice, more: true };
  }
  const value = carry(edit.value);
  if (value === undefined || /[\r\n]/.test(value) || contentOf(value) !== value || /^[ \t]/.test(value)) {
    return fail('unsupported', `${path}: ${JSON.stringify(edit.value)} cannot be written as a value; quote it`);
  }
  if (entry !== undefined) {
    if (text.slice(entry.valueStart, entry.valueEnd) === value) return { kind: 'none', path };
    const keyText = text.slice(entry.start, entry.data.keyEnd);
    const separated = /^[ \t]*[=:]/.test(text.slice(entry.data.keyEnd, lineContentEnd(text, entry.start)));
    return separated
      ? { kind: 'replace', path, node: entry, whole: false, text: value }
      : { kind: 'replace', path, node: entry, whole: true, text: `${keyText}=${value}` };
  }
  if (key === '' || /[=:\r\n]/.test(key) || /^[;#[]/.test(key) || contentOf(key) !== key || /^[ \t]/.test(key)) {
    return fail('unsupported', `${JSON.stringify(edit.key)} cannot be a key`);
  }
  const section = sections.at(-1);
  if (section === undefined) return addSection(true);
  const entries = section.children as Node[];
  const model = entries.findLast((node) => node.valueStart > node.data.keyEnd) ?? findModel(root);
  const separator = model === undefined ? '=' : text.slice(model.data.keyEnd, model.valueStart);
  const indent =
    entries.length === 0
      ? ''
      : text.slice(text.lastIndexOf('\n', (entries[0] as Node).start - 1) + 1, (entries[0] as Node).start);
  const body = `${/^[ \t]*$/.test(indent) ? indent : ''}${key}${separator}${value}`;
  const last = entries.at(-1);
  let splice: Splice;
  if (last !== undefined) splice = lineAfter(text, last.end, body);
  else if (name !== '') splice = lineAfter(text, section.start, body);
  else splice = { start: section.interiorStart, end: section.interiorStart, text: body + lineEndOf(text) };
  return { kind: 'insert', path, parent: section, splice, container: false, more: false };
}

function findModel(root: Node): Node | undefined {
  return root.children
    .flatMap((section) => section.children as Node[])
    .findLast((node) => node.valueStart > node.data.keyEnd && node.valueEnd > node.valueStart);
}
