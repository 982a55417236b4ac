import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MANIFEST_LIMIT_BYTES, parseJarManifest } from '../../src/home/jar-manifest.js';

function attribute(text: string | Buffer, name: string): string | undefined {
  const parsed = parseJarManifest(Buffer.from(text));
  if (parsed.kind === 'bad') throw new Error(parsed.reason);
  return parsed.get(name);
}

function reason(text: string | Buffer): string {
  const parsed = parseJarManifest(Buffer.from(text));
  return parsed.kind === 'bad' ? parsed.reason : 'sound';
}

describe('parseJarManifest', () => {
  test.each([
    ['LF', 'A: 1\nB: 2\n'],
    ['CRLF', 'A: 1\r\nB: 2\r\n'],
    ['CR', 'A: 1\rB: 2\r'],
  ])('reads lines that end with %s', (_, text) => {
    expect([attribute(text, 'A'), attribute(text, 'B')]).toEqual(['1', '2']);
  });

  test('joins continuation lines, and decodes after joining', () => {
    expect(attribute('A: 1\n 2\r\n 3\n', 'a')).toBe('123');
    const split = Buffer.concat([
      Buffer.from('A: '),
      Buffer.from([0xc3]),
      Buffer.from('\n '),
      Buffer.from([0xa9, 0x0a]),
    ]);
    expect(attribute(split, 'A')).toBe('é');
  });

  test('ignores the case of names, and lets the last of two win', () => {
    expect(attribute('bundle-VERSION: 1\nBundle-Version: 2\n', 'BUNDLE-version')).toBe('2');
  });

  test('keeps blanks of a value, but the one after the colon', () => {
    expect(attribute('A:  1 \n', 'A')).toBe(' 1 ');
  });

  test('ends the main section at the first empty line', () => {
    expect(attribute('A: 1\n\nName: x\nB: 2\n', 'B')).toBeUndefined();
  });

  test('drops a last line without terminator', () => {
    expect(attribute('A: 1\nB: 2', 'B')).toBeUndefined();
    expect(attribute('A: 1\nB: 2\n 3', 'B')).toBeUndefined();
  });

  test.each([
    [' A: 1\n', 'a continuation line continues nothing (line 1 of the manifest)'],
    ['A: 1\nB\n', 'a line has no colon (line 2 of the manifest)'],
    ['A:1\n', 'the colon of an attribute has no space after it (line 1 of the manifest)'],
    ['A:\n', 'the colon of an attribute has no space after it (line 1 of the manifest)'],
    ['A B: 1\n', 'the name of an attribute is not allowed (line 1 of the manifest)'],
    [`${'A'.repeat(71)}: 1\n`, 'the name of an attribute is not allowed (line 1 of the manifest)'],
    [`A: ${'x'.repeat(510)}\n`, 'a line is longer than 512 bytes (line 1 of the manifest)'],
    ['A: 1\n\nB: 2\n', 'a section does not start with Name (line 3 of the manifest)'],
    ['A: 1\n\nName: x\nnonsense\n', 'a line has no colon (line 4 of the manifest)'],
  ])('refuses %j as Java does', (text, expected) => {
    expect(reason(text)).toBe(expected);
  });

  test('refuses a manifest beyond the limit', () => {
    expect(reason(Buffer.alloc(MANIFEST_LIMIT_BYTES + 1, 0x0a))).toContain('16000001 bytes');
    expect(reason(Buffer.alloc(MANIFEST_LIMIT_BYTES, 0x0a))).toBe('sound');
  });

  test('any value comes back, however its bytes are wrapped', () => {
    const value = fc.string({ unit: 'binary' }).filter((text) => !/[\r\n]/.test(text));
    const ends = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(value, ends, fc.integer({ min: 1, max: 500 }), (text, end, width) => {
        const bytes = Buffer.from(text);
        const lines: Buffer[] = [Buffer.from('A: ')];
        for (let at = 0; at < bytes.length; at += width) {
          lines.push(Buffer.from(at === 0 ? '' : `${end} `), bytes.subarray(at, at + width));
        }
        expect(attribute(Buffer.concat([...lines, Buffer.from(`${end}B: 2${end}`)]), 'a')).toBe(text);
      }),
    );
  });
});
