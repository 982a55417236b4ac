// Conditions: grammar, types, errors with their place, evaluation with unknowns, format and parse as inverses, and a fuzzer
// (FUZZ_CASES and FUZZ_SEED set its length and start).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConditionNode,
  CONDITION_DEPTH,
  CONDITION_LIMIT,
  FACTS,
  type FactName,
  parseCondition,
} from '../../src/plan/condition.js';
import { evaluateCondition, type Facts } from '../../src/plan/condition-evaluate.js';
import { formatCondition } from '../../src/plan/condition-format.js';

const HOME: Facts = {
  homeVersion: () => '4.4.11',
  pathKind: (path) =>
    path === 'home:repository/conf/x.xml'
      ? 'file'
      : path === 'home:repository/conf'
        ? 'directory'
        : path === 'home:link'
          ? 'other'
          : 'absent',
  jarVersions: (name) => (name === 'org.example.core' ? ['1.9.0', '1.10.0.beta', 'broken'] : []),
  platform: () => 'linux',
  arch: () => 'x64',
  environment: (name) => ({ PORT: '8080', MODE: 'prod', FLAG: 'true', VERSION: '2.0' })[name],
  value: (name) => ({ count: 3, done: false, text: 'abc', printed: '5' })[name],
};

function evaluate(text: string, facts: Facts = HOME): boolean | string {
  const parsed = parseCondition(text);
  if (parsed.kind === 'invalid') throw new Error(parsed.message);
  const result = evaluateCondition(parsed.ast, facts);
  return result.kind === 'value' ? result.value : `unknown: ${result.missing}`;
}

