// The same commands through yargs: help with examples, completion, and precise complaints. Loaded only where it is needed.

import yargs from 'yargs';
import { ExitCode } from '../error.js';
import type { Request } from './arguments.js';
import { COMMANDS, COMMON_OPTIONS, type OptionSpec } from './commands.js';
import { VERSION } from './version.js';

export async function parseWithYargs(args: readonly string[]): Promise<number | Request> {
  let request: Request | undefined;
  let wrong: string | undefined;
  let parser = yargs([...args])
    .scriptName('prepatch')
    .usage('$0 COMMAND\n\nPatches and service packs for plugin servers, applied at server start as one transaction.')
    .version(VERSION)
    .strict()
    .demandCommand(1, 'Name a command.')
    .recommendCommands()
    .completion('completion', 'print a completion script for the shell')
    .parserConfiguration({ 'populate--': true, 'camel-case-expansion': false })
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue(
      'Exit codes: 0 done · 1 undone, as before · 2 wrong usage · 3 refused · 4 needs attention · 5 another run\nEach command explains itself: prepatch COMMAND --help',
    )
    .exitProcess(false)
    .fail((message, error) => {
      wrong = message ?? error?.message ?? 'wrong usage';
    });
  for (const command of COMMANDS) {
    parser = parser.command(
      command.positional === undefined ? command.name : `${command.name} ${command.positional}`,
      command.describe,
      (builder) => {
        let built = builder.example(command.example, command.describe);
        for (const [name, spec] of Object.entries({ ...COMMON_OPTIONS, ...command.options }))
          built = built.option(name, toYargs(spec));
        return built;
      },
      (argv) => {
        const options: Record<string, string | boolean | number | readonly string[]> = {};
        for (const name of Object.keys({ ...COMMON_OPTIONS, ...command.options })) {
          const value = (argv as Record<string, unknown>)[name];
          if (value !== undefined) options[name] = value as string;
        }
        const record = argv as Record<string, unknown>;
        const words = [record['id'], record['server'], record['--']]
          .flat()
          .filter((word): word is string => typeof word === 'string');
        request = { command, options, words };
      },
    );
  }
  await parser.parseAsync();
  if (wrong !== undefined) {
    process.stderr.write(
      `prepatch: ${wrong}\n  See prepatch ${COMMANDS.some((one) => one.name === args[0]) ? `${args[0]} ` : ''}--help.\n`,
    );
    return ExitCode.usage;
  }
  return request ?? ExitCode.done;
}

function toYargs(spec: OptionSpec) {
  return {
    describe: spec.describe,
    type: spec.type,
    ...(spec.multiple === true ? { array: true, nargs: 1 } : {}),
    ...(spec.choices === undefined ? {} : { choices: spec.choices }),
    ...(spec.type === 'string' || spec.type === 'number' ? { requiresArg: true } : {}),
  };
}
