// docs/formats.md names every field that is on disk: those of files that real runs leave, and those that the types of the source
// allow. A field counts where it stands as `code` in the section of its file.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RealFiles } from '../../src/system/real-files.js';
import { startHome } from '../support/engine-run.js';
import { configOf } from '../support/small-homes.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FORMATS = readFileSync(join(ROOT, 'docs', 'formats.md'), 'utf8');

/** The text of `## <number>. …`, up to the next section. */
function section(number: number): string {
  const [, text] = new RegExp(`^## ${number}\\. [^\\n]*\\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(FORMATS) ?? [];
  if (text === undefined) throw new Error(`docs/formats.md has no section ${number}`);
  return text;
}

/** The words that stand as code: in `spans`, and as keys in blocks of JSON. */
function namedIn(number: number): Set<string> {
  const text = section(number);
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].flatMap((match) => (match[1] as string).match(/[\w$-]+/g) ?? []);
  return new Set(spans);
}

/** Every key in a value, but for keys that are data (paths, names of files). */
function fieldsOf(value: unknown, isData: (key: string) => boolean): Set<string> {
  const found = new Set<string>();
  const visit = (one: unknown) => {
    if (Array.isArray(one)) one.forEach(visit);
    else if (typeof one === 'object' && one !== null)
      for (const [key, inner] of Object.entries(one)) {
        if (!isData(key)) found.add(key);
        visit(inner);
      }
  };
  visit(value);
  return found;
}

/** Every property that the named types of a source file have, and those of the type literals in them. */
function propertiesOf(path: string, types: readonly string[]): Set<string> {
  const file = ts.createSourceFile(path, readFileSync(join(ROOT, path), 'utf8'), ts.ScriptTarget.Latest, true);
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = (node: ts.Node) => {
    if (ts.isPropertySignature(node)) found.add(node.name.getText(file));
    ts.forEachChild(node, visit);
  };
  for (const statement of file.statements) {
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
    if (!isType || !types.includes(statement.name.text)) continue;
    seen.add(statement.name.text);
    visit(statement);
  }
  expect([...seen].sort()).toEqual([...types].sort());
  return found;
}

function missing(fields: Iterable<string>, number: number): string[] {
  const named = namedIn(number);
  return [...fields].filter((field) => !named.has(field)).sort();
}

/** Keeps what is written to the journal, which no run leaves behind. */
class RecordingFiles extends RealFiles {
  journal = '';

  override writeNew(...[path, data, ...rest]: Parameters<RealFiles['writeNew']>): void {
    super.writeNew(path, data, ...rest);
    if (path.endsWith('/.prepatch/journal')) this.journal += data.toString();
  }

  override append(...[path, data, ...rest]: Parameters<RealFiles['append']>): void {
    super.append(path, data, ...rest);
    if (path.endsWith('/.prepatch/journal')) this.journal += data.toString();
  }
}

const isPath = (key: string) => /[:./]/.test(key);
let home = '';
let journal: unknown[] = [];
let checked: Record<'ledger' | 'copy' | 'cache', unknown>;
let history: unknown[] = [];
/** What each run has left. */
const ledgers: unknown[] = [];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'prepatch-formats-'));
  const at = (path: string) => join(home, 'repository/components', path);
  const bodyOf = (path: string): unknown => JSON.parse(readFileSync(at(path), 'utf8').split('\n')[1] as string);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  put('plugins/a.txt', 'original');
  put('plugins/b.txt', 'not covered');
  put('patches/.metadata/prePatchedDir.txt', '');
  put('patches/patch0001/a.txt', 'patched');
  put('patches/patch0001/new/c.txt', 'in a folder');
  const files = new RecordingFiles();
  const start = async (companion: string) => {
    const ended = await startHome(files, home, configOf({ companion }), 'last-good');
    expect(ended.kind).toBe('ended');
    ledgers.push(bodyOf('.prepatch/ledger.json'));
  };
  await start('none');
  put('patches/patch0002/a.txt', 'patched again');
  put('plugins/a.txt', 'edited by hand');
  await start('none');
  rmSync(at('patches/patch0001'), { recursive: true });
  rmSync(at('patches/patch0002'), { recursive: true });
  await start('none');
  // With a companion, a pack that is refused is moved out of its sight.
  put('patches/patch0003/folder/d.txt', 'a folder that Carbon’s own patcher cannot take');
  await start('carbon');
  journal = files.journal
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.slice(65)) as unknown);
  checked = {
    ledger: bodyOf('.prepatch/ledger.json'),
    copy: bodyOf('.prepatch/ledger.copy.json'),
    cache: readFileSync(at('.prepatch/cache/inventory.json'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line.slice(65)) as unknown),
  };
  history = readFileSync(at('.prepatch/history/transactions.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('what real runs leave', () => {
  test('the ledger', () => {
    expect(ledgers.length).toBe(4);
    expect(missing(fieldsOf([checked.ledger, ledgers], isPath), 2)).toEqual([]);
  });

  test('the journal', () => {
    const kinds = new Set(journal.map((record) => (record as { kind: string }).kind));
    expect(kinds).toEqual(new Set(['stage', 'begin', 'commit']));
    const operations = new Set(
      journal
        .flatMap((record) => (record as { operations?: { kind: string }[] }).operations ?? [])
        .map((one) => one.kind),
    );
    expect(operations).toEqual(new Set(['write', 'delete', 'make-directory', 'remove-directory', 'move']));
    expect(missing(fieldsOf(journal, isPath), 3)).toEqual([]);
  });

  test('the history', () => {
    expect(history.length).toBe(4);
    expect(missing(fieldsOf(history, isPath), 4)).toEqual([]);
  });

  test('the cache of digests', () => {
    expect(missing(fieldsOf(checked.cache, isPath), 5)).toEqual([]);
  });
});

describe('what the source allows', () => {
  test.each([
    [2, 'src/plan/ledger.ts', ['Ledger', 'LedgerPack', 'LedgerFile', 'LedgerDirectory', 'SeenFile']],
    [2, 'src/home/entry.ts', ['FileEntry', 'DirectoryEntry', 'AbsentEntry']],
    [2, 'src/plan/probation.ts', ['Probation', 'HealthCheck', 'PackPlace', 'QuarantinedPack']],
    [2, 'src/plan/bundles-info.ts', ['BundlesInfoEdits']],
    [2, 'src/plan/action-operation.ts', ['LedgerActions', 'LedgerAction', 'ActionUndo', 'Change', 'RecordedModule']],
    [
      3,
      'src/transaction/journal.ts',
      [
        'StageRecord',
        'WorkFolder',
        'BeginRecord',
        'TransactionSummary',
        'UndoRecord',
        'ActionRecord',
        'LateRecord',
        'JournalRecord',
      ],
    ],
    [
      3,
      'src/plan/operation.ts',
      [
        'WriteOperation',
        'DeleteOperation',
        'MakeDirectoryOperation',
        'RemoveDirectoryOperation',
        'MoveOperation',
        'Source',
      ],
    ],
    [3, 'src/plan/action-operation.ts', ['ActionOperationBase', 'DoOperation', 'UndoOperation']],
    [3, 'src/transaction/actions/step-record.ts', ['StepRecord', 'RecordedChange', 'RecordedCommand', 'StagedModule']],
    [3, 'src/system/process-identity.ts', ['ProcessIdentity']],
    [4, 'src/state/history.ts', ['HistoryEntry', 'HistoryRecord']],
    [5, 'src/home/digest-cache.ts', ['FileFacts', 'CachedFile', 'CacheLine']],
    [5, 'src/home/jar.ts', ['BundleIdentity', 'JarReading']],
    [10, 'src/patcher/reports.ts', ['Status', 'PlanReport', 'RunResult', 'VerifyResult', 'DoctorReport']],
    [10, 'src/plan/plan.ts', ['Change']],
    [10, 'src/plan/pack-facts.ts', ['PackFacts', 'ActionFacts', 'HealthFacts']],
    [10, 'src/plan/probation.ts', ['ProbationFacts']],
    [10, 'src/problem.ts', ['Problem']],
  ] as const)('section %s names every field of %s', (number, path, types) => {
    const fields = propertiesOf(path, types);
    expect(fields.size).toBeGreaterThan(0);
    expect(missing(fields, number)).toEqual([]);
  });

  test('section 3 names every kind of record and operation', () => {
    const text = ['src/transaction/journal.ts', 'src/plan/operation.ts']
      .map((path) => readFileSync(join(ROOT, path), 'utf8'))
      .join('\n');
    const kinds = [...text.matchAll(/readonly kind: '([\w-]+)'/g)].map((match) => match[1] as string);
    expect(kinds).toContain('rollback-failed');
    expect(missing(kinds, 3)).toEqual([]);
  });
});
