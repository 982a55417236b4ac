// patch.json: a full example, each field's errors with their place, strict JSON, the schema against the TypeScript types, and
// inputs that are broken on purpose.

import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IniEdit } from '../../src/plan/edit/edit-ini.js';
import type { JsonEdit } from '../../src/plan/edit/edit-json.js';
import type { PropertiesEdit } from '../../src/plan/edit/edit-properties.js';
import type { XmlEdit } from '../../src/plan/edit/edit-xml.js';
import type { YamlEdit } from '../../src/plan/edit/edit-yaml.js';
import type {
  Action,
  AppliesTo,
  Command,
  DeltaPayload,
  ExpectedContent,
  FileFlags,
  FileOperation,
  Health,
  LeadsTo,
  ListedDigest,
  ManifestError,
  PackManifest,
  PackReference,
} from '../../src/plan/pack-manifest.js';
import { parsePackManifest } from '../../src/plan/pack-manifest.js';
import { ACTION_DEPTH } from '../../src/plan/pack-manifest-build.js';
import { MANIFEST_DEPTH, MANIFEST_LIMIT_BYTES } from '../../src/plan/pack-manifest-text.js';

const SCHEMA_FILE = new URL('../../schemas/patch.schema.json', import.meta.url);
interface DefinitionSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly examples?: readonly unknown[];
}
const SCHEMA = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as DefinitionSchema & {
  readonly definitions: Readonly<Record<string, DefinitionSchema>>;
};

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const OTHER_MD5 = '0cc175b9c0f1b6a831c399e269772661';
const SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Every field of every type, once. */
const FULL = {
  $schema: '../schemas/patch.schema.json',
  id: 'WSO2-CARBON-PATCH-4.4.0-0001',
  version: '1.2.0.GA',
  title: 'Tenants log in again',
  description: 'Corrects the login of tenants and raises the port.',
  appliesTo: { versions: ['>=4.4.0 <5', '[4.4,5.0)'], identities: [MD5] },
  leadsTo: { version: '4.4.12', identity: OTHER_MD5 },
  requires: [{ id: 'patch0001', version: '>=1' }],
  conflicts: [{ id: 'patch0002' }],
  supersedes: [{ id: 'patch0003', version: 'osgi:[1,2)' }],
  chainable: false,
  fixes: ['CVE-2022-29464', 'CARBON-15000'],
  files: [
    { kind: 'create', path: '/bin/check.sh', source: 'files/check.sh', flags: { executable: true } },
    { kind: 'create', type: 'directory', path: '/repository/empty', mode: '0750' },
    {
      kind: 'update',
      path: '/repository/conf/carbon.xml',
      source: 'files/carbon.xml',
      before: { md5: MD5, sha256: SHA256, sizeBytes: 0 },
      mode: '0644',
    },
    {
      kind: 'update',
      path: '/lib/big.jar',
      delta: { source: 'files/big.delta', before: { md5: MD5 }, after: { sha256: SHA256 } },
    },
    { kind: 'update', type: 'directory', path: '/repository/webapps/a', source: 'files' },
    { kind: 'delete', type: 'directory', path: '/repository/old' },
    { kind: 'delete', path: '/repository/old.txt', before: { sizeBytes: 5 } },
    { kind: 'rename', path: '/repository/a', to: '/repository/b', before: { md5: MD5 } },
  ],
  actions: [
    {
      kind: 'notify',
      onFailure: {
        argv: ['mail', 'ops@example.org'],
        cwd: '/bin',
        env: { A: 'b' },
        timeoutSeconds: 5,
        exitCodes: [0, 3],
      },
    },
    { kind: 'setValue', name: 'port', value: 9443, id: 'port', title: 'The port', when: "home.version in '>=4.4.0'" },
    { kind: 'create', path: '/repository/conf/$port$.xml', source: 'files/carbon.xml', when: "not file.exists('/x')" },
    { kind: 'update', path: '/repository/conf/a.xml', source: 'files/carbon.xml' },
    { kind: 'delete', path: '/repository/conf/$$b.xml' },
    { kind: 'rename', path: '/a', to: '/b' },
    { kind: 'unzip', archive: 'files/console.war', into: '/repository/webapps/console' },
    {
      kind: 'editXml',
      file: '/repository/conf/carbon.xml',
      edits: [
        {
          op: 'setText',
          xpath: '/c:Server/c:Offset',
          value: '$port$',
          namespaces: { c: 'http://wso2.org/projects/carbon/carbon.xml' },
        },
        { op: 'setAttribute', xpath: '/Server/A', name: 'a', value: '' },
        { op: 'removeNode', xpath: '/Server/Old' },
        { op: 'insertChild', xpath: '/Server', position: 'last', fragment: '<New/>' },
        { op: 'replaceNode', xpath: '/Server/A', fragment: '<New/>' },
      ],
    },
    {
      kind: 'editProperties',
      file: '/a.properties',
      edits: [
        { op: 'set', key: 'a', value: '', after: 'z' },
        { op: 'remove', key: 'b' },
      ],
    },
    {
      kind: 'editIni',
      file: '/a.ini',
      edits: [
        { op: 'set', section: 's', key: 'a', value: 'b' },
        { op: 'remove', section: '', key: 'b' },
        { op: 'addSection', section: 't' },
      ],
    },
    {
      kind: 'editJson',
      file: '/a.json',
      edits: [
        { op: 'set', pointer: '/a', value: null },
        { op: 'remove', pointer: '/b' },
        { op: 'append', pointer: '/c', value: [1] },
      ],
    },
    {
      kind: 'editYaml',
      file: '/a.yaml',
      edits: [
        { op: 'set', path: ['a', 0], value: {}, document: 1 },
        { op: 'remove', path: ['b'] },
        { op: 'append', path: ['c'], value: 'x' },
      ],
    },
    {
      kind: 'run',
      argv: ['bin/hosts.sh'],
      cwd: '/bin',
      env: { A: '$port$' },
      timeoutSeconds: 30,
      exitCodes: [0, 1],
      repeatable: true,
      set: 'hosts',
    },
    { kind: 'run', argv: ['bin/on.sh'], undo: { argv: ['bin/off.sh'] } },
    { kind: 'stopService', argv: ['systemctl', 'stop', 'x'], undo: { argv: ['systemctl', 'start', 'x'] } },
    { kind: 'startService', argv: ['systemctl', 'start', 'x'], undo: { argv: ['systemctl', 'stop', 'x'] } },
    {
      kind: 'list',
      actions: [
        { kind: 'forEach', itemsFrom: 'hosts', as: 'host', actions: [{ kind: 'delete', path: '/hosts/$host$' }] },
      ],
    },
    { kind: 'forEach', items: ['a', 'b'], as: 'item', actions: [] },
    { kind: 'module', file: 'files/migrate.mjs', options: { table: '$port$', kind: { deep: ['$hosts$'] } } },
  ],
  digests: Object.fromEntries(
    ['check.sh', 'carbon.xml', 'big.delta', 'console.war', 'migrate.mjs'].map((name) => [
      `files/${name}`,
      { sha256: SHA256, md5: MD5, sizeBytes: 0 },
    ]),
  ),
  health: { kind: 'command', argv: ['bin/health.sh'], cwd: '/bin', env: {}, timeoutSeconds: 20, exitCodes: [0] },
} as const;
async function read(value: unknown): Promise<PackManifest> {
  const parsed = await parsePackManifest(typeof value === 'string' ? value : JSON.stringify(value), 'patch.json');
  if (parsed.kind === 'invalid') throw new Error(parsed.errors.map((error) => error.message).join('\n'));
  return parsed.manifest;
}

