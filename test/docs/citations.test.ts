// What the source cites is there: clauses of formats, Carbon's rules and defects. What README lists is what the program has.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { ExitCode } from '../../src/error.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Path and text of each file of the source, its launchers and its tests. */
function sources(): { path: string; text: string }[] {
  return ['src', 'bin', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => dirname(path) !== import.meta.dirname)
      .map((path) => ({ path, text: readFileSync(path, 'utf8') })),
  );
}

/** `Carbon rules 5 to 11` cites seven, `Carbon rules 3, 12, 13` three. */
function rulesIn(text: string): number[] {
  return [...text.matchAll(/Carbon rules? (\d+(?:(?:,? and |, | to )\d+)*)/g)].flatMap(([, list = '']) => {
    const numbers = [...list.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    const [first = 0, last = 0] = numbers;
    return list.includes(' to ') ? Array.from({ length: last - first + 1 }, (_, n) => first + n) : numbers;
  });
}

test('lists and ranges of rules are read', () => {
  expect(rulesIn('(Carbon rule 10) Carbon rules 5 to 7, and Carbon rules 3, 12, 13')).toEqual([10, 5, 6, 7, 3, 12, 13]);
});

test('each clause of formats that the source cites is there', () => {
  const formats = read('docs/formats.md');
  const cited = new Set(
    sources().flatMap(({ text }) => [...text.matchAll(/formats (\d+(?:\.\d+)?)/g)].map(([, one]) => one)),
  );
  expect(cited).toContain('3');
  const isThere = (clause = '') => new RegExp(`^(?:## )?${clause.replace('.', '\\.')}[. ]`, 'm').test(formats);
  expect([...cited].filter((clause) => !isThere(clause))).toEqual([]);
});

test('each rule and defect of Carbon that the source cites is there', () => {
  const carbon = read('docs/carbon.md');
  const rules = new Set(sources().flatMap(({ text }) => rulesIn(text)));
  expect(rules).toContain(10);
  expect([...rules].filter((rule) => !carbon.includes(`**Carbon rule ${rule}.**`))).toEqual([]);
  for (let n = 1; n <= 12; n++) expect(carbon).toContain(`| **D${n}** |`);
});

test('README has every command and every exit code, and no other', () => {
  const readme = read('README.md');
  const rows = [...readme.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z]+)/g)]);
  expect(new Set(rows.map(([, name]) => name))).toEqual(new Set(COMMANDS.map((command) => command.name)));
  const codes = [...readme.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(ExitCode));
});
