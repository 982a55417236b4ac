// The house rules as pure functions: sources in, violations out, each a line `path: what is wrong`.
// Imports are read from the syntax tree: static, type-only, dynamic, `require`, re-exports and import types alike.
import { posix } from 'node:path';
import ts from 'typescript';

export interface Source {
  /** Relative to the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
}

interface ImportOf {
  /** `./x.js`, `node:fs`, `yargs`; undefined where the import's argument is not a string. */
  readonly specifier: string | undefined;
  /** Nothing of it is left when the types are taken away. */
  readonly typeOnly: boolean;
}

// ---- what may import what (ARCHITECTURE, layers)

const BASE = ['error', 'config', 'event', 'problem'];
/** Files with values that are words, not work: what a home's paths are called and what can be at one. */
const VOCABULARY = ['src/home/entry.ts', 'src/home/layout.ts', 'src/home/carbon-state.ts'];

interface LayerRule {
  /** Layers whose values it may use; its own is always among them. */
  readonly values: readonly string[];
  /** Layers of which it may name types, beside those whose values it may use. `*` is all but the entry points. */
  readonly types: readonly string[];
  /** The npm packages whose values it may use. `*` is any. */
  readonly packages: readonly string[] | '*';
  /** Whether more of Node's modules may be used than those that only compute (which of them: `findImpureImports`). */
  readonly node: boolean;
  /** Whether the values of the vocabulary may be used though their layer may not. */
  readonly vocabulary: boolean;
}

/** Node's modules that only compute, and packages that only read and write text. */
const PURE_NODE = ['node:buffer', 'node:path', 'node:util'];
const PURE_PACKAGES = ['@xmldom/xmldom', 'ajv', 'jsonc-parser', 'semver', 'yaml'];

const READERS = [...BASE, 'system', 'home', 'state'];
const ENGINE = [...READERS, 'plan', 'transaction'];
const USE_CASES = [...ENGINE, 'patcher', 'doctor', 'shelf'];
const SURFACES = [...USE_CASES, 'report', 'daemon'];
/** Programs and the library start here; nothing may import them. */
const ENTRY_LAYERS = ['cli', 'index', 'boot'];

const upper = { types: [], packages: '*', node: true, vocabulary: true } as const;
const base = { values: BASE, types: ['home', 'plan'], packages: [], node: true, vocabulary: true } as const;

const LAYERS: Readonly<Record<string, LayerRule>> = {
  error: base,
  config: base,
  event: base,
  problem: base,
  system: { values: BASE, types: ['home'], packages: '*', node: true, vocabulary: false },
  home: { ...upper, values: [...BASE, 'system'], types: ['plan'] },
  state: { ...upper, values: [...BASE, 'system'], types: ['home', 'plan'] },
  plan: { values: BASE, types: READERS, packages: PURE_PACKAGES, node: false, vocabulary: true },
  transaction: { ...upper, values: [...BASE, 'system', 'home', 'state', 'plan'] },
  patcher: { ...upper, values: [...ENGINE, 'doctor'] },
  doctor: { ...upper, values: ENGINE },
  shelf: { ...upper, values: [...ENGINE, 'patcher'] },
  report: { values: [...BASE, 'plan'], types: ['*'], packages: '*', node: true, vocabulary: true },
  daemon: { ...upper, values: [...USE_CASES, 'report'] },
  cli: { ...upper, values: SURFACES },
  index: { ...upper, values: SURFACES },
  boot: { ...upper, values: SURFACES },
};

/** `src/system/files.ts` → `system`, `src/error.ts` → `error`. */
function layerOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '');
}

export function findLayerBreaks(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const layer = layerOf(source.path);
    const rule = LAYERS[layer];
    if (rule === undefined) return [`${source.path}: ${layer} is no layer; give it its place in test/support/tidy.ts`];
    return importsOf(source).flatMap((one) => {
      const what = breakOf(source.path, layer, rule, one);
      return what === undefined ? [] : [`${source.path}: ${what}`];
    });
  });
}

