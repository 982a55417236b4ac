// The file system in memory does what the real one does: the same results and the same errors for any sequence of calls, so that
// what the crash tests find in memory is true of a disk. And the faulty twin strikes where its plan says.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errnoOf, PatchError } from '../../src/error.js';
import type { Files } from '../../src/system/files.js';
import { RealFiles } from '../../src/system/real-files.js';
import { ERRNOS } from './fault-plan.js';
import { FaultyFiles, SimulatedCrash } from './faulty-files.js';
import { MemoryFiles } from './memory-files.js';
import { statesAfterPowerLoss } from './power-loss.js';

const NAMES = ['a', 'b', 'a/c', 'a/d', 'b/c', 'b/e', 'a/c/f', 'e', '.'];
const path = fc.constantFrom(...NAMES);
const text = fc.constantFrom('', 'x', 'some text', 'more\n'.repeat(50));
const mode = fc.constantFrom(0o600, 0o644, 0o755, 0o444);

type Call = (files: Files, top: string) => unknown;

function named(name: string, call: Call): Call {
  return Object.assign((files: Files, top: string) => call(files, top), { toString: () => name });
}

const at = (top: string, name: string) => (name === '.' ? top : `${top}/${name}`);

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(path, mode).map(([p, m]) => named(`mkdir ${p}`, (files, top) => files.makeDirectory(at(top, p), m))),
  fc
    .tuple(path, text, mode)
    .map(([p, t, m]) => named(`writeNew ${p}`, (files, top) => files.writeNew(at(top, p), t, m))),
  fc.tuple(path, text).map(([p, t]) => named(`append ${p}`, (files, top) => files.append(at(top, p), t))),
  fc.tuple(path, path).map(([p, q]) => named(`link ${p} ${q}`, (files, top) => files.link(at(top, p), at(top, q)))),
  fc.tuple(path, path).map(([p, q]) => named(`rename ${p} ${q}`, (files, top) => files.rename(at(top, p), at(top, q)))),
  fc.tuple(path, path, mode).map(([p, q, m]) =>
    named(`copy ${p} ${q}`, (files, top) => {
      if (files.stat(at(top, p))?.kind === 'directory') return 'not asked';
      files.copyNew(at(top, p), at(top, q), m);
    }),
  ),
  path.map((p) => named(`unlink ${p}`, (files, top) => files.unlink(at(top, p)))),
  path.filter((p) => p !== '.').map((p) => named(`rmdir ${p}`, (files, top) => files.removeDirectory(at(top, p)))),
  fc
    .tuple(path, mode)
    .map(([p, m]) =>
      named(`chmod ${p}`, (files, top) =>
        files.stat(at(top, p))?.kind === 'directory' ? 'not asked' : files.setMode(at(top, p), m),
      ),
    ),
  path.map((p) => named(`fsync ${p}`, (files, top) => files.flushDirectory(at(top, p)))),
  path.map((p) => named(`list ${p}`, (files, top) => files.list(at(top, p)))),
  path.map((p) => named(`read ${p}`, (files, top) => files.read(at(top, p), 100).toString())),
  path.map((p) => named(`range ${p}`, (files, top) => files.readRange(at(top, p), 2, 5).toString())),
  path.map((p) => named(`digest ${p}`, (files, top) => files.digest(at(top, p), true))),
  path.map((p) => named(`stat ${p}`, (files, top) => plainStat(files, at(top, p)))),
);

function plainStat(files: Files, name: string): unknown {
  const stat = files.stat(name);
  if (stat === undefined) return undefined;
  const { kind, sizeBytes, mode: bits, links } = stat;
  return kind === 'directory' ? { kind, mode: bits } : { kind, sizeBytes, mode: bits, links };
}

function outcome(one: Call, files: Files, top: string): unknown {
  try {
    return { result: one(files, top) };
  } catch (error) {
    return error instanceof PatchError ? { code: error.code } : { errno: errnoOf(error) ?? String(error) };
  }
}

