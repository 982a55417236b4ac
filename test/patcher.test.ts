// A verification with repair, and a rebase: what other runs do meanwhile is not lost, and what nobody has proven is not done.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { type Config, resolveConfig } from '../src/config.js';
import { ignoreEvents } from '../src/event.js';
import { Patcher } from '../src/patcher.js';
import { type Bulk, SerialBulk } from '../src/system/bulk.js';
import { RealFiles } from '../src/system/real-files.js';
import { TestHome } from './support/home-builder.js';

const files = new RealFiles();
let home: TestHome;
afterEach(() => home.dispose());

function makeHome(): TestHome {
  home = new TestHome('4.2', {
    plugins: [
      { name: 'org.a', version: '1.0.0', tag: 'a' },
      { name: 'org.b', version: '1.0.0', tag: 'b' },
    ],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
  return home;
}

function patcher(settings: Partial<Config> = {}, bulk: Bulk = new SerialBulk(files)): Patcher {
  const { config } = resolveConfig([]);
  return new Patcher(home.root, { ...config, ...settings }, { files, bulk, emit: ignoreEvents, now: Date.now });
}

/** Has something happen when the first file is read. */
class MeanwhileBulk extends SerialBulk {
  #meanwhile: (() => Promise<unknown>) | undefined;

  constructor(meanwhile: () => Promise<unknown>) {
    super(files);
    this.#meanwhile = meanwhile;
  }

  override async digest(...args: Parameters<Bulk['digest']>): ReturnType<Bulk['digest']> {
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    await meanwhile?.();
    return super.digest(...args);
  }
}

test('what another run commits while a repair looks stays', async () => {
  makeHome();
  expect(await patcher().start('strict', 'test', 0)).toMatchObject({ outcome: 'changed' });
  writeFileSync(home.path('plugins/org.a_1.0.0.jar'), 'edited');
  const bulk = new MeanwhileBulk(async () => {
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'b2' }]);
    await patcher({ drift: 'report' }).start('strict', 'test', 0);
  });
  const repair = { deep: true, repair: true, waitMs: 0 };
  expect(await patcher({}, bulk).verify(repair)).toMatchObject({ ok: true, repaired: true });
  expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
  expect(home.tagsOf(home.md5('plugins/org.b_1.0.0.jar'))).toEqual(new Set(['b2']));
  expect(await patcher().status()).toMatchObject({ state: 'clean', applied: ['patch0001', 'patch0002'], problems: [] });
  home.remove('patches/patch0002');
  await patcher().start('strict', 'test', 0);
  expect(home.tagsOf(home.md5('plugins/org.b_1.0.0.jar'))).toEqual(new Set(['b']));
});

test('a repair that leaves something as it was found does not call the home right', async () => {
  makeHome();
  await patcher().start('strict', 'test', 0);
  for (const name of ['org.a', 'org.b']) writeFileSync(home.path(`plugins/${name}_1.0.0.jar`), 'edited');
  const repair = { deep: false, repair: true, waitMs: 0 };
  expect(await patcher().verify(repair)).toMatchObject({ ok: false, repaired: true });
  expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
  const left = { ok: false, repaired: false, problems: [{ code: 'BASE_CHANGED' }] };
  expect(await patcher().verify(repair)).toMatchObject(left);
});

test('what is wrong beside a refused pack is said once', async () => {
  makeHome();
  await patcher().start('strict', 'test', 0);
  writeFileSync(home.path('plugins/org.b_1.0.0.jar'), 'edited');
  home.addPatch('patch0002', [{ name: 'org.c', version: '1.0.0', tag: 'c2', torn: true }]);
  const { outcome, problems } = await patcher().start('last-good', 'test', 0);
  expect(outcome).toBe('kept');
  expect(problems.map((problem) => problem.code).sort()).toEqual(['BASE_CHANGED', 'PACK_REFUSED']);
});

test('a repair applies nothing to a home that has no record', async () => {
  makeHome();
  expect(await patcher().verify({ deep: false, repair: true, waitMs: 0 })).toMatchObject({ repaired: false });
  expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a']));
  expect(existsSync(home.path('.prepatch/ledger.json'))).toBe(false);
});

test('what both the folders and the record show is said once', async () => {
  makeHome();
  await patcher().start('strict', 'test', 0);
  writeFileSync(home.path('plugins/org.b_1.0.0.jar'), 'edited');
  home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'torn', torn: true }]);
  const { problems } = await patcher().start('last-good', 'test', 0);
  expect(problems.map((problem) => problem.code).sort()).toEqual(['BASE_CHANGED', 'PACK_REFUSED']);
  appendFileSync(home.namesFile, 'patch0009\n');
  const edited = await patcher().start('last-good', 'test', 0);
  expect(edited.problems.filter((problem) => problem.code === 'LEDGER_EDITED')).toHaveLength(1);
});

test('a rebase over an edited list of what is applied is refused', async () => {
  makeHome();
  await patcher().start('strict', 'test', 0);
  appendFileSync(home.namesFile, 'patch0009\n');
  writeFileSync(home.path('plugins/org.b_1.0.0.jar'), 'the vendor’s change');
  await expect(patcher().rebase(0)).rejects.toMatchObject({ code: 'LEDGER_EDITED', exitCode: 3 });
  expect(home.names()).toEqual(['patch0001', 'patch0009']);
});
