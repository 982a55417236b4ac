// What a Patcher is given to reach the world with.

import type { Commands } from '../system/run-command.js';
import type { LookerDoors } from './looker.js';

export interface PatcherDoors extends LookerDoors {
  /** Awaited as soon as the home is locked and before it changes: what only work needs is loaded here. */
  readonly prepare?: () => Promise<void>;
  /** How the commands of packs are run; absent: as processes. */
  readonly commands?: Commands;
}
