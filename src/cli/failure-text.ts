// A failure for people and for programs: code, what happened, where, what to do.

import type { PatchError } from '../error.js';
import { escapeControls } from '../report/log-line.js';

export interface FailureDocument {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly path: string | null;
  readonly exitCode: number;
}

export function describeFailure(error: PatchError): FailureDocument {
  const { code, message, hint, path, exitCode } = error;
  return { code, message, hint, path: path ?? null, exitCode };
}

/** Two lines; `home` is named where there are several. */
export function explainFailure(error: PatchError, home?: string): string {
  const prefix = home === undefined ? 'prepatch' : `prepatch: ${home}`;
  return `${prefix}: ${escapeControls(error.message)} (${error.code})\n  ${escapeControls(error.hint)}\n`;
}
