// What holds for every kind of file: a revert undoes an apply byte for byte, also when the file has changed elsewhere in
// the meantime; a second apply changes nothing; no input makes the editor throw. FUZZ_CASES sets the number of fuzz cases.
/* eslint-disable no-template-curly-in-string -- servers' files have ${...} in them */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdits, EDIT_KINDS, type EditKind, revertEdits } from '../../../src/plan/edit/edit-file.js';
import type { EditUndo } from '../../../src/plan/edit/undo-edit.js';
import { AXIS2_XML, CARBON_XML, DEPLOYMENT_YAML, FEATURES_JSON, LOG4J_PROPERTIES, SERVER_INI } from './samples.js';

const FUZZ_CASES = Number(process.env.FUZZ_CASES ?? 5_000);
const CASES = Math.max(200, Math.round(FUZZ_CASES / 10));

interface Entry {
  readonly style: number;
  readonly value: string;
  readonly comment: boolean;
  /** What the edits do to this entry. */
  readonly fate: 'kept' | 'set' | 'removed';
  readonly newValue: string;
  /** What someone else puts before this entry after the edits, where its predecessor is not edited. */
  readonly noted: boolean;
}

interface Kind {
  readonly kind: EditKind;
  readonly head: readonly string[];
  readonly foot: readonly string[];
  entry(key: string, entry: Entry, last: boolean): readonly string[];
  comment(text: string): string;
  /** A new entry that someone else adds. */
  other(key: string): string;
  set(key: string, value: string): object;
  remove(key: string): object;
  add(key: string, value: string): object;
}

const KINDS: readonly Kind[] = [
  {
    kind: 'properties',
    head: ['! head', ''],
    foot: ['# foot'],
    entry: (key, { style, value }) =>
      [[`${key}=${value}`], [`${key} : ${value}`], [`  ${key}\t${value}`], [`${key} = ${value} \\`, `    more`]][
        style % 4
      ] ?? [],
    comment: (text) => `# ${text}`,
    other: (key) => `${key}=other`,
    set: (key, value) => ({ op: 'set', key, value }),
    remove: (key) => ({ op: 'remove', key }),
    add: (key, value) => ({ op: 'set', key, value }),
  },
  {
    kind: 'ini',
    head: ['; head', 'k = outside', '[first]', 'k = inside', '', '[main]'],
    foot: ['', '[last]', 'k = v'],
    entry: (key, { style, value }) =>
      [[`${key}=${value}`], [`${key} : ${value}`], [`  ${key} = ${value} ; note`]][style % 3] ?? [],
    comment: (text) => `; ${text}`,
    other: (key) => `${key}=other`,
    set: (key, value) => ({ op: 'set', section: 'main', key, value }),
    remove: (key) => ({ op: 'remove', section: 'main', key }),
    add: (key, value) => ({ op: 'set', section: 'main', key, value }),
  },
  {
    kind: 'json',
    head: ['{', '  "before": { "k0": "not this" },', '  "main": {'],
    foot: ['  },', '  "after": [1, 2]', '}'],
    entry: (key, { style, value }, last) => {
      const comma = last ? '' : ',';
      const text = JSON.stringify(value);
      return (
        [
          [`    "${key}": ${text}${comma}`],
          [`    "${key}":${text}${comma} // note`],
          [`    "${key}": [`, `      ${text}`, `    ]${comma}`],
        ][style % 3] ?? []
      );
    },
    comment: (text) => `    // ${text}`,
    other: (key) => `    "${key}": 0,`,
    set: (key, value) => ({ op: 'set', pointer: `/main/${key}`, value }),
    remove: (key) => ({ op: 'remove', pointer: `/main/${key}` }),
    add: (key, value) => ({ op: 'set', pointer: `/main/${key}`, value: { deep: [value] } }),
  },
  {
    kind: 'yaml',
    head: ['# head', 'before: {k0: 1}', 'main:'],
    foot: ['after: &anchor', '  - *anchor_less'.replace('*anchor_less', 'plain')],
    entry: (key, { style, value }) =>
      [
        [`  ${key}: '${value.replaceAll("'", "''")}'`],
        [`  ${key}: ${JSON.stringify(value)}   # note`],
        [`  ${key}: |`, `    block`, '', `    more`],
        [`  ${key}:`],
      ][style % 4] ?? [],
    comment: (text) => `  # ${text}`,
    other: (key) => `  ${key}: other`,
    set: (key, value) => ({ op: 'set', path: ['main', key], value }),
    remove: (key) => ({ op: 'remove', path: ['main', key] }),
    add: (key, value) => ({ op: 'set', path: ['main', key], value: { deep: [value] } }),
  },
  {
    kind: 'xml',
    head: ['<?xml version="1.0"?>', '<root xmlns="urn:x">', '    <item name="outside">0</item>', '    <main>'],
    foot: ['    </main>', '</root>'],
    entry: (key, { style, value }) => {
      const text = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      return (
        [
          [`        <item name="${key}">${text}</item>`],
          [`        <item name='${key}' /><!-- note -->`],
          [`        <item name="${key}"`, `              class="c">`, `            ${text}</item>`],
          [`        <item name="${key}"><![CDATA[${value}]]></item>`],
        ][style % 4] ?? []
      );
    },
    comment: (text) => `        <!-- ${text} -->`,
    other: (key) => `        <item name="${key}">other</item>`,
    set: (key, value) => ({ op: 'setText', xpath: `/root/main/item[@name='${key}']`, value }),
    remove: (key) => ({ op: 'removeNode', xpath: `/root/main/item[@name='${key}']` }),
    add: (key, value) => ({
      op: 'insertChild',
      xpath: '/root/main',
      fragment: `<item name="${key}">\n  <deep>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</deep>\n</item>`,
    }),
  },
];

