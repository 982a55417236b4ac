// Each kind of action: done, recorded, taken back, also after the operator has changed other parts of the same files; and what
// each refuses. Homes in memory; commands that append to a file.
import { expect, test, describe } from 'vitest';
import type { MemoryFiles } from '../../support/memory-files.js';
import { MemoryFiles as Memory } from '../../support/memory-files.js';
import { differences, leftovers, readTree } from '../../support/engine-run.js';
import { HOME, makeFolder, PATCHES, PLUGINS, put, removeTree, SERVICEPACKS, STATE } from '../../support/small-homes.js';
import { forgeZip } from '../../support/zip-forge.js';
import { isInterrupted, recover } from '../../../src/transaction/recover.js';
import { PatchError } from '../../../src/error.js';
import type { PatchEvent } from '../../../src/event.js';
import type { Sha256 } from '../../../src/home/entry.js';
import { callModule } from '../../../src/transaction/actions/pack-module.js';
import { guardChanges } from '../../../src/transaction/guard-changes.js';
import { ActionHome, SayingCommands } from './action-home.js';

function makeHome(packs: readonly string[] = ['patch0001']): { home: ActionHome; files: MemoryFiles } {
  const files = new Memory();
  for (const folder of [PLUGINS, PATCHES, SERVICEPACKS]) makeFolder(files, folder);
  for (const pack of packs) makeFolder(files, `${PATCHES}/${pack}`);
  put(files, `${HOME}/conf/server.properties`, '# ours\nport=9443\nmode = slow\n');
  put(files, `${HOME}/conf/server.xml`, '<Server>\n  <Port>9443</Port>\n</Server>\n');
  put(files, `${HOME}/conf/server.ini`, '[server]\nport = 9443\n');
  put(files, `${HOME}/conf/server.json`, '{\n  "port": 9443\n}\n');
  put(files, `${HOME}/conf/server.yaml`, 'port: 9443 # ours\n');
  put(files, `${HOME}/webapps/old/index.html`, 'old');
  put(files, `${HOME}/webapps/old/js/a.js`, 'a', 0o600);
  const home: ActionHome = new ActionHome(files, HOME, { commands: new SayingCommands(() => home) });
  return { home, files };
}

const text = (files: MemoryFiles, path: string) => files.read(`${HOME}/${path}`, 1e6).toString('utf8');

interface Case {
  readonly title: string;
  readonly actions: readonly object[];
  readonly payload?: Readonly<Record<string, string | Buffer>>;
  readonly after: (files: MemoryFiles) => void;
  /** Files that commands write are not taken back. */
  readonly keeps?: boolean;
}

