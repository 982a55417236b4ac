// Makes zips byte by byte: sound ones, and ones that lie in any field. Nothing is checked here, every field can be set
// against the others; what is not set is what an honest writer would put there.
import { crc32, deflateRawSync } from 'node:zlib';

export interface ForgedEntry {
  readonly name: string | Buffer;
  readonly data?: string | Buffer;
  /** 8 (deflate) unless said; 0 stores. */
  readonly method?: number;
  /** Bit 11 (UTF-8) and, with `descriptor`, bit 3 are set by themselves. */
  readonly flags?: number;
  /** The bytes that stand for the data in the file, whatever `data` says. */
  readonly raw?: Buffer;
  readonly crc?: number;
  readonly storedBytes?: number;
  readonly sizeBytes?: number;
  readonly extra?: Buffer;
  readonly comment?: Buffer;
  /** Unix mode with its type bits; 0 says nothing. */
  readonly mode?: number;
  readonly dosAttributes?: number;
  readonly madeBy?: number;
  readonly disk?: number;
  /** What the central directory gives as the offset of the local header. */
  readonly offset?: number;
  /** Sizes and CRC behind the data: with the usual signature, without, or with fields of 64 bits. */
  readonly descriptor?: 'signed' | 'plain' | 'long' | Buffer;
  readonly local?: LocalFields;
  /** Bytes before the local header that belong to nothing. */
  readonly gap?: Buffer;
  /** Not in the file, only in the central directory. */
  readonly isGhost?: boolean;
  /** In the file, not in the central directory. */
  readonly isHidden?: boolean;
}

export interface LocalFields {
  readonly signature?: number;
  readonly name?: string | Buffer;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly storedBytes?: number;
  readonly sizeBytes?: number;
  readonly extra?: Buffer;
  readonly nameBytes?: number;
}

export interface EndFields {
  readonly disk?: number;
  readonly directoryDisk?: number;
  readonly countHere?: number;
  readonly count?: number;
  readonly directoryBytes?: number;
  readonly directoryOffset?: number;
  readonly commentBytes?: number;
}

export interface End64Fields extends EndFields {
  readonly recordOffset?: number;
  readonly recordBytes?: number;
  readonly signature?: number;
}

export interface ForgedZip {
  readonly entries: readonly ForgedEntry[];
  readonly prefix?: Buffer;
  /** Whether the offsets count the prefix; honest self-extractors do. */
  readonly adjustOffsets?: boolean;
  readonly beforeDirectory?: Buffer;
  readonly afterDirectory?: Buffer;
  readonly comment?: Buffer;
  readonly suffix?: Buffer;
  readonly end?: EndFields;
  /** Adds the ZIP64 end record and its locator. */
  readonly zip64?: End64Fields;
}

/** The bytes of a zip. */
export function forgeZip(zip: ForgedZip): Buffer {
  const parts: Buffer[] = [];
  const records: Buffer[] = [];
  let length = 0;
  const put = (part: Buffer) => {
    parts.push(part);
    length += part.length;
  };
  put(zip.prefix ?? Buffer.alloc(0));
  const zero = zip.adjustOffsets === true ? 0 : length;
  for (const entry of zip.entries) {
    put(entry.gap ?? Buffer.alloc(0));
    const made = makeEntry(entry, length - zero);
    if (entry.isGhost !== true) put(made.local);
    if (entry.isHidden !== true) records.push(made.record);
  }
  put(zip.beforeDirectory ?? Buffer.alloc(0));
  const directory = Buffer.concat(records);
  const directoryOffset = length - zero;
  put(directory);
  put(zip.afterDirectory ?? Buffer.alloc(0));
  const facts = { count: records.length, directoryBytes: directory.length, directoryOffset };
  if (zip.zip64 !== undefined) put(makeEnd64(facts, length - zero, zip.zip64));
  put(makeEnd(facts, zip.comment ?? Buffer.alloc(0), zip.end ?? {}));
  put(zip.suffix ?? Buffer.alloc(0));
  return Buffer.concat(parts);
}

interface Facts {
  readonly count: number;
  readonly directoryBytes: number;
  readonly directoryOffset: number;
}