const value = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'true',
    '1',
    'yes',
    'a=b:c',
    '#x',
    "it's",
    'a\\b',
    'é€',
    '${carbon.home}/x',
    '<&>',
    '"q"',
    '- x',
    '{a: b}',
  ),
  fc.string({ maxLength: 12, unit: fc.constantFrom(...Array.from('ab =:#\'"\\&<[]{},-!%')) }),
);
const plain = fc.constantFrom('a', 'info', '10', 'a b', '${carbon.home}', 'x,y');
const entries = fc.array(
  fc.record({
    style: fc.nat(11),
    value: plain,
    comment: fc.boolean(),
    fate: fc.constantFrom('kept', 'kept', 'set', 'removed'),
    newValue: value,
    noted: fc.boolean(),
  }),
  { minLength: 2, maxLength: 7 },
);

interface Written {
  readonly lines: readonly string[];
  /** Entry → index of its first line. */
  readonly starts: readonly number[];
}

function write(kind: Kind, list: readonly Entry[]): Written {
  const lines = [...kind.head];
  const starts = list.map((entry, index) => {
    if (entry.comment) lines.push(kind.comment(`about ${index}`), '');
    lines.push(...kind.entry(`k${index}`, entry, index === list.length - 1));
    return lines.length - kind.entry(`k${index}`, entry, index === list.length - 1).length;
  });
  lines.push(...kind.foot);
  return { lines, starts };
}

/** Puts foreign lines before the first line of each noted entry; the same change for the original and the edited text. */
function change(kind: Kind, list: readonly Entry[], text: string, written: Written, eol: string): string {
  let result = text;
  for (const [index, entry] of list.entries()) {
    const first = written.lines[written.starts[index] ?? 0] ?? '';
    const apart = entry.fate === 'kept' && (index === 0 || list[index - 1]?.fate === 'kept');
    if (!entry.noted || !apart) continue;
    // The line as a whole line: the last comma of JSON may have come or gone.
    const at = result
      .split(eol)
      .findIndex((line) => line.replace(/,?( \/\/ note)?$/, '$1') === first.replace(/,?( \/\/ note)?$/, '$1'));
    if (at < 0) continue;
    const split = result.split(eol);
    split.splice(at, 0, kind.comment(`foreign ${index}`), kind.other(`foreign${index}`), '');
    result = split.join(eol);
  }
  return result;
}

function editsFor(kind: Kind, list: readonly Entry[], added: readonly string[]): object[] {
  const edits = list.flatMap((entry, index) => {
    if (entry.fate === 'set') return [kind.set(`k${index}`, entry.newValue)];
    return entry.fate === 'removed' ? [kind.remove(`k${index}`)] : [];
  });
  return [...edits, ...added.map((text, index) => kind.add(`new${index}`, text))];
}

const toBytes = (text: string) => Buffer.from(text, 'utf8');
const toText = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
/** Undo records survive the journal, which is JSON. */
const stored = (undo: readonly EditUndo[]) => JSON.parse(JSON.stringify(undo)) as EditUndo[];
const apply = (kind: EditKind, bytes: Uint8Array, edits: readonly object[]) =>
  applyEdits(kind, bytes, edits as never[]);

