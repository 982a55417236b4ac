// Layers over the base: what lies on what, what each operation of a manifest makes of it, and what is refused. Packs and contents
// are made by hand, so that each rule stands alone.
import { describe, expect, test } from 'vitest';
import { ABSENT, type DirectoryEntry } from '../../src/home/entry.js';
import { rooted } from '../../src/home/layout.js';
import type { Pack, PackContent } from '../../src/home/pack.js';
import { type DeltaResult, deltaKey } from '../../src/plan/delta.js';
import type { BaseEntry } from '../../src/plan/ledger.js';
import type { FileOperation } from '../../src/plan/pack-manifest.js';
import type { PackPath } from '../../src/plan/pack-manifest-path.js';
import { type Ground, type Stack, stackLayers } from '../../src/plan/stack-layers.js';
import { fileEntry, makePack, md5Of, plugin, sha256Of } from './observation-builder.js';

const at = (path: string) => rooted('home', path);
const source = (path: string) => path as PackPath;
const FOLDER: DirectoryEntry = { kind: 'directory', mode: 0o755 };

type Base = BaseEntry | { readonly kind: 'foreign' };

/** Path of the home → its base. */
function ground(base: Readonly<Record<string, Base>> = {}, more: Partial<Ground> = {}): Ground {
  const paths = Object.keys(base).map((path) => at(path));
  return {
    base: (path) => base[path.slice('home:'.length)] ?? ABSENT,
    recordedBelow: () => [],
    presentBelow: (folder) => paths.filter((path) => path.startsWith(`${folder}/`)),
    storePath: (file) => (file.sha256 === undefined ? undefined : rooted('state', `store/${file.sha256}`)),
    delta: () => undefined,
    contentOf: (path) => path,
    isApplied: () => false,
    show: (path) => path.slice(path.indexOf(':') + 1),
    ...more,
  };
}

/** A patch with operations; its content by path in the pack, a path that ends with `/` is a folder. */
function pack(
  name: string,
  operations: readonly FileOperation[],
  contents: Readonly<Record<string, string>> = {},
): Pack {
  const content = new Map<string, PackContent>();
  for (const [written, tag] of Object.entries(contents)) {
    const path = written.replace(/\/$/, '');
    const entry = path === written ? fileEntry(tag) : FOLDER;
    content.set(path, { source: rooted('patches', `${name}/${path}`), entry });
  }
  return makePack(name, {}, { operations, content });
}

/** Path → what is on top: a tag’s MD5, `folder` or `absent`, and the pack that says so. */
function tops(stack: Stack): Record<string, string> {
  return Object.fromEntries(
    [...stack.layers].map(([path, { after, pack: of }]) => [
      path.slice(path.indexOf(':') + 1),
      `${after.kind === 'file' ? after.md5 : after.kind} by ${of}`,
    ]),
  );
}

const messages = (stack: Stack) => stack.problems.map(({ code, message }) => `${code}: ${message}`);
const create = (path: string, from: string): FileOperation => ({
  kind: 'create',
  type: 'file',
  path: at(path),
  source: source(from),
});
const update = (path: string, from: string, more: object = {}): FileOperation => ({
  kind: 'update',
  type: 'file',
  path: at(path),
  source: source(from),
  ...more,
});
const remove = (path: string, type: 'file' | 'directory' = 'file'): FileOperation => ({
  kind: 'delete',
  type,
  path: at(path),
});
const rename = (path: string, to: string, type: 'file' | 'directory' = 'file'): FileOperation => ({
  kind: 'rename',
  type,
  path: at(path),
  to: at(to),
});

describe('what lies in packs', () => {
  test('the last one wins a path; those below it are its shadows, the lowest first', () => {
    const stack = stackLayers(
      [
        makePack('servicepack001', { 'a.jar': 'sp' }),
        makePack('patch0001', { 'a.jar': '1' }),
        makePack('patch0002', { 'a.jar': '2' }),
      ],
      ground(),
    );
    const layer = stack.layers.get(plugin('a.jar'));
    expect(layer).toMatchObject({ pack: 'patch0002', shadows: ['servicepack001', 'patch0001'], operation: false });
    expect(layer?.after).toMatchObject({ md5: md5Of('2') });
    expect(layer?.origin).toMatchObject({ kind: 'pack', path: 'patches:patch0002/a.jar' });
    expect(stack.operations.size).toBe(0);
  });

  test.each([
    ['a folder where a file is', { a: '1' }, { 'a/': '' }, 'brings a folder where patch0001 brings a file'],
    ['a file where a folder is', { 'a/': '' }, { a: '1' }, 'brings a file where patch0001 brings a folder'],
    ['a file below a file', { a: '1' }, { 'a/b': '2' }, 'patch0001 brings a file where patch0002 needs a folder'],
  ])('%s is a conflict that names both', (_, below, above, expected) => {
    const stack = stackLayers([makePack('patch0001', below), makePack('patch0002', above)], ground());
    expect(messages(stack).join('\n')).toContain(expected);
    expect(stack.problems.every(({ pack: of }) => of === 'patch0002')).toBe(true);
  });
});

