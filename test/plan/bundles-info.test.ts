// bundles.info: lines for what packs add, taken back byte for byte, other lines untouched.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editBundlesInfo, NO_EDITS, type PlacedBundle } from '../../src/plan/bundles-info.js';

const BASE =
  '#version=1\norg.example.core,1.0.0,../plugins/org.example.core_1.0.0.jar,2,true\norg.example.web,1.0.0,../plugins/org.example.web_1.0.0.jar,4,false\n';

function bundle(symbolicName: string, version: string, order = 0): PlacedBundle {
  return { symbolicName, version, file: `${symbolicName}_${version}.jar`, order };
}

describe('bundles.info', () => {
  it('leaves a bundle alone whose file is listed', () => {
    expect(editBundlesInfo(BASE, NO_EDITS, [bundle('org.example.core', '1.0.0')])).toEqual({
      text: BASE,
      edits: NO_EDITS,
    });
  });

  it('adds a bundle that nothing lists', () => {
    const { text } = editBundlesInfo(BASE, NO_EDITS, [bundle('org.example.cache', '2.0.0')]);
    expect(text).toBe(`${BASE}org.example.cache,2.0.0,../plugins/org.example.cache_2.0.0.jar,4,true\n`);
  });

  it('puts another version in the place of the one that is listed, with its start level', () => {
    const { text, edits } = editBundlesInfo(BASE, NO_EDITS, [bundle('org.example.core', '1.0.1')]);
    expect(text).toContain('org.example.core,1.0.1,../plugins/org.example.core_1.0.1.jar,2,true\n');
    expect(text).not.toContain('org.example.core,1.0.0');
    expect(editBundlesInfo(text, edits, []).text).toBe(BASE);
  });

  it('adds beside where a name is listed in several versions, since they are meant to be', () => {
    const two = `${BASE}org.example.web,2.0.0,../plugins/org.example.web_2.0.0.jar,4,false\n`;
    const { text } = editBundlesInfo(two, NO_EDITS, [bundle('org.example.web', '2.1.0')]);
    expect(text).toBe(`${two}org.example.web,2.1.0,../plugins/org.example.web_2.1.0.jar,4,true\n`);
  });

  it('replaces what an earlier pack has put in the place of another version, and puts each back in any order', () => {
    const [one, two] = [bundle('org.example.core', '1.0.1', 0), bundle('org.example.core', '1.0.2', 1)];
    const listed = (version: string) => BASE.replaceAll('1.0.0,../plugins/org.example.core_1.0.0', version);
    const first = editBundlesInfo(BASE, NO_EDITS, [one]);
    const both = editBundlesInfo(first.text, first.edits, [one, two]);
    expect(both.text).toBe(listed('1.0.2,../plugins/org.example.core_1.0.2'));
    expect(editBundlesInfo(both.text, both.edits, [one]).text).toBe(listed('1.0.1,../plugins/org.example.core_1.0.1'));
    expect(editBundlesInfo(both.text, both.edits, [two]).text).toBe(both.text);
    expect(editBundlesInfo(both.text, both.edits, []).text).toBe(BASE);
  });

  it('adds versions beside each other where one pack brings several', () => {
    const { text } = editBundlesInfo(BASE, NO_EDITS, [bundle('cache', '1.0.0'), bundle('cache', '2.0.0')]);
    expect(text.match(/^cache,/gm)).toHaveLength(2);
  });

  it('leaves every line its own end', () => {
    const mixed = BASE.replace('\n', '\r\n');
    expect(editBundlesInfo(mixed, NO_EDITS, [])).toEqual({ text: mixed, edits: NO_EDITS });
    const { text, edits } = editBundlesInfo(mixed, NO_EDITS, [bundle('cache', '1.0.0')]);
    expect(text).toBe(`${mixed}cache,1.0.0,../plugins/cache_1.0.0.jar,4,true\n`);
    expect(editBundlesInfo(text, edits, []).text).toBe(mixed);
  });

  it('keeps CRLF, and the way in which locations are written', () => {
    const windows = '#version=1\r\na,1,file:plugins/a_1.jar,4,true\r\n';
    expect(editBundlesInfo(windows, NO_EDITS, [bundle('b', '1')]).text).toBe(
      `${windows}b,1,file:plugins/b_1.jar,4,true\r\n`,
    );
  });

  it('takes its lines back from a file that others have changed since', () => {
    const { text, edits } = editBundlesInfo(BASE, NO_EDITS, [
      bundle('org.example.cache', '2.0.0'),
      bundle('org.example.core', '1.0.1'),
    ]);
    const others = text.replace('#version=1\n', '#version=1\norg.example.new,1.0.0,../plugins/new.jar,4,true\n');
    const reverted = editBundlesInfo(others, edits, []).text;
    expect(reverted).toBe(
      BASE.replace('#version=1\n', '#version=1\norg.example.new,1.0.0,../plugins/new.jar,4,true\n'),
    );
  });

  it('is undone byte for byte, and is the same when done twice', () => {
    const bundles = fc.uniqueArray(
      fc.record({
        symbolicName: fc.constantFrom('a', 'b', 'c', 'org.example.core'),
        version: fc.constantFrom('1.0.0', '1.0.1', '2.0.0'),
        order: fc.integer({ min: 0, max: 2 }),
      }),
      {
        selector: (one) => `${one.symbolicName}_${one.version}`,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(
        bundles,
        bundles,
        fc.constantFrom(
          ...[BASE, BASE.slice(0, -1), '#version=1\n', '#version=1', ''],
          ...[BASE.replaceAll('\n', '\r\n'), BASE.replace('\n', '\r\n'), BASE.replace('\n', '\r\n').slice(0, -1)],
        ),
        (first, second, base) => {
          const place = (list: readonly { symbolicName: string; version: string; order: number }[]) =>
            list.map((one) => bundle(one.symbolicName, one.version, one.order));
          const once = editBundlesInfo(base, NO_EDITS, place(first));
          expect(editBundlesInfo(once.text, once.edits, place(first))).toEqual(once);
          const other = editBundlesInfo(once.text, once.edits, place(second));
          expect(other.text).toBe(editBundlesInfo(base, NO_EDITS, place(second)).text);
          const back = editBundlesInfo(other.text, other.edits, []).text;
          expect(back).toBe(base);
        },
      ),
    );
  });
});
