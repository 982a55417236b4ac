// The order of the stages, as AppLife has it, seen by modules that write down when they are called: all are prepared, all are
// executed, all clean up; an error rolls back in reverse, starting at the action that failed; what is conditional is prepared
// immediately before its own execution.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RealFiles } from '../../../src/system/real-files.js';
import { isInterrupted, recover } from '../../../src/transaction/recover.js';
import { FaultyFiles, SimulatedCrash } from '../../support/faulty-files.js';
import { ActionHome } from './action-home.js';

/** Writes `P1`, `E1`, … to trace.txt of the home; fails, or sets a value, where its options say so. */
const TRACER = `
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
const stage = (letter, name) => async ({ home, options, values, undo, log }) => {
  const shown = letter + options.n + (letter === 'R' && undo?.n !== options.n ? '?' : '');
  appendFileSync(join(home, 'trace.txt'), shown + (options.fail === name ? '! ' : ' '));
  log(shown);
  if (options.fail === name) throw new Error('as it was told');
  if (name === 'execute' && options.set !== undefined) values.set('flag', options.set);
  return name === 'prepare' ? { n: options.n } : undefined;
};
export const prepare = stage('P', 'prepare');
export const execute = stage('E', 'execute');
export const rollback = stage('R', 'rollback');
export const cleanup = stage('C', 'cleanup');
`;

/** A thread for each call of a method. */
const LONG = { timeout: 600_000 };

let top: string;
let home: ActionHome;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'prepatch-actions-'));
  for (const folder of [
    'plugins',
    'patches/patch0001',
    'patches/patch0002',
    'patches/.payload/patch0001',
    'servicepacks',
  ])
    mkdirSync(join(top, 'repository/components', folder), { recursive: true });
  for (const pack of ['patch0001', 'patch0002']) {
    mkdirSync(join(top, 'repository/components/patches/.payload', pack), { recursive: true });
    writeFileSync(join(top, 'repository/components/patches/.payload', pack, 'trace.mjs'), TRACER);
  }
  home = new ActionHome(new RealFiles(), top);
});

afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

function tracer(n: number, more: object = {}, when?: string) {
  return { kind: 'module', file: 'trace.mjs', options: { n, ...more }, ...(when === undefined ? {} : { when }) };
}

function say(word: string) {
  return { argv: ['sh', '-c', `printf '%s ' "${word}" >> trace.txt`] };
}

function trace(): string {
  return readFileSync(join(top, 'trace.txt'), 'utf8').trim();
}

async function run(...actions: readonly object[]) {
  return home.start([{ name: 'patch0001', actions }]);
}

test('everything goes well', async () => {
  expect((await run(tracer(1), tracer(2), tracer(3))).kind).toBe('done');
  expect(trace()).toBe('P1 P2 P3 E1 E2 E3 C1 C2 C3');
  expect(home.logs).toContain('Action patch0001: module trace.mjs begins');
  expect(home.logs).toContain('patch0001: module trace.mjs: E2');
});

test('over all packs of a start', async () => {
  const packs = ['patch0001', 'patch0002'].map((name, index) => ({
    name,
    actions: [tracer(2 * index + 1), tracer(2 * index + 2)],
  }));
  expect((await home.start(packs)).kind).toBe('done');
  expect(trace()).toBe('P1 P2 P3 P4 E1 E2 E3 E4 C1 C2 C3 C4');
});

test('an error in an Execute rolls back from there', async () => {
  const outcome = await run(tracer(1), tracer(2, { fail: 'execute' }), tracer(3));
  expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'ACTION_FAILED' } });
  expect(trace()).toBe('P1 P2 P3 E1 E2! R2 R1');
});

test('an error in a Prepare rolls back from there', async () => {
  const outcome = await run(tracer(1), tracer(2, { fail: 'prepare' }), tracer(3));
  expect(outcome.kind).toBe('failed');
  // What it would have returned for its rollback is not known.
  expect(trace()).toBe('P1 P2! R2? R1');
});

test('an error in a Cleanup is a warning, and the success stands', async () => {
  expect((await run(tracer(1, { fail: 'cleanup' }), tracer(2))).kind).toBe('done');
  expect(trace()).toBe('P1 P2 E1 E2 C1! C2');
  expect(home.events).toContainEqual(
    expect.objectContaining({ kind: 'problem', severity: 'warning', code: 'CLEAN_UP' }),
  );
  expect((await run(tracer(1, { fail: 'cleanup' }), tracer(2))).kind).toBe('nothing');
});

