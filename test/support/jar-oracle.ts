// Asks Java 17 what it makes of JARs and archives: the judge of our readers. The programs are run from source.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { need } from './need.js';

export type OracleAnswer =
  | { readonly kind: 'ok'; readonly symbolicName: string | undefined; readonly version: string | undefined }
  | { readonly kind: 'bad'; readonly reason: string };

/** Why Java cannot be asked here; undefined where it can. */
export function needJava17(): string | undefined {
  const missing = need('java');
  if (missing !== undefined) return missing;
  const version = spawnSync('javac', ['-version'], { encoding: 'utf8' });
  if (/javac 17\./.test(`${version.stdout}${version.stderr}`)) return undefined;
  const reason = 'javac 17 is missing (the readers follow Java 17): apt-get install openjdk-17-jdk-headless';
  if (process.env.CI === 'true') throw new Error(reason);
  process.stderr.write(`skipped: ${reason}\n`);
  return reason;
}

/** JarFile.getManifest over files, one answer a path. */
export function askJarFile(paths: readonly string[]): OracleAnswer[] {
  return runOracle('JarOracle.java', paths).map((line) => {
    const [kind, first = '', second = ''] = line.split('\t');
    return kind === 'ok'
      ? { kind: 'ok', symbolicName: fromHex(first), version: fromHex(second) }
      : { kind: 'bad', reason: first };
  });
}

/** Runs a Java program of this folder with one path a line; returns its lines, one a path. */
export function runOracle(program: string, paths: readonly string[]): string[] {
  const source = fileURLToPath(new URL(program, import.meta.url));
  const run = spawnSync('java', [source], {
    input: paths.map((path) => `${path}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1024 * 1024 * 1024,
  });
  const lines = run.stdout.split('\n').slice(0, -1);
  if (run.status !== 0 || lines.length !== paths.length) throw new Error(`${program} failed: ${run.stderr}`);
  return lines;
}

function fromHex(text: string): string | undefined {
  if (text === '-') return undefined;
  const units = text.slice(1).match(/.{4}/g) ?? [];
  return String.fromCharCode(...units.map((unit) => Number.parseInt(unit, 16)));
}