const CASES: readonly Case[] = [
  {
    title: 'create a file, with the folders that it needs',
    actions: [{ kind: 'create', path: '/a/b/check.sh', source: 'files/check.sh', flags: { executable: true } }],
    payload: { 'files/check.sh': 'echo' },
    after: (files) => {
      expect(text(files, 'a/b/check.sh')).toBe('echo');
      expect(files.stat(`${HOME}/a/b/check.sh`)?.mode).toBe(0o755);
    },
  },
  {
    title: 'create an empty folder',
    actions: [{ kind: 'create', type: 'directory', path: '/data/queue', mode: '0750' }],
    after: (files) => expect(files.stat(`${HOME}/data/queue`)).toMatchObject({ kind: 'directory', mode: 0o750 }),
  },
  {
    title: 'create a folder with content',
    actions: [{ kind: 'create', type: 'directory', path: '/webapps/new', source: 'files/new' }],
    payload: { 'files/new/index.html': 'new', 'files/new/js/b.js': 'b' },
    after: (files) => expect(text(files, 'webapps/new/js/b.js')).toBe('b'),
  },
  {
    title: 'update a file and its mode',
    actions: [
      {
        kind: 'update',
        path: '/webapps/old/js/a.js',
        source: 'files/a.js',
        before: { md5: '0cc175b9c0f1b6a831c399e269772661' },
        mode: '0640',
      },
    ],
    payload: { 'files/a.js': 'newer' },
    after: (files) => {
      expect(text(files, 'webapps/old/js/a.js')).toBe('newer');
      expect(files.stat(`${HOME}/webapps/old/js/a.js`)?.mode).toBe(0o640);
    },
  },
  {
    title: 'update a file to other permissions only',
    actions: [{ kind: 'update', path: '/webapps/old/js/a.js', source: 'files/a.js', mode: '0640' }],
    payload: { 'files/a.js': 'a' },
    after: (files) => expect(files.stat(`${HOME}/webapps/old/js/a.js`)?.mode).toBe(0o640),
  },
  {
    title: 'update a folder to exactly what the pack has',
    actions: [{ kind: 'update', type: 'directory', path: '/webapps/old', source: 'files/old' }],
    payload: { 'files/old/index.html': 'newer', 'files/old/css/c.css': 'c', 'files/old/js': 'a file now' },
    after: (files) => {
      expect(text(files, 'webapps/old/js')).toBe('a file now');
      expect(text(files, 'webapps/old/css/c.css')).toBe('c');
    },
  },
  {
    title: 'delete a file',
    actions: [{ kind: 'delete', path: '/webapps/old/js/a.js' }],
    after: (files) => expect(files.stat(`${HOME}/webapps/old/js/a.js`)).toBeUndefined(),
  },
  {
    title: 'delete a folder with everything below it',
    actions: [{ kind: 'delete', type: 'directory', path: '/webapps/old' }],
    after: (files) => expect(files.stat(`${HOME}/webapps/old`)).toBeUndefined(),
  },
  {
    title: 'delete and create the same path',
    actions: [
      { kind: 'delete', path: '/webapps/old/index.html' },
      { kind: 'create', path: '/webapps/old/index.html', source: 'files/i.html' },
    ],
    payload: { 'files/i.html': 'another' },
    after: (files) => expect(text(files, 'webapps/old/index.html')).toBe('another'),
  },
  {
    title: 'rename a file and a folder',
    actions: [
      { kind: 'rename', path: '/conf/server.ini', to: '/etc/server.ini' },
      { kind: 'rename', type: 'directory', path: '/webapps/old', to: '/webapps/older' },
    ],
    after: (files) => {
      expect(text(files, 'etc/server.ini')).toContain('port');
      expect(text(files, 'webapps/older/js/a.js')).toBe('a');
    },
  },
  {
    title: 'rename, then create in its place, then edit what was renamed',
    actions: [
      { kind: 'rename', path: '/conf/server.ini', to: '/conf/old.ini' },
      { kind: 'create', path: '/conf/server.ini', source: 'files/x.ini' },
      { kind: 'editIni', file: '/conf/old.ini', edits: [{ op: 'set', section: 'server', key: 'port', value: '1' }] },
    ],
    payload: { 'files/x.ini': '[new]\n' },
    after: (files) => expect(text(files, 'conf/old.ini')).toBe('[server]\nport = 1\n'),
  },
  {
    title: 'unzip over what is there',
    actions: [{ kind: 'unzip', archive: 'files/w.war', into: '/webapps/old' }],
    payload: {
      'files/w.war': forgeZip({
        entries: [
          { name: 'index.html', data: 'unpacked' },
          { name: 'WEB-INF/web.xml', data: '<web-app/>' },
        ],
      }),
    },
    after: (files) => {
      expect(text(files, 'webapps/old/index.html')).toBe('unpacked');
      expect(text(files, 'webapps/old/WEB-INF/web.xml')).toBe('<web-app/>');
      expect(text(files, 'webapps/old/js/a.js')).toBe('a');
    },
  },
  {
    title: 'edits of every kind',
    actions: [
      { kind: 'editProperties', file: '/conf/server.properties', edits: [{ op: 'set', key: 'port', value: '9444' }] },
      { kind: 'editXml', file: '/conf/server.xml', edits: [{ op: 'setText', xpath: '/Server/Port', value: '9444' }] },
      {
        kind: 'editIni',
        file: '/conf/server.ini',
        edits: [{ op: 'set', section: 'server', key: 'port', value: '9444' }],
      },
      { kind: 'editJson', file: '/conf/server.json', edits: [{ op: 'set', pointer: '/port', value: 9444 }] },
      { kind: 'editYaml', file: '/conf/server.yaml', edits: [{ op: 'set', path: ['port'], value: 9444 }] },
    ],
    after: (files) => {
      for (const kind of ['properties', 'xml', 'ini', 'json', 'yaml'])
        expect(text(files, `conf/server.${kind}`)).toContain('9444');
      expect(text(files, 'conf/server.yaml')).toBe('port: 9444 # ours\n');
    },
  },
  {
    title: 'edits of one file by two actions',
    actions: [
      { kind: 'editProperties', file: '/conf/server.properties', edits: [{ op: 'set', key: 'port', value: '1' }] },
      { kind: 'editProperties', file: '/conf/server.properties', edits: [{ op: 'set', key: 'port', value: '2' }] },
    ],
    after: (files) => expect(text(files, 'conf/server.properties')).toContain('port=2'),
  },
  {
    title: 'lists, loops and values',
    actions: [
      { kind: 'setValue', name: 'base', value: 'tenants' },
      { kind: 'run', argv: ['say', 'a\nb'], repeatable: true, set: 'names' },
      {
        kind: 'forEach',
        itemsFrom: 'names',
        as: 'tenant',
        actions: [
          {
            kind: 'list',
            actions: [{ kind: 'create', path: '/$base$/$tenant$/cost$$.txt', source: 'files/t.txt' }],
          },
        ],
      },
    ],
    payload: { 'files/t.txt': 't' },
    keeps: true,
    after: (files) => {
      expect(text(files, 'tenants/a/cost$.txt')).toBe('t');
      expect(text(files, 'tenants/b/cost$.txt')).toBe('t');
    },
  },
];

