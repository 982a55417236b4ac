// Archives that must be taken, and archives that lie, one a kind, with the name of the refusal that each must meet.
import { crc32, deflateRawSync } from 'node:zlib';
import type { ArchiveRefusal } from '../../src/home/archive-refusal.js';
import { extraField, type ForgedEntry, type ForgedZip, forgeJar, forgeZip, zip64Field } from './zip-forge.js';

const A = { name: 'patch0001/a.jar', data: 'the bytes of a' };
const B = { name: 'patch0001/b.jar', data: 'the bytes of b, which are a few more' };
const RAW = deflateRawSync(Buffer.from(A.data));
const UNICODE_PATH = 0x7075;

const only = (...entries: readonly ForgedEntry[]) => forgeZip({ entries });
const withEnd = (fields: Omit<ForgedZip, 'entries'>) => forgeZip({ entries: [A, B], ...fields });

/** Archives with nothing wrong, in the ways in which zips may differ. */
export function soundArchives(): [string, Buffer][] {
  const long = 'x'.repeat(255);
  return [
    ['two files', only(A, B)],
    ['nothing at all', only()],
    ['a stored file', only({ ...A, method: 0 }, B)],
    ['an empty file, deflated', only({ name: 'empty', data: '' })],
    ['an empty file, stored', only({ name: 'empty', data: '', method: 0 })],
    ['folders', only({ name: 'patch0001/', method: 0 }, A, { name: 'patch0001/lib/', method: 0, mode: 0o040755 }, B)],
    ['a folder, deflated', only({ name: 'patch0001/', data: '' }, A)],
    ['a folder after its file', only(A, { name: 'patch0001/', method: 0 })],
    ['a folder marked as DOS does', only({ name: 'a/', method: 0, madeBy: 20, dosAttributes: 0x10 })],
    ['modes', only({ ...A, mode: 0o100755 }, { ...B, mode: 0o104644 })],
    ['sizes behind the data', only({ ...A, descriptor: 'signed' }, { ...B, descriptor: 'signed' })],
    ['sizes behind the data, without signature', only({ ...A, descriptor: 'plain' }, B)],
    ['sizes behind the data, of 64 bits', only({ ...A, descriptor: 'long' }, B)],
    ['sizes behind stored data', only({ ...A, method: 0, descriptor: 'signed' }, B)],
    [
      'sizes in front and behind',
      only(
        {
          ...A,
          descriptor: 'signed',
          local: { crc: crc32(A.data), storedBytes: RAW.length, sizeBytes: A.data.length },
        },
        B,
      ),
    ],
    ['a comment', withEnd({ comment: Buffer.from('made on a Sunday') })],
    ['the longest comment', withEnd({ comment: Buffer.alloc(65_535, 65) })],
    ['comments of entries', only({ ...A, comment: Buffer.from('first') }, { ...B, comment: Buffer.from('second') })],
    ['another order in the directory', reordered()],
    [
      'extra fields',
      only({ ...A, extra: extraField(0x5455, Buffer.alloc(5)), local: { extra: extraField(0x5455, Buffer.alloc(9)) } }),
    ],
    ['an extra field of padding', only({ ...A, local: { extra: Buffer.alloc(3) } })],
    [
      'the same name again in an extra field',
      only({ ...A, extra: extraField(UNICODE_PATH, Buffer.concat([Buffer.alloc(5), Buffer.from(A.name)])) }),
    ],
    ['a ZIP64 end', withEnd({ zip64: {} })],
    [
      'a ZIP64 end that counts',
      withEnd({
        zip64: {},
        end: { count: 0xffff, countHere: 0xffff, directoryBytes: 0xffffffff, directoryOffset: 0xffffffff },
      }),
    ],
    [
      'ZIP64 sizes',
      only({
        ...A,
        extra: zip64Field(A.data.length, RAW.length),
        ...magicSizes(),
        local: { extra: zip64Field(A.data.length, RAW.length) },
      }),
    ],
    [
      'ZIP64 sizes and offset',
      only({
        ...A,
        extra: zip64Field(A.data.length, RAW.length, 0),
        ...magicSizes(),
        offset: 0xffffffff,
        local: { extra: zip64Field(A.data.length, RAW.length) },
      }),
    ],
    ['names in UTF-8', only({ name: 'größe/日本語.jar', data: 'x' }, { name: '😀', data: 'y' })],
    ['names in UTF-8 without the flag', only({ name: 'größe', data: 'x', flags: 0 })],
    ['the longest segment', only({ name: `${long}/${long}`, data: 'x' })],
    ['the longest path', only({ name: `${`${long}/`.repeat(15)}${'y'.repeat(256 - 1)}`, data: 'x' })],
    [
      'names with odd signs',
      only(
        { name: 'a b/c$d#e%f&g;h=i[j]k.jar', data: 'x' },
        { name: '.hidden', data: '' },
        { name: 'ab:c', data: '' },
        { name: '...x', data: '' },
      ),
    ],
    ['the same name in two folders', only({ name: 'a/x', data: '1' }, { name: 'b/x', data: '2' })],
    ['a JAR', forgeJar('Manifest-Version: 1.0\r\n\r\n', [{ name: 'org/A.class', data: Buffer.alloc(5000, 1) }])],
    ['a zip in the zip', only({ name: 'inner.zip', data: only(A, B), method: 0 })],
    ['zeros below the limit', only({ name: 'zeros', data: Buffer.alloc(500_000) })],
    ['a megabyte', only({ name: 'big', data: noise(1_200_000) }, { name: 'stored', data: noise(300_000), method: 0 })],
    [
      '20,000 files',
      forgeZip({
        entries: Array.from({ length: 20_000 }, (_, index) => ({
          name: `d${index % 7}/f${index}`,
          data: `${index}`,
          method: 0,
        })),
      }),
    ],
  ];
}

