// A real OSGi framework starts on a patched home: what it says on its standard output is what it has loaded.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/need.js';
import { runProgram } from '../support/run-program.js';

const ROOT = join(import.meta.dirname, '..', '..');
const missing = need('java', 'javac', 'equinox');

describe.skipIf(missing !== undefined)('Equinox', () => {
  let built = '';

  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'prepatch-osgi-'));
    const build = await runProgram(['sh', join(ROOT, 'examples/osgi/build.sh'), built]);
    expect(build, build.stderr).toMatchObject({ status: 0 });
  });

  afterAll(() => {
    rmSync(built, { recursive: true, force: true });
  });

  test.each(['home', 'home-listed'])(
    'loads the patched bundle, and the original again after the revert: %s',
    async (name) => {
      const home = join(built, name);
      const patch = join(home, 'repository/components/patches/patch0001');
      expect(await start(home)).toBe('greeter 1.0.0: hello');

      cpSync(join(built, 'packs/patch0001'), patch, { recursive: true });
      expect(await start(home)).toBe('greeter 1.0.0: hello, patched');
      expect(pluginsOf(home).filter((file) => file.includes('greeter'))).toEqual(['org.example.greeter_1.0.0.jar']);

      rmSync(patch, { recursive: true });
      expect(await start(home)).toBe('greeter 1.0.0: hello');
    },
  );

  test('loads the new version that lies beside the old one, and the old one after the revert', async () => {
    const home = join(built, 'home');
    const patch = join(home, 'repository/components/patches/patch0002');
    cpSync(join(built, 'packs/patch0002'), patch, { recursive: true });
    expect(await start(home)).toBe('greeter 1.0.1: hello, and welcome');
    expect(pluginsOf(home)).toEqual(['org.example.greeter_1.0.0.jar', 'org.example.greeter_1.0.1.jar']);

    rmSync(patch, { recursive: true });
    expect(await start(home)).toBe('greeter 1.0.0: hello');
    expect(pluginsOf(home)).toEqual(['org.example.greeter_1.0.0.jar']);
  });
});

/** Starts the server through the hook; what its bundle says. */
async function start(home: string): Promise<string | undefined> {
  const boot = [join(ROOT, 'bin/prepatch-boot'), '--home', home, '--', join(home, 'bin/server.sh'), '--once'];
  const result = await runProgram(boot);
  expect(result, result.stderr).toMatchObject({ status: 0 });
  return result.stdout.split('\n').find((line) => line.startsWith('greeter '));
}

function pluginsOf(home: string): string[] {
  return readdirSync(join(home, 'repository/components/plugins')).sort();
}
