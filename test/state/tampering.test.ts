// Our own files, edited by others: every byte flipped or cut off of the ledger, the history, the cache, the journal, and each of
// them deleted. A start then either says what to run, or does what it would have done; never anything in between.
import { beforeAll, describe, expect, test } from 'vitest';
import { readHistory } from '../../src/state/history.js';
import { formatRecord, formatUndoing } from '../../src/transaction/journal.js';
import { parseLedger } from '../../src/state/ledger-file.js';
import { makeLayout } from '../../src/home/layout.js';
import { PatchError } from '../../src/error.js';
import {
  differences,
  endProcess,
  leftovers,
  readTree,
  recoverHome,
  startHome,
  type Tree,
} from '../support/engine-run.js';
import { FaultyFiles } from '../support/faulty-files.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  applyFull,
  HOME,
  jar,
  PATCHES,
  PLUGINS,
  put,
  removeTree,
  type SmallHome,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';

const FULL = process.env.CRASH_FULL === '1';
const layout = makeLayout(HOME, 'carbon-4.2');

interface Sides {
  readonly home: SmallHome;
  readonly before: Tree;
  readonly after: Tree;
}

async function sidesOf(home: SmallHome): Promise<Sides> {
  const files = home.files.clone();
  await startHome(files, HOME, home.config, home.policy);
  return { home, before: readTree(home.files, HOME), after: readTree(files, HOME) };
}

/** Positions in a file, all of them or evenly many. */
function positions(length: number, most: number): number[] {
  const step = FULL ? 1 : Math.max(1, Math.floor(length / most));
  const found: number[] = [];
  for (let at = 0; at < length; at += step) found.push(at);
  return [...new Set([...found, length - 1])];
}

function flipped(bytes: Buffer, at: number, bit = 1): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ bit;
  return changed;
}

/** A start over files that were tampered with: refused with a code and nothing changed, or right. */
async function expectNoticedOrRight(sides: Sides, files: MemoryFiles, what: string): Promise<'noticed' | 'right'> {
  const untouched = readTree(files, HOME);
  const ended = await startHome(files, HOME, sides.home.config, 'strict');
  const now = readTree(files, HOME);
  if (ended.kind === 'refused') {
    expect(differences(untouched, now), what).toEqual([]);
    expect(ended.error.hint, what).toMatch(/prepatch (doctor|plan)|Run prepatch/);
    return 'noticed';
  }
  expect(ended, what).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(differences(sides.after, now), what).toEqual([]);
  return 'right';
}

describe('the ledger', () => {
  let sides: Sides;
  beforeAll(async () => {
    sides = await sidesOf(await upgrade());
  });

  test('every byte of it, flipped, is noticed by the parser', () => {
    const bytes = sides.home.files.read(`${STATE}/ledger.json`, 1e6);
    for (let at = 0; at < bytes.length; at++)
      for (const bit of [1, 32, 128])
        expect(() => parseLedger(flipped(bytes, at, bit), 'ledger.json'), `byte ${at}`).toThrow(
          expect.objectContaining({ code: 'LEDGER_DAMAGED' }),
        );
  });

  test('cut off anywhere, it is noticed by the parser', () => {
    const bytes = sides.home.files.read(`${STATE}/ledger.json`, 1e6);
    for (let length = 0; length < bytes.length; length++)
      expect(() => parseLedger(bytes.subarray(0, length), 'ledger.json')).toThrow(PatchError);
  });

  test('a start over a changed, cut or missing ledger changes nothing and says what to run', async () => {
    const bytes = sides.home.files.read(`${STATE}/ledger.json`, 1e6);
    for (const at of positions(bytes.length, 40)) {
      const files = sides.home.files.clone();
      files.scribble(`${STATE}/ledger.json`, flipped(bytes, at));
      expect(await expectNoticedOrRight(sides, files, `byte ${at}`)).toBe('noticed');
      files.scribble(`${STATE}/ledger.json`, bytes.subarray(0, at));
      expect(await expectNoticedOrRight(sides, files, `cut at ${at}`)).toBe('noticed');
    }
    const missing = sides.home.files.clone();
    missing.unlink(`${STATE}/ledger.json`);
    const ended = await startHome(missing, HOME, sides.home.config, 'last-good');
    expect(ended).toMatchObject({ kind: 'refused', error: { code: 'LEDGER_MISSING' } });
  });

  test('a ledger of a newer version is not touched', async () => {
    const { formatChecked } = await import('../../src/system/checked-json.js');
    const files = sides.home.files.clone();
    files.scribble(`${STATE}/ledger.json`, Buffer.from(formatChecked({ format: 2 })));
    const ended = await startHome(files, HOME, sides.home.config, 'last-good');
    expect(ended).toMatchObject({ kind: 'refused', error: { code: 'LEDGER_NEWER' } });
  });

  test('one that cannot be read is said to be unreadable', async () => {
    const files = sides.home.files.clone();
    const counting = new FaultyFiles(files.clone(), { at: 0, fault: 'crash', forGood: false, reads: true });
    await startHome(counting, HOME, sides.home.config, 'strict');
    const at = counting.points.findIndex((point) => point.call === 'read' && point.path === `${STATE}/ledger.json`) + 1;
    const faulty = new FaultyFiles(files, { at, fault: 'EACCES', forGood: true, reads: true });
    expect(await startHome(faulty, HOME, sides.home.config, 'strict')).toMatchObject({
      kind: 'refused',
      error: { code: 'UNREADABLE' },
    });
  });
});

