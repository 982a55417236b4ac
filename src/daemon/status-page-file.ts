// `repository/logs/patch-status.html`: written whole and renamed into place at each step, and at most once a second between.
// A page that cannot be written is said once and stops nothing.

import type { PatchEvent } from '../event.js';
import type { Layout } from '../home/layout.js';
import { advancePage, beginPage, endPage, type PageModel } from '../report/page-model.js';
import { renderStatusPage } from '../report/status-page.js';
import type { Files } from '../system/files.js';

const PROGRESS_EVERY_MS = 1000;

export interface StatusPageDoors {
  readonly files: Files;
  readonly now: () => number;
}

export class StatusPageFile {
  readonly #path: string;
  readonly #doors: StatusPageDoors;
  readonly #complain: (message: string) => void;
  #page: PageModel;
  #writtenMs = 0;
  #hasWork = false;

  constructor(layout: Layout, startedMs: number, doors: StatusPageDoors, complain: (message: string) => void) {
    this.#path = layout.statusPage;
    this.#doors = doors;
    this.#complain = complain;
    this.#page = beginPage(layout.home, startedMs);
  }

  advance(event: PatchEvent): void {
    const nowMs = this.#doors.now();
    this.#page = advancePage(this.#page, event, nowMs);
    if (event.kind === 'plan' || (event.kind === 'phase' && event.phase === 'recover')) this.#hasWork = true;
    const isStep = event.kind === 'phase' || event.kind === 'plan' || event.kind === 'transaction';
    const isDue = event.kind === 'progress' && nowMs - this.#writtenMs >= PROGRESS_EVERY_MS;
    if (this.#hasWork && (isStep || isDue)) this.#write(nowMs);
  }

  end(end: { readonly failed: boolean; readonly quarantined: readonly string[] }): void {
    if (!this.#hasWork) return;
    const nowMs = this.#doors.now();
    this.#page = endPage(this.#page, end, nowMs);
    this.#write(nowMs);
  }

  #write(nowMs: number): void {
    this.#writtenMs = nowMs;
    try {
      writePage(this.#doors.files, this.#path, this.#page);
    } catch (error) {
      this.#complain(`${this.#path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Under a name that tells whose it is first: what a killed run leaves of it is swept (`sweep-remnants`). */
export function writePage(files: Files, path: string, page: PageModel): void {
  const temporary = `${path}.${process.pid}.new`;
  if (files.stat(temporary) !== undefined) files.unlink(temporary);
  files.writeNew(temporary, renderStatusPage(page), 0o644, 'unflushed');
  files.rename(temporary, path);
}
