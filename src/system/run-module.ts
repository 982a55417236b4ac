// Calls a method of an ES module in a thread of its own, which is ended when its time is over, whatever it does: one that loops,
// or waits for ever, cannot keep a start from ending. What it prints goes to the log, never to our standard output.

import { StringDecoder } from 'node:string_decoder';
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
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const { parentPort, workerData } = require('node:worker_threads');
const { url, method, needed, home, options, undo } = workerData;
// Over the port, what is printed keeps its place before the result; a thread's own streams are behind, and cut off at its end.
const print = (stream, bytes) => parentPort.postMessage({ kind: 'printed', stream, bytes: Uint8Array.from(bytes) });
for (const [name, stream] of [['out', process.stdout], ['error', process.stderr]]) {
  stream._writev = null;
  stream._write = (chunk, encoding, done) => {
    print(name, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    done();
  };
}
// The descriptors are those of the whole process, whose standard output may be a document.
const standard = (descriptor) => (descriptor === 1 ? 'out' : descriptor === 2 ? 'error' : undefined);
const bytesOf = (data, [first, second]) => {
  if (typeof data === 'string') return Buffer.from(data, second);
  const { offset, length } = typeof first === 'object' && first !== null ? first : { offset: first, length: second };
  const from = offset ?? 0;
  return Buffer.from(data.buffer, data.byteOffset + from, length ?? data.byteLength - from);
};
const { write, writeSync, writeFileSync } = fs;
fs.writeSync = (descriptor, data, ...rest) => {
  const stream = standard(descriptor);
  if (stream === undefined) return writeSync(descriptor, data, ...rest);
  const bytes = bytesOf(data, rest);
  print(stream, bytes);
  return bytes.length;
};
fs.write = (descriptor, data, ...rest) => {
  if (standard(descriptor) === undefined) return write(descriptor, data, ...rest);
  const done = rest.pop();
  const length = fs.writeSync(descriptor, data, ...rest);
  setImmediate(done, null, length, data);
};
fs.writeFileSync = (path, data, options) => {
  if (standard(path) === undefined) return writeFileSync(path, data, options);
  fs.writeSync(path, data, undefined, typeof options === 'string' ? options : options?.encoding);
};
syncBuiltinESMExports();
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

type Message =
  | ModuleOutcome
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'printed'; readonly stream: 'out' | 'error'; readonly bytes: Uint8Array };

/** More than that without a line end is no line. */
const LINE_LIMIT_CHARACTERS = 64 * 1024;

/** What is printed, by whole lines: one may be written in parts, and a character too. */
class Printed {
  readonly #log: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #begun = '';

  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  add(bytes: Uint8Array): void {
    const text = this.#begun + this.#decoder.write(bytes);
    const end = text.length > LINE_LIMIT_CHARACTERS ? text.length : text.lastIndexOf('\n') + 1;
    this.#begun = text.slice(end);
    if (end > 0) this.#log(text.slice(0, end).trimEnd());
  }

  end(): void {
    const text = this.#begun + this.#decoder.end();
    this.#begun = '';
    if (text !== '') this.#log(text.trimEnd());
  }
}

export async function runModule(request: ModuleRequest): Promise<ModuleOutcome> {
  const { log, timeoutMs, ...workerData } = request;
  const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [], stdout: true, stderr: true });
  const printed = { out: new Printed(log), error: new Printed(log) };
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve) => {
      timer = setTimeout(() => {
        resolve({ kind: 'timed-out' });
      }, timeoutMs);
      worker.on('message', (message: Message) => {
        if (message.kind === 'log') log(message.text);
        else if (message.kind === 'printed') printed[message.stream].add(message.bytes);
        else resolve(message);
      });
      let message = 'its thread ended without a result';
      worker.on('error', (error) => {
        message = error instanceof Error ? error.message : String(error);
      });
      // The end comes after all that it has printed, an error perhaps before.
      worker.on('exit', () => {
        resolve({ kind: 'failed', while: 'running', message });
      });
    });
  } finally {
    clearTimeout(timer);
    printed.out.end();
    printed.error.end();
    await worker.terminate();
  }
}
