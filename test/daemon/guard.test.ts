// prepatch-boot's decision that Node need not be started (docs/guard.md), in each shell: a table of changes that it must see,
// one of what it may pass over, and whole starts with the real prepatch. In the tables a stand-in for Node counts how often it
// is asked and takes every home for clean, so that each row begins with a fresh stamp.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import JSZip from 'jszip';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { need } from '../support/need.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';

const ROOT = join(import.meta.dirname, '..', '..');
const STAND_IN = `#!/bin/sh
echo asked >>"$CALLS"
[ -z "\${PREPATCH_GUARD:-}" ] || mv "$PREPATCH_GUARD/plugins" "$PREPATCH_GUARD/packs" "\${PREPATCH_GUARD%/*}/"
exit "\${STATUS:-0}"
`;
const REAL_NODE = `#!/bin/sh
echo asked >>"$CALLS"
exec '${process.execPath}' "$@"
`;
const BUSYBOX_TOOLS = ['sh', 'find', 'stat', 'cmp', 'date', 'mkdir', 'rm', 'mv', 'grep', 'chown', 'readlink', 'true'];

/** A home, the program, and what stands before the system's programs on the PATH. */
class Stage {
  readonly scratch = mkdtempSync(join(tmpdir(), 'prepatch guard-'));
  readonly home = join(this.scratch, 'home');
  readonly program = join(this.scratch, 'program');
  readonly tools = join(this.scratch, 'tools');
  readonly calls = join(this.scratch, 'calls');
  readonly #shell: readonly string[];
  readonly #path: string;

  constructor(shell: Shell, node: string) {
    for (const folder of [this.program, this.tools]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(this.tools, 'node'), node, { mode: 0o755 });
    const busybox = shell.argv[0] === 'busybox';
    // Only BusyBox's programs, as in a small container.
    if (busybox) for (const tool of BUSYBOX_TOOLS) symlinkSync(pathOf('busybox'), join(this.tools, tool));
    this.#path = busybox ? this.tools : `${this.tools}${delimiter}${process.env.PATH ?? ''}`;
    this.#shell = busybox ? [join(this.tools, 'sh')] : [pathOf(shell.argv[0] ?? 'sh'), ...shell.argv.slice(1)];
    for (const part of ['bin', 'package.json']) cpSync(join(ROOT, part), join(this.program, part), { recursive: true });
    this.write(join(this.program, 'dist', 'main.cjs'), '// a build\n');
    this.write('plugins/core_1.0.0.txt', 'patched\n');
    this.write('plugins/other_1.0.0.txt', 'other\n');
    this.write('plugins/exploded_1.0.0/inner/file.txt', 'inner\n');
    this.write('patches/patch0001/core_1.0.0.txt', 'patched\n');
    this.write('servicepacks/servicepack001/servicepack_patches.txt', '');
    this.write('servicepacks/servicepack001/lib/more_1.0.0.txt', 'more\n');
    this.write('default/configuration/prePatched.txt', 'servicepack001\npatch0001\n');
    this.write('.prepatch/ledger.json', '{}\n');
    this.write('.prepatch/store/0123', 'original\n');
    for (const folder of ['locks', 'work', 'cache']) mkdirSync(this.path('.prepatch', folder));
    this.write(this.logFile, '');
  }

  /** A path below `repository/components`. */
  path(...parts: readonly string[]): string {
    return join(this.home, 'repository', 'components', ...parts);
  }