describe('each kind is done, and taken back to the byte', () => {
  test.each(CASES)('$title', async ({ actions, payload = {}, after, keeps }) => {
    const { home, files } = makeHome();
    for (const [path, content] of Object.entries(payload)) put(files, `${home.payload('patch0001')}/${path}`, content);
    const before = readTree(files, HOME);
    const done = await home.start([{ name: 'patch0001', actions }]);
    expect(done.kind === 'failed' ? done.error.message : done.kind).toBe('done');
    after(files);
    expect(leftovers(files, STATE).filter((name) => name !== 'work')).toEqual([]);
    expect((await home.start([{ name: 'patch0001', actions }])).kind).toBe('nothing');
    removeTree(files, `${PATCHES}/patch0001`);
    const reverted = await home.start([]);
    expect(reverted.kind === 'failed' ? reverted.error.message : reverted.kind).toBe('done');
    put(files, `${PATCHES}/patch0001/x`, '');
    files.unlink(`${PATCHES}/patch0001/x`);
    const left = differences(before, readTree(files, HOME)).filter(
      (line) => !line.startsWith('repository/components/default'),
    );
    expect(left.filter((line) => !(keeps === true && line.startsWith('said.txt')))).toEqual([]);
    expect(files.stat(`${STATE}/store`) === undefined ? [] : files.list(`${STATE}/store`)).toEqual([]);
  });
});

