// Builds server homes in the words of the lab's cases (its README, "Cases"): files described by bundle name, version and tag;
// and remembers which tag each content has, so that an expectation can name content instead of digests.
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { forgeZip } from './zip-forge.js';

export type CaseLayout = '4.2' | '4.4';

/** A file of a case; or, with `dir`, a folder of them. */
export interface CaseFile {
  readonly file?: string;
  readonly name?: string;
  readonly version?: string;
  readonly tag?: string;
  /** Manifest lines as they are; null for a JAR without one. */
  readonly manifest?: readonly string[] | null;
  /** Width at which manifest lines are folded. */
  readonly fold?: number;
  /** Half of the JAR only. */
  readonly torn?: boolean;
  /** Not a JAR: this text. */
  readonly text?: string;
  readonly dir?: string;
  readonly files?: readonly CaseFile[];
}

export interface CasePack {
  readonly lib?: readonly CaseFile[];
  readonly absorbs?: string;
}

export interface CaseHome {
  readonly plugins?: readonly CaseFile[];
  readonly patches?: Readonly<Record<string, readonly CaseFile[]>>;
  readonly servicepacks?: Readonly<Record<string, CasePack>>;
  /** Path below components to text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly state?: {
    readonly names?: readonly string[];
    readonly jars?: Readonly<Record<string, string>>;
    readonly jars_extra?: readonly string[];
  };
}

export const BACKUP = 'patch0000';

/** A home on disk. Paths of its methods are relative to `repository/components`. */
export class TestHome {
  readonly root: string;
  readonly layout: CaseLayout;
  /** MD5 → the tags of that content. */
  readonly tags = new Map<string, Set<string>>();
  readonly #temporary: string | undefined;

  /** In a temporary folder, or in `within`, which the caller removes. */
  constructor(layout: CaseLayout = '4.2', described: CaseHome = {}, within?: string) {
    this.#temporary = within === undefined ? mkdtempSync(join(tmpdir(), 'prepatch-e2e-')) : undefined;
    this.root = join(within ?? (this.#temporary as string), 'home');
    this.layout = layout;
    for (const folder of ['plugins', 'patches', 'servicepacks', 'dropins', 'lib', 'default/configuration'])
      mkdirSync(this.path(folder), { recursive: true });
    for (const folder of ['conf', 'logs']) mkdirSync(join(this.root, 'repository', folder), { recursive: true });
    if (layout === '4.4') mkdirSync(this.path('patches/.metadata'));
    this.#build(described);
  }

  path(...parts: readonly string[]): string {
    return join(this.root, 'repository', 'components', ...parts);
  }

  get namesFile(): string {
    return this.path(
      this.layout === '4.2' ? 'default/configuration/prePatched.txt' : 'patches/.metadata/prePatchedDir.txt',
    );
  }

  get jarsFile(): string {
    return this.path('patches/.metadata/prePatchedJARs.txt');
  }

  get logFile(): string {
    return join(this.root, 'repository', 'logs', 'patches.log');
  }

  /** Makes Carbon's own start script be there, so that its patcher is known to come after us. */
  addCompanion(): this {
    mkdirSync(join(this.root, 'bin'), { recursive: true });
    writeFileSync(join(this.root, 'bin', 'wso2server.sh'), '#!/bin/sh\n');
    return this;
  }

  addPatch(name: string, files: readonly CaseFile[]): void {
    mkdirSync(this.path('patches', name));
    this.write(`patches/${name}`, files);
  }

  addServicepack(name: string, pack: CasePack): void {
    mkdirSync(this.path('servicepacks', name));
    if (pack.lib !== undefined) {
      mkdirSync(this.path('servicepacks', name, 'lib'));
      this.write(`servicepacks/${name}/lib`, pack.lib);
    }
    if (pack.absorbs !== undefined)
      writeFileSync(this.path('servicepacks', name, 'servicepack_patches.txt'), pack.absorbs);
  }

  write(folder: string, files: readonly CaseFile[]): void {
    for (const file of files) {
      if (file.dir !== undefined) {
        mkdirSync(this.path(folder, file.dir), { recursive: true });
        this.write(`${folder}/${file.dir}`, file.files ?? []);
        continue;
      }
      const bytes = file.text === undefined ? jarBytes(file) : Buffer.from(file.text);
      if (file.tag === undefined) throw new Error(`a file of a case has no tag: ${JSON.stringify(file)}`);
      const md5 = md5Of(bytes);
      this.tags.set(md5, (this.tags.get(md5) ?? new Set()).add(file.tag));
      writeFileSync(this.path(folder, fileName(file)), bytes);
    }
  }

  /** Removes a file or a folder with all it holds. */
  remove(path: string, ifThere = false): void {
    rmSync(this.path(path), { recursive: true, force: ifThere });
  }

  /** Relative path → MD5 of each file in a folder of components, as the lab looks: what begins with a dot is passed over. */
  files(folder: string): Map<string, string> {
    const found = new Map<string, string>();
    const visit = (path: string, prefix: string) => {
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
      for (const name of readdirSync(path).sort()) {
        if (name.startsWith('.')) continue;
        const inside = prefix === '' ? name : `${prefix}/${name}`;
        const stat = lstatSync(join(path, name));
        if (stat.isDirectory()) visit(join(path, name), inside);
        else if (stat.isFile()) found.set(inside, md5Of(readFileSync(join(path, name))));
      }
    };
    visit(this.path(folder), '');
    return found;
  }

  md5(path: string): string {
    return md5Of(readFileSync(this.path(path)));
  }

  /** The tags of a content. */
  tagsOf(md5: string): ReadonlySet<string> {
    return this.tags.get(md5) ?? new Set([`unknown content ${md5}`]);
  }

  names(): string[] {
    return linesOf(this.namesFile);
  }

  /** Bodies of the lines of `patches.log`, from a byte on. */
  logBodies(from = 0): string[] {
    return logText(this.logFile)
      .subarray(from)
      .toString('utf8')
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .map((line) => line.replace(/^(?:TID: )?\[[^\]]*\]\s+[A-Z]+\s+\{[^}]*\}\s+-\s/, '').trim());
  }

