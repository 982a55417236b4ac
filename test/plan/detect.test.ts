// What has changed since the last start, in the words and order of Carbon's log (Carbon rules 14, 15).
import { describe, expect, test } from 'vitest';
import { detectChanges } from '../../src/plan/detect.js';
import { toLedgerPack } from '../../src/plan/pack-records.js';
import { makePack } from './observation-builder.js';

function detect(before: ReturnType<typeof makePack>[], after: ReturnType<typeof makePack>[]) {
  return detectChanges(before.map(toLedgerPack), after.map(toLedgerPack));
}

describe('detectChanges', () => {
  test('says nothing where nothing has changed', () => {
    const packs = [makePack('servicepack001', { a: '1' }), makePack('patch0001', { a: '2' })];
    expect(detect(packs, packs)).toEqual({ lines: [], applied: [], reverted: [], updated: [] });
  });

  test('says the service pack first, the old before the new, then the patches merged in UTF-16 order', () => {
    const { lines, applied, reverted } = detect(
      [makePack('servicepack001', {}), makePack('patch10', {}), makePack('patch0001', {})],
      [makePack('servicepack002', {}), makePack('patch0002', {}), makePack('patch9', {})],
    );
    expect(lines).toEqual([
      'servicepack001 has been reverted',
      'New service pack available - servicepack002',
      'patch0001 has been reverted',
      'New patch available - patch0002',
      'patch10 has been reverted',
      'New patch available - patch9',
    ]);
    expect([applied, reverted]).toEqual([
      ['servicepack002', 'patch0002', 'patch9'],
      ['servicepack001', 'patch0001', 'patch10'],
    ]);
  });

  test('says each JAR of a pack that stays: updated, added, removed', () => {
    const { lines, updated } = detect(
      [makePack('patch0001', { 'a.jar': '1', 'b.jar': '1', 'c.jar': '1' }), makePack('patch0002', { x: '1' })],
      [makePack('patch0001', { 'a.jar': '2', 'b.jar': '1', 'd.jar': '1' }), makePack('patch0002', { x: '1' })],
    );
    expect(lines).toEqual(['a.jar has been updated', 'd.jar has been added', 'c.jar has been removed']);
    expect(updated).toEqual(['patch0001']);
  });

  test('says one name once, whatever number of files of the pack have it', () => {
    const once = makePack('patch0001', { 'a.jar': '1' });
    const twice = { ...once, files: [...once.files, ...once.files] };
    expect(detect([makePack('patch0001', {})], [twice]).lines).toEqual(['a.jar has been added']);
    expect(detect([makePack('patch0001', { 'a.jar': '2' })], [twice]).lines).toEqual(['a.jar has been updated']);
  });

  test('tells a service pack from a patch by what it is, not by its name', () => {
    const patch = makePack('patch', { a: '1' });
    expect(detect([patch], [{ ...patch, kind: 'servicepack' }]).lines).toEqual([
      'New service pack available - patch',
      'patch has been reverted',
    ]);
  });
});
