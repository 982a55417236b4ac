// Events for those who iterate: each reader has a queue of its own, from when it began. Progress that nobody has read yet is
// replaced by newer progress of the same step, so a slow reader holds no more than what happened. A listener that throws is told
// of once, and touches neither the run nor the other listeners.

import { toError } from '../error.js';
import type { EventSink, PatchEvent } from '../event.js';

export class EventStream {
  readonly #sinks = new Set<EventSink>();
  readonly #complain: (message: string) => void;

  constructor(complain: (message: string) => void) {
    this.#complain = complain;
  }

  readonly emit: EventSink = (event) => {
    for (const sink of [...this.#sinks]) sink(event);
  };

  /** Calls a listener with each event from now on. Returns what ends that. */
  on(listener: EventSink): () => void {
    // A function of its own for each call, so that one listener can be there twice and leave once.
    let hasThrown = false;
    const sink: EventSink = (event) => {
      try {
        listener(event);
      } catch (thrown) {
        if (hasThrown) return;
        hasThrown = true;
        this.#complain(`a listener for events has failed: ${toError(thrown).message}`);
      }
    };
    this.#sinks.add(sink);
    return () => {
      this.#sinks.delete(sink);
    };
  }

  /** Every event from now on, until the reader leaves the loop or the signal is given. */
  read(signal?: AbortSignal): AsyncIterableIterator<PatchEvent> {
    const queue: PatchEvent[] = [];
    /** Calls of `next` that came before their event, oldest first; there are none while something is in the queue. */
    const waiting: ((result: IteratorResult<PatchEvent>) => void)[] = [];
    let isOver = false;
    const stop = this.on((event) => {
      const first = waiting.shift();
      if (first !== undefined) {
        first({ value: event, done: false });
        return;
      }
      if (event.kind === 'progress' && isSameProgress(queue.at(-1), event)) queue.pop();
      queue.push(event);
    });
    const end = () => {
      isOver = true;
      stop();
      signal?.removeEventListener('abort', end);
      for (const last of waiting.splice(0)) last({ value: undefined, done: true });
    };
    if (signal?.aborted === true) end();
    else signal?.addEventListener('abort', end);
    const iterator: AsyncIterableIterator<PatchEvent> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        const value = queue.shift();
        if (value !== undefined) return { value, done: false };
        if (isOver) return { value: undefined, done: true };
        return new Promise((resolve) => {
          waiting.push(resolve);
        });
      },
      return: async () => {
        queue.length = 0;
        end();
        return { value: undefined, done: true };
      },
    };
    return iterator;
  }
}

function isSameProgress(last: PatchEvent | undefined, next: Extract<PatchEvent, { kind: 'progress' }>): boolean {
  return last?.kind === 'progress' && last.phase === next.phase;
}
