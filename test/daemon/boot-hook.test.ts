// The boot hook from within: what keeps a server from starting is said with what to do about it, and its code is the one that the
// command line ends with.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runBootHook } from '../../src/daemon/boot-hook.js';
import type { FileStat } from '../../src/system/files.js';
import { RealFiles } from '../../src/system/real-files.js';
import { TestHome } from '../support/home-builder.js';

let home: TestHome;

beforeEach(() => {
  home = new TestHome('4.2', { plugins: [{ file: 'a.txt', text: 'old', tag: 'old' }] });
});

afterEach(() => {
  home.dispose();
});

class FailingFiles extends RealFiles {
  readonly #path: string;
  readonly #error: Error;

  constructor(path: string, error: Error) {
    super();
    this.#path = path;
    this.#error = error;
  }

  override stat(path: string): FileStat | undefined {
    if (path === this.#path) throw this.#error;
    return super.stat(path);
  }
}

async function run(error: Error): Promise<{ exitCode: number | undefined; said: string }> {
  const files = new FailingFiles(home.path('plugins'), error);
  let said = '';
  const exitCode = await runBootHook({
    files,
    environment: {},
    currentFolder: home.root,
    processId: process.pid,
    say: (text) => {
      said += text;
    },
  });
  return { exitCode, said };
}

test('what the file system refuses is named, and the server does not start', async () => {
  const path = home.path('plugins');
  const { exitCode, said } = await run(Object.assign(new Error(`EACCES: ${path}`), { code: 'EACCES', path }));
  expect(exitCode).toBe(3);
  expect(said).toMatch(/^prepatch: \S*plugins cannot be read \(EACCES\)\n {2}Give the user .*\n$/);
});

test('a defect asks for attention: nothing is known of the home', async () => {
  const { exitCode, said } = await run(new TypeError('it is undefined'));
  expect(exitCode).toBe(4);
  expect(said).toMatch(/^prepatch: this is a defect of prepatch[^\n]*\nTypeError: it is undefined\n/);
});