describe.each(KINDS)('edits of $kind', (kind) => {
  const files = fc.record({
    list: entries,
    added: fc.array(value, { maxLength: 2 }),
    eol: fc.constantFrom('\n', '\r\n'),
    closed: fc.boolean(),
    mark: fc.boolean(),
  });

  function prepare({ list, added, eol, closed, mark }: typeof files extends fc.Arbitrary<infer T> ? T : never) {
    const hasMark = mark && kind.kind !== 'properties';
    const written = write(kind, list);
    const text = (hasMark ? '\uFEFF' : '') + written.lines.join(eol) + (closed ? eol : '');
    return { written, text, edits: editsFor(kind, list, added) };
  }

  it('are undone byte for byte, and a second apply changes nothing', { timeout: 600_000 }, () => {
    let edited = 0;
    fc.assert(
      fc.property(files, (file) => {
        const { text, edits } = prepare(file);
        const result = apply(kind.kind, toBytes(text), edits);
        if (result.kind === 'failed') {
          // INI has no way to write some values; everything else can be done.
          expect(result).toMatchObject({ code: 'unsupported' });
          expect(kind.kind).toBe('ini');
          return;
        }
        edited += 1;
        const back = revertEdits(kind.kind, result.bytes, stored(result.undo));
        expect(back.kind === 'reverted' ? toText(back.bytes) : back).toBe(text);
        const again = apply(kind.kind, result.bytes, edits);
        expect(again.kind === 'edited' ? toText(again.bytes) : again).toBe(toText(result.bytes));
        if (again.kind !== 'edited') return;
        expect(again.undo.every((undo) => undo.kind === 'unchanged')).toBe(true);
        const kept = revertEdits(kind.kind, again.bytes, stored(again.undo));
        expect(kept.kind === 'reverted' ? toText(kept.bytes) : kept).toBe(toText(result.bytes));
      }),
      { numRuns: CASES },
    );
    expect(edited).toBeGreaterThan(CASES / 4);
  });

  it('leave the lines of every other entry alone', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(files, (file) => {
        const { text, edits, written } = prepare(file);
        const result = apply(kind.kind, toBytes(text), edits);
        if (result.kind === 'failed') return;
        const lines = toText(result.bytes).split(file.eol);
        for (const [index, entry] of file.list.entries()) {
          if (entry.fate !== 'kept') continue;
          const own = kind.entry(`k${index}`, entry, index === file.list.length - 1);
          const at = lines.findIndex(
            (line) => line.replace(/,?( \/\/ note)?$/, '$1') === (own[0] as string).replace(/,?( \/\/ note)?$/, '$1'),
          );
          expect(at).toBeGreaterThanOrEqual(0);
          expect(own.slice(1, -1)).toEqual(lines.slice(at + 1, at + own.length - 1));
        }
        expect(written.lines.filter((line) => line.includes('about')).every((line) => lines.includes(line))).toBe(true);
      }),
      { numRuns: CASES },
    );
  });

  it('are undone where other parts of the file have changed since', { timeout: 600_000 }, () => {
    let changed = 0;
    fc.assert(
      fc.property(files, (file) => {
        const { text, edits, written } = prepare(file);
        const result = apply(kind.kind, toBytes(text), edits);
        if (result.kind === 'failed') return;
        const expected = change(kind, file.list, text, written, file.eol);
        const current = change(kind, file.list, toText(result.bytes), written, file.eol);
        if (expected !== text && edits.length > 0) changed += 1;
        const back = revertEdits(kind.kind, toBytes(current), stored(result.undo));
        expect(back.kind === 'reverted' ? toText(back.bytes) : back).toBe(expected);
      }),
      { numRuns: CASES },
    );
    expect(changed).toBeGreaterThan(CASES / 10);
  });
});

const SEEDS: Record<EditKind, readonly string[]> = {
  xml: [CARBON_XML, AXIS2_XML, '<!DOCTYPE a [<!ENTITY e "<x>">]><a>&e;<b c="d"/></a>'],
  properties: [LOG4J_PROPERTIES, 'a\\\n=b\n\\u0041=\\', 'a=1\na=2\r\na=3\rb'],
  ini: [SERVER_INI, '[a]\nb\n[a]\nb=1'],
  json: [FEATURES_JSON, '[[],{"a":{"b":[1,{}]}},]', '{"a":1,"a":2}'],
  yaml: [DEPLOYMENT_YAML, 'a: {b: [1, c]}\n---\n- - x\n  - ? y\n    : z\n', '&a x: *b\n'],
};

const SCRAPS = [
  '"',
  "'",
  '<',
  '>',
  '/>',
  '</',
  '&',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '=',
  '#',
  '\\',
  '\\u00',
  '\n',
  '\r',
  '\t',
  ' ',
  '- ',
  '*a',
  '&a ',
  '|',
  '---\n',
  '<!--',
  ']]>',
  '\0',
  '\u00e9',
  '\uFEFF',
  '/*',
  '//',
  '%YAML 1.1\n',
  '? ',
  '!!x ',
  '<<: ',
];

