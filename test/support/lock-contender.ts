// A process that takes the lock of a home again and again, and records each time that it goes in and out:
// `node contender.mjs HOME ROUNDS HOLD_MS`. Appends of one line are atomic, so the record is in the order of what happened.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeLayout } from '../../src/home/layout.js';
import { RealFiles } from '../../src/system/real-files.js';
import { Lock } from '../../src/transaction/lock.js';

const [home = '', rounds = '1', holdMs = '0'] = process.argv.slice(2);
const layout = makeLayout(home, 'carbon-4.2');
const record = join(home, 'record');
for (let round = 0; round < Number(rounds); round++) {
  const lock = await Lock.take(new RealFiles(), layout, 60_000);
  appendFileSync(record, `enter ${process.pid}\n`);
  process.stdout.write('inside\n');
  await wait(Number(holdMs));
  lock.check();
  appendFileSync(record, `leave ${process.pid}\n`);
  lock.release();
}
