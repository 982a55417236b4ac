// The commands of prepatch: their words, options and examples, once. The quick parser and yargs both read this table.

export interface OptionSpec {
  readonly type: 'string' | 'boolean' | 'number';
  readonly describe: string;
  readonly multiple?: boolean;
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  readonly name: string;
  /** Positional words, as yargs writes them. */
  readonly positional?: string;
  readonly describe: string;
  readonly example: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Whether a run of it is one for the logs. */
  readonly isLogged: boolean;
  /** With --json it prints a line of JSON for each event, as they come, and not one document. */
  readonly isStream?: boolean;
}

/** The words of a server and its arguments, which stand behind `--`. */
export const SERVER = '[server..]';

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  home: {
    type: 'string',
    multiple: true,
    describe: 'the server’s directory (default: CARBON_HOME, else the current folder)',
  },
  json: { type: 'boolean', describe: 'print one JSON document on standard output' },
  set: { type: 'string', multiple: true, describe: 'a setting for this run, KEY=VALUE; prepatch config lists them' },
};

const JSON_LINES: OptionSpec = { type: 'boolean', describe: 'print a line of JSON for each event on standard output' };
const WAIT: OptionSpec = { type: 'number', describe: 'seconds to wait for another run to end' };
const POLICY: OptionSpec = {
  type: 'string',
  choices: ['last-good', 'strict', 'degraded'],
  describe: 'what to do when packs cannot be applied',
};

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'boot',
    isLogged: true,
    positional: SERVER,
    describe: 'recover, apply or revert, verify, then start the server',
    example: 'prepatch boot --home /opt/server -- /opt/server/bin/server.sh',
    options: { policy: POLICY, wait: WAIT },
  },
  {
    name: 'apply',
    isLogged: true,
    describe: 'the same work without a server, with the true exit code',
    example: 'prepatch apply --home /opt/server',
    options: { policy: POLICY, wait: WAIT },
  },
  {
    name: 'plan',
    isLogged: false,
    describe: 'what a start would do, and why',
    example: 'prepatch plan --home /opt/server --json',
    options: { 'exit-code': { type: 'boolean', describe: 'exit with 10 where a start would change something' } },
  },
  {
    name: 'status',
    isLogged: false,
    describe: 'what is applied, what is pending, in which state the home is',
    example: 'prepatch status --home /opt/server',
    options: {},
  },
  {
    name: 'verify',
    isLogged: true,
    describe: 'compare every path with what it should be',
    example: 'prepatch verify --deep --home /opt/server',
    options: {
      deep: { type: 'boolean', describe: 'read every file, trust no cache' },
      repair: { type: 'boolean', describe: 'put back what can be proven' },
      wait: WAIT,
    },
  },
  {
    name: 'recover',
    isLogged: true,
    describe: 'finish or undo an interrupted transaction, nothing else',
    example: 'prepatch recover --home /opt/server',
    options: { wait: WAIT },
  },
  {
    name: 'history',
    isLogged: false,
    positional: '[id]',
    describe: 'every transaction: when, why, by whom, what changed, how long each step took',
    example: 'prepatch history 20261121',
    options: {},
  },
  {
    name: 'doctor',
    describe: 'examine a home, whoever patched it before, and say what can be proven',
    example: 'prepatch doctor --home /opt/server',
    options: { fix: { type: 'boolean', describe: 'rebuild what can be proven' }, wait: WAIT },
    isLogged: true,
  },
  {
    name: 'add',
    isLogged: false,
    positional: '[path..]',
    describe: 'check folders, zips or JARs and put them into the drop folders; the next start applies them',
    example: 'prepatch add --home /opt/server /tmp/patch0042 /tmp/fix.jar',
    options: {
      name: { type: 'string', describe: 'the name of the pack, such as patch0042' },
      'dry-run': { type: 'boolean', describe: 'check and say what it would do, and leave nothing behind' },
    },
  },
  {
    name: 'remove',
    isLogged: false,
    positional: '[pack..]',
    describe: 'take packs out of the drop folders, kept on a shelf; the next start reverts them',
    example: 'prepatch remove --home /opt/server patch0042',
    options: { 'dry-run': { type: 'boolean', describe: 'say what would resurface, and move nothing' }, wait: WAIT },
  },
  {
    name: 'restore',
    isLogged: false,
    positional: '[pack..]',
    describe: 'bring packs back from the shelf; without a name, list what is on it',
    example: 'prepatch restore --home /opt/server patch0042',
    options: {
      number: { type: 'number', describe: 'which of several that were removed under this name; default: the last' },
      'dry-run': { type: 'boolean', describe: 'say what it would do, and move nothing' },
      wait: WAIT,
    },
  },
  {
    name: 'watch',
    isLogged: false,
    isStream: true,
    describe: 'check drops as they come and stage them ahead, so that a start has little left to do',
    example: 'prepatch watch --home /opt/server',
    options: { json: JSON_LINES, once: { type: 'boolean', describe: 'look once, then end' } },
  },
  {
    name: 'rebase',
    isLogged: true,
    describe: 'take the plugins that no pack covers, as they are now, for the base',
    example: 'prepatch rebase --home /opt/server',
    options: { wait: WAIT },
  },
  {
    name: 'config',
    isLogged: false,
    describe: 'the effective settings, and where each comes from',
    example: 'prepatch config --home /opt/server',
    options: {},
  },
];