describe('evaluation', () => {
  it.each<[string, boolean]>([
    ['true', true],
    ['not true', false],
    ['not not true', true],
    ['home.version >= "4.4.0"', true],
    ['home.version < "4.10"', true],
    ['home.version == "4.4.11"', true],
    ['home.version == "4.4.11.a"', false],
    ['home.version in "semver:>=4.4.0 <5"', true],
    ['home.version in ">=4.5"', false],
    ['home.version in "[4.4,4.5)"', true],
    ['home.version in "osgi:4.4.12"', false],
    ['"1.2.3" in "^1"', true],
    ['home.version startsWith "4.4."', true],
    ['file.exists("repository/conf/x.xml")', true],
    ["file.exists('/repository/conf/x.xml')", true],
    ['file.exists("repository/conf")', false],
    ['file.exists("link")', false],
    ['directory.exists("/repository/conf")', true],
    ['jar.exists("org.example.core")', true],
    ['jar.exists("org.example.none")', false],
    ['jar.version("org.example.core") == "1.10.0.beta"', true],
    ['jar.version("org.example.core") in "[1.10,2)"', true],
    ['jar.version("org.example.core") > home.version', false],
    ['os.platform == "linux" and os.arch != "arm64"', true],
    ['os.platform contains "nu" and os.platform endsWith "x"', true],
    ['env("PORT") > 1024', true],
    ['env("PORT") == "8080"', true],
    ['env("PORT") == 8080', true],
    ['env("FLAG")', true],
    ['env("FLAG") == true', true],
    ['env("VERSION") in "[1,3)"', true],
    ['env("VERSION") < "10.0"', true],
    ['value("count") >= 3', true],
    ['value("printed") > value("count")', true],
    ['value("done")', false],
    ['value("done") == false', true],
    ['value("text") == "abc"', true],
    ['value("text") != value("count")', true],
    ['value.exists("text") and not value.exists("none")', true],
    ['env.exists("NONE") and env("NONE") == "1"', false],
    ['os.platform == "linux" or env("NONE") == "1"', true],
    ['env("NONE") == "1" or os.platform == "linux"', true],
    ['env("NONE") == "1" and os.platform == "win32"', false],
    ['not (os.platform == "linux" and false)', true],
    ['(os.platform == "linux") == (1 < 2)', true],
    ['false and false or true', true],
    ['true or true and false', true],
    ['not false and false', false],
    ['1 < 2\n  and 2 <= 2\tand 3 > 2 and 3 >= 3 and 1 != 2', true],
    ["'it\\'s \\u0041\\n' == \"it's A\\n\"", true],
    ['-1.5e1 == -15', true],
  ])('%s is %s', (text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  it.each([
    ['env("NONE") == "1"', 'env("NONE") is not known'],
    ['not env("NONE")', 'env("NONE") is not known'],
    ['jar.version("none") in "[1,2)"', 'jar.version("none") is not known'],
    ['true and env("NONE")', 'env("NONE") is not known'],
    ['false or value("none") > 1', 'value("none") is not known'],
    ['env("MODE")', 'env("MODE") is "prod", which is neither true nor false'],
    ['env("MODE") > 5', 'env("MODE") is "prod" > 5: these cannot be compared'],
    ['env("MODE") == true', 'env("MODE") is "prod" == true: these cannot be compared'],
    ['value("text") < value("count")', 'value("text") is "abc" < value("count") is 3: these cannot be compared'],
    ['env("MODE") in "^1"', 'env("MODE") is "prod" in "^1": this is no version of the range’s scheme'],
  ])('%s is unknown', (text, missing) => {
    expect(evaluate(text)).toBe(`unknown: ${missing}`);
  });

  it('a home whose version is in another scheme than the range is unknown, not false', () => {
    expect(evaluate('home.version in ">=4"', { ...HOME, homeVersion: () => '4.4.0.beta' })).toMatch(
      /^unknown: .*no version/,
    );
    expect(evaluate('home.version < "4.4.0-beta"', { ...HOME, homeVersion: () => '4.4.0.beta' })).toMatch(
      /^unknown: .*cannot be compared/,
    );
  });

  it('says because of what', () => {
    const because = (text: string) => {
      const parsed = parseCondition(text);
      if (parsed.kind === 'invalid') throw new Error(parsed.message);
      const result = evaluateCondition(parsed.ast, HOME);
      return result.kind === 'value' ? result.because : '';
    };
    expect(because('home.version in ">=4.4 <5" and os.arch == "arm64"')).toBe('os.arch is "x64" == "arm64"');
    expect(because('home.version in ">=4.4 <5" and os.arch == "x64"')).toBe(
      'home.version is "4.4.11" in ">=4.4 <5", os.arch is "x64" == "x64"',
    );
    expect(because('not file.exists("none")')).toBe('file.exists("none") is false');
  });

  it('asks for no fact behind a decided one', () => {
    const facts: Facts = {
      ...HOME,
      environment: () => {
        throw new Error('asked');
      },
    };
    expect(evaluate('false and env("X") == "1"', facts)).toBe(false);
    expect(evaluate('true or env("X") == "1"', facts)).toBe(true);
  });
});

describe('errors', () => {
  it.each<[string, number, number, string, RegExp]>([
    ['', 1, 1, 'the end of the condition', /^a fact, a text/],
    ['home.version >=', 1, 16, 'the end of the condition', /^a fact, a text/],
    ['home.version = "4"', 1, 14, '"="', /== \(equality/],
    ['true &&\nfalse', 1, 6, '"&"', /operator/],
    ['true and\n  )', 2, 3, ')', /^a fact, a text/],
    ['(true', 1, 6, 'the end of the condition', /^\)$/],
    ['true false', 1, 6, 'false', /the end of the condition/],
    ['home.versoin == "4"', 1, 1, 'home.versoin', /nearest is home\.version/],
    ['linux == os.platform', 1, 1, 'linux', /written in quotes/],
    ['os.platform("x")', 1, 12, '(', /no argument/],
    ['file.exists', 1, 12, 'the end of the condition', /\( and a path in quotes/],
    ['file.exists(x)', 1, 13, 'x', /a path in quotes/],
    ['file.exists("../x")', 1, 13, '"../x"', /inside the home/],
    ['file.exists("/")', 1, 13, '"/"', /inside the home/],
    ['file.exists("a//b")', 1, 13, '"a//b"', /inside the home/],
    ['file.exists("a\\\\b")', 1, 13, '"a\\\\b"', /inside the home/],
    ['env("")', 1, 5, '""', /the name of a variable/],
    ['env("A=B")', 1, 5, '"A=B"', /the name of a variable/],
    ['home.version >= 4.4', 1, 17, '4.4', /a version/],
    ['home.version >= 4.4.0', 1, 17, '4.4.0', /in quotes: "4\.4\.0"/],
    ['home.version >= "x"', 1, 17, '"x"', /a version/],
    ['home.version in ">=4 <"', 1, 17, '">=4 <"', /version range/],
    ['home.version in 4', 1, 17, '4', /in quotes/],
    ['os.platform in "^4"', 1, 1, 'a text', /a version/],
    ['"x" in "^4"', 1, 1, '"x"', /a version/],
    ['jar.version("a") in "^1"', 1, 21, '"^1"', /OSGi range/],
    ['jar.version("a") < "1.0.0-beta"', 1, 20, '"1.0.0-beta"', /OSGi version/],
    ['os.platform', 1, 1, 'a text', /true or false/],
    ['true and 5', 1, 10, 'a number', /true or false/],
    ['not "x"', 1, 5, 'a text', /true or false/],
    ['os.platform == 5', 1, 16, 'a number', /a text, as on the left/],
    ['true < false', 1, 6, '<', /no order/],
    ['os.platform < "a"', 1, 1, 'a text', /numbers or versions/],
    ['os.platform contains 5', 1, 22, 'a number', /a text on both sides/],
    ['1 < 2 < 3', 1, 7, '<', /the end of the condition/],
    ['"abc', 1, 1, 'a text that is not closed: "abc', /at the end/],
    ['"a\\x"', 1, 3, '\\x', /escapes/],
    ['"a\nb"', 1, 3, 'the control character "\\n"', /printable/],
    ['01 == 1', 1, 1, '01', /number/],
    ['1e999 == 1', 1, 1, '1e999', /number/],
    ['12ab == 1', 1, 1, '12ab', /number/],
    ['and', 1, 1, 'and', /^a fact, a text/],
    ['not', 1, 4, 'the end of the condition', /^a fact, a text/],
    ['a ☃', 1, 3, '"☃"', /operator/],
  ])('%j', (text, line, column, found, expected) => {
    const parsed = parseCondition(text);
    expect(parsed).toMatchObject({ kind: 'invalid', line, column, found });
    expect(parsed.kind === 'invalid' ? parsed.expected : '').toMatch(expected);
    expect(parsed.kind === 'invalid' ? parsed.message : '').toContain(`line ${line}, column ${column}: found ${found}`);
  });

  it('bounds length and depth', () => {
    const deep = (levels: number) => `${'('.repeat(levels)}true${')'.repeat(levels)}`;
    expect(parseCondition(deep(CONDITION_DEPTH)).kind).toBe('condition');
    expect(parseCondition(deep(CONDITION_DEPTH + 1))).toMatchObject({ kind: 'invalid', column: CONDITION_DEPTH + 1 });
    expect(parseCondition(`${'not '.repeat(CONDITION_DEPTH + 1)}true`)).toMatchObject({ kind: 'invalid' });
    expect(parseCondition(`${'true and '.repeat(400)}true`).kind).toBe('condition');
    expect(parseCondition(`true${' '.repeat(CONDITION_LIMIT)}`)).toMatchObject({
      kind: 'invalid',
      expected: /at most/,
    });
  });
});

const names = Object.keys(FACTS) as FactName[];
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.constantFrom('\b\f\u0000"\'\\', '\ud800'),
);
const argument: Readonly<Record<string, fc.Arbitrary<string>>> = {
  path: fc.constantFrom('/a', 'a/b', 'repository/conf/x.xml', "it's"),
  'symbolic name': fc.constantFrom('org.example.core', 'a'),
  variable: fc.constantFrom('PORT', 'a "quoted" one'),
  'value name': fc.constantFrom('count', 'done'),
};
const fact = (...types: string[]) =>
  fc
    .constantFrom(...names.filter((name) => types.includes(FACTS[name].type)))
    .chain((name): fc.Arbitrary<ConditionNode> => {
      const wanted = FACTS[name].argument;
      return wanted === undefined
        ? fc.constant({ kind: 'fact', name })
        : (argument[wanted] ?? fc.constant('x')).map((value) => ({ kind: 'fact', name, argument: value }));
    });
const literal = (values: fc.Arbitrary<string | number | boolean>) =>
  values.map((value): ConditionNode => ({ kind: 'literal', value }));
const pair = (comparators: readonly string[], left: fc.Arbitrary<ConditionNode>, right: fc.Arbitrary<ConditionNode>) =>
  fc.record({
    kind: fc.constant('compare'),
    comparator: fc.constantFrom(...comparators),
    left,
    right,
  }) as unknown as fc.Arbitrary<ConditionNode>;
const ORDERED = ['==', '!=', '<', '<=', '>', '>='];
const { condition } = fc.letrec<{ condition: ConditionNode }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fact('boolean', 'any'),
    literal(fc.boolean()),
    pair(ORDERED, literal(fc.double({ noNaN: true, noDefaultInfinity: true })), fact('any')),
    pair(ORDERED, fact('version', 'osgi'), literal(fc.constantFrom('1.2.3', '4', '4.4.0.a').map(String))),
    pair(['==', '!=', 'contains', 'startsWith', 'endsWith'], fact('string', 'any'), literal(text)),
    fc.record({
      kind: fc.constant('in' as const),
      version: fact('version', 'any'),
      range: fc.constantFrom('>=1', '[1,2)', 'osgi:4'),
    }),
    pair(['==', '!='], tie('condition'), tie('condition')),
    fc.record({ kind: fc.constant('not' as const), term: tie('condition') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      terms: fc.array(tie('condition'), { minLength: 2, maxLength: 4 }),
    }),
  ),
}));

