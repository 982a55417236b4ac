// The commands as a user runs them: exit codes, one document on standard output, texts for people, mistakes with what is near.
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { type CommandResult, runPrepatch } from '../support/command.js';
import { type CaseHome, TestHome } from '../support/home-builder.js';

const made: TestHome[] = [];

afterEach(() => {
  for (const home of made.splice(0)) home.dispose();
});

function makeHome(described: CaseHome = ONE_PATCH): TestHome {
  const home = new TestHome('4.2', described);
  made.push(home);
  return home;
}

const ONE_PATCH: CaseHome = {
  plugins: [
    { name: 'org.a', version: '1.0.0', tag: 'a' },
    { name: 'org.b', version: '1.0.0', tag: 'b' },
  ],
  patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
};
const TORN = { name: 'org.b', version: '1.0.0', tag: 'b-torn', torn: true };

function run(home: TestHome, command: string, ...args: readonly string[]): Promise<CommandResult> {
  return runPrepatch([command, '--home', home.root, ...args]);
}

function only(result: CommandResult): Record<string, unknown> {
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

describe('a home with one new patch', () => {
  test('plan tells what a start would do, and 10 with --exit-code; nothing changes', async () => {
    const home = makeHome();
    const before = home.files('plugins');
    const plain = await run(home, 'plan');
    expect(plain.exitCode).toBe(0);
    expect(plain.stdout).toContain('apply   patch0001');
    expect(plain.stdout).toMatch(/replace repository\/components\/plugins\/org\.a_1\.0\.0\.jar/);
    expect(plain.stdout).toContain(
      'how long it takes is not known: the history has nothing like it. Nothing was changed.',
    );
    expect((await run(home, 'plan', '--exit-code')).exitCode).toBe(10);
    expect(home.files('plugins')).toEqual(before);
    expect(home.logBytes().length).toBe(0);
  });

  test('apply does it; afterwards there is nothing to do', async () => {
    const home = makeHome();
    const applied = await run(home, 'apply');
    expect(applied.exitCode).toBe(0);
    expect(applied.stdout).toMatch(/^Applied patch0001 \(1 path, transaction \S+\)\.\n$/);
    expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
    const again = await run(home, 'apply');
    expect(again.stdout).toBe('Nothing to do: the home is as its folders say.\n');
    expect((await run(home, 'plan', '--exit-code')).exitCode).toBe(0);
    const status = await run(home, 'status');
    expect(status.stdout).toMatch(/^state {4}clean/);
    expect(status.stdout).toContain('applied  patch0001');
  });

  test('history tells of it, and of one transaction each path', async () => {
    const home = makeHome();
    await run(home, 'apply');
    const table = await run(home, 'history');
    expect(table.stdout.split('\n')[0]).toMatch(/^when +transaction +outcome +by +took +why +what$/);
    expect(table.stdout).toMatch(/committed .* apply +apply patch0001; 1 path\n$/);
    const [record] = only(await run(home, 'history', '--json'))['records'] as { transaction: string }[];
    const one = await run(home, 'history', record!.transaction);
    expect(one.stdout).toContain('replace repository/components/plugins/org.a_1.0.0.jar');
    expect(one.stdout).toMatch(/ by \S+ on \S+\n.*\n {2}steps: look .*, stage .*, commit .*\n {2}1 file changed, /);
    const none = await run(home, 'history', 'zzz');
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain('there is no transaction zzz');
  });

  test('plan forecasts how long it takes as soon as the history has something like it', async () => {
    const home = makeHome();
    expect(only(await run(home, 'plan', '--json'))).toMatchObject({ forecastMs: null });
    await run(home, 'apply');
    expect(only(await run(home, 'plan', '--json'))).toMatchObject({ operations: 0, forecastMs: null });
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'b2' }]);
    expect((await run(home, 'plan')).stdout).toMatch(
      / 1 path, needs .* meanwhile; takes about \d.* s, as others like it did/,
    );
    expect(only(await run(home, 'plan', '--json'))).toMatchObject({ forecastMs: expect.any(Number) as unknown });
  });

  test('a quiet boot says nothing on standard output', async () => {
    const home = makeHome();
    expect((await run(home, 'boot')).stdout).toContain('Applied patch0001');
    const again = await run(home, 'boot');
    expect([again.exitCode, again.stdout, again.stderr]).toEqual([0, '', '']);
  });
});

