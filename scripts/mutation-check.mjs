// `npm run mutation`: removes each safety measure in turn, in a copy of the checkout, and runs the tests that should notice.
// A measure that no test misses is printed as SURVIVED; one that the source does not have any more is a failure too.
// `--only PART`, `--skip PART` of a name; `--from NAME` to go on; `--table` prints Markdown. The last line is `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './build-stamp.mjs';
import { setUp } from './set-up.mjs';

const T = 'src/transaction/';
const POWER = ['test/transaction/power-loss.test.ts', 'test/transaction/power-loss-in-recovery.test.ts'];
/** The test of one home first, where that is the one to notice. */
const powerOn = (home) => [`${POWER[0]}#${home}`, ...POWER];
const powerInRecoveryOn = (home) => [`${POWER[1]}#${home}`, ...POWER];
const CRASH = ['test/transaction/crash.test.ts', 'test/transaction/nested-crash.test.ts'];
const MEDDLING = ['test/transaction/meddling.test.ts', 'test/state/tampering.test.ts'];
const REAL = ['test/system/real-files.test.ts'];
const FAILED = ['test/transaction/rollback-failed.test.ts'];
const JOURNAL = ['test/transaction/journal.test.ts'];
const ACTIONS = ['test/transaction/actions/action-power-loss.test.ts'];
const REMNANTS = ['test/transaction/sweep-remnants.test.ts'];
const ERRORS = ['test/errors.test.ts'];
const CACHE = ['test/home/digest-cache.test.ts'];
const LANES = ['test/system/md5-lanes.test.ts'];
const DELTA = ['test/home/decode-vcdiff.test.ts'];
const HEALTH = ['test/home/look-at-health.test.ts'];
const TAKEN_OVER = ['test/transaction/taken-over.test.ts'];
const LOCK = ['test/transaction/lock.test.ts'];