describe('a revert weeks later', () => {
  const edit = {
    kind: 'editProperties',
    file: '/conf/server.properties',
    edits: [{ op: 'set', key: 'port', value: '9444' }],
  };

  test('takes back the edit alone, whatever else the operator changed', async () => {
    const { home, files } = makeHome();
    await home.start([{ name: 'patch0001', actions: [edit] }]);
    put(files, `${HOME}/conf/server.properties`, '# mine\nport=9444\nmode = fast\nmore=1\n');
    removeTree(files, `${PATCHES}/patch0001`);
    expect((await home.start([])).kind).toBe('done');
    expect(text(files, 'conf/server.properties')).toBe('# mine\nport=9443\nmode = fast\nmore=1\n');
  });

  test.each([
    ['the value was changed', '# mine\nport=1\n'],
    ['the file is gone', undefined],
  ])('is refused where %s, and nothing is touched', async (_, content) => {
    const { home, files } = makeHome();
    await home.start([{ name: 'patch0001', actions: [edit, { kind: 'delete', path: '/webapps/old/index.html' }] }]);
    if (content === undefined) files.unlink(`${HOME}/conf/server.properties`);
    else put(files, `${HOME}/conf/server.properties`, content);
    removeTree(files, `${PATCHES}/patch0001`);
    const before = readTree(files, HOME);
    const outcome = await home.start([]);
    expect(outcome.kind).toBe('refused');
    expect(outcome.plan.problems.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'CONFLICT', pack: 'patch0001', path: 'conf/server.properties' },
    ]);
    expect(differences(before, readTree(files, HOME))).toEqual([]);
  });

  test('leaves a created file that the operator changed, as a conflict', async () => {
    const { home, files } = makeHome();
    put(files, `${home.payload('patch0001')}/f`, 'f');
    await home.start([{ name: 'patch0001', actions: [{ kind: 'create', path: '/f', source: 'f' }] }]);
    put(files, `${HOME}/f`, 'mine');
    removeTree(files, `${PATCHES}/patch0001`);
    const outcome = await home.start([]);
    expect(outcome).toMatchObject({ kind: 'refused' });
    expect(text(files, 'f')).toBe('mine');
  });

  test('of two packs takes back the later one first, on one key of one file', async () => {
    const { home, files } = makeHome(['patch0001', 'patch0002']);
    const set = (value: string) => ({ ...edit, edits: [{ op: 'set', key: 'port', value }] });
    const packs = [
      { name: 'patch0001', actions: [set('1')] },
      { name: 'patch0002', actions: [set('2')] },
    ];
    await home.start(packs);
    expect(text(files, 'conf/server.properties')).toContain('port=2');
    expect((await home.start([])).kind).toBe('done');
    expect(text(files, 'conf/server.properties')).toContain('port=9443');
  });

  test('of a changed pack undoes what was done, and does what it says now', async () => {
    const { home, files } = makeHome();
    await home.start([{ name: 'patch0001', actions: [edit] }]);
    const other = { ...edit, edits: [{ op: 'set', key: 'mode', value: 'fast' }] };
    const outcome = await home.start([{ name: 'patch0001', actions: [other] }]);
    expect(outcome).toMatchObject({ kind: 'done', plan: { update: ['patch0001'] } });
    expect(text(files, 'conf/server.properties')).toBe('# ours\nport=9443\nmode = fast\n');
    await home.start([]);
    expect(text(files, 'conf/server.properties')).toBe('# ours\nport=9443\nmode = slow\n');
  });

  test('runs the undo commands, the last first, and nothing for what is repeatable', async () => {
    const { home, files } = makeHome();
    const run = (word: string) => ({ kind: 'run', argv: ['say', word], undo: { argv: ['say', `not ${word}`] } });
    const stop = { kind: 'stopService', argv: ['say', 'stop'], undo: { argv: ['say', 'start'] } };
    const again = { kind: 'run', argv: ['say', 'again'], repeatable: true };
    await home.start([{ name: 'patch0001', actions: [stop, run('one'), again, run('two')] }]);
    await home.start([]);
    expect(text(files, 'said.txt').split('\n')).toEqual([
      'stop',
      'one',
      'again',
      'two',
      'not two',
      'not one',
      'start',
      '',
    ]);
  });
});

