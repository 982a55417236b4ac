// The layers of all packs over the base, in applied order: what lies in the packs, and what their manifests say of paths of the
// home (docs/patch-json.md, "files"). Each operation is checked against what is below it. Pure.

import type { ErrorCode } from '../error.js';
import { ABSENT, type Entry, type FileEntry, type RootedPath } from '../home/entry.js';
import { foldersAbove, parentOf } from '../home/layout.js';
import type { Pack, PackContent, PackFile } from '../home/pack.js';
import { errorProblem, type Problem } from '../problem.js';
import { deltaKey, type DeltaNeed, type DeltaResult } from './delta.js';
import type { BaseEntry, LedgerDirectory, LedgerFile } from './ledger.js';
import type {
  CreateOperation,
  DeltaPayload,
  ExpectedContent,
  FileOperation,
  UpdateOperation,
} from './pack-manifest.js';
import type { PackPath } from './pack-manifest-path.js';

/** Where the content of a layer's file is. */
export type Origin =
  /** `shown`: the file of the pack that it comes from, where it was made of it. */
  | { readonly kind: 'pack'; readonly path: RootedPath; readonly shown: RootedPath }
  /** The original of this path, wherever it is now. */
  | { readonly kind: 'base'; readonly path: RootedPath };

export interface Layer {
  readonly pack: string;
  readonly after: Entry;
  /** Only of a file. */
  readonly origin: Origin | undefined;
  readonly setsMode: boolean;
  readonly operation: boolean;
  readonly bundle: PackFile['bundle'];
  readonly shadows: readonly string[];
}

/** What the operations of one pack come to, for the record. */
export interface OperationLayers {
  readonly files: readonly LedgerFile[];
  readonly directories: readonly LedgerDirectory[];
  readonly removes: readonly RootedPath[];
}

export interface Stack {
  readonly layers: ReadonlyMap<RootedPath, Layer>;
  /** By pack; only packs with operations. */
  readonly operations: ReadonlyMap<string, OperationLayers>;
  readonly problems: readonly Problem[];
  /** Results of deltas that are not known yet. */
  readonly deltas: readonly DeltaNeed[];
}

/** What is below all packs. */
export interface Ground {
  /** `foreign`: a link, a device. */
  base(path: RootedPath): BaseEntry | { readonly kind: 'foreign' };
  /** Paths below a folder that have a recorded base. */
  recordedBelow(folder: RootedPath): readonly RootedPath[];
  /** Paths that are below a folder now. */
  presentBelow(folder: RootedPath): readonly RootedPath[];
  /** The SHA-256 by which the store keeps an original has this path there. */
  storePath(base: FileEntry): RootedPath | undefined;
  /** What applying a delta has shown; undefined where it has not been applied. */
  delta(key: string): DeltaResult | undefined;
  /** Where the content of an original, or of what is there now, can be read. */
  contentOf(path: RootedPath, entry: FileEntry): RootedPath | undefined;
  isApplied(pack: string): boolean;
  show(path: RootedPath): string;
}

const FOLDER_MODE = 0o755;

export function stackLayers(packs: readonly Pack[], ground: Ground): Stack {
  const stacker = new Stacker(ground);
  for (const pack of packs) stacker.add(pack);
  return stacker;
}

type Current = BaseEntry | { readonly kind: 'foreign' };

