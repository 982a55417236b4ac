// Runs the built command line as a user would: a process of its own, a clean environment, a bound on its time.
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const PREPATCH = join(CHECKOUT, 'bin', 'prepatch.js');

export interface CommandResult {
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Words before `node`: `['setpriv', '--reuid=65534', …]`. */
  readonly through?: readonly string[];
}

/** One run of `prepatch` with these arguments. @throws Error where it does not end in time */
export function runPrepatch(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startPrepatch(args, options).ended;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  /** SIGKILL to the whole process group: no thread and no child of it goes on. */
  kill(): void;
}

/** Starts `prepatch` in a process group of its own. */
export function startPrepatch(args: readonly string[], options: CommandOptions = {}): Running {
  const [program, ...words] = [...(options.through ?? []), process.execPath, PREPATCH, ...args];
  const child = spawn(program as string, words, {
    cwd: options.cwd ?? CHECKOUT,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  };
  return { child, kill, ended: collect(child, args, options.timeoutMs ?? 60_000, kill) };
}

function collect(
  child: ChildProcess,
  args: readonly string[],
  timeoutMs: number,
  kill: () => void,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    let isLate = false;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, timeoutMs);
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (isLate)
        reject(new Error(`prepatch ${args.join(' ')} did not end within ${timeoutMs} ms\n${stdout}${stderr}`));
      else resolve({ exitCode, signal, stdout, stderr });
    });
  });
}

/** Whether something still runs, for a test that looks again and again while it does. */
export function watchEnd(ended: Promise<unknown>): { readonly isOn: boolean } {
  const running = { isOn: true };
  const end = () => {
    running.isOn = false;
  };
  ended.then(end, end);
  return running;
}

/** Nothing of the developer's own settings may reach a test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PREPATCH|CARBON)_/.test(name)));
}