/** Name, file, what is removed, what stands there instead, the tests to ask first. `find` occurs once in its file. */
const MUTATIONS = [
  // Flushes of the real file system.
  [
    'flush of a new file',
    'src/system/real-files.ts',
    "        if (flush === 'flushed') fsyncSync(descriptor);",
    '',
    REAL,
  ],
  ['flush of an append', 'src/system/real-files.ts', '      fdatasyncSync(descriptor);', '', REAL],
  [
    'flush of a copy',
    'src/system/real-files.ts',
    "      if (flush === 'flushed') fsyncSync(descriptor);\n    });\n    this.#giveToOwnerOfParent(target);",
    '    });\n    this.#giveToOwnerOfParent(target);',
    REAL,
  ],
  [
    'flush of a mode',
    'src/system/real-files.ts',
    '      fchmodSync(descriptor, mode);\n      fsyncSync(descriptor);',
    '      fchmodSync(descriptor, mode);',
    REAL,
  ],
  ['flush of a folder', 'src/system/real-files.ts', '(descriptor) => fsyncSync(descriptor)', '() => undefined', REAL],
  ['exclusive creation', 'src/system/real-files.ts', 'constants.O_CREAT | constants.O_EXCL', 'constants.O_CREAT', REAL],
  [
    'no link followed',
    'src/system/real-files.ts',
    'constants.O_RDONLY | constants.O_NOFOLLOW',
    'constants.O_RDONLY',
    REAL,
  ],
  // Flushes of folders by the engine.
  [
    'flush: journal’s folder',
    `${T}transaction.ts`,
    '0o644);\n      files.flushDirectory(layout.state);',
    '0o644);',
    POWER,
  ],
  [
    'flush: each new folder',
    'src/system/ensure-folder.ts',
    "  if (flush === 'flushed') files.flushDirectory(dirname(path));",
    '',
    POWER,
  ],
  [
    'flush: what makes room in a folder',
    `${T}transaction.ts`,
    '        if (dirname(target) === dirname(absolute(layout, operation.target))) files.flushDirectory(dirname(target));',
    '',
    powerOn('heldAgain'),
  ],
  [
    'flush: work folder with its mark',
    `${T}transaction.ts`,
    "'unflushed');\n      files.flushDirectory(folder.path);",
    "'unflushed');",
    POWER,
  ],
  [
    'flush: folders after deployment',
    'src/system/bulk.ts',
    '    for (const path of paths) this.#files.flushDirectory(path);',
    '',
    POWER,
  ],
  [
    'flush: folders after an undoing',
    `${T}rollback.ts`,
    "    for (const folder of folders) if (files.stat(folder)?.kind === 'directory') files.flushDirectory(folder);",
    '',
    powerInRecoveryOn('smallest'),
  ],
  [
    'flush: what is given back by an undoing',
    `${T}rollback.ts`,
    '    if (files.stat(dirname(source)) !== undefined) files.flushDirectory(dirname(source));\n',
    '',
    powerInRecoveryOn('companion'),
  ],
  [
    'flush: held folder in an undoing',
    `${T}rollback.ts`,
    '    files.flushDirectory(dirname(target));\n    folders.delete',
    '    folders.delete',
    powerInRecoveryOn('companion'),
  ],
  [
    'flush: originals in the store',
    `${T}clean-up.ts`,
    '  for (const folder of touched) files.flushDirectory(folder);',
    '',
    powerOn('smallest'),
  ],
  [
    'flush: original copied into the store',
    `${T}clean-up.ts`,
    '    files.rename(partial, target);\n    files.flushDirectory(layout.store);',
    '    files.rename(partial, target);',
    powerOn('mounted'),
  ],
  [
    'flush: removed work folder',
    `${T}clean-up.ts`,
    '    files.removeDirectory(folder);\n    files.flushDirectory(top);',
    '    files.removeDirectory(folder);',
    POWER,
  ],
  [
    'flush: removed parent of work',
    `${T}clean-up.ts`,
    '  if (files.stat(dirname(top)) !== undefined) files.flushDirectory(dirname(top));',
    '',
    powerOn('mounted'),
  ],
  [
    'flush: closed journal',
    `${T}clean-up.ts`,
    '  files.unlink(layout.journal);\n  files.flushDirectory(layout.state);',
    '  files.unlink(layout.journal);',
    POWER,
  ],
  [
    'flush: swept journal',
    `${T}recover.ts`,
    '    files.unlink(layout.journal);\n    files.flushDirectory(layout.state);',
    '    files.unlink(layout.journal);',
    powerInRecoveryOn('smallest'),
  ],
  [
    'flush: content set aside',
    `${T}set-aside.ts`,
    '  files.flushDirectory(folder);\n  return target;',
    '  return target;',
    powerOn('drift'),
  ],
  [
    'flush: content copied aside',
    `${T}set-aside.ts`,
    '    files.flushDirectory(folder);\n    files.unlink(path);',
    '    files.unlink(path);',
    powerOn('mountedDrift'),
  ],
  // Records of the journal.
  ['record: operations before backups', `${T}transaction.ts`, '      this.#append(this.#beginRecord());', '', CRASH],
  [
    'record: commit',
    `${T}transaction.ts`,
    "      this.#append({ kind: 'commit', stepsMs: this.#stopwatch.read() });",
    '',
    CRASH,
  ],
  ['record: undoing is done', `${T}rollback.ts`, "  tryAppend(context, { kind: 'rolled-back' });", '', FAILED],
  [
    'record: undoing has failed',
    `${T}rollback.ts`,
    "    tryAppend(context, { kind: 'rollback-failed', cause: first.message, path: first.path ?? null });",
    '',
    FAILED,
  ],
  [
    'undoing on a line of its own',
    `${T}journal.ts`,
    'return `\\n${formatRecord(record)}`;',
    'return formatRecord(record);',
    JOURNAL,
  ],
  ['mark that deployment has begun', `${T}transaction.ts`, '      this.#markBegun();\n', '', [...MEDDLING, ...CRASH]],
  // Digests.
  ['digest: journal records', `${T}journal.ts`, 'line.slice(0, 64) !== digestText(json)', 'false', JOURNAL],
  [
    'digest: ledger and cache',
    'src/system/checked-json.ts',
    ' || text.slice(0, 64) !== digestText(json)',
    '',
    MEDDLING,
  ],
  ['digest: chain of the history', 'src/state/history.ts', 'record.previous !== previous', 'false', MEDDLING],
  [
    'digest: staged copies',
    `${T}transaction.ts`,
    '    if (same) return;\n    throw new PatchError(\n      code,',
    '    if (same || code !== undefined) return;\n    throw new PatchError(\n      code,',
    MEDDLING,
  ],
  [
    'digest: copied backups',
    `${T}transaction.ts`,
    'if (resultOf(results[n], source).md5 !== before.md5)',
    'if (resultOf(results[n], source).md5 === undefined)',
    MEDDLING,
  ],
  ['digest: backups before deployment', `${T}transaction.ts`, '    await this.#verifyBackups();', '', MEDDLING],
  ['digest: what was deployed', `${T}transaction.ts`, '      await this.#verify();', '', MEDDLING],
  [
    'identity of what is taken for the file that was staged',
    `${T}transaction.ts`,
    'stat !== undefined && sameFile(staged, stat) ? stat : undefined',
    'stat !== undefined ? stat : undefined',
    MEDDLING,
  ],
  [
    'digest: an original that is linked back',
    `${T}transaction.ts`,
    '    this.#checkStaged(\n      links,',
    '    void (async (..._: unknown[]) => undefined)(\n      links,',
    MEDDLING,
  ],
  [
    'digest: backup before it is put back',
    `${T}rollback.ts`,
    "  if (operation.before.kind === 'file') checkBackup(context, operation.before, backup, operation);",
    '',
    FAILED,
  ],
  [
    'digest: what was put back',
    `${T}rollback.ts`,
    '    if (failures.length === 0 && operations.length > 0) verifyRestored(context, undoable);',
    '',
    MEDDLING,
  ],
  [
    'digest: original copied into the store',
    `${T}clean-up.ts`,
    '    if (files.digest(partial, true).sha256 !== sha256)',
    '    if (false as boolean)',
    MEDDLING,
  ],
  [
    'file unchanged while it is read',
    'src/home/inventory.ts',
    'after === undefined || !sameIdentity(after, want.stat) || ',
    '',
    MEDDLING,
  ],
  // Checks again, and of others.
  ['check again before each operation', `${T}transaction.ts`, '      this.#recheck(index, operation);', '', MEDDLING],
  [
    'links on the way, before an operation',
    `${T}transaction.ts`,
    '      if (!same) throw this.#changedMeanwhile(operation.path);\n      checkPath(this.#context.files, this.#context.layout, operation.path);',
    '      if (!same) throw this.#changedMeanwhile(operation.path);',
    MEDDLING,
  ],
  [
    'links on the way, before an undoing',
    `${T}rollback.ts`,
    '  checkPath(files, layout, operation.path, (file) =>',
    '  [].every((file) =>',
    [...FAILED, ...MEDDLING],
  ],
  [
    'free space',
    `${T}transaction.ts`,
    '      if (free < needed + SPACE_MARGIN_BYTES) {\n        throw',
    '      if (free < 0) {\n        throw',
    MEDDLING,
  ],
  [
    'lock still ours before the commit',
    `${T}transaction.ts`,
    "      this.#request.lock?.check();\n      this.#phase('commit');",
    "      this.#phase('commit');",
    MEDDLING,
  ],
  [
    'home still ours before each change of a transaction',
    `${T}transaction.ts`,
    'this.#context = guardChanges(context, () => this.#stopIfTakenOver());',
    'this.#context = context;',
    TAKEN_OVER,
  ],
  [
    'lock still ours before each change of a recovery',
    'src/patcher.ts',
    'return guardChanges(this.#context(), () => lock.check());',
    'return this.#context();',
    TAKEN_OVER,
  ],
  [
    'journal of an earlier transaction is not swept',
    `${T}transaction.ts`,
    '    if (files.stat(layout.journal) !== undefined) {\n      this.#stopIfTakenOver();',
    '    if (files.stat(layout.journal) !== undefined && false) {\n      this.#stopIfTakenOver();',
    FAILED,
  ],
  [
    'foreign content set aside',
    `${T}recovery-table.ts`,
    "      return 'set-aside-and-restore';",
    "      return 'restore';",
    [...FAILED, 'test/transaction/recovery-table.test.ts'],
  ],
  [
    'swept only where nothing has begun',
    `${T}clean-up.ts`,
    "  if (outcome === 'swept') for (const folder of stage.folders) checkUntouched(context, folder.path);",
    '',
    MEDDLING,
  ],
  [
    'work without a journal is kept',
    `${T}recover.ts`,
    '  if (full === undefined) return strays;',
    '  if (full === undefined || true) return strays;',
    ERRORS,
  ],
  [
    'journal names only our work folders',
    `${T}recover.ts`,
    '  checkFolders(layout, journal);',
    '',
    [...FAILED, ...MEDDLING],
  ],
  [
    'ledger missing is noticed',
    'src/patcher.ts',
    "throw new PatchError('LEDGER_MISSING'",
    "if (wasThere === undefined) throw new PatchError('LEDGER_MISSING'",
    MEDDLING,
  ],
  [
    'a failed clean-up does not undo',
    `${T}transaction.ts`,
    "      if (errnoOf(error) === undefined && !(error instanceof PatchError)) throw error;\n      this.#context.emit({\n        kind: 'problem',\n        code: 'CLEAN_UP',",
    "      throw error;\n      this.#context.emit({\n        kind: 'problem',\n        code: 'CLEAN_UP',",
    CRASH,
  ],
  ['folders may be written', `${T}transaction.ts`, '    checkWritable(files, layout, this.#operations);', '', ERRORS],
  [
    'names that are one file are found',
    'src/home/observe.ts',
    '  problems.push(...findCollisions(',
    '  void (findCollisions(',
    ['test/home/find-collisions.test.ts'],
  ],
  ['remnants: swept by a recovery', `${T}recover.ts`, '  sweepRemnants(files, layout);', '', [...REMNANTS, ...CRASH]],
  [
    'remnants: swept by a start',
    `${T}transaction.ts`,
    '      sweepRemnants(this.#context.files, this.#context.layout);',
    '',
    [...REMNANTS, ...CRASH],
  ],
  [
    'remnants: those of the living stay',
    `${T}sweep-remnants.ts`,
    '  return owner === process.pid || !isRunning(owner);',
    '  return true;',
    REMNANTS,
  ],
  [
    'remnants: no link is followed',
    `${T}sweep-remnants.ts`,
    "    if (files.stat(folder)?.kind !== 'directory') return [];",
    '    if (files.stat(folder) === undefined) return [];',
    REMNANTS,
  ],
  [
    'flush: folders before an action renames into them',
    `${T}actions/apply-changes.ts`,
    '      flushFolders(files, folders);\n      files.rename(target, to);',
    '      files.rename(target, to);',
    ACTIONS,
  ],
  [
    'flush: both folders after an action has renamed',
    `${T}actions/apply-changes.ts`,
    '      flushFolders(files, new Set([dirname(to), dirname(target)]));',
    '      folders.add(dirname(target)).add(dirname(to));',
    ACTIONS,
  ],
  [
    'flush: folders that an action has changed',
    `${T}actions/apply-changes.ts`,
    '  flushFolders(context.files, folders);',
    '',
    ACTIONS,
  ],
  // What is believed without being read.
  [
    'cache: a change time that is not older than the cache',
    'src/home/digest-cache.ts',
    'known !== undefined && known.ctime < this.#stampMs ? known : undefined',
    'known',
    CACHE,
  ],
  [
    'cache: size',
    'src/home/digest-cache.ts',
    'known.size === stat.sizeBytes &&\n      known.mtime',
    'known.mtime',
    CACHE,
  ],
  ['cache: modification time', 'src/home/digest-cache.ts', '      known.mtime === stat.mtimeMs &&\n', '', CACHE],
  ['cache: change time', 'src/home/digest-cache.ts', '      known.ctime === stat.ctimeMs &&\n', '', CACHE],
  [
    'cache: inode',
    'src/home/digest-cache.ts',
    'known.ctime === stat.ctimeMs &&\n      known.inode === stat.inode;',
    'known.ctime === stat.ctimeMs;',
    CACHE,
  ],
  [
    'cache: a JAR by its bytes',
    'src/home/digest-cache.ts',
    'known?.md5 === read.md5 && known.size',
    'known?.size',
    CACHE,
  ],
  [
    'digests side by side: the length at the end',
    'src/system/md5-lanes.ts',
    'BigInt(this.#sizeBytes) * 8n',
    'BigInt(this.#sizeBytes) * 4n',
    LANES,
  ],
  [
    'digests side by side: what is left of a piece',
    'src/system/md5-lanes.ts',
    '    this.#bytes.copyWithin(this.#base, this.#at, this.#end);\n',
    '',
    LANES,
  ],
  ['digests side by side: SHA-256', 'src/system/md5-lanes.ts', '    this.#sha256?.update(', '    void (', LANES],
  [
    'threads: answers to failed work',
    'src/system/worker-bulk.ts',
    '      await this.close();\n      throw error;',
    '      throw error;',
    ['test/system/worker-bulk.test.ts'],
  ],
  // Deltas, and the gate of health.
  ['delta: its checksum', 'src/home/decode-vcdiff.ts', 'adler32(out) === window.checksum', 'true', DELTA],
  [
    'health: touched since then',
    'src/home/look-at-health.ts',
    '(stat.mtimeMs > sinceMs || stat.ctimeMs > sinceMs)',
    'true',
    HEALTH,
  ],
  [
    'health: no time runs without a server',
    'src/home/look-at-health.ts',
    'if (one.startedMs === undefined || first',
    'if (first',
    HEALTH,
  ],
  [
    'health: a pack that was put in again',
    'src/home/look-at-health.ts',
    '(now.isHeld || now.changedMs === pack.changedMs)',
    'true',
    HEALTH,
  ],
  ['health: a pack whose files were changed', 'src/home/look-at-health.ts', 'now.stamp === pack.stamp && ', '', HEALTH],
  // The lock.
  [
    'lock: rivals are looked for',
    `${T}lock.ts`,
    "    const rival = liveRivals(files, layout, name, own, 'remove')[0];",
    '    const rival = undefined as Contender | undefined;',
    LOCK,
  ],
  [
    'lock: announced before looking',
    `${T}lock.ts`,
    "    files.writeNew(path, '', 0o644, 'unflushed');\n    const rival",
    '    const rival',
    LOCK,
  ],
  [
    'lock: start time of a process',
    'src/system/process-identity.ts',
    "started === undefined || identity.started === '-' || started === identity.started ? 'alive' : 'dead'",
    "'alive'",
    LOCK,
  ],
  [
    'lock: another boot',
    'src/system/process-identity.ts',
    "  if (identity.boot !== own.boot) return 'dead';",
    '',
    LOCK,
  ],
  [
    'lock: another pid namespace',
    'src/system/process-identity.ts',
    "identity.namespace === own.namespace ? aliveHere(identity) : 'unknown'",
    'aliveHere(identity)',
    LOCK,
  ],
  ['lock: heartbeat', `${T}lock.ts`, '      this.#files.touch(this.#path);', '', LOCK],
];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    /** The name to begin with, to go on where an earlier run ended. */
    from: { type: 'string', default: '' },
    skip: { type: 'string', default: '\n' },
    table: { type: 'boolean', default: false },
  },
});

