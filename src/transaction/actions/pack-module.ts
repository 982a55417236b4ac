// A pack's own ES module: loaded from a copy whose digest is verified, called with a small context. Whatever it throws is a
// failure of its action. It runs in our process, so only where policy allows it.

import { pathToFileURL } from 'node:url';
import { PatchError } from '../../error.js';
import type { Sha256 } from '../../home/entry.js';
import type { Scalar } from '../../plan/condition-evaluate.js';
import type { JsonValue } from '../../plan/edit/edit-json.js';
import type { TransactionContext } from '../transaction.js';
import { actionError } from './planned-change.js';

/** What a module gets; docs/actions.md, "module". */
export interface ModuleContext {
  /** Absolute path of the home. */
  readonly home: string;
  readonly options: { readonly [key: string]: JsonValue };
  readonly values: {
    readonly get: (name: string) => Scalar | undefined;
    readonly set: (name: string, value: Scalar) => void;
  };
  /** What `prepare` returned; null before, and where it returned nothing. */
  readonly undo: JsonValue;
  readonly log: (text: string) => void;
}

export type ModuleMethod = 'prepare' | 'execute' | 'rollback' | 'cleanup';

export interface ModuleCall {
  /** The copy that is loaded. */
  readonly path: string;
  readonly sha256: Sha256;
  readonly title: string;
  readonly options: { readonly [key: string]: JsonValue };
  /** Read and written by the module. */
  readonly values: Map<string, Scalar>;
  readonly undo: JsonValue;
}

const UNDO_LIMIT_CHARACTERS = 1024 * 1024;
const VALUE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/;

/**
 * Calls a method; one that the module lacks does nothing, but `execute` and `rollback` must be there. Returns what it returned.
 * @throws PatchError ACTION_FAILED
 */
export async function callModule(
  context: TransactionContext,
  method: ModuleMethod,
  call: ModuleCall,
): Promise<JsonValue> {
  const { files, layout, emit } = context;
  if (files.stat(call.path)?.kind !== 'file' || files.digest(call.path, true).sha256 !== call.sha256)
    throw actionError(`${call.title}: the copy of its module is missing or changed`, call.path);
  const methods = await failing(call.title, 'cannot be loaded', async () => {
    const loaded = (await import(pathToFileURL(call.path).href)) as Record<string, unknown>;
    return (typeof loaded['default'] === 'object' && loaded['default'] !== null ? loaded['default'] : loaded) as Record<
      string,
      unknown
    >;
  });
  for (const needed of ['execute', 'rollback']) {
    if (typeof methods[needed] !== 'function')
      throw actionError(`${call.title}: its module exports no function ${needed}`, call.path);
  }
  const work = methods[method];
  if (typeof work !== 'function') return null;
  const given: ModuleContext = {
    home: layout.home,
    options: call.options,
    values: {
      get: (name) => call.values.get(name),
      set: (name, value) => {
        if (!VALUE_NAME.test(name) || !['string', 'number', 'boolean'].includes(typeof value))
          throw new TypeError(`${name} cannot be a shared value`);
        call.values.set(name, value);
      },
    },
    undo: call.undo,
    log: (text) => {
      emit({ kind: 'log', level: 'info', body: `${call.title}: ${text}` });
    },
  };
  const result = await failing(
    call.title,
    `failed in ${method}`,
    async () => (await work.call(methods, given)) as unknown,
  );
  return method === 'prepare' ? toJson(result, call) : null;
}

/** @throws PatchError ACTION_FAILED for what would not come back from the journal as it is */
function toJson(value: unknown, call: ModuleCall): JsonValue {
  if (value === undefined) return null;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined;
  }
  if (text === undefined || text.length > UNDO_LIMIT_CHARACTERS)
    throw actionError(`${call.title}: what its prepare returned is no JSON, or has more than 1 MiB`, call.path);
  return JSON.parse(text) as JsonValue;
}

async function failing<T>(title: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PatchError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new PatchError('ACTION_FAILED', `${title}: its module ${what}: ${message}`, { cause: error });
  }
}
