// Decides a condition by facts. Three-valued: a fact that is not there makes a part unknown, and `false and unknown` is still
// false. Every answer says because of what. Pure: facts are asked for through the interface, only where they matter.

import { rooted } from '../home/layout.js';
import type { RootedPath } from '../home/entry.js';
import { unreachable } from '../error.js';
import { type Comparator, type ConditionNode, FACTS } from './condition.js';
import { formatCondition } from './condition-format.js';
import { compareVersions, isVersion, parseVersionRange, satisfies, schemeOf } from './version.js';

/** What conditions can ask. Each function answers undefined where the thing is not there or not known. */
export interface Facts {
  /** The version that the home has when the condition is evaluated. */
  homeVersion(): string | undefined;
  /** What lies at a path of the home; links are not followed. */
  pathKind(path: RootedPath): 'file' | 'directory' | 'absent' | 'other';
  /** The Bundle-Versions of every plugin with this symbolic name; the highest counts. */
  jarVersions(symbolicName: string): readonly string[];
  /** As Node names it: `linux`, `win32`. */
  platform(): string;
  /** As Node names it: `x64`, `arm64`. */
  arch(): string;
  environment(name: string): string | undefined;
  /** A value that an earlier action set. */
  value(name: string): Scalar | undefined;
}

export type Scalar = string | number | boolean;

export type Evaluation =
  | { readonly kind: 'value'; readonly value: boolean; readonly because: string }
  | { readonly kind: 'unknown'; readonly missing: string };

/** The answer, with the parts that decided it; or what is missing for one. */
export function evaluateCondition(ast: ConditionNode, facts: Facts): Evaluation {
  switch (ast.kind) {
    case 'and':
      return combine(ast.terms, facts, false);
    case 'or':
      return combine(ast.terms, facts, true);
    case 'not': {
      const inner = evaluateCondition(ast.term, facts);
      return inner.kind === 'unknown' ? inner : { ...inner, value: !inner.value };
    }
    case 'compare':
      return compare(ast.comparator, ast.left, ast.right, facts);
    case 'in':
      return lieWithin(ast.version, ast.range, facts);
    case 'literal':
    case 'fact': {
      const operand = read(ast, facts);
      if (operand.kind === 'unknown') return operand;
      const flag = toFlag(operand.value);
      return flag === undefined
        ? unknown(`${operand.text}, which is neither true nor false`)
        : answer(flag, operand.text);
    }
    default:
      return unreachable(ast);
  }
}

function combine(terms: readonly ConditionNode[], facts: Facts, decisive: boolean): Evaluation {
  const reasons: string[] = [];
  let missing: Evaluation | undefined;
  for (const term of terms) {
    const each = evaluateCondition(term, facts);
    if (each.kind === 'unknown') missing ??= each;
    else if (each.value === decisive) return each;
    else reasons.push(each.because);
  }
  return missing ?? answer(!decisive, reasons.join(', '));
}

interface Operand {
  readonly kind: 'operand';
  readonly value: Scalar;
  /** How it is shown: the fact with what it holds. */
  readonly text: string;
}

type Unknown = Extract<Evaluation, { kind: 'unknown' }>;

function unknown(missing: string): Unknown {
  return { kind: 'unknown', missing };
}

function answer(value: boolean, because: string): Evaluation {
  return { kind: 'value', value, because };
}

function read(node: ConditionNode, facts: Facts): Operand | Unknown {
  if (node.kind === 'literal') return { kind: 'operand', value: node.value, text: formatCondition(node) };
  if (node.kind === 'fact') {
    const value = readFact(node, facts);
    const name = formatCondition(node);
    if (value === undefined) return unknown(`${name} is not known`);
    return { kind: 'operand', value, text: `${name} is ${JSON.stringify(value)}` };
  }
  const inner = evaluateCondition(node, facts);
  return inner.kind === 'unknown'
    ? inner
    : { kind: 'operand', value: inner.value, text: `(${inner.because}: ${inner.value})` };
}

function readFact({ name, argument = '' }: Extract<ConditionNode, { kind: 'fact' }>, facts: Facts): Scalar | undefined {
  switch (name) {
    case 'home.version':
      return facts.homeVersion();
    case 'os.platform':
      return facts.platform();
    case 'os.arch':
      return facts.arch();
    case 'file.exists':
      return facts.pathKind(homePath(argument)) === 'file';
    case 'directory.exists':
      return facts.pathKind(homePath(argument)) === 'directory';
    case 'jar.exists':
      return facts.jarVersions(argument).length > 0;
    case 'jar.version':
      return highest(facts.jarVersions(argument));
    case 'env':
      return facts.environment(argument);
    case 'env.exists':
      return facts.environment(argument) !== undefined;
    case 'value':
      return facts.value(argument);
    case 'value.exists':
      return facts.value(argument) !== undefined;
    default:
      return unreachable(name);
  }
}

