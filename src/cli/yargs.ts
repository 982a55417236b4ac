// Help with examples, the version and shell completion, by yargs, from the same table of commands. The package is loaded only here.

import { ExitCode } from '../error.js';
import { lookAtTerminal, writeStandard } from '../system/standard-stream.js';
import { COMMANDS, COMMON_OPTIONS, type OptionSpec } from './commands.js';
import { VERSION } from './version.js';

const WIDEST_COLUMNS = 110;
const USUAL_COLUMNS = 100;

/** Prints what was asked for on standard output; returns the exit code. */
export async function answerWithYargs(args: readonly string[]): Promise<number> {
  const { default: yargs } = await import('yargs');
  let wrong: string | undefined;
  // `prepatch help plan` is what people also type.
  const asked = args[0] === 'help' ? [...args.slice(1), '--help'] : [...args];
  let parser = yargs(asked)
    .scriptName('prepatch')
    .usage('$0 COMMAND\n\nPatches and service packs for plugin servers, applied at server start as one transaction.')
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .completion('completion', 'print a completion script for the shell')
    .parserConfiguration({ 'populate--': true, 'camel-case-expansion': false })
    .wrap(Math.min(WIDEST_COLUMNS, lookAtTerminal('out').columns || USUAL_COLUMNS))
    .epilogue(
      'Exit codes: 0 done · 1 undone, as before · 2 wrong usage · 3 refused · 4 needs attention · 5 another run\nEach command explains itself: prepatch COMMAND --help',
    )
    .exitProcess(false)
    .fail((message: string | undefined, error: Error | undefined) => {
      wrong = message ?? error?.message ?? 'wrong usage';
    });
  for (const command of COMMANDS) {
    parser = parser.command(
      command.positional === undefined ? command.name : `${command.name} ${command.positional}`,
      command.describe,
      (builder) => {
        let built = builder.example(command.example, '');
        for (const [name, spec] of Object.entries({ ...COMMON_OPTIONS, ...command.options }))
          built = built.option(name, toYargs(spec));
        return built;
      },
      () => undefined,
    );
  }
  await parser.parseAsync();
  if (wrong === undefined) return ExitCode.done;
  writeStandard('error', `prepatch: ${wrong}\n  See prepatch --help.\n`);
  return ExitCode.usage;
}

function toYargs(spec: OptionSpec) {
  return {
    describe: spec.describe,
    type: spec.type,
    ...(spec.multiple === true ? { array: true, nargs: 1 } : {}),
    ...(spec.choices === undefined ? {} : { choices: spec.choices }),
  };
}
