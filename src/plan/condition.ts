// Conditions (`when` of an action): what one is, and the parser. Recursive descent over the grammar in docs/conditions.md;
// types, fact names, paths, versions and ranges are checked here, when the pack is read. Bounded in length and depth.

import { nearest } from '../config.js';
import { rooted } from '../home/layout.js';
import { type Position, positionAt, type Token, tokenize } from './condition-tokens.js';
import { isVersion, parseVersionRange, RANGE_EXPECTED } from './version.js';

/** The longest condition, in UTF-16 units. */
export const CONDITION_LIMIT = 4096;
/** How deep parentheses and `not` may be nested. */
export const CONDITION_DEPTH = 32;

/** Each fact: its type, and what its argument is (none: written without parentheses). */
export const FACTS = {
  'home.version': { type: 'version', argument: undefined },
  'os.platform': { type: 'string', argument: undefined },
  'os.arch': { type: 'string', argument: undefined },
  'file.exists': { type: 'boolean', argument: 'path' },
  'directory.exists': { type: 'boolean', argument: 'path' },
  'jar.exists': { type: 'boolean', argument: 'symbolic name' },
  'jar.version': { type: 'osgi', argument: 'symbolic name' },
  env: { type: 'any', argument: 'variable' },
  'env.exists': { type: 'boolean', argument: 'variable' },
  value: { type: 'any', argument: 'value name' },
  'value.exists': { type: 'boolean', argument: 'value name' },
} as const satisfies Record<string, { readonly type: ConditionType; readonly argument: string | undefined }>;

export type FactName = keyof typeof FACTS;

/**
 * `version`: of the home, semver or OSGi. `osgi`: of a bundle. `any`: only known when it is evaluated (an environment
 * variable, a shared value), and then converted to what it is compared with.
 */
export type ConditionType = 'boolean' | 'number' | 'string' | 'version' | 'osgi' | 'any';

export type Comparator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'startsWith' | 'endsWith' | 'contains';

/** A condition's tree. Parentheses are not kept; `formatCondition` puts back those that are needed. */
export type ConditionNode =
  | { readonly kind: 'or' | 'and'; readonly terms: readonly ConditionNode[] }
  | { readonly kind: 'not'; readonly term: ConditionNode }
  | {
      readonly kind: 'compare';
      readonly comparator: Comparator;
      readonly left: ConditionNode;
      readonly right: ConditionNode;
    }
  | { readonly kind: 'in'; readonly version: ConditionNode; readonly range: string }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'fact'; readonly name: FactName; readonly argument?: string };

export interface InvalidCondition {
  readonly kind: 'invalid';
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  readonly found: string;
  readonly expected: string;
  /** The whole of it in one sentence. */
  readonly message: string;
}

export type ParsedCondition = { readonly kind: 'condition'; readonly ast: ConditionNode } | InvalidCondition;

/** Reads a condition. Never throws: what is wrong is in the result, with its place. */
export function parseCondition(text: string): ParsedCondition {
  if (text.length > CONDITION_LIMIT) {
    return invalid(
      positionAt(text, CONDITION_LIMIT),
      `${text.length} characters`,
      `at most ${CONDITION_LIMIT} characters`,
    );
  }
  const tokens = tokenize(text);
  if (tokens.kind === 'fault') return invalid(tokens.at, tokens.found, tokens.expected);
  try {
    return { kind: 'condition', ast: new Parser(tokens.tokens).parse() };
  } catch (error) {
    if (error instanceof Fault) return invalid(error.at, error.found, error.expected);
    throw error;
  }
}

function invalid(at: Position, found: string, expected: string): InvalidCondition {
  const message = `line ${at.line}, column ${at.column}: found ${found}, expected ${expected}`;
  return { kind: 'invalid', line: at.line, column: at.column, offset: at.offset, found, expected, message };
}

/** Leaves the descent; never leaves this module. */
class Fault extends Error {
  constructor(
    readonly at: Position,
    readonly found: string,
    readonly expected: string,
  ) {
    super(expected);
  }
}

interface Typed {
  readonly node: ConditionNode;
  readonly type: ConditionType;
  readonly at: Position;
}

const COMPARATORS: readonly string[] = ['==', '!=', '<', '<=', '>', '>=', 'startsWith', 'endsWith', 'contains'];
const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'startsWith', 'endsWith', 'contains']);
const FACT_NAMES = Object.keys(FACTS) as readonly FactName[];

const TYPE_WORDS: Readonly<Record<ConditionType, string>> = {
  boolean: 'true or false',
  number: 'a number',
  string: 'a text',
  version: 'a version',
  osgi: 'a bundle version',
  any: 'a value',
};

