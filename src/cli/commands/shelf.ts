// What `add`, `remove` and `restore` need of the system, opened and closed around their work.

import { RealFiles } from '../../system/real-files.js';
import { WorkerBulk } from '../../system/worker-bulk.js';
import type { PlannedChange, ShelfDoors } from '../../shelf/shelf-doors.js';
import { escapeControls } from '../../report/log-line.js';
import type { Style } from '../../report/style.js';
import type { UseCase } from '../use-case.js';

const MOST_SHOWN = 50;

export async function withShelf<T>(use: UseCase, work: (doors: ShelfDoors) => Promise<T>): Promise<T> {
  const files = new RealFiles();
  const bulk = new WorkerBulk(files);
  try {
    return await work({ files, bulk, layout: use.patcher.layout, config: use.resolved.config, now: Date.now });
  } finally {
    await bulk.close();
  }
}

/** What the next start will do, path by path: what it gets, or gets back, and from where. */
export function renderChanges(changes: readonly PlannedChange[], style: Style): string[] {
  const lines = changes.slice(0, MOST_SHOWN).map((change) => {
    const source = change.after.kind === 'absent' ? '' : ` from ${escapeControls(change.winner ?? 'the base')}`;
    const md5 = change.after.kind === 'file' ? `, MD5 ${change.after.md5}` : '';
    return `  ${change.action.padEnd(7)} ${escapeControls(change.path)}${style.dim(`${source}${md5}`)}`;
  });
  return changes.length > MOST_SHOWN
    ? [...lines, `  and ${changes.length - MOST_SHOWN} more; --json lists them all`]
    : lines;
}
