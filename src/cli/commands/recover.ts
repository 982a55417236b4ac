// `prepatch recover`: finishes or undoes an interrupted transaction, nothing else.

import { ExitCode } from '../../error.js';
import type { Recovery } from '../../transaction/recover.js';
import { type UseCase, type UseCaseResult, waitMsOf } from '../use-case.js';

export async function runRecover({ patcher, resolved, style }: UseCase): Promise<UseCaseResult> {
  const { action, transaction } = await patcher.recover(waitMsOf(resolved.config));
  const name = transaction === undefined ? 'An interrupted transaction' : `Transaction ${transaction}`;
  return {
    exitCode: ExitCode.done,
    document: { home: patcher.layout.home, action, transaction: transaction ?? null },
    text: style.good(textOf(action, name)),
  };
}

function textOf(action: Recovery['action'], name: string): string {
  switch (action) {
    case 'nothing':
      return 'Nothing was interrupted.';
    case 'sweep':
      return `${name} had changed nothing yet; what it had staged was removed.`;
    case 'roll-back':
    case 'finish-rollback':
      return `${name} was undone; the home is as before.`;
    case 'complete':
      return `${name} had been committed, and was completed.`;
  }
}
