// A home as it would be with some packs more or less: a view of its files in which a folder lies elsewhere, or is not there. The
// engine plans over it as over any home, so that what it says beforehand is what a start will find.

import { basename, dirname } from 'node:path';
import type { Bulk, BulkProgress, BulkResult, CopyItem, DigestItem, OnResult } from '../system/bulk.js';
import type { Digests, Files, FileStat, RangeReader } from '../system/files.js';

export interface Overlay {
  /** Path in the view → where it really is. */
  readonly shown: ReadonlyMap<string, string>;
  /** Paths that are not in the view. */
  readonly hidden: ReadonlySet<string>;
}

export class OverlayFiles implements Files {
  readonly #files: Files;
  readonly #overlay: Overlay;

  constructor(files: Files, overlay: Overlay) {
    this.#files = files;
    this.#overlay = overlay;
  }

  stat(path: string): FileStat | undefined {
    return isHidden(this.#overlay, path) ? undefined : this.#files.stat(this.#real(path));
  }

  list(path: string): string[] {
    const names = new Set(
      this.#files.list(this.#real(path)).filter((name) => !isHidden(this.#overlay, `${path}/${name}`)),
    );
    for (const shown of this.#overlay.shown.keys()) if (dirname(shown) === path) names.add(basename(shown));
    return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  read(path: string, limitBytes: number): Buffer {
    return this.#files.read(this.#real(path), limitBytes);
  }

  readRange(path: string, offset: number, length: number): Buffer {
    return this.#files.readRange(this.#real(path), offset, length);
  }

  readRanges<T>(path: string, use: (read: RangeReader) => T): T {
    return this.#files.readRanges(this.#real(path), use);
  }

  realPath(path: string): string {
    return this.#files.realPath(this.#real(path));
  }

  digest(path: string, withSha256: boolean): Digests {
    return this.#files.digest(this.#real(path), withSha256);
  }

  freeBytes(path: string): number {
    return this.#files.freeBytes(this.#real(path));
  }

  checkWritable(folder: string): void {
    this.#files.checkWritable(this.#real(folder));
  }

  mountOf(path: string): string {
    return this.#files.mountOf(this.#real(path));
  }

  fileSystemTime(folder: string): number {
    return this.#files.fileSystemTime(this.#real(folder));
  }

  identity(): { readonly user: string; readonly host: string } {
    return this.#files.identity();
  }

  makeDirectory(path: string, mode?: number): void {
    this.#files.makeDirectory(this.#real(path), mode);
  }

  writeNew(path: string, data: Uint8Array | string, mode?: number, flush?: 'flushed' | 'unflushed'): void {
    this.#files.writeNew(this.#real(path), data, mode, flush);
  }

  append(path: string, data: Uint8Array | string, flush?: 'flushed' | 'unflushed'): void {
    this.#files.append(this.#real(path), data, flush);
  }

  copyNew(source: string, target: string, mode: number, flush?: 'flushed' | 'unflushed'): void {
    this.#files.copyNew(this.#real(source), this.#real(target), mode, flush);
  }

  link(source: string, target: string): void {
    this.#files.link(this.#real(source), this.#real(target));
  }

  rename(source: string, target: string): void {
    this.#files.rename(this.#real(source), this.#real(target));
  }

  unlink(path: string): void {
    this.#files.unlink(this.#real(path));
  }

  removeDirectory(path: string): void {
    this.#files.removeDirectory(this.#real(path));
  }

  setMode(path: string, mode: number): void {
    this.#files.setMode(this.#real(path), mode);
  }

  touch(path: string): void {
    this.#files.touch(this.#real(path));
  }

  flushDirectory(path: string): void {
    this.#files.flushDirectory(this.#real(path));
  }

  #real(path: string): string {
    return realPathOf(this.#overlay, path);
  }
}

/** The same for bulk work, whose threads know nothing of the view. */
export class OverlayBulk implements Bulk {
  readonly #bulk: Bulk;
  readonly #overlay: Overlay;

  constructor(bulk: Bulk, overlay: Overlay) {
    this.#bulk = bulk;
    this.#overlay = overlay;
  }

  digest(items: readonly DigestItem[], progress?: BulkProgress, onResult?: OnResult): Promise<BulkResult[]> {
    const real = items.map((item) => ({ ...item, path: realPathOf(this.#overlay, item.path) }));
    return this.#bulk.digest(real, progress, onResult);
  }

  copy(items: readonly CopyItem[], progress?: BulkProgress): Promise<BulkResult[]> {
    return this.#bulk.copy(
      items.map((item) => ({
        ...item,
        source: realPathOf(this.#overlay, item.source),
        target: realPathOf(this.#overlay, item.target),
      })),
      progress,
    );
  }

  flushDirectories(paths: readonly string[]): Promise<void> {
    return this.#bulk.flushDirectories(paths.map((path) => realPathOf(this.#overlay, path)));
  }

  async close(): Promise<void> {}
}

function realPathOf(overlay: Overlay, path: string): string {
  for (const [shown, real] of overlay.shown) {
    if (path === shown) return real;
    if (path.startsWith(`${shown}/`)) return real + path.slice(shown.length);
  }
  return path;
}

function isHidden(overlay: Overlay, path: string): boolean {
  if (realPathOf(overlay, path) !== path) return false;
  for (const hidden of overlay.hidden) if (path === hidden || path.startsWith(`${hidden}/`)) return true;
  return false;
}