describe('refused', () => {
  test.each([
    [
      'a path of our own',
      { kind: 'create', path: '/repository/components/.prepatch/x', source: 'f' },
      'the state of prepatch',
    ],
    ['a folder that holds it', { kind: 'delete', type: 'directory', path: '/repository' }, 'a folder that holds'],
    ['a plugin', { kind: 'create', path: '/repository/components/plugins/x.jar', source: 'f' }, 'is a plugin'],
    ['what is there', { kind: 'create', path: '/conf/server.xml', source: 'f' }, 'is there already'],
    ['what is missing', { kind: 'delete', path: '/conf/none.xml' }, 'is missing'],
    ['a folder for a file', { kind: 'delete', path: '/conf' }, 'is no file'],
    ['a file for a folder', { kind: 'delete', type: 'directory', path: '/conf/server.xml' }, 'is no folder'],
    ['another size', { kind: 'delete', path: '/conf/server.xml', before: { sizeBytes: 1 } }, 'wrong size'],
    [
      'another checksum',
      { kind: 'delete', path: '/conf/server.xml', before: { md5: '0'.repeat(32) } },
      'wrong checksum',
    ],
    [
      'a target that is there',
      { kind: 'rename', path: '/conf/server.xml', to: '/conf/server.ini' },
      'is there already',
    ],
    ['a payload that is missing', { kind: 'create', path: '/x', source: 'none' }, 'is not there'],
    [
      'an edit without its place',
      { kind: 'editXml', file: '/conf/server.xml', edits: [{ op: 'setText', xpath: '/No', value: '' }] },
      'not-found',
    ],
    [
      'a condition that cannot be decided',
      { kind: 'delete', path: '/conf/server.xml', when: 'value.exists("a") or env("NO") == "1"' },
      'cannot be decided',
    ],
    ['no archive', { kind: 'unzip', archive: 'f', into: '/x' }, 'not-an-archive'],
    ['a command that fails', { kind: 'run', argv: ['fail', 'x'], repeatable: true }, 'exit code 1'],
  ])('%s', async (_, action, message) => {
    const { home, files } = makeHome();
    put(files, `${home.payload('patch0001')}/f`, 'f');
    const before = readTree(files, HOME);
    const outcome = await home.start([
      {
        name: 'patch0001',
        actions: [
          { kind: 'editYaml', file: '/conf/server.yaml', edits: [{ op: 'set', path: ['port'], value: 1 }] },
          action,
        ],
      },
    ]);
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'ACTION_FAILED', exitCode: 1 } });
    expect(outcome.kind === 'failed' ? outcome.error.message : '').toContain(message);
    const changed = differences(before, readTree(files, HOME)).filter((line) => !line.startsWith('said.txt'));
    expect(changed).toEqual([]);
    expect(leftovers(files, STATE)).toEqual([]);
  });

  test('commands and modules, where policy does not allow them', async () => {
    const { home } = makeHome();
    const closed = new ActionHome(home.files, HOME, { modules: false });
    const actions = [
      { kind: 'list', actions: [{ kind: 'run', argv: ['say'], repeatable: true }] },
      { kind: 'module', file: 'm.mjs' },
    ];
    const outcome = await closed.start([{ name: 'patch0001', actions }], { commands: false });
    expect(outcome).toMatchObject({ kind: 'refused' });
    expect(outcome.kind === 'refused' ? outcome.messages.join() : '').toMatch(
      /allowCommands is false.*allowModules is false/,
    );
  });

  test('a link on the way', async () => {
    const { home, files } = makeHome();
    files.symlink('/elsewhere', `${HOME}/out`);
    put(files, `${home.payload('patch0001')}/f`, 'f');
    const outcome = await home.start([
      { name: 'patch0001', actions: [{ kind: 'create', path: '/out/x', source: 'f' }] },
    ]);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(outcome.kind === 'failed' ? outcome.error.message : '').toContain('is a link');
  });
});