describe('operations', () => {
  test('create makes the folders on the way, and keeps the mode of the pack', () => {
    const stack = stackLayers([pack('patch0001', [create('a/b/c.txt', 'f')], { f: 'new' })], ground());
    expect(tops(stack)).toEqual({
      a: 'directory by patch0001',
      'a/b': 'directory by patch0001',
      'a/b/c.txt': `${md5Of('new')} by patch0001`,
    });
    expect(stack.operations.get('patch0001')).toMatchObject({
      files: [{ target: 'home:a/b/c.txt', operation: true, mode: 0o644 }],
      directories: [{ target: 'home:a' }, { target: 'home:a/b' }],
      removes: [],
    });
  });

  test('update keeps the mode of what is there, unless it sets one', () => {
    const base = { 'a.sh': { ...fileEntry('old'), mode: 0o600 } };
    const modeOf = (more: object) =>
      stackLayers([pack('patch0001', [update('a.sh', 'f', more)], { f: 'new' })], ground(base)).layers.get(at('a.sh'));
    expect(modeOf({})).toMatchObject({ after: { mode: 0o600 }, setsMode: false });
    expect(modeOf({ mode: 0o640 })).toMatchObject({ after: { mode: 0o640 }, setsMode: true });
    expect(modeOf({ flags: { executable: true } })).toMatchObject({ after: { mode: 0o700 }, setsMode: true });
  });

  test('update of a folder leaves exactly what the source has', () => {
    const base = { w: FOLDER, 'w/keep.txt': fileEntry('old'), 'w/gone.txt': fileEntry('gone'), 'w/d': FOLDER };
    const operation: FileOperation = { kind: 'update', type: 'directory', path: at('w'), source: source('src') };
    const contents = { 'src/': '', 'src/keep.txt': 'new', 'src/more/': '', 'src/more/x.txt': 'x' };
    expect(tops(stackLayers([pack('patch0001', [operation], contents)], ground(base)))).toEqual({
      'w/keep.txt': `${md5Of('new')} by patch0001`,
      'w/more': 'directory by patch0001',
      'w/more/x.txt': `${md5Of('x')} by patch0001`,
      'w/gone.txt': 'absent by patch0001',
      'w/d': 'absent by patch0001',
    });
  });

  test('delete takes a folder with everything below it; then the name is free', () => {
    const base = { d: FOLDER, 'd/a': fileEntry('a'), 'd/e': FOLDER, 'd/e/b': fileEntry('b') };
    const stack = stackLayers(
      [pack('patch0001', [remove('d', 'directory'), create('d', 'f')], { f: 'file' })],
      ground(base),
    );
    expect(messages(stack)).toEqual([]);
    expect(tops(stack)).toEqual({
      d: `${md5Of('file')} by patch0001`,
      'd/a': 'absent by patch0001',
      'd/e': 'absent by patch0001',
      'd/e/b': 'absent by patch0001',
    });
  });

  test('what came into a folder after the pack was applied is none of its business', () => {
    const base = { d: FOLDER, 'd/theirs': fileEntry('theirs') };
    const deleting = [pack('patch0001', [remove('d', 'directory')])];
    expect(Object.keys(tops(stackLayers(deleting, ground(base))))).toContain('d/theirs');
    expect(Object.keys(tops(stackLayers(deleting, ground(base, { isApplied: () => true }))))).not.toContain('d/theirs');
  });

  test('rename of a folder moves what is below; an original comes from where it is kept, a pack’s file from the pack', () => {
    const base = { d: FOLDER, 'd/a': fileEntry('original') };
    const packs = [
      pack('patch0001', [create('d/b', 'f')], { f: 'of the pack' }),
      pack('patch0002', [rename('d', 'e', 'directory')]),
    ];
    const stack = stackLayers(packs, ground(base));
    expect(messages(stack)).toEqual([]);
    expect(tops(stack)).toMatchObject({
      d: 'absent by patch0002',
      'd/a': 'absent by patch0002',
      'd/b': 'absent by patch0002',
      e: 'directory by patch0002',
      'e/a': `${md5Of('original')} by patch0002`,
      'e/b': `${md5Of('of the pack')} by patch0002`,
    });
    expect(stack.layers.get(at('e/a'))?.origin).toEqual({ kind: 'base', path: 'home:d/a' });
    expect(stack.layers.get(at('e/b'))?.origin).toMatchObject({ kind: 'pack', path: 'patches:patch0001/f' });
    const recorded = stack.operations.get('patch0002');
    expect(recorded?.files.map(({ target, source: from }) => [target, from])).toEqual([
      ['home:e/a', `state:store/${sha256Of('original')}`],
      ['home:e/b', undefined],
    ]);
    expect(recorded?.removes).toEqual(['home:d', 'home:d/a', 'home:d/b']);
  });

  test('each pack sees what those before it have left', () => {
    const packs = [
      pack('patch0001', [create('a', 'f')], { f: '1' }),
      pack('patch0002', [update('a', 'f', { before: { md5: md5Of('1') } })], { f: '2' }),
      pack('patch0003', [remove('a'), create('a', 'f')], { f: '3' }),
    ];
    const stack = stackLayers(packs, ground());
    expect(messages(stack)).toEqual([]);
    expect(stack.layers.get(at('a'))).toMatchObject({ pack: 'patch0003', shadows: ['patch0001', 'patch0002'] });
    expect(messages(stackLayers(packs.slice(1), ground()))[0]).toContain('(missing)');
  });

  test('a source in the folder of a patch may be written with that folder', () => {
    const stack = stackLayers([pack('patch0001', [create('a', 'patch0001/f')], { f: 'x' })], ground());
    expect(messages(stack)).toEqual([]);
    expect(tops(stack)['a']).toBe(`${md5Of('x')} by patch0001`);
  });
});

