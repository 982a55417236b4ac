// What doctor makes of an interrupted transaction whose journal is damaged or gone: no original is lost, it may itself be
// interrupted anywhere, and what it says has been done has been done.
import { expect, test } from 'vitest';
import { Patcher } from '../../src/patcher.js';
import { SerialBulk } from '../../src/system/bulk.js';
import type { Files } from '../../src/system/files.js';
import { everyPoint, findLost, preciousOf } from '../support/crash-judge.js';
import { endProcess, startHome } from '../support/engine-run.js';
import { FaultyFiles, SimulatedCrash } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import { HOME, makeFolder, mounted, PATCHES, put, type SmallHome, smallest, STATE } from '../support/small-homes.js';

/** The home after a crash in the middle of a call, the first for which `isThere`. */
async function crashed(
  home: SmallHome,
  isThere: (call: keyof Files, args: readonly string[]) => boolean,
): Promise<MemoryFiles> {
  const files = home.files.clone();
  let over = false;
  const door = new Proxy<Files>(files, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        over ||= isThere(key as keyof Files, args.map(String));
        if (over) throw new SimulatedCrash(String(key));
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
  expect(await startHome(door, HOME, home.config, home.policy)).toMatchObject({ kind: 'crashed' });
  endProcess(files, `${STATE}/locks`);
  return files;
}

async function fix(home: SmallHome, files: Files): Promise<readonly string[]> {
  const doors = { files, bulk: new SerialBulk(files), emit: () => undefined, now: () => 1_800_000_000_000 };
  const { fixed } = await new Patcher(HOME, home.config, doors).doctor({ fix: true, waitMs: 0 });
  return fixed;
}

const CONF = `${HOME}/conf/server.properties`;

async function withAction(): Promise<SmallHome> {
  const home = await smallest();
  makeFolder(home.files, `${HOME}/conf`);
  put(home.files, CONF, 'port=1\n');
  const actions = [
    { kind: 'editProperties', file: '/conf/server.properties', edits: [{ op: 'set', key: 'port', value: '2' }] },
  ];
  put(home.files, `${PATCHES}/patch0001.json`, JSON.stringify({ id: 'patch0001', version: '1.0.0', actions }));
  return home;
}

/** As it is, but for a record of this kind, of which one byte is another. */
function damage(files: MemoryFiles, kind: string): void {
  const journal = `${STATE}/journal`;
  const text = files.read(journal, 1e6).toString();
  expect(text).toContain(`"kind":"${kind}"`);
  files.unlink(journal);
  put(files, journal, text.replace(`"kind":"${kind}"`, `"kind":"X${kind.slice(1)}"`));
}

test('an original that only a damaged record of an action tells of is kept', async () => {
  const home = await withAction();
  const files = await crashed(home, (call, [, text = '']) => call === 'append' && text.includes('"commit"'));
  expect(files.read(CONF, 100).toString()).toBe('port=2\n');
  damage(files, 'undo');
  const fixed = await fix(home, files);
  const kept = fixed.flatMap((line) => /^(\S+\/aside\/\S+) keeps /.exec(line)?.[1] ?? []);
  expect(kept.map((path) => files.read(`${HOME}/${path}`, 100).toString())).toEqual(['port=1\n']);
});

test('what was committed is completed, and not called restored', async () => {
  const home = await withAction();
  const files = await crashed(home, (call, [path = '']) => call === 'writeNew' && path.includes('ledger.copy'));
  damage(files, 'done');
  const fixed = await fix(home, files);
  expect(fixed).toEqual([expect.stringMatching(/^transaction \S+ was completed$/)]);
  expect(files.read(CONF, 100).toString()).toBe('port=2\n');
});

test('it may be interrupted, where plugins are a mount of their own, too', async () => {
  const home = await mounted();
  const once = await crashed(home, (call, [source = '']) => call === 'rename' && source.includes('/2.new'));
  once.unlink(`${STATE}/journal`);
  const counting = new FaultyFiles(once.clone());
  await fix(home, counting);
  const bad: string[] = [];
  for (const at of everyPoint(counting.points.length)) {
    const files = once.clone();
    const end = await fix(home, new FaultyFiles(files, { at, fault: 'crash', forGood: false })).catch(
      (error: unknown) => error,
    );
    endProcess(files, `${STATE}/locks`);
    try {
      await fix(home, files);
    } catch (error) {
      bad.push(`${at}: ${String(error)} after ${String(end)}`);
    }
    bad.push(...findLost(files, preciousOf(home.files)));
  }
  expect(bad).toEqual([]);
});
