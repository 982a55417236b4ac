// VCDIFF (RFC 3284): what xdelta3 has written, every kind of instruction and address, and deltas that are wrong in every way.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecodedDelta, decodeVcdiff } from '../../src/home/decode-vcdiff.js';
import { ADD, COPY, encodeVcdiff, number, RUN, vcdiff, type WindowOf } from '../support/encode-vcdiff.js';

const LIMIT = 1_000_000;
const text = (value: string) => new Uint8Array(Buffer.from(value));
const decode = (delta: Uint8Array, basis: string | Uint8Array) =>
  decodeVcdiff(delta, typeof basis === 'string' ? text(basis) : basis, LIMIT);
const shown = (decoded: DecodedDelta) =>
  decoded.kind === 'decoded'
    ? Buffer.from(decoded.bytes).toString('latin1')
    : decoded.kind === 'unsound'
      ? `unsound: ${decoded.reason}`
      : `too large: ${decoded.sizeBytes}`;

describe('deltas of xdelta3 3.0.11', () => {
  const basis = Array.from({ length: 60 }, (_, line) => `line ${line} of the basis\n`).join('');
  const target = [
    basis.slice(0, 300),
    'something new\n'.repeat(3),
    basis.slice(350, 900),
    '='.repeat(80),
    basis.slice(200, 420),
    'end\n',
  ].join('');

  test.each([
    [
      '-S none -n -A',
      '1sPEAAABhwQAWoksACIjD3NvbWV0aGluZyBuZXcKPWxpbmUgMTExMjExNDExNmVuZAoTgiwPIxwThCYAUAdTFAJjFANTEwJDFANDEwJDFANDE1NEBQAOgl5CgzlDghAAaACEKw==',
    ],
    [
      '-S none: an application header and a checksum',
      '1sPEAAQFdC8vYi8FhwQAXoksACIjD+w9fM9zb21ldGhpbmcgbmV3Cj1saW5lIDExMTIxMTQxMTZlbmQKE4IsDyMcE4QmAFAHUxQCYxQDUxMCQxQDQxMCQxQDQxNTRAUADoJeQoM5Q4IQAGgAhCs=',
    ],
  ])('%s', (_, delta) => {
    expect(shown(decode(Buffer.from(delta, 'base64'), basis))).toBe(target);
  });

  test('one that went through a second compressor is refused by name', () => {
    expect(shown(decode(Buffer.from('1sPEAAU=', 'base64'), basis))).toContain('second compressor');
  });
});

