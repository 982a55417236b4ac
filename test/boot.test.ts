// `node --import prepatch/boot server.mjs`: the hook runs before the server's first module, once, and may keep it from starting.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { TestHome } from './support/home-builder.js';
import { type ProgramResult, runProgram } from './support/run-program.js';

const HOOK = fileURLToPath(new URL('../dist/boot.js', import.meta.url));
let home: TestHome;

afterEach(() => {
  home.dispose();
});

const SERVER = `import { readFileSync } from 'node:fs';
import { plugin } from './plugin.mjs';
process.stdout.write('server sees ' + plugin.length + ' bytes\\n');
export const read = () => readFileSync;
`;

/** The server's first import reads a plugin, so that it tells which one was there before any module was loaded. */
function makeHome(server = SERVER): TestHome {
  home = new TestHome('4.2', {
    plugins: [{ file: 'a.txt', text: 'old', tag: 'old' }],
    patches: { patch0001: [{ file: 'a.txt', text: 'patched!', tag: 'new' }] },
  });
  writeFileSync(
    join(home.root, 'plugin.mjs'),
    `import { readFileSync } from 'node:fs';
export const plugin = readFileSync(new URL('./repository/components/plugins/a.txt', import.meta.url));
`,
  );
  writeFileSync(join(home.root, 'server.mjs'), server);
  return home;
}

function start(env: Readonly<Record<string, string>> = {}, cwd = home.root): Promise<ProgramResult> {
  return runProgram([process.execPath, '--import', HOOK, join(home.root, 'server.mjs')], { cwd, env });
}

test('the server finds what was patched; a second start has nothing to say', async () => {
  makeHome();
  const first = await start();
  expect([first.status, first.stdout]).toEqual([0, 'server sees 8 bytes\n']);
  expect(first.stderr).toMatch(/^prepatch: Applied patch0001 \(1 path, transaction \S+\)\.\n$/);
  const second = await start();
  expect([second.status, second.stdout, second.stderr]).toEqual([0, 'server sees 8 bytes\n', '']);
});

test('CARBON_HOME names the home', async () => {
  makeHome();
  const result = await start({ CARBON_HOME: home.root }, '/');
  expect(result.stdout).toBe('server sees 8 bytes\n');
});

test('without a home the server does not start: exit 2', async () => {
  makeHome();
  const result = await start({}, '/');
  expect([result.status, result.stdout]).toEqual([2, '']);
  expect(result.stderr).toMatch(/^prepatch: \/ is no server’s home[^]*\n {2}\S/);
});

test('strict keeps it from starting, last-good does not', async () => {
  makeHome();
  home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'torn', torn: true }]);
  const strict = await start({ PREPATCH_POLICY: 'strict' });
  expect([strict.status, strict.stdout]).toEqual([3, '']);
  expect(strict.stderr).toContain('patch0002');
  const lastGood = await start();
  expect([lastGood.status, lastGood.stdout]).toEqual([0, 'server sees 3 bytes\n']);
  expect(lastGood.stderr).toContain('Nothing new was applied');
});

test('threads and children of the server do not patch the home under it', async () => {
  makeHome(`import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
const self = new URL(import.meta.url);
if (isMainThread && process.argv[2] === undefined) {
  // What an operator does while the server runs is for its next start.
  rmSync(new URL('./repository/components/patches/patch0001', self), { recursive: true });
  await once(new Worker(self), 'exit');
  await once(fork(self, ['child']), 'exit');
  process.stdout.write('done\\n');
}
`);
  const result = await start();
  expect([result.status, result.stdout]).toEqual([0, 'done\n']);
  expect(home.names()).toEqual(['patch0001']);
  await runProgram([process.execPath, '--import', HOOK, '-e', '0'], { cwd: home.root });
  expect(home.names()).toEqual([]);
});
