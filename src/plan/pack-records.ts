// What goes on record of a pack: its files and folders with what its operations come to. Pure.

import type { Pack, PackFile } from '../home/pack.js';
import type { LedgerFile, LedgerPack } from './ledger.js';
import { sameList } from './same-data.js';
import type { Stack } from './stack-layers.js';

/** What every pack has on record: name, kind, absorbs, files, directories. */
const PLAIN_KEYS = 5;

/** The records of packs that are applied after a plan, each made once. */
export class PackRecords {
  readonly #stack: Stack;
  readonly #records = new Map<Pack, LedgerPack>();
  readonly #recordedPacks: ReadonlyMap<string, LedgerPack>;

  constructor(prior: readonly LedgerPack[], stack: Stack) {
    this.#stack = stack;
    this.#recordedPacks = new Map(prior.map((pack) => [pack.name, pack]));
  }

  of(pack: Pack): LedgerPack {
    const known = this.#records.get(pack);
    if (known !== undefined) return known;
    const record = this.#makeRecord(pack);
    this.#records.set(pack, record);
    return record;
  }

  #makeRecord(pack: Pack): LedgerPack {
    const recorded = this.#recordedPacks.get(pack.name);
    // Most packs are as they were: what is the same object need not be compared again.
    if (recorded !== undefined && isPlainlyAs(pack, recorded)) return recorded;
    const own = toLedgerPack(pack);
    const operations = this.#stack.operations.get(pack.name);
    if (operations === undefined || pack.operations === undefined) return own;
    return {
      ...own,
      files: [...own.files, ...operations.files],
      directories: [...own.directories, ...operations.directories],
      ...(operations.removes.length === 0 ? {} : { removes: operations.removes }),
    };
  }
}

export function toLedgerPack(pack: Pack): LedgerPack {
  const { manifest } = pack;
  const record =
    pack.recorded ??
    (manifest === undefined ? undefined : { id: manifest.id, version: manifest.version, fixes: manifest.fixes });
  return {
    name: pack.name,
    kind: pack.kind,
    absorbs: pack.absorbs,
    files: pack.files.map((file) => ({
      fileName: file.fileName,
      target: file.target,
      md5: file.entry.md5,
      sizeBytes: file.entry.sizeBytes,
      mode: file.entry.mode,
      ...(file.bundle === undefined ? {} : { bundle: file.bundle }),
      ...(file.operation === true ? { operation: true } : {}),
      ...(file.operation === true && file.source?.startsWith('state:store/') === true ? { source: file.source } : {}),
      ...(file.setsMode === true ? { setsMode: true } : {}),
    })),
    directories: pack.directories.map((folder) => ({ target: folder.target, mode: folder.entry.mode })),
    ...(pack.removes === undefined ? {} : { removes: pack.removes }),
    ...(record === undefined ? {} : { manifest: record }),
  };
}

/** Whether a pack of nothing but files and folders would be recorded as it is; false in any doubt. */
function isPlainlyAs(pack: Pack, recorded: LedgerPack): boolean {
  const { files, directories } = pack;
  const isPlain =
    pack.manifest === undefined &&
    pack.recorded === undefined &&
    pack.operations === undefined &&
    pack.removes === undefined &&
    Object.keys(recorded).length === PLAIN_KEYS;
  return (
    isPlain &&
    recorded.kind === pack.kind &&
    sameList(recorded.absorbs, pack.absorbs) &&
    recorded.files.length === files.length &&
    recorded.directories.length === directories.length &&
    recorded.files.every((one, index) => isPlainFileAs(files[index], one)) &&
    recorded.directories.every((one, index) => {
      const folder = directories[index];
      return folder?.target === one.target && folder.entry.mode === one.mode;
    })
  );
}

function isPlainFileAs(file: PackFile | undefined, recorded: LedgerFile): boolean {
  return (
    file?.target === recorded.target &&
    file.entry.md5 === recorded.md5 &&
    file.fileName === recorded.fileName &&
    file.entry.sizeBytes === recorded.sizeBytes &&
    file.entry.mode === recorded.mode &&
    file.bundle?.symbolicName === recorded.bundle?.symbolicName &&
    file.bundle?.version === recorded.bundle?.version &&
    (file.operation ?? recorded.operation ?? file.setsMode ?? recorded.setsMode) === undefined &&
    recorded.source === undefined
  );
}
