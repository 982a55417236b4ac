// A home whose packs have actions, over any file layer: looks, plans and carries out as a start does, without the command line.
// Packs are folders of the home; what they say comes through the parser, as it does from a patch.json.
import { join } from 'node:path';
import { PatchError } from '../../../src/error.js';
import type { PatchEvent } from '../../../src/event.js';
import { DigestCache } from '../../../src/home/digest-cache.js';
import { ABSENT, type RootedPath } from '../../../src/home/entry.js';
import { Inventory } from '../../../src/home/inventory.js';
import { absolute, type Layout, makeLayout } from '../../../src/home/layout.js';
import { observe } from '../../../src/home/observe.js';
import type { Pack, PackContent } from '../../../src/home/pack.js';
import { walkTree } from '../../../src/home/tree.js';
import { chooseEligible, type EligibilityInput } from '../../../src/plan/eligibility.js';
import { makePlan } from '../../../src/plan/make-plan.js';
import { parsePackManifest } from '../../../src/plan/pack-manifest.js';
import type { Plan } from '../../../src/plan/plan.js';
import { writeText } from '../../../src/plan/write-text.js';
import { formatLedger, readLedger } from '../../../src/state/ledger-file.js';
import { SerialBulk } from '../../../src/system/bulk.js';
import type { Files } from '../../../src/system/files.js';
import type { CommandOutcome, CommandRequest, Commands } from '../../../src/system/run-command.js';
import { observeActions } from '../../../src/transaction/actions/observe-actions.js';
import { isInterrupted, recover } from '../../../src/transaction/recover.js';
import { runTransaction } from '../../../src/transaction/transaction.js';
import type { TransactionContext } from '../../../src/transaction/transaction-context.js';

export interface Wanted {
  readonly name: string;
  readonly actions: readonly object[];
  readonly digests?: object;
}

export type Outcome =
  | { readonly kind: 'nothing' | 'done'; readonly plan: Plan }
  | { readonly kind: 'refused'; readonly plan: Plan; readonly messages: readonly string[] }
  | { readonly kind: 'failed'; readonly plan: Plan; readonly error: PatchError };

/** Counts transactions, so that each has its own id and time. */
let count = 0;

export class ActionHome {
  readonly files: Files;
  readonly layout: Layout;
  readonly events: PatchEvent[] = [];
  readonly commands: Commands | undefined;
  readonly modules: boolean;

  constructor(files: Files, home: string, options: { readonly commands?: Commands; readonly modules?: boolean } = {}) {
    this.files = files;
    this.layout = makeLayout(home, 'carbon-4.2');
    this.commands = options.commands;
    this.modules = options.modules ?? true;
  }

  get context(): TransactionContext {
    return {
      files: this.files,
      bulk: new SerialBulk(this.files),
      layout: this.layout,
      emit: (event) => void this.events.push(event),
      ...(this.commands === undefined ? {} : { commands: this.commands }),
    };
  }

  get logs(): string[] {
    return this.events.flatMap((event) => (event.kind === 'log' ? [event.body] : []));
  }

  /** Where the files that a pack's manifest names lie. */
  payload(pack: string): string {
    return join(this.layout.patches, '.payload', pack);
  }

