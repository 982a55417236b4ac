// Writes a condition back as text. `parseCondition(formatCondition(ast))` gives the same tree; no more parentheses than needed.

import { unreachable } from '../error.js';
import type { ConditionNode } from './condition.js';

/** Binding strength, weakest first; a part that binds weaker than its place allows is put in parentheses. */
const STRENGTH = { or: 0, and: 1, not: 2, compare: 3, in: 3, literal: 4, fact: 4 } as const satisfies Record<
  ConditionNode['kind'],
  number
>;

export function formatCondition(node: ConditionNode): string {
  switch (node.kind) {
    case 'or':
    case 'and':
      return node.terms.map((term) => part(term, STRENGTH[node.kind] + 1)).join(` ${node.kind} `);
    case 'not':
      return `not ${part(node.term, STRENGTH.not)}`;
    case 'compare':
      return `${part(node.left, STRENGTH.literal)} ${node.comparator} ${part(node.right, STRENGTH.literal)}`;
    case 'in':
      return `${part(node.version, STRENGTH.literal)} in ${quote(node.range)}`;
    case 'literal':
      return typeof node.value === 'string' ? quote(node.value) : formatScalar(node.value);
    case 'fact':
      return node.argument === undefined ? node.name : `${node.name}(${quote(node.argument)})`;
    default:
      return unreachable(node);
  }
}

function part(node: ConditionNode, least: number): string {
  return STRENGTH[node.kind] < least ? `(${formatCondition(node)})` : formatCondition(node);
}

function formatScalar(value: number | boolean): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** JSON's escapes are ours, but for the two that the language does not have. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(/\\[bf]|\\\\/g, (escape) =>
    escape === '\\b' ? '\\u0008' : escape === '\\f' ? '\\u000c' : escape,
  );
}
