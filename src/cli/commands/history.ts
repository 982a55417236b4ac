// `prepatch history [ID]`: every transaction, or those whose id begins with ID.

import { ExitCode } from '../../error.js';
import { renderHistory } from '../../report/history-text.js';
import type { UseCase, UseCaseResult } from '../use-case.js';

export async function runHistory({ patcher, request, style }: UseCase): Promise<UseCaseResult> {
  const [id] = request.words;
  const history = patcher.history(id);
  return {
    exitCode: ExitCode.done,
    document: { home: patcher.layout.home, records: history.records, brokenAt: history.brokenAt ?? null },
    text: renderHistory(history, id !== undefined, style),
  };
}
