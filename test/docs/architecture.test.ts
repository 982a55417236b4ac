// ARCHITECTURE.md draws every folder of the source, and its copy of the recovery table is the table.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { decideRecovery, decideUndo, type JournalPhase, type Seen } from '../../src/transaction/recovery-table.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TEXT = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');

/** The cells of each row of the table that has these words in its head, without the marks of code. */
function rowsOf(...head: readonly string[]): string[][] {
  const lines = TEXT.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && head.every((word) => line.includes(word)));
  expect(start).toBeGreaterThan(-1);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

test('every file and folder of src is in the drawn tree', () => {
  const [, tree] = /```text\n(src\/\n[\s\S]*?)```/.exec(TEXT) ?? [];
  const drawn = new Set(tree?.match(/[\w.-]+\/?/g));
  const entries = readdirSync(join(ROOT, 'src'), { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  expect(names.filter((name) => !drawn.has(name))).toEqual([]);
});

test('the recovery table is as the source decides', () => {
  const rows = rowsOf('phase, by the journal', 'action');
  for (const [phase, undoneInPart, action] of rows)
    expect([phase, action]).toEqual([phase, decideRecovery(phase as JournalPhase, undoneInPart === 'yes')]);
  const phases = ['none', 'staging', 'deploying', 'committed', 'rolling-back', 'rolled-back'] satisfies JournalPhase[];
  expect(new Set(rows.map(([phase]) => phase))).toEqual(new Set(phases));
});

test('the table of undoing is as the source decides', () => {
  const rows = rowsOf('seen', 'what is done');
  for (const [seen, action] of rows) expect([seen, action]).toEqual([seen, decideUndo(seen as Seen)]);
  expect(rows.map(([seen]) => seen)).toEqual(['before', 'after', 'absent', 'foreign'] satisfies Seen[]);
});