function homePath(argument: string): RootedPath {
  return rooted('home', argument.replace(/^\//, ''));
}

function highest(versions: readonly string[]): string | undefined {
  return versions
    .filter((version) => isVersion(version, 'osgi'))
    .reduce<string | undefined>(
      (best, next) => (best !== undefined && (compareVersions(next, best, 'osgi') ?? 0) <= 0 ? best : next),
      undefined,
    );
}

function compare(comparator: Comparator, leftNode: ConditionNode, rightNode: ConditionNode, facts: Facts): Evaluation {
  const left = read(leftNode, facts);
  if (left.kind === 'unknown') return left;
  const right = read(rightNode, facts);
  if (right.kind === 'unknown') return right;
  const shown = `${left.text} ${comparator} ${right.text}`;
  switch (comparator) {
    case 'startsWith':
      return answer(String(left.value).startsWith(String(right.value)), shown);
    case 'endsWith':
      return answer(String(left.value).endsWith(String(right.value)), shown);
    case 'contains':
      return answer(String(left.value).includes(String(right.value)), shown);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const order = orderOf(
        left.value,
        right.value,
        comparisonOf(leftNode, rightNode),
        comparator === '==' || comparator === '!=',
      );
      return order === undefined
        ? unknown(`${shown}: these cannot be compared`)
        : answer(holds(comparator, order), shown);
    }
    default:
      return unreachable(comparator);
  }
}

function holds(comparator: '==' | '!=' | '<' | '<=' | '>' | '>=', order: number): boolean {
  switch (comparator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      return unreachable(comparator);
  }
}

type Comparison = 'osgi' | 'version' | 'number' | 'boolean' | 'string' | 'any';

/** By what two sides are compared: the more definite of their types. */
function comparisonOf(left: ConditionNode, right: ConditionNode): Comparison {
  const types = [typeOf(left), typeOf(right)];
  for (const type of ['osgi', 'version', 'number', 'boolean', 'string'] as const) if (types.includes(type)) return type;
  return 'any';
}

function typeOf(node: ConditionNode): Comparison {
  if (node.kind === 'fact') return FACTS[node.name].type;
  if (node.kind !== 'literal') return 'boolean';
  return typeof node.value === 'string' ? 'string' : typeof node.value === 'number' ? 'number' : 'boolean';
}

/** Negative, 0 or positive; where only equality is asked for, any other number means different. Undefined: cannot be compared. */
function orderOf(left: Scalar, right: Scalar, by: Comparison, equality: boolean): number | undefined {
  switch (by) {
    case 'osgi':
      return compareVersions(String(left), String(right), 'osgi');
    case 'version':
      return orderOfVersions(left, right);
    case 'number':
      return orderOfNumbers(left, right);
    case 'boolean': {
      const [a, b] = [toFlag(left), toFlag(right)];
      return a === undefined || b === undefined ? undefined : Number(a) - Number(b);
    }
    case 'string':
    case 'any':
      if (equality) return String(left) === String(right) ? 0 : 1;
      return (by === 'any' ? orderOfNumbers(left, right) : undefined) ?? orderOfVersions(left, right);
    default:
      return unreachable(by);
  }
}

function orderOfNumbers(left: Scalar, right: Scalar): number | undefined {
  const [a, b] = [toNumber(left), toNumber(right)];
  return a === undefined || b === undefined ? undefined : Math.sign(a - b);
}

function orderOfVersions(left: Scalar, right: Scalar): number | undefined {
  const scheme = schemeOf(String(left), String(right));
  return scheme === undefined ? undefined : compareVersions(String(left), String(right), scheme);
}

function toFlag(value: Scalar): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/** Values that a command printed and environment variables are texts; `8080` among them counts as the number. */
function toNumber(value: Scalar): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function lieWithin(node: ConditionNode, rangeText: string, facts: Facts): Evaluation {
  const version = read(node, facts);
  if (version.kind === 'unknown') return version;
  const range = parseVersionRange(rangeText);
  const within = range === undefined ? undefined : satisfies(String(version.value), range.range, range.scheme);
  const shown = `${version.text} in ${JSON.stringify(rangeText)}`;
  return within === undefined ? unknown(`${shown}: this is no version of the range’s scheme`) : answer(within, shown);
}
