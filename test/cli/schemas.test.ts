// The schemas that ship hold for what the commands really print, in each state of a home; and for the table of settings.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { afterEach, describe, expect, test } from 'vitest';
import { SETTING_KEYS, SETTINGS } from '../../src/config.js';
import { runPrepatch } from '../support/command.js';
import { TestHome } from '../support/home-builder.js';

const SCHEMAS = fileURLToPath(new URL('../../schemas/', import.meta.url));
const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });

function schemaOf(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8')) as Record<string, unknown>;
}

const validators = new Map<string, ValidateFunction>();

function faultsOf(name: string, document: unknown): string[] {
  const known = validators.get(name) ?? ajv.compile(schemaOf(name));
  validators.set(name, known);
  return known(document) ? [] : (known.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

let home: TestHome | undefined;

afterEach(() => {
  home?.dispose();
});

function makeHome(): TestHome {
  home = new TestHome('4.2', {
    plugins: [
      { name: 'org.a', version: '1.0.0', tag: 'a' },
      { name: 'org.b', version: '1.0.0', tag: 'b' },
    ],
    patches: {
      patch0001: [
        { name: 'org.a', version: '1.0.0', tag: 'a1' },
        { name: 'org.c', version: '1.0.0', tag: 'c1' },
      ],
      patch0002: [{ name: 'org.a', version: '1.0.0', tag: 'a2' }],
    },
  });
  return home;
}

const REPORTS = ['plan', 'status', 'verify', 'history'] as const;

async function documentOf(
  from: TestHome,
  command: string,
  ...args: readonly string[]
): Promise<Record<string, unknown>> {
  const { stdout } = await runPrepatch([command, '--json', '--home', from.root, ...args]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What each reporting command prints is as its schema says; returns the state. */
async function checkReports(from: TestHome): Promise<unknown> {
  let state: unknown;
  for (const command of REPORTS) {
    const document = await documentOf(from, command);
    expect(faultsOf(command, document), `${command}: ${JSON.stringify(document)}`).toEqual([]);
    if (command === 'status') state = document['state'];
  }
  return state;
}

describe('what is printed fits its schema', () => {
  test('pending, applied, reverted', async () => {
    const at = makeHome();
    expect(await checkReports(at)).toBe('pending');
    const applied = await documentOf(at, 'apply');
    expect(applied).toMatchObject({ outcome: 'changed', apply: ['patch0001', 'patch0002'] });
    expect(faultsOf('run', applied)).toEqual([]);
    expect(await checkReports(at)).toBe('clean');
    expect(faultsOf('run', await documentOf(at, 'boot'))).toEqual([]);
    at.remove('patches/patch0001');
    expect(await documentOf(at, 'plan')).toMatchObject({ revert: ['patch0001'] });
    expect(await checkReports(at)).toBe('pending');
    expect(faultsOf('run', await documentOf(at, 'apply'))).toEqual([]);
  });

  test('drifted', async () => {
    const at = makeHome();
    await runPrepatch(['apply', '--home', at.root]);
    writeFileSync(at.path('plugins/org.a_1.0.0.jar'), 'edited');
    rmSync(at.path('plugins/org.c_1.0.0.jar'));
    writeFileSync(at.path('plugins/orphan.jar'), 'new');
    expect(await checkReports(at)).toBe('drifted');
  });

  test('tampered', async () => {
    const at = makeHome();
    await runPrepatch(['apply', '--home', at.root]);
    writeFileSync(at.namesFile, 'patch0002\n');
    expect(await checkReports(at)).toBe('tampered');
  });

  test('interrupted, and a rollback that failed', async () => {
    const at = makeHome();
    await runPrepatch(['apply', '--home', at.root]);
    const journal = at.path('.prepatch/journal');
    writeFileSync(journal, '');
    expect(await checkReports(at)).toBe('interrupted');
    writeFileSync(journal, 'not a journal\nat all\n');
    expect(await checkReports(at)).toBe('rollback-failed');
    rmSync(journal);
    mkdirSync(at.path('.prepatch', 'work', '20261121-144301-4fb5ff'), { recursive: true });
    writeFileSync(at.path('.prepatch', 'work', '20261121-144301-4fb5ff', '0.old'), 'a backup');
    expect(await checkReports(at)).toBe('rollback-failed');
  });

  test('refused: every command says it in the same shape', async () => {
    const at = makeHome();
    at.addPatch('patch0003', [{ name: 'org.b', version: '1.0.0', tag: 'b-torn', torn: true }]);
    expect(await checkReports(at)).toBe('pending');
    const kept = await documentOf(at, 'apply');
    expect(kept).toMatchObject({ outcome: 'kept', failure: { code: 'PACK_REFUSED' } });
    expect(faultsOf('run', kept)).toEqual([]);
    const quarantined = await documentOf(at, 'apply', '--policy', 'degraded');
    expect(quarantined).toMatchObject({ quarantined: [{ name: 'patch0003' }] });
    expect(faultsOf('run', quarantined)).toEqual([]);
    for (const [command, schema] of [...REPORTS.map((name) => [name, name] as const), ['boot', 'run'] as const]) {
      const { stdout, exitCode } = await runPrepatch([command, '--json', '--home', '/nowhere']);
      const document = JSON.parse(stdout) as unknown;
      expect(document).toMatchObject({ error: { exitCode } });
      expect(faultsOf(schema, document)).toEqual([]);
    }
  });

  test('packs that say what they are: new, applied, taken away, left out, refused', async () => {
    const at = makeHome();
    const manifest = {
      id: 'fix',
      version: '1.0.0',
      title: 'A fix',
      appliesTo: { versions: ['>=1'], identities: ['0'.repeat(32)] },
      leadsTo: { version: '2.0.0', identity: '0'.repeat(32) },
      requires: [{ id: 'patch0001', version: '>=1' }],
      conflicts: [{ id: 'x' }],
      supersedes: [{ id: 'y' }],
      chainable: false,
      fixes: ['CVE-2022-29464'],
      actions: [
        {
          kind: 'list',
          when: 'os.platform == "linux"',
          actions: [{ kind: 'setValue', name: 'a', value: 1 }],
        },
      ],
    };
    const write = (name: string, of: object) => writeFileSync(at.path('patches', `${name}.json`), JSON.stringify(of));
    write('patch0002', { ...manifest, appliesTo: undefined, leadsTo: undefined, requires: undefined });
    write('patch0001', manifest);
    expect(await checkReports(at)).toBe('pending');
    await runPrepatch(['apply', '--home', at.root]);
    expect(await checkReports(at)).toBe('clean');
    expect(await documentOf(at, 'status')).toMatchObject({
      packs: [
        { name: 'patch0002', state: 'applied', actions: [{ kind: 'list', wanted: 'keep' }] },
        { name: 'patch0001', state: 'left-out' },
      ],
    });
    write('patch0002', { id: 'fix' });
    expect(await checkReports(at)).toBe('pending');
    rmSync(at.path('patches/patch0002'), { recursive: true });
    rmSync(at.path('patches/patch0002.json'));
    expect(await checkReports(at)).toBe('pending');
  });

  test('on probation, and taken back', async () => {
    const at = makeHome();
    const health = { kind: 'url', url: 'http://localhost:1/', timeoutSeconds: 60 };
    writeFileSync(at.path('patches/patch0001.json'), JSON.stringify({ id: 'a', version: '1.0.0', health }));
    const booted = await documentOf(at, 'boot');
    expect(booted).toMatchObject({ probation: [{ packs: ['patch0001', 'patch0002'] }] });
    expect(faultsOf('run', booted)).toEqual([]);
    expect(await checkReports(at)).toBe('probation');
    const again = await documentOf(at, 'boot');
    expect(again).toMatchObject({ quarantined: [{ name: 'patch0001' }, { name: 'patch0002' }], probation: [] });
    expect(faultsOf('run', again)).toEqual([]);
    expect(await checkReports(at)).toBe('clean');
  });

  test('a folder in the way and a link in plugins', async () => {
    const at = makeHome();
    mkdirSync(at.path('plugins/org.c_1.0.0.jar'));
    const plan = await documentOf(at, 'plan');
    expect(plan['problems']).toContainEqual(expect.objectContaining({ code: 'CONFLICT', severity: 'error' }));
    expect(await checkReports(at)).toBe('pending');
  });
});

describe('schemas', () => {
  test('are strict: what nobody has heard of is a fault', async () => {
    const document = await documentOf(makeHome(), 'status');
    expect(faultsOf('status', { ...document, more: 1 })).not.toEqual([]);
    expect(faultsOf('status', { ...document, state: 'fine' })).not.toEqual([]);
    const { applied: _, ...less } = document;
    expect(faultsOf('status', less)).not.toEqual([]);
  });

  test('prepatch.yaml has the settings of the table, with their defaults', () => {
    const { properties } = schemaOf('config') as { properties: Record<string, { default?: unknown; enum?: string[] }> };
    expect(Object.keys(properties)).toEqual([...SETTING_KEYS]);
    for (const key of SETTING_KEYS) {
      expect([key, properties[key]?.default]).toEqual([key, SETTINGS[key].default]);
      for (const value of properties[key]?.enum ?? []) expect([key, SETTINGS[key].parse(value)]).toEqual([key, value]);
    }
    expect(faultsOf('config', { policy: 'strict', waitSeconds: 5 })).toEqual([]);
    expect(faultsOf('config', { polcy: 'strict' })).not.toEqual([]);
    expect(existsSync(join(SCHEMAS, 'config.schema.json'))).toBe(true);
  });
});
