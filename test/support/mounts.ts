// File systems for a test, each mounted over a folder of its own and gone after it: tmpfs, images of XFS and exFAT, an overlay, a
// bind mount, a read-only view. Needs root rights (need.ts); what the kernel lacks is an error that says so.
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Everything that a test has mounted, to be taken away in reverse. */
export class Mounts {
  readonly #folder = mkdtempSync(join(tmpdir(), 'prepatch-mounts-'));
  readonly #undo: (() => unknown)[] = [];
  #count = 0;

  /** A new empty folder, which goes with the mounts. */
  folder(name: string): string {
    const path = join(this.#folder, `${this.#count++}-${name}`);
    mkdirSync(path);
    return path;
  }

  tmpfs(point: string, options = 'size=64m'): string {
    return this.#mount(point, ['-t', 'tmpfs', '-o', options, 'tmpfs']);
  }

  /** An XFS of 400 MB in a sparse file, with reflinks. */
  xfs(point: string): string {
    const image = this.#image();
    run('mkfs.xfs', ['-q', '-m', 'reflink=1', image]);
    return this.#mount(point, ['-o', 'loop', image]);
  }

  /** An exFAT in user space: names in any case are the same, files have no second name, no owner and no mode of their own. */
  exfat(point: string): string {
    const image = this.#image();
    run('mkfs.exfat', [image]);
    const device = run('losetup', ['--find', '--show', image]).trim();
    this.#undo.push(() => run('losetup', ['--detach', device]));
    run('mount.exfat-fuse', [device, point]);
    this.#undo.push(() => run('umount', [point]));
    return point;
  }

  /** `lower` as it is, with everything that is changed in it kept elsewhere. */
  overlay(lower: string): string {
    const [upper, work, point] = [this.folder('upper'), this.folder('work'), this.folder('merged')];
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    return this.#mount(point, ['-t', 'overlay', '-o', options, 'overlay']);
  }

  bind(source: string, point: string): string {
    return this.#mount(point, ['--bind', source]);
  }

  /** Makes what is mounted at a point read-only, or writable again. */
  setWritable(point: string, isWritable: boolean): void {
    run('mount', ['-o', `remount,bind,${isWritable ? 'rw' : 'ro'}`, point]);
  }

  dispose(): void {
    for (const undo of this.#undo.reverse()) undo();
    rmSync(this.#folder, { recursive: true });
  }

  #mount(point: string, words: readonly string[]): string {
    run('mount', [...words, point]);
    this.#undo.push(() => run('umount', [point]));
    return point;
  }

  #image(): string {
    const image = join(this.#folder, `${this.#count++}-image`);
    const descriptor = openSync(image, 'wx');
    ftruncateSync(descriptor, 400 * 1024 * 1024);
    closeSync(descriptor);
    return image;
  }
}

function run(program: string, words: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  return execFileSync(program, words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