async function errorsOf(value: unknown): Promise<readonly ManifestError[]> {
  const parsed = await parsePackManifest(
    typeof value === 'string' ? value : JSON.stringify(value, undefined, 2),
    'patch.json',
  );
  return parsed.kind === 'invalid' ? parsed.errors : [];
}

const MINIMAL = { id: 'patch0001', version: '1.0.0' };

describe('a manifest', () => {
  it('gives the smallest one its defaults', async () => {
    expect(await read(MINIMAL)).toEqual({
      id: 'patch0001',
      version: '1.0.0',
      requires: [],
      conflicts: [],
      supersedes: [],
      chainable: true,
      fixes: [],
      files: [],
      actions: [],
      digests: new Map(),
    });
  });

  it('reads every field', async () => {
    const manifest = await read(FULL);
    expect(manifest.appliesTo).toEqual(FULL.appliesTo);
    expect(manifest.leadsTo).toEqual(FULL.leadsTo);
    expect(manifest.files[0]).toEqual({
      kind: 'create',
      type: 'file',
      path: 'home:bin/check.sh',
      source: 'files/check.sh',
      flags: { executable: true },
    });
    expect(manifest.files[1]).toEqual({
      kind: 'create',
      type: 'directory',
      path: 'home:repository/empty',
      mode: 0o750,
    });
    expect(manifest.files[3]).toEqual({
      kind: 'update',
      type: 'file',
      path: 'home:lib/big.jar',
      delta: { source: 'files/big.delta', before: { md5: MD5 }, after: { sha256: SHA256 } },
    });
    expect(manifest.files[7]).toEqual({
      kind: 'rename',
      type: 'file',
      path: 'home:repository/a',
      to: 'home:repository/b',
      before: { md5: MD5 },
    });
    expect(manifest.actions).toHaveLength(FULL.actions.length);
    expect(manifest.actions[1]).toEqual({
      kind: 'setValue',
      id: 'port',
      title: 'The port',
      name: 'port',
      value: 9443,
      when: {
        text: "home.version in '>=4.4.0'",
        ast: { kind: 'in', version: { kind: 'fact', name: 'home.version' }, range: '>=4.4.0' },
      },
    });
    expect(manifest.actions[13]).toEqual({
      kind: 'run',
      argv: ['bin/on.sh'],
      env: {},
      timeoutSeconds: 60,
      exitCodes: [0],
      undo: { argv: ['bin/off.sh'], env: {}, timeoutSeconds: 60, exitCodes: [0] },
    });
    expect(manifest.digests.size).toBe(5);
    expect(manifest.health).toEqual({
      kind: 'command',
      argv: ['bin/health.sh'],
      cwd: '/bin',
      env: {},
      timeoutSeconds: 20,
      exitCodes: [0],
    });
  });

  it.each([
    [
      { kind: 'url', url: 'https://localhost:9443/carbon/' },
      { kind: 'url', url: 'https://localhost:9443/carbon/', timeoutSeconds: 300 },
    ],
    [
      { kind: 'url', url: 'http://[::1]/' },
      { kind: 'url', url: 'http://[::1]/', timeoutSeconds: 300 },
    ],
    [
      { kind: 'file', path: '/logs/healthy', timeoutSeconds: 1 },
      { kind: 'file', path: 'home:logs/healthy', timeoutSeconds: 1 },
    ],
  ])('reads the health %j', async (health, expected) => {
    expect((await read({ ...MINIMAL, health })).health).toEqual(expected);
  });
});

const op = (operation: object) => ({ ...MINIMAL, files: [operation] });
const act = (...actions: object[]) => ({ ...MINIMAL, actions });
const RUN = { kind: 'run', argv: ['x'], repeatable: true };

