// Runs the actions of a transaction: all are prepared, then all are executed, in the order of the plan. What is conditional, or
// needs a value that is not known yet, is prepared immediately before its own execution. What a rollback needs is in the
// journal before anything is touched; the caller undoes (undo-actions) and cleans up (clean-up-actions).

import { join } from 'node:path';
import { errnoOf, PatchError, unreachable } from '../../error.js';
import { absolute } from '../../home/layout.js';
import type {
  ActionOperation,
  ActionUndo,
  DoOperation,
  LedgerAction,
  UndoOperation,
} from '../../plan/action-operation.js';
import { describeAction } from '../../plan/describe-action.js';
import { evaluateCondition, type Scalar } from '../../plan/condition-evaluate.js';
import type { Operation } from '../../plan/operation.js';
import type { Action, Command, ForEachAction, ListAction } from '../../plan/pack-manifest.js';
import { interpolate, interpolateAction } from '../../plan/interpolate-action.js';
import type { ActionRecord, WorkFolder } from '../journal.js';
import type { TransactionContext } from '../transaction-context.js';
import { HomeFacts } from './home-facts.js';
import { contentReader, DiskView, ExpectedView, type HomeView, Uncertain } from './home-view.js';
import { commandLog, runPackCommand } from './pack-command.js';
import { planReverts } from './plan-revert.js';
import { actionError, checkOwner, type PlannedChange } from './planned-change.js';
import { applyChanges, pathsOf } from './apply-changes.js';
import { callModule, MODULE_SECONDS, type ModuleCall } from './pack-module.js';
import { type PathAction, type PathWork, planPathAction, preparePathAction } from './path-action.js';
import { StagingArea } from './staging-area.js';
import { stageFile } from './stage-payload.js';
import type { StepRecord } from './step-record.js';
import { packPath } from '../../plan/pack-manifest-path.js';

export interface ActionDoors {
  /** Where this runs, for conditions. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
}

export interface ActionRunRequest {
  readonly transaction: string;
  readonly operations: readonly Operation[];
  readonly folders: readonly WorkFolder[];
  /** Absolute paths that the files of packs cover, and the folders that hold them. */
  readonly covered: ReadonlySet<string>;
  readonly doors: ActionDoors;
  /** Makes a record durable. */
  readonly append: (record: ActionRecord) => void;
}

/** An action on its way: `prepare` once, then `execute` once. */
interface Step {
  prepare(): Promise<void>;
  execute(): Promise<void>;
}

/** One operation of the plan, while it is worked on. */
interface Job {
  readonly number: number;
  readonly operation: ActionOperation;
  readonly scope: Scope;
  /** Of the next step. */
  next: number;
}

/** Where an action stands: its operation, and its place among the actions of that. */
interface AnyPlace {
  readonly job: Job;
  readonly operation: ActionOperation;
  readonly order: readonly number[];
}

interface Place extends AnyPlace {
  readonly operation: DoOperation;
}

type StepData = Omit<StepRecord, 'step' | 'pack' | 'order' | 'isExecuting' | 'block'>;

type LeafAction = Exclude<Action, ListAction | ForEachAction>;
type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

export class ActionRun {
  readonly #context: TransactionContext;
  readonly #request: ActionRunRequest;
  readonly #disk: DiskView;
  readonly #done = new Map<string, LedgerAction[]>();
  readonly #values = new Map<string, Map<string, Scalar>>();
  readonly #area: StagingArea;
  #expected: ExpectedView;
  #isExecuting = false;
  #hasPrepared = false;
  #block = 0;
  /** What is worked on, for the error that ends it. */
  #title = '';

  constructor(context: TransactionContext, request: ActionRunRequest) {
    this.#context = context;
    this.#request = request;
    this.#disk = new DiskView(context.files, context.layout);
    this.#area = new StagingArea(context, request.folders, 'action.');
    this.#expected = this.#expectedView();
  }

  /** What was done for each pack, for the ledger. */
  get done(): ReadonlyMap<string, readonly LedgerAction[]> {
    return this.#done;
  }

