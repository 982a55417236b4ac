// The status page in HTML: one file, no script, nothing loaded from elsewhere; a browser loads it again every three seconds
// while the run goes on. Everything that comes from names or messages is escaped. Pure.

import { formatTime } from './log-line.js';
import type { PageModel, PagePack, PageState, PageStep } from './page-model.js';

const REFRESH_SECONDS = 3;

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .3rem; }
p { margin: .2rem 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere; }
.state { font-weight: 600; white-space: nowrap; }
.pending, .skipped { color: #777; }
.running { color: #06c; }
.done { color: #080; }
.failed { color: #c00; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }`;

export function renderStatusPage(page: PageModel): string {
  const isOver = page.state === 'done' || page.state === 'failed';
  const refresh = isOver ? '' : `\n<meta http-equiv="refresh" content="${REFRESH_SECONDS}">`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">${refresh}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(page.state)}: patches of ${escapeHtml(page.home)}</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>Patches of ${escapeHtml(page.home)}</h1>
<p>${stateOf(page.state)}${page.transaction === undefined ? '' : ` · transaction <code>${escapeHtml(page.transaction)}</code>`}</p>
<p>Begun ${formatTime(page.startedMs)} · ${isOver ? 'ended' : 'last news'} ${formatTime(page.updatedMs)} · ${formatSeconds(page.updatedMs - page.startedMs)}</p>
<h2>Steps</h2>
<table>
<thead><tr><th>Step</th><th>State</th><th>Done</th><th>Time</th></tr></thead>
<tbody>
${page.steps.map((step) => stepRow(step, page.updatedMs)).join('\n')}
</tbody>
</table>
<h2>Packs</h2>
${page.packs.length === 0 ? '<p>No pack changes.</p>' : packTable(page.packs)}
<h2>Last lines</h2>
<pre>${page.lines.map((line) => escapeHtml(`${formatTime(line.timeMs)} ${line.level.toUpperCase()} ${line.body}`)).join('\n')}</pre>
</body>
</html>
`;
}

function stepRow(step: PageStep, nowMs: number): string {
  const items = step.totalItems > 0 ? `${step.doneItems} of ${step.totalItems}` : '';
  const time = step.startedMs === undefined ? '' : formatSeconds((step.endedMs ?? nowMs) - step.startedMs);
  return `<tr><td>${escapeHtml(step.name)}</td><td>${stateOf(step.state)}</td><td>${items}</td><td>${time}</td></tr>`;
}

function packTable(packs: readonly PagePack[]): string {
  const rows = packs.map(
    (pack) =>
      `<tr><td>${escapeHtml(pack.name)}</td><td>${escapeHtml(pack.action)}</td><td>${stateOf(pack.state)}</td></tr>`,
  );
  return `<table>
<thead><tr><th>Pack</th><th>What</th><th>State</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function stateOf(state: PageState): string {
  return `<span class="state ${state}">${state}</span>`;
}

function formatSeconds(durationMs: number): string {
  return `${(Math.max(0, durationMs) / 1000).toFixed(1)} s`;
}

/** Safe in text and in quoted attributes; what would not show, or would turn the writing direction, is written out. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}
