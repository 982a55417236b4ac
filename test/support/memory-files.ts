// A file system in memory behind the `Files` door, with the durability rules of a strict disk: a name is durable after a flush
// of its directory, bytes after a flush of the file, everything else may be lost, torn or reordered. What a power cut may leave
// of a recorded run comes from `statesAfterPowerLoss` (power-loss.ts). Agrees with `RealFiles` (memory-files.test.ts).
import { createHash } from 'node:crypto';
import { PatchError } from '../../src/error.js';
import type { Md5, Sha256 } from '../../src/home/entry.js';
import { foldName } from '../../src/home/fold-name.js';
import type { Digests, Files, FileStat, RangeReader } from '../../src/system/files.js';

interface FileNode {
  readonly kind: 'file';
  readonly bytes: Buffer;
  readonly mode: number;
  readonly device: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

interface DirectoryNode {
  readonly kind: 'directory';
  readonly mode: number;
  readonly device: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

interface LinkNode {
  readonly kind: 'link';
  readonly target: string;
  readonly mode: number;
  readonly device: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export type Node = FileNode | DirectoryNode | LinkNode;

/** Nodes by number, and the names in each directory. */
export interface Disk {
  readonly nodes: Map<number, Node>;
  readonly names: Map<number, Map<string, number>>;
}

interface NameChange {
  readonly kind: 'name';
  readonly names: readonly { readonly directory: number; readonly name: string; readonly node: number | undefined }[];
  /** Directories whose flush makes it durable; emptied as they are flushed. */
  readonly needs: Set<number>;
}

interface BytesChange {
  readonly kind: 'bytes';
  readonly node: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

interface ModeChange {
  readonly kind: 'mode';
  readonly node: number;
  readonly mode: number;
}

/** One thing that a power cut may lose. */
export interface Change {
  /** How many steps were done before it. */
  readonly at: number;
  readonly text: string;
  readonly timeMs: number;
  readonly what: NameChange | BytesChange | ModeChange;
  /** From this number of steps on nothing can lose it. */
  durableFrom: number;
}

export interface Recording {
  readonly first: Disk;
  /** Nodes that were made during the recording, as they are when made. */
  readonly made: ReadonlyMap<number, Node>;
  readonly changes: readonly Change[];
  readonly steps: number;
}

export interface MemoryRules {
  /** A rename is durable after a flush of the target's directory, or only of both. */
  readonly strictRename: boolean;
  /** Whether files can have a second name. */
  readonly links: boolean;
  /** Whether names in another case, or another Unicode form, are the same name; the first spelling is kept. */
  readonly folds: boolean;
}

const ROOT = 1;
const UMASK = 0o022;
const START_MS = 1_700_000_000_000;
const MOST_LINKS_FOLLOWED = 40;

export class MemoryFiles implements Files {
  readonly #rules: MemoryRules;
  readonly #disk: Disk;
  readonly #mounts = new Map<string, number>();
  #next = ROOT + 1;
  #clockMs = START_MS;
  #recording: { first: Disk; made: Map<number, Node>; changes: Change[]; steps: number } | undefined;
  /** What `freeBytes` says. */
  freeSpaceBytes = 2 ** 40;

  constructor(rules: Partial<MemoryRules> = {}, disk?: Disk) {
    this.#rules = { strictRename: false, links: true, folds: false, ...rules };
    this.#disk = disk ?? {
      nodes: new Map([[ROOT, directoryNode(0o755, 1, START_MS)]]),
      names: new Map([[ROOT, new Map<string, number>()]]),
    };
    for (const [number, node] of this.#disk.nodes) {
      this.#next = Math.max(this.#next, number + 1);
      this.#clockMs = Math.max(this.#clockMs, node.ctimeMs);
    }
  }