describe('a patch that cannot be applied', () => {
  const broken = () => makeHome({ plugins: ONE_PATCH.plugins!, patches: { patch0002: [TORN] } });

  test('boot under last-good goes on with what was there, apply tells the truth', async () => {
    const home = broken();
    const before = home.files('plugins');
    const boot = await run(home, 'boot', '--', 'echo', 'server runs');
    expect(boot.exitCode).toBe(0);
    expect(boot.stdout).toMatch(/Nothing new was applied[^]*server runs\n$/);
    const apply = await run(home, 'apply', '--json');
    expect(apply.exitCode).toBe(3);
    expect(only(apply)).toMatchObject({ outcome: 'kept', failure: { code: 'PACK_REFUSED', exitCode: 3 } });
    expect(home.files('plugins')).toEqual(before);
    expect((await run(home, 'plan')).exitCode).toBe(3);
    expect((await run(home, 'plan', '--exit-code')).exitCode).toBe(3);
  });

  test('boot under strict refuses, and the server does not start', async () => {
    const home = broken();
    const boot = await run(home, 'boot', '--policy', 'strict', '--', 'echo', 'server runs');
    expect(boot.exitCode).toBe(3);
    expect(boot.stdout).toBe('');
    expect(boot.stderr).toMatch(/^prepatch: .*patch0002.*\(PACK_REFUSED\)\n {2}\S/);
  });

  test('degraded leaves it out, says so, and applies the others', async () => {
    const home = broken();
    home.addPatch('patch0001', [{ name: 'org.a', version: '1.0.0', tag: 'a1' }]);
    const boot = await run(home, 'boot', '--policy', 'degraded');
    expect(boot.exitCode).toBe(0);
    expect(boot.stdout).toMatch(/Applied patch0001[^]*left out: patch0002/);
  });
});

test.each([
  ['repair', 3, 'it is put back as patch0001 has it (drift: repair)'],
  ['report', 3, 'it is left so (drift: report)'],
  ['refuse', 3, 'DRIFTED'],
] as const)('verify says of drift what a start does about it: drift %s', async (drift, exitCode, says) => {
  const home = makeHome();
  await run(home, 'apply');
  writeFileSync(home.path('plugins/org.a_1.0.0.jar'), 'edited');
  const verified = await run(home, 'verify', '--set', `drift=${drift}`);
  expect([verified.exitCode, verified.stdout]).toEqual([exitCode, expect.stringContaining(says)]);
  expect(readFileSync(home.path('plugins/org.a_1.0.0.jar'), 'utf8')).toBe('edited');
  expect((await run(home, 'verify', '--repair', '--set', `drift=${drift}`)).exitCode).toBe(0);
  expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
});

test('plugins that neither patch0000 nor a pack explains are told at the first contact, and nothing is wrong', async () => {
  const home = makeHome({
    plugins: [...ONE_PATCH.plugins!, { name: 'org.left', version: '1.0.0', tag: 'left' }],
    patches: { patch0000: ONE_PATCH.plugins! },
  });
  const says = 'plugins/org.left_1.0.0.jar is neither in patch0000 nor in a pack; it is taken for the base';
  const plan = await run(home, 'plan');
  expect([plan.exitCode, plan.stdout]).toEqual([0, expect.stringContaining(`note: repository/components/${says}`)]);
  const doctor = await run(home, 'doctor');
  expect([doctor.exitCode, doctor.stdout]).toEqual([0, expect.stringContaining(says)]);
  expect(doctor.stdout).toMatch(/Nothing is wrong with this home\.\n$/);
  expect(only(await run(home, 'doctor', '--json'))['findings']).toEqual([
    expect.objectContaining({ code: 'ORPHAN', severity: 'info', fixable: false }),
  ]);
  expect((await run(home, 'verify')).exitCode).toBe(0);
  expect((await run(home, 'status')).stdout).not.toContain('drifted');
});