test('a payload that is not what the manifest lists is refused', async () => {
  const { home, files } = makeHome();
  put(files, `${home.payload('patch0001')}/f`, 'f');
  const listed = { f: { md5: '0'.repeat(32), sha256: '0'.repeat(64) } };
  const actions = [{ kind: 'create', path: '/f', source: 'f' }];
  const outcome = await home.start([{ name: 'patch0001', actions, digests: listed }]);
  expect(outcome.kind === 'failed' ? outcome.error.message : '').toContain('is not what it was, or should be');
  expect(files.stat(`${HOME}/f`)).toBeUndefined();
});

describe('a rollback that fails', () => {
  test('keeps everything for the next run, which resumes there and repeats nothing', async () => {
    const { home, files } = makeHome();
    const before = readTree(files, HOME);
    let broken = true;
    const words: string[] = [];
    const stubborn = new ActionHome(files, HOME, {
      commands: {
        run: ({ argv }) => {
          const word = argv[1] ?? '';
          words.push(word);
          const exitCode = argv[0] === 'fail' || (broken && word === 'not one') ? 1 : 0;
          return Promise.resolve({ kind: 'exited', exitCode, output: '' });
        },
        stop: () => Promise.resolve(),
      },
    });
    const run = (word: string) => ({ kind: 'run', argv: ['say', word], undo: { argv: ['say', `not ${word}`] } });
    const outcome = await stubborn.start([
      {
        name: 'patch0001',
        actions: [run('one'), run('two'), { kind: 'run', argv: ['fail', 'three'], repeatable: true }],
      },
    ]);
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'ROLLBACK_FAILED', exitCode: 4 } });
    await expect(recover(stubborn.context)).rejects.toMatchObject({ code: 'ROLLBACK_FAILED' });
    broken = false;
    await recover(stubborn.context);
    expect(words).toEqual(['one', 'two', 'three', 'not two', 'not one', 'not one', 'not one']);
    expect(differences(before, readTree(files, HOME))).toEqual([]);
    expect(isInterrupted(files, home.layout)).toBe(false);
  });
});

test('an undoing whose home another run has taken meanwhile runs no command and no module any more', async () => {
  const { home, files } = makeHome();
  const words: string[] = [];
  let broken = true;
  const stubborn = new ActionHome(files, HOME, {
    commands: {
      run: ({ argv }) => {
        words.push(argv[1] ?? '');
        return Promise.resolve({ kind: 'exited', exitCode: broken && argv[1] !== 'one' ? 1 : 0, output: '' });
      },
      stop: () => Promise.resolve(),
    },
  });
  const run = (word: string) => ({ kind: 'run', argv: ['say', word], undo: { argv: ['say', `not ${word}`] } });
  await stubborn.start([{ name: 'patch0001', actions: [run('one'), run('two')] }]);
  broken = false;
  words.length = 0;
  let isAsleep = false;
  const check = () => {
    if (isAsleep) throw new PatchError('LOCKED', 'the lock was taken away');
  };
  const emit = (event: PatchEvent) => {
    isAsleep ||= event.kind === 'log' && event.body.endsWith('is rolled back');
  };
  await expect(recover(guardChanges({ ...stubborn.context, emit }, check))).rejects.toMatchObject({ code: 'LOCKED' });
  expect(words).toEqual([]);
  const path = `${home.payload('patch0001')}/m.mjs`;
  put(files, path, 'nonsense');
  const module = { path, title: 'm', options: {}, timeoutSeconds: 1, values: new Map(), undo: null };
  const { sha256 = '' as Sha256 } = files.digest(path, true);
  await expect(callModule({ ...home.context, check }, 'rollback', { ...module, sha256 })).rejects.toMatchObject({
    code: 'LOCKED',
  });
  await recover(stubborn.context);
  expect(words).toContain('not one');
});
