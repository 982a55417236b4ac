// The status page between starts: what is in the drop folders and what is wrong with it. Written whole and renamed into place,
// only when there is news; the page of a start is left as it is until then.

import { errnoOf } from '../error.js';
import type { Layout } from '../home/layout.js';
import type { PlanReport } from '../patcher/reports.js';
import { beginPage, type PageModel, type PagePack } from '../report/page-model.js';
import type { Files } from '../system/files.js';
import { writePage } from './status-page-file.js';
import { checkedText } from './watch-event.js';

/** @throws nothing for what the file system refuses: the page is a courtesy */
export function writeWatchPage(files: Files, layout: Layout, plan: PlanReport, nowMs: number): void {
  try {
    writePage(files, layout.statusPage, pageOfDrops(plan, nowMs));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** What waits for the next start, as a page. */
export function pageOfDrops(plan: PlanReport, nowMs: number): PageModel {
  const page = beginPage(plan.home, nowMs);
  const packs = (names: readonly string[], action: PagePack['action']): PagePack[] =>
    names.map((name) => ({ name, action, state: 'pending' }));
  const summary = checkedText({ ...plan, changes: plan.changes.length });
  return {
    ...page,
    steps: page.steps.map((step) => ({ ...step, state: 'pending', startedMs: undefined })),
    packs: [...packs(plan.apply, 'apply'), ...packs(plan.revert, 'revert'), ...packs(plan.update, 'update')],
    lines: [
      { timeMs: nowMs, level: 'info', body: `watch: ${summary}` },
      ...plan.problems
        .filter((problem) => problem.severity !== 'info')
        .map((problem) => ({ timeMs: nowMs, level: problem.severity, body: problem.message })),
    ],
  };
}
