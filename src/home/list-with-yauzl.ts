// A second reader for archives: yauzl must see the same entries as our own reading, or the archive is refused. Two readers
// that were written apart do not share a mistake that an archive could be built on.

import { type Entry, fromRandomAccessReader, RandomAccessReader, type ZipFile } from 'yauzl';
import type { CentralRecord } from './archive-record.js';
import { type Refused, refuse } from './archive-refusal.js';
import type { ByteSource } from './central-directory.js';

const ENTRIES_AT_ONCE = 64;

/** Undefined where yauzl lists exactly these records; a refusal where it does not. */
export async function listWithYauzl(
  source: ByteSource,
  records: readonly CentralRecord[],
): Promise<Refused | undefined> {
  let index = 0;
  let refusal: Refused | undefined;
  try {
    const zip = await open(source);
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: Entry) => {
        const record = records[index];
        index++;
        if (record !== undefined && isSame(entry, record)) {
          // Our reader answers at once, so each entry is read inside the one before: the stack is let go from time to time.
          if (index % ENTRIES_AT_ONCE === 0) setImmediate(() => zip.readEntry());
          else zip.readEntry();
          return;
        }
        refusal = refuse('readers-disagree', `yauzl sees another entry ${index}`, record?.name);
        resolve();
      });
      zip.readEntry();
    });
  } catch (error) {
    if (error instanceof SourceError) throw error.cause;
    return refuse('readers-disagree', `yauzl says: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (refusal === undefined && index !== records.length) {
    return refuse('readers-disagree', `yauzl sees ${index} entries, not ${records.length}`);
  }
  return refusal;
}

function open(source: ByteSource): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    const options = { lazyEntries: true, decodeStrings: false, autoClose: false };
    fromRandomAccessReader(new SourceReader(source), source.sizeBytes, options, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(error);
    });
  });
}

function isSame(entry: Entry, record: CentralRecord): boolean {
  return (
    entry.fileNameRaw.equals(record.rawName) &&
    entry.generalPurposeBitFlag === record.flags &&
    entry.compressionMethod === record.method &&
    entry.crc32 === record.crc &&
    entry.compressedSize === record.storedBytes &&
    entry.uncompressedSize === record.sizeBytes &&
    entry.externalFileAttributes === record.attributes &&
    entry.relativeOffsetOfLocalHeader === record.offset
  );
}

/** An error of the file system, to be told from what yauzl itself has to say. */
class SourceError extends Error {}

/** yauzl's view of a source. It reads records in small pieces; the source behind it is asked in larger ones. */
class SourceReader extends RandomAccessReader {
  readonly #source: ByteSource;
  #offset = 0;
  #window: Buffer = Buffer.alloc(0);

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const start = position - this.#offset;
    if (start < 0 || start + length > this.#window.length) {
      try {
        this.#window = this.#source.read(
          position,
          Math.min(Math.max(length, 64 * 1024), this.#source.sizeBytes - position),
        );
      } catch (cause) {
        callback(new SourceError('reading failed', { cause }));
        return;
      }
      this.#offset = position;
    }
    const piece = this.#window.subarray(position - this.#offset, position - this.#offset + length);
    if (piece.length < length) {
      callback(new Error('unexpected EOF'));
      return;
    }
    piece.copy(buffer, offset);
    callback(null);
  }
}
