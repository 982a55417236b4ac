// A kill, and an error, at every call while a pack with each kind of action is applied, changed and reverted: after recovery
// the home is exactly as before or exactly as after, every command that was begun has been undone, the next start gets there.
// CRASH_FULL=1 leaves out no point.
import { expect, test } from 'vitest';
import { type Errno, type FaultPlan, describePlan } from '../../support/fault-plan.js';
import { FaultyFiles, SimulatedCrash } from '../../support/faulty-files.js';
import { differences, leftovers, readTree, type Tree } from '../../support/engine-run.js';
import { MemoryFiles } from '../../support/memory-files.js';
import { HOME, jar, makeFolder, PATCHES, PLUGINS, put, SERVICEPACKS, STATE } from '../../support/small-homes.js';
import { forgeZip } from '../../support/zip-forge.js';
import type { Files } from '../../../src/system/files.js';
import { isInterrupted, recover } from '../../../src/transaction/recover.js';
import { ActionHome, type Outcome, SayingCommands, type Wanted } from './action-home.js';
import { PatchError } from '../../../src/error.js';

const FULL = process.env.CRASH_FULL === '1';
const SAID = 'said.txt';

function open(files: Files): ActionHome {
  const home: ActionHome = new ActionHome(files, HOME, { commands: new SayingCommands(() => home, SAID) });
  return home;
}

function command(word: string) {
  return { argv: ['say', word], undo: { argv: ['say', `not ${word}`] } };
}