class Stacker implements Stack {
  readonly layers = new Map<RootedPath, Layer>();
  readonly operations = new Map<string, OperationLayers>();
  readonly problems: Problem[] = [];
  readonly deltas: DeltaNeed[] = [];
  readonly #ground: Ground;
  #pack: Pack | undefined;
  #own = new Map<RootedPath, Layer>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Carbon rule 9: the last writer of a name wins. */
  add(pack: Pack): void {
    this.#pack = pack;
    for (const folder of pack.directories) {
      if (this.#layerAt(folder.target)?.after.kind === 'file')
        this.#conflict(
          folder.target,
          `${pack.name} brings a folder where ${this.#layerAt(folder.target)?.pack} brings a file`,
        );
      this.#set(folder.target, { after: folder.entry, operation: false });
    }
    for (const file of pack.files) this.#addFile(pack, file);
    for (const path of pack.removes ?? []) this.#set(path, { after: ABSENT, operation: true });
    this.#own = new Map();
    for (const operation of pack.operations ?? []) this.#operate(pack, operation);
    if (this.#own.size > 0) this.operations.set(pack.name, this.#recordOwn());
  }

  #addFile(pack: Pack, file: PackFile): void {
    const there = this.#layerAt(file.target);
    if (there?.after.kind === 'directory')
      this.#conflict(file.target, `${pack.name} brings a file where ${there.pack} brings a folder`);
    for (let parent = parentOf(file.target); parent !== undefined; parent = parentOf(parent)) {
      const above = this.#layerAt(parent);
      if (above?.after.kind === 'file')
        this.#conflict(file.target, `${above.pack} brings a file where ${pack.name} needs a folder`);
    }
    this.#set(file.target, {
      after: file.entry,
      origin: file.source === undefined ? undefined : { kind: 'pack', path: file.source, shown: file.source },
      operation: file.operation === true,
      setsMode: file.setsMode === true,
      bundle: file.bundle,
    });
  }

  // --- operations of a manifest

  #operate(pack: Pack, operation: FileOperation): void {
    const { path } = operation;
    const current = this.#current(path);
    if (current.kind === 'foreign') {
      this.#fail('OUTSIDE_HOME', path, `${this.#show(path)} is a link, or no file at all (link)`);
      return;
    }
    if (operation.kind === 'create') {
      if (current.kind !== 'absent')
        this.#fail('CONFLICT', path, `${pack.name} creates ${this.#show(path)}, and it is there already (exists)`);
      else if (this.#makeWay(path)) this.#place(pack, operation, current);
      return;
    }
    if (current.kind === 'absent') {
      this.#fail(
        'CONFLICT',
        path,
        `${pack.name} is to ${operation.kind} ${this.#show(path)}, and it is not there (missing)`,
      );
      return;
    }
    if (current.kind === 'unknown') {
      this.#fail('BASE_UNKNOWN', path, `the original of ${this.#show(path)} is not known (unknown-checksum)`);
      return;
    }
    if (current.kind !== operation.type) {
      const is = current.kind === 'file' ? 'a file' : 'a directory';
      this.#fail(
        'CONFLICT',
        path,
        `${pack.name} is to ${operation.kind} ${this.#show(path)}, which is ${is} (wrong-type)`,
      );
      return;
    }
    if (current.kind === 'file' && !this.#isExpected(path, current, operation.before, 'checksum')) return;
    switch (operation.kind) {
      case 'update':
        this.#place(pack, operation, current);
        return;
      case 'delete':
        for (const one of this.#treeOf(path)) this.#set(one, { after: ABSENT, operation: true });
        return;
      case 'rename':
        this.#rename(pack, path, operation.to);
        return;
    }
  }

  /** Puts the content of a source at a path. */
  #place(
    pack: Pack,
    operation: CreateOperation<RootedPath, PackPath> | UpdateOperation<RootedPath, PackPath>,
    current: Entry,
  ): void {
    const { path, source } = operation;
    if (operation.kind === 'update' && operation.delta !== undefined) {
      if (current.kind === 'file') this.#placeResult(pack, operation, operation.delta, current);
      return;
    }
    if (operation.type === 'directory') {
      this.#placeFolder(pack, operation);
      return;
    }
    const content = source === undefined ? undefined : contentOf(pack, source);
    if (content?.entry.kind !== 'file') {
      this.#fail('PACK_REFUSED', path, `${pack.name} has no file ${source ?? ''} (missing-source)`);
      return;
    }
    const kept = current.kind === 'file' ? current.mode : content.entry.mode;
    this.#placeFile(operation, content.entry, kept, { kind: 'pack', path: content.source, shown: content.source });
  }

  #placeFile(
    operation: CreateOperation<RootedPath, PackPath> | UpdateOperation<RootedPath, PackPath>,
    entry: FileEntry,
    kept: number,
    origin: Origin,
  ): void {
    const { path, mode, flags } = operation;
    const wanted = mode ?? (flags === undefined ? undefined : withExecute(kept, flags.executable));
    const after = { ...entry, mode: wanted ?? kept };
    this.#set(path, { after, origin, operation: true, setsMode: wanted !== undefined });
  }

  /** Puts at a path what a delta makes of what is below it. */
  #placeResult(
    pack: Pack,
    operation: UpdateOperation<RootedPath, PackPath>,
    payload: DeltaPayload<PackPath>,
    current: FileEntry,
  ): void {
    const { path } = operation;
    if (!this.#isExpected(path, current, payload.before, 'basis')) return;
    const delta = contentOf(pack, payload.source);
    if (delta?.entry.kind !== 'file') {
      this.#fail('PACK_REFUSED', path, `${pack.name} has no file ${payload.source} (missing-source)`);
      return;
    }
    const key = deltaKey(current, delta.entry);
    const result = this.#ground.delta(key);
    if (result === undefined) {
      const origin = this.#layerAt(path)?.origin ?? { kind: 'base', path };
      const basis = origin.kind === 'pack' ? origin.path : this.#ground.contentOf(origin.path, current);
      if (basis !== undefined) {
        const need = { basis: { path: basis, entry: current }, delta: { path: delta.source, entry: delta.entry } };
        this.deltas.push({ key, pack: pack.name, target: path, ...need });
      }
      // Where the basis can be read this is seen by nobody: the result is made, and the plan made again.
      this.#fail(
        'STORE_DAMAGED',
        path,
        `what ${pack.name} makes of ${this.#show(path)} needs its original, which is not there`,
      );
      return;
    }
    if (result.kind === 'failed') {
      this.#fail(result.code, path, `${pack.name} cannot update ${this.#show(path)}: ${result.message}`);
      return;
    }
    if (!this.#isExpected(path, result.entry, payload.after, 'result')) return;
    this.#placeFile(operation, result.entry, current.mode, { kind: 'pack', path: result.path, shown: delta.source });
  }

  #placeFolder(
    pack: Pack,
    operation: CreateOperation<RootedPath, PackPath> | UpdateOperation<RootedPath, PackPath>,
  ): void {
    const { path, source } = operation;
    const before = operation.kind === 'update' ? this.#treeOf(path) : [];
    const mode = operation.mode ?? FOLDER_MODE;
    const kept = new Set<RootedPath>([path]);
    if (operation.kind === 'create') this.#set(path, { after: { kind: 'directory', mode }, operation: true });
    if (source !== undefined && contentOf(pack, source)?.entry.kind !== 'directory') {
      this.#fail('PACK_REFUSED', path, `${pack.name} has no folder ${source} (missing-source)`);
      return;
    }
    const prefix = source === undefined ? undefined : `${nameOf(pack, source)}/`;
    for (const [name, content] of pack.content ?? []) {
      if (prefix === undefined || !name.startsWith(prefix)) continue;
      const target = `${path}/${name.slice(prefix.length)}` as RootedPath;
      kept.add(target);
      const there = this.#current(target);
      if (content.entry.kind === 'directory') {
        this.#set(target, { after: content.entry, operation: true });
      } else {
        const fileMode = there.kind === 'file' ? there.mode : content.entry.mode;
        this.#set(target, {
          after: { ...content.entry, mode: fileMode },
          origin: { kind: 'pack', path: content.source, shown: content.source },
          operation: true,
        });
      }
    }
    for (const one of before) if (!kept.has(one)) this.#set(one, { after: ABSENT, operation: true });
  }

  #rename(pack: Pack, path: RootedPath, to: RootedPath): void {
    if (this.#current(to).kind !== 'absent') {
      this.#fail(
        'CONFLICT',
        to,
        `${pack.name} renames ${this.#show(path)} to ${this.#show(to)}, which is there already (exists)`,
      );
      return;
    }
    if (!this.#makeWay(to)) return;
    for (const one of this.#treeOf(path)) {
      const current = this.#current(one);
      const target = `${to}${one.slice(path.length)}` as RootedPath;
      if (current.kind === 'foreign' || current.kind === 'unknown') {
        this.#fail('OUTSIDE_HOME', one, `${this.#show(one)} is a link, or no file at all (link)`);
        continue;
      }
      if (current.kind === 'absent') continue;
      const origin: Origin = this.#layerAt(one)?.origin ?? { kind: 'base', path: one };
      this.#set(target, {
        after: current,
        operation: true,
        ...(current.kind === 'file' ? { origin } : {}),
      });
      this.#set(one, { after: ABSENT, operation: true });
    }
  }

  /** The folders that lead to a path. False where one of them is none. */
  #makeWay(path: RootedPath): boolean {
    const missing: RootedPath[] = [];
    for (const parent of foldersAbove(path)) {
      const current = this.#current(parent);
      if (current.kind === 'directory') break;
      if (current.kind !== 'absent') {
        this.#fail(
          'CONFLICT',
          path,
          `${this.#show(parent)} is no directory, on the way to ${this.#show(path)} (wrong-type)`,
        );
        return false;
      }
      missing.unshift(parent);
    }
    for (const folder of missing)
      this.#set(folder, { after: { kind: 'directory', mode: FOLDER_MODE }, operation: true });
    return true;
  }

  /** A path and what is below it, folders before what is in them. What came later than the pack is not its business. */
  #treeOf(path: RootedPath): RootedPath[] {
    const found = new Set<RootedPath>([path]);
    const prefix = `${path}/`;
    for (const one of this.#ground.recordedBelow(path)) found.add(one);
    for (const one of this.layers.keys()) if (one.startsWith(prefix)) found.add(one);
    if (this.#pack === undefined || !this.#ground.isApplied(this.#pack.name))
      for (const one of this.#ground.presentBelow(path)) found.add(one);
    return [...found].filter((one) => this.#current(one).kind !== 'absent').sort();
  }

  #isExpected(
    path: RootedPath,
    current: FileEntry,
    expected: ExpectedContent | undefined,
    what: 'checksum' | 'basis' | 'result',
  ): boolean {
    if (expected === undefined) return true;
    const shown = what === 'result' ? `what the delta for ${this.#show(path)} makes` : this.#show(path);
    const wrong = what === 'checksum' ? undefined : `wrong-${what}`;
    if (expected.sizeBytes !== undefined && expected.sizeBytes !== current.sizeBytes) {
      const message = `${shown} has ${current.sizeBytes} bytes, expected are ${expected.sizeBytes}`;
      this.#fail('CONFLICT', path, `${message} (${wrong ?? 'wrong-size'})`);
      return false;
    }
    if (expected.md5 !== undefined && expected.md5 !== current.md5) {
      this.#fail(
        'CONFLICT',
        path,
        `${shown} has the MD5 ${current.md5}, expected is ${expected.md5} (${wrong ?? 'wrong-checksum'})`,
      );
      return false;
    }
    if (expected.sha256 === undefined || expected.sha256 === current.sha256) return true;
    const message =
      current.sha256 === undefined
        ? `the SHA-256 of ${shown} below ${this.#pack?.name ?? 'it'} is not known; an MD5 can be compared (unknown-checksum)`
        : `${shown} has the SHA-256 ${current.sha256}, expected is ${expected.sha256} (${wrong ?? 'wrong-checksum'})`;
    this.#fail('CONFLICT', path, message);
    return false;
  }

  // --- small things

  #current(path: RootedPath): Current {
    return this.layers.get(path)?.after ?? this.#ground.base(path);
  }

  #layerAt(path: RootedPath): Layer | undefined {
    return this.layers.get(path);
  }

  #set(
    path: RootedPath,
    what: Pick<Layer, 'after' | 'operation'> & {
      origin?: Origin | undefined;
      setsMode?: boolean;
      bundle?: PackFile['bundle'];
    },
  ): void {
    const pack = this.#pack?.name ?? '';
    const there = this.layers.get(path);
    const shadows = there === undefined ? [] : there.pack === pack ? there.shadows : [...there.shadows, there.pack];
    const layer: Layer = {
      pack,
      after: what.after,
      operation: what.operation,
      origin: what.origin,
      setsMode: what.setsMode === true,
      bundle: what.bundle,
      shadows,
    };
    this.layers.set(path, layer);
    if (what.operation) this.#own.set(path, layer);
  }

  #recordOwn(): OperationLayers {
    const files: LedgerFile[] = [];
    const directories: LedgerDirectory[] = [];
    const removes: RootedPath[] = [];
    for (const [target, { after, origin, setsMode }] of this.#own) {
      if (after.kind === 'absent') removes.push(target);
      else if (after.kind === 'directory') directories.push({ target, mode: after.mode });
      else {
        const { md5, sizeBytes, mode } = after;
        // What lies in the pack is found there by its digest, wherever the pack is then.
        const source = origin?.kind === 'base' ? this.#ground.storePath(after) : undefined;
        files.push({
          fileName: this.#show(target),
          target,
          md5,
          sizeBytes,
          mode,
          operation: true,
          ...(source === undefined ? {} : { source }),
          ...(setsMode ? { setsMode } : {}),
        });
      }
    }
    return { files, directories, removes };
  }

  #conflict(path: RootedPath, what: string): void {
    const shown = this.#show(path);
    this.problems.push(
      errorProblem('CONFLICT', `${shown}: ${what}`, {
        pack: this.#pack?.name,
        path: shown,
        hint: `Move ${shown} away, or take the pack out.`,
      }),
    );
  }

  #fail(code: ErrorCode, path: RootedPath, message: string): void {
    const pack = this.#pack?.name ?? '';
    this.problems.push(
      errorProblem(code, message, {
        pack,
        path: this.#show(path),
        hint: `See whether ${pack} is for this home; if it is, put back what it expects, else take it away.`,
      }),
    );
  }

  #show(path: RootedPath): string {
    return this.#ground.show(path);
  }
}

function contentOf(pack: Pack, path: string): PackContent | undefined {
  return pack.content?.get(nameOf(pack, path));
}

/** What lies in the folder of a patch may be written with or without that folder. */
function nameOf(pack: Pack, path: string): string {
  if (pack.content?.has(path) === true || !path.startsWith(`${pack.name}/`)) return path;
  return path.slice(pack.name.length + 1);
}

/** Execute wherever read is given, or nowhere. */
function withExecute(mode: number, executable: boolean): number {
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;
}
