// The library as a program uses it: the use cases over a real home, their events, their errors.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openHome, PatchError, type PatchEvent } from '../src/index.js';
import { TestHome } from './support/home-builder.js';

let home: TestHome;
/** The settings of whoever runs the tests have no part in them. */
const environment = {};

afterEach(() => {
  home.dispose();
});

function makeHome(): TestHome {
  home = new TestHome('4.2', {
    plugins: [{ name: 'org.a', version: '1.0.0', tag: 'a' }],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
  return home;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(PatchError);
    return (error as PatchError).code;
  }
  return 'no error';
}

describe('openHome', () => {
  test('plans, applies, verifies, reverts', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    expect(opened.path).toBe(root);
    expect(await opened.plan()).toMatchObject({ apply: ['patch0001'], operations: expect.any(Number) as number });
    expect(await opened.status()).toMatchObject({ state: 'pending' });
    expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a']));
    const result = await opened.apply({ reason: 'release 7' });
    expect(result).toMatchObject({ outcome: 'changed', apply: ['patch0001'], failure: null });
    expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
    expect(await opened.verify({ deep: true })).toMatchObject({ ok: true, deep: true });
    home.remove('patches/patch0001');
    expect(await opened.boot()).toMatchObject({ outcome: 'changed', revert: ['patch0001'] });
    const { records } = await opened.history();
    expect(records.map((record) => record.reason)).toEqual(['release 7', 'start']);
    expect((await opened.history(result.transaction!)).records).toHaveLength(1);
    expect(await opened.recover()).toEqual({ action: 'nothing', transaction: undefined });
    expect(readFileSync(home.logFile, 'utf8')).toContain(`{prepatch.${result.transaction!}} -  Applying patches ...`);
  });

  test('a server shows that it is healthy by the library', async () => {
    const { root } = makeHome();
    const health = { kind: 'file', path: '/alive', timeoutSeconds: 600 };
    const manifest = { id: 'patch0001', version: '1.0.0', health };
    writeFileSync(home.path('patches/patch0001.json'), JSON.stringify(manifest));
    const opened = await openHome(root, { environment });
    expect(await opened.boot()).toMatchObject({ probation: [{ packs: ['patch0001'] }] });
    expect(await opened.checkHealth()).toMatchObject({ passed: [], waiting: [{ packs: ['patch0001'] }] });
    writeFileSync(join(root, 'alive'), '');
    expect(await opened.checkHealth()).toEqual({ passed: ['patch0001'], waiting: [] });
    expect(await opened.checkHealth()).toEqual({ passed: [], waiting: [] });
    expect(await opened.status()).toMatchObject({ state: 'clean', applied: ['patch0001'] });
    expect((await opened.history()).records.map((record) => record.reason)).toEqual(['start', 'healthy']);
  });

  test('repairs what was edited', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    await opened.apply();
    writeFileSync(home.path('plugins/org.a_1.0.0.jar'), 'edited');
    expect(await opened.verify()).toMatchObject({ ok: false, repaired: false });
    expect(await opened.verify({ repair: true })).toMatchObject({ ok: true, repaired: true });
    expect(home.tagsOf(home.md5('plugins/org.a_1.0.0.jar'))).toEqual(new Set(['a1']));
  });

  test('settings: given over environment over prepatch.yaml', async () => {
    const { root } = makeHome();
    writeFileSync(join(root, 'prepatch.yaml'), 'policy: degraded\norder: natural\ndrift: refuse\n');
    const opened = await openHome(root, {
      environment: { PREPATCH_ORDER: 'lexicographic', PREPATCH_DRIFT: 'report' },
      settings: { drift: 'repair' },
    });
    expect(opened.config).toMatchObject({ policy: 'degraded', order: 'lexicographic', drift: 'repair' });
  });

  test('a run may have another policy', async () => {
    const { root } = makeHome();
    home.addPatch('patch0002', [{ name: 'org.b', version: '1.0.0', tag: 'torn', torn: true }]);
    const opened = await openHome(root, { environment });
    expect(await codeOf(opened.boot({ policy: 'strict' }))).toBe('PACK_REFUSED');
    expect(await opened.boot()).toMatchObject({ outcome: 'kept', failure: { code: 'PACK_REFUSED' } });
    expect(await opened.boot({ policy: 'degraded' })).toMatchObject({ outcome: 'changed', apply: ['patch0001'] });
  });

  test('errors have a code, a path and a hint', async () => {
    const { root } = makeHome();
    expect(await codeOf(openHome('/nowhere', { environment }))).toBe('NO_HOME');
    expect(await codeOf(openHome(join(root, 'repository'), { environment }))).toBe('NO_HOME');
    expect(await codeOf(openHome(root, { environment: { PREPATCH_POLCY: 'strict' } }))).toBe('CONFIG_INVALID');
    // A caller without types can give what there is not.
    const settings = { polcy: 'strict' } as unknown as { policy: 'strict' };
    expect(await codeOf(openHome(root, { environment, settings }))).toBe('CONFIG_INVALID');
    const opened = await openHome(root, { environment });
    expect(await codeOf(opened.history('zzz'))).toBe('BAD_USAGE');
  });

  test('what has to be said is told to the caller', async () => {
    const { root } = makeHome();
    mkdirSync(home.logFile);
    const said: string[] = [];
    const opened = await openHome(root, { environment, complain: (message) => said.push(message) });
    await opened.apply();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('patches.log cannot be written');
  });
});

