// Events to iterate over, from within: each call of `next` gets an event of its own, or the end.
import { expect, test } from 'vitest';
import { EventStream } from '../../src/daemon/event-stream.js';
import type { PatchEvent } from '../../src/event.js';

const complain = (message: string) => expect.unreachable(message);
const said = (body: string): PatchEvent => ({ kind: 'log', level: 'info', body });

test('each of several calls that wait gets what comes, in their order, and at the end the end', async () => {
  const stream = new EventStream(complain);
  const over = new AbortController();
  const events = stream.read(over.signal);
  const waiting = [events.next(), events.next(), events.next(), events.next()];
  stream.emit(said('a'));
  stream.emit(said('b'));
  over.abort();
  const end = { value: undefined, done: true };
  expect(await Promise.all(waiting)).toEqual([
    { value: said('a'), done: false },
    { value: said('b'), done: false },
    end,
    end,
  ]);
});
