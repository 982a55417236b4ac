// What a JAR is: the bundle that its manifest names, and the file name it gets in plugins (Carbon rule 10). A JAR that
// Java's JarFile opens is a JAR here, one that it refuses is bad; nothing but errors of the file system is thrown.

import { isUtf8 } from 'node:buffer';
import { constants, inflateRawSync } from 'node:zlib';
import type { Files } from '../system/files.js';
import {
  type BadZip,
  type ByteSource,
  bad,
  entryComment,
  entryPlace,
  findManifest,
  LOCAL_BYTES,
  LOCAL_SIGNATURE,
  readDirectory,
  TailSource,
} from './central-directory.js';
import { MANIFEST_LIMIT_BYTES, parseJarManifest } from './jar-manifest.js';

export interface BundleIdentity {
  /** Bundle-SymbolicName, cut at `;` and trimmed (Carbon rule 10). */
  readonly symbolicName: string;
  /** The same, cut only: what Carbon's own patcher takes. */
  readonly rawSymbolicName: string;
  /** Bundle-Version, exactly as Java's Attributes give it: not trimmed. */
  readonly version: string;
}

/** `bundle` is there only when the manifest has both headers; `hasManifest` is false where there is none at all (D7). */
export type JarReading =
  | { readonly kind: 'jar'; readonly bundle?: BundleIdentity; readonly hasManifest?: false }
  | { readonly kind: 'bad'; readonly reason: string };

export type JarTarget =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string };

/** A local header with its name, its extra field and the start of the data is usually this short. */
const LOCAL_READ_BYTES = 512;
/** Java reads at most this much of a manifest by its declared size, and longer ones to the end of their stream. */
const TRUSTED_BYTES = 65_535;
/** No compressor makes a manifest of 16 MB longer than this; one that is has been made to waste our memory. */
const COMPRESSED_LIMIT_BYTES = MANIFEST_LIMIT_BYTES + 1024 * 1024;
/** The smallest output buffer that node:zlib takes, `constants.Z_MIN_CHUNK`: asking for it would load zlib at every start. */
const Z_MIN_CHUNK = 64;
const NAME_LIMIT_BYTES = 255;
/** For what is read of one JAR after the other: room for the directory of nearly every one (of the 1,000 real ones of the benchmark, 994). */
const SCRATCH = Buffer.allocUnsafeSlow(256 * 1024);

/**
 * Reads what a JAR is. `sizeBytes` is the file's size from its `stat`.
 * @throws the errors of `readRanges` (node:fs), nothing else
 */
export function readJar(files: Pick<Files, 'readRanges'>, path: string, sizeBytes: number): JarReading {
  return files.readRanges(path, (read) => readJarFrom({ sizeBytes, read }, SCRATCH));
}

/** The same over any source of bytes, such as a file that is already open. */
export function readJarFrom(source: ByteSource, scratch?: Buffer<ArrayBuffer>): JarReading {
  const tail = new TailSource(source, scratch);
  const directory = readDirectory(tail);
  if (directory.kind === 'bad') return directory;
  const manifest = findManifest(directory);
  if (manifest.kind === 'bad') return manifest;
  if (manifest.at === -1) return { kind: 'jar', hasManifest: false };
  const content = readManifestBytes(tail, directory.bytes, manifest.at, directory.shift);
  if ('kind' in content) return content;
  const parsed = parseJarManifest(content);
  if (parsed.kind === 'bad') return parsed;
  const name = parsed.get('Bundle-SymbolicName');
  const version = parsed.get('Bundle-Version');
  if (name === undefined || version === undefined) return { kind: 'jar' };
  const rawSymbolicName = name.split(';', 1)[0] ?? '';
  return { kind: 'jar', bundle: { symbolicName: trim(rawSymbolicName), rawSymbolicName, version } };
}

/** The manifest's bytes, as JarFile.getManifest gets them: by the sizes in the central directory, CRC not compared. */
function readManifestBytes(source: ByteSource, directory: Buffer, at: number, shift: number): Buffer | BadZip {
  const { sizeBytes, storedBytes, offset } = entryPlace(directory, at);
  // Java decodes the comment of an entry that it looks at, and only of that.
  if (!isUtf8(entryComment(directory, at))) return bad('the comment of the manifest’s entry is not UTF-8');
  if (sizeBytes > MANIFEST_LIMIT_BYTES)
    return bad(`the manifest has ${sizeBytes} bytes, more than ${MANIFEST_LIMIT_BYTES}`);
  if (sizeBytes === 0) return Buffer.alloc(0);
  if (storedBytes === 0) return bad('the manifest has a size, but no data');
  const start = offset + shift;
  const head = source.read(start, Math.min(LOCAL_READ_BYTES + storedBytes, 2 * TRUSTED_BYTES));
  if (head.length < LOCAL_BYTES) return bad('the manifest’s place is outside the file');
  if (head.readUInt32LE(0) !== LOCAL_SIGNATURE) return bad('the manifest’s local header is not one');
  const dataStart = LOCAL_BYTES + head.readUInt16LE(26) + head.readUInt16LE(28);
  const isStored = directory.readUInt16LE(at + 10) === 0;
  const wanted = Math.min(storedBytes, isStored ? sizeBytes : COMPRESSED_LIMIT_BYTES);
  const data =
    dataStart + wanted <= head.length
      ? head.subarray(dataStart, dataStart + wanted)
      : source.read(start + dataStart, wanted);
  if (isStored) return storedManifest(data, sizeBytes, storedBytes);
  return inflateManifest(data, sizeBytes);
}

function storedManifest(data: Buffer, sizeBytes: number, storedBytes: number): Buffer | BadZip {
  if (data.length < sizeBytes) return bad('the manifest’s data is cut off');
  if (sizeBytes > TRUSTED_BYTES && storedBytes !== sizeBytes) return bad('the manifest’s two sizes do not agree');
  return data;
}

