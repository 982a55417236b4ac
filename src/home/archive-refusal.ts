// Why an archive is refused: the names of all reasons, and how a refusal is put together. Pure.

/** Why an archive is refused. docs/archives.md says of each what it guards against. */
export const ARCHIVE_REFUSALS = [
  'not-an-archive',
  'trailing-data',
  'leading-data',
  'data-between-entries',
  'second-end-record',
  'multi-disk',
  'count-mismatch',
  'broken-directory',
  'directory-too-large',
  'zip64-inconsistent',
  'too-many-entries',
  'total-too-large',
  'ratio-too-high',
  'encrypted',
  'unsupported-method',
  'unsupported-flags',
  'bad-extra-field',
  'empty-name',
  'bad-utf8',
  'name-mismatch',
  'control-character',
  'backslash',
  'absolute-path',
  'drive-letter',
  'path-traversal',
  'odd-segment',
  'trailing-dot-or-space',
  'name-too-long',
  'path-too-long',
  'duplicate-name',
  'case-collision',
  'normalisation-collision',
  'file-is-folder',
  'link',
  'special-file',
  'kind-mismatch',
  'folder-with-data',
  'size-mismatch',
  'overlapping-entries',
  'local-header-mismatch',
  'descriptor-mismatch',
  'readers-disagree',
  'truncated',
  'broken-stream',
  'trailing-stream-data',
  'endless-data',
  'crc-mismatch',
] as const;

export type ArchiveRefusal = (typeof ARCHIVE_REFUSALS)[number];

export interface Refused {
  readonly kind: 'refused';
  readonly reason: ArchiveRefusal;
  /** The entry's name as far as it can be shown: control characters are escaped. */
  readonly entry?: string;
  readonly detail: string;
}

/** Names are shown escaped: a refusal ends on a terminal. */
export function refuse(reason: ArchiveRefusal, detail: string, name?: string): Refused {
  if (name === undefined) return { kind: 'refused', reason, detail };
  const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  const entry = shown.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return { kind: 'refused', reason, entry, detail };
}