describe('what a killed run leaves', () => {
  const lost = [join('.prepatch', 'work', '20261121-144301-4fb5ff', '0.old'), 'a backup'] as const;
  test.each<[string, readonly [string, string], string, RegExp]>([
    ['INTERRUPTED', ['.prepatch/journal', ''], 'interrupted', /Run prepatch recover, or start the server/],
    ['JOURNAL_DAMAGED', ['.prepatch/journal', 'not\na journal\n'], 'rollback-failed', /Run prepatch doctor --fix/],
    ['JOURNAL_MISSING', lost, 'rollback-failed', /Run prepatch doctor --fix/],
  ])('%s: plan and verify say it and what to do, and exit with 4', async (code, [path, text], state, hint) => {
    const home = makeHome();
    await run(home, 'apply');
    mkdirSync(dirname(home.path(path)), { recursive: true });
    writeFileSync(home.path(path), text);
    expect(only(await run(home, 'status', '--json'))).toMatchObject({ state, problems: [{ code }] });
    for (const command of ['plan', 'verify']) {
      const said = await run(home, command);
      expect([said.exitCode, said.stdout]).toEqual([4, expect.stringMatching(hint)]);
      expect(said.stdout).toContain(code);
    }
    if (code !== 'INTERRUPTED') return;
    expect((await run(home, 'plan')).stdout).not.toContain('would refuse');
    expect((await run(home, 'recover')).exitCode).toBe(0);
    expect((await run(home, 'plan', '--exit-code')).exitCode).toBe(0);
  });
});

describe('the server', () => {
  test('gets its arguments, and its exit status is that of the command', async () => {
    const home = makeHome();
    const result = await run(
      home,
      'boot',
      '--',
      'sh',
      '-c',
      'printf "%s|" "$@"; exit 7',
      'sh',
      '--json',
      'a b',
      '--',
      '-x',
    );
    expect(result.stdout).toMatch(/--json\|a b\|--\|-x\|$/);
    expect(result.exitCode).toBe(7);
  });

  test('that ends by a signal gives a start script 128 and its number', async () => {
    // Where Node can replace itself, the signal ends what was our process: the shell makes one number of both.
    const through = ['sh', '-c', '"$@"; exit $?', 'sh'];
    const home = makeHome();
    const boot = ['boot', '--home', home.root, '--', 'sh', '-c', 'kill -TERM $$'];
    expect((await runPrepatch(boot, { through })).exitCode).toBe(143);
  });

  test('that is not there is said, with exit 2', async () => {
    const result = await run(makeHome(), 'boot', '--', '/nowhere/server');
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain('the server /nowhere/server cannot be started');
  });

  test('a script without a first line for the kernel runs as in a shell', async () => {
    const home = makeHome();
    const script = join(home.root, 'server');
    writeFileSync(script, 'echo plain script\n');
    chmodSync(script, 0o755);
    expect((await run(home, 'boot', '--', script)).stdout).toMatch(/plain script\n$/);
  });
});

describe('several homes', () => {
  test('one that fails leaves the others alone; the exit code is the worst', async () => {
    const good = makeHome();
    const bad = makeHome({ plugins: [], patches: { patch0001: [TORN] } });
    const result = await runPrepatch([
      'apply',
      '--json',
      '--home',
      good.root,
      '--home',
      '/nowhere',
      '--home',
      bad.root,
    ]);
    expect(result.exitCode).toBe(3);
    const documents = JSON.parse(result.stdout) as Record<string, unknown>[];
    expect(documents).toMatchObject([
      { home: good.root, outcome: 'changed' },
      { home: '/nowhere', error: { code: 'NO_HOME', exitCode: 2 } },
      { home: bad.root, outcome: 'kept' },
    ]);
    expect(tagsOfPatched(good)).toEqual(new Set(['a1']));
  });

  test('texts and complaints name the home', async () => {
    const good = makeHome();
    const result = await runPrepatch(['status', '--home', good.root, '--home', '/nowhere']);
    expect(result.stdout.split('\n').filter((line) => line !== '' && !line.startsWith(`${good.root}: `))).toEqual([]);
    expect(result.stderr).toMatch(/^prepatch: \/nowhere: there is no directory/);
    expect(result.exitCode).toBe(2);
  });

  test('no server starts where one of them does not allow it', async () => {
    const result = await runPrepatch(['boot', '--home', makeHome().root, '--home', '/nowhere', '--', 'echo', 'runs']);
    expect(result.exitCode).toBe(2);
    expect(result.stdout).not.toContain('runs');
  });
});

