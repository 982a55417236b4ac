// The faulty twin of the door to the file system: passes calls on to a sound one, counts them in points, and at point N ends the
// process (a crash that nothing catches), tears a write, or refuses with an errno, once or for good (fault-plan.ts).
import type { Digests, Files, FileStat, RangeReader } from '../../src/system/files.js';
import type { FaultPlan } from './fault-plan.js';

/** The end of the process: no errno, no error of ours, so that nothing may catch it. Every later call throws it too. */
export class SimulatedCrash extends Error {
  constructor(where: string) {
    super(`simulated crash at ${where}`);
    this.name = 'SimulatedCrash';
  }
}

/** One place where a fault can strike. A call that does several things has several. */
export interface Point {
  readonly call: keyof Files;
  readonly part: 'start' | 'half' | 'flush';
  readonly path: string;
  readonly asksForSpace: boolean;
  readonly mutates: boolean;
}

export class FaultyFiles implements Files {
  readonly #files: Files;
  readonly #plan: FaultPlan | undefined;
  /** Every point that was passed, in order. */
  readonly points: Point[] = [];
  #crashed: SimulatedCrash | undefined;
  #struck = false;

  constructor(files: Files, plan?: FaultPlan) {
    this.#files = files;
    this.#plan = plan;
  }

  /** Whether the fault has happened. */
  get struck(): boolean {
    return this.#struck;
  }

  get crashed(): boolean {
    return this.#crashed !== undefined;
  }

  stat(path: string): FileStat | undefined {
    this.#read('stat', path);
    return this.#files.stat(path);
  }

  list(path: string): string[] {
    this.#read('list', path);
    return this.#files.list(path);
  }

  read(path: string, limitBytes: number): Buffer {
    this.#read('read', path);
    return this.#files.read(path, limitBytes);
  }

  readRange(path: string, offset: number, length: number): Buffer {
    this.#read('readRange', path);
    return this.#files.readRange(path, offset, length);
  }

  readRanges<T>(path: string, use: (read: RangeReader) => T): T {
    this.#read('readRanges', path);
    return this.#files.readRanges(path, (read) =>
      use((offset, length, into) => {
        this.#read('readRanges', path);
        return read(offset, length, into);
      }),
    );
  }

  realPath(path: string): string {
    this.#read('realPath', path);
    return this.#files.realPath(path);
  }

  digest(path: string, withSha256: boolean): Digests {
    this.#read('digest', path);
    return this.#files.digest(path, withSha256);
  }

  freeBytes(path: string): number {
    this.#read('freeBytes', path);
    return this.#files.freeBytes(path);
  }

  checkWritable(folder: string): void {
    this.#read('checkWritable', folder);
    this.#files.checkWritable(folder);
  }

  mountOf(path: string): string {
    return this.#files.mountOf(path);
  }

  fileSystemTime(folder: string): number {
    this.#change('fileSystemTime', folder, true);
    this.#part('fileSystemTime', 'half', folder, false, () =>
      this.#files.writeNew(`${folder}/.now-${process.pid}-1`, '', 0o600, 'unflushed'),
    );
    return this.#files.fileSystemTime(folder);
  }

  identity(): { readonly user: string; readonly host: string } {
    return this.#files.identity();
  }

  makeDirectory(path: string, mode?: number): void {
    this.#change('makeDirectory', path, true);
    this.#files.makeDirectory(path, mode);
  }

  writeNew(path: string, data: Uint8Array | string, mode?: number, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
    this.#change('writeNew', path, true);
    this.#part('writeNew', 'half', path, true, () =>
      this.#files.writeNew(path, bytes.subarray(0, Math.floor(bytes.length / 2)), mode, 'unflushed'),
    );
    if (flush === 'flushed')
      this.#part('writeNew', 'flush', path, false, () => this.#files.writeNew(path, bytes, mode, 'unflushed'));
    this.#files.writeNew(path, data, mode, flush);
  }

  append(path: string, data: Uint8Array | string, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    this.#change('append', path, true);
    this.#part('append', 'half', path, true, () =>
      this.#files.append(path, data.slice(0, Math.floor(data.length / 2)), 'unflushed'),
    );
    if (flush === 'flushed')
      this.#part('append', 'flush', path, false, () => this.#files.append(path, data, 'unflushed'));
    this.#files.append(path, data, flush);
  }

  copyNew(source: string, target: string, mode: number, flush: 'flushed' | 'unflushed' = 'flushed'): void {
    this.#change('copyNew', target, true);
    this.#part('copyNew', 'half', target, true, () => {
      const bytes = this.#files.read(source, Number.MAX_SAFE_INTEGER);
      this.#files.writeNew(target, bytes.subarray(0, Math.floor(bytes.length / 2)), mode, 'unflushed');
    });
    if (flush === 'flushed')
      this.#part('copyNew', 'flush', target, false, () => this.#files.copyNew(source, target, mode, 'unflushed'));
    this.#files.copyNew(source, target, mode, flush);
  }

  link(source: string, target: string): void {
    this.#change('link', target, true);
    this.#files.link(source, target);
  }

  rename(source: string, target: string): void {
    this.#change('rename', target, false, source);
    this.#files.rename(source, target);
  }

  unlink(path: string): void {
    this.#change('unlink', path, false);
    this.#files.unlink(path);
  }

  removeDirectory(path: string): void {
    this.#change('removeDirectory', path, false);
    this.#files.removeDirectory(path);
  }

  setMode(path: string, mode: number): void {
    this.#change('setMode', path, false);
    this.#part('setMode', 'flush', path, false, () => this.#files.setMode(path, mode));
    this.#files.setMode(path, mode);
  }

  touch(path: string): void {
    this.#change('touch', path, false);
    this.#files.touch(path);
  }

  flushDirectory(path: string): void {
    this.#change('flushDirectory', path, false);
    this.#files.flushDirectory(path);
  }

  #read(call: keyof Files, path: string): void {
    this.#point({ call, part: 'start', path, asksForSpace: false, mutates: false }, nothing);
  }

  #change(call: keyof Files, path: string, asksForSpace: boolean, also = path): void {
    this.#point({ call, part: 'start', path, asksForSpace, mutates: true }, nothing, also);
  }

  #part(call: keyof Files, part: Point['part'], path: string, asksForSpace: boolean, partly: () => void): void {
    this.#point({ call, part, path, asksForSpace, mutates: true }, partly);
  }

  #point(point: Point, partly: () => void, also = point.path): void {
    if (this.#crashed !== undefined) throw this.#crashed;
    const plan = this.#plan;
    if (!point.mutates && plan?.reads !== true) return;
    this.points.push(point);
    if (plan === undefined || !strikes(plan, this.points.length, point, also)) return;
    this.#struck = true;
    partly();
    const where = `${this.points.length} ${point.call} ${point.part} ${point.path}`;
    if (plan.fault === 'crash') {
      this.#crashed = new SimulatedCrash(where);
      throw this.#crashed;
    }
    throw Object.assign(new Error(`${plan.fault}: ${where}`), { code: plan.fault });
  }
}

/** A full disk, or a full quota, refuses only what asks for space. */
function strikes(plan: FaultPlan, number: number, point: Point, also: string): boolean {
  if (plan.below !== undefined && !point.path.startsWith(plan.below) && !also.startsWith(plan.below)) return false;
  if (number === plan.at) return true;
  if (!plan.forGood || number < plan.at) return false;
  const isFull = plan.fault === 'ENOSPC' || plan.fault === 'EDQUOT';
  return !isFull || point.asksForSpace;
}

function nothing(): void {}
