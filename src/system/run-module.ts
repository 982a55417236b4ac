// Calls a method of an ES module in a thread of its own, which is ended when its time is over, whatever it does: one that loops,
// or waits for ever, cannot keep a start from ending. What it prints goes to the log, never to our standard output.

import { Worker } from 'node:worker_threads';

export interface ModuleRequest {
  /** `file:` URL. */
  readonly url: string;
  readonly method: string;
  /** Methods that must be there. */
  readonly needed: readonly string[];
  readonly home: string;
  readonly options: unknown;
  readonly values: Readonly<Record<string, string | number | boolean>>;
  readonly undo: unknown;
  readonly timeoutMs: number;
  readonly log: (text: string) => void;
}

export type ModuleOutcome =
  | {
      readonly kind: 'returned';
      /** As JSON; undefined where that cannot be written. `null` where nothing was returned, or the method is not there. */
      readonly result: string | undefined;
      readonly values: Readonly<Record<string, string | number | boolean>>;
    }
  | { readonly kind: 'lacks'; readonly method: string }
  | { readonly kind: 'failed'; readonly while: 'loading' | 'running'; readonly message: string }
  | { readonly kind: 'timed-out' };

/** Runs in the thread. Names of values are those of docs/patch-json.md. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, method, needed, home, options, undo } = workerData;
const values = new Map(Object.entries(workerData.values));
const messageOf = (error) => (error instanceof Error ? error.message : String(error));
const toJson = (value) => {
  if (value === undefined) return 'null';
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
};
const given = {
  home,
  options,
  undo,
  values: {
    get: (name) => values.get(name),
    set: (name, value) => {
      if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(name) || !['string', 'number', 'boolean'].includes(typeof value))
        throw new TypeError(name + ' cannot be a shared value');
      values.set(name, value);
    },
  },
  log: (text) => parentPort.postMessage({ kind: 'log', text: String(text) }),
};
const run = async () => {
  let methods;
  try {
    const loaded = await import(url);
    methods = typeof loaded.default === 'object' && loaded.default !== null ? loaded.default : loaded;
  } catch (error) {
    return { kind: 'failed', while: 'loading', message: messageOf(error) };
  }
  const missing = needed.find((name) => typeof methods[name] !== 'function');
  if (missing !== undefined) return { kind: 'lacks', method: missing };
  if (typeof methods[method] !== 'function') return { kind: 'returned', result: 'null', values: workerData.values };
  try {
    const result = toJson(await methods[method](given));
    return { kind: 'returned', result, values: Object.fromEntries(values) };
  } catch (error) {
    return { kind: 'failed', while: 'running', message: messageOf(error) };
  }
};
run().then((outcome) => parentPort.postMessage(outcome));
`;

type Message = ModuleOutcome | { readonly kind: 'log'; readonly text: string };

export async function runModule(request: ModuleRequest): Promise<ModuleOutcome> {
  const { log, timeoutMs, ...workerData } = request;
  const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [], stdout: true, stderr: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve) => {
      timer = setTimeout(() => {
        resolve({ kind: 'timed-out' });
      }, timeoutMs);
      for (const stream of [worker.stdout, worker.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          log(text.trimEnd());
        });
      worker.on('message', (message: Message) => {
        if (message.kind === 'log') log(message.text);
        else resolve(message);
      });
      worker.on('error', (error) => {
        resolve({ kind: 'failed', while: 'running', message: error instanceof Error ? error.message : String(error) });
      });
      worker.on('exit', () => {
        resolve({ kind: 'failed', while: 'running', message: 'its thread ended without a result' });
      });
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
