// docs/quick-start.md, command by command: each `sh` block is run in a fresh copy of the checkout, and each line of the
// `text` block after it must be found in what it says (`…` stands for anything). And the plugin server by itself.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunningProgram } from '../support/run-program.js';

const ROOT = join(import.meta.dirname, '..', '..');

interface Step {
  readonly commands: string;
  readonly expected: readonly string[];
}

let scratch = '';

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'prepatch-quick-start-'));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

test('every command of the quick start does what the text says', { timeout: 300_000 }, async () => {
  const checkout = join(scratch, 'checkout');
  copyCheckout(checkout);
  const steps = readSteps(readFileSync(join(ROOT, 'docs', 'quick-start.md'), 'utf8'));
  expect(steps.length).toBeGreaterThanOrEqual(9);
  const ownHome = join(scratch, 'my-server');
  for (const step of steps) await runStep(step, checkout, ownHome);

  const plugins = join(checkout, 'repository', 'components', 'plugins');
  for (const gone of ['clock_1.0.1', 'greeter_1.1.0', 'counter_1.1.0.mjs']) {
    expect(existsSync(join(plugins, gone)), gone).toBe(false);
  }
});

test('the server shows versions, errors and what is applied, and ends at a signal', async () => {
  const components = join(scratch, 'broken', 'repository', 'components');
  const put = (path: string, text: string) => {
    mkdirSync(join(components, path, '..'), { recursive: true });
    writeFileSync(join(components, path), text);
  };
  put('plugins/.gitkeep', '');
  put('plugins/good_1.9.0.mjs', "export const say = () => 'old';");
  put('plugins/good_1.10.0.mjs', "export const say = () => '<b>new</b>';");
  put('plugins/torn/package.json', '{ "name": "torn"');
  put('plugins/broken_2.0.0/package.json', '{ "name": "broken", "version": "2.0.0", "type": "module" }');
  put('plugins/broken_2.0.0/index.mjs', 'throw new Error("it does not load");');
  put('patches/.metadata/prePatchedDir.txt', 'servicepack002\r\npatch0007\r\n');

  const server = new RunningProgram([process.execPath, join(ROOT, 'examples/plugin-server/server.mjs')], {
    env: { PORT: '0', CARBON_HOME: join(scratch, 'broken') },
  });
  const address = /http:\/\/\S+/.exec(await server.said((text) => text.includes('applied:')))?.[0] ?? '';

  const page = await (await fetch(address)).text();
  expect(page).toContain('Patched: servicepack002, patch0007');
  expect(page).toContain('&#60;b&#62;new');
  expect(page).not.toContain('<b>new');

  const answer = (await (await fetch(`${address}/plugins.json`)).json()) as { plugins: Record<string, unknown>[] };
  expect(answer.plugins).toMatchObject([
    { name: 'broken', version: '2.0.0', error: 'it does not load' },
    { name: 'good', version: '1.10.0', older: ['1.9.0'], says: '<b>new</b>' },
    { name: 'torn', version: '?', error: expect.any(String) as string },
  ]);

  const health = await fetch(`${address}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toEqual({ status: 'failing', failed: ['broken', 'torn'] });
  expect((await fetch(`${address}/absent`)).status).toBe(404);
  expect((await fetch(address, { method: 'POST' })).status).toBe(405);

  server.signal('SIGTERM');
  expect(await server.ended).toMatchObject({ status: 0, signal: null, stderr: '' });
});

/** The checkout as a clone would have it: nothing that a start, a patch or a build by hand has left. */
function copyCheckout(target: string): void {
  mkdirSync(target);
  for (const name of [
    'bin',
    'dist',
    'examples',
    'package.json',
    'package-lock.json',
    'schemas',
    'scripts',
    'src',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(target, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  const components = join('repository', 'components');
  for (const kept of readFileSync(join(ROOT, 'repository', '.gitignore'), 'utf8').matchAll(/^!\/(.+?)\/?$/gm)) {
    const path = join('repository', kept[1] ?? '');
    const holdsOthers = ['plugins', 'patches', 'servicepacks'].some((folder) => path === join(components, folder));
    if (holdsOthers) mkdirSync(join(target, path), { recursive: true });
    else cpSync(join(ROOT, path), join(target, path), { recursive: true });
  }
}

function readSteps(text: string): Step[] {
  const steps: { commands: string; expected: string[] }[] = [];
  for (const [, language, body = ''] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (language === 'sh') steps.push({ commands: body, expected: [] });
    else steps.at(-1)?.expected.push(...body.split('\n').filter((line) => line !== ''));
  }
  return steps;
}

async function runStep(step: Step, checkout: string, ownHome: string): Promise<void> {
  const commands = step.commands.replaceAll('/tmp/my-server', ownHome);
  const patterns = step.expected.map((line) => new RegExp(`^${line.split('…').map(escapePattern).join('.*')}$`, 'm'));
  const program = new RunningProgram(['sh', '-e', '-c', commands], {
    cwd: checkout,
    env: { PORT: '0', npm_config_update_notifier: 'false' },
    timeoutMs: 90_000,
  });
  const isServer = commands.includes('npm start');
  if (isServer) {
    await program.said((text) => text.includes('  applied: '));
    program.signalGroup('SIGINT');
  }
  const { status, stdout, stderr } = await program.ended;
  const said = stdout.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:8080');
  for (const pattern of patterns) expect(said, `${commands}\n${stderr}`).toMatch(pattern);
  if (isServer) expect(said).toContain('SIGINT: stopping');
  else expect(status, `${commands}\n${stdout}\n${stderr}`).toBe(0);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
