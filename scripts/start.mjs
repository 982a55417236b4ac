// `npm start`: from a fresh clone to a running server. Sets the checkout up, then boots the example server through the hook,
// with the checkout itself as the home. Arguments go to `prepatch boot`: `npm start -- --policy strict`.

import { ROOT } from './build-stamp.mjs';
import { become, setUp } from './set-up.mjs';

setUp();
const server = ['node', 'examples/plugin-server/server.mjs'];
become(['bin/prepatch.js', 'boot', '--home', ROOT, ...process.argv.slice(2), '--', ...server]);
