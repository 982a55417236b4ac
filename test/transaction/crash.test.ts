// Every fault at every point of a start, on small homes: after recovery the home is exactly as before or exactly as after, a
// run that said 0 is after, a second recovery changes nothing, and nothing is left over. CRASH_FULL=1 leaves out no point.
import { expect, test } from 'vitest';
import { everyPoint, learnFacts, tryFault } from '../support/crash-judge.js';
import { ERRNOS } from '../support/fault-plan.js';
import { SMALL_HOMES, smallest } from '../support/small-homes.js';

const FULL = process.env.CRASH_FULL === '1';
const LONG = { timeout: 1_800_000 };

for (const make of SMALL_HOMES) {
  test(`${make.name}: a crash at every point`, LONG, async () => {
    const facts = await learnFacts(await make());
    const bad: string[] = [];
    for (const at of everyPoint(facts.points))
      bad.push(...(await tryFault(facts, { at, fault: 'crash', forGood: false })));
    expect(bad).toEqual([]);
  });

  // On the smallest home every error at every point; on the others each error at each seventh, beginning at another one.
  const stride = FULL || make === smallest ? 1 : 7;
  for (const forGood of [false, true]) {
    test(`${make.name}: an error ${forGood ? 'for good' : 'once'} at every point`, LONG, async () => {
      const facts = await learnFacts(await make());
      const bad: string[] = [];
      for (const [index, fault] of ERRNOS.entries())
        for (const at of everyPoint(facts.points, stride, 1 + (index % stride)))
          bad.push(...(await tryFault(facts, { at, fault, forGood })));
      expect(bad).toEqual([]);
    });
  }

  test(`${make.name}: an error at every call, also those that read`, LONG, async () => {
    const facts = await learnFacts(await make());
    const bad: string[] = [];
    for (const [index, fault] of (['EIO', 'EACCES', 'EMFILE'] as const).entries())
      for (const forGood of [false, true])
        for (const at of everyPoint(facts.readPoints, FULL ? 1 : 11, 1 + index * 3))
          bad.push(...(await tryFault(facts, { at, fault, forGood, reads: true })));
    expect(bad).toEqual([]);
  });
}