  write(path: string, text: string): string {
    const full = path.startsWith('/') ? path : this.path(path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  }

  async boot(options: BootOptions = {}): Promise<ProgramResult & { readonly asked: boolean }> {
    const before = this.asked;
    const { argv, env } = this.command(options);
    const result = await runProgram(argv, { cwd: options.cwd ?? this.scratch, env });
    return { ...result, asked: this.asked > before };
  }

  command(options: BootOptions): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
    const args = options.args ?? ['--home', this.home];
    const server = args.includes('--') ? [] : ['--', 'true'];
    return {
      argv: [...this.#shell, join(options.program ?? this.program, 'bin', 'prepatch-boot'), ...args, ...server],
      env: { PATH: this.#path, CALLS: this.calls, ...options.env },
    };
  }

  /** Has a script in the place of a program for a while. */
  async withTool(tool: string, script: string, use: () => Promise<void>): Promise<void> {
    const path = join(this.tools, tool);
    const aside = join(this.scratch, `${tool}.aside`);
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    if (isThere) renameSync(path, aside);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    try {
      await use();
    } finally {
      unlinkSync(path);
      if (isThere) renameSync(aside, path);
    }
  }

  get asked(): number {
    return existsSync(this.calls) ? readFileSync(this.calls, 'utf8').split('\n').length - 1 : 0;
  }

  /** Starts until nothing is in doubt. */
  async settle(): Promise<void> {
    for (let tries = 0; tries < 3; tries++) if (!(await this.boot()).asked) return;
    throw new Error('the guard does not settle');
  }

  get logFile(): string {
    return join(this.home, 'repository', 'logs', 'patches.log');
  }

  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  remove(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** For whole starts: nothing is on record, and the real prepatch is asked. */
function unpatchedStage(shell: Shell): Stage {
  const stage = new Stage(shell, REAL_NODE);
  for (const path of ['.prepatch', 'default/configuration/prePatched.txt', 'servicepacks/servicepack001'])
    rmSync(stage.path(path), { recursive: true });
  stage.write('plugins/core_1.0.0.txt', 'original\n');
  return stage;
}

interface BootOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly program?: string;
}

interface Shell {
  readonly argv: readonly string[];
  readonly isThere: boolean;
}

const SHELLS: readonly Shell[] = [
  { argv: ['dash'], isThere: isOnPath('dash') },
  { argv: ['bash', '--posix'], isThere: isOnPath('bash') },
  { argv: ['busybox', 'sh'], isThere: need('busybox') === undefined },
];

/** Puts the old modification time back, so that only the change time tells. */
function unnoticed(path: string, change: () => void): void {
  const { atime, mtime } = statSync(path);
  change();
  utimesSync(path, atime, mtime);
}

/** What must make the guard ask prepatch (docs/guard.md, the table of clause 2). */
const SEEN: readonly [string, (stage: Stage) => void][] = [
  [
    'a plugin overwritten with as many bytes, its modification time put back',
    (stage) => {
      const path = stage.path('plugins/core_1.0.0.txt');
      unnoticed(path, () => writeFileSync(path, 'PATCHED\n'));
    },
  ],
  [
    'a plugin that no pack covers, the same way',
    (stage) => {
      const path = stage.path('plugins/other_1.0.0.txt');
      unnoticed(path, () => writeFileSync(path, 'OTHER\n'));
    },
  ],
  [
    'a file deep in an exploded bundle',
    (stage) => appendFileSync(stage.path('plugins/exploded_1.0.0/inner/file.txt'), 'x'),
  ],
  [
    'a plugin overwritten through a second link outside the home',
    (stage) => {
      const link = join(stage.scratch, `link-${stage.asked}`);
      linkSync(stage.path('plugins/other_1.0.0.txt'), link);
      unnoticed(link, () => writeFileSync(link, 'AGAIN\n'));
    },
  ],
  ['a plugin added', (stage) => stage.write(`plugins/new-${stage.asked}.txt`, 'new\n')],
  ['a plugin removed', (stage) => unlinkSync(stage.path('plugins/gone.txt'))],
  ['a plugin renamed', (stage) => renameSync(stage.path('plugins/moved.txt'), stage.path('plugins/moved-on.txt'))],
  [
    'a plugin replaced by its copy, times kept',
    (stage) => {
      const path = stage.path('plugins/other_1.0.0.txt');
      copyFileSync(path, `${path}.new`);
      const { atime, mtime } = statSync(path);
      utimesSync(`${path}.new`, atime, mtime);
      renameSync(`${path}.new`, path);
    },
  ],
  ['the mode of a plugin', (stage) => chmodSync(stage.path('plugins/other_1.0.0.txt'), 0o600)],
  [
    'a plugin replaced by a link to its copy',
    (stage) => {
      const path = stage.path('plugins/linked.txt');
      renameSync(path, join(stage.scratch, 'linked.txt'));
      symlinkSync(join(stage.scratch, 'linked.txt'), path);
    },
  ],
  [
    'a file of a patch overwritten with as many bytes, its modification time put back',
    (stage) => {
      const path = stage.path('patches/patch0001/core_1.0.0.txt');
      unnoticed(path, () => writeFileSync(path, 'PATCHED\n'));
    },
  ],
  ['a file added to a patch', (stage) => stage.write('patches/patch0001/added.txt', 'added\n')],
  ['a patch dropped', (stage) => stage.write('patches/patch0002/core_1.0.0.txt', 'newer\n')],
  ['an empty patch dropped', (stage) => mkdirSync(stage.path('patches/patch0003'))],
  ['a patch renamed', (stage) => renameSync(stage.path('patches/patch0003'), stage.path('patches/patch0004'))],
  ['a patch taken away', (stage) => rmSync(stage.path('patches/patch0004'), { recursive: true })],
  [
    'a file of a service pack',
    (stage) => appendFileSync(stage.path('servicepacks/servicepack001/lib/more_1.0.0.txt'), 'x'),
  ],
  [
    'the list of a service pack',
    (stage) => stage.write('servicepacks/servicepack001/servicepack_patches.txt', 'patch0001\n'),
  ],
  ['another service pack', (stage) => stage.write('servicepacks/servicepack002/servicepack_patches.txt', '')],
  [
    'the plugins replaced by a copy of them',
    (stage) => {
      cpSync(stage.path('plugins'), stage.path('copy'), { recursive: true, preserveTimestamps: true });
      renameSync(stage.path('plugins'), stage.path('before'));
      renameSync(stage.path('copy'), stage.path('plugins'));
    },
  ],
  ['the layout of Carbon 4.4', (stage) => mkdirSync(stage.path('patches/.metadata'))],
  ['the list of what is applied', (stage) => stage.write('default/configuration/prePatched.txt', 'patch0001\n')],
  ['the list of what is applied gone', (stage) => unlinkSync(stage.path('default/configuration/prePatched.txt'))],
  [
    'the bundles that are loaded',
    (stage) => stage.write('default/configuration/org.eclipse.equinox.simpleconfigurator/bundles.info', '#version=1\n'),
  ],
  [
    'the bundles of another profile',
    (stage) => stage.write('worker/configuration/org.eclipse.equinox.simpleconfigurator/bundles.info', ''),
  ],
  ['the record', (stage) => stage.write('.prepatch/ledger.json', '{ }\n')],
  ['an original that is not in the store any more', (stage) => unlinkSync(stage.path('.prepatch/store/0123'))],
  ['a journal', (stage) => stage.write('.prepatch/journal', '')],
  ['the journal cleared', (stage) => unlinkSync(stage.path('.prepatch/journal'))],
  ['work of a transaction', (stage) => stage.write(join('.prepatch', 'work', '20261121-000000-aaaaaa', '0'), 'x')],
  [
    'work of a transaction at the top of another mount',
    (stage) => stage.write('plugins/.prepatch/20261121-000000-aaaaaa/0', 'x'),
  ],
  [
    'work of a transaction at the top of the home',
    (stage) => stage.write(join(stage.home, '.prepatch/20261121-000000-aaaaaa/0'), 'x'),
  ],
  ['another run that has the lock', (stage) => stage.write('.prepatch/locks/held.1.1.1.1.1.host', '')],
  ['a configuration', (stage) => stage.write(join(stage.home, 'prepatch.yaml'), 'policy: strict\n')],
  ['another configuration', (stage) => stage.write(join(stage.home, 'prepatch.yaml'), 'policy: degraded\n')],
  ['a companion', (stage) => stage.write(join(stage.home, 'bin/wso2server.sh'), '')],
  [
    'a companion known by its JAR',
    (stage) => stage.write(join(stage.home, 'bin/org.wso2.carbon.bootstrap_4.4.jar'), ''),
  ],
  ['the version of the server', (stage) => stage.write(join(stage.home, 'bin/version.txt'), 'Server v2\n')],
  ['another build of prepatch', (stage) => stage.write(join(stage.program, 'dist/main.cjs'), '// another\n')],
  ['another version of prepatch', (stage) => appendFileSync(join(stage.program, 'package.json'), '\n')],
  ['the stamp gone', (stage) => unlinkSync(stage.path('.prepatch/guard/packs'))],
  ['the other half of the stamp gone', (stage) => unlinkSync(stage.path('.prepatch/guard/plugins'))],
  [
    'the stamp cut',
    (stage) => {
      const path = stage.path('.prepatch/guard/plugins');
      writeFileSync(path, readFileSync(path).subarray(0, -20));
    },
  ],
  [
    'a change made while the clock was set back',
    // As if the plugin had had a later change time when it was looked at: what is there now is older than the stamp.
    (stage) => edit(stage.path('.prepatch/guard/plugins'), (text) => laterChange(text, 'other_1.0.0.txt')),
  ],
  [
    'a stamp of another format',
    (stage) => edit(stage.path('.prepatch/guard/packs'), (text) => text.replace('guard 1', 'guard 0')),
  ],
];

/** What the guard may pass over: nothing that a start would look at. */
const PASSED_OVER: readonly [string, (stage: Stage) => BootOptions | undefined][] = [
  ['another start', () => undefined],
  [
    'a plugin read',
    (stage) => {
      readFileSync(stage.path('plugins/core_1.0.0.txt'));
      return undefined;
    },
  ],
  [
    'files of the server',
    (stage) => {
      stage.write('default/configuration/org.eclipse.osgi/cache', 'x');
      stage.write(join(stage.home, 'repository/logs/wso2carbon.log'), 'x');
      stage.write(join(stage.home, 'wso2carbon.pid'), '1');
      return undefined;
    },
  ],
  [
    'the cache of digests and the history',
    (stage) => {
      stage.write('.prepatch/cache/inventory.json', '{}');
      stage.write('.prepatch/history/transactions.jsonl', '');
      return undefined;
    },
  ],
  ['the home by CARBON_HOME', (stage) => ({ args: [], env: { CARBON_HOME: stage.home } })],
  ['the home by --home=DIR', (stage) => ({ args: [`--home=${stage.home}`] })],
  ['the home by a path that is relative', () => ({ args: ['--home', 'home/../home'] })],
  ['the home as the current folder', (stage) => ({ args: [], cwd: stage.home })],
  [
    'the home through a link',
    (stage) => {
      symlinkSync(stage.home, join(stage.scratch, 'alias'));
      return { args: ['--home', join(stage.scratch, 'alias')] };
    },
  ],
];

/** How it is called, where that is another call than the one that the stamp stands for. */
const OTHER_CALLS: readonly [string, BootOptions][] = [
  ['another policy', { args: ['--home', 'home', '--policy', 'strict'] }],
  ['another policy, written with =', { args: ['--home', 'home', '--policy=degraded'] }],
  ['an option that the guard does not know', { args: ['--home', 'home', '--json'] }],
  ['a setting', { args: ['--home', 'home', '--set', 'policy=strict'] }],
  ['two homes', { args: ['--home', 'home', '--home', 'home'] }],
  ['an option without its value', { args: ['--home'] }],
  ['a setting in the environment', { env: { PREPATCH_POLICY: 'strict' } }],
  ['a setting that does not exist', { env: { PREPATCH_POLCY: 'strict' } }],
  ['another repository', { env: { CARBON_REPOSITORY: '/nowhere' } }],
];

describe.each(SHELLS)('$argv', (shell) => {
  describe.skipIf(!shell.isThere)('with a stand-in for Node', () => {
    let stage: Stage;
    beforeAll(() => {
      stage = new Stage(shell, STAND_IN);
    });
    afterAll(() => stage.remove());
    beforeEach(async () => {
      for (const name of ['gone', 'moved', 'linked']) {
        const path = stage.path(`plugins/${name}.txt`);
        if (lstatSync(path, { throwIfNoEntry: false }) === undefined) writeFileSync(path, name);
      }
      await stage.settle();
    });

    test.each(SEEN)('sees %s', async (_, change) => {
      change(stage);
      expect(await stage.boot()).toMatchObject({ asked: true, status: 0 });
      expect(await stage.boot()).toMatchObject({ asked: false, status: 0 });
    });

    test.each(PASSED_OVER)('passes over %s', async (_, change) => {
      const options = change(stage);
      expect(await stage.boot(options)).toMatchObject({ asked: false, status: 0, stdout: '', stderr: '' });
    });

    test.each(OTHER_CALLS)('asks at %s', async (_, options) => {
      expect(await stage.boot(options)).toMatchObject({ asked: true });
      expect(readdirSync(stage.path('.prepatch/guard')).sort()).toEqual(['packs', 'plugins']);
    });

    test('knows a setting that was there when it was looked, and no other value of it', async () => {
      const withPolicy = (policy: string) => stage.boot({ env: { PREPATCH_POLICY: policy } });
      await withPolicy('strict');
      expect(await withPolicy('strict')).toMatchObject({ asked: false });
      expect(await withPolicy('degraded')).toMatchObject({ asked: true });
      expect(await withPolicy('strict')).toMatchObject({ asked: true });
    });

    test.each(['plugins', 'patches', 'servicepacks'])('has no stamp where %s is a link', async (folder) => {
      const away = join(stage.scratch, 'away');
      renameSync(stage.path(folder), away);
      symlinkSync(away, stage.path(folder));
      try {
        for (let start = 0; start < 2; start++) expect(await stage.boot()).toMatchObject({ asked: true, status: 0 });
      } finally {
        unlinkSync(stage.path(folder));
        renameSync(away, stage.path(folder));
      }
    });

    // BusyBox's shell does not look for these on the PATH.
    const ownTools = shell.argv[0] === 'busybox';
    test.skipIf(ownTools)('has no stamp on a file system that it does not know', async () => {
      rmSync(stage.path('.prepatch/guard'), { recursive: true });
      // NFS, as stat has it.
      await stage.withTool('stat', 'echo 6969', async () => {
        for (let start = 0; start < 2; start++) expect(await stage.boot()).toMatchObject({ asked: true, status: 0 });
      });
    });

    test.skipIf(ownTools).each([
      ['find', 'exit 1'],
      ['cmp', 'exit 127'],
    ])('asks where %s does not work', async (tool, script) => {
      await stage.withTool(tool, script, async () => {
        expect(await stage.boot()).toMatchObject({ asked: true, status: 0 });
      });
    });

    test('does not start the server where the hook says no', async () => {
      appendFileSync(stage.path('plugins/other_1.0.0.txt'), 'x');
      const marker = join(stage.scratch, 'started');
      const args = ['--home', stage.home, '--', 'touch', marker];
      expect(await stage.boot({ args, env: { STATUS: '3' } })).toMatchObject({ asked: true, status: 3 });
      expect(existsSync(marker)).toBe(false);
    });

    test('writes the lines of a start without changes, with the local time', async () => {
      const before = stage.log.length;
      await stage.boot({ env: { TZ: 'UTC' } });
      const lines = stage.log.slice(before).split('\n');
      const times = lines.splice(0, 4).map((line) => {
        const found = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d),(\d{3})\] {2}INFO \{prepatch\} - {2}(.*)$/.exec(line);
        return { at: Date.parse(`${found?.[1]}T${found?.[2]}.${found?.[3]}Z`), body: found?.[4] };
      });
      expect(lines).toEqual(['']);
      expect(times.map(({ body }) => body)).toEqual([
        'Checking for patch changes ...',
        'No new patch or service pack detected, server will start without applying patches',
        'Patch verification started',
        'Patch verification successfully completed',
      ]);
      for (const { at } of times) expect(Math.abs(Date.now() - at)).toBeLessThan(600_000);
    });

    test('asks where the log is not there, or is a link: who makes it sees to its owner', async () => {
      const log = stage.logFile;
      renameSync(log, `${log}.away`);
      expect((await stage.boot()).asked).toBe(true);
      symlinkSync(`${log}.away`, log);
      expect((await stage.boot()).asked).toBe(true);
      rmSync(log);
      renameSync(`${log}.away`, log);
    });

    test('starts the server where the log cannot be written, and says so', async () => {
      const log = stage.logFile;
      renameSync(log, `${log}.away`);
      mkdirSync(log);
      const result = await stage.boot();
      expect(result).toMatchObject({ asked: false, status: 0 });
      expect(result.stderr).toContain('patches.log cannot be written');
      rmSync(log, { recursive: true });
      renameSync(`${log}.away`, log);
    });

    test('sees a file system that is mounted over a patch', async (context) => {
      const inMounts = [pathOf('unshare'), '--mount', pathOf('sh'), '-c'];
      const isPossible = await runProgram([...inMounts, `${pathOf('mount')} -t tmpfs none '${stage.scratch}'`]).then(
        (result) => result.status === 0,
        () => false,
      );
      if (!isPossible) context.skip('needs root rights and unshare');
      const call = `${pathOf('mount')} -t tmpfs none '${stage.path('patches/patch0001')}' && exec "$@"`;
      const before = stage.asked;
      const boot = stage.command({ args: ['--home', stage.home] });
      await runProgram([...inMounts, call, 'sh', ...boot.argv], { env: boot.env });
      expect(stage.asked).toBe(before + 1);
    });
  });

  describe.skipIf(!shell.isThere)('with prepatch', () => {
    test('a start that finds nothing makes the stamp, the next needs no Node, a drop is applied and the stamp renewed', async () => {
      const stage = unpatchedStage(shell);
      try {
        const boot = async () => (await stage.boot({ program: ROOT })).asked;
        // Applies, looks again and makes the stamp, needs no Node.
        expect([await boot(), await boot(), await boot()]).toEqual([true, true, false]);
        expect(readFileSync(stage.path('plugins/core_1.0.0.txt'), 'utf8')).toBe('patched\n');
        stage.write('patches/patch0002/core_1.0.0.txt', 'newer\n');
        expect([await boot(), await boot(), await boot()]).toEqual([true, true, false]);
        expect(readFileSync(stage.path('plugins/core_1.0.0.txt'), 'utf8')).toBe('newer\n');
        const plugin = stage.path('plugins/core_1.0.0.txt');
        unnoticed(plugin, () => writeFileSync(plugin, 'NEWER\n'));
        expect([await boot(), await boot(), await boot()]).toEqual([true, true, false]);
        expect(readFileSync(plugin, 'utf8')).toBe('newer\n');
        expect(new Set(stage.log.match(/^\[[^\]]*\]/gm)?.map((time) => time.length))).toEqual(new Set([25]));
      } finally {
        stage.remove();
      }
    });

    test('with a zip among the patches the next start needs no Node either, until the zip is replaced', async () => {
      const stage = unpatchedStage(shell);
      try {
        const zip = async (text: string) => {
          const archive = new JSZip().file('patch0003/core_1.0.0.txt', text);
          writeFileSync(stage.path('patches/patch0003.zip'), await archive.generateAsync({ type: 'uint8array' }));
        };
        const boot = async () => (await stage.boot({ program: ROOT })).asked;
        await zip('zipped\n');
        expect([await boot(), await boot(), await boot()]).toEqual([true, true, false]);
        expect(readFileSync(stage.path('plugins/core_1.0.0.txt'), 'utf8')).toBe('zipped\n');
        await zip('again\n');
        expect([await boot(), await boot(), await boot()]).toEqual([true, true, false]);
        expect(readFileSync(stage.path('plugins/core_1.0.0.txt'), 'utf8')).toBe('again\n');
      } finally {
        stage.remove();
      }
    });

    test('a home of which something is to be said at every start has no stamp', async () => {
      const stage = new Stage(shell, REAL_NODE);
      try {
        rmSync(stage.path('.prepatch'), { recursive: true });
        rmSync(stage.path('default/configuration/prePatched.txt'));
        mkdirSync(stage.path('patches/PATCH0002'));
        for (let start = 0; start < 3; start++) expect((await stage.boot({ program: ROOT })).asked).toBe(true);
        expect(stage.log.match(/PATCH0002/g)?.length).toBeGreaterThanOrEqual(3);
        expect(readdirSync(stage.path('.prepatch/guard'))).toEqual([]);
      } finally {
        stage.remove();
      }
    });
  });
});

