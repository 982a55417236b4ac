// Arguments in, one request out. What is plain is parsed by node:util; help and completion are left to yargs, which is loaded
// only then; mistakes are named with what is nearest to them.

import { parseArgs } from 'node:util';
import { nearest } from '../config.js';
import { PatchError } from '../error.js';
import { COMMANDS, COMMON_OPTIONS, type CommandSpec, type OptionSpec, SERVER } from './commands.js';

export type OptionValue = string | boolean | number | readonly string[];

export interface Request {
  readonly command: CommandSpec;
  readonly options: Readonly<Record<string, OptionValue | undefined>>;
  /** Positional words; for `boot`, the server. */
  readonly words: readonly string[];
}

/** Words that yargs answers: help, the version, completion. */
const COMPLETES = '--get-yargs-completions';
const ASKS_YARGS: ReadonlySet<string> = new Set(['--help', '-h', '--version', COMPLETES]);
const ASKS_YARGS_FIRST: ReadonlySet<string> = new Set(['completion', 'help']);

/**
 * The request; undefined where it asks for help, the version or completion.
 * @throws PatchError BAD_USAGE naming the word that is wrong and the nearest right one
 */
export function parseArguments(args: readonly string[]): Request | undefined {
  const separator = args.indexOf('--');
  const own = separator < 0 ? args : args.slice(0, separator);
  if (ASKS_YARGS_FIRST.has(own[0] ?? '')) return undefined;
  const at = own.findIndex((word, index) => !word.startsWith('-') && !takesValue(own[index - 1]));
  const name = own[at];
  const command = COMMANDS.find((one) => one.name === name);
  const asksYargs = own.some((word) => ASKS_YARGS.has(word));
  // Of a command that there is not, there is no help either.
  if (asksYargs && (name === undefined || command !== undefined || own.includes(COMPLETES))) return undefined;
  if (name === undefined)
    throw new PatchError('BAD_USAGE', `name a command: ${COMMANDS.map((one) => one.name).join(', ')}`);
  if (command === undefined)
    throw unknownWord(
      'command',
      name,
      COMMANDS.map((one) => one.name),
      'prepatch',
    );
  const server = separator < 0 ? [] : args.slice(separator + 1);
  return parseCommand(command, own.toSpliced(at, 1), server);
}

function parseCommand(command: CommandSpec, own: readonly string[], server: readonly string[]): Request {
  const specs: Readonly<Record<string, OptionSpec>> = { ...COMMON_OPTIONS, ...command.options };
  const { tokens } = parseArgs({
    args: [...own],
    allowPositionals: true,
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(specs).map(([name, spec]) => [
        name,
        { type: spec.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  const options: Record<string, OptionValue> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined)
      throw unknownWord(
        'option',
        token.rawName,
        Object.keys(specs).map((name) => `--${name}`),
        `prepatch ${command.name}`,
      );
    const value = valueOf(command, token.name, spec, token.value);
    options[token.name] =
      spec.multiple === true
        ? [...((options[token.name] as readonly string[] | undefined) ?? []), String(value)]
        : value;
  }
  if (command.positional === SERVER && words.length > 0) {
    const line = words.join(' ');
    throw new PatchError('BAD_USAGE', `the server stands behind --; what is ${JSON.stringify(line)}?`, {
      hint: `If it is the server: prepatch ${command.name} … -- ${line}. A home is named with --home.`,
    });
  }
  words.push(...server);
  const most = command.positional === undefined ? 0 : command.positional.includes('..') ? Number.POSITIVE_INFINITY : 1;
  if (words.length > most) {
    const what = most === 0 ? 'takes no words' : 'takes one word';
    throw new PatchError('BAD_USAGE', `prepatch ${command.name} ${what}; what is ${JSON.stringify(words[most])}?`, {
      hint: `See prepatch ${command.name} --help.`,
    });
  }
  return { command, options, words };
}

/** @throws PatchError BAD_USAGE where the value is missing, or not what the option takes */
function valueOf(command: CommandSpec, name: string, spec: OptionSpec, value: string | undefined): OptionValue {
  const hint = `See prepatch ${command.name} --help.`;
  if (spec.type === 'boolean') {
    if (value === undefined) return true;
    throw new PatchError('BAD_USAGE', `--${name} takes no value`, { hint });
  }
  if (value === undefined || value === '') throw new PatchError('BAD_USAGE', `--${name} needs a value`, { hint });
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw new PatchError(
      'BAD_USAGE',
      `--${name} is ${JSON.stringify(value)}; expected: ${spec.choices.join(', ')}; the nearest is ${nearest(value, spec.choices)}`,
      { hint },
    );
  }
  if (spec.type === 'string') return value;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0)
    throw new PatchError('BAD_USAGE', `--${name} is ${JSON.stringify(value)}; expected a number, 0 or more`, { hint });
  return number;
}

function unknownWord(what: string, word: string, known: readonly string[], prefix: string): PatchError {
  return new PatchError('BAD_USAGE', `unknown ${what} ${word}; the nearest is ${nearest(word, known)}`, {
    hint: `See ${prefix} --help.`,
  });
}

/** Whether the word before is an option whose value this word is. */
function takesValue(word: string | undefined): boolean {
  if (word === undefined || !word.startsWith('--') || word.includes('=')) return false;
  const name = word.slice(2);
  const specs = [COMMON_OPTIONS, ...COMMANDS.map((command) => command.options)];
  return specs.some((options) => Object.hasOwn(options, name) && options[name]?.type !== 'boolean');
}