/** Archives that must be refused when they are listed. */
export function hostileArchives(): [string, Buffer, ArchiveRefusal][] {
  const sound = only(A, B);
  return [
    ['an empty file', Buffer.alloc(0), 'not-an-archive'],
    ['text', Buffer.from('<html>404</html>'.repeat(9)), 'not-an-archive'],
    ['a torn archive', sound.subarray(0, -10), 'not-an-archive'],
    ['an archive without its end', sound.subarray(0, -22), 'not-an-archive'],
    ['a directory out of the file', withEnd({ end: { directoryBytes: 1_000_000 } }), 'not-an-archive'],
    ['a directory before the file', withEnd({ end: { directoryOffset: 1_000_000 } }), 'not-an-archive'],
    ['bytes behind the end', withEnd({ suffix: Buffer.from('more') }), 'trailing-data'],
    ['a comment longer than said', withEnd({ comment: Buffer.from('abc'), end: { commentBytes: 1 } }), 'trailing-data'],
    ['a shell script in front', withEnd({ prefix: Buffer.from('#!/bin/sh\nrm -rf /\n') }), 'leading-data'],
    [
      'a shell script in front, offsets adjusted',
      withEnd({ prefix: Buffer.from('#!/bin/sh\n'), adjustOffsets: true }),
      'leading-data',
    ],
    ['an archive in front of the archive', Buffer.concat([only(A), only(B)]), 'leading-data'],
    ['bytes between entries', only(A, { ...B, gap: Buffer.from('hidden') }), 'data-between-entries'],
    ['zeros between entries', only(A, { ...B, gap: Buffer.alloc(4) }), 'data-between-entries'],
    [
      'an entry that the directory does not list',
      only(A, { name: 'evil', data: 'x', isHidden: true }, B),
      'data-between-entries',
    ],
    ['bytes before the directory', withEnd({ beforeDirectory: Buffer.from('block') }), 'data-between-entries'],
    ['bytes after the directory', withEnd({ afterDirectory: Buffer.from('block') }), 'broken-directory'],
    [
      'an end record in the comment',
      withEnd({ comment: Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)]) }),
      'second-end-record',
    ],
    ['an end mark in the comment', withEnd({ comment: Buffer.from('PK\x05\x06 hello') }), 'second-end-record'],
    ['a whole archive in the comment', withEnd({ comment: only({ name: 'evil', data: 'x' }) }), 'second-end-record'],
    [
      'an end record alone that claims entries',
      forgeZip({ entries: [], end: { count: 0, directoryBytes: 46 } }),
      'broken-directory',
    ],
    ['an end record alone that counts', forgeZip({ entries: [], end: { count: 3, countHere: 3 } }), 'count-mismatch'],
    ['the second of two disks', withEnd({ end: { disk: 1, directoryDisk: 1 } }), 'multi-disk'],
    ['half of the entries on this disk', withEnd({ end: { countHere: 1 } }), 'multi-disk'],
    ['an entry on another disk', only({ ...A, disk: 2 }), 'multi-disk'],
    ['a ZIP64 end of another disk', withEnd({ zip64: { disk: 1 } }), 'multi-disk'],
    ['a ZIP64 end with half of the entries', withEnd({ zip64: { countHere: 1 } }), 'multi-disk'],
    ['a count too small', withEnd({ end: { count: 1, countHere: 1 } }), 'count-mismatch'],
    ['a count too large', withEnd({ end: { count: 3, countHere: 3 } }), 'count-mismatch'],
    ['a directory cut short', withEnd({ end: { directoryBytes: 70 } }), 'broken-directory'],
    ['a record with a wrong signature', corrupt(sound, 'PK\x01\x02', 0, 0x51), 'broken-directory'],
    ['a record that leads out', corrupt(sound, 'PK\x01\x02', 33, 0x70), 'broken-directory'],
    ['a ZIP64 end with another count', withEnd({ zip64: { count: 5 } }), 'zip64-inconsistent'],
    ['a ZIP64 end with another directory', withEnd({ zip64: { directoryOffset: 5 } }), 'zip64-inconsistent'],
    ['a ZIP64 end elsewhere', withEnd({ zip64: { recordOffset: 1 } }), 'zip64-inconsistent'],
    ['a ZIP64 end with a wrong size', withEnd({ zip64: { recordBytes: 100 } }), 'zip64-inconsistent'],
    ['ZIP64 sizes without their field', only({ ...A, ...magicSizes() }), 'zip64-inconsistent'],
    [
      'one ZIP64 size only',
      only({ ...A, sizeBytes: 0xffffffff, extra: zip64Field(A.data.length) }),
      'zip64-inconsistent',
    ],
    ['a ZIP64 field that is not needed', only({ ...A, extra: zip64Field(5, 5) }), 'zip64-inconsistent'],
    [
      'a ZIP64 field too long',
      only({ ...A, ...magicSizes(), extra: zip64Field(A.data.length, RAW.length, 0) }),
      'zip64-inconsistent',
    ],
    [
      'two ZIP64 fields',
      only({ ...A, ...magicSizes(), extra: Buffer.concat([zip64Field(A.data.length, RAW.length), zip64Field(1, 1)]) }),
      'zip64-inconsistent',
    ],
    [
      'local ZIP64 sizes without their field',
      only({ ...A, local: { storedBytes: 0xffffffff, sizeBytes: 0xffffffff } }),
      'zip64-inconsistent',
    ],
    [
      'a ZIP64 size of 2^63',
      only({ ...A, ...magicSizes(), extra: extraField(1, Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(8)])) }),
      'broken-directory',
    ],
    [
      'too many entries',
      forgeZip({ entries: Array.from({ length: 20_001 }, (_, index) => ({ name: `f${index}`, data: '', method: 0 })) }),
      'too-many-entries',
    ],
    [
      'too many entries, not said',
      forgeZip({
        entries: Array.from({ length: 20_001 }, (_, index) => ({ name: `f${index}`, data: '', method: 0 })),
        end: { count: 1, countHere: 1 },
      }),
      'too-many-entries',
    ],
    [
      'a directory too large',
      forgeZip({
        entries: Array.from({ length: 300 }, (_, index) => ({ name: `f${index}`, comment: Buffer.alloc(65_000) })),
      }),
      'directory-too-large',
    ],
    [
      '16 GiB by their own account',
      only(
        ...Array.from({ length: 8 }, (_, index) => ({
          name: `f${index}`,
          method: 0,
          sizeBytes: 2 ** 31,
          storedBytes: 2 ** 31,
        })),
      ),
      'total-too-large',
    ],
    ['a bomb', only({ name: 'bomb', data: Buffer.alloc(30_000_000) }), 'ratio-too-high'],
    [
      'a bomb of many',
      only(...Array.from({ length: 40 }, (_, index) => ({ name: `f${index}`, data: Buffer.alloc(900_000) }))),
      'ratio-too-high',
    ],
    ['an encrypted entry', only({ ...A, flags: 1 }), 'encrypted'],
    ['strong encryption', only({ ...A, flags: 0x40 }), 'encrypted'],
    ['masked headers', only({ ...A, flags: 0x2000 }), 'encrypted'],
    ['AES', only({ ...A, extra: extraField(0x9901, Buffer.alloc(7)) }), 'encrypted'],
    ['a patch of an entry', only({ ...A, flags: 0x20 }), 'unsupported-flags'],
    ['Deflate64', only({ ...A, method: 9 }), 'unsupported-method'],
    ['bzip2', only({ ...A, method: 12 }), 'unsupported-method'],
    ['an extra field that does not fit', only({ ...A, extra: Buffer.from([1, 2, 99, 0, 1]) }), 'bad-extra-field'],
    ['half an extra field', only({ ...A, extra: Buffer.from([1, 2]) }), 'bad-extra-field'],
    ['no name', only({ name: '', data: 'x' }), 'empty-name'],
    ['a name that is no UTF-8', only({ name: Buffer.from([0x61, 0xe9, 0x62]), data: 'x' }), 'bad-utf8'],
    ['a comment that is no UTF-8', only({ ...A, comment: Buffer.from([0xff]) }), 'bad-utf8'],
    ['an overlong slash', only({ name: Buffer.from([0x2e, 0x2e, 0xc0, 0xaf, 0x61]), data: 'x' }), 'bad-utf8'],
    [
      'another name in an extra field',
      only({ ...A, extra: extraField(UNICODE_PATH, Buffer.concat([Buffer.alloc(5), Buffer.from('../evil')])) }),
      'name-mismatch',
    ],
    ['a NUL in a name', only({ name: 'a.jar\0.txt', data: 'x' }), 'control-character'],
    ['a line end in a name', only({ name: 'a\nb', data: 'x' }), 'control-character'],
    ['an escape in a name', only({ name: 'a\u001b[2Jb', data: 'x' }), 'control-character'],
    ['a name turned around', only({ name: 'a\u202exes.jar', data: 'x' }), 'control-character'],
    ['a backslash', only({ name: '..\\evil', data: 'x' }), 'backslash'],
    ['an absolute path', only({ name: '/etc/passwd', data: 'x' }), 'absolute-path'],
    ['a network path', only({ name: '//server/share', data: 'x' }), 'absolute-path'],
    ['a drive letter', only({ name: 'C:/evil', data: 'x' }), 'drive-letter'],
    ['a drive letter without slash', only({ name: 'c:evil', data: 'x' }), 'drive-letter'],
    ['a way out', only({ name: '../evil', data: 'x' }), 'path-traversal'],
    ['a way out, from inside', only({ name: 'a/b/../../../evil', data: 'x' }), 'path-traversal'],
    ['only a way out', only({ name: '..', data: 'x' }), 'path-traversal'],
    ['a folder that is a way out', only({ name: 'a/../', method: 0 }), 'path-traversal'],
    ['a dot', only({ name: './a', data: 'x' }), 'odd-segment'],
    ['two slashes', only({ name: 'a//b', data: 'x' }), 'odd-segment'],
    ['a folder with two slashes', only({ name: 'a//', method: 0 }), 'odd-segment'],
    ['a trailing space', only({ name: 'a.jar ', data: 'x' }), 'trailing-dot-or-space'],
    ['a folder with a trailing dot', only({ name: 'a./b', data: 'x' }), 'trailing-dot-or-space'],
    ['a long segment', only({ name: 'x'.repeat(256), data: 'x' }), 'name-too-long'],
    ['a long segment in bytes', only({ name: 'é'.repeat(128), data: 'x' }), 'name-too-long'],
    ['a long path', only({ name: `${'x'.repeat(255)}/`.repeat(16) + 'y', data: 'x' }), 'path-too-long'],
    ['the same name twice', only(A, { ...A, data: 'other' }), 'duplicate-name'],
    ['the same folder twice', only({ name: 'a/', method: 0 }, { name: 'a/', method: 0 }), 'duplicate-name'],
    ['the same entry listed twice', only(A, { ...A, isGhost: true, offset: 0 }), 'duplicate-name'],
    ['the case of a letter', only({ name: 'a.jar', data: '1' }, { name: 'A.jar', data: '2' }), 'case-collision'],
    ['the case of a folder', only({ name: 'lib/a', data: '1' }, { name: 'LIB/b', data: '2' }), 'case-collision'],
    [
      'the case of a folder and a file',
      only({ name: 'lib', data: '1' }, { name: 'LIB/b', data: '2' }),
      'case-collision',
    ],
    ['the long s', only({ name: 's.jar', data: '1' }, { name: 'ſ.jar', data: '2' }), 'case-collision'],
    [
      'composed and decomposed',
      only({ name: 'é.jar', data: '1' }, { name: 'e\u0301.jar', data: '2' }),
      'normalisation-collision',
    ],
    [
      'a folder, composed and decomposed',
      only({ name: 'é/a', data: '1' }, { name: 'e\u0301/b', data: '2' }),
      'normalisation-collision',
    ],
    ['the Kelvin sign', only({ name: 'K', data: '1' }, { name: '\u212a', data: '2' }), 'normalisation-collision'],
    ['a file that is a folder', only({ name: 'a', data: '1' }, { name: 'a/b', data: '2' }), 'file-is-folder'],
    ['a folder that is a file', only({ name: 'a/b', data: '1' }, { name: 'a', data: '2' }), 'file-is-folder'],
    ['a folder entry that is a file', only({ name: 'a/', method: 0 }, { name: 'a', data: '2' }), 'file-is-folder'],
    ['a symbolic link', only({ name: 'a', data: '/etc/passwd', mode: 0o120777 }), 'link'],
    ['a link to a folder', only({ name: 'a/', data: '', mode: 0o120777 }), 'link'],
    ['a link by another system', only({ name: 'a', data: '/etc', mode: 0o120777, madeBy: 20 }), 'link'],
    ['a device', only({ name: 'a', data: '', mode: 0o060660 }), 'special-file'],
    ['a pipe', only({ name: 'a', data: '', mode: 0o010660 }), 'special-file'],
    ['a socket', only({ name: 'a', data: '', mode: 0o140660 }), 'special-file'],
    ['a file marked as folder', only({ name: 'a', data: '', mode: 0o040755 }), 'kind-mismatch'],
    ['a folder marked as file', only({ name: 'a/', method: 0, mode: 0o100644 }), 'kind-mismatch'],
    ['a file marked as folder as DOS does', only({ name: 'a', data: '', dosAttributes: 0x10 }), 'kind-mismatch'],
    ['a folder with data', only({ name: 'a/', data: 'hello' }), 'folder-with-data'],
    ['a stored entry with two sizes', only({ ...A, method: 0, sizeBytes: 5 }), 'size-mismatch'],
    ['two entries over the same data', only(A, { ...B, isGhost: true, offset: 0 }), 'overlapping-entries'],
    [
      'an entry inside another',
      only(
        { name: 'outer', data: forgeJar('X: y\n'), method: 0 },
        { name: 'META-INF/MANIFEST.MF', data: 'X: y\n', isGhost: true, offset: 35 },
      ),
      'overlapping-entries',
    ],
    ['data that runs into the directory', only({ ...A, storedBytes: RAW.length + 20 }), 'overlapping-entries'],
    ['data that runs out of the file', only({ ...A, storedBytes: 1_000_000 }), 'overlapping-entries'],
    ['data that runs into the next entry', only({ ...A, storedBytes: RAW.length + 8 }, B), 'overlapping-entries'],
    [
      'a descriptor that lies in the next entry',
      only({ ...A, descriptor: Buffer.alloc(0), storedBytes: RAW.length + 40 }, B),
      'overlapping-entries',
    ],
    ['no local header', only({ ...A, local: { signature: 1 } }), 'local-header-mismatch'],
    ['a directory record for a local header', only({ ...A, isGhost: true }), 'local-header-mismatch'],
    ['another local name', only({ ...A, local: { name: 'patch0001/evil.' } }), 'local-header-mismatch'],
    ['a longer local name', only({ ...A, local: { name: `${A.name}.exe` } }), 'local-header-mismatch'],
    ['another local method', only({ ...A, local: { method: 0 } }), 'local-header-mismatch'],
    ['other local flags', only({ ...A, local: { flags: 1 } }), 'local-header-mismatch'],
    [
      'local flags with late sizes only',
      only({ ...A, local: { flags: 8, crc: 0, storedBytes: 0, sizeBytes: 0 } }),
      'local-header-mismatch',
    ],
    ['another local CRC', only({ ...A, local: { crc: 1 } }), 'local-header-mismatch'],
    ['another local size', only({ ...A, local: { sizeBytes: 1 } }), 'local-header-mismatch'],
    ['another local stored size', only({ ...A, local: { storedBytes: 1 } }), 'local-header-mismatch'],
    [
      'other local ZIP64 sizes',
      only({ ...A, local: { storedBytes: 0xffffffff, sizeBytes: 0xffffffff, extra: zip64Field(1, 1) } }),
      'local-header-mismatch',
    ],
    ['no descriptor', only({ ...A, descriptor: Buffer.alloc(0) }, B), 'descriptor-mismatch'],
    ['a descriptor with another CRC', only({ ...A, descriptor: Buffer.alloc(16, 1) }, B), 'descriptor-mismatch'],
    [
      'bytes behind a descriptor',
      only({ ...A, descriptor: 'signed' }, { ...B, gap: Buffer.from('x') }),
      'data-between-entries',
    ],
  ];
}