const EVERYTHING: Wanted = {
  name: 'patch0001',
  actions: [
    { kind: 'notify', onFailure: { argv: ['say', 'alarm'] } },
    { kind: 'stopService', ...command('stop') },
    { kind: 'create', path: '/new/deep/f', source: 'f' },
    { kind: 'update', type: 'directory', path: '/webapps/old', source: 'old' },
    { kind: 'unzip', archive: 'w.war', into: '/webapps/new' },
    { kind: 'rename', path: '/conf/server.ini', to: '/conf/old.ini' },
    { kind: 'create', path: '/conf/server.ini', source: 'f' },
    { kind: 'editIni', file: '/conf/old.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '1' }] },
    { kind: 'editIni', file: '/conf/old.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '2' }] },
    {
      kind: 'list',
      when: 'file.exists("/conf/old.ini")',
      actions: [
        { kind: 'run', ...command('one'), set: 'said' },
        {
          kind: 'forEach',
          itemsFrom: 'said',
          as: 'it',
          actions: [{ kind: 'create', type: 'directory', path: '/$it$' }],
        },
      ],
    },
    { kind: 'delete', type: 'directory', path: '/gone', when: 'value("said") == "one"' },
    { kind: 'startService', ...command('start') },
  ],
};

const OTHER: Wanted = {
  name: 'patch0001',
  actions: [
    { kind: 'editIni', file: '/conf/server.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '3' }] },
    { kind: 'run', ...command('two') },
  ],
};

interface Scene {
  readonly title: string;
  readonly files: MemoryFiles;
  readonly wanted: readonly Wanted[];
}

function newHome(): MemoryFiles {
  const files = new MemoryFiles();
  for (const folder of [PLUGINS, PATCHES, SERVICEPACKS]) makeFolder(files, folder);
  put(files, `${PLUGINS}/a_1.0.0.jar`, jar('a', '1.0.0', 'original'));
  put(files, `${PATCHES}/patch0001/a_1.0.0.jar`, jar('a', '1.0.0', 'one'));
  put(files, `${HOME}/conf/server.ini`, '[s]\nport=0\n', 0o640);
  put(files, `${HOME}/webapps/old/index.html`, 'old');
  put(files, `${HOME}/webapps/old/js/a.js`, 'a', 0o600);
  put(files, `${HOME}/gone/g`, 'g');
  const payload = `${PATCHES}/.payload/patch0001`;
  put(files, `${payload}/f`, 'f');
  put(files, `${payload}/old/index.html`, 'newer');
  put(files, `${payload}/old/js`, 'a file now');
  put(files, `${payload}/w.war`, forgeZip({ entries: [{ name: 'WEB-INF/web.xml', data: '<web-app/>' }] }));
  put(files, `${HOME}/${SAID}`, '');
  return files;
}

async function scenes(): Promise<Scene[]> {
  const applied = newHome();
  expect((await open(applied).start([EVERYTHING])).kind).toBe('done');
  applied.unlink(`${HOME}/${SAID}`);
  put(applied, `${HOME}/${SAID}`, '');
  return [
    { title: 'apply', files: newHome(), wanted: [EVERYTHING] },
    { title: 'change', files: applied.clone(), wanted: [OTHER] },
    { title: 'revert', files: applied.clone(), wanted: [] },
  ];
}

/** Everything but what commands say. */
function homeTree(files: Files): Tree {
  return new Map([...readTree(files, HOME)].filter(([path]) => path !== SAID));
}

function said(files: Files): string[] {
  return files.read(`${HOME}/${SAID}`, 1e6).toString('utf8').split('\n').slice(0, -1);
}

/** What commands have left: each word that was said and not taken back. In a revert it is the other way round. */
function standing(words: readonly string[]): string[] {
  const left: string[] = [];
  for (const word of words.filter((one) => /^(?:not )?(?:stop|one|two|start)$/.test(one))) {
    const plain = word.replace(/^not /, '');
    const other = word === plain ? `not ${plain}` : plain;
    const at = left.lastIndexOf(other);
    if (at >= 0) left.splice(at, 1);
    else if (!left.includes(word)) left.push(word);
  }
  return left;
}

interface Judge {
  readonly scene: Scene;
  readonly before: Tree;
  readonly after: Tree;
  readonly points: number;
  readonly said: readonly string[];
}

async function makeJudge(scene: Scene): Promise<Judge> {
  const files = scene.files.clone();
  const counting = new FaultyFiles(files);
  const outcome = await open(counting).start(scene.wanted);
  expect(outcome.kind === 'failed' ? outcome.error.message : outcome.kind).toBe('done');
  expect(leftovers(files, STATE)).toEqual([]);
  return {
    scene,
    before: homeTree(scene.files),
    after: homeTree(files),
    points: counting.points.length,
    said: said(files),
  };
}

async function strike({ scene, before, after, said: wantedWords }: Judge, plan: FaultPlan): Promise<string[]> {
  const files = scene.files.clone();
  const faulty = new FaultyFiles(files, plan);
  const bad: string[] = [];
  let outcome: Outcome | undefined;
  try {
    outcome = await open(faulty).start(scene.wanted);
  } catch (error) {
    if (!(error instanceof SimulatedCrash) && !(error instanceof Error && 'code' in error)) throw error;
  }
  if (!faulty.struck) return [];
  if (faulty.crashed && outcome !== undefined) bad.push('a crash was caught');
  if (outcome?.kind === 'failed' && outcome.error.exitCode < 4 && differences(before, homeTree(files)).length > 0)
    bad.push(`a failure left ${differences(before, homeTree(files)).join('; ')}`);
  const home = open(files);
  try {
    if (isInterrupted(files, home.layout)) await recover(home.context);
    if (isInterrupted(files, home.layout)) bad.push('a second recovery would find something');
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    bad.push(`recovery: ${error.message}`);
  }
  const now = homeTree(files);
  const isBefore = differences(before, now).length === 0;
  const isAfter = differences(after, now).length === 0;
  if (!isBefore && !isAfter) bad.push(`mixed: ${differences(before, now).join('; ')}`);
  const left = leftovers(files, STATE);
  if (left.length > 0) bad.push(`left over: ${left.join(', ')}`);
  const words = said(files);
  const wrong = isBefore
    ? standing(words).filter((word) => !mayBeAlone(word, scene))
    : standing(words).filter((word) => !standing(wantedWords).includes(word));
  if (wrong.length > 0) bad.push(`commands were left as ${words.join(', ')}`);
  if (outcome?.kind === 'done' && !isAfter) bad.push('it said done, and is not after');
  const next = await home.start(scene.wanted);
  if (next.kind !== 'done' && next.kind !== 'nothing') bad.push(`the next start: ${next.kind}`);
  if (differences(after, homeTree(files)).length > 0)
    bad.push(`the next start does not reach after: ${differences(after, homeTree(files)).join('; ')}`);
  const where = faulty.points[plan.at - 1];
  return bad.map((what) => `${describePlan(plan)}, ${where?.call} ${where?.part} ${where?.path}: ${what}`);
}

/** Where the kill came between the record and the command itself, what takes it back is all that was said; never the command. */
function mayBeAlone(word: string, { title }: Scene): boolean {
  const isUndo = word.startsWith('not ');
  return title === 'apply' || word.endsWith('two') ? isUndo : !isUndo;
}

for (const title of ['apply', 'change', 'revert']) {
  const judgeOf = async () => {
    const scene = (await scenes()).find((one) => one.title === title);
    if (scene === undefined) throw new Error('there is no such scene');
    return makeJudge(scene);
  };

  test(`${title}: a kill at every call`, { timeout: 600_000 }, async () => {
    const judge = await judgeOf();
    const bad: string[] = [];
    for (let at = 1; at <= judge.points; at++)
      bad.push(...(await strike(judge, { at, fault: 'crash', forGood: false })));
    expect(bad).toEqual([]);
  });

  test(`${title}: an error at every call`, { timeout: 600_000 }, async () => {
    const judge = await judgeOf();
    const bad: string[] = [];
    const faults: Errno[] = ['EIO', 'ENOSPC'];
    for (const fault of faults)
      for (const forGood of [false, true])
        for (let at = 1; at <= judge.points; at += FULL ? 1 : 5)
          bad.push(...(await strike(judge, { at, fault, forGood })));
    expect(bad).toEqual([]);
  });
}

test('a kill at every call of the recovery', { timeout: 600_000 }, async () => {
  const [scene] = await scenes();
  if (scene === undefined) throw new Error('there is no scene');
  const judge = await makeJudge(scene);
  const bad: string[] = [];
  for (let first = 1; first <= judge.points; first += FULL ? 7 : 31) {
    const crashed = scene.files.clone();
    await open(new FaultyFiles(crashed, { at: first, fault: 'crash', forGood: false }))
      .start(scene.wanted)
      .catch((error: unknown) => {
        if (!(error instanceof SimulatedCrash)) throw error;
      });
    const counting = new FaultyFiles(crashed.clone());
    const layout = open(crashed).layout;
    if (!isInterrupted(crashed, layout)) continue;
    await recover(open(counting).context);
    for (let at = 1; at <= counting.points.length; at++) {
      const files = crashed.clone();
      await recover(open(new FaultyFiles(files, { at, fault: 'crash', forGood: false })).context).catch(
        (error: unknown) => {
          if (!(error instanceof SimulatedCrash)) throw error;
        },
      );
      if (isInterrupted(files, layout)) await recover(open(files).context);
      const now = homeTree(files);
      if (differences(judge.before, now).length > 0 && differences(judge.after, now).length > 0)
        bad.push(`kill at ${first}, then at ${at} of the recovery: ${differences(judge.before, now).join('; ')}`);
      if (leftovers(files, STATE).length > 0) bad.push(`kill at ${first}, then at ${at}: left over`);
    }
  }
  expect(bad).toEqual([]);
});