test('a changed list of applied packs is noticed', async () => {
  const sides = await sidesOf(await upgrade());
  const path = layout.namesFile;
  for (const text of ['', 'patch0001\n', 'patch0001\npatch0002\npatch0009\n', 'patch0002\npatch0001\n']) {
    const files = sides.home.files.clone();
    files.scribble(path, Buffer.from(text));
    expect(await startHome(files, HOME, sides.home.config, 'strict')).toMatchObject({
      kind: 'refused',
      error: { code: 'LEDGER_EDITED' },
    });
    expect(differences(readTree(files, HOME), sides.before).every((line) => line.includes('prePatched.txt'))).toBe(
      true,
    );
  }
});

describe('the store', () => {
  test('an original whose bytes were changed is never put back', async () => {
    const home = await upgrade();
    const sides = await sidesOf(home);
    for (const name of home.files.list(`${STATE}/store`)) {
      const bytes = home.files.read(`${STATE}/store/${name}`, 1e6);
      for (const at of positions(bytes.length, 25)) {
        const files = home.files.clone();
        files.scribble(`${STATE}/store/${name}`, flipped(bytes, at));
        const ended = await startHome(files, HOME, home.config, 'strict');
        if (ended.kind === 'ended') {
          // Nothing had to be put back from it.
          expect(differences(sides.after, readTree(files, HOME))).toEqual([]);
          continue;
        }
        expect(ended).toMatchObject({ kind: 'refused', error: { code: 'STORE_DAMAGED' } });
        expect(differences(sides.before, readTree(files, HOME))).toEqual([]);
        expect(leftovers(files, STATE)).toEqual([]);
      }
    }
  });

  test('a missing original is noticed before anything is touched', async () => {
    const home = await upgrade();
    const files = home.files.clone();
    for (const name of files.list(`${STATE}/store`)) files.unlink(`${STATE}/store/${name}`);
    const ended = await startHome(files, HOME, home.config, 'strict');
    expect(ended).toMatchObject({ kind: 'refused', exitCode: 3, error: { code: 'STORE_DAMAGED' } });
    expect(differences(readTree(home.files, HOME), readTree(files, HOME))).toEqual([]);
  });
});

describe('the history', () => {
  test('a changed line breaks the chain from the next one on', async () => {
    const home = await upgrade();
    const files = home.files.clone();
    await startHome(files, HOME, home.config, home.policy);
    removeTree(files, `${PATCHES}/patch0003`);
    await startHome(files, HOME, home.config, home.policy);
    const path = `${STATE}/history/transactions.jsonl`;
    const bytes = files.read(path, 1e6);
    expect(readHistory(files, layout).brokenAt).toBeUndefined();
    expect(readHistory(files, layout).records).toHaveLength(3);
    const lastLine = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
    for (let at = 0; at < lastLine; at++) {
      const one = files.clone();
      one.scribble(path, flipped(bytes, at));
      expect(
        readHistory(one, layout).brokenAt,
        `byte ${at}: ${JSON.stringify(bytes.subarray(Math.max(0, at - 30), at + 30).toString())}`,
      ).toBeDefined();
    }
    for (const cut of [0, lastLine]) {
      const one = files.clone();
      one.scribble(path, Buffer.concat([bytes.subarray(0, cut), bytes.subarray(bytes.indexOf('\n', cut) + 1)]));
      // Without its first line the chain has no beginning; a missing last line shows in the ledger only.
      if (cut === 0) expect(readHistory(one, layout).brokenAt).toBe(1);
    }
  });

  test('what an interrupted append left is stepped over, and the chain goes on', async () => {
    const home = await smallest();
    const files = home.files.clone();
    await startHome(files, HOME, home.config, home.policy);
    const path = `${STATE}/history/transactions.jsonl`;
    files.append(path, '{"number":2,"transac');
    removeTree(files, `${PATCHES}/patch0001`);
    expect(await startHome(files, HOME, home.config, home.policy)).toMatchObject({ kind: 'ended', exitCode: 0 });
    const history = readHistory(files, layout);
    expect(history.brokenAt).toBeUndefined();
    expect(history.records).toHaveLength(2);
  });
});

