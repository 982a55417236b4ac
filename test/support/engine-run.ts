// Runs the engine over a home behind any file layer, as the command line would, and reads the home as the crash tools do: names,
// bytes, modes and link targets of everything but logs and our own state; and what must not be left over in that state.
import { toFailure } from '../../src/daemon/to-failure.js';
import type { Config, Policy } from '../../src/config.js';
import type { PatchError } from '../../src/error.js';
import type { PatchEvent } from '../../src/event.js';
import { Patcher } from '../../src/patcher.js';
import type { RunResult } from '../../src/patcher/reports.js';
import type { Recovery } from '../../src/transaction/recover.js';
import { SerialBulk } from '../../src/system/bulk.js';
import type { Files } from '../../src/system/files.js';
import { SimulatedCrash } from './faulty-files.js';
import { basename, dirname } from 'node:path';

export type Ended<T> =
  | { readonly kind: 'ended'; readonly exitCode: number; readonly result: T; readonly events: readonly PatchEvent[] }
  | {
      readonly kind: 'refused';
      readonly exitCode: number;
      readonly error: PatchError;
      readonly events: readonly PatchEvent[];
    }
  | { readonly kind: 'crashed'; readonly events: readonly PatchEvent[] };

let clockMs = 1_800_000_000_000;

/** `prepatch apply`. A defect (neither a PatchError nor a crash that the test made) is thrown on. */
export async function startHome(files: Files, home: string, config: Config, policy: Policy): Promise<Ended<RunResult>> {
  return run(files, home, config, async (patcher) => {
    const result = await patcher.start(policy, 'apply', 0);
    return { exitCode: result.failure?.exitCode ?? 0, result };
  });
}

/** `prepatch recover`. */
export async function recoverHome(files: Files, home: string, config: Config): Promise<Ended<Recovery>> {
  return run(files, home, config, async (patcher) => ({ exitCode: 0, result: await patcher.recover(0) }));
}

async function run<T>(
  files: Files,
  home: string,
  config: Config,
  work: (patcher: Patcher) => Promise<{ exitCode: number; result: T }>,
): Promise<Ended<T>> {
  const events: PatchEvent[] = [];
  try {
    const doors = {
      files,
      bulk: new SerialBulk(files),
      emit: (event: PatchEvent) => void events.push(event),
      now: () => ++clockMs,
    };
    const { exitCode, result } = await work(new Patcher(home, config, doors));
    return { kind: 'ended', exitCode, result, events };
  } catch (error) {
    if (error instanceof SimulatedCrash) return { kind: 'crashed', events };
    const named = toFailure(error, home);
    if (named === undefined) throw error;
    return { kind: 'refused', exitCode: named.exitCode, error: named, events };
  }
}

/** Makes the locks of this process those of a process before the last boot: what the end of a process leaves. */
export function endProcess(files: Files, locks: string): void {
  if (files.stat(locks) === undefined) return;
  for (const name of files.list(locks)) {
    const parts = name.split('.');
    if (parts[0] !== 'try' && parts[0] !== 'held') continue;
    parts[3] = 'b00b00b00b00';
    files.rename(`${locks}/${name}`, `${locks}/${parts.join('.')}`);
  }
}

/** Path → what is there, of everything that counts. */
export type Tree = ReadonlyMap<string, string>;

export function readTree(files: Files, home: string): Tree {
  const tree = new Map<string, string>();
  const visit = (path: string, name: string) => {
    if (name === 'repository/logs' || name === 'repository/components/.prepatch') return;
    const stat = files.stat(path);
    if (stat === undefined) return;
    const mode = stat.mode.toString(8);
    if (stat.kind === 'file') tree.set(name, `file ${mode} ${stat.sizeBytes} ${files.digest(path, false).md5}`);
    else tree.set(name, `${stat.kind} ${mode}`);
    if (stat.kind !== 'directory') return;
    for (const child of files.list(path)) visit(`${path}/${child}`, name === '' ? child : `${name}/${child}`);
  };
  visit(home, '');
  return tree;
}

export function differences(a: Tree, b: Tree): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names]
    .filter((name) => a.get(name) !== b.get(name))
    .sort()
    .map((name) => `${name}: ${a.get(name) ?? 'absent'} / ${b.get(name) ?? 'absent'}`);
}

/** `ahead` is never needed and never trusted without proof; what a crash leaves of it is swept by the next transaction. */
const STATE_NAMES = new Set([
  'ahead',
  'aside',
  'cache',
  'history',
  'ledger.copy.json',
  'ledger.json',
  'locks',
  'store',
]);

/** Temporary files of caches, and those that the file system is asked for its time with. */
const TEMPORARY = /^\.now-|\.new$/;

/** What lies in our state and should not after a recovery: a journal, work, temporary files, names of the dead. */
export function leftovers(files: Files, state: string): string[] {
  if (files.stat(state) === undefined) return [];
  const namesIn = (folder: string) =>
    files.stat(`${state}/${folder}`)?.kind === 'directory'
      ? files.list(`${state}/${folder}`).map((name) => `${folder}/${name}`)
      : [];
  return [
    ...files.list(state).filter((name) => !STATE_NAMES.has(name) && !(name === 'work' && isEmpty(files, state))),
    ...namesIn('store').filter((path) => !/^store\/[0-9a-f]{64}$/.test(path)),
    ...namesIn('locks'),
    ...[...namesIn('cache'), ...namesIn('cache/zips'), ...namesIn('cache/deltas')].filter((path) =>
      TEMPORARY.test(basename(path)),
    ),
    ...files
      .list(dirname(state))
      .filter((name) => TEMPORARY.test(name))
      .map((name) => `../${name}`),
  ];
}

function isEmpty(files: Files, state: string): boolean {
  return files.list(`${state}/work`).length === 0;
}
