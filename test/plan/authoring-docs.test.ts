// The authoring reference is held to the code: every example is parsed, every fact, field and kind is described.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FACTS, parseCondition } from '../../src/plan/condition.js';
import { parsePackManifest } from '../../src/plan/pack-manifest.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PATCH_DOC = read('docs/patch-json.md');
const CONDITION_DOC = read('docs/conditions.md');
const SCHEMA = JSON.parse(read('schemas/patch.schema.json')) as {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly definitions: Readonly<Record<string, { readonly properties?: Readonly<Record<string, unknown>> }>>;
};

function blocks(text: string, info: string): string[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === info)
    .map((match) => match[2] ?? '');
}

describe('docs/patch-json.md', () => {
  it('has examples that are read without an error', async () => {
    const examples = blocks(PATCH_DOC, 'json patch');
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const example of examples)
      expect(await parsePackManifest(example, 'example')).toMatchObject({ kind: 'manifest' });
  });

  it('has one-line examples that are read without an error', async () => {
    const examples = [...PATCH_DOC.matchAll(/`(\{ "kind".*?\})` \|/g)].map((match) => match[1] ?? '');
    expect(examples.length).toBeGreaterThanOrEqual(3);
    const parsed = await parsePackManifest(
      `{"id": "a", "version": "1", "actions": [${examples.join(', ')}]}`,
      'example',
    );
    expect(parsed).toMatchObject({ kind: 'manifest' });
  });

  it('names every field, and every kind and operation', () => {
    for (const key of Object.keys(SCHEMA.properties))
      expect(PATCH_DOC, key).toContain(key.startsWith('$') ? `"${key}"` : `\`${key}\``);
    for (const [name, { properties = {} }] of Object.entries(SCHEMA.definitions)) {
      const tag = (properties['kind'] ?? properties['op']) as
        | { readonly const?: string; readonly enum?: readonly string[] }
        | undefined;
      for (const word of tag?.enum ?? (tag?.const === undefined ? [] : [tag.const]))
        expect(PATCH_DOC, name).toContain(`\`${word}\``);
      for (const key of Object.keys(properties)) {
        if (!['kind', 'op'].includes(key))
          expect(
            PATCH_DOC.includes(`\`${key}\``) || PATCH_DOC.includes(`"${key}"`) || PATCH_DOC.includes(`.${key}\``),
            `${name}.${key}`,
          ).toBe(true);
      }
    }
  });

  it('shows the errors that there are', async () => {
    const source =
      '{\n  "id": "a",\n  "version": "1.0.0",\n  "title": "x",\n  "fixes": [],\n  "appliesTo": { "version": [">=4"] }\n}';
    const parsed = await parsePackManifest(source, 'patch.json');
    const [error] = parsed.kind === 'invalid' ? parsed.errors : [];
    expect(blocks(PATCH_DOC, 'text')[0]?.trim()).toBe(error?.message);
  });
});

describe('docs/conditions.md', () => {
  it('has examples that are read without an error', () => {
    const examples = blocks(CONDITION_DOC, 'condition');
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const example of examples) expect(parseCondition(example)).toMatchObject({ kind: 'condition' });
  });

  it('describes every fact, and no others', () => {
    const facts = CONDITION_DOC.slice(CONDITION_DOC.indexOf('## Facts'), CONDITION_DOC.indexOf('## Types'));
    const described = [...facts.matchAll(/^\| `([a-z.]+)(?:\(.*?\))?` \|/gm)].map((match) => match[1]);
    expect(described.sort()).toEqual(Object.keys(FACTS).sort());
  });

  it('shows the errors that there are', () => {
    const shown = blocks(CONDITION_DOC, 'text')[0]?.trim().split('\n');
    const messages = ['home.versoin == "4"', 'home.version >= 4.4.0'].map((text) => {
      const parsed = parseCondition(text);
      return parsed.kind === 'invalid' ? parsed.message : '';
    });
    expect(shown).toEqual(messages);
  });
});