function makeEntry(entry: ForgedEntry, at: number): { local: Buffer; record: Buffer } {
  const name = bytesOf(entry.name);
  const data = bytesOf(entry.data ?? '');
  const method = entry.method ?? 8;
  const raw = entry.raw ?? (method === 8 ? deflateRawSync(data) : data);
  const crc = entry.crc ?? crc32(data);
  const storedBytes = entry.storedBytes ?? raw.length;
  const sizeBytes = entry.sizeBytes ?? data.length;
  const late = entry.descriptor !== undefined;
  const isAscii = name.every((byte) => byte < 0x80);
  const flags = entry.flags ?? (isAscii ? 0 : 0x800) | (late ? 8 : 0);
  const local = entry.local ?? {};
  const localName = bytesOf(local.name ?? name);
  const localExtra = local.extra ?? Buffer.alloc(0);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(local.signature ?? 0x04034b50, 0);
  head.writeUInt16LE(20, 4);
  head.writeUInt16LE(local.flags ?? flags, 6);
  head.writeUInt16LE(local.method ?? method, 8);
  head.writeUInt32LE(0x5a210000, 10);
  head.writeUInt32LE(local.crc ?? (late ? 0 : crc), 14);
  head.writeUInt32LE(local.storedBytes ?? (late ? 0 : storedBytes), 18);
  head.writeUInt32LE(local.sizeBytes ?? (late ? 0 : sizeBytes), 22);
  head.writeUInt16LE(local.nameBytes ?? localName.length, 26);
  head.writeUInt16LE(localExtra.length, 28);
  const extra = entry.extra ?? Buffer.alloc(0);
  const comment = entry.comment ?? Buffer.alloc(0);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(entry.madeBy ?? (3 << 8) | 20, 4);
  record.writeUInt16LE(20, 6);
  record.writeUInt16LE(flags, 8);
  record.writeUInt16LE(method, 10);
  record.writeUInt32LE(0x5a210000, 12);
  record.writeUInt32LE(crc, 16);
  record.writeUInt32LE(storedBytes, 20);
  record.writeUInt32LE(sizeBytes, 24);
  record.writeUInt16LE(name.length, 28);
  record.writeUInt16LE(extra.length, 30);
  record.writeUInt16LE(comment.length, 32);
  record.writeUInt16LE(entry.disk ?? 0, 34);
  record.writeUInt32LE(((entry.mode ?? 0) * 0x10000 + (entry.dosAttributes ?? 0)) >>> 0, 38);
  record.writeUInt32LE(entry.offset ?? at, 42);
  return {
    local: Buffer.concat([
      head,
      localName,
      localExtra,
      raw,
      makeDescriptor(entry.descriptor, crc, storedBytes, sizeBytes),
    ]),
    record: Buffer.concat([record, name, extra, comment]),
  };
}

function makeDescriptor(kind: ForgedEntry['descriptor'], crc: number, storedBytes: number, sizeBytes: number): Buffer {
  if (kind === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(kind)) return kind;
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  if (kind === 'long') {
    bytes.writeBigUInt64LE(BigInt(storedBytes), 8);
    bytes.writeBigUInt64LE(BigInt(sizeBytes), 16);
    return bytes;
  }
  bytes.writeUInt32LE(storedBytes, 8);
  bytes.writeUInt32LE(sizeBytes, 12);
  return bytes.subarray(kind === 'plain' ? 4 : 0, 16);
}

function makeEnd(facts: Facts, comment: Buffer, fields: EndFields): Buffer {
  const bytes = Buffer.alloc(22);
  bytes.writeUInt32LE(0x06054b50, 0);
  bytes.writeUInt16LE(fields.disk ?? 0, 4);
  bytes.writeUInt16LE(fields.directoryDisk ?? 0, 6);
  bytes.writeUInt16LE(fields.countHere ?? Math.min(facts.count, 0xffff), 8);
  bytes.writeUInt16LE(fields.count ?? Math.min(facts.count, 0xffff), 10);
  bytes.writeUInt32LE(fields.directoryBytes ?? facts.directoryBytes, 12);
  bytes.writeUInt32LE(fields.directoryOffset ?? facts.directoryOffset, 16);
  bytes.writeUInt16LE(fields.commentBytes ?? comment.length, 20);
  return Buffer.concat([bytes, comment]);
}

function makeEnd64(facts: Facts, at: number, fields: End64Fields): Buffer {
  const bytes = Buffer.alloc(76);
  bytes.writeUInt32LE(fields.signature ?? 0x06064b50, 0);
  bytes.writeBigUInt64LE(BigInt(fields.recordBytes ?? 44), 4);
  bytes.writeUInt16LE(45, 12);
  bytes.writeUInt16LE(45, 14);
  bytes.writeUInt32LE(fields.disk ?? 0, 16);
  bytes.writeUInt32LE(fields.directoryDisk ?? 0, 20);
  bytes.writeBigUInt64LE(BigInt(fields.countHere ?? facts.count), 24);
  bytes.writeBigUInt64LE(BigInt(fields.count ?? facts.count), 32);
  bytes.writeBigUInt64LE(BigInt(fields.directoryBytes ?? facts.directoryBytes), 40);
  bytes.writeBigUInt64LE(BigInt(fields.directoryOffset ?? facts.directoryOffset), 48);
  bytes.writeUInt32LE(0x07064b50, 56);
  bytes.writeBigUInt64LE(BigInt(fields.recordOffset ?? at), 64);
  bytes.writeUInt32LE(1, 72);
  return bytes;
}

/** One field of an extra area: tag, length, content. */
export function extraField(tag: number, content: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(tag, 0);
  head.writeUInt16LE(content.length, 2);
  return Buffer.concat([head, content]);
}

/** A ZIP64 extra field with these values, in this order. */
export function zip64Field(...values: readonly number[]): Buffer {
  const content = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => content.writeBigUInt64LE(BigInt(value), index * 8));
  return extraField(1, content);
}

/** A JAR with this manifest (its text, or the whole entry) and, after it, these entries. */
export function forgeJar(manifest: string | ForgedEntry, entries: readonly ForgedEntry[] = []): Buffer {
  const first = typeof manifest === 'string' ? { name: 'META-INF/MANIFEST.MF', data: manifest } : manifest;
  return forgeZip({ entries: [first, ...entries] });
}

export function bundleManifest(symbolicName: string, version: string): string {
  return `Manifest-Version: 1.0\r\nBundle-SymbolicName: ${symbolicName}\r\nBundle-Version: ${version}\r\n\r\n`;
}

function bytesOf(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}