function inflateManifest(data: Buffer, sizeBytes: number): Buffer | BadZip {
  try {
    const content = inflateRawSync(data, {
      maxOutputLength: sizeBytes,
      // Where it has room for more than there is, zlib knows after one call that there is no more.
      chunkSize: Math.min(Math.max(Z_MIN_CHUNK, sizeBytes + 1), 2 * TRUSTED_BYTES),
    });
    if (content.length === sizeBytes) return content;
    return bad(`the manifest has ${content.length} bytes, not the ${sizeBytes} that the central directory says`);
  } catch (error) {
    if (!isZlibError(error)) throw error;
    const content = sizeBytes <= TRUSTED_BYTES ? inflatePrefix(data, sizeBytes) : inflatePadded(data, sizeBytes);
    return content ?? bad('the manifest’s deflate stream is broken, or longer than the central directory says');
  }
}

/**
 * Up to 64 KiB Java asks for the declared size and does not look at what comes after it, not even at whether the stream
 * ends. So does this: the shortest piece of the data that yields that many bytes; undefined where no piece does.
 */
function inflatePrefix(data: Buffer, sizeBytes: number): Buffer | undefined {
  const padded = pad(data);
  if (!yieldsAtOnce(padded, sizeBytes)) return undefined;
  let shortest = 1;
  let longest = padded.length;
  let found: Buffer | undefined;
  while (shortest <= longest) {
    const length = (shortest + longest) >>> 1;
    const output = inflatePiece(padded.subarray(0, length));
    if (output === 'broken' || (output !== 'long' && output.length >= sizeBytes)) {
      if (output !== 'broken') found = output.subarray(0, sizeBytes);
      longest = length - 1;
    } else if (output === 'long') {
      longest = length - 1;
    } else {
      shortest = length + 1;
    }
  }
  return found;
}

/**
 * Whether zlib, given room for that many bytes and no more, fills it without an error. It looks ahead: a fault right
 * behind the last byte wanted is one for Java, too.
 */
function yieldsAtOnce(data: Buffer, sizeBytes: number): boolean {
  // node:zlib gives room for 64 bytes at least: a stored block in front takes what is too much of it.
  const filler = Math.max(0, Z_MIN_CHUNK - sizeBytes);
  const block = Buffer.from([0, filler, 0, 0xff ^ filler, 0xff, ...new Array<number>(filler).fill(0)]);
  const room = sizeBytes + filler;
  const options = { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: room, maxOutputLength: room - 1 };
  try {
    inflateRawSync(filler === 0 ? data : Buffer.concat([block, data]), options);
    return false;
  } catch (error) {
    if (!isZlibError(error)) throw error;
    return error.code === 'ERR_BUFFER_TOO_LARGE';
  }
}

/** The whole stream, where it lacks its last byte only. */
function inflatePadded(data: Buffer, sizeBytes: number): Buffer | undefined {
  try {
    const content = inflateRawSync(pad(data), { maxOutputLength: sizeBytes });
    return content.length === sizeBytes ? content : undefined;
  } catch (error) {
    if (!isZlibError(error)) throw error;
    return undefined;
  }
}

/** Java feeds one zero byte after the data, for streams that lack their last byte. */
function pad(data: Buffer): Buffer {
  return data.length < COMPRESSED_LIMIT_BYTES ? Buffer.concat([data, Buffer.alloc(1)]) : data;
}

/** What a piece of a deflate stream yields: `long` where that is more than any piece we want, `broken` where it is none. */
function inflatePiece(data: Buffer): Buffer | 'long' | 'broken' {
  try {
    return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 * TRUSTED_BYTES });
  } catch (error) {
    if (!isZlibError(error)) throw error;
    return error.code === 'ERR_BUFFER_TOO_LARGE' ? 'long' : 'broken';
  }
}

function isZlibError(error: unknown): error is Error & { code: string } {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return error.code === 'ERR_BUFFER_TOO_LARGE' || error.code.startsWith('Z_');
}

/** Java's String.trim: everything up to and including the space. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}

/**
 * The name that a pack's file gets in plugins (Carbon rule 10): `<symbolic name>_<version>.jar` for a `.jar` that is a
 * bundle, else its own. With `companion` the symbolic name is not trimmed, as Carbon's own patcher does it. A name that
 * cannot be a file's in plugins is refused, whoever made it up.
 */
export function jarTargetName(fileName: string, reading: JarReading, companion = false): JarTarget {
  let name = fileName;
  if (fileName.endsWith('.jar') && reading.kind === 'jar' && reading.bundle !== undefined) {
    const { bundle } = reading;
    name = `${companion ? bundle.rawSymbolicName : bundle.symbolicName}_${bundle.version}.jar`;
  }
  const reason = nameFault(name);
  return reason === undefined ? { kind: 'name', name } : { kind: 'refused', name, reason };
}

function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return 'it names a folder';
  if (name.includes('/') || name.includes('\\')) return 'it has a slash or a backslash';
  let hasSurrogates = false;
  for (let at = 0; at < name.length; at++) {
    const unit = name.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return 'it has a control character';
    if (unit >= 0xd800 && unit < 0xe000) hasSurrogates = true;
  }
  // The expression is slow to make, and hardly ever needed.
  if (hasSurrogates && /\p{Surrogate}/u.test(name)) return 'it is not well-formed Unicode';
  if (name.length * 3 > NAME_LIMIT_BYTES && Buffer.byteLength(name, 'utf8') > NAME_LIMIT_BYTES)
    return `it has more than ${NAME_LIMIT_BYTES} bytes`;
  return undefined;
}