  /**
   * Prepares and executes the actions that follow each other from operation `first` on; returns the number of the one behind them.
   * @throws PatchError of a code with exit 1, naming the action; the errors of the file system
   */
  async runFrom(first: number): Promise<number> {
    const jobs: Job[] = [];
    for (let number = first; ; number++) {
      const operation = this.#request.operations[number];
      if (operation?.kind !== 'action') break;
      jobs.push({ number, operation, scope: new Scope(this.#valuesOf(operation.pack)), next: 0 });
    }
    this.#isExecuting = false;
    this.#hasPrepared = false;
    this.#block = first;
    this.#expected = this.#expectedView();
    const steps = jobs.map((job) => ({ job, step: this.#stepOf(job) }));
    for (const { job, step } of steps) await this.#naming(job, () => step.prepare());
    this.#isExecuting = true;
    try {
      for (const { job, step } of steps) await this.#naming(job, () => step.execute());
    } catch (error) {
      // The rollback starts at the action that failed, also where nothing is recorded of that yet.
      if (error instanceof PatchError) this.#markFailed(first);
      throw error;
    }
    return first + jobs.length;
  }

  #stepOf(job: Job): Step {
    const { operation } = job;
    return operation.direction === 'do'
      ? this.#step({ job, operation, order: [] }, operation.action, job.scope)
      : this.#revert(job, operation);
  }

  // --- lists, loops, conditions

  #step(at: Place, action: Action, scope: Scope): Step {
    const { operation } = at;
    if (action.when === undefined) return this.#body(at, action, scope);
    return this.#deferred(() => {
      const { when } = action;
      if (when === undefined) return undefined;
      const { environment, platform, arch } = this.#request.doors;
      const { files, layout } = this.#context;
      const value = (name: string) => scope.get(name);
      const { homeVersion } = operation;
      const facts = new HomeFacts({ files, layout, homeVersion, environment, platform, arch, value });
      const answer = evaluateCondition(when.ast, facts);
      this.#title = titleOf(operation.pack, action);
      if (answer.kind === 'unknown')
        throw actionError(`its condition cannot be decided: ${answer.missing}`, operation.pack);
      if (!answer.value) {
        this.#log(`Action ${titleOf(operation.pack, action)} is skipped, because ${answer.because}`);
        return undefined;
      }
      return this.#body(at, action, scope);
    });
  }

  #body(at: Place, action: Action, scope: Scope): Step {
    switch (action.kind) {
      case 'list':
        return inOrder(action.actions.map((each, index) => this.#step(inside(at, index), each, scope)));
      case 'forEach':
        return this.#loop(at, action, scope);
      default:
        return this.#leaf(at, action, scope);
    }
  }

  /** A step that is only known, and prepared, when its time to execute has come. */
  #deferred(make: () => Step | undefined): Step {
    return {
      prepare: () => {
        this.#expected.giveUp();
        return Promise.resolve();
      },
      execute: async () => {
        const step = make();
        await step?.prepare();
        await step?.execute();
      },
    };
  }

  #loop(at: Place, action: ForEachAction, scope: Scope): Step {
    const { pack } = at.operation;
    let steps: Step | undefined;
    const make = () => {
      const items = this.#itemsOf(action, scope);
      if (items === undefined) return undefined;
      return inOrder(
        items.map((item, round) => {
          const inner = scope.with(action.as, item);
          const here = inside(at, round);
          return inOrder(action.actions.map((each, index) => this.#step(inside(here, index), each, inner)));
        }),
      );
    };
    return {
      prepare: async () => {
        steps = make();
        if (steps === undefined) this.#expected.giveUp();
        await steps?.prepare();
      },
      execute: async () => {
        if (steps === undefined) {
          this.#title = titleOf(pack, action);
          steps = make();
          if (steps === undefined) throw actionError('a value that its items need is not set', pack);
          await steps.prepare();
        }
        await steps.execute();
      },
    };
  }

  #itemsOf(action: ForEachAction, scope: Scope): readonly string[] | undefined {
    if (action.itemsFrom !== undefined) {
      const value = scope.get(action.itemsFrom);
      return value === undefined
        ? undefined
        : String(value)
            .split(/\r?\n/)
            .filter((line) => line !== '');
    }
    const items: string[] = [];
    for (const item of action.items ?? []) {
      const result = interpolate(item, scope.all());
      if (result.kind !== 'text') return undefined;
      items.push(result.text);
    }
    return items;
  }

  // --- one action

  #leaf(at: Place, action: LeafAction, scope: Scope): Step {
    const { operation } = at;
    const isSilent = action.kind === 'notify';
    let ready: { readonly text: string; readonly step: Step } | undefined;
    const prepare = async (mustBeKnown: boolean) => {
      const result = interpolateAction(action, scope.all());
      this.#title = titleOf(operation.pack, result.kind === 'action' ? result.action : action);
      if (result.kind === 'missing') {
        if (mustBeKnown) throw actionError(`the value ${result.name} is not set`, operation.pack);
        this.#expected.giveUp();
        return;
      }
      const text = JSON.stringify(result.action);
      // A value may have changed since: what was prepared for another one does not count.
      if (ready?.text === text) return;
      const step = this.#work(at, result.action, scope);
      ready = { text, step };
      await step.prepare();
    };
    return {
      prepare: () => prepare(false),
      execute: async () => {
        await prepare(true);
        if (!isSilent) this.#log(`Action ${this.#title} begins`);
        await ready?.step.execute();
        if (!isSilent) this.#log(`Action ${this.#title} is done`);
      },
    };
  }

  #work(at: Place, action: LeafAction, scope: Scope): Step {
    switch (action.kind) {
      case 'create':
      case 'update':
      case 'delete':
      case 'rename':
      case 'unzip':
      case 'editXml':
      case 'editProperties':
      case 'editIni':
      case 'editJson':
      case 'editYaml':
        return this.#pathStep(at, action);
      case 'run':
      case 'stopService':
      case 'startService':
        return this.#commandStep(at, action, scope);
      case 'module':
        return this.#moduleStep(at, action, scope);
      case 'notify':
        return this.#notifyStep(at, action);
      case 'setValue':
        return {
          prepare: () => Promise.resolve(),
          execute: () => {
            scope.set(action.name, action.value);
            return Promise.resolve();
          },
        };
      default:
        return unreachable(action);
    }
  }