test('a conditional action is prepared immediately before it is executed', async () => {
  expect((await run(tracer(1), tracer(2, {}, 'os.platform == "linux"'), tracer(3))).kind).toBe('done');
  expect(trace()).toBe('P1 P3 E1 P2 E2 E3 C1 C2 C3');
});

test('an error in such a Prepare rolls back what was executed before it', async () => {
  const outcome = await run(tracer(1), tracer(2, { fail: 'prepare' }, 'os.platform == "linux"'), tracer(3));
  expect(outcome.kind).toBe('failed');
  expect(trace()).toBe('P1 P3 E1 P2! R2? R1');
});

test('where the condition is false the action is skipped, and the log says because of what', async () => {
  expect((await run(tracer(1), tracer(2, {}, 'env("PROFILE") == "worker"'), tracer(3))).kind).toBe('done');
  expect(trace()).toBe('P1 P3 E1 E3 C1 C3');
  expect(home.logs).toContain(
    'Action patch0001: module trace.mjs is skipped, because env("PROFILE") is "gateway" == "worker"',
  );
});

test('a condition reads the value that an earlier action set', async () => {
  const outcome = await run(
    tracer(1, { set: 'yes' }),
    tracer(2, {}, 'value("flag") == "yes"'),
    tracer(3, {}, 'value("flag") == "no"'),
    { kind: 'setValue', name: 'flag', value: 'no' },
    tracer(4, {}, 'value("flag") == "no"'),
  );
  expect(outcome.kind).toBe('done');
  expect(trace()).toBe('P1 E1 P2 E2 P4 E4 C1 C2 C4');
});

test('lists are prepared with all others, conditional ones as a whole when their time has come', async () => {
  const list = (actions: readonly object[], when?: string) => ({
    kind: 'list',
    actions,
    ...(when === undefined ? {} : { when }),
  });
  const outcome = await run(list([tracer(1), tracer(2)]), list([tracer(3), tracer(4)], 'os.platform != "none"'), {
    kind: 'forEach',
    items: ['a', 'b'],
    as: 'it',
    actions: [tracer(5, { item: '$it$' })],
  });
  expect(outcome.kind).toBe('done');
  expect(trace()).toBe('P1 P2 P5 P5 E1 E2 P3 P4 E3 E4 E5 E5 C1 C2 C3 C4 C5 C5');
});

test('an error in a list rolls back what came before, in the order of the list', async () => {
  const outcome = await run({
    kind: 'list',
    actions: [
      { kind: 'run', ...say('one'), undo: say('undone') },
      tracer(2),
      tracer(3, { fail: 'execute' }),
      tracer(4),
    ],
  });
  expect(outcome.kind).toBe('failed');
  expect(trace()).toBe('P2 P3 P4 one E2 E3! R3 R2 undone');
});

test('a notifier that stands first rolls back last, and knows why', async () => {
  const alarm = { argv: ['sh', '-c', 'printf "%s" "$$PATCH_PACK: $$PATCH_FAILURE" >> trace.txt'] };
  const outcome = await run({ kind: 'notify', onFailure: alarm }, tracer(1), tracer(2, { fail: 'execute' }));
  expect(outcome.kind).toBe('failed');
  expect(trace()).toContain('P1 P2 E1 E2! R2 R1 patch0001: action patch0001: module trace.mjs');
  expect(trace()).toContain('as it was told');
});

test('a notifier says nothing of a failure before it, or of none', async () => {
  await run(tracer(1, { fail: 'execute' }), { kind: 'notify', onFailure: say('alarm') });
  expect(trace()).toBe('P1 E1! R1');
  rmSync(join(top, 'trace.txt'));
  await run({ kind: 'notify', onFailure: say('alarm') }, tracer(1));
  expect(trace()).toBe('P1 E1 C1');
});

test('a module is rolled back by a revert, long after its pack is gone', async () => {
  expect((await run(tracer(1), tracer(2))).kind).toBe('done');
  rmSync(join(top, 'repository/components/patches/.payload'), { recursive: true });
  rmSync(join(top, 'trace.txt'));
  expect((await home.start([])).kind).toBe('done');
  expect(trace()).toBe('R2 R1');
});

