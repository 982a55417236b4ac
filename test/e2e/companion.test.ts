// Carbon's own patcher after us, and drops that would make it see something else than we do: after each start it finds nothing
// to do.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { carbonFindsNothingToDo } from '../support/carbon-oracle.js';
import { type CommandResult, runPrepatch } from '../support/command.js';
import { jarBytes, TestHome } from '../support/home-builder.js';
import { zipOf } from '../support/manifest-home.js';

const A = { name: 'org.example.a', version: '1.0.0' };

let home: TestHome;

beforeEach(() => {
  home = new TestHome('4.4', { plugins: [{ ...A, tag: 'a0' }] }).addCompanion();
});

afterEach(() => home.dispose());

const run = (...args: readonly string[]): Promise<CommandResult> => runPrepatch([...args, '--home', home.root]);

/** A start with this outcome, after which Carbon's patcher has nothing to do. */
async function start(exitCode: number, ...args: readonly string[]): Promise<string> {
  const { exitCode: actual, stdout, stderr } = await run('apply', ...args);
  expect(actual, stdout + stderr).toBe(exitCode);
  expect(await carbonFindsNothingToDo(home.root)).toEqual({ ok: true, reasons: [] });
  return stdout + stderr;
}

test.each([
  ['last-good', 3],
  ['degraded', 0],
])('a pack is set aside although an earlier drop of it is held (%s)', async (policy, exitCode) => {
  const dropBad = (tag: string) =>
    home.addPatch('patch0001', [
      { ...A, tag },
      { dir: 'sub', files: [] },
    ]);
  dropBad('first');
  await start(exitCode, '--policy', policy);
  dropBad('second');
  expect(await start(exitCode, '--policy', policy)).toContain('.held/another-patch0001');
  dropBad('third');
  await start(exitCode, '--policy', policy);
  // Each start looks at the newest; the earlier ones are kept beside it.
  for (const [name, tag] of [
    ['patch0001', 'third'],
    ['another-patch0001', 'first'],
    ['another-patch0001.2', 'second'],
  ] as const)
    expect([...home.tagsOf(home.md5(`patches/.held/${name}/org.example.a_1.0.0.jar`))], name).toEqual([tag]);
  rmSync(home.path('patches', '.held', 'patch0001', 'sub'), { recursive: true });
  expect(await start(0, '--policy', policy)).toContain('patch0001');
  expect([...home.tagsOf(home.md5('plugins/org.example.a_1.0.0.jar'))]).toEqual(['third']);
  home.remove('patches/patch0001');
  home.addPatch('patch0001', [{ ...A, tag: 'sound' }]);
  await start(0, '--policy', policy);
  expect([...home.tagsOf(home.md5('plugins/org.example.a_1.0.0.jar'))]).toEqual(['sound']);
});

test('order: natural does not count, and that is said', async () => {
  home.addPatch('patch9', [{ ...A, tag: 'nine' }]);
  home.addPatch('patch10', [{ ...A, tag: 'ten' }]);
  writeFileSync(join(home.root, 'prepatch.yaml'), 'order: natural\n');
  expect(await start(0)).toContain('patch10 is applied before patch9: Carbon’s own patcher compares names letter by');
  expect(home.names()).toEqual(['patch10', 'patch9']);
  expect([...home.tagsOf(home.md5('plugins/org.example.a_1.0.0.jar'))]).toEqual(['nine']);
});

test.each([
  ['the zip of the folder that counts', 'servicepack001.zip', 'servicepack001'],
  ['a zip of an older one', 'servicepack009.zip', 'servicepack000'],
])('%s does not hide the service pack', async (_what, zip, inside) => {
  home.addServicepack('servicepack001', { lib: [{ ...A, tag: 'one' }], absorbs: '' });
  const bytes = await zipOf({
    [`${inside}/lib/a.jar`]: jarBytes({ ...A, tag: 'zipped' }),
    [`${inside}/servicepack_patches.txt`]: '',
  });
  writeFileSync(home.path('servicepacks', zip), bytes);
  await start(0);
  expect(home.names()).toEqual(['servicepack001']);
  expect(existsSync(home.path('servicepacks', '.held', zip))).toBe(true);
  writeFileSync(home.path('servicepacks', zip), bytes);
  await start(0);
  expect(await start(0)).toContain('Nothing to do');
  expect([...home.tagsOf(home.md5('plugins/org.example.a_1.0.0.jar'))]).toEqual(['one']);
});
