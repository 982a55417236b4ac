// `npm run crash`, `npm run crash:full`: the crash tools beside the project (../shared/crash, or --tools DIR) against the built
// command line: kills, torn writes, errors and power loss at the calls of an apply and of a revert, and in recovery.
// Prints a table; the last line is `N passed, N failed`, a case counting as one. docs/reliability.md has the results.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import JSZip from 'jszip';
import { isBuilt, ROOT } from './build-stamp.mjs';

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    tools: { type: 'string', default: join(ROOT, '..', 'shared', 'crash') },
    lab: { type: 'string', default: join(ROOT, '..', 'shared', 'lab') },
    jobs: { type: 'string', default: '2' },
    /** A part of the names of the rows to run. */
    only: { type: 'string', default: '' },
  },
});

const ERRORS = 'EIO,ENOSPC,EACCES,EMFILE,EDQUOT,EROFS';
const LASTING = 'PEIO,PENOSPC,PEACCES,PEMFILE,PEDQUOT,PEROFS';

/** Home, tool and its options. A stride leaves out calls, `--max` states. */
const SMALL = [
  ['apply: kill, torn write', 'before', 'sweep', '--faults', 'kill,torn', '--stride', '8'],
  ['apply: errors', 'before', 'sweep', '--faults', 'EIO,PENOSPC', '--stride', '13'],
  ['revert: kill, torn write', 'after', 'sweep', '--faults', 'kill,torn', '--stride', '8'],
  ['revert: errors', 'after', 'sweep', '--faults', 'EIO,PENOSPC', '--stride', '13'],
  [
    'recovery: kill in it',
    'before',
    'sweep',
    '--faults',
    'kill',
    '--stride',
    '31',
    '--nested',
    'all',
    '--nested-stride',
    '9',
  ],
  ['actions: kill, torn write', 'acting', 'sweep', '--faults', 'kill,torn', '--stride', '17'],
  ['actions taken back: kill, torn write', 'acted', 'sweep', '--faults', 'kill,torn', '--stride', '17'],
  ['apply: power loss (model)', 'before', 'alice', '--max', '80'],
  ['revert: power loss (model)', 'after', 'alice', '--max', '80'],
];
const FULL = [
  ['apply: kill, torn write', 'before', 'sweep', '--faults', 'kill,torn'],
  ['apply: errors, once', 'before', 'sweep', '--faults', ERRORS],
  ['apply: errors, for good', 'before', 'sweep', '--faults', LASTING],
  ['apply: errors at reads too', 'before', 'sweep', '--reads', '--faults', 'EIO,EACCES,EMFILE', '--stride', '5'],
  ['revert: kill, torn write', 'after', 'sweep', '--faults', 'kill,torn'],
  ['revert: errors, once', 'after', 'sweep', '--faults', ERRORS],
  ['revert: errors, for good', 'after', 'sweep', '--faults', LASTING],
  [
    'recovery: kill in it (apply)',
    'before',
    'sweep',
    '--faults',
    'kill',
    '--stride',
    '4',
    '--nested',
    'all',
    '--nested-stride',
    '2',
  ],
  [
    'recovery: kill in it (revert)',
    'after',
    'sweep',
    '--faults',
    'kill',
    '--stride',
    '4',
    '--nested',
    'all',
    '--nested-stride',
    '2',
  ],
  [
    'recovery: EIO in it (apply)',
    'before',
    'sweep',
    '--faults',
    'kill',
    '--stride',
    '8',
    '--nested',
    'all',
    '--nested-stride',
    '3',
    '--nested-fault',
    'EIO',
  ],
  ['actions: kill, torn write', 'acting', 'sweep', '--faults', 'kill,torn'],
  ['actions: errors, once and for good', 'acting', 'sweep', '--faults', 'EIO,ENOSPC,PEIO,PENOSPC'],
  ['actions taken back: kill, torn write', 'acted', 'sweep', '--faults', 'kill,torn'],
  ['actions taken back: errors, once and for good', 'acted', 'sweep', '--faults', 'EIO,ENOSPC,PEIO,PENOSPC'],
  ['actions: power loss (model)', 'acting', 'alice', '--max', '600'],
  ['apply: power loss (model)', 'before', 'alice'],
  ['apply: power loss (strict renames)', 'before', 'alice', '--rename', 'both', '--max', '1500'],
  ['revert: power loss (model)', 'after', 'alice'],
  ['apply: power cut (xfs)', 'before', 'powercut'],
  ['revert: power cut (xfs)', 'after', 'powercut'],
];