describe('errors', () => {
  it.each<[string, unknown, string, RegExp, RegExp]>([
    ['a missing id', { version: '1' }, '/id', /^nothing$/, /name of letters.*required/],
    ['a missing version', { id: 'a' }, '/version', /^nothing$/, /a text \(required\)/],
    ['no object', [], '', /an empty list/, /an object/],
    ['an id of the wrong type', { ...MINIMAL, id: 5 }, '/id', /^5$/, /a text/],
    ['an id with a slash', { ...MINIMAL, id: '../x' }, '/id', /"\.\.\/x"/, /name of letters/],
    ['a version that is none', { ...MINIMAL, version: 'new' }, '/version', /"new"/, /a version such as/],
    ['an empty title', { ...MINIMAL, title: '' }, '/title', /""/, /not empty/],
    ['a long title', { ...MINIMAL, title: 'x'.repeat(201) }, '/title', /201|203/, /at most 200 characters/],
    ['a description of the wrong type', { ...MINIMAL, description: [] }, '/description', /an empty list/, /a text/],
    [
      'an unknown key',
      { ...MINIMAL, supercedes: [] },
      '/supercedes',
      /unknown key "supercedes"/,
      /nearest is supersedes/,
    ],
    [
      'an empty appliesTo',
      { ...MINIMAL, appliesTo: {} },
      '/appliesTo',
      /an empty object/,
      /at least 1 of versions, identities/,
    ],
    [
      'an unknown key in appliesTo',
      { ...MINIMAL, appliesTo: { version: ['1'] } },
      '/appliesTo/version',
      /unknown key/,
      /nearest is versions/,
    ],
    [
      'no versions',
      { ...MINIMAL, appliesTo: { versions: [] } },
      '/appliesTo/versions',
      /an empty list/,
      /at least 1 item/,
    ],
    [
      'a bad range',
      { ...MINIMAL, appliesTo: { versions: ['1', '>=new'] } },
      '/appliesTo/versions/1',
      /">=new"/,
      /version range/,
    ],
    [
      'a bad identity',
      { ...MINIMAL, appliesTo: { identities: ['ABC'] } },
      '/appliesTo/identities/0',
      /"ABC"/,
      /32 lower-case/,
    ],
    [
      'an identity twice',
      { ...MINIMAL, appliesTo: { identities: [MD5, MD5] } },
      '/appliesTo/identities',
      /list of 2/,
      /each item once/,
    ],
    ['a bad leadsTo', { ...MINIMAL, leadsTo: { version: '>=1' } }, '/leadsTo/version', />=1/, /a version such as/],
    ['a leadsTo without a version', { ...MINIMAL, leadsTo: {} }, '/leadsTo/version', /nothing/, /required/],
    ['a reference that is a text', { ...MINIMAL, requires: ['patch0002'] }, '/requires/0', /"patch0002"/, /an object/],
    [
      'a reference with a bad range',
      { ...MINIMAL, requires: [{ id: 'a', version: '[1' }] },
      '/requires/0/version',
      /\[1/,
      /version range/,
    ],
    [
      'a pack that requires itself',
      { ...MINIMAL, requires: [{ id: 'patch0001' }] },
      '/requires/0/id',
      /patch0001/,
      /another pack/,
    ],
    [
      'a pack that conflicts with itself',
      { ...MINIMAL, conflicts: [{ id: 'patch0001' }] },
      '/conflicts/0/id',
      /patch0001/,
      /another pack/,
    ],
    [
      'a pack that supersedes itself',
      { ...MINIMAL, supersedes: [{ id: 'patch0001' }] },
      '/supersedes/0/id',
      /patch0001/,
      /another pack/,
    ],
    [
      'a contradiction',
      { ...MINIMAL, requires: [{ id: 'a' }], conflicts: [{ id: 'a', version: '1' }] },
      '/conflicts/0/id',
      /in requires too/,
      /one of the two/,
    ],
    ['a chainable that is a text', { ...MINIMAL, chainable: 'no' }, '/chainable', /"no"/, /true or false/],
    ['a fix twice', { ...MINIMAL, fixes: ['a', 'a'] }, '/fixes', /list of 2/, /each item once/],
    ['an empty fix', { ...MINIMAL, fixes: [''] }, '/fixes/0', /""/, /not empty/],
    [
      'an operation without a kind',
      op({ path: '/a' }),
      '/files/0/kind',
      /nothing/,
      /one of create, update, delete, rename/,
    ],
    ['an unknown operation', op({ kind: 'remove', path: '/a' }), '/files/0/kind', /"remove"/, /nearest is rename/],
    [
      'an action among the files',
      op({ kind: 'setValue', name: 'a', value: 1 }),
      '/files/0/kind',
      /"setValue"/,
      /one of create/,
    ],
    [
      'an operation with a condition',
      op({ kind: 'delete', path: '/a', when: 'true' }),
      '/files/0/when',
      /unknown key/,
      /nearest is/,
    ],
    ['a path without a slash', op({ kind: 'delete', path: 'a' }), '/files/0/path', /"a"/, /starts with \//],
    [
      'a path that escapes',
      op({ kind: 'delete', path: '/a/../../b' }),
      '/files/0/path',
      /\.\./,
      /stays inside the home/,
    ],
    [
      'a path with an empty part',
      op({ kind: 'delete', path: '/a//b' }),
      '/files/0/path',
      /\/a\/\/b/,
      /inside the home/,
    ],
    ['a path with a drive', op({ kind: 'delete', path: '/C:/b' }), '/files/0/path', /C:/, /inside the home/],
    ['a path with a backslash', op({ kind: 'delete', path: '/a\\b' }), '/files/0/path', /a/, /inside the home/],
    [
      'the home itself',
      op({ kind: 'delete', type: 'directory', path: '/' }),
      '/files/0/path',
      /"\/"/,
      /inside the home/,
    ],
    [
      'a rename onto itself',
      op({ kind: 'rename', path: '/a', to: '/a' }),
      '/files/0/to',
      /"\/a"/,
      /neither \/a nor below it/,
    ],
    ['a rename into itself', op({ kind: 'rename', path: '/a', to: '/a/b' }), '/files/0/to', /"\/a\/b"/, /nor below it/],
    [
      'a rename out of the home',
      op({ kind: 'rename', path: '/a', to: '/../b' }),
      '/files/0/to',
      /\.\./,
      /inside the home/,
    ],
    ['a create without a source', op({ kind: 'create', path: '/a' }), '/files/0', /no source/, /path in the pack/],
    [
      'a source that escapes',
      op({ kind: 'create', path: '/a', source: '../x' }),
      '/files/0/source',
      /\.\.\/x/,
      /path in the pack/,
    ],
    [
      'an absolute source',
      op({ kind: 'create', path: '/a', source: '/x' }),
      '/files/0/source',
      /\/x/,
      /without a \/ in front/,
    ],
    ['an update with nothing', op({ kind: 'update', path: '/a' }), '/files/0', /neither/, /one of source and delta/],
    [
      'an update with both',
      op({
        kind: 'update',
        path: '/a',
        source: 'b',
        delta: { source: 'c', before: { md5: MD5 }, after: { md5: MD5 } },
      }),
      '/files/0',
      /both/,
      /one of source and delta/,
    ],
    [
      'a delta without digests',
      op({ kind: 'update', path: '/a', delta: { source: 'c', before: { sizeBytes: 1 }, after: { md5: MD5 } } }),
      '/files/0/delta/before',
      /no digest/,
      /md5 or sha256/,
    ],
    [
      'a delta beside before',
      op({
        kind: 'update',
        path: '/a',
        before: { md5: MD5 },
        delta: { source: 'c', before: { md5: MD5 }, after: { md5: MD5 } },
      }),
      '/files/0/before',
      /beside delta/,
      /inside delta/,
    ],
    [
      'a delta for a directory',
      op({
        kind: 'update',
        type: 'directory',
        path: '/a',
        delta: { source: 'c', before: { md5: MD5 }, after: { md5: MD5 } },
      }),
      '/files/0/delta',
      /directory/,
      /file only/,
    ],
    [
      'a delta whose source escapes',
      op({ kind: 'update', path: '/a', delta: { source: '../c', before: { md5: MD5 }, after: { md5: MD5 } } }),
      '/files/0/delta/source',
      /\.\./,
      /path in the pack/,
    ],
    [
      'before for a directory',
      op({ kind: 'delete', type: 'directory', path: '/a', before: { md5: MD5 } }),
      '/files/0/before',
      /directory/,
      /file only/,
    ],
    [
      'an empty before',
      op({ kind: 'delete', path: '/a', before: {} }),
      '/files/0/before',
      /empty object/,
      /at least 1 of sha256, md5, sizeBytes/,
    ],
    [
      'a negative size',
      op({ kind: 'delete', path: '/a', before: { sizeBytes: -1 } }),
      '/files/0/before/sizeBytes',
      /-1/,
      /at least 0/,
    ],
    [
      'a type that is none',
      op({ kind: 'delete', type: 'folder', path: '/a' }),
      '/files/0/type',
      /"folder"/,
      /one of "file", "directory"/,
    ],
    [
      'a mode that is a number',
      op({ kind: 'create', path: '/a', source: 'b', mode: 644 }),
      '/files/0/mode',
      /644/,
      /a text/,
    ],
    [
      'a mode that is not octal',
      op({ kind: 'create', path: '/a', source: 'b', mode: '0689' }),
      '/files/0/mode',
      /0689/,
      /four octal digits/,
    ],
    [
      'flags beside mode',
      op({ kind: 'create', path: '/a', source: 'b', mode: '0644', flags: { executable: true } }),
      '/files/0/flags',
      /beside mode/,
      /one of/,
    ],
    [
      'flags for a directory',
      op({ kind: 'create', type: 'directory', path: '/a', flags: { executable: true } }),
      '/files/0/flags',
      /directory/,
      /mode/,
    ],
    [
      'a flag that is unknown',
      op({ kind: 'create', path: '/a', source: 'b', flags: { exec: true } }),
      '/files/0/flags/exec',
      /unknown key/,
      /nearest is executable/,
    ],
    [
      'a file that digests does not list',
      { ...op({ kind: 'create', path: '/a', source: 'b' }), digests: {} },
      '/files/0/source',
      /"b"/,
      /that digests lists/,
    ],
    [
      'a digest path that escapes',
      { ...MINIMAL, digests: { '../a': { sha256: SHA256, md5: MD5 } } },
      '/digests/..~1a',
      /the key/,
      /path in the pack/,
    ],
    [
      'a digest without MD5',
      { ...MINIMAL, digests: { a: { sha256: SHA256 } } },
      '/digests/a/md5',
      /nothing/,
      /MD5 as 32.*required/,
    ],
    [
      'a digest in capitals',
      { ...MINIMAL, digests: { a: { sha256: SHA256.toUpperCase(), md5: MD5 } } },
      '/digests/a/sha256',
      /E3B0/,
      /64 lower-case/,
    ],
    [
      'an unknown action',
      act({ kind: 'editXMl', file: '/a', edits: [] }),
      '/actions/0/kind',
      /editXMl/,
      /nearest is editXml/,
    ],
    ['an unknown key of an action', act({ ...RUN, workdir: '/a' }), '/actions/0/workdir', /unknown key/, /nearest is/],
    [
      'a bad condition',
      act({ ...RUN, when: 'home.version >=' }),
      '/actions/0/when',
      /end of the condition/,
      /line 1, column 16 of the condition/,
    ],
    [
      'an action id twice',
      act({ ...RUN, id: 'a' }, { kind: 'list', actions: [{ ...RUN, id: 'a' }] }),
      '/actions/1/actions/0/id',
      /second time/,
      /no other action/,
    ],
    ['a command without a program', act({ ...RUN, argv: [] }), '/actions/0/argv', /an empty list/, /at least 1 item/],
    ['an empty program', act({ ...RUN, argv: [''] }), '/actions/0/argv/0', /""/, /name or the path/],
    ['a command that is a text', act({ ...RUN, argv: 'ls -l' }), '/actions/0/argv', /ls -l/, /a list/],
    ['a folder that escapes', act({ ...RUN, cwd: '/..' }), '/actions/0/cwd', /\.\./, /inside the home/],
    [
      'a variable without a name',
      act({ ...RUN, env: { 'A=B': '' } }),
      '/actions/0/env/A=B',
      /the key "A=B"/,
      /environment variable/,
    ],
    ['a time limit of nothing', act({ ...RUN, timeoutSeconds: 0 }), '/actions/0/timeoutSeconds', /^0$/, /above 0/],
    [
      'a time limit of years',
      act({ ...RUN, timeoutSeconds: 1e9 }),
      '/actions/0/timeoutSeconds',
      /1000000000/,
      /at most 86400/,
    ],
    ['an exit code that is none', act({ ...RUN, exitCodes: [256] }), '/actions/0/exitCodes/0', /256/, /at most 255/],
    [
      'a command without undo',
      act({ kind: 'run', argv: ['x'] }),
      '/actions/0',
      /neither undo nor repeatable/,
      /undo command/,
    ],
    [
      'a command with undo and repeatable',
      act({ ...RUN, undo: { argv: ['y'] } }),
      '/actions/0',
      /both/,
      /undo command/,
    ],
    [
      'a repeatable that is false',
      act({ kind: 'run', argv: ['x'], repeatable: false }),
      '/actions/0/repeatable',
      /false/,
      /true/,
    ],
    ['a value name with $', act({ ...RUN, set: '$a$' }), '/actions/0/set', /\$a\$/, /name of a shared value/],
    [
      'a service without undo',
      act({ kind: 'stopService', argv: ['x'] }),
      '/actions/0/undo',
      /nothing/,
      /an object \(required\)/,
    ],
    [
      'an undo folder that escapes',
      act({ kind: 'stopService', argv: ['x'], undo: { argv: ['y'], cwd: 'b' } }),
      '/actions/0/undo/cwd',
      /"b"/,
      /inside the home/,
    ],
    ['a lone $', act({ ...RUN, argv: ['x', 'a$b'] }), '/actions/0/argv/1', /lone \$ at character 2/, /\$\$/],
    [
      'a value that nobody sets',
      act({ ...RUN, argv: ['$port$'] }),
      '/actions/0/argv/0',
      /\$port\$/,
      /an earlier action sets/,
    ],
    [
      'a value that is set too late',
      act({ ...RUN, argv: ['$a$'] }, { kind: 'setValue', name: 'a', value: 1 }),
      '/actions/0/argv/0',
      /\$a\$/,
      /earlier/,
    ],
    [
      'a loop value outside its loop',
      act({ kind: 'forEach', items: [], as: 'a', actions: [] }, { ...RUN, argv: ['$a$'] }),
      '/actions/1/argv/0',
      /\$a\$/,
      /earlier/,
    ],
    ['a NUL', act({ ...RUN, argv: ['a\0b'] }), '/actions/0/argv/0', /NUL/, /without one/],
    [
      'a path with a value that escapes',
      act({ kind: 'setValue', name: 'a', value: 1 }, { kind: 'delete', path: '/$a$/../..' }),
      '/actions/1/path',
      /\.\./,
      /inside the home/,
    ],
    [
      'an archive that escapes',
      act({ kind: 'unzip', archive: '../a', into: '/b' }),
      '/actions/0/archive',
      /\.\./,
      /path in the pack/,
    ],
    [
      'an unzip out of the home',
      act({ kind: 'unzip', archive: 'a', into: '/../b' }),
      '/actions/0/into',
      /\.\./,
      /inside the home/,
    ],
    ['a module that escapes', act({ kind: 'module', file: '/a.mjs' }), '/actions/0/file', /a\.mjs/, /path in the pack/],
    ['no edits', act({ kind: 'editXml', file: '/a', edits: [] }), '/actions/0/edits', /empty list/, /at least 1 item/],
    [
      'an edit out of the home',
      act({ kind: 'editIni', file: 'a', edits: [{ op: 'remove', key: 'a' }] }),
      '/actions/0/file',
      /"a"/,
      /inside the home/,
    ],
    [
      'an unknown edit',
      act({ kind: 'editXml', file: '/a', edits: [{ op: 'delete', xpath: '/a' }] }),
      '/actions/0/edits/0/op',
      /delete/,
      /one of setText, setAttribute, removeNode, insertChild, replaceNode/,
    ],
    [
      'an edit without a value',
      act({ kind: 'editProperties', file: '/a', edits: [{ op: 'set', key: 'a' }] }),
      '/actions/0/edits/0/value',
      /nothing/,
      /a text \(required\)/,
    ],
    [
      'an XML position that is none',
      act({
        kind: 'editXml',
        file: '/a',
        edits: [{ op: 'insertChild', xpath: '/a', position: 'in', fragment: '<a/>' }],
      }),
      '/actions/0/edits/0/position',
      /"in"/,
      /one of "first"/,
    ],
    [
      'a pointer that is none',
      act({ kind: 'editJson', file: '/a', edits: [{ op: 'remove', pointer: 'a' }] }),
      '/actions/0/edits/0/pointer',
      /"a"/,
      /RFC 6901/,
    ],
    [
      'an XPath of another kind',
      act({ kind: 'editXml', file: '/a', edits: [{ op: 'removeNode', xpath: 'count(//a)' }] }),
      '/actions/0/edits/0/xpath',
      /count/,
      /part of XPath/,
    ],
    [
      'an empty YAML path',
      act({ kind: 'editYaml', file: '/a', edits: [{ op: 'remove', path: [] }] }),
      '/actions/0/edits/0/path',
      /empty list/,
      /at least 1 item/,
    ],
    [
      'a loop over nothing',
      act({ kind: 'forEach', as: 'a', actions: [] }),
      '/actions/0',
      /neither items nor itemsFrom/,
      /one of/,
    ],
    [
      'a loop over two',
      act({ kind: 'forEach', items: [], itemsFrom: 'b', as: 'a', actions: [] }),
      '/actions/0',
      /both items and itemsFrom/,
      /one of/,
    ],
    [
      'a loop over a value that nobody sets',
      act({ kind: 'forEach', itemsFrom: 'b', as: 'a', actions: [] }),
      '/actions/0/itemsFrom',
      /"b"/,
      /earlier action/,
    ],
    [
      'a value that is a list',
      act({ kind: 'setValue', name: 'a', value: [] }),
      '/actions/0/value',
      /empty list/,
      /a text or a number or true or false/,
    ],
    [
      'a notifier without a command',
      act({ kind: 'notify' }),
      '/actions/0/onFailure',
      /nothing/,
      /an object \(required\)/,
    ],
    [
      'an unknown health',
      { ...MINIMAL, health: { kind: 'http', url: 'x' } },
      '/health/kind',
      /"http"/,
      /one of command, url, file/,
    ],
    [
      'a health elsewhere',
      { ...MINIMAL, health: { kind: 'url', url: 'http://example.org/' } },
      '/health/url',
      /example/,
      /this machine/,
    ],
    [
      'a health by a name like ours',
      { ...MINIMAL, health: { kind: 'url', url: 'http://127.0.0.1.example.org/' } },
      '/health/url',
      /example/,
      /this machine/,
    ],
    [
      'a health with a password',
      { ...MINIMAL, health: { kind: 'url', url: 'http://a:b@localhost/' } },
      '/health/url',
      /a:b/,
      /user name/,
    ],
    [
      'a health by file URL',
      { ...MINIMAL, health: { kind: 'url', url: 'file:///etc/passwd' } },
      '/health/url',
      /passwd/,
      /http or https/,
    ],
    [
      'a health that is no URL',
      { ...MINIMAL, health: { kind: 'url', url: 'localhost' } },
      '/health/url',
      /localhost/,
      /http or https/,
    ],
    [
      'a health file that escapes',
      { ...MINIMAL, health: { kind: 'file', path: 'x' } },
      '/health/path',
      /"x"/,
      /inside the home/,
    ],
    [
      'a health folder that escapes',
      { ...MINIMAL, health: { kind: 'command', argv: ['x'], cwd: '..' } },
      '/health/cwd',
      /"\.\."/,
      /inside the home/,
    ],
  ])('%s', async (_name, value, pointer, found, expected) => {
    const errors = await errorsOf(value);
    const error = errors.find((each) => each.pointer === pointer);
    expect(error, JSON.stringify(errors)).toBeDefined();
    expect(error?.found).toMatch(found);
    expect(error?.expected).toMatch(expected);
    expect(error?.message).toBe(
      `patch.json:${error?.line}:${error?.column}: ${pointer === '' ? '' : `${pointer}: `}found ${error?.found}, expected ${error?.expected}`,
    );
  });

  it('are found at line and column: of the value, of the key where the key is wrong, of the object where one is missing', async () => {
    const text = '{\n  "id": "a",\n  "version": 1,\n  "titel": "x",\n  "files": [\n    {"kind": "delete"}\n  ]\n}';
    expect((await errorsOf(text)).map(({ pointer, line, column }) => ({ pointer, line, column }))).toEqual([
      { pointer: '/version', line: 3, column: 14 },
      { pointer: '/titel', line: 4, column: 3 },
      { pointer: '/files/0/path', line: 6, column: 5 },
    ]);
  });

  it('bounds the depth of actions', async () => {
    const nest = (depth: number): object => (depth === 0 ? RUN : { kind: 'list', actions: [nest(depth - 1)] });
    expect(await errorsOf(act(nest(ACTION_DEPTH)))).toEqual([]);
    expect(await errorsOf(act(nest(ACTION_DEPTH + 1)))).toMatchObject([
      { expected: expect.stringContaining('levels of lists') as string },
    ]);
  });

  it('takes any value after a module, which may set some', async () => {
    expect(await errorsOf(act({ kind: 'module', file: 'a.mjs' }, { ...RUN, argv: ['$made$'] }))).toEqual([]);
  });
});

describe('strict JSON', () => {
  it.each<[string, string, RegExp, RegExp, number, number]>([
    ['nothing', '', /nothing|end of the file/, /JSON|value/, 1, 1],
    ['a comment', '{\n  // why\n  "id": "a", "version": "1"}', /^a comment$/, /strict JSON/, 2, 3],
    ['a block comment', '{"id": "a", /* why */ "version": "1"}', /^a comment$/, /strict JSON/, 1, 13],
    ['a trailing comma in an object', '{"id": "a",\n "version": "1",\n}', /^a trailing comma$/, /none before }/, 2, 16],
    [
      'a trailing comma in a list',
      '{"id": "a", "version": "1", "fixes": ["x", ]}',
      /^a trailing comma$/,
      /none before \]/,
      1,
      42,
    ],
    ['a duplicate key', '{"id": "a",\n "version": "1", "id": "b"}', /"id" a second time/, /each key once/, 2, 18],
    [
      'a duplicate key further down',
      '{"id": "a", "version": "1", "files": [{"kind": "a", "kind": "b"}]}',
      /"kind" a second time/,
      /each key once/,
      1,
      53,
    ],
    [
      'a duplicate key in disguise',
      '{"id": "a", "version": "1", "\\u0069d": "b"}',
      /"id" a second time/,
      /each key once/,
      1,
      29,
    ],
    ['a key __proto__', '{"id": "a", "version": "1", "__proto__": {}}', /__proto__/, /another name/, 1, 29],
    ['single quotes', "{'id': 'a'}", /./, /double quotes/, 1, 2],
    ['an open end', '{"id": "a"', /end of the file/, /} at the end|comma/, 1, 11],
    ['two documents', '{"id": "a", "version": "1"} {}', /\{/, /end of the file/, 1, 29],
    ['a tab in a text', '{"id": "a\tb"}', /./, /printable/, 1, 8],
    ['a bad escape', '{"id": "a\\x"}', /./, /escapes/, 1, 8],
    ['a byte order mark', '\ufeff{}', /byte order mark/, /UTF-8/, 1, 1],
    ['NaN', '{"id": NaN}', /NaN/, /./, 1, 8],
    ['a number of its own', '{"id": 01}', /./, /./, 1, 9],
  ])('refuses %s', async (_name, text, found, expected, line, column) => {
    const [error] = await errorsOf(text);
    expect(error?.found).toMatch(found);
    expect(error?.expected).toMatch(expected);
    expect({ line: error?.line, column: error?.column }).toEqual({ line, column });
  });

  it('bounds size and depth before it looks any closer', async () => {
    expect(await errorsOf(`{"id": "${'x'.repeat(MANIFEST_LIMIT_BYTES)}"}`)).toMatchObject([
      { expected: `at most ${MANIFEST_LIMIT_BYTES} bytes` },
    ]);
    const deep = (levels: number) => `{"a": ${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(await errorsOf(deep(MANIFEST_DEPTH))).toMatchObject([
      { expected: expect.stringContaining('levels of objects and lists') as string },
    ]);
    for (const hostile of ['[', '{"a":', '[},', '[}[', '{],"a":', '}[']) {
      const errors = await errorsOf(hostile.repeat(Math.floor(MANIFEST_LIMIT_BYTES / hostile.length)));
      expect(errors.length).toBeGreaterThan(0);
    }
  });

  it('reports many faults in bounded time and number', async () => {
    expect((await errorsOf(`{${'/**/'.repeat(250_000)}}`)).length).toBeLessThanOrEqual(50);
    expect((await errorsOf(`{${'"a":1,'.repeat(170_000)}"b":1}`)).length).toBeLessThanOrEqual(50);
    expect((await errorsOf({ ...MINIMAL, fixes: Array.from({ length: 9000 }, () => 5) })).length).toBeLessThanOrEqual(
      51,
    );
    expect(
      (await errorsOf({ ...MINIMAL, files: Array.from({ length: 9000 }, () => ({ kind: 'delete', path: 'x' })) }))
        .length,
    ).toBeLessThanOrEqual(51);
  });
});

/** The keys of every member of a union. */
type Keys<T> = T extends unknown ? keyof T : never;
type KeyList<T> = Readonly<Record<Keys<T> & string, true>>;
type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;
type FileOf<K extends FileOperation['kind']> = Extract<FileOperation, { kind: K }>;
type EditOf<E extends { op: string }, O extends E['op']> = Extract<E, { op: O }>;
const base = { id: true, title: true, when: true, kind: true } as const;
const commandKeys: KeyList<Command> = { argv: true, cwd: true, env: true, timeoutSeconds: true, exitCodes: true };
const createKeys: KeyList<FileOf<'create'>> = {
  kind: true,
  type: true,
  path: true,
  source: true,
  mode: true,
  flags: true,
};
const updateKeys: KeyList<FileOf<'update'>> = { ...createKeys, delta: true, before: true };
const deleteKeys: KeyList<FileOf<'delete'>> = { kind: true, type: true, path: true, before: true };
const renameKeys: KeyList<FileOf<'rename'>> = { ...deleteKeys, to: true };

/** The type checker holds these lists to the types; the test below holds the schema to these lists. */
const TYPE_KEYS = {
  reference: { id: true, version: true } satisfies KeyList<PackReference>,
  expected: { sha256: true, md5: true, sizeBytes: true } satisfies KeyList<ExpectedContent>,
  listedDigest: { sha256: true, md5: true, sizeBytes: true } satisfies KeyList<ListedDigest>,
  flags: { executable: true } satisfies KeyList<FileFlags>,
  delta: { source: true, before: true, after: true } satisfies KeyList<DeltaPayload<string>>,
  command: commandKeys,
  'file-create': createKeys,
  'file-update': updateKeys,
  'file-delete': deleteKeys,
  'file-rename': renameKeys,
  'action-create': { ...base, ...createKeys } satisfies KeyList<ActionOf<'create'>>,
  'action-update': { ...base, ...updateKeys } satisfies KeyList<ActionOf<'update'>>,
  'action-delete': { ...base, ...deleteKeys } satisfies KeyList<ActionOf<'delete'>>,
  'action-rename': { ...base, ...renameKeys } satisfies KeyList<ActionOf<'rename'>>,
  'action-unzip': { ...base, archive: true, into: true } satisfies KeyList<ActionOf<'unzip'>>,
  'action-editXml': { ...base, file: true, edits: true } satisfies KeyList<ActionOf<'editXml'>>,
  'action-editProperties': { ...base, file: true, edits: true } satisfies KeyList<ActionOf<'editProperties'>>,
  'action-editIni': { ...base, file: true, edits: true } satisfies KeyList<ActionOf<'editIni'>>,
  'action-editJson': { ...base, file: true, edits: true } satisfies KeyList<ActionOf<'editJson'>>,
  'action-editYaml': { ...base, file: true, edits: true } satisfies KeyList<ActionOf<'editYaml'>>,
  'action-run': { ...base, ...commandKeys, undo: true, repeatable: true, set: true } satisfies KeyList<ActionOf<'run'>>,
  'action-service': { ...base, ...commandKeys, undo: true } satisfies KeyList<
    Extract<Action, { kind: 'stopService' | 'startService' }>
  >,
  'action-module': { ...base, file: true, options: true, timeoutSeconds: true } satisfies KeyList<ActionOf<'module'>>,
  'action-list': { ...base, actions: true } satisfies KeyList<ActionOf<'list'>>,
  'action-forEach': { ...base, items: true, itemsFrom: true, as: true, actions: true } satisfies KeyList<
    ActionOf<'forEach'>
  >,
  'action-setValue': { ...base, name: true, value: true } satisfies KeyList<ActionOf<'setValue'>>,
  'action-notify': { ...base, onFailure: true } satisfies KeyList<ActionOf<'notify'>>,
  'edit-xml-setText': { op: true, xpath: true, namespaces: true, value: true } satisfies KeyList<
    EditOf<XmlEdit, 'setText'>
  >,
  'edit-xml-setAttribute': { op: true, xpath: true, namespaces: true, name: true, value: true } satisfies KeyList<
    EditOf<XmlEdit, 'setAttribute'>
  >,
  'edit-xml-removeNode': { op: true, xpath: true, namespaces: true } satisfies KeyList<EditOf<XmlEdit, 'removeNode'>>,
  'edit-xml-insertChild': { op: true, xpath: true, namespaces: true, fragment: true, position: true } satisfies KeyList<
    EditOf<XmlEdit, 'insertChild'>
  >,
  'edit-xml-replaceNode': { op: true, xpath: true, namespaces: true, fragment: true } satisfies KeyList<
    EditOf<XmlEdit, 'replaceNode'>
  >,
  'edit-properties-set': { op: true, key: true, value: true, after: true } satisfies KeyList<
    EditOf<PropertiesEdit, 'set'>
  >,
  'edit-properties-remove': { op: true, key: true } satisfies KeyList<EditOf<PropertiesEdit, 'remove'>>,
  'edit-ini-set': { op: true, section: true, key: true, value: true } satisfies KeyList<EditOf<IniEdit, 'set'>>,
  'edit-ini-remove': { op: true, section: true, key: true } satisfies KeyList<EditOf<IniEdit, 'remove'>>,
  'edit-ini-addSection': { op: true, section: true } satisfies KeyList<EditOf<IniEdit, 'addSection'>>,
  'edit-json-set': { op: true, pointer: true, value: true } satisfies KeyList<EditOf<JsonEdit, 'set'>>,
  'edit-json-remove': { op: true, pointer: true } satisfies KeyList<EditOf<JsonEdit, 'remove'>>,
  'edit-json-append': { op: true, pointer: true, value: true } satisfies KeyList<EditOf<JsonEdit, 'append'>>,
  'edit-yaml-set': { op: true, path: true, document: true, value: true } satisfies KeyList<EditOf<YamlEdit, 'set'>>,
  'edit-yaml-remove': { op: true, path: true, document: true } satisfies KeyList<EditOf<YamlEdit, 'remove'>>,
  'edit-yaml-append': { op: true, path: true, document: true, value: true } satisfies KeyList<
    EditOf<YamlEdit, 'append'>
  >,
  'health-command': { ...commandKeys, kind: true } satisfies KeyList<Extract<Health, { kind: 'command' }>>,
  'health-url': { kind: true, url: true, timeoutSeconds: true } satisfies KeyList<Extract<Health, { kind: 'url' }>>,
  'health-file': { kind: true, path: true, timeoutSeconds: true } satisfies KeyList<Extract<Health, { kind: 'file' }>>,
} as const;

const MANIFEST_KEYS: KeyList<PackManifest> = {
  id: true,
  version: true,
  title: true,
  description: true,
  appliesTo: true,
  leadsTo: true,
  requires: true,
  conflicts: true,
  supersedes: true,
  chainable: true,
  fixes: true,
  files: true,
  actions: true,
  digests: true,
  health: true,
};
const APPLIES_TO_KEYS: KeyList<AppliesTo> = { versions: true, identities: true };
const LEADS_TO_KEYS: KeyList<LeadsTo> = { version: true, identity: true };

describe('the schema', () => {
  const keysOf = (schema: unknown) => Object.keys((schema as DefinitionSchema).properties ?? {}).sort();

  it('has the fields of the types, and no others', () => {
    expect(keysOf(SCHEMA)).toEqual(['$schema', ...Object.keys(MANIFEST_KEYS)].sort());
    expect(keysOf(SCHEMA.properties?.['appliesTo'])).toEqual(Object.keys(APPLIES_TO_KEYS).sort());
    expect(keysOf(SCHEMA.properties?.['leadsTo'])).toEqual(Object.keys(LEADS_TO_KEYS).sort());
    for (const [name, keys] of Object.entries(TYPE_KEYS))
      expect(keysOf(SCHEMA.definitions[name]), name).toEqual(Object.keys(keys).sort());
    const described = Object.keys(SCHEMA.definitions).filter(
      (name) => SCHEMA.definitions[name]?.properties !== undefined,
    );
    expect(described.sort()).toEqual(Object.keys(TYPE_KEYS).sort());
  });

  it('is good draft-07, and each of its examples fits where it stands', () => {
    const ajv = new Ajv({ allErrors: true, discriminator: true, allowUnionTypes: true });
    ajv.addVocabulary(['patternErrorMessage']);
    expect(ajv.validateSchema(SCHEMA)).toBe(true);
    ajv.addSchema(SCHEMA, 'patch');
    let examples = 0;
    const visit = (schema: unknown, pointer: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      const found = (schema as DefinitionSchema).examples;
      if (Array.isArray(found)) {
        for (const example of found) {
          const valid = ajv.validate({ $ref: `patch#${pointer}` }, example);
          expect(valid, `${pointer}: ${JSON.stringify(example)}: ${ajv.errorsText()}`).toBe(true);
          examples++;
        }
      }
      for (const [key, value] of Object.entries(schema)) {
        if (key !== 'examples' && key !== 'const' && key !== 'enum' && key !== 'default')
          visit(value, `${pointer}/${encodeURIComponent(key)}`);
      }
    };
    visit(SCHEMA, '');
    expect(examples).toBeGreaterThan(60);
  });

  it('titles every definition and every field', () => {
    for (const [name, schema] of Object.entries(SCHEMA.definitions)) {
      expect(schema, name).toHaveProperty('title');
      for (const [key, field] of Object.entries(schema.properties ?? {})) {
        expect(
          Object.keys(field as object).some((word) => word === 'title' || word === '$ref'),
          `${name}.${key}`,
        ).toBe(true);
      }
    }
  });

  it('gives actions examples that the whole reading accepts', async () => {
    for (const [name, { examples }] of Object.entries(SCHEMA.definitions)) {
      if (!name.startsWith('action-')) continue;
      const setup = [{ kind: 'setValue', name: 'port', value: 1 }];
      expect(await errorsOf(act(...setup, ...((examples ?? []) as object[]))), name).toEqual([]);
    }
  });
});

