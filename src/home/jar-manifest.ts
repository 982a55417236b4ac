// A JAR's manifest, read as java.util.jar.Manifest of Java 17 reads it: the same attributes, and the same manifests
// refused, because a JAR that Java cannot name must not get a name from us. Pure: bytes in, data out.

/** Java's default for `jdk.jar.maxSignatureFileSize`, which also bounds the manifest of a `JarFile`. */
export const MANIFEST_LIMIT_BYTES = 16_000_000;

/** The main section's attributes. `get` ignores the case of names; undefined where the attribute is not there. */
export interface JarManifest {
  readonly kind: 'manifest';
  get(name: string): string | undefined;
}

export interface BadManifest {
  readonly kind: 'bad';
  readonly reason: string;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
/** Java's line buffer: a line with its terminator is at most this long. */
const LINE_BYTES = 512;
/** Java's input buffer; a CR that ends it is treated differently from one that ends the line buffer. */
const WINDOW_BYTES = 8192;

/**
 * Parses a manifest. Lines end with CR, LF or CRLF; a line that starts with a space continues the one before, and values
 * are decoded as UTF-8 after joining; the last of two attributes with the same name counts; the main section ends at
 * the first empty line; a last line without terminator does not count. Sections after the main one are checked, not kept.
 */
export function parseJarManifest(bytes: Uint8Array): JarManifest | BadManifest {
  if (bytes.length > MANIFEST_LIMIT_BYTES) {
    return { kind: 'bad', reason: `the manifest has ${bytes.length} bytes, more than ${MANIFEST_LIMIT_BYTES}` };
  }
  const lines = new Lines(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const attributes = new Map<string, string>();
  const bad = readSection(lines, attributes) ?? checkSections(lines);
  if (bad !== undefined) return { kind: 'bad', reason: `${bad} (line ${lines.number} of the manifest)` };
  return { kind: 'manifest', get: (name) => attributes.get(name.toLowerCase()) };
}

/** Reads attributes up to an empty line or the end; returns what is wrong, undefined where nothing is. */
function readSection(lines: Lines, attributes: Map<string, string> | undefined): string | undefined {
  let name: string | undefined;
  let pieces: Buffer[] = [];
  while (lines.next()) {
    if (lines.tooLong) return 'a line is longer than 512 bytes';
    const { bytes, start, end } = lines;
    if (start === end) return undefined;
    if (bytes[start] === SPACE) {
      if (name === undefined) return 'a continuation line continues nothing';
      if (attributes !== undefined) pieces.push(bytes.subarray(start + 1, end));
    } else {
      let colon = start;
      while (colon < end && bytes[colon] !== COLON) colon++;
      if (colon >= end) return 'a line has no colon';
      // Java looks at the byte after the colon even where the line ends with it: only a space will do.
      if (bytes[colon + 1] !== SPACE) return 'the colon of an attribute has no space after it';
      name = attributeName(bytes, start, colon);
      pieces = attributes === undefined ? [] : [bytes.subarray(colon + 2, end)];
    }
    // Java looks at a name when its value is complete, so an unfinished attribute with a bad name goes unnoticed.
    if (lines.peek() === SPACE) continue;
    if (name === undefined || name === '') return 'the name of an attribute is not allowed';
    if (attributes !== undefined) {
      const value = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
      attributes.set(name, value.toString('utf8'));
      pieces = [];
    }
  }
  return undefined;
}

/** Each section after the first starts with `Name: ` (Java does not look at what the name is). */
function checkSections(lines: Lines): string | undefined {
  let skipEmpty = true;
  let inName = false;
  while (lines.next()) {
    if (lines.tooLong) return 'a line is longer than 512 bytes';
    if (lines.start === lines.end && skipEmpty) continue;
    skipEmpty = false;
    if (!inName && !startsWithName(lines.bytes, lines.start, lines.end)) return 'a section does not start with Name';
    inName = lines.peek() === SPACE;
    if (inName) continue;
    const bad = readSection(lines, undefined);
    if (bad !== undefined) return bad;
    skipEmpty = true;
  }
  return undefined;
}

function startsWithName(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= 6 && bytes.toString('latin1', start, start + 6).toLowerCase() === 'name: ';
}

/** A name in lower case: 1 to 70 letters, digits, `_` and `-`; empty where it is not one. */
function attributeName(bytes: Buffer, start: number, end: number): string {
  if (end - start > 70) return '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const lower = byte | 0x20;
    const allowed = (lower >= 0x61 && lower <= 0x7a && byte >= 0x41) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte === 0x2d;
    if (!allowed) return '';
  }
  return bytes.toString('latin1', start, end).toLowerCase();
}

/** Java's line reader: `start` to `end` is the line without its terminator. */
class Lines {
  readonly bytes: Buffer;
  start = 0;
  end = 0;
  number = 0;
  tooLong = false;
  #next = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The first byte of the next line; undefined at the end. */
  peek(): number | undefined {
    return this.bytes[this.#next];
  }

  /** Moves to the next line. False at the end, and where only an unterminated rest is left, which Java drops. */
  next(): boolean {
    const { bytes } = this;
    const start = this.#next;
    const limit = Math.min(start + LINE_BYTES, bytes.length);
    let at = start;
    while (at < limit && bytes[at] !== LF && bytes[at] !== CR) at++;
    if (at === limit) {
      if (limit - start < LINE_BYTES) return false;
      this.tooLong = true;
      this.number++;
      return true;
    }
    this.start = start;
    this.end = at;
    this.number++;
    this.#next = at + 1;
    // A CR that fills the line buffer keeps its LF for the next (empty) line, unless Java's input buffer ends there too.
    const lfBelongs = at + 1 < start + LINE_BYTES || (at + 1) % WINDOW_BYTES === 0;
    if (bytes[at] === CR && bytes[at + 1] === LF && lfBelongs) this.#next++;
    return true;
  }
}
