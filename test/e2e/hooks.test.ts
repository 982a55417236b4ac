// The hooks of docs/hooks.md, run with the real prepatch: in a Carbon-like start script that restarts its server, as a
// container's entry point, as systemd reads them; and what they rest on, that the hook is replaced by the server.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { need } from '../support/need.js';
import { type ProgramResult, RunningProgram, runProgram } from '../support/run-program.js';

const ROOT = join(import.meta.dirname, '..', '..');
const HOOKS = join(ROOT, 'examples', 'hooks');
const BOOT = join(ROOT, 'bin', 'prepatch-boot');
const INSTALLER = join(HOOKS, 'carbon', 'install-carbon-hook.sh');

/** Shaped as Carbon's: options first, then the loop that starts the server again for as long as it ends with 121. */
const START_SCRIPT = `#!/bin/sh
# A start script for tests.
CARBON_HOME=\${CARBON_HOME:-$(cd "$(dirname "$0")/.." && pwd)}
export CARBON_HOME
for option in "$@"; do
  if [ "$option" = version ]; then
    echo 'version 4.4'
    exit 0
  fi
done

cd "$CARBON_HOME"
START_EXIT_STATUS=121
status=$START_EXIT_STATUS
while [ "$status" = "$START_EXIT_STATUS" ]
do
    "$CARBON_HOME/bin/java" \\
    -Dcarbon.home="$CARBON_HOME" \\
    "$@"
    status=$?
done
exit "$status"
`;

/** Says what is in its plugin; in its first life it has a patch dropped in and asks to be started again. */
const SERVER = `#!/bin/sh
components=$CARBON_HOME/repository/components
echo "server: $(cat "$components/plugins/greeting.txt")"
[ ! -d "$components/patches/patch0001" ] || exit 7
mkdir -p "$components/patches/patch0001"
echo patched > "$components/patches/patch0001/greeting.txt"
exit 121
`;

let scratch = '';
let home = '';

beforeEach(() => {
  // The space is there on purpose.
  scratch = mkdtempSync(join(tmpdir(), 'prepatch hooks-'));
  home = join(scratch, 'home');
  put('repository/components/plugins/greeting.txt', 'original\n');
});

afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe('shells', () => {
  const scripts = ['examples/hooks', 'examples/osgi'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.sh'))
      .map((name) => join(ROOT, folder, name)),
  );

  const shells: [string[], boolean][] = [
    [['sh'], true],
    [['bash', '--posix'], isOnPath('bash')],
    [['dash'], isOnPath('dash')],
    [['busybox', 'sh'], need('busybox') === undefined],
  ];
  for (const [shell, isThere] of shells) {
    test.skipIf(!isThere)(`${shell.join(' ')} reads every script`, async () => {
      expect(scripts.length).toBeGreaterThanOrEqual(5);
      for (const script of [...scripts, BOOT]) {
        expect(await runProgram([...shell, '-n', script]), script).toMatchObject({ status: 0, stderr: '' });
      }
    });
  }
});

describe('prepatch-boot', () => {
  test('is replaced by the server: same process, same exit status', async () => {
    const server = new RunningProgram([BOOT, '--home', home, '--', 'sh', '-c', 'echo "pid $$"; exit 121']);
    const { status, stdout } = await server.ended;
    expect(stdout).toContain(`pid ${server.pid}\n`);
    expect(status).toBe(121);
  });

  test('leaves the signals to the server', async () => {
    const script = 'trap "exit 42" TERM; echo ready; while :; do sleep 0.1; done';
    const server = new RunningProgram([BOOT, '--home', home, '--', 'sh', '-c', script]);
    await server.said((text) => text.includes('ready'));
    server.signal('SIGTERM');
    expect(await server.ended).toMatchObject({ status: 42, signal: null });
  });

  test('hands over arguments as they are', async () => {
    const words = ['', 'a b', '--', '$HOME', "it's", '*'];
    const print = 'for word do printf "<%s>" "$word"; done';
    const { stdout } = await runProgram([BOOT, '--home', home, '--', 'sh', '-c', print, 'sh', ...words]);
    expect(stdout.endsWith(words.map((word) => `<${word}>`).join(''))).toBe(true);
  });
});