test('a changed, cut or missing cache costs time and nothing else', async () => {
  const home = await upgrade();
  const sides = await sidesOf(home);
  const path = `${STATE}/cache/inventory.json`;
  const bytes = home.files.read(path, 1e6);
  for (const at of positions(bytes.length, 60)) {
    for (const content of [flipped(bytes, at), bytes.subarray(0, at)]) {
      const files = home.files.clone();
      files.scribble(path, content);
      expect(await expectNoticedOrRight(sides, files, `byte ${at}`)).toBe('right');
    }
  }
  const missing = home.files.clone();
  removeTree(missing, `${STATE}/cache`);
  expect(await expectNoticedOrRight(sides, missing, 'no cache')).toBe('right');
});

describe('the journal of an interrupted apply', () => {
  /** Interrupted in the middle of the deployment, after it, and after the commit. */
  async function interruptions(home: SmallHome): Promise<MemoryFiles[]> {
    const counting = new FaultyFiles(home.files.clone());
    await startHome(counting, HOME, home.config, home.policy);
    const { points } = counting;
    const deployed = points.flatMap((point, index) =>
      point.call === 'rename' && point.path.startsWith(PLUGINS) ? [index + 1] : [],
    );
    const appends = points.flatMap((point, index) =>
      point.call === 'append' && point.part === 'flush' ? [index + 1] : [],
    );
    const found: MemoryFiles[] = [];
    for (const at of [deployed[1] ?? 0, (deployed.at(-1) ?? 0) + 1, (appends[1] ?? 0) + 1]) {
      const files = home.files.clone();
      await startHome(new FaultyFiles(files, { at, fault: 'crash', forGood: false }), HOME, home.config, home.policy);
      endProcess(files, `${STATE}/locks`);
      found.push(files);
    }
    return found;
  }

  for (const make of [upgrade, applyFull, onlyNew]) {
    test(`${make.name}: every byte flipped, cut off, or all of it deleted`, { timeout: 600_000 }, async () => {
      const home = await make();
      const sides = await sidesOf(home);
      for (const interrupted of await interruptions(home)) {
        const path = `${STATE}/journal`;
        const bytes = interrupted.read(path, 1e6);
        const contents = positions(bytes.length, 60).flatMap((at) => [flipped(bytes, at), bytes.subarray(0, at)]);
        for (const content of [...contents, undefined]) {
          const files = interrupted.clone();
          if (content === undefined) files.unlink(path);
          else files.scribble(path, content);
          const untouched = readTree(files, HOME);
          const recovery = await recoverHome(files, HOME, home.config);
          const now = readTree(files, HOME);
          if (recovery.kind === 'refused') {
            expect(recovery.exitCode).toBe(4);
            expect(recovery.error.hint).toContain('prepatch');
            if (recovery.error.code !== 'ROLLBACK_FAILED') expect(differences(untouched, now)).toEqual([]);
          } else {
            const isRight = [sides.before, sides.after].some((side) => differences(side, now).length === 0);
            expect(isRight, `${content?.length ?? 'deleted'}: ${differences(sides.before, now).join('; ')}`).toBe(true);
          }
        }
      }
    });
  }
});

/** Only new plugins come: there are no backups that would show that something has begun. */
async function onlyNew(): Promise<SmallHome> {
  const home = await smallest();
  removeTree(home.files, `${PATCHES}/patch0001`);
  for (const name of ['x', 'y', 'z'])
    put(home.files, `${PATCHES}/patch0005/${name}_1.0.0.jar`, jar(name, '1.0.0', 'new'));
  return { ...home, name: 'only new' };
}

