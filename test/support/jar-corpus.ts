// JARs, sound and broken, one of each kind that matters for reading an identity; every one has a name. What is true of each
// is not said here: Java's JarFile decides (jar-oracle.ts), and the tests of jar.ts say what must be.
import { deflateRawSync } from 'node:zlib';
import { bundleManifest, extraField, forgeJar, forgeZip, zip64Field } from './zip-forge.js';

const TEXT = bundleManifest('org.example.core;singleton:=true', '1.2.3');
const NAME = 'META-INF/MANIFEST.MF';
const OTHER = { name: 'org/example/A.class', data: Buffer.alloc(3000, 7) };
const SOUND = forgeJar(TEXT, [OTHER]);
const MANY = Array.from({ length: 400 }, (_, index) => ({
  name: `org/example/pack/C${index}.class`,
  data: `class ${index}`,
}));

export function jarCorpus(): Map<string, Buffer> {
  const corpus = new Map<string, Buffer>();
  for (const [name, text] of manifests()) {
    corpus.set(`manifest: ${name}`, forgeJar({ name: NAME, data: text }, [OTHER]));
    corpus.set(`manifest, stored: ${name}`, forgeJar({ name: NAME, data: text, method: 0 }, [OTHER]));
  }
  for (const [name, jar] of containers()) corpus.set(name, jar);
  for (let length = 0; length < SOUND.length; length += length < 40 || SOUND.length - length < 60 ? 1 : 7) {
    corpus.set(`cut to ${length} of ${SOUND.length}`, SOUND.subarray(0, length));
  }
  return corpus;
}

