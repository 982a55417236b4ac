// The version of this program, from package.json, put in when it is built.

import packageJson from '../../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