  #pathStep(at: Place, action: PathAction): Step {
    const { operation } = at;
    let work: PathWork | undefined;
    const plan = (view: HomeView) => {
      if (work === undefined) throw new Error('prepatch has a defect: an action was not prepared');
      return planPathAction(this.#context, view, this.#request.covered, work);
    };
    return {
      prepare: async () => {
        const source = { folder: absolute(this.#context.layout, operation.path), digests: operation.digests };
        work = await preparePathAction(this.#context, this.#area, source, action, this.#request.covered);
        this.#rehearse(() => plan(this.#expected).changes);
      },
      execute: () => {
        const { changes, undo } = plan(this.#disk);
        this.#change(at, changes, true);
        this.#keep(operation, action, undo);
        return Promise.resolve();
      },
    };
  }

  #commandStep(at: Place, action: ActionOf<'run' | 'stopService' | 'startService'>, scope: Scope): Step {
    const { operation } = at;
    const title = this.#title;
    const set = action.kind === 'run' ? action.set : undefined;
    const { argv, env, timeoutSeconds, exitCodes, cwd } = action;
    const command: Command = { argv, env, timeoutSeconds, exitCodes, ...(cwd === undefined ? {} : { cwd }) };
    return {
      prepare: () => {
        this.#expected.giveUp();
        return Promise.resolve();
      },
      execute: async () => {
        const log = commandLog(operation.pack, action.id ?? `${operation.index}`);
        const step = this.#begin(at, {
          title,
          changes: [],
          keep: false,
          ...(action.undo === undefined ? {} : { undo: { command: action.undo, log } }),
        });
        const output = await this.#runCommand(at, step, command, log, title, set !== undefined);
        if (set !== undefined) scope.set(set, output);
        this.#end(at, step);
        this.#keep(
          operation,
          action,
          action.undo === undefined ? [] : [{ kind: 'command', command: action.undo, redo: command }],
        );
      },
    };
  }

