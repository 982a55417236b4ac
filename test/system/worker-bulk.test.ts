// Work over threads, and what becomes of it where there are none to be had, or one ends.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DigestItem } from '../../src/system/bulk.js';
import { RealFiles } from '../../src/system/real-files.js';
import { WorkerBulk } from '../../src/system/worker-bulk.js';
import { md5OfFile } from '../support/tree-snapshot.js';

const BUILT_WORKER = fileURLToPath(new URL('../../dist/digest-worker.cjs', import.meta.url));
const files = new RealFiles();
let folder: string;
let items: DigestItem[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prepatch-bulk-'));
  items = makeItems('file');
});
afterAll(() => rmSync(folder, { recursive: true }));

function makeItems(name: string): DigestItem[] {
  return Array.from({ length: 30 }, (_, n) => {
    const path = join(folder, `${name}-${n}`);
    const sizeBytes = (n + 1) * 50_000;
    writeFileSync(path, randomBytes(sizeBytes));
    return { path, sizeBytes, withSha256: false };
  });
}

function refuse(): Worker {
  throw Object.assign(new Error('Worker initialization failure: EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
}

/** Digests everything, and compares. @returns how many threads were asked for */
async function digestAll(start: (asked: number) => Worker): Promise<number> {
  let asked = 0;
  const bulk = new WorkerBulk(files, () => start(++asked));
  try {
    await expectDigests(bulk);
  } finally {
    await bulk.close();
  }
  return asked;
}

async function expectDigests(bulk: WorkerBulk, wanted = items): Promise<void> {
  const told = new Set<number>();
  const results = await bulk.digest(wanted, undefined, (index) => told.add(index));
  expect(results).toEqual(
    wanted.map(({ path, sizeBytes }) => ({ kind: 'done', digests: { md5: md5OfFile(path), sizeBytes } })),
  );
  expect(told.size).toBe(wanted.length);
}

test('each thread that the machine has a core for digests a part', async () => {
  expect(await digestAll(() => new Worker(BUILT_WORKER))).toBe(Math.min(availableParallelism(), 3));
});

test('where the system gives no thread, the calling one does it all', async () => {
  expect(await digestAll(refuse)).toBe(1);
});

test.skipIf(availableParallelism() < 2)('where it gives one, that does it all', async () => {
  expect(await digestAll((asked) => (asked === 1 ? new Worker(BUILT_WORKER) : refuse()))).toBe(2);
});

test('a thread that ends by itself fails the work, and is not asked again', async () => {
  let isBroken = true;
  const bulk = new WorkerBulk(files, () =>
    isBroken ? new Worker('process.exit(3)', { eval: true }) : new Worker(BUILT_WORKER),
  );
  try {
    await expect(bulk.digest(items)).rejects.toThrow('a worker thread ended by itself');
    isBroken = false;
    await expectDigests(bulk);
  } finally {
    await bulk.close();
  }
});

test('an answer to work that has failed is not taken for one to what comes next', async () => {
  const bulk = new WorkerBulk(files, () => new Worker(BUILT_WORKER));
  try {
    const fail = () => {
      throw new Error('who asked has failed');
    };
    await expect(bulk.digest(items, undefined, fail)).rejects.toThrow('who asked has failed');
    // Of the same sizes, so that they are asked for in the same batches.
    await expectDigests(bulk, makeItems('other'));
  } finally {
    await bulk.close();
  }
});