describe('refused', () => {
  const base: Record<string, Base> = {
    file: fileEntry('old'),
    folder: FOLDER,
    'folder/in': fileEntry('in'),
    link: { kind: 'foreign' },
    'folder/link': { kind: 'foreign' },
    lost: { kind: 'unknown' },
  };
  const { sha256: _, ...unsummed } = fileEntry('old');

  test.each<[string, FileOperation, string]>([
    ['create of what is there', create('file', 'f'), 'CONFLICT.*(exists)'],
    ['create below a file', create('file/x', 'f'), 'CONFLICT.*(wrong-type)'],
    ['create of a link', create('link', 'f'), 'OUTSIDE_HOME.*(link)'],
    ['create without its source', create('new', 'nothing'), 'PACK_REFUSED.*(missing-source)'],
    ['create of a file out of a folder', create('new', 'd'), 'PACK_REFUSED.*(missing-source)'],
    ['update of nothing', update('none', 'f'), 'CONFLICT.*(missing)'],
    ['update of a folder as a file', update('folder', 'f'), 'CONFLICT.*(wrong-type)'],
    ['update of what nobody knows', update('lost', 'f'), 'BASE_UNKNOWN.*(unknown-checksum)'],
    ['update of another size', update('file', 'f', { before: { sizeBytes: 9 } }), 'CONFLICT.*(wrong-size)'],
    ['update of another MD5', update('file', 'f', { before: { md5: md5Of('x') } }), 'CONFLICT.*(wrong-checksum)'],
    [
      'update of another SHA-256',
      update('file', 'f', { before: { sha256: sha256Of('x') } }),
      'CONFLICT.*(wrong-checksum)',
    ],
    ['delete of nothing', remove('none'), 'CONFLICT.*(missing)'],
    ['delete of a folder as a file', remove('folder'), 'CONFLICT.*(wrong-type)'],
    ['rename of nothing', rename('none', 'new'), 'CONFLICT.*(missing)'],
    ['rename to what is there', rename('file', 'folder'), 'CONFLICT.*(exists)'],
    ['rename of a folder with a link in it', rename('folder', 'new', 'directory'), 'OUTSIDE_HOME.*(link)'],
    [
      'a folder out of a file',
      { kind: 'create', type: 'directory', path: at('new'), source: source('f') },
      'PACK_REFUSED.*(missing-source)',
    ],
  ])('%s', (_name, operation, expected) => {
    const stack = stackLayers([pack('patch0001', [operation], { f: 'x', 'd/': '' })], ground(base));
    const [code = '', name = ''] = expected.split('.*');
    expect(messages(stack)).toEqual([expect.stringMatching(new RegExp(`^${code}: .*\\${name.slice(0, -1)}\\)$`))]);
    expect(stack.problems[0]?.pack).toBe('patch0001');
  });

  test('a SHA-256 of what has none on record', () => {
    const operation = update('file', 'f', { before: { sha256: sha256Of('old') } });
    const stack = stackLayers([pack('patch0001', [operation], { f: 'x' })], ground({ file: unsummed }));
    expect(messages(stack)[0]).toContain('(unknown-checksum)');
  });
});

