// The entry of the command line: finds the command, loads only what it needs, turns errors into messages and exit codes.

import { runCommandLine } from './run.js';

// All is written and closed by now: to wait for what Node still has in hand, and to take its heap apart, would cost a start 8 ms.
process.exit(await runCommandLine(process.argv.slice(2)));
