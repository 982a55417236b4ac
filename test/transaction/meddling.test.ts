// Others who change the home, and disks that lie, while a transaction runs: each check of the engine, with what only it can see.
import { expect, test } from 'vitest';
import type { Files } from '../../src/system/files.js';
import { differences, leftovers, readTree, recoverHome, startHome } from '../support/engine-run.js';
import type { MemoryFiles } from '../support/memory-files.js';
import {
  applyFull,
  HOME,
  jar,
  linkless,
  mounted,
  PATCHES,
  PLUGINS,
  put,
  putPatch,
  removeTree,
  revertFull,
  type SmallHome,
  smallest,
  STATE,
  upgrade,
} from '../support/small-homes.js';

/** The same door; after each call that succeeds, `after` is told of it. */
function interpose(files: MemoryFiles, after: (call: keyof Files, args: readonly unknown[]) => void): Files {
  return new Proxy(files, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(method, target, args);
        after(key as keyof Files, args);
        return result;
      };
    },
  });
}

async function meddle(
  home: SmallHome,
  after: (files: MemoryFiles, call: keyof Files, args: readonly string[]) => void,
): Promise<{ files: MemoryFiles; code: string; exitCode: number }> {
  const files = home.files.clone();
  const door = interpose(files, (call, args) => after(files, call, args as readonly string[]));
  const ended = await startHome(door, HOME, home.config, 'strict');
  return {
    files,
    exitCode: ended.kind === 'crashed' ? -1 : ended.exitCode,
    code: ended.kind === 'refused' ? ended.error.code : '',
  };
}

function expectBefore(home: SmallHome, files: MemoryFiles): void {
  expect(differences(readTree(home.files, HOME), readTree(files, HOME))).toEqual([]);
  expect(leftovers(files, STATE)).toEqual([]);
}

const TARGET = `${PLUGINS}/a_1.0.0.jar`;

test('what is put in place is read again: other bytes than those of the plan undo everything', async () => {
  const home = await smallest();
  const { files, code, exitCode } = await meddle(home, (disk, call, [, target]) => {
    if (call === 'rename' && target === TARGET && disk.stat(TARGET)?.sizeBytes !== 3) {
      const isDeployed = !disk.read(TARGET, 1e6).equals(home.files.read(TARGET, 1e6));
      if (isDeployed) disk.scribble(TARGET, Buffer.from('bad'));
    }
  });
  expect({ code, exitCode }).toEqual({ code: 'VERIFY_FAILED', exitCode: 1 });
  expectBefore(home, files);
});

test('what was deleted and is there again undoes everything', async () => {
  const home = await revertFull();
  const gone = `${PLUGINS}/d_1.0.0.jar`;
  let done = false;
  const { files, code } = await meddle(home, (disk, call, [path]) => {
    if (call !== 'unlink' || path !== gone || done) return;
    done = true;
    put(disk, gone, jar('d', '1.0.0', 'added'));
  });
  expect(code).toBe('VERIFY_FAILED');
  expectBefore(home, files);
});

test('a copy that is not what its pack has is found before anything is touched', async () => {
  const home = await smallest();
  const { files, code, exitCode } = await meddle(home, (disk, call, [, target]) => {
    if (call === 'copyNew' && target?.endsWith('.new') === true)
      disk.scribble(target, disk.read(target, 1e6).fill(1, 5, 6));
  });
  expect({ code, exitCode }).toEqual({ code: 'PACK_CHANGED', exitCode: 3 });
  expectBefore(home, files);
});

test('a backup that is not what it copies is found before anything is replaced', async () => {
  const home = await linkless();
  const { files, code, exitCode } = await meddle(home, (disk, call, [, target]) => {
    if (call === 'copyNew' && target?.endsWith('.old') === true)
      disk.scribble(target, disk.read(target, 1e6).fill(1, 5, 6));
  });
  expect(exitCode).toBe(1);
  expect(code).toBe('DEPLOY_FAILED');
  expectBefore(home, files);
});

