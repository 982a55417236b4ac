// The status page and the model behind it: each state of steps and packs, the refresh, and names that would be markup.
import { describe, expect, test } from 'vitest';
import type { PatchEvent } from '../../src/event.js';
import { advancePage, beginPage, endPage, type PageModel } from '../../src/report/page-model.js';
import { escapeHtml, renderStatusPage } from '../../src/report/status-page.js';

const PLAN: PatchEvent = { kind: 'plan', transaction: 't1', apply: ['p1'], revert: ['p2'], update: ['p3'], changes: 3 };
const phase = (name: Extract<PatchEvent, { kind: 'phase' }>['phase']): PatchEvent => ({
  kind: 'phase',
  phase: name,
  transaction: 't1',
});
const state = (name: Extract<PatchEvent, { kind: 'transaction' }>['state']): PatchEvent => ({
  kind: 'transaction',
  transaction: 't1',
  state: name,
});

function after(...events: readonly PatchEvent[]): PageModel {
  return events.reduce((page, event, index) => advancePage(page, event, 1000 * (index + 1)), beginPage('/srv/home', 0));
}

function stepsOf(page: PageModel): Record<string, string> {
  return Object.fromEntries(page.steps.map((step) => [step.name, step.state]));
}

function packsOf(page: PageModel): Record<string, string> {
  return Object.fromEntries(page.packs.map((pack) => [pack.name, `${pack.action} ${pack.state}`]));
}

describe('the model', () => {
  test('goes from step to step', () => {
    const page = after(state('begun'), PLAN, phase('check'), phase('stage'));
    expect(page).toMatchObject({ state: 'running', transaction: 't1' });
    expect(stepsOf(page)).toMatchObject({ look: 'done', check: 'done', stage: 'running', deploy: 'pending' });
    expect(packsOf(page)).toEqual({ p1: 'apply running', p2: 'revert running', p3: 'update running' });
    expect(page.steps.find((step) => step.name === 'check')).toMatchObject({ startedMs: 3000, endedMs: 4000 });
  });

  test('a committed transaction', () => {
    const page = endPage(
      after(state('begun'), PLAN, phase('check'), phase('commit'), phase('cleanup'), state('committed')),
      { failed: false, quarantined: ['bad'] },
      9000,
    );
    expect(page.state).toBe('done');
    expect(stepsOf(page)).toMatchObject({ cleanup: 'done', rollback: 'skipped', recover: 'skipped' });
    expect(packsOf(page)).toEqual({
      p1: 'apply done',
      p2: 'revert done',
      p3: 'update done',
      bad: 'quarantine skipped',
    });
  });

  test('a transaction that is undone: the step that failed, the rollback, the packs', () => {
    const page = endPage(
      after(state('begun'), PLAN, phase('deploy'), phase('rollback'), state('rolled-back')),
      { failed: true, quarantined: [] },
      9000,
    );
    expect(page.state).toBe('failed');
    expect(stepsOf(page)).toMatchObject({ deploy: 'failed', rollback: 'done', commit: 'skipped' });
    expect(packsOf(page)).toEqual({ p1: 'apply failed', p2: 'revert failed', p3: 'update failed' });
  });

  test('a rollback that fails', () => {
    const page = after(state('begun'), PLAN, phase('deploy'), phase('rollback'), state('rollback-failed'));
    expect(stepsOf(page)).toMatchObject({ deploy: 'failed', rollback: 'failed' });
  });

  test('a failure before anything was touched', () => {
    const page = endPage(after(state('begun'), PLAN, phase('check')), { failed: true, quarantined: [] }, 9000);
    expect(stepsOf(page)).toMatchObject({ check: 'failed', stage: 'skipped' });
    expect(packsOf(page)['p1']).toBe('apply failed');
  });

  test('a second transaction of the same run begins its steps anew', () => {
    const page = after(phase('recover'), state('recovered'), state('begun'), PLAN, phase('check'));
    expect(stepsOf(page)).toMatchObject({ recover: 'done', check: 'running' });
  });

  test('counts what a step has done, and keeps the last lines only', () => {
    const lines = Array.from({ length: 50 }, (_, n): PatchEvent => ({ kind: 'log', level: 'info', body: `line ${n}` }));
    const progress = { doneItems: 3, totalItems: 7, doneBytes: 0, totalBytes: 0 };
    const page = after(phase('stage'), ...lines, { kind: 'progress', phase: 'stage', ...progress });
    expect(page.steps.find((step) => step.name === 'stage')).toMatchObject({ doneItems: 3, totalItems: 7 });
    expect(page.lines.length).toBe(30);
    expect(page.lines.at(-1)?.body).toBe('line 49');
  });
});

describe('the page', () => {
  test('is loaded again every three seconds while it runs, and no more when it is over', () => {
    const page = after(state('begun'), PLAN, phase('check'));
    expect(renderStatusPage(page)).toContain('<meta http-equiv="refresh" content="3">');
    expect(renderStatusPage(endPage(page, { failed: true, quarantined: [] }, 1))).not.toContain('"refresh"');
  });

  test('loads nothing and runs nothing', () => {
    const html = renderStatusPage(after(state('begun'), PLAN));
    expect(html).not.toMatch(/<script|<link|<img|src=|url\(|https?:/);
    expect(html).toContain("default-src 'none'");
  });

  test('has no markup of others in it, wherever names come from', () => {
    const evil = '"><script>alert(1)</script>\u202e\u0007';
    const page = endPage(
      after(
        { kind: 'transaction', transaction: evil, state: 'begun' },
        { kind: 'plan', transaction: evil, apply: [evil], revert: [], update: [], changes: 1 },
        { kind: 'log', level: 'info', body: evil },
        { kind: 'problem', code: 'X', severity: 'error', message: evil, path: evil },
      ),
      { failed: false, quarantined: [evil] },
      1,
    );
    const html = renderStatusPage({ ...page, home: evil });
    expect(html).not.toContain('<script');
    expect(html).not.toContain('">&');
    expect(html).not.toMatch(/[\u202e\u0007]/);
    expect(html.match(/&#60;script&#62;/g)?.length).toBe(6);
  });

  test('escapes', () => {
    expect(escapeHtml(`<a href="x">'&`)).toBe('&#60;a href=&#34;x&#34;&#62;&#39;&#38;');
    expect(escapeHtml('a\tb\nc')).toBe('a\tb\nc');
    expect(escapeHtml('\u0000')).toBe('\\u0000');
  });
});