function breakOf(path: string, layer: string, rule: LayerRule, one: ImportOf): string | undefined {
  const { specifier, typeOnly } = one;
  if (specifier === undefined) {
    return layer === 'transaction' || ENTRY_LAYERS.includes(layer)
      ? undefined
      : 'import() of something that is no string cannot be checked';
  }
  if (!specifier.startsWith('.')) {
    if (typeOnly) return undefined;
    if (isNodeModule(specifier))
      return rule.node || PURE_NODE.includes(specifier) ? undefined : `${layer} is pure and may not use ${specifier}`;
    const name = packageOf(specifier);
    return rule.packages === '*' || rule.packages.includes(name)
      ? undefined
      : `${layer} may not use the package ${name}`;
  }
  const target = posix.normalize(posix.join(posix.dirname(path), specifier)).replace(/\.js$/, '.ts');
  if (!target.startsWith('src/')) {
    // `package.json` and the schemas are data.
    return target.endsWith('.json') ? undefined : `${target} is outside src`;
  }
  const other = layerOf(target);
  if (other === layer || rule.values.includes(other)) return undefined;
  if (rule.vocabulary && VOCABULARY.includes(target)) return undefined;
  if (typeOnly && (rule.types.includes(other) || (rule.types.includes('*') && !ENTRY_LAYERS.includes(other)))) {
    return undefined;
  }
  const kind = typeOnly ? 'types' : rule.types.includes(other) ? 'values (types only)' : 'anything';
  return `${layer} may not import ${kind} of ${other} (${specifier})`;
}

// ---- the one door

/** Modules that reach what lies outside the process. */
const IMPURE =
  /^(?:node:)?(?:fs|child_process|net|http|https|http2|tls|dgram|dns|cluster|worker_threads|crypto)(?:\/|$)/;
/** Files outside src/system that may use one of them nevertheless, each with its reason. */
const IMPURE_ALLOWED: Readonly<Record<string, readonly string[]>> = {};

/** Only src/system reaches the file system, processes, the network, threads and digests. */
export function findImpureImports(
  sources: readonly Source[],
  allowed: Readonly<Record<string, readonly string[]>> = IMPURE_ALLOWED,
): string[] {
  return outside(sources, ['src/system/']).flatMap((source) =>
    importsOf(source).flatMap(({ specifier, typeOnly }) =>
      specifier === undefined || typeOnly || !IMPURE.test(specifier) || allowed[source.path]?.includes(specifier)
        ? []
        : [`${source.path}: ${specifier} is for src/system only`],
    ),
  );
}

/** The clock, randomness and the process are not for what is pure. */
export function findImpureCalls(sources: readonly Source[]): string[] {
  const pure = sources.filter(({ path }) => path.startsWith('src/plan/') || path.startsWith('src/report/'));
  return pure.flatMap((source) =>
    nodesOf(source).flatMap((node) => {
      const isClock = ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length;
      const isReach =
        ts.isPropertyAccessExpression(node) &&
        (/^(?:Date\.now|Math\.random|performance\.now)$/.test(node.getText()) ||
          node.expression.getText() === 'process');
      return isClock || isReach ? [`${source.path}: ${node.getText()} in a pure layer`] : [];
    }),
  );
}

const MAKES_REAL_FILES = ['src/cli/', 'src/daemon/', 'src/system/', 'src/index.ts'];

/** The real file system is made where a program begins, so that everything below can be given another. */
export function findRealFiles(sources: readonly Source[]): string[] {
  return outside(sources, MAKES_REAL_FILES).flatMap((source) =>
    nodesOf(source).some((node) => ts.isNewExpression(node) && node.expression.getText() === 'RealFiles')
      ? [`${source.path}: new RealFiles is for ${MAKES_REAL_FILES.join(', ')}`]
      : [],
  );
}

/** What is said goes through the reports; only programs write to their streams. */
export function findConsoleUse(sources: readonly Source[]): string[] {
  return outside(sources, ['src/cli/', 'src/daemon/']).flatMap((source) =>
    nodesOf(source).some((node) => ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console')
      ? [`${source.path}: console is for src/cli and src/daemon`]
      : [],
  );
}

// ---- the shape of a file

const HEADER_LINES = 5;

/** A file begins with `//` lines, one to five, that say what it is for. */
export function findHeaderFaults(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.split('\n');
    const count = lines.findIndex((line) => !line.startsWith('//'));
    if (count === 0) return [`${path}: begins without a header`];
    return count > HEADER_LINES ? [`${path}: its header has ${count} lines, more than ${HEADER_LINES}`] : [];
  });
}