describe('the hook in a Carbon start script', () => {
  let script = '';

  beforeEach(() => {
    script = put('bin/wso2server.sh', START_SCRIPT, 0o750);
    put('bin/java', SERVER, 0o755);
  });

  for (const shell of ['sh', 'bash']) {
    test.skipIf(!isOnPath(shell))(
      `applies before the first start and before a restart with 121: ${shell}`,
      async () => {
        expect(await install()).toMatchObject({ status: 0 });
        const { status, stdout, stderr } = await runProgram([shell, script], { env: { CARBON_BOOT_HOOK: BOOT } });
        expect(linesOf(stdout, 'server: '), stderr).toEqual(['server: original', 'server: patched']);
        expect(status).toBe(7);
      },
    );
  }

  test('keeps the server from starting where the home cannot be vouched for', async () => {
    await install();
    mkdirSync(join(home, 'repository/components/patches/patch0001'), { recursive: true });
    symlinkSync('/etc/hostname', join(home, 'repository/components/patches/patch0001/greeting.txt'));
    const strict = { CARBON_BOOT_HOOK: BOOT, PREPATCH_POLICY: 'strict' };
    const refused = await runProgram(['sh', script], { env: strict });
    expect(refused.status).toBe(3);
    expect(refused.stdout).not.toContain('server: ');

    const absent = await runProgram(['sh', script], { env: { CARBON_BOOT_HOOK: join(scratch, 'absent') } });
    expect(absent).toMatchObject({ status: 127 });
    expect(absent.stdout).not.toContain('server: ');
    expect(absent.stderr).toContain('CARBON_BOOT_HOOK');
  });

  test('leaves commands that start nothing alone', async () => {
    await install();
    const { status, stdout } = await runProgram(['sh', script, 'version'], {
      env: { CARBON_BOOT_HOOK: join(scratch, 'absent') },
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'version 4.4\n' });
  });

  test('is put in once, found, and taken out without a trace', async () => {
    expect(await install('--check')).toMatchObject({ status: 1 });
    await install();
    const once = readFileSync(script, 'utf8');
    expect(once.split('prepatch-hook.sh')).toHaveLength(2);
    expect(await install()).toMatchObject({ status: 0, stdout: expect.stringContaining('nothing to do') as string });
    expect(readFileSync(script, 'utf8')).toBe(once);
    expect(await install('--check')).toMatchObject({ status: 0 });
    expect(statSync(script).mode & 0o777).toBe(0o750);

    // An earlier version of the hook is replaced, not added to.
    writeFileSync(script, once.replace('. "$CARBON_HOME', ': "$CARBON_HOME'));
    expect(await install('--check')).toMatchObject({ status: 1 });
    await install();
    expect(readFileSync(script, 'utf8')).toBe(once);

    expect(await install('--remove')).toMatchObject({ status: 0 });
    expect(readFileSync(script, 'utf8')).toBe(START_SCRIPT);
    expect(statSync(script).mode & 0o777).toBe(0o750);
    expect(readdirSync(dirname(script)).sort()).toEqual(['java', 'wso2server.sh']);
  });

  test('is put after a `do` on the line of the loop as well', async () => {
    const oneLine = START_SCRIPT.replace(']\ndo\n', ']; do\n');
    writeFileSync(script, oneLine);
    await install();
    const { stdout } = await runProgram(['sh', script], { env: { CARBON_BOOT_HOOK: BOOT } });
    expect(linesOf(stdout, 'server: ')).toEqual(['server: original', 'server: patched']);
  });

  test.each([
    ['no restart loop', 'echo no loop\n'],
    ['two of them', `${START_SCRIPT}${START_SCRIPT}`],
    ['a mark without an end', `# >>> prepatch\n${START_SCRIPT}`],
    ['an end without a mark', `# <<< prepatch\n${START_SCRIPT}`],
  ])('is not put into a script with %s, which stays as it is', async (_what, text) => {
    writeFileSync(script, text);
    const result = await install();
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(script);
    expect(readFileSync(script, 'utf8')).toBe(text);
    expect(readdirSync(dirname(script)).sort()).toEqual(['java', 'wso2server.sh']);
  });

  test('is not put in through a link', async () => {
    const link = join(home, 'bin', 'start');
    symlinkSync(script, link);
    expect(await runProgram([INSTALLER, link])).toMatchObject({ status: 2 });
    expect(readFileSync(script, 'utf8')).toBe(START_SCRIPT);
  });

  function install(...options: string[]): Promise<ProgramResult> {
    return runProgram([INSTALLER, ...options], { env: { CARBON_HOME: home } });
  }
});