  /** A copy in which everything is durable and nothing is recorded. */
  clone(rules: Partial<MemoryRules> = {}): MemoryFiles {
    const copy = new MemoryFiles({ ...this.#rules, ...rules }, copyDisk(this.#disk));
    for (const [path, device] of this.#mounts) copy.#mounts.set(path, device);
    copy.freeSpaceBytes = this.freeSpaceBytes;
    return copy;
  }

  /** The same rules and mounts over another disk. */
  withDisk(disk: Disk): MemoryFiles {
    const copy = new MemoryFiles(this.#rules, disk);
    for (const [path, device] of this.#mounts) copy.#mounts.set(path, device);
    return copy;
  }

  /** From here on every change is recorded; all that was before is durable. */
  startRecording(): void {
    this.#recording = { first: copyDisk(this.#disk), made: new Map(), changes: [], steps: 0 };
  }

  recording(): Recording {
    if (this.#recording === undefined) throw new Error('nothing was recorded');
    return this.#recording;
  }

  /** Makes a directory a file system of its own. */
  mount(path: string): void {
    const number = this.#numberAt(path);
    const device = 2 + this.#mounts.size;
    this.#mounts.set(path, device);
    this.#disk.nodes.set(number, { ...this.#node(number), device });
  }

  symlink(target: string, path: string): void {
    const { directory, name } = this.#place(path);
    const time = this.#tick();
    const number = this.#make({ kind: 'link', target, mode: 0o777, device: 1, mtimeMs: time, ctimeMs: time });
    this.#setName(directory, name, number);
  }

  /** Overwrites a file in place, as another program would, without a trace of ours. */
  scribble(path: string, bytes: Buffer): void {
    const number = this.#numberAt(path);
    const node = this.#node(number);
    if (node.kind !== 'file') throw new Error(`${path} is no file`);
    const time = this.#tick();
    this.#disk.nodes.set(number, { ...node, bytes, mtimeMs: time, ctimeMs: time });
  }

  // --- reading

  stat(path: string): FileStat | undefined {
    const number = this.#lookUp(path, false);
    return number === undefined ? undefined : this.#statOf(number);
  }

  list(path: string): string[] {
    return [...this.#namesAt(path).keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  read(path: string, limitBytes: number): Buffer {
    const node = this.#openedFile(path);
    if (node.bytes.length > limitBytes)
      throw new PatchError('INPUT_TOO_LARGE', `${path} has ${node.bytes.length} bytes`, { path });
    return Buffer.from(node.bytes);
  }

  readRange(path: string, offset: number, length: number): Buffer {
    const node = this.#opened(path);
    if (node.kind !== 'file') {
      if (length === 0) return Buffer.alloc(0);
      throw errno('EISDIR', path);
    }
    return Buffer.from(node.bytes.subarray(offset, offset + length));
  }

  readRanges<T>(path: string, use: (read: RangeReader) => T): T {
    const node = this.#opened(path);
    return use((offset, length) => {
      if (node.kind !== 'file') throw errno('EISDIR', path);
      return Buffer.from(node.bytes.subarray(offset, offset + length));
    });
  }

  realPath(path: string): string {
    const parts: string[] = [];
    this.#walk(path, true, parts);
    return `/${parts.join('/')}`;
  }

  digest(path: string, withSha256: boolean): Digests {
    const { bytes } = this.#openedFile(path);
    const md5 = createHash('md5').update(bytes).digest('hex') as Md5;
    const sizeBytes = bytes.length;
    return withSha256
      ? { md5, sizeBytes, sha256: createHash('sha256').update(bytes).digest('hex') as Sha256 }
      : { md5, sizeBytes };
  }

  freeBytes(path: string): number {
    this.#numberAt(path);
    return this.freeSpaceBytes;
  }

  checkWritable(folder: string): void {
    if (this.#node(this.#numberAt(folder)).kind !== 'directory') throw errno('ENOTDIR', folder);
  }

  mountOf(path: string): string {
    let longest = '';
    for (const mount of this.#mounts.keys())
      if ((path === mount || path.startsWith(`${mount}/`)) && mount.length > longest.length) longest = mount;
    return longest;
  }

  fileSystemTime(folder: string): number {
    const path = `${folder}/.now-${process.pid}-0`;
    this.writeNew(path, '', 0o600, 'unflushed');
    const time = this.stat(path)?.ctimeMs ?? 0;
    this.unlink(path);
    return time;
  }

  identity(): { user: string; host: string } {
    return { user: 'tester', host: 'memory' };
  }

  // --- changing

  makeDirectory(path: string, mode = 0o777): void {
    const { directory, name, node } = this.#place(path);
    if (node !== undefined) throw errno('EEXIST', path);
    const time = this.#tick();
    const number = this.#make(directoryNode(mode & ~UMASK, this.#node(directory).device, time));
    this.#disk.names.set(number, new Map());
    this.#change(`mkdir ${path}`, {
      kind: 'name',
      names: [{ directory, name, node: number }],
      needs: new Set([directory]),
    });
  }

  writeNew(path: string, data: Uint8Array | string, mode = 0o666, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    const number = this.#create(path, mode & ~UMASK);
    this.#write(number, 0, typeof data === 'string' ? Buffer.from(data) : Buffer.from(data), path);
    if (flush === 'flushed') this.#flushFile(number, path);
  }

  append(path: string, data: Uint8Array | string, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    const number = this.appendUnflushed(path, data);
    if (flush === 'flushed') this.#flushFile(number, path, 'data');
  }

  /** What a process leaves that is killed between writing and flushing. Returns the number of the file. */
  appendUnflushed(path: string, data: Uint8Array | string): number {
    const number = this.#opened(path, true);
    const node = this.#node(number);
    if (node.kind !== 'file') throw errno('EISDIR', path);
    this.#write(number, node.bytes.length, typeof data === 'string' ? Buffer.from(data) : Buffer.from(data), path);
    return number;
  }

  copyNew(source: string, target: string, mode: number, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    const from = this.#node(this.#numberAt(source));
    if (from.kind !== 'file') throw errno('EISDIR', source);
    const number = this.#create(target, from.mode & ~UMASK);
    this.#write(number, 0, from.bytes, target);
    this.#setModeOf(number, mode, target);
    if (flush === 'flushed') this.#flushFile(number, target);
  }

  link(source: string, target: string): void {
    const number = this.#lookUpOrThrow(source, false);
    const { directory, name, node } = this.#place(target);
    if (node !== undefined) throw errno('EEXIST', target);
    if (this.#node(directory).device !== this.#node(number).device) throw errno('EXDEV', target);
    if (this.#node(number).kind === 'directory' || !this.#rules.links) throw errno('EPERM', source);
    this.#change(`link ${source} ${target}`, {
      kind: 'name',
      names: [{ directory, name, node: number }],
      needs: new Set([directory]),
    });
    this.#touchChangeTime(number);
  }

  rename(source: string, target: string): void {
    const from = this.#place(source);
    // Linux finds the folders of both names first.
    const to = this.#place(target);
    if (from.node === undefined) throw errno('ENOENT', source);
    const moved = this.#node(from.node);
    if (this.#node(to.directory).device !== moved.device) throw errno('EXDEV', target);
    if (this.#isBelow(to.directory, from.node)) throw errno('EINVAL', target);
    if (to.node !== undefined) {
      if (to.node === from.node) return;
      this.#checkReplace(moved, to.node, source, target);
    }
    this.#change(`rename ${source} ${target}`, {
      kind: 'name',
      names: [
        { directory: from.directory, name: from.name, node: undefined },
        { directory: to.directory, name: to.name, node: from.node },
      ],
      needs: new Set(this.#rules.strictRename ? [from.directory, to.directory] : [to.directory]),
    });
    this.#touchChangeTime(from.node);
  }

  unlink(path: string): void {
    const { directory, name, node } = this.#place(path);
    if (node === undefined) throw errno('ENOENT', path);
    if (this.#node(node).kind === 'directory') throw errno('EISDIR', path);
    this.#removeName(`unlink ${path}`, directory, name);
    this.#touchChangeTime(node);
  }

  removeDirectory(path: string): void {
    const { directory, name, node } = this.#place(path);
    if (node === undefined) throw errno('ENOENT', path);
    if (this.#node(node).kind !== 'directory') throw errno('ENOTDIR', path);
    if ((this.#disk.names.get(node)?.size ?? 0) > 0) throw errno('ENOTEMPTY', path);
    this.#removeName(`rmdir ${path}`, directory, name);
  }

  setMode(path: string, mode: number): void {
    const number = this.#opened(path, true);
    this.#setModeOf(number, mode, path);
    this.#flushFile(number, path);
  }

  touch(path: string): void {
    const number = this.#numberAt(path);
    const time = this.#tick();
    this.#disk.nodes.set(number, { ...this.#node(number), mtimeMs: time, ctimeMs: time });
  }

  flushDirectory(path: string): void {
    const number = this.#numberAt(path);
    if (this.#node(number).kind !== 'directory') throw errno('ENOTDIR', path);
    this.#step();
    for (const change of this.#pending()) {
      if (change.what.kind !== 'name') continue;
      change.what.needs.delete(number);
      if (change.what.needs.size === 0) change.durableFrom = this.#recording?.steps ?? 0;
    }
  }

  // --- parts

  #create(path: string, mode: number): number {
    const { directory, name, node } = this.#place(path);
    if (node !== undefined) throw errno('EEXIST', path);
    const time = this.#tick();
    const number = this.#make({
      kind: 'file',
      bytes: Buffer.alloc(0),
      mode,
      device: this.#node(directory).device,
      mtimeMs: time,
      ctimeMs: time,
    });
    this.#change(`create ${path}`, {
      kind: 'name',
      names: [{ directory, name, node: number }],
      needs: new Set([directory]),
    });
    return number;
  }

  #write(node: number, offset: number, bytes: Buffer, path: string): void {
    if (bytes.length > 0)
      this.#change(`write ${path} ${offset}+${bytes.length}`, {
        kind: 'bytes',
        node,
        offset,
        bytes: Buffer.from(bytes),
      });
  }

  #setModeOf(node: number, mode: number, path: string): void {
    this.#change(`chmod ${path} ${mode.toString(8)}`, { kind: 'mode', node, mode });
  }

  #flushFile(node: number, _path: string, what: 'all' | 'data' = 'all'): void {
    this.#step();
    for (const change of this.#pending()) {
      if (change.what.kind === 'name' || change.what.node !== node) continue;
      if (what === 'data' && change.what.kind === 'mode') continue;
      change.durableFrom = this.#recording?.steps ?? 0;
    }
  }

  #removeName(text: string, directory: number, name: string): void {
    this.#change(text, { kind: 'name', names: [{ directory, name, node: undefined }], needs: new Set([directory]) });
  }

  #checkReplace(moved: Node, replaced: number, source: string, target: string): void {
    const there = this.#node(replaced);
    if (moved.kind === 'directory' && there.kind !== 'directory') throw errno('ENOTDIR', target);
    if (moved.kind !== 'directory' && there.kind === 'directory') throw errno('EISDIR', source);
    if (there.kind === 'directory' && (this.#disk.names.get(replaced)?.size ?? 0) > 0) throw errno('ENOTEMPTY', target);
  }

  #pending(): Change[] {
    return (this.#recording?.changes ?? []).filter((change) => change.durableFrom === Number.POSITIVE_INFINITY);
  }

  #change(text: string, what: Change['what']): void {
    const timeMs = this.#tick();
    this.#recording?.changes.push({
      at: this.#recording.steps,
      text,
      timeMs,
      what,
      durableFrom: Number.POSITIVE_INFINITY,
    });
    this.#step();
    applyChange(this.#disk, what, timeMs);
  }

  #step(): void {
    if (this.#recording !== undefined) this.#recording.steps += 1;
  }

  #tick(): number {
    this.#clockMs += 1;
    return this.#clockMs;
  }