export function findDefaultExports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    nodesOf(source).some(
      (node) =>
        (ts.isExportAssignment(node) && node.isExportEquals !== true) ||
        (ts.isExportSpecifier(node) && node.name.text === 'default') ||
        (ts.canHaveModifiers(node) &&
          (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)),
    )
      ? [`${source.path}: has a default export`]
      : [],
  );
}

/** A file that only passes on what others export. */
export function findBarrels(sources: readonly Source[]): string[] {
  return outside(sources, ['src/index.ts']).flatMap((source) => {
    const { statements } = parse(source);
    const passesOn = statements.some((one) => ts.isExportDeclaration(one));
    const onlyThat = statements.every((one) => ts.isExportDeclaration(one) || ts.isImportDeclaration(one));
    return passesOn && onlyThat ? [`${source.path}: only passes on exports of other files`] : [];
  });
}

/** Every path of a home is in `layout.ts`, once: elsewhere no name is put after one of its folders. */
export function findLoosePaths(sources: readonly Source[]): string[] {
  return outside(sources, ['src/home/layout.ts']).flatMap((source) =>
    nodesOf(source).flatMap((node) => {
      if (!ts.isCallExpression(node) || node.expression.getText() !== 'join') return [];
      const [folder, ...names] = node.arguments;
      const isOfLayout = folder !== undefined && /(?:^|\.|#)layout\.\w+$/.test(folder.getText());
      const isLoose = isOfLayout && names.some((name) => ts.isStringLiteral(name));
      return isLoose ? [`${source.path}: ${node.getText()} belongs into src/home/layout.ts`] : [];
    }),
  );
}

const FORBIDDEN_NAME = /^(?:utils?|helpers?|commons?|misc|shared|stuff)(?:\.|$)/i;

export function findForbiddenNames(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const part = path.split('/').find((name) => FORBIDDEN_NAME.test(name));
    return part === undefined ? [] : [`${path}: ${part} says nothing about what is in it`];
  });
}

const ENTRY_FILES = ['src/cli/run.ts', 'src/index.ts', 'src/boot.ts', 'src/system/digest-worker.ts'];

/**
 * At least half of the words of a file's name are in the names of its exports: `error.ts` has `PatchError`, `work-folders.ts`
 * has `placeWork`. Loose on purpose; that the main export is the one that the file is called after is for the reader.
 */
export function findMisnamedFiles(sources: readonly Source[]): string[] {
  return outside(sources, ENTRY_FILES).flatMap((source) => {
    const file = posix.basename(source.path, '.ts');
    const names = exportNamesOf(source).map(kebabCase);
    const known = new Set(names.flatMap((name) => name.split('-').map(singular)));
    const words = file.split('-').map(singular);
    const isWhole = names.some((name) => name.replaceAll('-', '').includes(file.replaceAll('-', '')));
    const fits = isWhole || words.filter((word) => known.has(word)).length * 2 >= words.length;
    return fits
      ? []
      : [`${source.path}: its exports (${names.join(', ') || 'there are none'}) are not what ${file} says`];
  });
}

function singular(word: string): string {
  return word.replace(/s$/, '');
}

export function kebabCase(name: string): string {
  return name
    .replace(/_/g, '-')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}

// ---- words

const UNFINISHED = new RegExp(
  `\\b(?:${[
    ['TO', 'DO'],
    ['FIX', 'ME'],
    ['XX', 'X'],
  ]
    .map((parts) => parts.join(''))
    .join('|')})\\b`,
);