  async #runCommand(
    { job }: AnyPlace,
    step: number,
    command: Command,
    log: string,
    title: string,
    captures: boolean,
  ): Promise<string> {
    return runPackCommand(this.#context, {
      command,
      log,
      title,
      pack: job.operation.pack,
      ...(captures ? { capture: this.#area.path(0, `${this.#area.name()}.out`) } : {}),
      started: (process) => this.#request.append({ kind: 'started', operation: job.number, step, process }),
    });
  }

  #moduleStep(at: Place, action: ActionOf<'module'>, scope: Scope): Step {
    const { operation } = at;
    const { options, timeoutSeconds } = action;
    const title = this.#title;
    let call: ModuleCall | undefined;
    let step = 0;
    const record = (ready: ModuleCall, again: boolean, sizeBytes: number): number => {
      const name = ready.path.slice(ready.path.lastIndexOf('/') + 1);
      const values = Object.fromEntries(ready.values);
      const { sha256, undo } = ready;
      const what = { file: action.file, sha256, sizeBytes, options, timeoutSeconds, values, undo };
      const module = { ...what, folder: 0, name } as const;
      const data = { title, changes: [], keep: true, module: { ...module, method: 'rollback' } } as const;
      return again ? this.#rewrite(at, step, data) : this.#begin(at, data);
    };
    let sizeBytes = 0;
    return {
      prepare: async () => {
        const source = packPath(action.file);
        if (source === undefined) throw actionError(`${action.file} is no path in the pack`, action.file);
        const pack = { folder: absolute(this.#context.layout, operation.path), digests: operation.digests };
        const staged = await stageFile(this.#area, pack, source, operation.path);
        if (staged.entry.kind !== 'file' || staged.staged === undefined)
          throw actionError('it is no file', action.file);
        const { sha256 } = staged.entry;
        if (sha256 === undefined) throw new Error('prepatch has a defect: a module has no digest');
        sizeBytes = staged.entry.sizeBytes;
        const path = this.#area.path(0, `${this.#area.name()}.mjs`);
        this.#context.files.copyNew(staged.staged, path, 0o600);
        call = { path, sha256, title, options, timeoutSeconds, values: new Map(scope.all()), undo: null };
        step = record(call, false, sizeBytes);
        const undo = await callModule(this.#context, 'prepare', call);
        scope.take(call.values);
        call = { ...call, undo };
        record(call, true, sizeBytes);
        this.#expected.giveUp();
      },
      execute: async () => {
        if (call === undefined) throw new Error('prepatch has a defect: an action was not prepared');
        call = { ...call, values: new Map(scope.all()) };
        record(call, true, sizeBytes);
        await callModule(this.#context, 'execute', call);
        scope.take(call.values);
        this.#end(at, step);
        const values = Object.fromEntries(call.values);
        const { sha256, undo } = call;
        this.#keep(operation, action, [
          { kind: 'module', file: action.file, sha256, sizeBytes, options, timeoutSeconds, values, undo },
        ]);
      },
    };
  }

  /** Recorded when it is prepared: it is to tell of failures from then on. */
  #notifyStep(at: Place, action: ActionOf<'notify'>): Step {
    const { pack, index } = at.operation;
    const notify = { command: action.onFailure, log: commandLog(pack, action.id ?? `${index}`) };
    const data = { title: this.#title, changes: [], keep: false, notify };
    let step = 0;
    return {
      prepare: () => {
        step = this.#begin(at, data);
        return Promise.resolve();
      },
      execute: () => {
        this.#rewrite(at, step, data);
        return Promise.resolve();
      },
    };
  }

  // --- taking back what was done in an earlier transaction

  #revert(job: Job, operation: UndoOperation): Step {
    const { done, pack } = operation;
    const title = `revert of ${titleOf(pack, done.action)}`;
    const at = (): AnyPlace => ({ job, operation, order: [job.next] });
    const { layout, files } = this.#context;
    const paths = (view: HomeView): readonly PlannedChange[] => {
      const planned = planReverts(layout, view, done.undo, contentReader(files, layout));
      if (planned.kind === 'conflict') throw actionError(planned.message, planned.path);
      for (const { change } of planned.changes)
        for (const path of pathsOf(change)) checkOwner(layout, path, this.#request.covered);
      return planned.changes;
    };
    return {
      prepare: () => {
        this.#title = title;
        this.#rehearse(() => paths(this.#expected));
        return Promise.resolve();
      },
      execute: async () => {
        this.#title = title;
        if (done.undo.length === 0) return;
        this.#log(`Action ${title} begins`);
        for (const undo of [...done.undo].reverse()) {
          if (undo.kind === 'command') await this.#revertCommand(at(), undo, title);
          else if (undo.kind === 'module') await this.#revertModule(at(), undo, title);
        }
        this.#change(at(), paths(this.#disk), false);
        this.#log(`Action ${title} is done`);
      },
    };
  }

  async #revertCommand(at: AnyPlace, undo: Extract<ActionUndo, { kind: 'command' }>, title: string): Promise<void> {
    const { pack, index } = at.operation;
    const log = commandLog(pack, `${index}`);
    const step = this.#begin(at, { title, changes: [], keep: false, undo: { command: undo.redo, log } });
    await this.#runCommand(at, step, undo.command, log, title, false);
    this.#end(at, step);
  }

  async #revertModule(at: AnyPlace, undo: Extract<ActionUndo, { kind: 'module' }>, title: string): Promise<void> {
    const { files, layout } = this.#context;
    const { pack } = at.operation;
    const { file, sha256, sizeBytes, options, values, timeoutSeconds = MODULE_SECONDS } = undo;
    const stored = join(layout.store, sha256);
    if (files.stat(stored) === undefined)
      throw new PatchError('STORE_DAMAGED', `the module ${file} of ${pack} is not in the store any more`, {
        path: stored,
      });
    const name = `${this.#area.name()}.mjs`;
    const path = this.#area.path(0, name);
    files.copyNew(stored, path, 0o600);
    const module = {
      file,
      sha256,
      sizeBytes,
      options,
      timeoutSeconds,
      values,
      undo: undo.undo,
      folder: 0,
      name,
      method: 'execute',
    } as const;
    const step = this.#begin(at, { title, changes: [], keep: false, module });
    const shared = new Map(Object.entries(values));
    const call = { path, sha256, title, options, timeoutSeconds, values: shared, undo: undo.undo };
    await callModule(this.#context, 'rollback', call);
    this.#end(at, step);
  }

  // --- records

  /** A disk that refuses the record must not hide why the action failed; the rollback of this run knows it all the same. */
  #markFailed(first: number): void {
    if (!this.#hasPrepared) return;
    try {
      this.#request.append({ kind: 'executing', operation: first });
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  #change(at: AnyPlace, changes: readonly PlannedChange[], keep: boolean): void {
    if (changes.length === 0) return;
    let step = 0;
    applyChanges(this.#context, this.#area, changes, (recorded) => {
      step = this.#begin(at, { title: this.#title, changes: recorded, keep });
    });
    this.#end(at, step);
  }

  #begin(at: AnyPlace, data: StepData): number {
    return this.#rewrite(at, at.job.next++, data);
  }

  #rewrite({ job, order }: AnyPlace, step: number, data: StepData): number {
    const isExecuting = this.#isExecuting;
    const record: StepRecord = { ...data, step, pack: job.operation.pack, order, isExecuting, block: this.#block };
    this.#hasPrepared ||= !isExecuting;
    this.#request.append({ kind: 'undo', operation: job.number, data: record });
    return step;
  }

  #end({ job }: AnyPlace, step: number): void {
    this.#request.append({ kind: 'done', operation: job.number, step });
  }

  #keep(operation: DoOperation, action: Action, undo: readonly ActionUndo[]): void {
    const done = this.#done.get(operation.pack) ?? [];
    done.push({ action, undo });
    this.#done.set(operation.pack, done);
  }

  // --- small things

  /** Makes the checks of an execution ahead of it, as far as it is known what it will find. */
  #rehearse(plan: () => readonly PlannedChange[]): void {
    if (this.#isExecuting) return;
    try {
      for (const planned of plan()) this.#expected.apply(planned);
    } catch (error) {
      if (!(error instanceof Uncertain)) throw error;
      this.#expected.giveUp();
    }
  }

  #expectedView(): ExpectedView {
    const { files, layout } = this.#context;
    return new ExpectedView(this.#disk, contentReader(files, layout));
  }

  #valuesOf(pack: string): Map<string, Scalar> {
    const values = this.#values.get(pack) ?? new Map<string, Scalar>();
    this.#values.set(pack, values);
    return values;
  }

  /** The failure of an action says which one, and belongs to its pack. */
  async #naming(job: Job, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      const code = error.exitCode === 1 ? error.code : 'ACTION_FAILED';
      const said = error.message.startsWith(this.#title) ? error.message : `${this.#title}: ${error.message}`;
      throw new PatchError(code, `action ${said}`, {
        path: absolute(this.#context.layout, job.operation.path),
        cause: error,
      });
    }
  }

  #log(body: string): void {
    this.#context.emit({ kind: 'log', level: 'info', body });
  }
}