function tagsOfPatched(home: TestHome): ReadonlySet<string> {
  return home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'));
}

describe('mistakes', () => {
  const wrong: readonly [name: string, args: readonly string[], message: RegExp][] = [
    ['no command', [], /name a command: boot, apply/],
    ['a command that is none', ['stauts'], /unknown command stauts; the nearest is status/],
    ['a command that is none, with --help', ['stauts', '--help'], /unknown command stauts; the nearest is status/],
    ['a server before --', ['boot', '/opt/server'], /the server stands behind --; what is "\/opt\/server"\?/],
    ['an option that is none', ['plan', '--exitcode'], /unknown option --exitcode; the nearest is --exit-code/],
    ['an option of another command', ['plan', '--policy', 'strict'], /unknown option --policy/],
    ['a name of every object', ['plan', '--constructor'], /unknown option --constructor/],
    ['a choice that is none', ['boot', '--policy', 'strct'], /--policy is "strct"; expected: .*the nearest is strict/],
    ['a value that is missing', ['status', '--home'], /--home needs a value/],
    ['a value that is too much', ['status', '--json=yes'], /--json takes no value/],
    ['a number that is none', ['apply', '--wait', 'long'], /--wait is "long"; expected a number/],
    ['a number below zero', ['apply', '--wait=-1'], /--wait is "-1"; expected a number/],
    ['a word too many', ['status', 'now'], /prepatch status takes no words; what is "now"/],
    ['two ids', ['history', 'a', 'b'], /takes one word; what is "b"/],
    ['a setting without a value', ['status', '--set', 'policy'], /--set policy: expected KEY=VALUE/],
    [
      'a setting that is none',
      ['status', '--set', 'polcy=strict'],
      /polcy is no setting of prepatch; the nearest is policy/,
    ],
  ];

  test.each(wrong)('%s: exit 2, two lines on standard error', async (_, args, message) => {
    const home = makeHome();
    const result = await runPrepatch(args, { cwd: home.root });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^prepatch: [^\n]*\n {2}\S[^\n]*\n$/);
    expect(result.stdout).toBe('');
  });

  test('with --json they are a document too', async () => {
    const result = await runPrepatch(['plan', '--json', '--exitcode']);
    expect(result.exitCode).toBe(2);
    expect(only(result)).toMatchObject({ error: { code: 'BAD_USAGE', path: null, exitCode: 2 } });
  });

  test('options may stand before the command', async () => {
    const home = makeHome();
    const result = await runPrepatch(['--home', home.root, '--json', 'status']);
    expect(only(result)).toMatchObject({ home: home.root, state: 'pending' });
  });
});

describe('homes that are none', () => {
  test('nothing is there', async () => {
    expect(only(await runPrepatch(['status', '--json', '--home', '/nowhere']))).toMatchObject({
      home: '/nowhere',
      error: { code: 'NO_HOME', path: '/nowhere', hint: expect.stringContaining('--home') as string },
    });
  });

  test('a file', async () => {
    const home = makeHome();
    const file = join(home.root, 'file');
    writeFileSync(file, '');
    const result = await runPrepatch(['status', '--json', '--home', file]);
    expect(result.exitCode).toBe(2);
    expect(only(result)).toMatchObject({ error: { code: 'NO_HOME', path: file } });
  });

  test('a folder without components, though it is named', async () => {
    const home = makeHome();
    const result = await runPrepatch(['status', '--json', '--home', join(home.root, 'repository')]);
    expect(only(result)).toMatchObject({ error: { code: 'NO_HOME', exitCode: 2 } });
  });

  test.each(['plugins', 'patches', 'servicepacks'])('%s is a file', async (folder) => {
    const home = makeHome();
    rmSync(home.path(folder), { recursive: true });
    writeFileSync(home.path(folder), '');
    const result = await run(home, 'plan', '--json');
    expect(result.exitCode).toBe(3);
    expect(only(result)).toMatchObject({ error: { code: 'NOT_A_DIRECTORY', path: home.path(folder) } });
  });

  test('CARBON_HOME is taken where --home is not given, and the current folder where neither is', async () => {
    const [named, current] = [makeHome(), makeHome()];
    const byName = await runPrepatch(['status', '--json'], { cwd: current.root, env: { CARBON_HOME: named.root } });
    expect(only(byName)).toMatchObject({ home: named.root });
    expect(only(await runPrepatch(['status', '--json'], { cwd: current.root }))).toMatchObject({ home: current.root });
  });
});

