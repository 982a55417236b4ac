// `$name$` in the texts of actions stands for a shared value, `$$` for a `$`. Which texts: every text of an action but its kind,
// id, title, condition and the names of values; the actions inside a list or a loop are left for their own time.

import { assert } from '../error.js';
import type { Scalar } from './condition-evaluate.js';
import type { Action } from './pack-manifest.js';
import { toPointer } from './pack-manifest-text.js';

export type SharedValues = ReadonlyMap<string, Scalar>;

export type Interpolated =
  | { readonly kind: 'text'; readonly text: string }
  /** No value of this name is set. */
  | { readonly kind: 'missing'; readonly name: string }
  /** A `$` that begins neither `$name$` nor `$$`, at this offset. */
  | { readonly kind: 'malformed'; readonly offset: number };

const PART = /\$(?:\$|([A-Za-z_][A-Za-z0-9_.-]{0,63})\$)?/g;

/** The text with its values put in. Values are not looked through again. */
export function interpolate(text: string, values: SharedValues): Interpolated {
  let result = '';
  let end = 0;
  for (const match of text.matchAll(PART)) {
    result += text.slice(end, match.index);
    end = match.index + match[0].length;
    const name = match[1];
    if (match[0] === '$') return { kind: 'malformed', offset: match.index };
    if (name === undefined) {
      result += '$';
      continue;
    }
    const value = values.get(name);
    if (value === undefined) return { kind: 'missing', name };
    result += String(value);
  }
  return { kind: 'text', text: result + text.slice(end) };
}

/** The names of the values that a text asks for, in order, each once. A malformed text has those before the fault. */
export function valueNamesIn(text: string): string[] {
  const known = new Map<string, Scalar>();
  for (;;) {
    const result = interpolate(text, known);
    if (result.kind !== 'missing') return [...known.keys()];
    known.set(result.name, '');
  }
}

export type InterpolatedAction<A extends Action = Action> =
  | { readonly kind: 'action'; readonly action: A }
  | { readonly kind: 'missing'; readonly name: string; readonly field: string };

/** Fields at the top of an action that are names or labels, or that belong to a later time. */
const LITERAL_FIELDS: ReadonlySet<string> = new Set([
  'kind',
  'id',
  'title',
  'when',
  'set',
  'as',
  'itemsFrom',
  'name',
  'type',
  'actions',
]);

/**
 * The action with the values put into its texts. `missing` names the value and the field (`/argv/1`).
 * An action of a manifest that was read has no malformed text.
 */
export function interpolateAction<A extends Action>(action: A, values: SharedValues): InterpolatedAction<A> {
  let missing: { name: string; field: string } | undefined;
  const replaced = mapActionTexts(action, (text, field) => {
    const result = interpolate(text, values);
    assert(result.kind !== 'malformed', `a lone $ in ${field} of an action that was read`);
    if (result.kind === 'text') return result.text;
    missing ??= { name: result.name, field };
    return text;
  });
  return missing === undefined ? { kind: 'action', action: replaced } : { kind: 'missing', ...missing };
}

/** The action with each interpolated text replaced by what `map` gives for it; `field` is a JSON pointer inside the action. */
export function mapActionTexts<A extends Action>(action: A, map: (text: string, field: string) => string): A {
  const entries = Object.entries(action).map(([key, value]: [string, unknown]): [string, unknown] => {
    if (LITERAL_FIELDS.has(key)) return [key, value];
    if (key === 'edits' && 'edits' in action)
      return [key, action.edits.map((edit, index) => mapEdit(edit, `/edits/${index}`, map))];
    return [key, mapTexts(value, `/${key}`, map)];
  });
  // Only texts are replaced by texts, so the shape is the same.
  return Object.fromEntries(entries) as unknown as A;
}

/** `op` and `position` are words of ours in an edit, but may be keys in the value that it sets. */
function mapEdit(edit: object, field: string, map: (text: string, field: string) => string): object {
  return Object.fromEntries(
    Object.entries(edit).map(([key, value]) => [
      key,
      key === 'op' || key === 'position' ? value : mapTexts(value, `${field}/${key}`, map),
    ]),
  );
}

function mapTexts(value: unknown, field: string, map: (text: string, field: string) => string): unknown {
  if (typeof value === 'string') return map(value, field);
  if (Array.isArray(value)) return value.map((item, index) => mapTexts(item, `${field}/${index}`, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapTexts(item, field + toPointer([key]), map)]),
  );
}
