// The examples of docs/edits.md, run as they stand.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyEdits, EDIT_KINDS, revertEdits } from '../../../src/plan/edit/edit-file.js';

const guide = readFileSync(new URL('../../../docs/edits.md', import.meta.url), 'utf8');
const blocks = [...guide.matchAll(/^```(\w+) (before|edits|after)\n([^]*?)^```$/gm)].map(
  ([, language, role, text]) => ({
    language,
    role,
    text: text ?? '',
  }),
);

describe('the guide', () => {
  it('has one example of each kind', () => {
    const kinds = blocks.filter(({ role }) => role === 'before').map(({ language }) => language);
    expect(kinds.toSorted()).toEqual([...EDIT_KINDS].toSorted());
    expect(blocks.map(({ role }) => role)).toEqual(kinds.flatMap(() => ['before', 'edits', 'after']));
  });

  it.each(EDIT_KINDS)('edits %s as its example says, and back', (kind) => {
    const start = blocks.findIndex(({ language, role }) => language === kind && role === 'before');
    const [before, edits, after] = blocks.slice(start, start + 3).map(({ text }) => text);
    const result = applyEdits(kind, Buffer.from(before ?? ''), JSON.parse(edits ?? '') as never[]);
    expect(result.kind === 'edited' ? Buffer.from(result.bytes).toString() : result).toBe(after);
    if (result.kind !== 'edited') return;
    const back = revertEdits(kind, result.bytes, result.undo);
    expect(back.kind === 'reverted' ? Buffer.from(back.bytes).toString() : back).toBe(before);
    const again = applyEdits(kind, result.bytes, JSON.parse(edits ?? '') as never[]);
    expect(again.kind === 'edited' ? Buffer.from(again.bytes).toString() : again).toBe(after);
  });
});