describe('settings', () => {
  test('come from prepatch.yaml, over it the environment, over it options; config says which', async () => {
    const home = makeHome();
    writeFileSync(join(home.root, 'prepatch.yaml'), 'policy: strict\norder: natural\ndrift: report\n');
    const args = ['config', '--json', '--home', home.root, '--set', 'drift=refuse'];
    const result = await runPrepatch(args, { env: { PREPATCH_ORDER: 'lexicographic' } });
    const { settings } = JSON.parse(result.stdout) as { settings: { key: string; value: unknown; from: string }[] };
    const found = Object.fromEntries(settings.map(({ key, value, from }) => [key, [value, from]]));
    expect(found).toMatchObject({
      policy: ['strict', join(home.root, 'prepatch.yaml')],
      order: ['lexicographic', 'environment'],
      drift: ['refuse', 'command line'],
      layout: ['auto', 'default'],
    });
    const text = await run(home, 'config');
    expect(text.stdout).toContain('policy=strict');
    expect(text.stdout).toContain('(PREPATCH_POLICY)');
  });

  const bad: readonly [name: string, yaml: string, message: RegExp][] = [
    ['an unknown key', 'polcy: strict\n', /polcy is no setting of prepatch; the nearest is policy/],
    ['a bad value', 'policy: maybe\n', /policy is "maybe"; expected: last-good, strict, degraded/],
    ['no map', '- policy\n', /expected settings, each as key: value/],
    ['no YAML', 'policy: [\n', /prepatch\.yaml: .*line/],
    ['a key twice', 'policy: strict\npolicy: strict\n', /unique/],
  ];
  test.each(bad)('prepatch.yaml with %s', async (_, yaml, message) => {
    const home = makeHome();
    const path = join(home.root, 'prepatch.yaml');
    writeFileSync(path, yaml);
    const result = await run(home, 'status', '--json');
    expect(result.exitCode).toBe(2);
    expect(only(result)).toMatchObject({ error: { code: 'CONFIG_INVALID', path } });
    expect(result.stderr).toMatch(message);
  });

  test('prepatch.yaml that is a folder is named; one that is a link, as containers mount it, is read', async () => {
    const home = makeHome();
    const path = join(home.root, 'prepatch.yaml');
    mkdirSync(path);
    expect(only(await run(home, 'status', '--json'))).toMatchObject({ error: { code: 'CONFIG_INVALID', path } });
    rmSync(path, { recursive: true });
    writeFileSync(join(home.root, 'mounted'), 'policy: strict\n');
    symlinkSync('mounted', path);
    expect((await run(home, 'config')).stdout).toContain('policy=strict');
  });

  test.skipIf(process.getuid?.() !== 0)('prepatch.yaml that may not be read: the hint is about that', async () => {
    const home = makeHome();
    const path = join(home.root, 'prepatch.yaml');
    writeFileSync(path, 'policy: strict\n', { mode: 0o600 });
    const through = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    for (const folder of [dirname(home.root), home.root]) chmodSync(folder, 0o755);
    const result = await runPrepatch(['config', '--json', '--home', home.root], { through });
    expect(result.exitCode).toBe(2);
    expect(only(result)).toMatchObject({
      error: { code: 'CONFIG_INVALID', path, hint: `Give the user that runs prepatch the right to read ${path}.` },
    });
  });

  test('an unknown name in the environment', async () => {
    const home = makeHome();
    const result = await runPrepatch(['status', '--json', '--home', home.root], { env: { PREPATCH_POLCY: 'strict' } });
    expect(result.exitCode).toBe(2);
    expect(only(result)).toMatchObject({ error: { code: 'CONFIG_INVALID', path: 'PREPATCH_POLCY' } });
    expect(result.stderr).toContain('the nearest is PREPATCH_POLICY');
  });
});