const EDITS: Record<EditKind, fc.Arbitrary<object>> = {
  properties: fc.record({
    op: fc.constantFrom('set', 'remove'),
    key: fc.constantFrom('a', 'b', 'A', 'log4j.rootLogger', 'é x'),
    value,
  }),
  ini: fc.record({
    op: fc.constantFrom('set', 'remove', 'addSection'),
    section: fc.constantFrom('', 'a', 'database', 'new', ']'),
    key: fc.constantFrom('b', 'port', 'readonly', '=', 'é'),
    value,
  }),
  json: fc.record({
    op: fc.constantFrom('set', 'remove', 'append', 'removeItem'),
    pointer: fc.constantFrom(
      '',
      '/1/a/b',
      '/a',
      '/features/tracing',
      '/origins',
      '/origins/0',
      '/x/y/z',
      '/empty',
      '/1/a/b/-',
      'bad',
    ),
    value: fc.jsonValue({ maxDepth: 2 }),
  }),
  yaml: fc.record(
    {
      op: fc.constantFrom('set', 'remove', 'append', 'removeItem'),
      path: fc.constantFrom(
        [],
        ['a'],
        ['a', 'b'],
        ['a', 'b', 0],
        [0],
        [0, 1, 'y'],
        ['transports', 0],
        ['server', 'ports'],
        ['truststore', '<<'],
        ['roles'],
      ),
      value: fc.jsonValue({ maxDepth: 2 }),
      document: fc.constantFrom(0, 1),
    },
    { requiredKeys: ['op', 'path', 'value'] },
  ),
  xml: fc.record(
    {
      op: fc.constantFrom('setText', 'setAttribute', 'removeNode', 'insertChild', 'replaceNode'),
      xpath: fc.constantFrom(
        '/a',
        '/a/b',
        '/a/b/@c',
        '//Offset',
        '//KeyStore[2]',
        '//phase[@name="Security"]',
        '/Server/*[1]',
        '//Role/text()',
        'x[',
      ),
      name: fc.constantFrom('c', 'x', 'p:q', 'xmlns', '1'),
      value: fc.oneof(value, fc.string()),
      fragment: fc.constantFrom(
        '<x/>',
        '<x>\n  <y a="1">t</y>\n</x>',
        '<x',
        '<p:x/>',
        'text',
        '<x/><y/>',
        '<x>&e;</x>',
      ),
      position: fc.constantFrom('first', 'last', 'before', 'after'),
    },
    { requiredKeys: ['op', 'xpath', 'name', 'value', 'fragment'] },
  ),
};

describe.each(EDIT_KINDS)('any %s', (kind) => {
  const damage = fc.array(fc.tuple(fc.nat(2_000), fc.nat(12), fc.constantFrom('', ...SCRAPS)), { maxLength: 4 });
  const damaged = fc.tuple(fc.constantFrom(...SEEDS[kind]), damage).map(([seed, cuts]) => {
    let text = seed;
    for (const [offset, length, scrap] of cuts) {
      const at = offset % (text.length + 1);
      text = text.slice(0, at) + scrap + text.slice(at + length);
    }
    return toBytes(text);
  });
  const bytes = fc.oneof({ weight: 6, arbitrary: damaged }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) });

  it('file and edit lead to a typed result, and what was edited can be undone', { timeout: 600_000 }, () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(bytes, fc.array(EDITS[kind], { minLength: 1, maxLength: 3 }), (input, edits) => {
        const result = apply(kind, input, edits);
        seen.add(result.kind === 'failed' ? result.code : result.kind);
        if (result.kind === 'failed') {
          expect(['not-found', 'ambiguous', 'malformed', 'unsupported', 'type-mismatch']).toContain(result.code);
          expect(result.message).not.toBe('');
          return;
        }
        const back = revertEdits(kind, result.bytes, stored(result.undo));
        expect(back.kind === 'reverted' ? Buffer.from(back.bytes).toString('latin1') : back).toBe(
          Buffer.from(input).toString('latin1'),
        );
      }),
      { numRuns: FUZZ_CASES },
    );
    expect(seen).toContain('edited');
  });

  it('file can be given to any undo', { timeout: 600_000 }, () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        fc.constantFrom(...SEEDS[kind]),
        fc.array(EDITS[kind], { minLength: 1, maxLength: 3 }),
        bytes,
        (seed, edits, other) => {
          const result = apply(kind, toBytes(seed), edits);
          if (result.kind === 'failed') return;
          const back = revertEdits(kind, other, stored(result.undo));
          seen.add(back.kind);
          if (back.kind === 'conflict') expect(back.conflicts.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: Math.round(FUZZ_CASES / 2) },
    );
    expect(seen).toContain('conflict');
  });
});
