// How people see an action: its title, or what it does. Pure.

import { unreachable } from '../error.js';
import type { Action } from './pack-manifest.js';

export function describeAction(action: Action): string {
  if (action.title !== undefined) return action.title;
  if (action.id !== undefined) return action.id;
  switch (action.kind) {
    case 'create':
    case 'update':
    case 'delete':
    case 'rename':
      return `${action.kind} ${action.path}`;
    case 'unzip':
      return `unzip ${action.archive}`;
    case 'editXml':
    case 'editProperties':
    case 'editIni':
    case 'editJson':
    case 'editYaml':
      return `edit ${action.file}`;
    case 'run':
    case 'stopService':
    case 'startService':
      return `${action.kind} ${action.argv[0] ?? ''}`;
    case 'module':
      return `module ${action.file}`;
    case 'notify':
      return `notify ${action.onFailure.argv[0] ?? ''}`;
    case 'setValue':
      return `set ${action.name}`;
    case 'list':
    case 'forEach':
      return action.kind;
    default:
      return unreachable(action);
  }
}