test('a date without fractions of a second gives zeros', async () => {
  const stage = new Stage({ argv: ['sh'], isThere: true }, STAND_IN);
  try {
    writeFileSync(join(stage.tools, 'date'), `#!/bin/sh\necho '2026-11-21 11:24:17,%3N'\n`, { mode: 0o755 });
    await stage.settle();
    await stage.boot();
    expect(stage.log).toContain('[2026-11-21 11:24:17,000]  INFO {prepatch} -  Checking for patch changes ...\n');
  } finally {
    stage.remove();
  }
});

function edit(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'latin1');
  const after = change(before);
  if (after === before) throw new Error(`nothing was edited in ${path}`);
  writeFileSync(path, after, 'latin1');
}

/** The description with the change time of a file a second later. */
function laterChange(text: string, name: string): string {
  const separator = text.startsWith('prepatch guard 1 stat') ? '\n' : '\0';
  return text
    .split(separator)
    .map((entry) =>
      entry.endsWith(name)
        ? entry.replace(/^(\d+ \d+ )(\d+)/, (_, head, seconds) => `${head}${Number(seconds) + 1}`)
        : entry,
    )
    .join(separator);
}

function isOnPath(name: string): boolean {
  return pathOf(name) !== name;
}

function pathOf(name: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? name;
}