class Parser {
  #next = 0;
  #depth = 0;
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): ConditionNode {
    const condition = this.#or();
    requireBoolean(condition);
    const rest = this.#peek();
    if (rest.kind !== 'end') throw new Fault(rest.at, show(rest), 'and, or, a comparison, or the end of the condition');
    return condition.node;
  }

  #peek(): Token {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw new Error('prepatch has a defect: a condition was read past its end');
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  #takeIf(text: string): boolean {
    const token = this.#peek();
    if ((token.kind !== 'word' && token.kind !== 'symbol') || token.text !== text) return false;
    this.#next++;
    return true;
  }

  #or(): Typed {
    return this.#chain('or', () => this.#chain('and', () => this.#not()));
  }

  #chain(kind: 'or' | 'and', term: () => Typed): Typed {
    const first = term();
    const terms = [first];
    while (this.#takeIf(kind)) terms.push(term());
    if (terms.length === 1) return first;
    for (const each of terms) requireBoolean(each);
    return { node: { kind, terms: terms.map((each) => each.node) }, type: 'boolean', at: first.at };
  }

  #not(): Typed {
    const token = this.#peek();
    if (!this.#takeIf('not')) return this.#predicate();
    const term = this.#nested(token, () => this.#not());
    requireBoolean(term);
    return { node: { kind: 'not', term: term.node }, type: 'boolean', at: token.at };
  }

  #predicate(): Typed {
    const left = this.#operand();
    const operator = this.#peek();
    if (this.#takeIf('in')) return this.#range(left);
    if ((operator.kind !== 'symbol' && operator.kind !== 'word') || !COMPARATORS.includes(operator.text)) return left;
    this.#next++;
    const right = this.#operand();
    const comparator = operator.text as Comparator;
    checkComparison(comparator, left, right, operator.at);
    return { node: { kind: 'compare', comparator, left: left.node, right: right.node }, type: 'boolean', at: left.at };
  }

  #range(left: Typed): Typed {
    const token = this.#take();
    if (token.kind !== 'string') throw new Fault(token.at, show(token), `${RANGE_EXPECTED}, in quotes`);
    const range = parseVersionRange(token.value);
    if (range === undefined) throw new Fault(token.at, show(token), RANGE_EXPECTED);
    requireVersion(left);
    if (left.type === 'osgi' && range.scheme !== 'osgi') {
      throw new Fault(token.at, show(token), 'an OSGi range for a bundle version, such as "[1.0,2.0)" or "osgi:1.0"');
    }
    return { node: { kind: 'in', version: left.node, range: token.value }, type: 'boolean', at: left.at };
  }

  #operand(): Typed {
    const token = this.#take();
    const at = token.at;
    switch (token.kind) {
      case 'string':
        return { node: { kind: 'literal', value: token.value }, type: 'string', at };
      case 'number':
        return { node: { kind: 'literal', value: token.value }, type: 'number', at };
      case 'word':
        return this.#word(token);
      case 'symbol': {
        if (token.text !== '(') throw new Fault(at, show(token), OPERAND);
        const inner = this.#nested(token, () => this.#or());
        this.#close();
        return { ...inner, at };
      }
      case 'end':
        throw new Fault(at, show(token), OPERAND);
    }
  }

  #word(token: Token & { kind: 'word' }): Typed {
    const at = token.at;
    if (token.text === 'true' || token.text === 'false') {
      return { node: { kind: 'literal', value: token.text === 'true' }, type: 'boolean', at };
    }
    if (KEYWORDS.has(token.text)) throw new Fault(at, show(token), OPERAND);
    const name = FACT_NAMES.find((known) => known === token.text);
    if (name === undefined) {
      throw new Fault(
        at,
        show(token),
        `a fact; the nearest is ${nearest(token.text, FACT_NAMES)}; a text is written in quotes`,
      );
    }
    const { type, argument: wanted } = FACTS[name];
    if (wanted === undefined) {
      const next = this.#peek();
      if (next.text === '(') throw new Fault(next.at, '(', `no argument: ${name} has none`);
      return { node: { kind: 'fact', name }, type, at };
    }
    const open = this.#take();
    if (open.text !== '(') throw new Fault(open.at, show(open), `( and a ${wanted} in quotes after ${name}`);
    const argument = this.#take();
    if (argument.kind !== 'string') throw new Fault(argument.at, show(argument), `a ${wanted} in quotes`);
    checkArgument(wanted, argument);
    this.#close();
    return { node: { kind: 'fact', name, argument: argument.value }, type, at };
  }

  #close(): void {
    const token = this.#take();
    if (token.text !== ')') throw new Fault(token.at, show(token), ')');
  }

  #nested(token: Token, read: () => Typed): Typed {
    if (++this.#depth > CONDITION_DEPTH) {
      throw new Fault(
        token.at,
        `${show(token)} at depth ${this.#depth}`,
        `at most ${CONDITION_DEPTH} levels of parentheses and not`,
      );
    }
    const result = read();
    this.#depth--;
    return result;
  }
}

