// One file in memory behind the reading part of the `Files` door, for readers that take thousands of forged files.
import type { Files, FileStat } from '../../src/system/files.js';

export interface MemoryFile extends Pick<Files, 'readRange' | 'readRanges' | 'stat'> {
  /** The most bytes asked for at once, to show that memory is bounded. */
  readonly largestRead: () => number;
}

export function memoryFile(bytes: Buffer): MemoryFile {
  let largest = 0;
  const range = (offset: number, length: number) => {
    largest = Math.max(largest, length);
    if (offset < 0 || length < 0) throw new RangeError('a range starts before the file');
    return bytes.subarray(offset, offset + length);
  };
  return {
    readRange: (_path, offset, length) => range(offset, length),
    // As the real one: with `into`, the bytes are there until it is used again.
    readRanges: (_path, use) =>
      use((offset, length, into) => {
        const found = range(offset, length);
        if (into === undefined) return found;
        found.copy(into);
        return into.subarray(0, found.length);
      }),
    stat: (): FileStat => ({
      kind: 'file',
      sizeBytes: bytes.length,
      mtimeMs: 0,
      ctimeMs: 0,
      inode: 1,
      device: 1,
      mode: 0o644,
      links: 1,
    }),
    largestRead: () => largest,
  };
}
