// Reads an archive's entry, piece by piece, in bounded memory: no more than its declared size, its CRC compared, its stream
// ended where its data ends. Bytes reach the caller before the CRC is known, so they count only when `done` is returned.

import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import type { Files } from '../system/files.js';
import type { ArchiveEntry } from './archive.js';
import { type ArchiveRefusal, type Refused, refuse } from './archive-refusal.js';

const PIECE_BYTES = 64 * 1024;

/** Takes the next bytes of an entry. They are the callee's to keep. */
export type EntrySink = (piece: Buffer) => void | Promise<void>;

export type ExtractResult = { readonly kind: 'done' } | Refused;

/**
 * Reads a file entry of an archive that `inspectArchive` has accepted and passes its bytes to `sink`, in order, at most
 * 64 KiB at a time. On a refusal what the sink has got is to be thrown away.
 * @throws the errors of `readRange`, and those of the sink
 */
export async function extractEntry(
  files: Pick<Files, 'readRange'>,
  path: string,
  entry: ArchiveEntry,
  sink: EntrySink,
): Promise<ExtractResult> {
  const check = new Check(entry, sink);
  const progress = { hasEnded: false };
  try {
    if (entry.method === 'stored') {
      for (const piece of readPieces(files, path, entry)) await check.take(piece);
    } else {
      const inflate = createInflateRaw({ chunkSize: PIECE_BYTES });
      await pipeline(readPieces(files, path, entry), inflate, async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) await check.take(piece);
        progress.hasEnded = true;
      });
      if (inflate.bytesWritten < entry.storedBytes)
        throw new Stop('trailing-stream-data', 'its data goes on after its end');
    }
    check.finish();
    return { kind: 'done' };
  } catch (error) {
    // The stream has ended while there was still data to be written to it.
    if (progress.hasEnded && error instanceof Error && error.name === 'AbortError') {
      return refuse('trailing-stream-data', 'its data goes on after its end', entry.path);
    }
    if (error instanceof Stop) return refuse(error.reason, error.message, entry.path);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'Z_BUF_ERROR') return refuse('truncated', 'its data ends too early', entry.path);
    if (typeof code === 'string' && code.startsWith('Z_'))
      return refuse('broken-stream', 'its data is broken', entry.path);
    throw error;
  }
}

/** Reads every entry and throws the bytes away: undefined where all are sound, else the first refusal. */
export async function verifyArchive(
  files: Pick<Files, 'readRange'>,
  path: string,
  entries: readonly ArchiveEntry[],
): Promise<Refused | undefined> {
  for (const entry of entries) {
    const result = await extractEntry(files, path, entry, () => {});
    if (result.kind === 'refused') return result;
  }
  return undefined;
}

function* readPieces(files: Pick<Files, 'readRange'>, path: string, entry: ArchiveEntry): Generator<Buffer> {
  let left = entry.storedBytes;
  while (left > 0) {
    const piece = files.readRange(path, entry.dataOffset + entry.storedBytes - left, Math.min(left, PIECE_BYTES));
    if (piece.length === 0) throw new Stop('truncated', 'the file ends inside its data');
    left -= piece.length;
    yield piece;
  }
}

/** What has come out of an entry so far, against what it says of itself. */
class Check {
  readonly #entry: ArchiveEntry;
  readonly #sink: EntrySink;
  #sizeBytes = 0;
  #crc = 0;

  constructor(entry: ArchiveEntry, sink: EntrySink) {
    this.#entry = entry;
    this.#sink = sink;
  }

  async take(piece: Buffer): Promise<void> {
    this.#sizeBytes += piece.length;
    if (this.#sizeBytes > this.#entry.sizeBytes) {
      throw new Stop('endless-data', `it has more than the ${this.#entry.sizeBytes} bytes that it says`);
    }
    this.#crc = crc32(piece, this.#crc);
    await this.#sink(piece);
  }

  finish(): void {
    if (this.#sizeBytes !== this.#entry.sizeBytes) {
      throw new Stop('size-mismatch', `it has ${this.#sizeBytes} bytes, not ${this.#entry.sizeBytes}`);
    }
    if (this.#crc !== this.#entry.crc) throw new Stop('crc-mismatch', 'its CRC is another');
  }
}

/** Ends the reading of an entry with a refusal. */
class Stop extends Error {
  readonly reason: ArchiveRefusal;

  constructor(reason: ArchiveRefusal, detail: string) {
    super(detail);
    this.reason = reason;
  }
}
