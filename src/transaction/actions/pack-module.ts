// A pack's own ES module: loaded from a copy whose digest is verified, called with a small context in a thread of its own, for a
// limited time. Whatever it throws is a failure of its action. It has our rights, so it runs only where policy allows it.

import { pathToFileURL } from 'node:url';
import { PatchError } from '../../error.js';
import type { Sha256 } from '../../home/entry.js';
import type { Scalar } from '../../plan/condition-evaluate.js';
import type { JsonValue } from '../../plan/edit/edit-json.js';
import { runModule } from '../../system/run-module.js';
import type { TransactionContext } from '../transaction-context.js';
import { actionError } from './planned-change.js';

export type ModuleMethod = 'prepare' | 'execute' | 'rollback' | 'cleanup';

export interface ModuleCall {
  /** The copy that is loaded. */
  readonly path: string;
  readonly sha256: Sha256;
  readonly title: string;
  readonly options: { readonly [key: string]: JsonValue };
  /** For each method. */
  readonly timeoutSeconds: number;
  /** Read and written by the module. */
  readonly values: Map<string, Scalar>;
  readonly undo: JsonValue;
}

/** Of modules on record from before there was a limit. */
export const MODULE_SECONDS = 60;
const UNDO_LIMIT_CHARACTERS = 1024 * 1024;

/**
 * Calls a method; one that the module lacks does nothing, but `execute` and `rollback` must be there. Returns what it returned.
 * @throws PatchError ACTION_FAILED, TIMED_OUT
 */
export async function callModule(
  context: TransactionContext,
  method: ModuleMethod,
  call: ModuleCall,
): Promise<JsonValue> {
  const { files, layout, emit } = context;
  const { path, title, options, undo, timeoutSeconds } = call;
  context.check?.();
  if (files.stat(path)?.kind !== 'file' || files.digest(path, true).sha256 !== call.sha256)
    throw actionError(`${title}: the copy of its module is missing or changed`, path);
  const outcome = await runModule({
    url: pathToFileURL(path).href,
    method,
    needed: ['execute', 'rollback'],
    home: layout.home,
    options,
    values: Object.fromEntries(call.values),
    undo,
    timeoutMs: timeoutSeconds * 1000,
    log: (text) => {
      emit({ kind: 'log', level: 'info', body: `${title}: ${text}` });
    },
  });
  switch (outcome.kind) {
    case 'returned':
      for (const [name, value] of Object.entries(outcome.values)) call.values.set(name, value);
      return method === 'prepare' ? toJson(outcome.result, call) : null;
    case 'lacks':
      throw actionError(`${title}: its module exports no function ${outcome.method}`, path);
    case 'failed': {
      const what = outcome.while === 'loading' ? 'cannot be loaded' : `failed in ${method}`;
      throw actionError(`${title}: its module ${what}: ${outcome.message}`, path);
    }
    case 'timed-out':
      throw new PatchError(
        'TIMED_OUT',
        `${title}: its module took longer than ${timeoutSeconds} seconds in ${method}`,
        {
          path,
        },
      );
  }
}

/** @throws PatchError ACTION_FAILED for what would not come back from the journal as it is */
function toJson(text: string | undefined, call: ModuleCall): JsonValue {
  if (text === undefined || text.length > UNDO_LIMIT_CHARACTERS)
    throw actionError(`${call.title}: what its prepare returned is no JSON, or has more than 1 MiB`, call.path);
  return JSON.parse(text) as JsonValue;
}
