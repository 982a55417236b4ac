// `$name$` in the texts of actions, and what becomes of a file operation once its values are known.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action, FileAction } from '../../src/plan/pack-manifest.js';
import { parsePackManifest } from '../../src/plan/pack-manifest.js';
import { resolveFileAction } from '../../src/plan/pack-manifest-file-action.js';
import { interpolate, interpolateAction, valueNamesIn } from '../../src/plan/interpolate-action.js';

const VALUES = new Map<string, string | number | boolean>([
  ['port', 9443],
  ['on', true],
  ['text', '$port$'],
  ['empty', ''],
  ['a.b-c', 'x'],
]);

describe('interpolate', () => {
  it.each([
    ['', ''],
    ['plain', 'plain'],
    ['$port$', '9443'],
    ['a$port$b$on$c', 'a9443btruec'],
    ['$empty$', ''],
    ['$a.b-c$', 'x'],
    ['5$$', '5$'],
    ['$$port$$', '$port$'],
    ['$$$port$', '$9443'],
    ['$port$$$', '9443$'],
    ['$text$', '$port$'],
  ])('%j gives %j', (text, expected) => {
    expect(interpolate(text, VALUES)).toEqual({ kind: 'text', text: expected });
  });

  it.each([
    ['a$none$', { kind: 'missing', name: 'none' }],
    ['$', { kind: 'malformed', offset: 0 }],
    ['a$b', { kind: 'malformed', offset: 1 }],
    ['$port$$', { kind: 'malformed', offset: 6 }],
    ['$a b$', { kind: 'malformed', offset: 0 }],
    ['$1$', { kind: 'malformed', offset: 0 }],
  ])('%j is %j', (text, expected) => {
    expect(interpolate(text, VALUES)).toEqual(expected);
  });

  it('names the values that a text asks for', () => {
    expect(valueNamesIn('$a$ $$ $b$$a$')).toEqual(['a', 'b']);
  });

  it('keeps every text whose $ are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', 'a', 'port', ' ') }), (text) => {
        expect(interpolate(text.replaceAll('$', '$$$$'), VALUES)).toEqual({ kind: 'text', text });
      }),
    );
  });
});

async function readAction(action: object): Promise<Action> {
  const setup = [...VALUES.keys(), 'none'].map((name) => ({ kind: 'setValue', name, value: 1 }));
  const parsed = await parsePackManifest(JSON.stringify({ id: 'a', version: '1', actions: [...setup, action] }), 'x');
  if (parsed.kind === 'invalid') throw new Error(parsed.errors.map(({ message }) => message).join('\n'));
  return parsed.manifest.actions.at(-1) as Action;
}

describe('interpolateAction', () => {
  it('puts values into every text but kinds, labels, conditions and names', async () => {
    const action = await readAction({
      kind: 'run',
      id: 'run',
      title: '$port$',
      when: "value('port') == '$port$'",
      argv: ['x', '$port$'],
      cwd: '/$port$',
      env: { A: '$on$' },
      undo: { argv: ['$$'] },
      set: 'port',
    });
    expect(interpolateAction(action, VALUES)).toMatchObject({
      kind: 'action',
      action: {
        title: '$port$',
        when: { text: "value('port') == '$port$'" },
        argv: ['x', '9443'],
        cwd: '/9443',
        env: { A: 'true' },
        undo: { argv: ['$'] },
        set: 'port',
      },
    });
  });

  it('reaches into edits and options, and leaves numbers and the words of ours alone', async () => {
    const edits = await readAction({
      kind: 'editJson',
      file: '/a.json',
      edits: [{ op: 'set', pointer: '/$port$', value: { op: '$on$', kind: ['$port$', 5, null] } }],
    });
    expect(interpolateAction(edits, VALUES)).toMatchObject({
      action: { edits: [{ op: 'set', pointer: '/9443', value: { op: 'true', kind: ['9443', 5, null] } }] },
    });
    const module = await readAction({ kind: 'module', file: 'a.mjs', options: { kind: '$port$', n: 1 } });
    expect(interpolateAction(module, VALUES)).toMatchObject({ action: { options: { kind: '9443', n: 1 } } });
  });

  it('leaves the actions of a loop for their own time, but not its items', async () => {
    const inner = { kind: 'delete', path: '/$item$' };
    const loop = await readAction({ kind: 'forEach', items: ['$port$'], as: 'item', actions: [inner] });
    expect(interpolateAction(loop, VALUES)).toMatchObject({
      action: { items: ['9443'], as: 'item', actions: [{ path: '/$item$' }] },
    });
  });

  it('names the value that is missing, and where', async () => {
    const action = await readAction({ kind: 'run', argv: ['x', '$none$'], repeatable: true });
    expect(interpolateAction(action, VALUES)).toEqual({ kind: 'missing', name: 'none', field: '/argv/1' });
  });
});

describe('resolveFileAction', () => {
  const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
  const resolve = async (action: object, values = VALUES) => {
    const result = interpolateAction((await readAction(action)) as FileAction, values);
    if (result.kind === 'missing') throw new Error(result.name);
    return resolveFileAction(result.action);
  };

  it.each([
    [
      { kind: 'create', id: 'a', when: 'true', path: '/$port$', source: 'f/$port$', mode: '0600' },
      { kind: 'create', type: 'file', path: 'home:9443', source: 'f/9443', mode: 0o600 },
    ],
    [
      { kind: 'update', path: '/a', source: 'b', before: { md5: MD5 }, flags: { executable: false } },
      { kind: 'update', type: 'file', path: 'home:a', source: 'b', before: { md5: MD5 }, flags: { executable: false } },
    ],
    [
      { kind: 'update', path: '/a', delta: { source: '$port$', before: { md5: MD5 }, after: { md5: MD5 } } },
      {
        kind: 'update',
        type: 'file',
        path: 'home:a',
        delta: { source: '9443', before: { md5: MD5 }, after: { md5: MD5 } },
      },
    ],
    [
      { kind: 'delete', type: 'directory', path: '/a' },
      { kind: 'delete', type: 'directory', path: 'home:a' },
    ],
    [
      { kind: 'rename', path: '/a', to: '/$port$' },
      { kind: 'rename', type: 'file', path: 'home:a', to: 'home:9443' },
    ],
  ])('%j', async (action, operation) => {
    expect(await resolve(action)).toEqual({ kind: 'operation', operation });
  });

  it.each([
    [{ kind: 'delete', path: '/a/$port$' }, '..', '/path'],
    [{ kind: 'create', path: '/a', source: 'f/$port$' }, '../../x', '/source'],
    [
      { kind: 'update', path: '/a', delta: { source: 'f/$port$', before: { md5: MD5 }, after: { md5: MD5 } } },
      '..',
      '/delta/source',
    ],
    [{ kind: 'rename', path: '/a', to: '/$port$' }, 'a\\b', '/to'],
    [{ kind: 'rename', path: '/a', to: '/$port$' }, 'a/b', '/to'],
  ])('refuses %j with the value %j', async (action, value, field) => {
    expect(await resolve(action, new Map([['port', value]]))).toMatchObject({ kind: 'invalid', field });
  });
});