const rows = (options.full ? FULL : SMALL).filter(([name]) => name.includes(options.only));
const isContinuous = process.env.CI === 'true';
if (!existsSync(options.tools)) {
  console.log(`crash: the tools are not there (${options.tools}); nothing was tested`);
  finish([]);
} else {
  const missing = findMissing(rows);
  for (const line of missing) console.log(`crash: ${line}`);
  const isStopped = missing.length > 0 && isContinuous;
  if (isStopped) finish([{ name: 'programs', passed: 0, failed: missing.length }]);
  else await runAll(rows.filter((row) => canRun(row)));
}

async function runAll(wanted) {
  if (!isBuilt()) must(process.execPath, [join(ROOT, 'scripts', 'build.mjs')]);
  const folder = mkdtempSync(join(tmpdir(), 'prepatch-crash-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    // Copies: the tools build a program beside themselves, and the project may be built again meanwhile.
    const tools = join(folder, 'tools');
    cpSync(options.tools, tools, { recursive: true, filter: (path) => !path.endsWith('/nth') });
    const refusal = findRefusal(tools, folder);
    if (refusal !== undefined) {
      console.log(`crash: ${refusal}; nothing was tested`);
      finish(isContinuous ? [{ name: 'tracing', passed: 0, failed: 1 }] : []);
      return;
    }
    for (const part of ['bin', 'dist', 'package.json'])
      cpSync(join(ROOT, part), join(folder, 'app', part), { recursive: true });
    const prepatch = `${process.execPath} ${join(folder, 'app', 'bin', 'prepatch.js')}`;
    const homes = await makeHomes(folder, prepatch);
    finish(wanted.map((row) => runRow(row, { folder, tools, prepatch, homes })));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runRow([name, home, tool, ...extra], { folder, tools, prepatch, homes }) {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const startedAt = performance.now();
  const args = [
    '--home',
    homes[home],
    '--apply',
    `${prepatch} apply --home {}`,
    '--recover',
    `${prepatch} recover --home {}`,
  ];
  console.log(`\n== ${name}: ${tool}.py ${extra.join(' ')}`);
  const { status } = spawnSync(
    'python3',
    [join(tools, `${tool}.py`), ...args, '--json', report, '--jobs', options.jobs, ...extra],
    {
      stdio: 'inherit',
    },
  );
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const facts = readReport(report);
  if (facts === undefined) return { name, passed: 0, failed: 1, seconds, note: `no result, exit ${status}` };
  const cases = Object.values(facts.rows).reduce((sum, row) => sum + row.cases, 0);
  const failed = Math.max(facts.failures.length, status === 0 ? 0 : 1);
  return { name, passed: Math.max(0, cases - failed), failed, seconds };
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Homes before an apply, and those in which everything is applied and all packs are taken out: `before` and `after` have JARs
 * alone; `acting` and `acted` packs of our examples, which unzip, edit, copy, delete and rename.
 */
async function makeHomes(folder, prepatch) {
  const [before, after, acting, acted] = ['before', 'after', 'acting', 'acted'].map((name) => join(folder, name));
  if (hasLab()) {
    const shape = ['--plugins', '8', '--patches', '3', '--jars-per-patch', '2', '--adds', '1', '--new-version', '1'];
    must('python3', [join(options.lab, 'make-home'), before, ...shape, '--servicepack', '--max-jar-kb', '60']);
  } else {
    console.log(
      'crash: the lab or its JARs are not there (../shared/lab/fetch-jars --small); the home is made of small JARs',
    );
    await forgeHome(before);
  }
  makeActing(acting);
  for (const [from, to] of [
    [before, after],
    [acting, acted],
  ]) {
    cpSync(from, to, { recursive: true });
    must('sh', ['-c', `${prepatch} apply --home ${to}`]);
    const components = join(to, 'repository', 'components');
    for (const kind of ['patches', 'servicepacks'])
      for (const name of existsSync(join(components, kind)) ? readdirSync(join(components, kind)) : [])
        if (!name.startsWith('.')) rmSync(join(components, kind, name), { recursive: true });
  }
  return { before, after, acting, acted };
}

/** What `examples/packs/authoring/edits` and `…/unzip` find in a server, and those packs. */
function makeActing(home) {
  const files = {
    'repository/conf/server.xml': '<?xml version="1.0"?>\n<Server port="8080"><Name>a</Name></Server>\n',
    'repository/conf/server.properties': '# the server\nserver.port=8080\n',
    'repository/conf/server.ini': '; the server\n[server]\nport=8080\n',
    'repository/conf/server.json': '{\n  "server": { "port": 8080, "hosts": ["node-1"] }\n}\n',
    'repository/conf/server.yaml': '# the server\nserver:\n  port: 8080 # plain\n',
    'repository/conf/old.xml': '<old/>\n',
    'repository/deployment/server/webapps/ROOT/index.html': '<p>index</p>\n',
    'repository/components/plugins/readme.txt': 'plugins\n',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  for (const pack of ['edits', 'unzip'])
    cpSync(join(ROOT, 'examples', 'packs', 'authoring', pack), join(home, 'repository', 'components', 'patches'), {
      recursive: true,
    });
}

function hasLab() {
  const jars = join(homedir(), '.cache', 'prepatch-lab', 'jars');
  return existsSync(join(options.lab, 'make-home')) && existsSync(jars) && readdirSync(jars).length > 0;
}

async function forgeHome(home) {
  const components = join(home, 'repository', 'components');
  const put = async (path, name, version, content) => {
    const zip = new JSZip();
    const date = new Date(Date.UTC(2026, 0, 1));
    zip.file(
      'META-INF/MANIFEST.MF',
      `Manifest-Version: 1.0\r\nBundle-SymbolicName: ${name}\r\nBundle-Version: ${version}\r\n\r\n`,
      { date },
    );
    zip.file('content', content.repeat(200), { date });
    mkdirSync(join(components, path), { recursive: true });
    writeFileSync(
      join(components, path, `${name}_${version}.jar`),
      await zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' }),
    );
  };
  for (const name of 'abcdefgh') await put('plugins', `org.example.${name}`, '1.0.0', 'original');
  for (const [patch, names] of [
    ['patch0001', 'ab'],
    ['patch0002', 'bc'],
    ['patch0003', 'de'],
  ]) {
    for (const name of names) await put(`patches/${patch}`, `org.example.${name}`, '1.0.0', patch);
    await put(`patches/${patch}`, `org.example.${patch}`, '1.0.0', 'added');
    await put(`patches/${patch}`, `org.example.${names[0]}`, '1.1.0', 'later');
  }
  await put('servicepacks/servicepack001/lib', 'org.example.a', '1.0.0', 'service pack');
  writeFileSync(join(components, 'servicepacks', 'servicepack001', 'servicepack_patches.txt'), 'patch0001\n');
}

function findMissing(wanted) {
  const lines = [];
  if (!isProgram('gcc')) lines.push('gcc is missing: apt-get install gcc libc6-dev');
  if (!isProgram('python3')) lines.push('python3 is missing: apt-get install python3');
  if (wanted.some(([, , tool]) => tool === 'powercut')) {
    if (!isProgram('mkfs.xfs')) lines.push('mkfs.xfs is missing: apt-get install xfsprogs');
    if (process.getuid?.() !== 0) lines.push('power cuts on a real file system need root rights');
  }
  return lines;
}

/** Why this kernel, or the container that it is in, does not let the stepper trace a program; undefined where it does. */
function findRefusal(tools, folder) {
  const nth = join(tools, 'nth');
  const made = spawnSync('gcc', ['-O2', '-o', nth, `${nth}.c`], { encoding: 'utf8' });
  if (made.status !== 0) return `the stepper could not be compiled (apt-get install libc6-dev): ${made.stderr.trim()}`;
  const { status, stderr } = spawnSync(nth, ['-p', folder, '--', 'true'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  const how = 'a container needs --cap-add=SYS_PTRACE and a seccomp profile that lets ptrace through';
  return `programs may not be traced here (${stderr.trim().split('\n')[0]}): ${how}`;
}

function canRun([, , tool]) {
  if (!isProgram('gcc') || !isProgram('python3')) return false;
  return tool !== 'powercut' || (isProgram('mkfs.xfs') && process.getuid?.() === 0);
}

function isProgram(name) {
  const folders = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.some((folder) => folder !== '' && existsSync(resolve(folder, name)));
}

function must(command, args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${status}`);
}

function finish(results) {
  console.log('');
  for (const { name, passed, failed, seconds, note } of results) {
    const counts = `${passed} of ${passed + failed}`;
    console.log(
      `${failed === 0 ? 'pass' : 'FAIL'}  ${name.padEnd(38)} ${counts.padStart(12)} ${`${seconds ?? 0} s`.padStart(7)}  ${note ?? ''}`.trimEnd(),
    );
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
