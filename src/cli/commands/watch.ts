// `prepatch watch`: checks drops as they come and stages them ahead. Says each event at once: people on standard error, programs as
// lines of JSON on standard output. SIGTERM or SIGINT ends it.

import { formatWatchJson, formatWatchText, type WatchEvent } from '../../daemon/watch-event.js';
import { watchHome } from '../../daemon/watch.js';
import { ExitCode, type PatchError } from '../../error.js';
import { RealFiles } from '../../system/real-files.js';
import { writeStandard } from '../../system/standard-stream.js';
import { WorkerBulk } from '../../system/worker-bulk.js';
import { explainFailure } from '../failure-text.js';
import type { UseCase, UseCaseResult } from '../use-case.js';

const ENDING_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export async function runWatch({ patcher, request, resolved }: UseCase): Promise<UseCaseResult> {
  const { home } = patcher.layout;
  const isJson = request.options['json'] === true;
  let lost: PatchError | undefined;
  const say = (event: WatchEvent) => {
    // A watch has more to do than to say: it goes on, and ends with what was lost.
    if (isJson) lost = writeStandard('out', formatWatchJson(event, home, Date.now())) ?? lost;
    else for (const line of formatWatchText(event)) writeStandard('error', `${home}: ${line}\n`);
  };
  const files = new RealFiles();
  const bulk = new WorkerBulk(files);
  const end = new AbortController();
  const stop = () => end.abort();
  for (const signal of ENDING_SIGNALS) process.once(signal, stop);
  try {
    const once = request.options['once'] === true;
    const { config } = resolved;
    const exitCode = await watchHome({ files, bulk, home, config, once, signal: end.signal, say, now: Date.now });
    if (lost !== undefined) writeStandard('error', explainFailure(lost));
    const isLost = lost !== undefined && exitCode === ExitCode.done;
    return { exitCode: isLost ? ExitCode.attention : exitCode, document: undefined, text: '' };
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop);
    await bulk.close();
  }
}
