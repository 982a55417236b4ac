// A configuration file as a tree of places in its text: what every format is parsed into, so that one piece of code can
// find a place again, undo a change, and prove that an edit touched nothing else. Pure.

/** One place of a file. Offsets are UTF-16 units of the decoded text, ends exclusive. */
export interface TextNode<D = unknown> {
  /** What the parent calls it: a key, `{namespace}name`, `@{namespace}name`; `-` for an item of a list. */
  readonly label: string;
  /** The label is its identity among its siblings: a key or an attribute, in contrast to an item or an element. */
  readonly keyed: boolean;
  /** The whole entry, without separators and line ends around it. */
  readonly start: number;
  readonly end: number;
  /** The part that a change of its value replaces. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Where its children may stand. */
  readonly interiorStart: number;
  readonly interiorEnd: number;
  /** The value is text of its own that the children do not cover. */
  readonly leaf: boolean;
  /** What tells it from siblings of the same label: attributes, scalar members. */
  readonly features: readonly string[];
  readonly parent: TextNode<D> | undefined;
  readonly children: TextNode<D>[];
  readonly data: D;
}

export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export type EditFailureCode = 'not-found' | 'ambiguous' | 'malformed' | 'unsupported' | 'type-mismatch';

export interface EditFailure {
  readonly kind: 'failed';
  readonly code: EditFailureCode;
  readonly message: string;
}

/**
 * What an edit comes to, one primitive change at a time. `path` names the place for people. With `more`, the edit is
 * planned again on the result (a missing container was made, a duplicate removed).
 */
export type Change =
  | { readonly kind: 'none'; readonly path: string }
  | {
      readonly kind: 'replace';
      readonly path: string;
      readonly node: TextNode;
      /** Replaces `start..end` instead of the value alone. */
      readonly whole: boolean;
      readonly text: string;
    }
  | {
      readonly kind: 'insert';
      readonly path: string;
      readonly parent: TextNode;
      readonly splice: Splice;
      /** A container that the edit needs: a revert leaves it where others have begun to use it. */
      readonly container: boolean;
      readonly more: boolean;
    }
  | {
      readonly kind: 'remove';
      readonly path: string;
      readonly node: TextNode;
      readonly splice: Splice;
      readonly more: boolean;
    };

export type TextEncoding = 'utf-8' | 'latin-1' | 'ascii';

/** One format: how its bytes become a tree, and how its edits become changes. Nothing here throws on any input. */
export interface EditFormat<E> {
  /** The encoding that the bytes declare or show. */
  encodingOf(bytes: Uint8Array): TextEncoding | EditFailure;
  /** Whether a byte order mark is kept apart from the text. */
  readonly separatesMark: boolean;
  parse(text: string): TextNode | EditFailure;
  /** A stricter, slower check; made once before the first edit and once after the last. */
  check(text: string): EditFailure | undefined;
  plan(text: string, root: TextNode, edit: E, encoding: TextEncoding): Change | EditFailure;
  /** Takes an entry out where its surroundings are no longer those it was put into. */
  remove(text: string, node: TextNode): Splice | undefined;
  /** Puts an entry's text into `parent` before child `index` where its old surroundings are gone. */
  insert(text: string, parent: TextNode, index: number, body: string): Splice | undefined;
}

export function fail(code: EditFailureCode, message: string): EditFailure {
  return { kind: 'failed', code, message };
}

/** The parsers return either; a tree has no `kind`. */
export function isFailure(value: object): value is EditFailure {
  return 'kind' in value && value.kind === 'failed';
}

export function applySplice(text: string, splice: Splice): string {
  return text.slice(0, splice.start) + splice.text + text.slice(splice.end);
}

export function indexPath(node: TextNode): number[] {
  const path: number[] = [];
  for (let at = node; at.parent !== undefined; at = at.parent) path.unshift(at.parent.children.indexOf(at));
  return path;
}

export function nodeAt(root: TextNode, path: readonly number[]): TextNode | undefined {
  let node: TextNode | undefined = root;
  for (const index of path) node = node?.children[index];
  return node;
}

