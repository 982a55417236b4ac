// `node --import prepatch/boot server.mjs`: the boot hook for a Node server. The home is CARBON_HOME or the current folder, the
// settings are those of `prepatch.yaml` and the environment. Where the server must not start, the process ends here.

import { bootThisServer } from './daemon/boot-this-server.js';

await bootThisServer();
