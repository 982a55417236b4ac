// What a verification has found, for people. Pure.

import type { VerifyResult } from '../patcher/reports.js';
import { formatBytes } from './format-amount.js';
import { renderProblems } from './problem-text.js';
import type { Style } from './style.js';

export function renderVerify(result: VerifyResult, style: Style): string {
  const how = result.deep
    ? `${formatBytes(result.readBytes)} read`
    : 'unchanged files not read again; --deep reads all';
  const summary = `${result.checkedFiles} plugins compared (${how})`;
  const wrong = result.repaired
    ? 'what a pack covers has been put back, the rest is left'
    : 'not everything is as it should be';
  const right = result.repaired ? 'what was wrong has been put back' : 'everything is as it should be';
  const verdict = result.ok ? style.good(`${summary}; ${right}.`) : style.bad(`${summary}; ${wrong}.`);
  return [...renderProblems(result.problems, style), verdict].join('\n');
}
