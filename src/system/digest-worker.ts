// A worker thread of WorkerBulk: copies and digests files in batches, one answer a batch.

import { parentPort } from 'node:worker_threads';
import { errnoOf, toError } from '../error.js';
import { FileDigester } from './digest-files.js';
import type { Digests } from './files.js';
import { RealFiles } from './real-files.js';
import type { BatchAnswer, BatchItem, BatchRequest, PlainResult } from './worker-bulk.js';

const port = parentPort;
if (port === null) throw new Error('digest-worker runs as a worker thread only');
const files = new RealFiles();
const digester = new FileDigester(files);

port.on('message', (request: BatchRequest) => {
  const failures = request.items.map((item) => (item.kind === 'copy' ? copy(item) : undefined));
  const digests = digester.digest(request.items.filter((_, index) => failures[index] === undefined)).values();
  const results = failures.map((failure) => toPlain(failure ?? digests.next().value));
  const answer: BatchAnswer = { batch: request.batch, results };
  port.postMessage(answer);
});

function copy(item: BatchItem): Error | undefined {
  try {
    files.copyNew(item.source, item.path, item.mode, 'unflushed');
    return undefined;
  } catch (error) {
    return toError(error);
  }
}

/** Errors lose their class on the way between threads, so their parts are sent. */
function toPlain(result: Digests | Error | undefined): PlainResult {
  if (result !== undefined && !(result instanceof Error)) return { kind: 'done', digests: result };
  return {
    kind: 'failed',
    message: result?.message ?? 'not digested',
    errno: errnoOf(result),
    code: result !== undefined && 'code' in result ? String(result.code) : undefined,
  };
}
