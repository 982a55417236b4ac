// Who a process is, so that no other can be taken for it: host, boot, pid namespace, pid and the time it was started. Where
// the system does not tell (no /proc), the parts are `-`.

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly host: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  /** Start time in clock ticks since the boot, as in /proc/PID/stat field 22. */
  readonly started: string;
}

export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname().replace(/[^A-Za-z0-9.-]/g, '-') || '-',
    boot:
      (attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')) ?? '-')
        .trim()
        .replaceAll('-', '')
        .slice(0, 12) || '-',
    namespace: /\d+/.exec(attempt(() => readlinkSync('/proc/self/ns/pid')) ?? '')?.[0] ?? '-',
    pid: process.pid,
    started: startTime(process.pid) ?? '-',
  };
}

/**
 * Whether the process is alive, as far as this one can tell: `unknown` for another host or pid namespace of this boot.
 * A process of another boot of this host is dead.
 */
export function isAlive(identity: ProcessIdentity, own: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (identity.host !== own.host)
    return identity.boot !== '-' && identity.boot === own.boot && identity.namespace === own.namespace
      ? aliveHere(identity)
      : 'unknown';
  if (identity.boot !== own.boot) return 'dead';
  return identity.namespace === own.namespace ? aliveHere(identity) : 'unknown';
}

function aliveHere(identity: ProcessIdentity): 'alive' | 'dead' {
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'dead';
  }
  const started = startTime(identity.pid);
  if (started !== undefined && isZombie(identity.pid)) return 'dead';
  return started === undefined || identity.started === '-' || started === identity.started ? 'alive' : 'dead';
}

function startTime(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

/** Ended, and not yet collected by its parent, which in a container may never come to it. */
export function isZombie(pid: number): boolean {
  return statFields(pid)?.[0] === 'Z';
}

/** The fields after the command name, which may hold blanks and parentheses: [0] is the state, [19] the start time. */
function statFields(pid: number): string[] | undefined {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