  #make(node: Node): number {
    const number = this.#next++;
    this.#disk.nodes.set(number, node);
    this.#recording?.made.set(number, node);
    return number;
  }

  #setName(directory: number, name: string, node: number): void {
    this.#disk.names.get(directory)?.set(name, node);
  }

  #touchChangeTime(number: number): void {
    const node = this.#disk.nodes.get(number);
    if (node !== undefined) this.#disk.nodes.set(number, { ...node, ctimeMs: this.#tick() });
  }

  #node(number: number): Node {
    const node = this.#disk.nodes.get(number);
    if (node === undefined) throw new Error(`there is no node ${number}`);
    return node;
  }

  #statOf(number: number): FileStat {
    const node = this.#node(number);
    let links = 0;
    if (node.kind !== 'directory')
      for (const names of this.#disk.names.values()) for (const one of names.values()) if (one === number) links += 1;
    return {
      kind: node.kind,
      sizeBytes: node.kind === 'file' ? node.bytes.length : node.kind === 'link' ? node.target.length : 4096,
      mtimeMs: node.mtimeMs,
      ctimeMs: node.ctimeMs,
      inode: number,
      device: node.device,
      mode: node.mode,
      links,
    };
  }

  #isBelow(directory: number, above: number): boolean {
    if (directory === above) return true;
    const names = this.#disk.names.get(above);
    return names !== undefined && [...names.values()].some((child) => this.#isBelow(directory, child));
  }

  #openedFile(path: string): FileNode {
    const node = this.#opened(path);
    if (node.kind !== 'file') throw new PatchError('NOT_A_FILE', `${path} is not a file`, { path });
    return node;
  }

  /** As `open` with O_NOFOLLOW. */
  #opened(path: string): Node;
  #opened(path: string, asNumber: true): number;
  #opened(path: string, asNumber?: true): Node | number {
    const number = this.#lookUpOrThrow(path, false);
    const node = this.#node(number);
    if (node.kind === 'link') throw errno('ELOOP', path);
    return asNumber === true ? number : node;
  }

  #namesAt(path: string): Map<string, number> {
    const number = this.#numberAt(path);
    const names = this.#disk.names.get(number);
    if (this.#node(number).kind !== 'directory' || names === undefined) throw errno('ENOTDIR', path);
    return names;
  }

  /** Follows links. */
  #numberAt(path: string): number {
    return this.#lookUpOrThrow(path, true);
  }

  #lookUpOrThrow(path: string, follow: boolean): number {
    return this.#walk(path, follow, []);
  }

  #lookUp(path: string, follow: boolean): number | undefined {
    try {
      return this.#walk(path, follow, []);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  #place(path: string): { directory: number; name: string; node: number | undefined } {
    const slash = path.lastIndexOf('/');
    const directory = this.#walk(path.slice(0, slash) || '/', true, []);
    if (this.#node(directory).kind !== 'directory') throw errno('ENOTDIR', path);
    const wanted = path.slice(slash + 1);
    if (Buffer.byteLength(wanted) > 255) throw errno('ENAMETOOLONG', path);
    const name = this.#spelling(directory, wanted);
    return { directory, name, node: this.#disk.names.get(directory)?.get(name) };
  }

  /** The name as a directory has it; as it is wanted where it is not there. */
  #spelling(directory: number, wanted: string): string {
    const names = this.#disk.names.get(directory);
    if (!this.#rules.folds || names === undefined || names.has(wanted)) return wanted;
    const key = foldName(wanted);
    return [...names.keys()].find((name) => foldName(name) === key) ?? wanted;
  }

  /** The node at a path; `parts` becomes its path without links. */
  #walk(path: string, followLast: boolean, parts: string[]): number {
    let wanted = path.split('/').filter((part) => part !== '' && part !== '.');
    let number = ROOT;
    const above = [ROOT];
    let followed = 0;
    while (wanted.length > 0) {
      const [name = '', ...rest] = wanted;
      wanted = rest;
      if (this.#node(number).kind !== 'directory') throw errno('ENOTDIR', path);
      if (name === '..') {
        parts.pop();
        if (above.length > 1) above.pop();
        number = above.at(-1) ?? ROOT;
        continue;
      }
      if (Buffer.byteLength(name) > 255) throw errno('ENAMETOOLONG', path);
      const next = this.#disk.names.get(number)?.get(this.#spelling(number, name));
      if (next === undefined) throw errno('ENOENT', path);
      const node = this.#node(next);
      if (node.kind === 'link' && (rest.length > 0 || followLast)) {
        followed += 1;
        if (followed > MOST_LINKS_FOLLOWED) throw errno('ELOOP', path);
        if (node.target.startsWith('/')) {
          number = ROOT;
          above.splice(1);
          parts.splice(0);
        }
        wanted = [...node.target.split('/').filter((part) => part !== '' && part !== '.'), ...rest];
        continue;
      }
      number = next;
      above.push(next);
      parts.push(name);
    }
    return number;
  }
}

/** Makes a change on a disk; `how` is what arrived of a write. */
export function applyChange(
  disk: Disk,
  what: Change['what'],
  timeMs: number,
  how: 'whole' | 'half' | 'zeros' = 'whole',
): void {
  if (what.kind === 'name') {
    for (const { directory, name, node } of what.names) {
      if (node === undefined) disk.names.get(directory)?.delete(name);
      else disk.names.get(directory)?.set(name, node);
      const holder = disk.nodes.get(directory);
      if (holder !== undefined) disk.nodes.set(directory, { ...holder, mtimeMs: timeMs, ctimeMs: timeMs });
    }
    return;
  }
  const node = disk.nodes.get(what.node);
  if (node === undefined) return;
  if (what.kind === 'mode') {
    disk.nodes.set(what.node, { ...node, mode: what.mode & 0o7777, ctimeMs: timeMs });
    return;
  }
  if (node.kind !== 'file') return;
  const arrived =
    how === 'whole'
      ? what.bytes
      : how === 'zeros'
        ? Buffer.alloc(what.bytes.length)
        : what.bytes.subarray(0, Math.floor(what.bytes.length / 2));
  const bytes = Buffer.alloc(Math.max(node.bytes.length, what.offset + arrived.length));
  node.bytes.copy(bytes);
  arrived.copy(bytes, what.offset);
  disk.nodes.set(what.node, { ...node, bytes, mtimeMs: timeMs, ctimeMs: timeMs });
}

export function copyDisk(disk: Disk): Disk {
  return {
    nodes: new Map(disk.nodes),
    names: new Map([...disk.names].map(([number, names]) => [number, new Map(names)])),
  };
}

function directoryNode(mode: number, device: number, timeMs: number): DirectoryNode {
  return { kind: 'directory', mode, device, mtimeMs: timeMs, ctimeMs: timeMs };
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
