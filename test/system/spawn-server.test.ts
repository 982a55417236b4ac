// A server as a child with work beside it: whatever becomes of that work, the server's own end is what counts.
import { expect, test } from 'vitest';
import { spawnServer } from '../../src/system/spawn-server.js';

test('work that fails beside the server does not end its parent', async () => {
  const rejected: unknown[] = [];
  const note = (error: unknown) => rejected.push(error);
  process.on('unhandledRejection', note);
  try {
    const status = spawnServer(['sh', '-c', 'sleep 0.3; exit 7'], () => Promise.reject(new Error('a defect')));
    expect(await status).toBe(7);
    expect(rejected).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
