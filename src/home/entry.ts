// What is, was, or is to be at one path: absent, a file with its digests, or a directory. Branded strings keep paths and
// digests from being mixed up. Types and comparisons only.

declare const brand: unique symbol;

/** 32 lower-case hex digits. */
export type Md5 = string & { readonly [brand]: 'md5' };
/** 64 lower-case hex digits. */
export type Sha256 = string & { readonly [brand]: 'sha256' };
/**
 * A path inside one of the home's roots, as `<root>:<relative path>`: `plugins:org.example.core_1.0.0.jar`.
 * The relative path uses `/`, has no empty, `.` or `..` segment, and may be empty for the root itself.
 */
export type RootedPath = string & { readonly [brand]: 'path' };

export interface FileEntry {
  readonly kind: 'file';
  readonly md5: Md5;
  /** Known where the content was made safe or a manifest lists it. */
  readonly sha256?: Sha256;
  readonly sizeBytes: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
}

export interface DirectoryEntry {
  readonly kind: 'directory';
  readonly mode: number;
}

export interface AbsentEntry {
  readonly kind: 'absent';
}

/** A link, a socket, a device: never followed, never replaced. */
export interface ForeignEntry {
  readonly kind: 'foreign';
}

export type Entry = FileEntry | DirectoryEntry | AbsentEntry;
export type ObservedEntry = Entry | ForeignEntry;

export const ABSENT: AbsentEntry = { kind: 'absent' };

/** Whether two entries have the same content; modes are not compared. */
export function sameContent(a: ObservedEntry, b: ObservedEntry): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'file' || b.kind !== 'file') return a.kind !== 'foreign';
  if (a.sha256 !== undefined && b.sha256 !== undefined && a.sha256 !== b.sha256) return false;
  return a.md5 === b.md5 && a.sizeBytes === b.sizeBytes;
}

export function describeEntry(entry: ObservedEntry): string {
  switch (entry.kind) {
    case 'absent':
      return 'absent';
    case 'directory':
      return 'a directory';
    case 'foreign':
      return 'neither a file nor a directory';
    case 'file':
      return `${entry.sizeBytes} bytes, MD5 ${entry.md5}`;
  }
}
