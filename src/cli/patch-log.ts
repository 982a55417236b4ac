// Writes log events to patches.log: appended, never cut, each batch in one write. A log that cannot be written is said once
// on standard error and stops nothing.

import { appendFileSync, mkdirSync } from 'node:fs';
import type { PatchEvent } from '../event.js';
import type { Layout } from '../home/layout.js';
import { formatLogLine } from '../report/log-line.js';
import type { Files } from '../system/files.js';

export interface PatchLog {
  write(event: PatchEvent): void;
  close(): Promise<void>;
}

export function openLog(_files: Files, layout: Layout): PatchLog {
  let lines = '';
  let logger = 'prepatch';
  let said = false;
  const flush = () => {
    if (lines === '') return;
    const batch = lines;
    lines = '';
    try {
      mkdirSync(layout.logs, { recursive: true });
      appendFileSync(layout.patchesLog, batch);
    } catch (error) {
      if (!said)
        process.stderr.write(
          `prepatch: ${layout.patchesLog} cannot be written: ${error instanceof Error ? error.message : String(error)}\n`,
        );
      said = true;
    }
  };
  return {
    write(event) {
      if (event.kind === 'phase') {
        if (event.transaction !== undefined) logger = `prepatch.${event.transaction}`;
        flush();
      }
      if (event.kind === 'log') lines += formatLogLine(Date.now(), event.level, logger, event.body);
    },
    async close() {
      flush();
    },
  };
}