describe('broken on purpose', () => {
  it('gives a manifest or errors for any change of a good document, and never throws', async () => {
    const good = JSON.stringify(FULL, undefined, 1);
    const scrap = fc.constantFrom(
      '"',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\\',
      '$',
      '/',
      '..',
      'null',
      '-1',
      'true',
      '""',
      '//',
      '\u0000',
      '\ud800',
      '{}',
      '[[',
      '1e999',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length), fc.nat(6), scrap), { minLength: 1, maxLength: 4 }),
        async (edits) => {
          const text = edits.reduce(
            (source, [at, cut, insert]) => source.slice(0, at) + insert + source.slice(at + cut),
            good,
          );
          const parsed = await parsePackManifest(text, 'x');
          if (parsed.kind === 'invalid') {
            expect(parsed.errors.length).toBeGreaterThan(0);
            for (const error of parsed.errors) {
              expect(error.line).toBeGreaterThan(0);
              expect(error.column).toBeGreaterThan(0);
              expect(error.expected).not.toContain('what the schema says of');
            }
          }
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 1000) },
    );
  });

  it('gives a manifest or errors for any value in the place of any other', async () => {
    const places: (readonly (string | number)[])[] = [];
    const collect = (value: unknown, path: readonly (string | number)[]): void => {
      places.push(path);
      if (Array.isArray(value)) for (const [index, item] of value.entries()) collect(item, [...path, index]);
      else if (typeof value === 'object' && value !== null)
        for (const [key, item] of Object.entries(value)) collect(item, [...path, key]);
    };
    collect(FULL, []);
    const replace = (value: unknown, path: readonly (string | number)[], by: unknown): unknown => {
      const [first, ...rest] = path;
      if (first === undefined) return by;
      if (Array.isArray(value))
        return (value as unknown[]).map((item, index) => (index === first ? replace(item, rest, by) : item));
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, key === first ? replace(item, rest, by) : item]),
      );
    };
    for (const path of places) {
      for (const by of [null, 0, '', '$', '$x$', '/', true, [], {}, [[]], { kind: 'run' }, { kind: 5 }]) {
        const parsed = await parsePackManifest(JSON.stringify(replace(FULL, path, by)), 'x');
        if (parsed.kind === 'invalid')
          for (const error of parsed.errors) expect(error.expected).not.toContain('what the schema says of');
      }
    }
  });
});
