// Strict JSON with positions: what jsonc-parser would forgive (comments, trailing commas, duplicate keys) is refused by name.
// Bounded in size and depth before anything recursive looks at it.

import { type Node, type ParseError, parseTree, printParseErrorCode, createScanner } from 'jsonc-parser';
import { type Position, positionAt } from './condition-tokens.js';

export const MANIFEST_LIMIT_BYTES = 1024 * 1024;
/** How deep objects and lists may be nested. */
export const MANIFEST_DEPTH = 64;

/** As many faults as one step of the reading reports: finding a place costs time in the length of the text. */
export const FAULT_LIMIT = 50;

/** Something wrong at a place of the text. */
export interface TextFault {
  readonly pointer: string;
  readonly found: string;
  readonly expected: string;
  readonly at: Position;
}

export type PointerParts = readonly (string | number)[];

export interface StrictJson {
  readonly kind: 'json';
  readonly text: string;
  readonly value: unknown;
  /** Where a value begins, or its key where `of` says so; the nearest enclosing value where there is none. */
  readonly locate: (path: PointerParts, of?: 'value' | 'key') => Position;
}

export type ReadJson = StrictJson | { readonly kind: 'invalid'; readonly faults: readonly TextFault[] };

export function toPointer(path: PointerParts): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The parts of a JSON pointer; indexes are texts. */
export function fromPointer(pointer: string): PointerParts {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Reads a text as JSON. Never throws. */
export function readStrictJson(text: string): ReadJson {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MANIFEST_LIMIT_BYTES)
    return refuse(text, 0, `${sizeBytes} bytes`, `at most ${MANIFEST_LIMIT_BYTES} bytes`);
  if (text.startsWith('\ufeff')) return refuse(text, 0, 'a byte order mark', 'UTF-8 without one');
  const tooDeep = findDepth(text);
  if (tooDeep !== undefined) {
    return refuse(
      text,
      tooDeep,
      `nesting at depth ${MANIFEST_DEPTH + 1}`,
      `at most ${MANIFEST_DEPTH} levels of objects and lists`,
    );
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  if (errors.length > 0 || root === undefined) return { kind: 'invalid', faults: syntaxFaults(text, errors) };
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse is the judge of what is strict; the other parser only knows better where things are.
    return refuse(text, 0, error instanceof Error ? error.message : String(error), 'JSON');
  }
  const faults = keyFaults(text, root);
  if (faults.length > 0) return { kind: 'invalid', faults };
  return { kind: 'json', text, value, locate: (path, of = 'value') => positionAt(text, offsetOf(root, path, of)) };
}

function refuse(text: string, offset: number, found: string, expected: string): ReadJson {
  return { kind: 'invalid', faults: [{ pointer: '', found, expected, at: positionAt(text, offset) }] };
}

// jsonc-parser's token kinds; its const enum cannot be imported where each module is compiled alone.
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const END = 17;

