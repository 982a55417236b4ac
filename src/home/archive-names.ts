// The names in an archive: which cannot be, and which cannot be together. An accepted set of names unpacks to the same tree
// on any file system, whatever it does with case and Unicode forms. Pure.

import { isUtf8 } from 'node:buffer';
import { type Refused, refuse } from './archive-refusal.js';
import { foldName } from './fold-name.js';

const SEGMENT_LIMIT_BYTES = 255;
const PATH_LIMIT_BYTES = 4096;
/** Control characters, and those that turn the direction of the text around or end a line for some. */
const CONTROL = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Why one name is refused; undefined where it is not. A folder's name ends with a slash. */
export function nameRefusal(raw: Buffer): Refused | undefined {
  if (raw.length === 0) return refuse('empty-name', 'an entry has no name');
  const name = raw.toString('utf8');
  if (!isUtf8(raw)) return refuse('bad-utf8', 'its name is not UTF-8', name);
  if (CONTROL.test(name)) return refuse('control-character', 'its name has a control character', name);
  if (name.includes('\\')) return refuse('backslash', 'its name has a backslash', name);
  if (name.startsWith('/')) return refuse('absolute-path', 'its name starts at the root', name);
  if (/^[A-Za-z]:/.test(name)) return refuse('drive-letter', 'its name starts with a drive letter', name);
  if (raw.length > PATH_LIMIT_BYTES) return refuse('path-too-long', `its name has ${raw.length} bytes`, name);
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  for (const segment of segments) {
    if (segment === '..') return refuse('path-traversal', 'its name leads out of the archive', name);
    if (segment === '' || segment === '.') return refuse('odd-segment', 'its name has an empty segment or a dot', name);
    if (Buffer.byteLength(segment) > SEGMENT_LIMIT_BYTES) {
      return refuse('name-too-long', `a segment of its name has more than ${SEGMENT_LIMIT_BYTES} bytes`, name);
    }
    // Nobody sees them in a listing, and where a share is served to Windows they name another file.
    if (/[. ]$/.test(segment))
      return refuse('trailing-dot-or-space', 'a segment of its name ends with a dot or a space', name);
  }
  return undefined;
}

interface Seen {
  readonly spelling: string;
  readonly isFolder: boolean;
  /** An entry of its own, not only the folder of another. */
  isEntry: boolean;
}

/** Why names are refused together: duplicates, spellings of the same name, a file that is a folder for another. */
export function checkNames(records: readonly { readonly name: string }[]): Refused | undefined {
  const seen = new Map<string, Seen>();
  for (const { name } of records) {
    const isFolder = name.endsWith('/');
    const path = isFolder ? name.slice(0, -1) : name;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const fault = note(seen, path.slice(0, slash), true, false, name);
      if (fault !== undefined) return fault;
    }
    const fault = note(seen, path, isFolder, true, name);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function note(
  seen: Map<string, Seen>,
  path: string,
  isFolder: boolean,
  isEntry: boolean,
  name: string,
): Refused | undefined {
  const key = foldName(path);
  const known = seen.get(key);
  if (known === undefined) {
    seen.set(key, { spelling: path, isFolder, isEntry });
    return undefined;
  }
  if (known.spelling !== path) {
    const other = JSON.stringify(known.spelling);
    if (known.spelling.normalize('NFC') === path.normalize('NFC')) {
      return refuse('normalisation-collision', `its name is ${other} in another Unicode form`, name);
    }
    return refuse('case-collision', `its name differs from ${other} in the case of letters only`, name);
  }
  if (known.isFolder !== isFolder)
    return refuse('file-is-folder', `${JSON.stringify(path)} is a file and a folder`, name);
  if (known.isEntry && isEntry) return refuse('duplicate-name', 'there are two entries of this name', name);
  known.isEntry ||= isEntry;
  return undefined;
}
