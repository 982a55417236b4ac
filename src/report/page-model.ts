// What the status page shows, as data: the steps of a run and the packs it works on, brought forward by events. Pure.

import type { PatchEvent, Phase } from '../event.js';

export type PageState = 'pending' | 'running' | 'done' | 'failed' | 'skipped';

export interface PageStep {
  readonly name: Phase;
  readonly state: PageState;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly doneItems: number;
  readonly totalItems: number;
}

export interface PagePack {
  readonly name: string;
  readonly action: 'apply' | 'revert' | 'update' | 'quarantine';
  readonly state: PageState;
}

export interface PageModel {
  readonly home: string;
  readonly transaction: string | undefined;
  readonly startedMs: number;
  readonly updatedMs: number;
  /** `pending` until a transaction begins. */
  readonly state: PageState;
  readonly steps: readonly PageStep[];
  readonly packs: readonly PagePack[];
  /** The last things that were said, the newest last. */
  readonly lines: readonly { readonly timeMs: number; readonly level: string; readonly body: string }[];
}

const STEPS: readonly Phase[] = [
  'recover',
  'look',
  'check',
  'stage',
  'deploy',
  'verify',
  'commit',
  'cleanup',
  'rollback',
];
export const LINES_SHOWN = 30;

export function beginPage(home: string, nowMs: number): PageModel {
  const pending = { state: 'pending', startedMs: undefined, endedMs: undefined, doneItems: 0, totalItems: 0 } as const;
  return {
    home,
    transaction: undefined,
    startedMs: nowMs,
    updatedMs: nowMs,
    state: 'pending',
    steps: STEPS.map((name) =>
      name === 'look' ? { ...pending, name, state: 'running', startedMs: nowMs } : { ...pending, name },
    ),
    packs: [],
    lines: [],
  };
}

/** The page after an event. */
export function advancePage(page: PageModel, event: PatchEvent, nowMs: number): PageModel {
  const next = { ...page, updatedMs: nowMs };
  switch (event.kind) {
    case 'log':
      return {
        ...next,
        lines: [...page.lines, { timeMs: nowMs, level: event.level, body: event.body }].slice(-LINES_SHOWN),
      };
    case 'problem':
      return {
        ...next,
        lines: [...page.lines, { timeMs: nowMs, level: event.severity, body: event.message }].slice(-LINES_SHOWN),
      };
    case 'phase':
      return { ...next, state: 'running', steps: enterStep(page.steps, event.phase, nowMs) };
    case 'progress':
      return {
        ...next,
        steps: page.steps.map((step) =>
          step.name === event.phase ? { ...step, doneItems: event.doneItems, totalItems: event.totalItems } : step,
        ),
      };
    case 'plan':
      return { ...next, packs: packsOf(event) };
    case 'transaction':
      return afterTransaction(next, event.transaction, event.state, nowMs);
  }
}

/** The page when the run is over: what did not happen was skipped, and what was running has failed if the run has. */
export function endPage(
  page: PageModel,
  end: { readonly failed: boolean; readonly quarantined: readonly string[] },
  nowMs: number,
): PageModel {
  return {
    ...page,
    updatedMs: nowMs,
    state: end.failed ? 'failed' : 'done',
    steps: page.steps.map((step) => {
      if (step.state === 'running') return { ...step, state: end.failed ? 'failed' : 'done', endedMs: nowMs };
      return step.state === 'pending' ? { ...step, state: 'skipped' } : step;
    }),
    packs: [
      ...page.packs
        .filter((pack) => !end.quarantined.includes(pack.name))
        .map((pack) =>
          isOpen(pack.state) ? { ...pack, state: end.failed ? ('failed' as const) : ('done' as const) } : pack,
        ),
      ...end.quarantined.map((name) => ({ name, action: 'quarantine', state: 'skipped' }) as const),
    ],
  };
}

function afterTransaction(
  page: PageModel,
  transaction: string,
  state: Extract<PatchEvent, { kind: 'transaction' }>['state'],
  nowMs: number,
): PageModel {
  switch (state) {
    case 'begun':
      return { ...page, transaction, state: 'running', packs: [] };
    case 'recovered':
      return { ...page, steps: endRunning(page.steps, 'done', nowMs) };
    case 'committed':
      return {
        ...page,
        transaction,
        steps: endRunning(page.steps, 'done', nowMs),
        packs: closePacks(page.packs, 'done'),
      };
    case 'rolled-back':
      return {
        ...page,
        transaction,
        steps: endRunning(page.steps, 'done', nowMs),
        packs: closePacks(page.packs, 'failed'),
      };
    case 'rollback-failed':
      return {
        ...page,
        transaction,
        steps: endRunning(page.steps, 'failed', nowMs),
        packs: closePacks(page.packs, 'failed'),
      };
  }
}

/** A rollback begins because the step that was running has failed. */
function enterStep(steps: readonly PageStep[], entered: Phase, nowMs: number): PageStep[] {
  return endRunning(steps, entered === 'rollback' ? 'failed' : 'done', nowMs).map((step) =>
    step.name === entered
      ? { ...step, state: 'running', startedMs: nowMs, endedMs: undefined, doneItems: 0, totalItems: 0 }
      : step,
  );
}

function endRunning(steps: readonly PageStep[], state: PageState, nowMs: number): PageStep[] {
  return steps.map((step) => (step.state === 'running' ? { ...step, state, endedMs: nowMs } : step));
}

function closePacks(packs: readonly PagePack[], state: PageState): PagePack[] {
  return packs.map((pack) => (isOpen(pack.state) ? { ...pack, state } : pack));
}

function packsOf(event: Extract<PatchEvent, { kind: 'plan' }>): PagePack[] {
  const of = (action: PagePack['action'], names: readonly string[]) =>
    names.map((name): PagePack => ({ name, action, state: 'running' }));
  return [...of('apply', event.apply), ...of('revert', event.revert), ...of('update', event.update)];
}

function isOpen(state: PageState): boolean {
  return state === 'pending' || state === 'running';
}