test.each([
  ['the same size', (bytes: Buffer) => Buffer.from(bytes).fill(1, 5, 6)],
  ['another size', (bytes: Buffer) => bytes.subarray(0, 10)],
])(
  'a plugin that is written over between plan and backup, with %s, is not taken for the original',
  async (_, change) => {
    const home = await smallest();
    const changed = change(home.files.read(TARGET, 1e6));
    const { files, exitCode } = await meddle(home, (disk, call, [path]) => {
      if (call === 'writeNew' && path === `${STATE}/journal`) disk.scribble(TARGET, changed);
    });
    expect(exitCode).toBe(1);
    expect(files.read(TARGET, 1e6).equals(changed)).toBe(true);
    expect(leftovers(files, STATE)).toEqual([]);
  },
);

test.each(['replaced by another file', 'written over', 'deleted'] as const)(
  'a plugin that is %s between backup and deployment is not overwritten unseen',
  async (how) => {
    const home = await smallest();
    const foreign = jar('a', '1.0.0', 'by somebody else');
    const { files, exitCode } = await meddle(home, (disk, call, [path]) => {
      if (call !== 'writeNew' || path?.endsWith('/begun') !== true) return;
      if (how === 'deleted') disk.unlink(TARGET);
      else if (how === 'written over') disk.scribble(TARGET, foreign);
      else put(disk, TARGET, foreign);
    });
    expect(exitCode).not.toBe(0);
    if (how === 'deleted') expectBefore(home, files);
  },
);

test('a file that comes where a new plugin is to be put is not overwritten', async () => {
  const home = await applyFull();
  const foreign = jar('d', '1.0.0', 'by somebody else');
  const path = `${PLUGINS}/d_1.0.0.jar`;
  const { files, exitCode } = await meddle(home, (disk, call, [written]) => {
    if (call === 'writeNew' && written?.endsWith('/begun') === true) put(disk, path, foreign);
  });
  expect(exitCode).toBe(1);
  const [transaction = ''] = files.list(`${STATE}/aside`);
  const kept = files
    .list(`${STATE}/aside/${transaction}`)
    .map((name) => files.read(`${STATE}/aside/${transaction}/${name}`, 1e6));
  expect(kept.some((bytes) => bytes.equals(foreign))).toBe(true);
});

test('a folder that comes where a pack makes one undoes everything', async () => {
  const home = await applyFull();
  const { exitCode } = await meddle(home, (disk, call, [written]) => {
    if (call === 'writeNew' && written?.endsWith('/begun') === true) disk.makeDirectory(`${PLUGINS}/e_1.0.0`);
  });
  expect(exitCode).toBe(1);
});

test('a folder swapped for a link is not written through', async () => {
  const home = await applyFull();
  const { files, exitCode } = await meddle(home, (disk, call, [written]) => {
    if (call !== 'makeDirectory' || written !== `${PLUGINS}/e_1.0.0/lib`) return;
    disk.makeDirectory('/elsewhere');
    disk.makeDirectory('/elsewhere/lib');
    disk.rename(`${PLUGINS}/e_1.0.0`, '/srv/moved');
    disk.symlink('/elsewhere', `${PLUGINS}/e_1.0.0`);
  });
  expect(exitCode).toBe(4);
  expect(files.list('/elsewhere')).toEqual(['lib']);
  expect(files.list('/elsewhere/lib')).toEqual([]);
});

test('a lock that another has taken for dead keeps the transaction from being committed', async () => {
  const home = await smallest();
  const { files, exitCode } = await meddle(home, (disk, call, [, target]) => {
    if (call !== 'rename' || target !== TARGET) return;
    for (const name of disk.list(`${STATE}/locks`)) disk.unlink(`${STATE}/locks/${name}`);
  });
  expect(exitCode).not.toBe(0);
  expectBefore(home, files);
});

test('too little space is said before anything is touched', async () => {
  const home = await upgrade();
  const files = home.files.clone();
  files.freeSpaceBytes = 1000;
  const ended = await startHome(files, HOME, home.config, 'strict');
  expect(ended).toMatchObject({ kind: 'refused', exitCode: 3, error: { code: 'NO_SPACE' } });
  expectBefore(home, files);
});

test('an original that is damaged on its way into the store is not kept as one, and copied again', async () => {
  const home = await mounted();
  let copies = 0;
  const { files, exitCode } = await meddle(home, (disk, call, [, target]) => {
    if (call !== 'copyNew' || target?.includes('/store/') !== true) return;
    copies += 1;
    disk.scribble(target, disk.read(target, 1e6).fill(1, 5, 6));
  });
  expect({ copies, exitCode }).toEqual({ copies: 1, exitCode: 0 });
  expect(await recoverHome(files, HOME, home.config)).toMatchObject({ kind: 'ended', result: { action: 'complete' } });
  const [name = ''] = files.list(`${STATE}/store`);
  expect(files.digest(`${STATE}/store/${name}`, true).sha256).toBe(name);
  expect(leftovers(files, STATE)).toEqual([]);
});