describe('help', () => {
  test('lists every command, with the exit codes', async () => {
    const result = await runPrepatch(['--help']);
    expect(result.exitCode).toBe(0);
    for (const { name } of COMMANDS) expect(result.stdout).toContain(`prepatch ${name}`);
    expect(result.stdout).toMatch(/5 another\s+run/);
  });

  test.each(COMMANDS.map((command) => command.name))('prepatch %s --help has an example', async (name) => {
    const result = await runPrepatch([name, '--help']);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain(COMMANDS.find((command) => command.name === name)!.example);
    expect(result.stdout).toContain('--home');
  });

  test('help COMMAND, -h and --version', async () => {
    expect((await runPrepatch(['help', 'plan'])).stdout).toContain('--exit-code');
    expect((await runPrepatch(['plan', '-h'])).stdout).toContain('--exit-code');
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await runPrepatch(['--version'])).stdout).toBe(`${version}\n`);
  });

  test('shell completion', async () => {
    expect((await runPrepatch(['completion'])).stdout).toContain('--get-yargs-completions');
    const words = await runPrepatch(['--get-yargs-completions', 'prepatch', 'st'], { env: { SHELL: '/bin/bash' } });
    expect(words.stdout.split('\n')).toContain('status');
  });

  test('what belongs to the server asks for no help', async () => {
    const result = await run(makeHome(), 'boot', '--', 'echo', 'server', '--help');
    expect(result.stdout).toMatch(/server --help\n$/);
  });
});

test('a reader that goes away is no error', async () => {
  const home = makeHome();
  const result = await runPrepatch(['config', '--home', home.root], {
    through: ['sh', '-c', '"$@" 2>&1 | true; echo done', 'sh'],
  });
  expect([result.exitCode, result.stdout, result.stderr]).toEqual([0, 'done\n', '']);
});

describe.skipIf(!existsSync('/dev/full'))('standard output on a full disk', () => {
  const through = (where: string) => ['sh', '-c', `exec "$@" ${where}`, 'sh'];

  test('a start goes on: the server starts, and what is wrong is said', async () => {
    const home = makeHome();
    const server = ['sh', '-c', 'echo started >&2'];
    const result = await runPrepatch(['boot', '--home', home.root, '--', ...server], {
      through: through('>/dev/full'),
    });
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^prepatch: standard output cannot be written \(ENOSPC\) \(UNWRITABLE\)\n {2}.*\nstarted\n$/,
    );
    expect((await run(home, 'status')).stdout).toMatch(/^state {4}clean/);
  });

  test.each(['status', 'apply', 'watch --once'])('%s: its answer is lost, so it has not gone well', async (command) => {
    const home = makeHome();
    const args = [...command.split(' '), '--json', '--home', home.root];
    const result = await runPrepatch(args, { through: through('>/dev/full') });
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toMatch(/^prepatch: standard output cannot be written \(ENOSPC\)[^\n]*\n {2}\S[^\n]*\n$/);
  });

  test('nothing is taken out where it cannot be said what that does', async () => {
    const home = makeHome();
    const args = ['remove', 'patch0001', '--home', home.root];
    expect(await runPrepatch(args, { through: through('>/dev/full') })).toMatchObject({ exitCode: 3 });
    expect((await run(home, 'status')).stdout).toContain('to apply: patch0001');
  });

  test('an exit status is the one that it is where nothing can be said at all', async () => {
    const nowhere = ['status', '--json', '--home', '/no such home'];
    expect(await runPrepatch(nowhere, { through: through('>/dev/full 2>/dev/full') })).toMatchObject({ exitCode: 2 });
    const wrong = ['status', '--json', '--no-such-option'];
    expect(await runPrepatch(wrong, { through: through('>/dev/full 2>/dev/full') })).toMatchObject({ exitCode: 2 });
  });
});

test('the history says why each transaction was run', async () => {
  const home = makeHome();
  await run(home, 'boot');
  home.remove('patches/patch0001');
  await run(home, 'apply');
  const { records } = only(await run(home, 'history', '--json')) as { records: { reason: string; summary: unknown }[] };
  expect(records.map((record) => record.reason)).toEqual(['start', 'apply']);
  expect(records[1]?.summary).toMatchObject({ revert: ['patch0001'] });
});
