// What a plan goes by beside the observation: what is done about drift, and what the run that it is made for will do.

import type { ActionRules } from './action-operation.js';

export interface PlanRules {
  readonly drift: 'repair' | 'report' | 'refuse';
  /** The id that the transaction will have, if there is one. */
  readonly transaction: string;
  /** Takes plugins that no pack covers as they are now, without a word about what changed in them. */
  readonly rebase: boolean;
  /** When a server will be started after this plan, in milliseconds since the epoch; absent where none will. */
  readonly serverStartsMs?: number;
  /** Absent: commands are allowed, modules are not. */
  readonly actions?: ActionRules;
}