describe('containers', () => {
  test('the entry point becomes the server', async () => {
    const bin = join(scratch, 'bin');
    mkdirSync(bin);
    symlinkSync(BOOT, join(bin, 'prepatch-boot'));
    const print = 'echo "pid $$"; cat "$CARBON_HOME/repository/components/plugins/greeting.txt"; exit 9';
    put('repository/components/patches/patch0001/greeting.txt', 'patched\n');
    const entry = new RunningProgram([join(HOOKS, 'container', 'entrypoint.sh'), 'sh', '-c', print], {
      env: { CARBON_HOME: home, PATH: `${bin}:${process.env.PATH ?? ''}` },
    });
    const { status, stdout } = await entry.ended;
    expect(stdout).toContain(`pid ${entry.pid}\npatched\n`);
    expect(status).toBe(9);
  });

  test('the commands of the init containers bring packs in and apply them', async () => {
    const pod = parse(readFileSync(join(HOOKS, 'container', 'pod.yaml'), 'utf8')) as {
      spec: { initContainers: { name: string; command: string[] }[] };
    };
    const image = join(scratch, 'image');
    const volume = join(scratch, 'volume', 'repository');
    cpSync(home, join(image, 'opt/server'), { recursive: true });
    mkdirSync(volume, { recursive: true });
    mkdirSync(join(image, 'packs/servicepacks'), { recursive: true });
    mkdirSync(join(image, 'packs/patches/patch0001'), { recursive: true });
    writeFileSync(join(image, 'packs/patches/patch0001/greeting.txt'), 'patched\n');
    // In `apply` the volume is mounted at the home's repository; before, beside the home of the image.
    const places = (name: string, word: string) =>
      word
        .replace(/^\/opt\/server/, name === 'apply' ? dirname(volume) : join(image, 'opt/server'))
        .replace(/^\/packs/, join(image, 'packs'))
        .replace(/^\/volume/, volume);
    for (const { name, command } of pod.spec.initContainers) {
      const argv = command.map((word) => places(name, word));
      const result = await runProgram(
        argv[0] === 'prepatch' ? [process.execPath, join(ROOT, 'bin/prepatch.js'), ...argv.slice(1)] : argv,
      );
      expect(result, result.stderr).toMatchObject({ status: 0 });
    }
    expect(readFileSync(join(volume, 'components/plugins/greeting.txt'), 'utf8')).toBe('patched\n');
  });
});

describe.skipIf(!isOnPath('systemd-analyze'))('systemd', () => {
  test('finds nothing wrong with the unit and the drop-in', async () => {
    const units = join(scratch, 'units').replaceAll(' ', '-');
    mkdirSync(join(units, 'plugin-server.service.d'), { recursive: true });
    try {
      // What a machine for tests does not have: the user, and the programs where the example puts them.
      const adapt = (name: string) =>
        readFileSync(join(HOOKS, 'systemd', name), 'utf8')
          .replaceAll('/usr/local/bin/prepatch-boot', '/bin/sh')
          .replaceAll('/usr/bin/node', '/bin/sh')
          .replaceAll('=plugin-server\n', '=root\n');
      const unit = join(units, 'plugin-server.service');
      writeFileSync(unit, adapt('plugin-server.service'));
      writeFileSync(join(units, 'plugin-server.service.d', 'prepatch.conf'), adapt('prepatch.conf'));
      const result = await runProgram(['systemd-analyze', 'verify', '--man=no', unit]);
      const about = `${result.stdout}${result.stderr}`.split('\n').filter((line) => line.includes('plugin-server'));
      expect(about).toEqual([]);
    } finally {
      rmSync(units, { recursive: true, force: true });
    }
  });
});

function put(path: string, text: string, mode = 0o644): string {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  chmodSync(full, mode);
  return full;
}

function linesOf(text: string, prefix: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(prefix));
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
}
