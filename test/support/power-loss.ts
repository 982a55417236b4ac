// Every disk that a power cut may leave of a recorded run: at each moment, what no flush covers may be lost, torn, zeroed or
// reordered. The rules and the names of the states are those of the crash tools' model (`alice.py --help`).
import { createHash } from 'node:crypto';
import { applyChange, type Change, copyDisk, type Disk, type Recording } from './memory-files.js';
import { makeRandom } from './mutate.js';

type How = 'whole' | 'half' | 'zeros';

export interface LostState {
  /** `25:omit:7`: after 25 steps, without change 7. */
  readonly name: string;
  /** Whether the run had ended. */
  readonly ended: boolean;
  readonly disk: Disk;
  /** What was lost, in words. */
  readonly lost: readonly string[];
}

export interface PowerLossOptions {
  /** Random subsets a moment, and their seed. */
  readonly random: number;
  readonly seed: number;
  /** Of the pending changes, only the newest so many are lost one by one. */
  readonly window: number;
  /** The first moment at which the power may go: the steps that were done by then; absent: 0. */
  readonly from?: number;
}

/** Each distinct disk once, the stricter demand first. */
export function statesAfterPowerLoss(recording: Recording, options: PowerLossOptions): LostState[] {
  const found = new Map<string, LostState>();
  for (let moment = options.from ?? 0; moment <= recording.steps; moment++) {
    const ended = moment === recording.steps;
    for (const [name, kept] of statesAt(recording, moment, options)) {
      const disk = build(recording, kept);
      const key = fingerprint(disk);
      const known = found.get(key);
      if (known !== undefined && (known.ended || !ended)) continue;
      const lost = recording.changes.flatMap((change, index) =>
        change.at < moment && !kept.has(index) ? [change.text] : [],
      );
      found.set(key, { name: `${moment}:${name}`, ended, disk, lost });
    }
  }
  return [...found.values()];
}

function* statesAt(
  recording: Recording,
  moment: number,
  options: PowerLossOptions,
): Generator<[string, ReadonlyMap<number, How>]> {
  const { changes } = recording;
  const done = changes.flatMap((change, index) => (change.at < moment ? [index] : []));
  const synced = new Set(done.filter((index) => (changes[index] as Change).durableFrom <= moment));
  const pending = done.filter((index) => !synced.has(index));
  const kindOf = (index: number) => (changes[index] as Change).what.kind;
  const state = (keeps: (index: number) => boolean, how: (index: number) => How = () => 'whole') =>
    new Map(
      done
        .filter((index) => synced.has(index) || keeps(index))
        .map((index) => [index, synced.has(index) ? 'whole' : how(index)] as const),
    );
  yield ['all', state(() => true)];
  yield ['synced', state(() => false)];
  yield ['names', state((index) => kindOf(index) === 'name')];
  yield [
    'zeros',
    state(
      (index) => kindOf(index) !== 'mode',
      (index) => (kindOf(index) === 'bytes' ? 'zeros' : 'whole'),
    ),
  ];
  yield ['bytes', state((index) => kindOf(index) !== 'name')];
  for (const one of pending.slice(-options.window)) {
    yield [`omit:${one}`, state((index) => index !== one)];
    yield [`only:${one}`, state((index) => index === one)];
    if (kindOf(one) !== 'bytes') continue;
    yield [
      `torn:${one}`,
      state(
        () => true,
        (index) => (index === one ? 'half' : 'whole'),
      ),
    ];
    yield [
      `zero:${one}`,
      state(
        () => true,
        (index) => (index === one ? 'zeros' : 'whole'),
      ),
    ];
  }
  if (pending.length < 2) return;
  for (let turn = 0; turn < options.random; turn++) {
    const random = makeRandom(options.seed * 1_000_003 + moment * 101 + turn);
    const lucky = new Set(pending.filter(() => random() < 0.5));
    yield [`random:${turn}`, state((index) => lucky.has(index))];
  }
}

function build(recording: Recording, kept: ReadonlyMap<number, How>): Disk {
  const disk = copyDisk(recording.first);
  for (const [number, node] of recording.made) {
    disk.nodes.set(number, node);
    if (node.kind === 'directory') disk.names.set(number, new Map());
  }
  for (const [index, how] of kept) {
    const change = recording.changes[index] as Change;
    applyChange(disk, change.what, change.timeMs, how);
  }
  return disk;
}

const ROOT = 1;

function fingerprint(disk: Disk): string {
  const hash = createHash('sha1');
  const visit = (number: number, path: string) => {
    const names = [...(disk.names.get(number) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, child] of names) {
      const node = disk.nodes.get(child);
      if (node === undefined) continue;
      hash.update(`${path}/${name}\0${node.kind}\0${node.mode}\0${child}\0`);
      if (node.kind === 'file') hash.update(`${node.bytes.length}\0`).update(node.bytes);
      else if (node.kind === 'link') hash.update(node.target);
      else visit(child, `${path}/${name}`);
    }
  };
  visit(ROOT, '');
  return hash.digest('hex');
}
