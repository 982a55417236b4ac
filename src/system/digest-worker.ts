// A worker thread of WorkerBulk: digests and copies files in batches, one answer a batch.

import { parentPort } from 'node:worker_threads';
import { errnoOf } from '../error.js';
import { RealFiles } from './real-files.js';
import type { BatchAnswer, BatchRequest, PlainResult } from './worker-bulk.js';

const port = parentPort;
if (port === null) throw new Error('digest-worker runs as a worker thread only');
const files = new RealFiles();

port.on('message', (request: BatchRequest) => {
  const results = request.items.map((item): PlainResult => {
    try {
      if (item.kind === 'copy') {
        files.copyNew(item.source, item.path, item.mode, 'unflushed');
      }
      return { kind: 'done', digests: files.digest(item.path, item.withSha256) };
    } catch (error) {
      // Errors lose their class on the way between threads, so their parts are sent.
      const plain = error instanceof Error ? error : new Error(String(error));
      return {
        kind: 'failed',
        message: plain.message,
        errno: errnoOf(error),
        code: 'code' in plain ? String(plain.code) : undefined,
      };
    }
  });
  const answer: BatchAnswer = { batch: request.batch, results };
  port.postMessage(answer);
});