/** Same labels and values, whatever stands between them. */
export function sameTree(a: TextNode, aText: string, b: TextNode, bText: string): boolean {
  if (a.label !== b.label || a.children.length !== b.children.length || a.leaf !== b.leaf) return false;
  if (a.leaf && aText.slice(a.valueStart, a.valueEnd) !== bText.slice(b.valueStart, b.valueEnd)) return false;
  return a.children.every((child, index) => sameTree(child, aText, b.children[index] as TextNode, bText));
}

/** Whether two trees differ in one place only: the node at `path` of `larger` is the one that `smaller` lacks. */
export function lacksOnly(
  smaller: TextNode,
  smallerText: string,
  larger: TextNode,
  largerText: string,
  path: readonly number[],
): boolean {
  const [index, ...rest] = path;
  if (index === undefined) return false;
  const last = rest.length === 0;
  if (smaller.label !== larger.label || smaller.children.length !== larger.children.length - (last ? 1 : 0))
    return false;
  return larger.children.every((child, at) => {
    if (at === index) {
      const other = smaller.children[at];
      return last || (other !== undefined && lacksOnly(other, smallerText, child, largerText, rest));
    }
    const other = smaller.children[last && at > index ? at - 1 : at];
    return other !== undefined && sameTree(other, smallerText, child, largerText);
  });
}

/** Whether two trees are the same but for the node at `path`, which both have. */
export function differsOnlyAt(
  a: TextNode,
  aText: string,
  b: TextNode,
  bText: string,
  path: readonly number[],
): boolean {
  const [index, ...rest] = path;
  if (index === undefined) return true;
  if (a.label !== b.label || a.children.length !== b.children.length) return false;
  return a.children.every((child, at) => {
    const other = b.children[at] as TextNode;
    return at === index ? differsOnlyAt(child, aText, other, bText, rest) : sameTree(child, aText, other, bText);
  });
}

/** The line end that most lines of the text have; LF where there is none. */
export function lineEndOf(text: string): string {
  let crlf = 0;
  let lf = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (text[at - 1] === '\r') crlf += 1;
    else lf += 1;
  }
  return crlf > lf ? '\r\n' : '\n';
}

export function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

/** The offset of the line's end, before its CR LF or LF. */
export function lineContentEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset);
  if (newline < 0) return text.length;
  return newline > offset && text[newline - 1] === '\r' ? newline - 1 : newline;
}

/** The offset of the next line's start. */
export function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset);
  return newline < 0 ? text.length : newline + 1;
}

/** The white space that the line of `offset` begins with. */
export function indentAt(text: string, offset: number): string {
  const start = lineStart(text, offset);
  return /^[ \t]*/.exec(text.slice(start, Math.max(start, offset)))?.[0] ?? '';
}

/** Whether only blanks stand before `offset` in its line. */
export function startsLine(text: string, offset: number): boolean {
  return /^[ \t]*$/.test(text.slice(lineStart(text, offset), offset));
}

/**
 * The lines of `start..end`, whole, where nothing else stands on them; the final newline of the text is kept as it was.
 * Undefined where something does.
 */
export function wholeLines(text: string, start: number, end: number, ignoreAfter = /^[ \t]*$/): Splice | undefined {
  if (!startsLine(text, start)) return undefined;
  const contentEnd = lineContentEnd(text, end);
  if (!ignoreAfter.test(text.slice(end, contentEnd))) return undefined;
  const from = lineStart(text, start);
  const to = lineEnd(text, end);
  if (to > contentEnd || from === 0) return { start: from, end: to, text: '' };
  return { start: text[from - 2] === '\r' ? from - 2 : from - 1, end: to, text: '' };
}

/** A new line with `body` after the line that `offset` is in; the final newline of the text is kept as it was. */
export function lineAfter(text: string, offset: number, body: string): Splice {
  const eol = lineEndOf(text);
  const at = lineEnd(text, offset);
  const closed = at === 0 || text[at - 1] === '\n';
  return { start: at, end: at, text: closed ? body + eol : eol + body };
}
