// What everything that changes a home is given: its files and its layout, and where to report.

import type { EventSink } from '../event.js';
import type { Layout } from '../home/layout.js';
import type { Bulk } from '../system/bulk.js';
import type { Files } from '../system/files.js';
import type { Commands } from '../system/run-command.js';

export interface TransactionContext {
  readonly files: Files;
  readonly bulk: Bulk;
  readonly layout: Layout;
  readonly emit: EventSink;
  /** How commands of actions are run; absent: as processes. */
  readonly commands?: Commands;
  /** Throws where this run may change nothing any more (guard-changes); absent where nobody else can know of the home. */
  readonly check?: () => void;
}