setUp();
const folder = mkdtempSync(join(tmpdir(), 'prepatch-mutation-'));
const LOADS_NOT = 'does not load';
const ENDS_NOT = 'does not end';
/** Whether a test passes with nothing removed, by file and title. */
const sound = new Map();
try {
  for (const part of ['src', 'test', 'scripts', 'schemas', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const part of ['node_modules', 'dist']) symlinkSync(join(ROOT, part), join(folder, part));
  const start = MUTATIONS.findIndex(([name]) => name.startsWith(options.from));
  const wanted = MUTATIONS.slice(start).filter(([name]) => name.includes(options.only) && !name.includes(options.skip));
  const results = wanted.map(check);
  if (options.table) {
    console.log('\n| removed | test that fails |\n| --- | --- |');
    for (const { name, by, isGood } of results) console.log(`| ${name} | ${isGood ? by : `**${by}**`} |`);
  }
  const failed = results.filter(({ isGood }) => !isGood).length;
  console.log(`${results.filter(({ isGood }) => isGood).length} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function check([name, file, find, replace, tests]) {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) return say(name, `NOT FOUND ONCE in ${file}, but ${count} times`, false);
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  let found;
  try {
    for (const test of tests) {
      const title = runTest(test);
      if (title === undefined) continue;
      found = { test, title };
      break;
    }
  } finally {
    writeFileSync(path, text);
  }
  if (found === undefined) return say(name, 'SURVIVED', false);
  const { title } = found;
  const [test] = found.test.split('#');
  const by = `${test.replace('test/', '')}: ${title}`;
  return isSound(test, title) ? say(name, by, true) : say(name, `${by}, as it does without that too`, false);
}

/** A test that fails with nothing removed has noticed nothing. */
function isSound(test, title) {
  const key = `${test} ${title}`;
  const only = title === LOADS_NOT || title === ENDS_NOT ? [] : ['--testNamePattern', escapePattern(title)];
  if (!sound.has(key)) sound.set(key, runTest(test, only) === undefined);
  return sound.get(key);
}

function escapePattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The title of the first test that fails; undefined where all pass. */
function runTest(named, more = []) {
  const [test, home] = named.split('#');
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [
    vitest,
    'run',
    '--bail',
    '1',
    '--reporter=json',
    `--outputFile=${report}`,
    ...(home === undefined ? [] : ['--testNamePattern', `^${home}:`]),
    ...more,
    test,
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'ignore', timeout: 900_000 });
  if (status === 0) return undefined;
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = testResults.flatMap((one) => one.assertionResults).find((one) => one.status === 'failed');
    return failed?.title ?? LOADS_NOT;
  } catch {
    return ENDS_NOT;
  }
}

function say(name, by, isGood) {
  console.log(`${isGood ? 'noticed ' : 'FAIL    '} ${name}: ${by}`);
  return { name, by, isGood };
}
