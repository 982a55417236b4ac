// P11: the identities of 1,000 JARs by src/home/jar.ts, against reading their central directories alone. In this process,
// from the sources, as a start would: the first pass of each side is not counted.

import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from '../../scripts/build-stamp.mjs';
import { component, filesBelow } from '../homes.mjs';
import { interleave } from '../measure.mjs';

const COUNT = 1000;
const SOURCE = `
export { readJar } from './src/home/jar.ts';
export { readDirectory, TailSource } from './src/home/central-directory.ts';
export { RealFiles } from './src/system/real-files.ts';
`;

export async function measure({ homes, profile, rounds = 20, say }) {
  const { readJar, readDirectory, TailSource, RealFiles } = await load();
  const files = new RealFiles();
  const jars = filesBelow(component(homes.pristine(profile), 'plugins'))
    .filter((path) => path.endsWith('.jar'))
    .slice(0, COUNT)
    .map((path) => ({ path, size: statSync(path).size }));
  const identities = () => {
    for (const { path, size } of jars) if (readJar(files, path, size).kind !== 'jar') throw new Error(`${path} is bad`);
  };
  const directories = () => {
    for (const { path, size } of jars) {
      const source = new TailSource({
        sizeBytes: size,
        read: (offset, length) => files.readRange(path, offset, length),
      });
      if ('reason' in readDirectory(source)) throw new Error(`${path} is bad`);
    }
  };
  for (let pass = 0; pass < 3; pass++) {
    identities();
    directories();
  }
  const sides = interleave({ identities: () => void identities(), directories: () => void directories() }, rounds, say);
  return [
    {
      figure: 'P11',
      what: `identities of ${jars.length} JARs, ${profile}`,
      against: 'their central directories',
      ratio: sides.identities / sides.directories,
      reach: 2,
      aim: 1.2,
      sides,
      rounds,
    },
  ];
}

async function load() {
  const outfile = join(ROOT, '.cache', `bench-identities-${process.pid}.mjs`);
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  await build({
    absWorkingDir: ROOT,
    stdin: { contents: SOURCE, resolveDir: ROOT, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}
