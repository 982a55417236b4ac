// What an examination has found, for people: what was put in order, what is wrong, then what is only worth knowing. Pure.

import type { DoctorReport } from '../patcher/reports.js';
import { escapeControls } from './log-line.js';
import type { Style } from './style.js';

const MOST_NOTES = 20;

export function renderDoctor({ findings, fixed }: DoctorReport, style: Style): string {
  const wrong = findings.filter((finding) => finding.severity !== 'info');
  const notes = findings.filter((finding) => finding.severity === 'info');
  const shown = notes.slice(0, MOST_NOTES);
  const lines = [
    ...fixed.map((done) => style.good(`fixed: ${escapeControls(done)}`)),
    ...wrong.map(({ what, remedy }) => `${style.bad(escapeControls(what))}\n  ${escapeControls(remedy)}`),
    ...shown.flatMap(({ what, remedy }, index) => {
      const note = `${style.dim('note:')} ${escapeControls(what)}`;
      return shown[index + 1]?.remedy === remedy ? [note] : [note, `  ${style.dim(escapeControls(remedy))}`];
    }),
    ...(notes.length > MOST_NOTES ? [`and ${notes.length - MOST_NOTES} more; --json lists them all`] : []),
  ];
  if (wrong.length === 0 && fixed.length === 0) lines.push(style.good('Nothing is wrong with this home.'));
  return lines.join('\n');
}
