// What conditions of actions can ask, answered by the home as it is at that moment. Links are not followed, out of the home
// nothing is told; a plugin's version is that of its manifest.

import { join } from 'node:path';
import { errnoOf } from '../../error.js';
import type { RootedPath } from '../../home/entry.js';
import { readJar } from '../../home/jar.js';
import { absolute, type Layout, splitRooted } from '../../home/layout.js';
import type { Facts, Scalar } from '../../plan/condition-evaluate.js';
import type { Files } from '../../system/files.js';

export interface FactSources {
  readonly files: Files;
  readonly layout: Layout;
  readonly homeVersion: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
  readonly value: (name: string) => Scalar | undefined;
}

export class HomeFacts implements Facts {
  readonly #sources: FactSources;

  constructor(sources: FactSources) {
    this.#sources = sources;
  }

  homeVersion(): string | undefined {
    return this.#sources.homeVersion;
  }

  pathKind(path: RootedPath): 'file' | 'directory' | 'absent' | 'other' {
    const { files, layout } = this.#sources;
    let folder: string = layout.home;
    for (const part of splitRooted(path).path.split('/').slice(0, -1)) {
      folder = join(folder, part);
      if (files.stat(folder)?.kind !== 'directory') return 'absent';
    }
    const kind = files.stat(absolute(layout, path))?.kind;
    return kind === undefined ? 'absent' : kind === 'file' || kind === 'directory' ? kind : 'other';
  }

  jarVersions(symbolicName: string): readonly string[] {
    const { files, layout } = this.#sources;
    if (files.stat(layout.plugins)?.kind !== 'directory') return [];
    return files
      .list(layout.plugins)
      .filter((name) => name.endsWith('.jar'))
      .flatMap((name) => {
        const bundle = this.#bundleOf(join(layout.plugins, name));
        return bundle?.symbolicName === symbolicName ? [bundle.version.trim()] : [];
      });
  }

  platform(): string {
    return this.#sources.platform;
  }

  arch(): string {
    return this.#sources.arch;
  }

  environment(name: string): string | undefined {
    return this.#sources.environment[name];
  }

  value(name: string): Scalar | undefined {
    return this.#sources.value(name);
  }

  /** A JAR that cannot be read has no bundle to tell of. */
  #bundleOf(path: string): { readonly symbolicName: string; readonly version: string } | undefined {
    const { files } = this.#sources;
    try {
      const stat = files.stat(path);
      if (stat?.kind !== 'file') return undefined;
      const reading = readJar(files, path, stat.sizeBytes);
      return reading.kind === 'jar' ? reading.bundle : undefined;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }
}