const OPERAND = 'a fact, a text in quotes, a number, true, false or (';

function show(token: Token): string {
  return token.kind === 'end' ? 'the end of the condition' : token.text;
}

function checkArgument(wanted: string, token: Token & { kind: 'string' }): void {
  if (wanted === 'path') {
    if (!isHomePath(token.value)) {
      throw new Fault(
        token.at,
        show(token),
        'a path inside the home, such as "/repository/conf/carbon.xml", without . or .. parts',
      );
    }
    return;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (token.value === '' || /[\u0000-\u001f=]/.test(token.value)) {
    throw new Fault(token.at, show(token), `the name of a ${wanted.replace(/ name$/, '')}`);
  }
}

function isHomePath(text: string): boolean {
  try {
    return rooted('home', text.replace(/^\//, '')) !== 'home:';
  } catch {
    // `rooted` refuses by PatchError; there is nothing else that it throws.
    return false;
  }
}

function requireBoolean(operand: Typed): void {
  if (operand.type === 'boolean' || operand.type === 'any') return;
  throw new Fault(operand.at, TYPE_WORDS[operand.type], 'something that is true or false, such as a comparison');
}

function requireVersion(operand: Typed): void {
  const { type, node, at } = operand;
  if (type === 'version' || type === 'osgi' || type === 'any') return;
  if (
    node.kind === 'literal' &&
    typeof node.value === 'string' &&
    (isVersion(node.value, 'semver') || isVersion(node.value, 'osgi'))
  )
    return;
  throw new Fault(
    at,
    node.kind === 'literal' ? JSON.stringify(node.value) : TYPE_WORDS[type],
    'a version, such as home.version or "4.4.0"',
  );
}

/** Refuses a comparison that could never be answered, whatever the facts are. */
function checkComparison(comparator: Comparator, left: Typed, right: Typed, at: Position): void {
  const [first, second] = [left.type, right.type];
  if (comparator === 'startsWith' || comparator === 'endsWith' || comparator === 'contains') {
    for (const operand of [left, right]) {
      if (operand.type === 'boolean' || operand.type === 'number') {
        throw new Fault(operand.at, TYPE_WORDS[operand.type], `a text on both sides of ${comparator}`);
      }
    }
    return;
  }
  const versions = [left, right].filter(({ type }) => type === 'version' || type === 'osgi');
  if (versions.length > 0) {
    for (const operand of [left, right]) requireVersion(operand);
    const literal = [left, right].find(({ type }) => type === 'string');
    if (
      versions.some(({ type }) => type === 'osgi') &&
      literal?.node.kind === 'literal' &&
      !isVersion(String(literal.node.value), 'osgi')
    ) {
      throw new Fault(
        literal.at,
        JSON.stringify(literal.node.value),
        'an OSGi version, such as "1.2.3" or "1.2.3.beta"',
      );
    }
    return;
  }
  if (first !== second && first !== 'any' && second !== 'any') {
    throw new Fault(right.at, TYPE_WORDS[second], `${TYPE_WORDS[first]}, as on the left of ${comparator}`);
  }
  const ordered = comparator !== '==' && comparator !== '!=';
  const type = first === 'any' ? second : first;
  if (ordered && type === 'boolean') {
    throw new Fault(at, comparator, '== or !=, since true and false have no order');
  }
  if (ordered && type === 'string') {
    const text = [left, right].find((operand) => operand.type === 'string');
    const versioned = [left, right].every((operand) => operand.type === 'any' || isVersionLiteral(operand.node));
    if (!versioned)
      throw new Fault(
        text?.at ?? at,
        TYPE_WORDS.string,
        `numbers or versions with ${comparator}; texts are compared with == and !=`,
      );
  }
}

function isVersionLiteral(node: ConditionNode): boolean {
  return (
    node.kind === 'literal' &&
    typeof node.value === 'string' &&
    (isVersion(node.value, 'semver') || isVersion(node.value, 'osgi'))
  );
}