describe('events', () => {
  test('reach listeners in order, until they leave', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    const phases: string[] = [];
    const leave = opened.on((event) => {
      if (event.kind === 'phase') phases.push(event.phase);
    });
    const { transaction } = await opened.apply();
    expect(phases).toEqual(['check', 'stage', 'deploy', 'verify', 'commit', 'cleanup']);
    expect(transaction).not.toBeNull();
    leave();
    home.remove('patches/patch0001');
    await opened.apply();
    expect(phases).toHaveLength(6);
  });

  test('can be iterated over while the work goes on', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    const seen: PatchEvent[] = [];
    const events = opened.events();
    const reading = (async () => {
      for await (const event of events) {
        seen.push(event);
        if (event.kind === 'transaction' && event.state === 'committed') break;
      }
    })();
    await opened.apply();
    await reading;
    expect(seen.map((event) => event.kind)).toEqual(expect.arrayContaining(['log', 'phase', 'plan', 'transaction']));
    expect(await events.next()).toEqual({ value: undefined, done: true });
  });

  test('end with a signal, before or after it is given', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    const over = new AbortController();
    const events = opened.events(over.signal);
    const waiting = events.next();
    over.abort();
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(await opened.events(over.signal).next()).toEqual({ value: undefined, done: true });
  });

  test('what a listener throws is said once, and stops neither the run nor the other listeners', async () => {
    const { root } = makeHome();
    const complaints: string[] = [];
    const complain = (message: string) => complaints.push(message);
    const opened = await openHome(root, { environment, complain });
    const phases: string[] = [];
    opened.on(() => {
      throw new Error('a mistake of the program');
    });
    opened.on((event) => {
      if (event.kind === 'phase') phases.push(event.phase);
    });
    expect(await opened.apply()).toMatchObject({ outcome: 'changed', failure: null });
    expect(phases.at(-1)).toBe('cleanup');
    expect(complaints).toEqual(['a listener for events has failed: a mistake of the program']);
    expect(await opened.status()).toMatchObject({ state: 'clean', applied: ['patch0001'] });
  });

  test('a policy that there is not is refused, and not taken for another one', async () => {
    const { root } = makeHome();
    const opened = await openHome(root, { environment });
    const policy = 'stict' as unknown as 'strict';
    expect(await codeOf(opened.boot({ policy }))).toBe('CONFIG_INVALID');
    expect(await opened.status()).toMatchObject({ state: 'pending', applied: [] });
  });

  test('progress that nobody has read is replaced by newer progress', async () => {
    const { EventStream } = await import('../src/daemon/event-stream.js');
    makeHome();
    const stream = new EventStream((message) => expect.unreachable(message));
    const events = stream.read();
    const progress = (phase: 'look' | 'stage', doneItems: number): PatchEvent => ({
      kind: 'progress',
      phase,
      doneItems,
      totalItems: 9,
      doneBytes: 0,
      totalBytes: 0,
    });
    for (const event of [progress('look', 1), progress('look', 2), progress('stage', 1)]) stream.emit(event);
    expect((await events.next()).value).toMatchObject({ phase: 'look', doneItems: 2 });
    expect((await events.next()).value).toMatchObject({ phase: 'stage', doneItems: 1 });
  });
});