describe('the format', () => {
  const window = (of: Partial<WindowOf>): WindowOf => ({ targetBytes: 0, instructions: [], ...of });

  test('add, run and copy, their sizes in the code or behind it', () => {
    const delta = vcdiff([
      window({
        from: 'basis',
        sourceBytes: 6,
        targetBytes: 16,
        data: text('xyzq'),
        // ADD of 3, RUN of 4, COPY of 5 at 1, ADD and COPY in one code: nothing to add but its copy of 4.
        instructions: [4, RUN, ...number(4), 21, COPY, ...number(4)],
        addresses: [...number(1), ...number(2)],
      }),
    ]);
    expect(shown(decode(delta, 'abcdef'))).toBe('xyzqqqqbcdefcdef');
  });

  test('a copy that reads what it has just written, and one over the end of the source', () => {
    const delta = vcdiff([
      window({
        from: 'basis',
        sourceBytes: 3,
        targetBytes: 10,
        data: text('-'),
        instructions: [2, COPY, ...number(6), COPY, ...number(3)],
        addresses: [...number(1), ...number(2)],
      }),
    ]);
    // Source and target are one text: abc-…; six from 1 on are bc-bc-, three from 2 on are c-b.
    expect(shown(decode(delta, 'abc'))).toBe('-bc-bc-c-b');
  });

  test('windows one after the other, and one that copies from those before it', () => {
    const delta = vcdiff([
      window({ targetBytes: 4, data: text('abcd'), instructions: [ADD, 4] }),
      window({
        from: 'target',
        sourceBytes: 2,
        sourcePosition: 1,
        targetBytes: 2,
        instructions: [COPY, 2],
        addresses: [0],
      }),
      window({ targetBytes: 0 }),
    ]);
    expect(shown(decode(delta, ''))).toBe('abcdbc');
  });

  test('near and same addresses', () => {
    // COPY 4 in modes 0 (as it is), 1 (back from here), 2 (near the first), 6 (the same as an earlier one).
    const delta = vcdiff([
      window({
        from: 'basis',
        sourceBytes: 10,
        targetBytes: 16,
        instructions: [20, 36, 52, 116],
        addresses: [...number(3), ...number(10), ...number(1), 3],
      }),
    ]);
    expect(shown(decode(delta, '0123456789'))).toBe('3456456745673456');
  });

  test('nothing at all', () => {
    expect(shown(decode(vcdiff([]), 'basis'))).toBe('');
  });

  test.each<[string, Uint8Array | readonly WindowOf[], string]>([
    ['something else', text('PK\u0003\u0004 a zip'), 'it is no VCDIFF'],
    ['nothing', text(''), 'it is no VCDIFF'],
    ['a header that ends', vcdiff([]).subarray(0, 4), 'it ends too early'],
    ['a code table', vcdiff([], [2]), 'a code table of its own'],
    ['an unknown bit', vcdiff([], [64]), 'its header says something unknown'],
    ['an application header that is too long', vcdiff([], [4, ...number(9)]), 'it ends too early'],
    ['an unknown window', Buffer.concat([vcdiff([]), Buffer.from([8, 0])]), 'a window says something unknown'],
    ['two sources', Buffer.concat([vcdiff([]), Buffer.from([3, 0])]), 'a window has two sources'],
    [
      'a window that ends',
      vcdiff([window({ targetBytes: 4, instructions: [5] })]).subarray(0, -1),
      'it ends too early',
    ],
    ['a number without end', Buffer.concat([vcdiff([]), Buffer.alloc(20, 0xff)]), 'says something unknown'],
    ['an absurd number', Buffer.concat([vcdiff([]), Buffer.from([1]), Buffer.alloc(20, 0xff)]), 'an absurd number'],
    ['data that ends', [window({ targetBytes: 4, data: text('abc'), instructions: [5] })], 'it ends too early'],
    ['more data', [window({ targetBytes: 1, data: text('ab'), instructions: [2] })], 'more than its instructions use'],
    ['less than promised', [window({ targetBytes: 2, data: text('a'), instructions: [2] })], 'is not filled'],
    ['more than promised', [window({ targetBytes: 1, data: text('ab'), instructions: [3] })], 'beyond its window'],
    [
      'an endless run',
      [window({ targetBytes: 1, data: text('a'), instructions: [RUN, ...number(2 ** 40)] })],
      'beyond its window',
    ],
    ['a source that is not there', [window({ from: 'basis', sourceBytes: 7, targetBytes: 0 })], 'beyond what there is'],
    [
      'a target that is not there',
      [window({ from: 'target', sourceBytes: 1, targetBytes: 0 })],
      'beyond what there is',
    ],
    [
      'a copy of what is not there yet',
      [window({ from: 'basis', sourceBytes: 2, targetBytes: 4, instructions: [20], addresses: [2] })],
      'a copy reads beyond what there is',
    ],
    [
      'a copy from before the beginning',
      [window({ from: 'basis', sourceBytes: 2, targetBytes: 4, instructions: [36], addresses: [3] })],
      'a copy reads beyond what there is',
    ],
    [
      'a wrong checksum',
      [window({ targetBytes: 1, data: text('a'), instructions: [2], checksum: 1 })],
      'the checksum of a window is wrong',
    ],
  ])('%s is refused by name', (_, of, reason) => {
    const delta = of instanceof Uint8Array ? of : vcdiff(of);
    const decoded = shown(decode(delta, 'basis.'));
    expect(decoded).toContain('unsound: ');
    expect(decoded).toContain(reason);
  });

  test('a result beyond the limit is refused before it is made', () => {
    const huge = [window({ targetBytes: 900_000, data: text('a'), instructions: [RUN, ...number(900_000)] })];
    expect(shown(decode(vcdiff(huge), ''))).toHaveLength(900_000);
    expect(shown(decode(vcdiff([...huge, ...huge]), ''))).toBe('too large: 1800000');
    expect(shown(decode(vcdiff([window({ targetBytes: 2 ** 39 })]), ''))).toBe(`too large: ${2 ** 39}`);
  });
});

describe('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });

  test('what was encoded is decoded', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, (head, tail, old, fresh) => {
        const basis = Buffer.concat([head, old, tail]);
        const target = Buffer.concat([head, fresh, tail]);
        expect(decode(encodeVcdiff(basis, target), basis)).toEqual({ kind: 'decoded', bytes: new Uint8Array(target) });
      }),
    );
  });

  test('junk is unsound or something else, and ends', () => {
    const sound = encodeVcdiff(text('the basis of it'), text('the target of it'));
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), bytes, (at, byte, more) => {
        const changed = Uint8Array.from(sound);
        changed[at] = byte;
        for (const delta of [changed, Buffer.concat([changed, more]), Buffer.concat([vcdiff([]), more])])
          expect(['decoded', 'unsound', 'too-large']).toContain(decode(delta, 'the basis of it').kind);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 1000) },
    );
  });
});