export function findUnfinishedMarks(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => (UNFINISHED.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

/** Codes that no test names. */
export function findUntestedCodes(codes: readonly string[], tests: readonly Source[]): string[] {
  return codes.filter((code) => !tests.some(({ text }) => new RegExp(`\\b${code}\\b`).test(text)));
}

/** Put together from parts, so that this file is not what it looks for. */
const REGISTRIES = new RegExp(
  [
    ['registry', 'npmjs'].join('\\.'),
    ['registry', 'yarnpkg'].join('\\.'),
    ['deb', 'debian'].join('\\.'),
    ['"resolved', ':'].join('"'),
  ].join('|'),
);
/** First folders of paths that mean the same on any machine. */
const ORDINARY_FOLDERS = [
  '',
  'bin',
  'etc',
  'home',
  'opt',
  'root',
  'run',
  'srv',
  'tmp',
  'usr',
  'var',
  'Users',
  'mnt',
  'media',
];

/**
 * The addresses of one machine's registries, and the paths of the machine that this runs on.
 * @param checkout absolute path of the checkout
 */
export function findMachineTraces(sources: readonly Source[], checkout: string): string[] {
  const first = checkout.split('/')[1] ?? '';
  const folder = ORDINARY_FOLDERS.includes(first) ? undefined : new RegExp(`(?<![\\w.~*}-])/${first}/`);
  return sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => {
      const found =
        REGISTRIES.exec(line)?.[0] ?? folder?.exec(line)?.[0] ?? (line.includes(checkout) ? checkout : undefined);
      return found === undefined ? [] : [`${path}:${at + 1}: ${found}`];
    }),
  );
}

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * `npm ci` refuses a lock file that leaves out the optional packages of other platforms, and npm leaves them out where the
 * registry does not have them.
 * @param text of package-lock.json
 */
export function findUnlockedPackages(text: string): string[] {
  const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, LockedPackage>> };
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(
        (name) =>
          packages[`${path}/node_modules/${name}`] === undefined && packages[`node_modules/${name}`] === undefined,
      )
      .map((name) => `${path}: ${name} is not in the lock file`),
  );
}

// ---- reading sources

function outside(sources: readonly Source[], prefixes: readonly string[]): Source[] {
  return sources.filter(({ path }) => !prefixes.some((prefix) => path.startsWith(prefix)));
}

const parsed = new WeakMap<Source, ts.SourceFile>();

function parse(source: Source): ts.SourceFile {
  const known = parsed.get(source);
  if (known !== undefined) return known;
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
  parsed.set(source, file);
  return file;
}

function nodesOf(source: Source): ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(parse(source));
  return nodes;
}

export function importsOf(source: Source): ImportOf[] {
  return nodesOf(source).flatMap((node): ImportOf[] => {
    if (ts.isImportDeclaration(node)) {
      return [{ specifier: textOf(node.moduleSpecifier), typeOnly: isTypeClause(node.importClause) }];
    }
    if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      return [{ specifier: textOf(node.moduleSpecifier), typeOnly: node.isTypeOnly }];
    }
    if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      return [{ specifier: textOf(node.moduleReference.expression), typeOnly: node.isTypeOnly }];
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      return [{ specifier: textOf(node.argument.literal), typeOnly: true }];
    }
    if (ts.isCallExpression(node) && isLoad(node.expression)) {
      return [{ specifier: node.arguments[0] && textOf(node.arguments[0]), typeOnly: false }];
    }
    return [];
  });
}

/** `import type {…}` only: with verbatimModuleSyntax, `import { type A }` still loads the module. */
function isTypeClause(clause: ts.ImportClause | undefined): boolean {
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function isLoad(callee: ts.Expression): boolean {
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword ||
    /^(?:require|require\.resolve|process\.getBuiltinModule)$/.test(callee.getText())
  );
}

function textOf(node: ts.Node): string | undefined {
  return ts.isStringLiteralLike(node) ? node.text : undefined;
}

function exportNamesOf(source: Source): string[] {
  return parse(source).statements.flatMap((statement): string[] => {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      return statement.exportClause.elements.map((element) => element.name.text);
    }
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText());
    const { name } = statement as ts.Statement & { readonly name?: ts.Node };
    return name === undefined ? [] : [name.getText()];
  });
}

function isNodeModule(specifier: string): boolean {
  return (
    specifier.startsWith('node:') ||
    IMPURE.test(specifier) ||
    /^(?:path|os|util|url|events|stream|zlib|module)(?:\/|$)/.test(specifier)
  );
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