test('both answer every sequence of calls alike', () => {
  process.umask(0o022);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prepatch-files-')));
  const real = new RealFiles();
  let run = 0;
  try {
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const memory = new MemoryFiles();
        const top = `${folder}/${run++}`;
        real.makeDirectory(top);
        memory.makeDirectory('/top');
        for (const one of calls) expect(outcome(one, memory, '/top'), String(one)).toEqual(outcome(one, real, top));
      }),
      { numRuns: 300 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a file’s times and inode change as they do on a disk: a write, not a rename, changes the modification time', () => {
  const files = new MemoryFiles();
  files.writeNew('/a', 'x');
  const before = files.stat('/a');
  files.rename('/a', '/b');
  const moved = files.stat('/b');
  expect(moved).toMatchObject({ inode: before?.inode, mtimeMs: before?.mtimeMs });
  expect(moved?.ctimeMs).toBeGreaterThan(before?.ctimeMs ?? 0);
  files.append('/b', 'y');
  expect(files.stat('/b')?.mtimeMs).toBeGreaterThan(before?.mtimeMs ?? 0);
});

test('names, bytes and modes are lost unless they were flushed', () => {
  const files = new MemoryFiles();
  files.makeDirectory('/d');
  files.startRecording();
  files.writeNew('/d/flushed', 'bytes');
  files.flushDirectory('/d');
  files.writeNew('/d/named', 'bytes');
  files.writeNew('/d/loose', 'bytes', 0o644, 'unflushed');
  files.flushDirectory('/d');
  const seen = new Set<string>();
  for (const state of statesAfterPowerLoss(files.recording(), { random: 0, seed: 1, window: 40 })) {
    if (!state.ended) continue;
    const lost = files.withDisk(state.disk);
    expect(lost.read('/d/flushed', 100).toString()).toBe('bytes');
    expect(lost.read('/d/named', 100).toString()).toBe('bytes');
    seen.add(lost.read('/d/loose', 100).toString());
  }
  expect(seen).toEqual(new Set(['bytes', '', 'by', '\0\0\0\0\0']));
});

test('a rename may be undone by a power cut until its target’s folder is flushed, or both where that is the rule', () => {
  for (const strictRename of [false, true]) {
    const files = new MemoryFiles({ strictRename });
    files.makeDirectory('/from');
    files.makeDirectory('/to');
    files.writeNew('/from/a', 'x');
    files.startRecording();
    files.rename('/from/a', '/to/a');
    files.flushDirectory('/to');
    const ends = statesAfterPowerLoss(files.recording(), { random: 0, seed: 1, window: 40 }).filter((one) => one.ended);
    const places = ends.map((one) => (files.withDisk(one.disk).stat('/to/a') === undefined ? 'from' : 'to'));
    expect(new Set(places)).toEqual(new Set(strictRename ? ['to', 'from'] : ['to']));
  }
});

test('a crash ends everything, a torn write leaves its first half', () => {
  const files = new MemoryFiles();
  const faulty = new FaultyFiles(files, { at: 2, fault: 'crash', forGood: false });
  expect(() => faulty.writeNew('/a', '0123456789')).toThrow(SimulatedCrash);
  expect(() => faulty.stat('/a')).toThrow(SimulatedCrash);
  expect(files.read('/a', 100).toString()).toBe('01234');
});

test.each(ERRNOS)('%s comes once, or for good; on a full disk what needs no space goes on', (fault) => {
  const once = new FaultyFiles(new MemoryFiles(), { at: 1, fault, forGood: false });
  expect(() => once.makeDirectory('/a')).toThrow(fault);
  once.makeDirectory('/a');
  const lasting = new FaultyFiles(new MemoryFiles(), { at: 2, fault, forGood: true });
  lasting.makeDirectory('/a');
  expect(() => lasting.makeDirectory('/b')).toThrow(fault);
  expect(() => lasting.makeDirectory('/b')).toThrow(fault);
  const remove = () => lasting.removeDirectory('/a');
  if (fault === 'ENOSPC' || fault === 'EDQUOT') remove();
  else expect(remove).toThrow(fault);
});

test('the real file system, made faulty, is torn alike', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prepatch-faulty-'));
  try {
    const real = new RealFiles();
    const faulty = new FaultyFiles(real, { at: 2, fault: 'ENOSPC', forGood: false });
    expect(() => faulty.writeNew(join(folder, 'a'), '0123456789')).toThrow('ENOSPC');
    expect(real.read(join(folder, 'a'), 100).toString()).toBe('01234');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