/** Archives that look sound until their data is read. */
export function poisonedArchives(): [string, Buffer, ArchiveRefusal][] {
  const junk = Buffer.alloc(60, 0xff);
  return [
    ['a wrong CRC', only({ ...A, crc: 1 }), 'crc-mismatch'],
    ['a wrong CRC, stored', only({ ...A, method: 0, crc: 1 }), 'crc-mismatch'],
    ['a flipped bit', corrupt(only({ ...A, method: 0 }), 'the bytes', 2, 0x01), 'crc-mismatch'],
    [
      'a folder that is not empty after all',
      only({ name: 'a/', crc: 0, raw: Buffer.from([3, 0]), data: '' }, { ...A, crc: 7 }),
      'crc-mismatch',
    ],
    ['a junk stream', only({ ...A, raw: junk }), 'broken-stream'],
    ['a stream cut short', only({ ...A, raw: RAW.subarray(0, -3) }), 'truncated'],
    ['an empty stream', only({ ...A, raw: Buffer.alloc(0) }), 'truncated'],
    ['a size too large', only({ ...A, sizeBytes: 500 }), 'size-mismatch'],
    ['more data than said', only({ ...A, sizeBytes: 3 }), 'endless-data'],
    [
      'an endless stream',
      only({ name: 'zeros', raw: deflateRawSync(Buffer.alloc(300_000_000)), sizeBytes: 60_000 }),
      'endless-data',
    ],
    ['bytes behind the stream', only({ ...A, raw: Buffer.concat([RAW, junk]) }), 'trailing-stream-data'],
    [
      'much behind the stream',
      only({ ...A, raw: Buffer.concat([RAW, Buffer.alloc(400_000, 1)]) }),
      'trailing-stream-data',
    ],
    ['one byte behind the stream', only({ ...A, raw: Buffer.concat([RAW, Buffer.alloc(1)]) }), 'trailing-stream-data'],
  ];
}

function magicSizes(): Pick<ForgedEntry, 'storedBytes' | 'sizeBytes'> {
  return { storedBytes: 0xffffffff, sizeBytes: 0xffffffff };
}

/** The directory lists the second entry first. */
function reordered(): Buffer {
  const first = forgeZip({ entries: [A] });
  const end = first.length - 22;
  const offset = first.readUInt32LE(end + 16);
  const local = first.subarray(0, offset);
  return forgeZip({
    entries: [
      { ...B, isGhost: true, offset: local.length },
      { ...A, offset: 0 },
      { ...B, isHidden: true },
    ],
  });
}

/** Sets one byte, counted from the first occurrence of a mark. */
function corrupt(bytes: Buffer, mark: string, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(value, copy.indexOf(mark, 0, 'latin1') + at);
  return copy;
}

/** Bytes that do not compress, the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}