test('a kill at every call leaves modules rolled back in the order of a failure, or cleaned up', LONG, async () => {
  const counting = new FaultyFiles(new RealFiles());
  const actions = [tracer(1), tracer(2, {}, 'os.platform == "linux"'), tracer(3)];
  expect((await new ActionHome(counting, top).start([{ name: 'patch0001', actions }])).kind).toBe('done');
  expect((await home.start([])).kind).toBe('done');
  const seen = new Set<string>();
  for (let at = 1; at <= counting.points.length; at += process.env.CRASH_FULL === '1' ? 1 : 7) {
    rmSync(join(top, 'trace.txt'), { force: true });
    const faulty = new FaultyFiles(new RealFiles(), { at, fault: 'crash', forGood: false });
    await new ActionHome(faulty, top).start([{ name: 'patch0001', actions }]).catch((error: unknown) => {
      if (!(error instanceof SimulatedCrash)) throw error;
    });
    if (isInterrupted(home.files, home.layout)) await recover(home.context);
    writeFileSync(join(top, 'trace.txt'), '', { flag: 'a' });
    seen.add(trace());
    expect((await home.start([])).kind).toMatch(/nothing|done/);
  }
  const allowed = [
    /^$/,
    /^(?:R1\?|P1 (?:R1\??|R3\? R1|P3 R3\?? R1))$/,
    /^P1 P3 (?:E1 )?R1$/,
    /^P1 P3 E1 (?:P2 )?R2\?? R1$/,
    /^P1 P3 E1 P2 (?:E2 )?R2 R1$/,
    /^P1 P3 E1 P2 E2 (?:E3 )?R3 R2 R1$/,
    /^P1 P3 E1 P2 E2 E3 (?:C1 )?(?:C2 )?(?:C3 )?C1 C2 C3$/,
    /^P1 P3 E1 P2 E2 E3 C1 C2 C3(?: C2 C3| C3)?$/,
  ];
  expect([...seen].filter((one) => !allowed.some((shape) => shape.test(one)))).toEqual([]);
});

/** Writes the name of each method; in the one that its options name it does not end. */
const STUCK = `
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
const stage = (name) => async ({ home, options }) => {
  appendFileSync(join(home, 'trace.txt'), name + ' ');
  if (options.stuck !== name) return;
  if (options.how === 'loop') for (;;);
  else if (options.how === 'wait') await new Promise((resolve) => setTimeout(resolve, 1e9));
  else if (options.how === 'end') process.exit(0);
  else setImmediate(() => { throw new Error('thrown later'); }), await new Promise(() => undefined);
};
export const prepare = stage('P');
export const execute = stage('E');
export const rollback = stage('R');
export const cleanup = stage('C');
`;

test.each([
  ['loop', 'P', 'P R', 'TIMED_OUT', 'took longer than 3 seconds in prepare'],
  ['loop', 'E', 'P E R', 'TIMED_OUT', 'took longer than 3 seconds in execute'],
  ['wait', 'E', 'P E R', 'TIMED_OUT', 'took longer than 3 seconds in execute'],
  ['end', 'E', 'P E R', 'ACTION_FAILED', 'its thread ended without a result'],
  ['throw', 'E', 'P E R', 'ACTION_FAILED', 'thrown later'],
])('a module that does not come to its end (%s in %s) is ended, named, and rolled back', async (...given) => {
  const [how, stuck, expected, code, message] = given;
  writeFileSync(join(top, 'repository/components/patches/.payload/patch0001/stuck.mjs'), STUCK);
  const ran = await run({ kind: 'module', file: 'stuck.mjs', options: { how, stuck }, timeoutSeconds: 3 });
  expect(trace()).toBe(expected);
  expect(ran.kind).toBe('failed');
  if (ran.kind === 'failed') {
    expect(ran.error.code).toBe(code);
    expect(ran.error.message).toContain(message);
  }
});

test('a module that does not end its cleanup is a warning', async () => {
  writeFileSync(join(top, 'repository/components/patches/.payload/patch0001/stuck.mjs'), STUCK);
  const ran = await run({ kind: 'module', file: 'stuck.mjs', options: { how: 'loop', stuck: 'C' }, timeoutSeconds: 3 });
  expect(ran.kind).toBe('done');
  expect(trace()).toBe('P E C');
});

test('what a module prints goes to the log', async () => {
  const text = "export const execute = () => console.log('printed');\nexport const rollback = () => undefined;\n";
  writeFileSync(join(top, 'repository/components/patches/.payload/patch0001/prints.mjs'), text);
  expect((await run({ kind: 'module', id: 'p', file: 'prints.mjs' })).kind).toBe('done');
  expect(home.logs).toContain('patch0001: p: printed');
});
