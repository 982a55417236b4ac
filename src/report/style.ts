// How human text is marked on a terminal: seven marks, by ANSI codes of Node's own table. Pure.

import { inspect } from 'node:util';

/** Each returns its text, marked. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

const same = (text: string): string => text;

/** No marks: for files, pipes and NO_COLOR. */
export const plainStyle: Style = { bold: same, dim: same, good: same, warn: same, bad: same };

export const colorStyle: Style = {
  bold: marked('bold'),
  dim: marked('dim'),
  good: marked('green'),
  warn: marked('yellow'),
  bad: marked('red'),
};

function marked(name: string): (text: string) => string {
  const [on, off] = inspect.colors[name] ?? [0, 0];
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}
