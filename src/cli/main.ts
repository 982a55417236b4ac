// The entry of the command line: finds the command, loads only what it needs, turns errors into messages and exit codes.

import { runCommandLine } from './run.js';

process.exitCode = await runCommandLine(process.argv.slice(2));
