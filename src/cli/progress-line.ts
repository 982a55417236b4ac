// One line on a terminal while a step takes more than a second: what, how much, how long still. It replaces itself, and is
// cleared before anything else is said.

import type { EventSink, PatchEvent, Phase } from '../event.js';
import { formatBytes, formatDuration } from '../report/format-amount.js';
import { lookAtTerminal, writeStandard } from '../system/standard-stream.js';

const QUIET_MS = 1000;
const EVERY_MS = 100;
const ERASE_LINE = '\r\u001b[2K';

const DOING: Readonly<Record<Phase, string>> = {
  recover: 'putting an interrupted transaction in order',
  look: 'reading',
  check: 'checking',
  stage: 'staging',
  deploy: 'deploying',
  verify: 'verifying',
  commit: 'committing',
  cleanup: 'cleaning up',
  rollback: 'undoing',
};

export class ProgressLine {
  #phase: Phase | undefined;
  #startedMs = 0;
  #shownMs = 0;
  #isShown = false;
  #doneItems = 0;

  readonly show: EventSink = (event) => {
    if (event.kind === 'phase') this.clear();
    if (event.kind !== 'progress') return;
    const nowMs = performance.now();
    // A step that begins again, such as a second look once the home is locked, has a time of its own.
    if (event.phase !== this.#phase || event.doneItems < this.#doneItems) {
      this.#phase = event.phase;
      this.#startedMs = nowMs;
    }
    this.#doneItems = event.doneItems;
    if (nowMs - this.#startedMs < QUIET_MS || nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    this.#isShown = true;
    const line = progressText(event, nowMs - this.#startedMs);
    writeStandard('error', `${ERASE_LINE}${line.slice(0, Math.max(1, lookAtTerminal('error').columns - 1))}`);
  };

  clear(): void {
    if (this.#isShown) writeStandard('error', ERASE_LINE);
    this.#isShown = false;
  }
}

/** `staging 120 of 600, 45 MB of 210 MB, about 4 s left`. */
export function progressText(event: Extract<PatchEvent, { kind: 'progress' }>, elapsedMs: number): string {
  const { phase, doneItems, totalItems, doneBytes, totalBytes } = event;
  const share = totalBytes > 0 ? doneBytes / totalBytes : totalItems > 0 ? doneItems / totalItems : 0;
  const bytes = totalBytes > 0 ? `, ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}` : '';
  const left = share > 0 && share < 1 ? `, about ${formatDuration((elapsedMs * (1 - share)) / share)} left` : '';
  return `${DOING[phase]} ${doneItems} of ${totalItems}${bytes}${left}`;
}