describe('deltas', () => {
  const before = fileEntry('old');
  const delta = (after: object): FileOperation => ({
    kind: 'update',
    type: 'file',
    path: at('a'),
    delta: { source: source('d'), before: { md5: before.md5 }, after },
  });
  const packOf = (after: object, name = 'patch0001') => pack(name, [delta(after)], { d: `delta of ${name}` });
  const key = deltaKey(before, fileEntry('delta of patch0001'));
  const made: DeltaResult = { kind: 'made', path: rooted('state', 'cache/deltas/x'), entry: fileEntry('new') };
  const knowing = (results: Readonly<Record<string, DeltaResult>>) =>
    ground({ a: before }, { delta: (one) => results[one] });

  test('a result that is not known is asked for, with where everything lies', () => {
    const stack = stackLayers([packOf({ md5: md5Of('new') })], ground({ a: before }));
    expect(stack.deltas).toEqual([
      {
        key,
        pack: 'patch0001',
        target: 'home:a',
        basis: { path: 'home:a', entry: before },
        delta: { path: 'patches:patch0001/d', entry: fileEntry('delta of patch0001') },
      },
    ]);
    expect(stack.problems).toHaveLength(1);
    expect(stack.layers.size).toBe(0);
  });

  test('a result that is known is a layer like any other, with the mode of what was there', () => {
    const stack = stackLayers([packOf({ md5: md5Of('new') })], knowing({ [key]: made }));
    expect(messages(stack)).toEqual([]);
    expect(stack.deltas).toEqual([]);
    expect(stack.layers.get(at('a'))).toMatchObject({
      after: { md5: md5Of('new'), mode: before.mode },
      origin: { kind: 'pack', path: 'state:cache/deltas/x', shown: 'patches:patch0001/d' },
    });
  });

  test('a result may be the basis of the next', () => {
    const second = pack(
      'patch0002',
      [
        {
          ...delta({ md5: md5Of('newer') }),
          delta: { source: source('d'), before: { md5: md5Of('new') }, after: { md5: md5Of('newer') } },
        } as FileOperation,
      ],
      { d: 'delta of patch0002' },
    );
    const stack = stackLayers([packOf({ md5: md5Of('new') }), second], knowing({ [key]: made }));
    expect(stack.deltas.map(({ basis }) => basis)).toEqual([
      { path: 'state:cache/deltas/x', entry: { ...made.entry, mode: before.mode } },
    ]);
  });

  test.each<[string, Ground, object, string]>([
    ['another basis', ground({ a: fileEntry('other') }), { md5: md5Of('new') }, 'CONFLICT: .*\\(wrong-basis\\)$'],
    ['another result', knowing({ [key]: made }), { md5: md5Of('other') }, 'CONFLICT: .*\\(wrong-result\\)$'],
    ['a result of another size', knowing({ [key]: made }), { sizeBytes: 99 }, 'CONFLICT: .*\\(wrong-result\\)$'],
    [
      'what could not be applied',
      knowing({ [key]: { kind: 'failed', code: 'PACK_REFUSED', message: 'junk (junk-delta)' } }),
      { md5: md5Of('new') },
      'PACK_REFUSED: patch0001 cannot update a: junk \\(junk-delta\\)$',
    ],
    [
      'an original that is nowhere',
      ground({ a: before }, { contentOf: () => undefined }),
      { md5: md5Of('new') },
      'STORE_DAMAGED: ',
    ],
  ])('%s', (_name, over, after, expected) => {
    const stack = stackLayers([packOf(after)], over);
    expect(messages(stack)).toEqual([expect.stringMatching(new RegExp(`^${expected}`))]);
    expect(stack.deltas).toEqual([]);
  });
});
