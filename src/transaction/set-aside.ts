// Keeps content that is not ours, and that has to make way, under a name that the report gives. Nothing is ever deleted there.

import { basename, join } from 'node:path';
import { errnoOf } from '../error.js';
import { ensureFolder } from '../system/ensure-folder.js';
import type { TransactionContext } from './transaction-context.js';

/** Moves `path` to `<aside>/<transaction>/<index>-<name>`; copies where a rename is not possible. Returns the new path. */
export function setAside(
  context: TransactionContext,
  transaction: string,
  index: number,
  path: string,
  name = basename(path),
): string {
  const { files, layout } = context;
  const folder = join(layout.aside, transaction);
  ensureFolder(files, folder);
  const kept = shorten(name);
  let target = join(folder, `${index}-${kept}`);
  for (let n = 1; files.stat(target) !== undefined; n++) target = join(folder, `${index}-${n}-${kept}`);
  try {
    files.rename(path, target);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    files.copyNew(path, target, files.stat(path)?.mode ?? 0o644);
    files.flushDirectory(folder);
    files.unlink(path);
  }
  files.flushDirectory(folder);
  return target;
}

/** Room for the numbers before a name that is as long as file systems allow. */
const NAME_LIMIT_BYTES = 220;

function shorten(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > NAME_LIMIT_BYTES) short = short.slice(1);
  return short;
}
