// Splits the text of a condition into tokens, with the line and column of each. Grammar: docs/conditions.md.
// Linear in the text; what is no token becomes a fault with its position, never an exception.

export interface Position {
  /** From 0, in UTF-16 units. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

export type Token =
  | { readonly kind: 'string'; readonly value: string; readonly text: string; readonly at: Position }
  | { readonly kind: 'number'; readonly value: number; readonly text: string; readonly at: Position }
  /** A word: a keyword, `true`, `false`, or a part of a fact's name with its dots. */
  | { readonly kind: 'word'; readonly text: string; readonly at: Position }
  | { readonly kind: 'symbol'; readonly text: '==' | '!=' | '<' | '<=' | '>' | '>=' | '(' | ')'; readonly at: Position }
  | { readonly kind: 'end'; readonly text: ''; readonly at: Position };

export interface LexicalFault {
  readonly kind: 'fault';
  readonly at: Position;
  readonly found: string;
  readonly expected: string;
}

export type Tokens = { readonly kind: 'tokens'; readonly tokens: readonly Token[] } | LexicalFault;

const SPACE = /[ \t\r\n]+/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/y;
const NUMBER = /-?\d+(?:\.\d+)*(?:[eE][+-]?\d+)?/y;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const SYMBOL = /==|!=|<=|>=|<|>|\(|\)/y;

function match(pattern: RegExp, text: string, offset: number): string | undefined {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0];
}

/** The position of an offset. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { offset, line, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

/** The tokens of a condition, closed by an `end`. */
export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  let offset = 0;
  for (;;) {
    offset += match(SPACE, text, offset)?.length ?? 0;
    const at = positionAt(text, offset);
    if (offset >= text.length) {
      tokens.push({ kind: 'end', text: '', at });
      return { kind: 'tokens', tokens };
    }
    const token = readToken(text, offset, at);
    if (token.kind === 'fault') return token;
    tokens.push(token);
    offset += token.text.length;
  }
}

function readToken(text: string, offset: number, at: Position): Token | LexicalFault {
  const first = text[offset] ?? '';
  if (first === '"' || first === "'") return readString(text, offset, at);
  const symbol = match(SYMBOL, text, offset);
  if (symbol !== undefined) return { kind: 'symbol', text: symbol as (Token & { kind: 'symbol' })['text'], at };
  const number = match(NUMBER, text, offset);
  if (number !== undefined) return readNumber(text, number, at);
  const word = match(WORD, text, offset);
  if (word !== undefined) return { kind: 'word', text: word, at };
  const expected =
    first === '='
      ? '== (equality is written with two signs)'
      : 'a fact, a text in quotes, a number, an operator or a parenthesis';
  return { kind: 'fault', at, found: JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0)), expected };
}

function readNumber(text: string, number: string, at: Position): Token | LexicalFault {
  const following = match(/[A-Za-z0-9_.+-]+/y, text, at.offset + number.length) ?? '';
  const value = Number(number);
  if (following === '' && JSON_NUMBER.test(number) && Number.isFinite(value)) {
    return { kind: 'number', value, text: number, at };
  }
  const found = `${number}${following}`;
  const expected =
    /^\d+\.\d+\./.test(found) || following !== ''
      ? `a number; a version is written in quotes: "${found}"`
      : 'a number as in JSON';
  return { kind: 'fault', at, found, expected };
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', "'": "'", n: '\n', r: '\r', t: '\t' };

function readString(text: string, start: number, at: Position): Token | LexicalFault {
  const quote = text[start] ?? '';
  let value = '';
  for (let offset = start + 1; offset < text.length; offset++) {
    const unit = text[offset] ?? '';
    if (unit === quote) return { kind: 'string', value, text: text.slice(start, offset + 1), at };
    if (unit < ' ') {
      const expected = 'a printable character; write \\n, \\r, \\t or \\uXXXX in quotes';
      return {
        kind: 'fault',
        at: positionAt(text, offset),
        found: `the control character ${JSON.stringify(unit)}`,
        expected,
      };
    }
    if (unit !== '\\') {
      value += unit;
      continue;
    }
    const unicode = match(/u[0-9A-Fa-f]{4}/y, text, offset + 1);
    const escape =
      unicode === undefined
        ? ESCAPES[text[offset + 1] ?? '']
        : String.fromCharCode(Number.parseInt(unicode.slice(1), 16));
    if (escape === undefined) {
      const expected = 'one of the escapes \\\\ \\" \\\' \\n \\r \\t \\uXXXX';
      return { kind: 'fault', at: positionAt(text, offset), found: text.slice(offset, offset + 2), expected };
    }
    value += escape;
    offset += unicode === undefined ? 1 : 5;
  }
  return {
    kind: 'fault',
    at,
    found: `a text that is not closed: ${text.slice(start, start + 20)}`,
    expected: `${quote} at the end of the text`,
  };
}
