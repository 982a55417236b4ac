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
  const attributes: Attribute[] = [];
  const bad = readSection(lines, attributes) ?? checkSections(lines);
  if (bad !== undefined) return { kind: 'bad', reason: `${bad} (line ${lines.number} of the manifest)` };
  return { kind: 'manifest', get: (name) => find(lines.bytes, attributes, name) };
}

/** Where an attribute lies in the manifest; decoded only when somebody asks for it. */
interface Attribute {
  readonly nameStart: number;
  readonly nameEnd: number;
  /** Start and end of the value's part of each of its lines, in turn. */
  readonly parts: number[];
}

function find(bytes: Buffer, attributes: readonly Attribute[], name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let index = attributes.length - 1; index >= 0; index--) {
    const attribute = attributes[index];
    if (attribute === undefined || attribute.nameEnd - attribute.nameStart !== wanted.length) continue;
    if (bytes.toString('latin1', attribute.nameStart, attribute.nameEnd).toLowerCase() !== wanted) continue;
    const { parts } = attribute;
    if (parts.length === 2) return bytes.toString('utf8', parts[0], parts[1]);
    const pieces: Buffer[] = [];
    for (let part = 0; part < parts.length; part += 2) pieces.push(bytes.subarray(parts[part], parts[part + 1]));
    return Buffer.concat(pieces).toString('utf8');
  }
  return undefined;
}

/** Reads attributes up to an empty line or the end; returns what is wrong, undefined where nothing is. */
function readSection(lines: Lines, attributes: Attribute[] | undefined): string | undefined {
  const { bytes } = lines;
  let attribute: Attribute | undefined;
  let isNamed = false;
  while (lines.next()) {
    if (lines.tooLong) return 'a line is longer than 512 bytes';
    const { start, end } = lines;
    if (start === end) return undefined;
    if (bytes[start] === SPACE) {
      if (attribute === undefined) return 'a continuation line continues nothing';
      attribute.parts.push(start + 1, end);
    } else {
      let colon = start;
      while (colon < end && bytes[colon] !== COLON) colon++;
      if (colon >= end) return 'a line has no colon';
      // Java looks at the byte after the colon even where the line ends with it: only a space will do.
      if (bytes[colon + 1] !== SPACE) return 'the colon of an attribute has no space after it';
      isNamed = isAttributeName(bytes, start, colon);
      attribute = { nameStart: start, nameEnd: colon, parts: [colon + 2, end] };
    }
    // Java looks at a name when its value is complete, so an unfinished attribute with a bad name goes unnoticed.
    if (lines.peek() === SPACE) continue;
    if (!isNamed) return 'the name of an attribute is not allowed';
    attributes?.push(attribute);
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

/** 1 to 70 letters, digits, `_` and `-`. */
function isAttributeName(bytes: Buffer, start: number, end: number): boolean {
  if (end === start || end - start > 70) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const letter = byte | 0x20;
    if (letter >= 0x61 && letter <= 0x7a) continue;
    if ((byte < 0x30 || byte > 0x39) && byte !== 0x5f && byte !== 0x2d) return false;
  }
  return true;
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
