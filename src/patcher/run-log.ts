// What a run writes to the log: the lines that Carbon writes, and what it has refused, kept, completed or undone.

import type { PatchError } from '../error.js';
import type { EventSink, LogLevel } from '../event.js';
import { display, type Layout } from '../home/layout.js';
import {
  NOTHING_NEW,
  notAppliedLine,
  VERIFICATION_DONE,
  VERIFICATION_PROBLEMS,
  VERIFICATION_STARTED,
  VERIFICATION_WARNINGS,
} from '../plan/carbon-lines.js';
import type { Plan } from '../plan/plan.js';
import type { HealthCheck } from '../plan/probation.js';
import type { Recovery } from '../transaction/recover.js';

/** Beyond so many lines of one kind, a log says how many more there are. */
const PROBLEM_LINES = 50;

export class RunLog {
  readonly #layout: Layout;
  readonly #emit: EventSink;
  readonly #quarantineLines = new Set<string>();

  constructor(layout: Layout, emit: EventSink) {
    this.#layout = layout;
    this.#emit = emit;
  }

  nothing(plan: Plan): void {
    this.line('info', NOTHING_NEW);
    this.line('info', VERIFICATION_STARTED);
    const unapplied = plan.problems.filter((problem) => problem.code === 'DRIFT');
    if (unapplied.length === 0) {
      this.line('info', VERIFICATION_DONE);
      return;
    }
    this.line('warn', VERIFICATION_PROBLEMS);
    for (const problem of unapplied) {
      const pack = plan.packs.findLast((one) =>
        one.files.some((file) => display(this.#layout, file.target) === problem.path),
      );
      const file = pack?.files.find((one) => display(this.#layout, one.target) === problem.path);
      if (pack !== undefined && file !== undefined)
        this.line('warn', notAppliedLine(file.target.slice('plugins:'.length), file.md5, pack.name));
    }
    this.line('warn', VERIFICATION_WARNINGS);
  }

  problems(plan: Plan): void {
    const shown = plan.problems.filter((problem) => problem.severity !== 'info');
    for (const problem of shown.slice(0, PROBLEM_LINES))
      this.line(problem.severity === 'error' ? 'error' : 'warn', problem.message);
    if (shown.length > PROBLEM_LINES)
      this.line('warn', `and ${shown.length - PROBLEM_LINES} more; prepatch plan lists them all`);
  }

  /** Once in a run, however often it looks. */
  quarantined(name: string, reason: string): void {
    const line = `${name} is quarantined: ${reason}`;
    if (!this.#quarantineLines.has(line)) this.line('warn', line);
    this.#quarantineLines.add(line);
  }

  kept(failure: PatchError): void {
    this.line('error', `Nothing was applied, the server starts on what was there before: ${failure.message}`);
  }

  recovered(outcome: Recovery): void {
    if (outcome.action === 'nothing') return;
    const what =
      outcome.action === 'complete' ? 'had been committed, and was completed' : 'was undone, the home is as before';
    this.line('warn', `Transaction ${outcome.transaction ?? ''} was interrupted; it ${what}`);
  }

  /** Many lines at once, written together. */
  all(bodies: readonly string[]): void {
    for (const body of bodies.slice(0, -1)) this.#emit({ kind: 'log', level: 'info', body, more: true });
    const last = bodies.at(-1);
    if (last !== undefined) this.line('info', last);
  }

  passed({ pack, health }: HealthCheck): void {
    this.line('info', `${pack} is not on probation any more: the server has shown that it is healthy (${health.kind})`);
  }

  line(level: LogLevel, body: string): void {
    this.#emit({ kind: 'log', level, body });
  }
}