describe('format', () => {
  it('is undone by parse', () => {
    fc.assert(
      fc.property(condition, (ast) => {
        const written = formatCondition(ast);
        expect(parseCondition(written)).toEqual({ kind: 'condition', ast });
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps only the parentheses that are needed', () => {
    const format = (source: string) => {
      const parsed = parseCondition(source);
      return parsed.kind === 'condition' ? formatCondition(parsed.ast) : parsed.message;
    };
    expect(format('((true)) and (false or (true))')).toBe('true and (false or true)');
    expect(format('(true and false) or true')).toBe('true and false or true');
    expect(format('(true and false) and true')).toBe('(true and false) and true');
    expect(format("not (os.arch == 'x64')")).toBe('not os.arch == "x64"');
    expect(format('(not true) == true')).toBe('(not true) == true');
  });
});

describe('fuzz', () => {
  const cases = Number(process.env.FUZZ_CASES ?? 20_000);
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2_147_483_647);
  const corpus = [
    'home.version in "semver:>=4.4.0 <5" and not file.exists("repository/conf/x.xml")',
    '(os.platform == "linux" or os.arch != \'x64\') and env("NAME") startsWith "a"',
    'jar.version("org.example.core") >= "1.2.3.beta" or value("n") <= -1.5e3',
    'value.exists("a") and value("a") contains "\\u0041\\n" == true',
    'not (not (not directory.exists("/a/b")))',
  ];
  const scraps = [
    '(',
    ')',
    '"',
    "'",
    '\\',
    'and',
    ' or ',
    'not ',
    ' in ',
    '==',
    '<',
    '=',
    '1.2.3',
    '-',
    '.',
    '\n',
    '\0',
    '☃',
    '\ud800',
    'value("',
    '[1,2)',
    '9'.repeat(40),
  ];

  it(`gives typed results only (${cases} cases, FUZZ_SEED=${seed})`, () => {
    console.info(`condition fuzz: FUZZ_CASES=${cases} FUZZ_SEED=${seed}`);
    const next = makeRandom(seed);
    const pick = <T>(values: readonly T[]): T => values[next(values.length)] as T;
    let accepted = 0;
    for (let index = 0; index < cases; index++) {
      let source = pick(corpus);
      for (let edits = next(6); edits >= 0; edits--) {
        const at = next(source.length + 1);
        const kept = source.slice(at + next(4));
        source =
          source.slice(0, at) +
          (next(3) === 0 ? pick(corpus).slice(next(40)) : pick(scraps)) +
          (next(2) === 0 ? kept : source.slice(at));
      }
      const parsed = parseCondition(source);
      if (parsed.kind === 'invalid') {
        const sound =
          parsed.offset >= 0 &&
          parsed.offset <= source.length &&
          parsed.line >= 1 &&
          parsed.column >= 1 &&
          parsed.expected !== '';
        if (!sound) expect.fail(`${JSON.stringify(source)} → ${JSON.stringify(parsed)}`);
        continue;
      }
      accepted++;
      const again = parseCondition(formatCondition(parsed.ast));
      if (JSON.stringify(again) !== JSON.stringify(parsed))
        expect.fail(`${JSON.stringify(source)} is not kept by format`);
      const result = evaluateCondition(parsed.ast, HOME);
      const typed =
        result.kind === 'value' ? typeof result.value === 'boolean' && result.because !== '' : result.missing !== '';
      if (!typed) expect.fail(`${JSON.stringify(source)} → ${JSON.stringify(result)}`);
    }
    if (cases >= 10_000) expect(accepted).toBeGreaterThan(cases / 1000);
  }, 1_200_000);
});

/** A small generator (mulberry32), so that a seed gives the same cases everywhere. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