/** The offset where the nesting becomes too deep. A bracket closes only its own kind: the parser recovers from others inside. */
function findDepth(text: string): number | undefined {
  const scanner = createScanner(text, true);
  const closers: number[] = [];
  for (;;) {
    const token: number = scanner.scan();
    if (token === END) return undefined;
    if (token === OPEN_BRACE || token === OPEN_BRACKET) {
      closers.push(token === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
      if (closers.length > MANIFEST_DEPTH) return scanner.getTokenOffset();
    } else if (token === closers.at(-1)) closers.pop();
  }
}

const SYNTAX: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a text in double quotes, a number, true, false, null, { or [',
  InvalidNumberFormat: 'a number as in JSON',
  PropertyNameExpected: 'a key in double quotes',
  ValueExpected: 'a value',
  ColonExpected: ': after the key',
  CommaExpected: 'a comma between two items',
  CloseBraceExpected: '} at the end of the object',
  CloseBracketExpected: '] at the end of the list',
  EndOfFileExpected: 'the end of the file',
  UnexpectedEndOfString: '" at the end of the text',
  UnexpectedEndOfNumber: 'a number as in JSON',
  InvalidUnicode: '\\u and four hex digits',
  InvalidEscapeCharacter: 'one of the escapes \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
  InvalidCharacter: 'a printable character; others are written as \\n, \\t, \\uXXXX',
};

/** Every comment and trailing comma, and the first of the other errors: those after it are mostly its consequences. */
function syntaxFaults(text: string, errors: readonly ParseError[]): TextFault[] {
  const faults: TextFault[] = [];
  let other = false;
  for (const { error, offset, length } of errors) {
    if (faults.length >= FAULT_LIMIT) break;
    const at = positionAt(text, offset);
    const name: string = printParseErrorCode(error);
    if (name === 'InvalidCommentToken' || name === 'UnexpectedEndOfComment') {
      faults.push({ pointer: '', found: 'a comment', expected: 'strict JSON, which has none', at });
      continue;
    }
    const comma =
      (name === 'PropertyNameExpected' || name === 'ValueExpected') && /^[}\]]/.test(text.slice(offset))
        ? trailingComma(text, offset)
        : undefined;
    if (comma !== undefined) {
      faults.push({
        pointer: '',
        found: 'a trailing comma',
        expected: `none before ${text[offset]}`,
        at: positionAt(text, comma),
      });
      continue;
    }
    if (other) continue;
    other = true;
    const found =
      offset >= text.length
        ? 'the end of the file'
        : JSON.stringify(text.slice(offset, offset + Math.min(Math.max(length, 1), 40)));
    faults.push({ pointer: '', found, expected: SYNTAX[name] ?? 'JSON', at });
  }
  return faults.length > 0
    ? faults
    : [{ pointer: '', found: 'nothing', expected: 'a JSON object', at: positionAt(text, 0) }];
}

function trailingComma(text: string, closing: number): number | undefined {
  let offset = closing - 1;
  while (offset >= 0 && /\s/.test(text[offset] ?? '')) offset--;
  return text[offset] === ',' ? offset : undefined;
}

/** Duplicate keys, and the one name that JavaScript objects cannot carry safely. */
function keyFaults(text: string, root: Node): TextFault[] {
  const faults: TextFault[] = [];
  const visit = (node: Node, path: PointerParts): void => {
    if (node.type === 'array') {
      for (const [index, item] of (node.children ?? []).entries()) visit(item, [...path, index]);
      return;
    }
    if (node.type !== 'object') return;
    const seen = new Set<string>();
    for (const property of node.children ?? []) {
      const [keyNode, valueNode] = property.children ?? [];
      if (keyNode === undefined || valueNode === undefined || faults.length >= FAULT_LIMIT) continue;
      const key = String(keyNode.value);
      const here = [...path, key];
      if (seen.has(key)) {
        faults.push({
          pointer: toPointer(here),
          found: `the key ${JSON.stringify(key)} a second time`,
          expected: 'each key once',
          at: positionAt(text, keyNode.offset),
        });
      } else if (key === '__proto__') {
        faults.push({
          pointer: toPointer(here),
          found: 'the key "__proto__"',
          expected: 'another name',
          at: positionAt(text, keyNode.offset),
        });
      }
      seen.add(key);
      visit(valueNode, here);
    }
  };
  visit(root, []);
  return faults;
}

function offsetOf(root: Node, path: PointerParts, of: 'value' | 'key'): number {
  let node = root;
  let key: Node | undefined;
  for (const part of path) {
    const property =
      node.type === 'object' ? node.children?.find((child) => child.children?.[0]?.value === String(part)) : undefined;
    const next = node.type === 'array' ? node.children?.[Number(part)] : property?.children?.[1];
    if (next === undefined) return node.offset;
    key = property?.children?.[0];
    node = next;
  }
  return of === 'key' && key !== undefined ? key.offset : node.offset;
}