  logBytes(): Buffer {
    return logText(this.logFile);
  }

  dispose(): void {
    if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true });
  }

  #build(described: CaseHome): void {
    this.write('plugins', described.plugins ?? []);
    for (const [name, files] of Object.entries(described.patches ?? {})) this.addPatch(name, files);
    for (const [name, pack] of Object.entries(described.servicepacks ?? {})) this.addServicepack(name, pack);
    for (const [path, text] of Object.entries(described.files ?? {})) {
      mkdirSync(dirname(this.path(path)), { recursive: true });
      writeFileSync(this.path(path), text);
    }
    const { names, jars, jars_extra: extra } = described.state ?? {};
    if (names !== undefined) {
      const kept = names.filter((name) => name !== BACKUP || this.layout === '4.4');
      writeFileSync(this.namesFile, kept.map((name) => `${name}\n`).join(''));
    }
    if (jars !== undefined && this.layout === '4.4') {
      const lines = [...Object.entries(jars).map(([name, path]) => `${name}:${this.md5(path)}`), ...(extra ?? [])];
      writeFileSync(this.jarsFile, lines.map((line) => `${line}\n`).join(''));
    }
  }
}

/** The lines of a file that ends each with a newline; none where it is not there. */
export function linesOf(path: string): string[] {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true
    ? readFileSync(path, 'utf8').split('\n').slice(0, -1)
    : [];
}

export function fileName(file: CaseFile): string {
  return file.file ?? `${file.name}_${file.version}.jar`;
}

/** A tiny JAR as it is described; the file's own name has no part in its content. */
export function jarBytes(file: CaseFile): Buffer {
  const lines = file.manifest === undefined ? bundleLines(file) : file.manifest;
  const width = file.fold ?? 70;
  const filling = Array.from({ length: 40 }, (_, n) =>
    createHash('sha256').update(`${file.tag} ${n}`).digest('hex'),
  ).join('');
  const bytes = forgeZip({
    entries: [
      ...(lines === null
        ? []
        : [
            {
              name: 'META-INF/MANIFEST.MF',
              data: `${lines.map((line) => folded(line, width)).join('')}\r\n`,
              method: 0,
            },
          ]),
      { name: 'content.txt', data: `${file.tag}\n${filling}`, method: 0 },
    ],
  });
  return file.torn === true ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes;
}

function bundleLines(file: CaseFile): string[] {
  return [
    'Manifest-Version: 1.0',
    'Bundle-ManifestVersion: 2',
    ...(file.name === undefined ? [] : [`Bundle-SymbolicName: ${file.name}`]),
    ...(file.version === undefined ? [] : [`Bundle-Version: ${file.version}`]),
  ];
}

function folded(line: string, width: number): string {
  let text = `${line.slice(0, width)}\r\n`;
  for (let at = width; at < line.length; at += width - 1) text += ` ${line.slice(at, at + width - 1)}\r\n`;
  return text;
}

function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

function logText(path: string): Buffer {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined ? Buffer.alloc(0) : readFileSync(path);
}
