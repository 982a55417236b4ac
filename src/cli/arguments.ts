// Arguments in, one request out. What is plain is parsed by node:util; help, completion and mistakes are left to yargs, which
// is loaded only then.

import { parseArgs } from 'node:util';
import { COMMANDS, COMMON_OPTIONS, type CommandSpec, type OptionSpec } from './commands.js';

export interface Request {
  readonly command: CommandSpec;
  readonly options: Readonly<Record<string, string | boolean | number | readonly string[] | undefined>>;
  readonly words: readonly string[];
}

/** The request, or undefined where yargs has to explain something. */
export function parseQuickly(args: readonly string[]): Request | undefined {
  const command = COMMANDS.find((one) => one.name === args[0]);
  if (command === undefined) return undefined;
  const separator = args.indexOf('--');
  const own = separator < 0 ? args.slice(1) : args.slice(1, separator);
  const server = separator < 0 ? [] : args.slice(separator + 1);
  const specs: Readonly<Record<string, OptionSpec>> = { ...COMMON_OPTIONS, ...command.options };
  try {
    const parsed = parseArgs({
      args: [...own],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(specs).map(([name, spec]) => [
          name,
          {
            type: spec.type === 'boolean' ? ('boolean' as const) : ('string' as const),
            multiple: spec.multiple === true,
          },
        ]),
      ),
    });
    const options: Record<string, string | boolean | number | readonly string[]> = {};
    for (const [name, value] of Object.entries(parsed.values)) {
      const spec = specs[name];
      if (spec === undefined || value === undefined) return undefined;
      if (spec.choices !== undefined && !spec.choices.includes(String(value))) return undefined;
      const number = Number(value);
      if (spec.type === 'number' && (value === '' || !Number.isFinite(number) || number < 0)) return undefined;
      options[name] = spec.type === 'number' ? number : (value as string | boolean | string[]);
    }
    const words = [...parsed.positionals, ...server];
    const allowed =
      command.positional === undefined ? 0 : command.positional.includes('..') ? Number.POSITIVE_INFINITY : 1;
    return words.length > allowed ? undefined : { command, options, words };
  } catch {
    return undefined;
  }
}
