// Runs programs for the end-to-end tests: to their end, or until they have said something; always within a limit of time.
// A program gets a process group of its own, so that what it starts is stopped with it.
import { type ChildProcess, spawn } from 'node:child_process';

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to the environment of the test, of which the settings of prepatch are not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface ProgramResult {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 50_000;

/** A program that runs until it is told to stop, or ends by itself. */
export class RunningProgram {
  readonly ended: Promise<ProgramResult>;
  private readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';
  private readonly listeners = new Set<() => void>();

  constructor(argv: readonly string[], options: ProgramOptions = {}) {
    const [program = '', ...args] = argv;
    this.child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...withoutSettings(process.env), ...options.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.notify();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.notify();
    });
    this.ended = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.signalGroup('SIGKILL');
        reject(new Error(`${argv.join(' ')} did not end in time${this.transcript()}`));
      }, options.timeoutMs ?? TIMEOUT_MS);
      this.child.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      this.child.on('close', (status, signal) => {
        clearTimeout(timer);
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    // Somebody may look at it later only, or never: a test that has failed already.
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the program could not be started');
    return this.child.pid;
  }

  /** Resolves with what it has said on stdout so far, as soon as `isEnough` is true of that; rejects if it ends without. */
  said(isEnough: (stdout: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!isEnough(this.stdout)) return;
        this.listeners.delete(look);
        resolve(this.stdout);
      };
      this.listeners.add(look);
      this.ended.then(() => {
        look();
        reject(new Error(`it ended before it said what was waited for${this.transcript()}`));
      }, reject);
      look();
    });
  }

  /** Sends a signal to the program alone. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Sends a signal to the program and all that it has started, as Ctrl+C in a terminal does. */
  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It has ended by itself in between.
    }
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private transcript(): string {
    return `\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }
}

export function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  return new RunningProgram(argv, options).ended;
}

/** Settings of whoever runs the tests, and of the test run itself (PREPATCH_TESTS), would be taken for those of the home. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(PREPATCH_|CARBON_)/.test(name)));
}