  /** Makes the home apply exactly these packs, in this order, with these actions. */
  async start(wanted: readonly Wanted[], allow: { readonly commands?: boolean } = {}): Promise<Outcome> {
    if (isInterrupted(this.files, this.layout)) await recover(this.context);
    const { files, layout } = this;
    // What is known of files is not what is tried here: no cache is kept.
    const inventory = new Inventory(files, new SerialBulk(files), DigestCache.load(files, '/nowhere/cache'));
    const look = { rules: { order: 'lexicographic', companion: false } as const, deep: false, excluded: [] };
    const ledger = readLedger(files, layout);
    const choose = async (input: EligibilityInput) => chooseEligible(input);
    const manifests = { parse: parsePackManifest, choose, identityFiles: [] };
    const observed = await observe(files, layout, inventory, { ...look, ledger, manifests });
    const packs: Pack[] = [];
    for (const one of wanted) packs.push(await this.#pack(one, observed.packs));
    const observation = { ...observed, packs };
    const plan = makePlan(
      { ...observation, actions: await observeActions(files, observation) },
      {
        drift: 'repair',
        transaction: `20261121-000000-${String(++count).padStart(6, '0')}`,
        rebase: false,
        actions: { allowCommands: allow.commands ?? true, allowModules: this.modules },
      },
    );
    const errors = plan.problems.filter((problem) => problem.severity === 'error');
    if (errors.length > 0) return { kind: 'refused', plan, messages: errors.map(({ message }) => message) };
    if (plan.ledger === undefined) return { kind: 'nothing', plan };
    try {
      await this.#carryOut(plan);
      return { kind: 'done', plan };
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      return { kind: 'failed', plan, error };
    }
  }

  async #carryOut(plan: Plan): Promise<void> {
    const { ledger } = plan;
    if (ledger === undefined) return;
    const { files, layout } = this;
    const path = 'state:ledger.json' as RootedPath;
    const stat = files.stat(absolute(layout, path));
    const before =
      stat === undefined
        ? ABSENT
        : ({ kind: 'file', ...files.digest(absolute(layout, path), false), mode: stat.mode } as const);
    const write = writeText(path, before, formatLedger(ledger));
    await runTransaction(this.context, {
      transaction: ledger.transaction,
      reason: 'test',
      startedMs: 0,
      operations: [...plan.operations, { ...write, source: { kind: 'late' } } as typeof write],
      summary: { apply: plan.apply, revert: plan.revert, update: plan.update, paths: [] },
      actions: {
        doors: { environment: { PROFILE: 'gateway' }, platform: 'linux', arch: 'x64' },
        covered: Object.keys(ledger.base) as RootedPath[],
        finish: (done) => {
          const doing = new Set(
            plan.operations.flatMap((one) => (one.kind === 'action' && one.direction === 'do' ? [one.pack] : [])),
          );
          const filled = ledger.packs.map((pack) =>
            pack.actions === undefined || !doing.has(pack.name)
              ? pack
              : { ...pack, actions: { ...pack.actions, done: done.get(pack.name) ?? [] } },
          );
          return formatLedger({ ...ledger, packs: filled });
        },
      },
    });
  }

  async #pack({ name, actions, digests }: Wanted, found: readonly Pack[]): Promise<Pack> {
    const parsed = await parsePackManifest(
      JSON.stringify({ id: name, version: '1.0.0', actions, ...(digests === undefined ? {} : { digests }) }),
      `${name}.json`,
    );
    if (parsed.kind === 'invalid') throw new Error(parsed.errors.map(({ message }) => message).join('\n'));
    const pack = found.find((one) => one.name === name);
    if (pack === undefined) throw new Error(`there is no folder for ${name}`);
    const root = `patches:.payload/${name}` as RootedPath;
    const top = this.payload(name);
    const content = new Map<string, PackContent>();
    if (this.files.stat(top) !== undefined) {
      for (const { path, stat } of walkTree(this.files, top)) {
        if (stat.kind !== 'file') continue;
        const source = `${root}/${path}` as RootedPath;
        content.set(path, {
          source,
          entry: { kind: 'file', ...this.files.digest(join(top, path), true), mode: stat.mode },
        });
      }
    }
    return { ...pack, manifest: parsed.manifest, root, content };
  }
}

/** Commands that only append a line to a file of the home: `say WORD`; `fail WORD` says it, and ends with 1. */
export class SayingCommands implements Commands {
  readonly #home: () => ActionHome;
  readonly #log: string;

  constructor(home: () => ActionHome, log = 'said.txt') {
    this.#home = home;
    this.#log = log;
  }

  run(request: CommandRequest): Promise<CommandOutcome> {
    const [program, word = ''] = request.argv;
    const { files, layout } = this.#home();
    request.started?.({ host: 'h', boot: 'b', namespace: 'n', pid: 1, started: '1' });
    const path = join(layout.home, this.#log);
    const text = request.env['PATCH_FAILURE'] === undefined ? word : `${word}: ${request.env['PATCH_FAILURE']}`;
    if (files.stat(path) === undefined) files.writeNew(path, '');
    // What a kill has torn stays on a line of its own.
    const isTorn = !/(?:^|\n)$/.test(files.read(path, 1e6).toString('utf8'));
    files.append(path, `${isTorn ? '\n' : ''}${text}\n`);
    return Promise.resolve({ kind: 'exited', exitCode: program === 'fail' ? 1 : 0, output: word });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
