// The shape of a manifest, checked by ajv against schemas/patch.schema.json; each of ajv's errors is turned into the field, what
// it holds, and what is expected. This module and ajv are loaded only when a manifest is read.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import schema from '../../schemas/patch.schema.json' with { type: 'json' };
import { nearest } from '../config.js';
import {
  FAULT_LIMIT,
  fromPointer,
  type PointerParts,
  type StrictJson,
  type TextFault,
  toPointer,
} from './pack-manifest-text.js';

type Schema = { readonly [key: string]: unknown };

let compiled: ValidateFunction | undefined;

function compileSchema(): ValidateFunction {
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    discriminator: true,
    allowUnionTypes: true,
    // The schema is ours and a test checks it; compiling must not cost a start more than it has to.
    validateSchema: false,
    code: { optimize: false },
  });
  // VS Code's name for what a pattern expects, in words.
  ajv.addVocabulary(['patternErrorMessage']);
  return ajv.compile(schema);
}

/** What is wrong with the shape, at most `FAULT_LIMIT` faults; empty where nothing is. */
export function findShapeFaults(json: StrictJson): TextFault[] {
  compiled ??= compileSchema();
  const validate = compiled;
  if (validate(json.value)) return [];
  const faults = new Map<string, TextFault>();
  for (const error of validate.errors ?? []) {
    if (faults.size >= FAULT_LIMIT) break;
    // The error of the key itself says more.
    if (error.keyword === 'propertyNames') continue;
    const fault = toFault(error, json, schema);
    faults.set(`${fault.pointer}\n${fault.expected}`, fault);
  }
  return [...faults.values()];
}

function toFault(error: ErrorObject, json: StrictJson, root: Schema): TextFault {
  const path = fromPointer(error.instancePath);
  const parameters = error.params as Schema;
  const parent = (error.parentSchema ?? {}) as Schema;
  if (error.keyword === 'required') {
    const missing = String(parameters['missingProperty']);
    return fault(
      json,
      [...path, missing],
      'value',
      'nothing',
      `${describe(asSchema(asSchema(parent['properties'])[missing]), root)} (required)`,
    );
  }
  if (error.keyword === 'additionalProperties') {
    const key = String(parameters['additionalProperty']);
    const known = Object.keys(asSchema(parent['properties']));
    const expected = `one of the known keys; the nearest is ${nearest(key.slice(0, 100), known)}`;
    return fault(json, [...path, key], 'key', `the unknown key ${show(key)}`, expected);
  }
  if (error.keyword === 'discriminator') {
    const tagName = String(parameters['tag']);
    const kinds = kindsOf(parent, tagName, root);
    const tag = parameters['tagValue'];
    const hint = typeof tag === 'string' ? `; the nearest is ${nearest(tag.slice(0, 100), kinds)}` : '';
    return fault(
      json,
      [...path, tagName],
      'value',
      tag === undefined ? 'nothing' : show(tag),
      `one of ${kinds.join(', ')}${hint}`,
    );
  }
  if (error.propertyName !== undefined) {
    return fault(
      json,
      [...path, error.propertyName],
      'key',
      `the key ${show(error.propertyName)}`,
      expectationOf(error.keyword, error.schema, parent),
    );
  }
  return fault(json, path, 'value', show(error.data), expectationOf(error.keyword, error.schema, parent));
}

function fault(json: StrictJson, path: PointerParts, of: 'value' | 'key', found: string, expected: string): TextFault {
  return { pointer: toPointer(path), found, expected, at: json.locate(path, of) };
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

function resolve(schema: Schema, root: Schema): Schema {
  const target = schema['$ref'];
  return typeof target === 'string'
    ? asSchema(asSchema(root['definitions'])[target.replace('#/definitions/', '')])
    : schema;
}

function kindsOf(union: Schema, tagName: string, root: Schema): string[] {
  const branches = Array.isArray(union['oneOf']) ? union['oneOf'] : [];
  return branches.flatMap((branch) => {
    const kind = asSchema(asSchema(resolve(asSchema(branch), root)['properties'])[tagName]);
    return Array.isArray(kind['enum']) ? kind['enum'].map(String) : [String(kind['const'])];
  });
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function describe(property: Schema, root: Schema): string {
  const schema = resolve(property, root);
  if (typeof schema['patternErrorMessage'] === 'string') return schema['patternErrorMessage'];
  if (schema['const'] !== undefined) return show(schema['const']);
  if (Array.isArray(schema['enum'])) return `one of ${schema['enum'].map(show).join(', ')}`;
  return typesOf(schema['type']) ?? 'a value';
}

function typesOf(type: unknown): string | undefined {
  const names = (Array.isArray(type) ? type : [type]).flatMap((name) => TYPES[String(name)] ?? []);
  return names.length === 0 ? undefined : names.join(' or ');
}

/** What a keyword of the schema asks for, in words. */
function expectationOf(keyword: string, value: unknown, parent: Schema): string {
  switch (keyword) {
    case 'type':
      return typesOf(value) ?? 'a value';
    case 'pattern':
      return typeof parent['patternErrorMessage'] === 'string'
        ? parent['patternErrorMessage']
        : `a text that matches ${String(value)}`;
    case 'enum':
      return `one of ${(Array.isArray(value) ? value : []).map(show).join(', ')}`;
    case 'const':
      return show(value);
    case 'minLength':
      return 'a text that is not empty';
    case 'maxLength':
      return `at most ${String(value)} characters`;
    case 'minimum':
      return `a number of at least ${String(value)}`;
    case 'exclusiveMinimum':
      return `a number above ${String(value)}`;
    case 'maximum':
      return `a number of at most ${String(value)}`;
    case 'minItems':
      return `at least ${String(value)} item${value === 1 ? '' : 's'}`;
    case 'maxItems':
      return `at most ${String(value)} items`;
    case 'uniqueItems':
      return 'each item once';
    case 'minProperties':
      return `at least ${String(value)} of ${Object.keys(asSchema(parent['properties'])).join(', ')}`;
    case 'maxProperties':
      return `at most ${String(value)} keys`;
    default:
      // A keyword that the schema does not use yet: ajv's own word for it is better than none.
      return `what the schema says of ${keyword}`;
  }
}

/** A value as a message shows it; long ones are cut. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null)
    return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length} characters)` : text;
}
