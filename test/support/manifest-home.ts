// A home for tests of manifests and zips through the command line: files by path, packs by what is in them, and what a run says.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import JSZip from 'jszip';
import type { Problem } from '../../src/problem.js';
import { runPrepatch } from './command.js';
import { type CaseLayout, TestHome } from './home-builder.js';
import { isOwnState, snapshotTree, type TreeSnapshot } from './tree-snapshot.js';

/** Path → text, or bytes. */
export type Texts = Readonly<Record<string, string | Uint8Array>>;

export interface Ran {
  readonly exitCode: number | null;
  readonly outcome: string;
  readonly apply: readonly string[];
  readonly revert: readonly string[];
  readonly problems: readonly Problem[];
  readonly text: string;
}

export class ManifestHome {
  readonly home: TestHome;

  /** Below `parent`, where it is given. */
  constructor(layout: CaseLayout = '4.2', files: Texts = {}, parent?: string) {
    this.home = new TestHome(layout, {}, parent);
    this.write('bin/version.txt', 'Plugin Server v4.4.0\n');
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  path(path: string): string {
    return join(this.home.root, path);
  }

  write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true });
  }

  /** A patch folder, and its manifest beside it. */
  patch(name: string, manifest: object | undefined, files: Texts = {}): void {
    mkdirSync(this.home.path('patches', name), { recursive: true });
    for (const [path, text] of Object.entries(files)) this.write(`repository/components/patches/${name}/${path}`, text);
    if (manifest !== undefined)
      writeFileSync(
        this.home.path('patches', `${name}.json`),
        JSON.stringify({ id: name, version: '1.0.0', ...manifest }),
      );
  }

  async zip(path: string, files: Texts): Promise<void> {
    this.write(`repository/components/${path}`, await zipOf(files));
  }

  unpatch(name: string): void {
    rmSync(this.home.path('patches', name), { recursive: true });
    rmSync(this.home.path('patches', `${name}.json`), { force: true });
  }

  /** One start without a server; what it reports. */
  async apply(...options: readonly string[]): Promise<Ran> {
    const { exitCode, stdout, stderr } = await runPrepatch(['apply', '--json', '--home', this.home.root, ...options]);
    const report = JSON.parse(stdout) as Omit<Ran, 'exitCode' | 'text'>;
    return { ...report, exitCode, text: stdout + stderr };
  }

  async plan(): Promise<Omit<Ran, 'outcome'>> {
    const { exitCode, stdout, stderr } = await runPrepatch(['plan', '--json', '--home', this.home.root]);
    return { ...(JSON.parse(stdout) as Ran), exitCode, text: stdout + stderr };
  }

  async status(): Promise<{
    readonly state: string;
    readonly applied: readonly string[];
    readonly problems: readonly Problem[];
  }> {
    return JSON.parse((await runPrepatch(['status', '--json', '--home', this.home.root])).stdout) as never;
  }

  /** All but our own state, the logs and the folders of packs. */
  snapshot(): TreeSnapshot {
    return snapshotTree(
      this.home.root,
      (path) => isOwnState(path) || /components\/(patches|servicepacks)(\/|$)/.test(path),
    );
  }

  dispose(): void {
    this.home.dispose();
  }
}

export async function zipOf(files: Texts): Promise<Uint8Array> {
  const zip = new JSZip();
  for (const [path, data] of Object.entries(files)) zip.file(path, data, { createFolders: false });
  return zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' });
}

export function md5(text: string | Uint8Array): string {
  return createHash('md5').update(text).digest('hex');
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Codes of problems, with the pack. */
export function codesOf(problems: readonly Problem[]): string[] {
  return problems.map(({ code, pack }) => (pack === undefined ? code : `${code} ${pack}`));
}