test('a pack that is edited while it is applied: the bytes of the plan, or before', { timeout: 120_000 }, async () => {
  const home = await applyFull();
  const sides = await sidesOf(home);
  const counting = new FaultyFiles(home.files.clone(), { at: 0, fault: 'crash', forGood: false, reads: true });
  await startHome(counting, HOME, home.config, 'strict');
  const path = `${PATCHES}/patch0002/d_1.0.0.jar`;
  let refused = 0;
  for (let at = 1; at <= counting.points.length; at += FULL ? 1 : 5) {
    const files = home.files.clone();
    const meddled = new MeddledFiles(files, at, () => files.scribble(path, jar('d', '1.0.0', 'other')));
    const ended = await startHome(meddled, HOME, home.config, 'strict');
    const now = readTree(files, HOME);
    const plugins = (tree: Tree) => new Map([...tree].filter(([name]) => name.includes('/plugins/')));
    if (ended.kind === 'refused') {
      refused += 1;
      expect(differences(plugins(sides.before), plugins(now))).toEqual([]);
      expect(['PACK_CHANGED', 'HOME_CHANGED']).toContain(ended.error.code);
    } else {
      const inPlugins = files.digest(`${PLUGINS}/d_1.0.0.jar`, false).md5;
      const ledger = parseLedger(files.read(`${STATE}/ledger.json`, 1e6), 'ledger.json');
      const recorded = ledger.packs.flatMap((pack) => pack.files).find((file) => file.target.endsWith('d_1.0.0.jar'));
      expect(recorded?.md5).toBe(inPlugins);
    }
  }
  expect(refused).toBeGreaterThan(0);
});

test('a plugin that is edited while packs are applied is never lost', { timeout: 120_000 }, async () => {
  const home = await applyFull();
  const counting = new FaultyFiles(home.files.clone(), { at: 0, fault: 'crash', forGood: false, reads: true });
  await startHome(counting, HOME, home.config, 'strict');
  const path = `${PLUGINS}/b_1.0.0.jar`;
  const foreign = jar('b', '1.0.0', 'edited by somebody else');
  let refused = 0;
  for (let at = 1; at <= counting.points.length; at += FULL ? 1 : 5) {
    const files = home.files.clone();
    // A new file in its place, as editors and copies with a temporary file leave it.
    const meddled = new MeddledFiles(files, at, () => put(files, path, foreign));
    const ended = await startHome(meddled, HOME, home.config, 'strict');
    if (ended.kind === 'refused') refused += 1;
    const kept = [path, ...walk(files, `${STATE}/aside`), ...walk(files, `${STATE}/store`)].some(
      (one) => files.stat(one) !== undefined && files.read(one, 1e6).equals(foreign),
    );
    expect(kept || ended.kind === 'ended', `meddled at ${at}: ${ended.kind}`).toBe(true);
    if (ended.kind === 'ended') expect(ended.exitCode).toBe(0);
  }
  expect(refused).toBeGreaterThan(0);
});

function walk(files: MemoryFiles, folder: string): string[] {
  if (files.stat(folder) === undefined) return [];
  return files.list(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return files.stat(path)?.kind === 'directory' ? walk(files, path) : [path];
  });
}

/** Somebody else does something just before call N. */
class MeddledFiles extends FaultyFiles {
  constructor(files: MemoryFiles, at: number, meddle: () => void) {
    super(files, { at: 0, fault: 'crash', forGood: false, reads: true });
    const push = this.points.push.bind(this.points);
    this.points.push = (...points) => {
      const length = push(...points);
      if (length === at) meddle();
      return length;
    };
  }
}

test('a journal that names a folder that is not ours is not believed', async () => {
  const home = await smallest();
  const files = home.files.clone();
  put(files, '/srv/precious/letters.txt', 'keep me');
  for (const path of ['/srv/precious', PLUGINS, `${STATE}/store`]) {
    const stage = {
      kind: 'stage',
      format: 1,
      transaction: 't',
      reason: 'r',
      startedMs: 1,
      folders: [{ path, device: 1 }],
    } as const;
    put(files, `${STATE}/journal`, formatRecord(stage) + formatUndoing({ kind: 'rolled-back' }));
    expect(await recoverHome(files, HOME, home.config)).toMatchObject({
      kind: 'refused',
      error: { code: 'JOURNAL_DAMAGED' },
    });
  }
  expect(files.list('/srv/precious')).toEqual(['letters.txt']);
});