/** Manifests as text or bytes, by the rule they try. */
export function manifests(): [string, Buffer | string][] {
  const bundle = 'Bundle-SymbolicName: a.b\nBundle-Version: 1.0\n';
  const long = (length: number) => `Bundle-SymbolicName: ${'x'.repeat(length - 21)}`;
  return [
    ['empty', ''],
    ['only a blank line', '\n'],
    ['LF', bundle],
    ['CRLF', bundle.replaceAll('\n', '\r\n')],
    ['CR', bundle.replaceAll('\n', '\r')],
    ['mixed ends', 'Bundle-SymbolicName: a.b\rBundle-Version: 1.0\r\nX: y\n'],
    ['CR CR', 'Bundle-SymbolicName: a.b\r\rBundle-Version: 1.0\r'],
    ['LF CR', 'Bundle-SymbolicName: a.b\n\rBundle-Version: 1.0\n'],
    ['no terminator', bundle.slice(0, -1)],
    ['no terminator after a continuation', 'Bundle-Version: 1.0\nBundle-SymbolicName: a\n .b'],
    ['continued', 'Bundle-SymbolicName: a\n .b\n .c\nBundle-Version: 1\r\n .0\r\n'],
    ['continued by an empty line', 'Bundle-SymbolicName: a\n \nBundle-Version: 1.0\n'],
    [
      'continued, UTF-8 split',
      Buffer.from([
        ...Buffer.from('Bundle-SymbolicName: a'),
        0xc3,
        0x0a,
        0x20,
        0xa9,
        ...Buffer.from('\nBundle-Version: 1\n'),
      ]),
    ],
    [
      'bad UTF-8',
      Buffer.from([
        ...Buffer.from('Bundle-SymbolicName: a'),
        0xc3,
        0xff,
        0xe2,
        0x82,
        ...Buffer.from('\nBundle-Version: 1\n'),
      ]),
    ],
    ['continuation first', ` x\n${bundle}`],
    ['tab is no continuation', 'Bundle-SymbolicName: a\n\tb\nBundle-Version: 1\n'],
    ['names in other case', 'bundle-symbolicNAME: a\nBUNDLE-VERSION: 2\n'],
    ['duplicate', 'Bundle-SymbolicName: a\nBundle-SymbolicName: b\nBundle-Version: 1\nbundle-version: 2\n'],
    ['after the main section', 'X: y\n\nName: z\nBundle-SymbolicName: a\nBundle-Version: 1\n'],
    ['sections', `${bundle}\nName: org/A.class\nSHA-256-Digest: abc\n\n\n\nNAME: b\nX: y\n`],
    ['section name continued', `${bundle}\nName: org/A\n .class\nX: y\n`],
    ['section without Name', `${bundle}\nFoo: bar\n`],
    ['section with a short line', `${bundle}\nName\n`],
    ['section with a bad line', `${bundle}\nName: a\nno colon\n`],
    ['section with a bad name', `${bundle}\nName: a\nb d: c\n`],
    ['section with a continuation first', `${bundle}\n Name: a\n`],
    ['section Name only, no end', `${bundle}\nName: a`],
    ['no colon', `${bundle}nonsense\n`],
    ['no space after colon', 'Bundle-SymbolicName:a\nBundle-Version: 1\n'],
    ['colon ends line', 'Bundle-SymbolicName:\nBundle-Version: 1\n'],
    ['empty value', 'Bundle-SymbolicName: \nBundle-Version: \n'],
    ['spaces around', 'Bundle-SymbolicName:   a ; x \nBundle-Version:  1.0 \n'],
    ['no-break space', 'Bundle-SymbolicName: \u00a0a\u00a0\nBundle-Version: 1.0\n'],
    ['bad attribute name', `a b: c\n${bundle}`],
    ['bad name, unfinished', `${bundle}a b: c\n d`],
    ['bad name, continued', `${bundle}a b: c\n d\n`],
    ['empty attribute name', `: c\n${bundle}`],
    ['name of 70', `${'n'.repeat(70)}: c\n${bundle}`],
    ['name of 71', `${'n'.repeat(71)}: c\n${bundle}`],
    ['name with @ [ ` {', `a@: c\n${bundle}`],
    ['name with [', `a[: c\n${bundle}`],
    ['name with underscore', `a_-9: c\n${bundle}`],
    ['NUL in value', 'Bundle-SymbolicName: a\0b\nBundle-Version: 1\n'],
    ['BOM', `\ufeff${bundle}`],
    ['only a symbolic name', 'Bundle-SymbolicName: a\n'],
    ['only a version', 'Bundle-Version: 1\n'],
    ['line of 511 and LF', `${long(511)}\nBundle-Version: 1\n`],
    ['line of 512 and LF', `${long(512)}\nBundle-Version: 1\n`],
    ['line of 510 and CRLF', `${long(510)}\r\nBundle-Version: 1\r\n`],
    ['line of 511 and CRLF', `${long(511)}\r\nBundle-Version: 1\r\n`],
    [
      'line of 511 and CRLF at the window',
      `${`X: ${'y'.repeat(509 - 2)}\r\n`.repeat(15)}${'X: y\n'.repeat(1)}${long(507)}\r\nBundle-Version: 1\r\n`,
    ],
    ['line of 511 and CR', `${long(511)}\rBundle-Version: 1\r`],
    ['line of 512, no end', `Bundle-Version: 1\n${long(512)}`],
    ['line of 600, no end', `Bundle-Version: 1\n${long(600)}`],
    ['continuation of 600', `Bundle-Version: 1\nBundle-SymbolicName: a\n ${'x'.repeat(600)}\n`],
    ...Array.from({ length: 6 }, (_, index): [string, string] => [
      `CRLF around the window, ${index}`,
      `${'Filler: 123456789\r\n'.repeat(430)}F: ${'x'.repeat(8192 - 430 * 19 - 3 - index)}\r\nBundle-SymbolicName: a\r\nBundle-Version: 1\r\n`,
    ]),
    ...Array.from({ length: 4 }, (_, index): [string, string] => [
      `512 at the window, ${index}`,
      `${`${'F: '.padEnd(98, 'x')}\r\n`.repeat(76)}${'G: '.padEnd(78 + index, 'x')}\r\nH: ${'x'.repeat(508)}\r\nBundle-SymbolicName: a\r\nBundle-Version: 1\r\n`,
    ]),
    ['large', `${bundle}${'Filler: 123456789\n'.repeat(6000)}`],
    ['large with sections', `${bundle}${'\nName: a\nFiller: 123456789\n'.repeat(6000)}`],
  ];
}