/** The values of a pack, and those of the loops around an action. */
class Scope {
  readonly #shared: Map<string, Scalar>;
  readonly #bound: ReadonlyMap<string, Scalar>;

  constructor(shared: Map<string, Scalar>, bound: ReadonlyMap<string, Scalar> = new Map()) {
    this.#shared = shared;
    this.#bound = bound;
  }

  with(name: string, value: Scalar): Scope {
    return new Scope(this.#shared, new Map([...this.#bound, [name, value]]));
  }

  get(name: string): Scalar | undefined {
    return this.#bound.get(name) ?? this.#shared.get(name);
  }

  set(name: string, value: Scalar): void {
    this.#shared.set(name, value);
  }

  all(): Map<string, Scalar> {
    return new Map([...this.#shared, ...this.#bound]);
  }

  /** Takes over what was set among values that `all` gave. */
  take(values: ReadonlyMap<string, Scalar>): void {
    const before = this.all();
    for (const [name, value] of values) if (before.get(name) !== value) this.#shared.set(name, value);
  }
}

function inside(at: Place, index: number): Place {
  return { ...at, order: [...at.order, index] };
}

function inOrder(steps: readonly Step[]): Step {
  return {
    prepare: async () => {
      for (const step of steps) await step.prepare();
    },
    execute: async () => {
      for (const step of steps) await step.execute();
    },
  };
}

/** An action in messages: its pack, and what it is. */
function titleOf(pack: string, action: Action): string {
  return `${pack}: ${describeAction(action)}`;
}
