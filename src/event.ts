// Everything the core reports while it works. Reports, pages and programs are made from these; the core prints nothing.

import type { ErrorCode } from './error.js';

export type Phase = 'recover' | 'look' | 'check' | 'stage' | 'deploy' | 'verify' | 'commit' | 'cleanup' | 'rollback';

/** Sizes in bytes, times in milliseconds. `transaction` is the id of the transaction that an event belongs to. */
export type PatchEvent =
  /** `more`: the next event is another line of the same level; logs may write the lines together. */
  | { readonly kind: 'log'; readonly level: LogLevel; readonly body: string; readonly more?: true }
  | { readonly kind: 'phase'; readonly phase: Phase; readonly transaction: string | undefined }
  /** What a transaction is about to do; comes after its `begun`. */
  | {
      readonly kind: 'plan';
      readonly transaction: string;
      readonly apply: readonly string[];
      readonly revert: readonly string[];
      readonly update: readonly string[];
      readonly changes: number;
    }
  | {
      readonly kind: 'progress';
      readonly phase: Phase;
      readonly doneItems: number;
      readonly totalItems: number;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | {
      readonly kind: 'problem';
      readonly code: string;
      readonly severity: Severity;
      readonly message: string;
      readonly path: string | undefined;
    }
  | {
      readonly kind: 'transaction';
      readonly transaction: string;
      readonly state: TransactionState;
      readonly cause?: ErrorCode | undefined;
    };

export type LogLevel = 'info' | 'warn' | 'error';
export type Severity = 'info' | 'warning' | 'error';
export type TransactionState = 'begun' | 'committed' | 'rolled-back' | 'rollback-failed' | 'recovered';

export type EventSink = (event: PatchEvent) => void;

/** A sink for callers that want no events. */
export const ignoreEvents: EventSink = () => undefined;