test('a backup that is damaged while it is put back is not called restored', async () => {
  const home = await smallest();
  let commits = 0;
  const { exitCode, code } = await meddle(home, (disk, call, [first, target]) => {
    if (call === 'append' && target?.includes('"commit"') === true) commits += 1;
    if (call === 'rename' && target?.endsWith('prePatched.txt') === true) put(disk, target, 'no list of ours');
    if (call === 'rename' && first?.endsWith('.old') === true && target === TARGET)
      disk.scribble(TARGET, Buffer.from('bad'));
  });
  expect(commits).toBe(0);
  expect({ exitCode, code }).toEqual({ exitCode: 4, code: 'ROLLBACK_FAILED' });
});

test('a plugin that changes while it is looked at is looked at again: what it has become is the original', async () => {
  const home = await smallest();
  let done = false;
  const { files, exitCode } = await meddle(home, (disk, call, [path]) => {
    if (call !== 'digest' || path !== TARGET || done) return;
    done = true;
    disk.scribble(TARGET, disk.read(TARGET, 1e6).fill(1, 5, 6));
  });
  expect(exitCode).toBe(0);
  const [name = ''] = files.list(`${STATE}/store`);
  expect(files.read(`${STATE}/store/${name}`, 1e6).equals(home.files.read(TARGET, 1e6).fill(1, 5, 6))).toBe(true);
});

test('what cannot be cleaned up after the commit is left to the next start, and said', async () => {
  const home = await smallest();
  const files = home.files.clone();
  let committed = false;
  const door = new Proxy(files, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        if (key === 'append' && String(args[1]).includes('"commit"')) committed = true;
        else if (committed && key === 'removeDirectory') throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
  const ended = await startHome(door, HOME, home.config, 'strict');
  expect(ended).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(ended.events).toContainEqual(expect.objectContaining({ kind: 'problem', code: 'CLEAN_UP' }));
  expect(leftovers(files, STATE)).not.toEqual([]);
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(leftovers(files, STATE)).toEqual([]);
});

/** Cannot write the second copy of the record, which comes after the originals have gone to the store. */
function withoutCopies(files: MemoryFiles): Files {
  return new Proxy<Files>(files, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        if (key === 'writeNew' && String(args[0]).includes('ledger.copy'))
          throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
}

test('a commit that could not be cleaned up stands, although somebody has made a path as it was before', async () => {
  const home = await smallest();
  const files = home.files.clone();
  putPatch(files, 'patch0002', { 'added.jar': jar('added', '1.0.0', 'added') });
  const first = await startHome(withoutCopies(files), HOME, home.config, 'strict');
  expect(first.events).toContainEqual(expect.objectContaining({ kind: 'problem', code: 'CLEAN_UP' }));
  files.unlink(`${PLUGINS}/added_1.0.0.jar`);
  expect(await recoverHome(files, HOME, home.config)).toMatchObject({ kind: 'ended', result: { action: 'complete' } });
  expect(leftovers(files, STATE)).toEqual([]);
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(files.stat(`${PLUGINS}/added_1.0.0.jar`)).toBeDefined();
});

test('an original is not given up for a damaged file of the same name in the store', async () => {
  const home = await smallest();
  const files = home.files.clone();
  const original = files.read(TARGET, 1e6);
  put(files, `${PLUGINS}/b_1.0.0.jar`, original);
  await startHome(files, HOME, home.config, 'strict');
  const [name = ''] = files.list(`${STATE}/store`);
  files.scribble(`${STATE}/store/${name}`, Buffer.from(original).fill(1, 5, 6));
  putPatch(files, 'patch0002', { 'b_1.0.0.jar': jar('b', '1.0.0', 'another') });
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  removeTree(files, `${PATCHES}/patch0002`);
  expect(await startHome(files, HOME, home.config, 'strict')).toMatchObject({ kind: 'ended', exitCode: 0 });
  expect(files.read(`${PLUGINS}/b_1.0.0.jar`, 1e6).equals(original)).toBe(true);
});
