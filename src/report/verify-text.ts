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
  const verdict = result.repaired
    ? style.good(`${summary}; what was wrong has been put back.`)
    : result.ok
      ? style.good(`${summary}; everything is as it should be.`)
      : style.bad(`${summary}; not everything is as it should be.`);
  return [...renderProblems(result.problems, style), verdict].join('\n');
}
