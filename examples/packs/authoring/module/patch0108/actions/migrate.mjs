// Gives every row of a table another column, and takes it away again.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function prepare({ home, options }) {
  const before = readFileSync(join(home, options.table), 'utf8');
  return { before };
}

export function execute({ home, options, values, log, undo }) {
  const rows = undo.before.trimEnd().split('\n');
  writeFileSync(
    join(home, options.table),
    rows.map((row, index) => `${row},${index === 0 ? 'active' : 'yes'}\n`).join(''),
  );
  values.set('rows', rows.length - 1);
  log(`${rows.length - 1} rows of ${options.table}`);
}

export function rollback({ home, options, undo }) {
  // Without what prepare returned, nothing has been changed yet.
  if (undo !== null) writeFileSync(join(home, options.table), undo.before);
}