function* containers(): Generator<[string, Buffer]> {
  const manifest = { name: NAME, data: TEXT };
  const raw = deflateRawSync(Buffer.from(TEXT));
  const size = Buffer.byteLength(TEXT);
  const jar = (fields: object, entries: object[] = [OTHER]) =>
    forgeZip({ entries: [{ ...manifest, ...fields }, ...entries] as (typeof manifest)[] });
  yield ['sound', SOUND];
  yield ['no manifest', forgeZip({ entries: [OTHER] })];
  yield ['no entries', forgeZip({ entries: [] })];
  yield ['no entries, lying end', forgeZip({ entries: [], end: { count: 7, directoryBytes: 99, directoryOffset: 1 } })];
  yield ['manifest name in lower case', jar({ name: 'meta-inf/manifest.mf' })];
  yield ['manifest name in mixed case', jar({ name: 'Meta-Inf/Manifest.mF' })];
  yield ['manifest name with other signs', jar({ name: 'META\rINF/MANIFEST\x0eMF' })];
  yield ['manifest name with backslash', jar({ name: 'META-INF\\MANIFEST.MF' })];
  yield ['manifest as a folder', jar({ name: 'META-INF/MANIFEST.MF/', data: '' })];
  yield ['two manifests, same name', jar({}, [{ name: NAME, data: bundleManifest('second', '2') }])];
  yield ['two manifests, other case', jar({}, [{ name: 'META-INF/manifest.mf', data: bundleManifest('second', '2') }])];
  yield [
    'three manifests',
    jar({}, [
      { name: 'META-INF/manifest.mf', data: bundleManifest('second', '2') },
      { name: NAME, data: bundleManifest('third', '3') },
    ]),
  ];
  yield ['manifest last of many', forgeZip({ entries: [...MANY, manifest] })];
  yield ['many entries', forgeZip({ entries: [manifest, ...MANY] })];
  yield [
    'manifest behind 200 KB',
    forgeZip({ entries: [{ name: 'big', data: Buffer.alloc(200_000, 3), method: 0 }, manifest] }),
  ];
  yield [
    'manifest before 200 KB',
    forgeZip({ entries: [manifest, { name: 'big', data: Buffer.alloc(200_000, 3), method: 0 }] }),
  ];
  yield ['comment', forgeZip({ entries: [manifest], comment: Buffer.from('hello') })];
  yield ['comment of 65535', forgeZip({ entries: [manifest], comment: Buffer.alloc(65535, 0x41) })];
  yield [
    'comment longer than said',
    forgeZip({ entries: [manifest], comment: Buffer.from('hello'), end: { commentBytes: 2 } }),
  ];
  yield [
    'comment shorter than said',
    forgeZip({ entries: [manifest], comment: Buffer.from('hello'), end: { commentBytes: 9 } }),
  ];
  yield ['comment with an end record', forgeZip({ entries: [manifest], comment: forgeZip({ entries: [] }) })];
  yield ['comment with a zip', forgeZip({ entries: [manifest], comment: forgeJar(bundleManifest('inner', '9')) })];
  yield [
    'comment with an end mark',
    forgeZip({ entries: [manifest], comment: Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(40)]) }),
  ];
  for (const length of [1, 21, 22, 100, 128, 4000, 65536, 65600, 65613, 65614, 65615, 65700, 70000]) {
    yield [`followed by ${length} bytes`, forgeZip({ entries: [manifest], suffix: Buffer.alloc(length, 1) })];
  }
  yield ['followed by a torn zip', forgeZip({ entries: [manifest], suffix: SOUND.subarray(0, 200) })];
  yield ['two zips in a row', Buffer.concat([SOUND, forgeJar(bundleManifest('last', '1'))])];
  yield [
    'after a stub',
    forgeZip({ entries: [manifest, OTHER], prefix: Buffer.from('#!/bin/sh\nexec java -jar "$0"\n') }),
  ];
  yield [
    'after a stub, offsets adjusted',
    forgeZip({ entries: [manifest, OTHER], prefix: Buffer.from('#!/bin/sh\n'), adjustOffsets: true }),
  ];
  yield [
    'after a stub, with a tail',
    forgeZip({ entries: [manifest], prefix: Buffer.alloc(50), suffix: Buffer.alloc(50) }),
  ];
  yield ['encrypted', jar({ flags: 1 })];
  yield ['other entry encrypted', jar({}, [{ ...OTHER, flags: 1 }])];
  yield ['local header says encrypted', jar({ local: { flags: 1 } })];
  for (const method of [1, 9, 12, 14, 93, 99]) yield [`method ${method}`, jar({}, [{ ...OTHER, method }])];
  yield ['multi-disk', forgeZip({ entries: [manifest], end: { disk: 1, directoryDisk: 1 } })];
  yield ['entry on disk 5', jar({ disk: 5 })];
  yield ['count too small', forgeZip({ entries: [manifest, OTHER], end: { count: 1, countHere: 1 } })];
  yield ['count zero', forgeZip({ entries: [manifest, OTHER], end: { count: 0, countHere: 0 } })];
  yield ['count too large', forgeZip({ entries: [manifest], end: { count: 1000, countHere: 1000 } })];
  yield ['directory too short', forgeZip({ entries: [manifest, OTHER], end: { directoryBytes: 60 } })];
  yield ['directory one byte short', forgeZip({ entries: [manifest, OTHER], end: { directoryBytes: 130 } })];
  yield ['directory too long', forgeZip({ entries: [manifest], end: { directoryBytes: 100_000 } })];
  yield ['directory of 4 GB', forgeZip({ entries: [manifest], end: { directoryBytes: 0xffffffff } })];
  yield ['directory empty by its size', forgeZip({ entries: [manifest], end: { directoryBytes: 0 } })];
  yield ['directory offset too large', forgeZip({ entries: [manifest], end: { directoryOffset: 100_000 } })];
  yield ['directory offset too small', forgeZip({ entries: [manifest], end: { directoryOffset: 0 } })];
  yield [
    'directory offset off by one',
    forgeZip({ entries: [manifest], prefix: Buffer.alloc(1), end: { directoryOffset: 5 } }),
  ];
  yield ['gap before the directory', forgeZip({ entries: [manifest], beforeDirectory: Buffer.alloc(10) })];
  yield ['gap after the directory', forgeZip({ entries: [manifest], afterDirectory: Buffer.alloc(10) })];
  yield ['bad name bytes', jar({}, [{ name: Buffer.from([0x61, 0xff, 0x62]), data: 'x' }])];
  yield ['surrogate in a name', jar({}, [{ name: Buffer.from([0xed, 0xa0, 0x80]), data: 'x' }])];
  yield ['overlong NUL in a name', jar({}, [{ name: Buffer.from([0xc0, 0x80]), data: 'x' }])];
  yield ['UTF-8 name without the flag', jar({}, [{ name: 'é', flags: 0 }])];
  yield ['empty name', jar({}, [{ name: '' }])];
  yield ['bad entry comment', jar({ comment: Buffer.from([0xff, 0xfe]) })];
  yield ['extra field', jar({ extra: extraField(0xcafe, Buffer.alloc(0)) })];
  yield ['extra field of three bytes', jar({ extra: Buffer.alloc(3) })];
  yield ['extra field too long', jar({ extra: Buffer.from([1, 0x50, 90, 0, 1]) })];
  for (const length of [0, 4, 8, 12, 16, 24, 28, 32]) {
    yield [`ZIP64 field of ${length}`, jar({ extra: extraField(1, Buffer.alloc(length)) })];
    yield [
      `ZIP64 field of ${length} for both sizes`,
      jar({ extra: extraField(1, Buffer.alloc(length)), storedBytes: 0xffffffff, sizeBytes: 0xffffffff }),
    ];
  }
  yield ['ZIP64 sizes', jar({ extra: zip64Field(size, raw.length), storedBytes: 0xffffffff, sizeBytes: 0xffffffff })];
  yield ['ZIP64 sizes without field', jar({ storedBytes: 0xffffffff, sizeBytes: 0xffffffff })];
  yield ['ZIP64 size only', jar({ extra: zip64Field(size), sizeBytes: 0xffffffff })];
  yield ['ZIP64 stored size only', jar({ extra: zip64Field(raw.length), storedBytes: 0xffffffff })];
  yield ['ZIP64 offset', jar({ extra: zip64Field(0), offset: 0xffffffff })];
  yield ['ZIP64 offset outside', jar({ extra: zip64Field(2 ** 40), offset: 0xffffffff })];
  yield [
    'ZIP64 all',
    jar({ extra: zip64Field(size, raw.length, 0), storedBytes: 0xffffffff, sizeBytes: 0xffffffff, offset: 0xffffffff }),
  ];
  yield [
    'ZIP64 negative size',
    jar({ extra: extraField(1, Buffer.alloc(16, 0xff)), storedBytes: 0xffffffff, sizeBytes: 0xffffffff }),
  ];
  for (const count of [0xffff0002, 2 ** 31, 2 ** 31 - 1, 2 ** 30, 2 ** 32 + 1, 2 ** 32, 10_000]) {
    yield [
      `ZIP64 end, count ${count}`,
      forgeZip({ entries: [manifest, OTHER], zip64: { count }, end: { count: 0xffff, countHere: 0xffff } }),
    ];
  }
  yield ['ZIP64 end', forgeZip({ entries: [manifest, OTHER], zip64: {} })];
  yield [
    'ZIP64 end that counts',
    forgeZip({
      entries: [manifest, OTHER],
      zip64: {},
      end: { count: 0xffff, countHere: 0xffff, directoryBytes: 0xffffffff, directoryOffset: 0xffffffff },
    }),
  ];
  yield ['ZIP64 end, lying count', forgeZip({ entries: [manifest, OTHER], zip64: { count: 99 } })];
  yield [
    'ZIP64 end, lying size',
    forgeZip({ entries: [manifest, OTHER], zip64: { directoryBytes: 5 }, end: { directoryBytes: 0xffffffff } }),
  ];
  yield ['ZIP64 end, size ignored', forgeZip({ entries: [manifest, OTHER], zip64: { directoryBytes: 5 } })];
  yield ['ZIP64 end elsewhere', forgeZip({ entries: [manifest], zip64: { recordOffset: 3 } })];
  yield [
    'ZIP64 end out of the file',
    forgeZip({ entries: [manifest], zip64: { recordOffset: 2 ** 50 }, end: { directoryBytes: 0xffffffff } }),
  ];
  yield ['ZIP64 end with a wrong signature', forgeZip({ entries: [manifest], zip64: { signature: 1 } })];
  yield ['local header elsewhere', jar({ offset: 7 })];
  yield ['local header out of the file', jar({ offset: 1_000_000 })];
  yield ['local header in the end record', jar({ offset: SOUND.length - 10 })];
  yield ['local header with a wrong signature', jar({ local: { signature: 0x04034b51 } })];
  yield ['local header with another name', jar({ local: { name: 'META-INF/XXXXXXXX.XX' } })];
  yield ['local header with a longer name', jar({ local: { name: `${NAME}.orig` } })];
  yield ['local header with a lying name length', jar({ local: { nameBytes: 15 } })];
  yield ['local header with a huge name length', jar({ local: { nameBytes: 65000 } })];
  yield ['local header with another method', jar({ local: { method: 0 } })];
  yield ['local header with other sizes', jar({ local: { sizeBytes: 5, storedBytes: 5, crc: 5 } })];
  yield ['local extra of 40000', jar({ local: { extra: Buffer.alloc(40_000) } })];
  yield ['descriptor', jar({ descriptor: 'signed' })];
  yield ['wrong crc', jar({ crc: 1 })];
  yield ['size zero', jar({ sizeBytes: 0 })];
  yield ['size zero, bad local header', jar({ sizeBytes: 0, local: { signature: 1 } })];
  yield ['size smaller', jar({ sizeBytes: size - 40 })];
  yield ['size smaller by one', jar({ sizeBytes: size - 1 })];
  yield ['size one', jar({ sizeBytes: 1 })];
  yield ['size larger', jar({ sizeBytes: size + 1 })];
  yield ['size of 16 MB', jar({ sizeBytes: 16_000_000 })];
  yield ['size beyond 16 MB', jar({ sizeBytes: 16_000_001 })];
  yield ['stored size zero', jar({ storedBytes: 0 })];
  yield ['stored size smaller by one', jar({ storedBytes: raw.length - 1 })];
  yield ['stored size smaller by two', jar({ storedBytes: raw.length - 2 })];
  yield ['stored size much smaller', jar({ storedBytes: 20 })];
  yield ['stored size larger', jar({ storedBytes: raw.length + 500 })];
  yield ['stored size out of the file', jar({ storedBytes: 1_000_000 })];
  yield ['junk stream', jar({ raw: Buffer.alloc(100, 0xff) })];
  yield ['empty stream', jar({ raw: Buffer.alloc(0) })];
  yield ['stream without end', jar({ raw: raw.subarray(0, -1) })];
  yield ['stream with a broken end', jar({ raw: Buffer.concat([raw.subarray(0, -6), Buffer.alloc(8, 0xff)]) })];
  yield ['junk behind the stream', jar({ raw: Buffer.concat([raw, Buffer.alloc(50, 0xff)]) })];
  yield ['prefix then junk', jar({ raw: Buffer.concat([unfinished(TEXT), Buffer.alloc(40, 0xff)]) })];
  yield [
    'prefix then junk, no end needed',
    jar({ raw: Buffer.concat([unfinished(TEXT), Buffer.alloc(40, 0xff)]), sizeBytes: size - 2 }),
  ];
  const short = 'Bundle-SymbolicName: a\nBundle-Version: 1\n';
  for (const junk of [0, 1, 2, 40]) {
    const tail = Buffer.alloc(junk, 0xff);
    yield [`short prefix then ${junk} of junk`, jar({ data: short, raw: Buffer.concat([unfinished(short), tail]) })];
    yield [
      `short prefix then ${junk} of junk, not all wanted`,
      jar({ data: short, raw: Buffer.concat([unfinished(short), tail]), sizeBytes: short.length - 1 }),
    ];
  }
  yield ['prefix then nothing', jar({ raw: unfinished(TEXT) })];
  const big = `${TEXT.slice(0, -2)}${'X: y\r\n'.repeat(20_000)}`;
  const bigRaw = deflateRawSync(Buffer.from(big));
  yield ['large manifest', jar({ data: big })];
  yield ['large manifest, stored', jar({ data: big, method: 0 })];
  yield ['large manifest, size smaller', jar({ data: big, sizeBytes: 100_000 })];
  yield ['large manifest, small size', jar({ data: big, sizeBytes: 60_000 })];
  yield ['large manifest, size larger', jar({ data: big, sizeBytes: 200_000 })];
  yield ['large manifest, without its last byte', jar({ data: big, raw: bigRaw.subarray(0, -1) })];
  yield ['large manifest, without its last two bytes', jar({ data: big, raw: bigRaw.subarray(0, -2) })];
  yield ['large manifest, stored, size smaller', jar({ data: big, method: 0, sizeBytes: 100_000 })];
  yield ['stored, size smaller', jar({ method: 0, sizeBytes: size - 1 })];
  yield ['stored, size larger', jar({ method: 0, sizeBytes: size + 1 })];
  yield ['bomb', jar({ data: Buffer.alloc(30_000_000, 0x20) })];
  yield [
    'bomb with a small size',
    jar({ data: Buffer.concat([Buffer.from(TEXT), Buffer.alloc(30_000_000, 0x20)]), sizeBytes: size }),
  ];
  yield ['junk', Buffer.alloc(5000, 0x5a)];
  yield ['zeros', Buffer.alloc(100_000)];
  yield ['gzip', Buffer.from('1f8b0800000000000003cb48cdc9c90700a52e9c7305000000', 'hex')];
  yield ['text', Buffer.from('<html><body>404 Not Found</body></html>\n'.repeat(40))];
}

/** A deflate stream of the text whose last block is not finished: stored blocks without the final bit. */
function unfinished(text: string): Buffer {
  const data = Buffer.from(text);
  const head = Buffer.from([0, data.length & 0xff, data.length >> 8, ~data.length & 0xff, (~data.length >> 8) & 0xff]);
  return Buffer.concat([head, data]);
}
