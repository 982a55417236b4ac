// Deltas as pack authors make them, with xdelta3, from one JAR to the next.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManifestHome, md5, sha256 } from '../support/manifest-home.js';
import { need } from '../support/need.js';
import { bundleManifest, forgeJar } from '../support/zip-forge.js';

const PLUGIN = '/repository/components/plugins/org.big_1.0.0.jar';

/** A JAR of many entries, of which a few have changed. */
function jar(changed: string): Buffer {
  const classes = Array.from({ length: 200 }, (_, n) => ({
    name: `org/big/Class${n}.class`,
    data: `${n % 50 === 7 ? changed : 'the same'} `.repeat(40 + n),
  }));
  return forgeJar(bundleManifest('org.big', '1.0.0'), classes);
}

test
  .skipIf(need('xdelta3') !== undefined)
  .each([[['-S', 'none', '-n', '-A']], [['-S', 'none']], [['-S', 'none', '-9', '-W', '16384']]])(
  'made with %j',
  async (options) => {
    const folder = mkdtempSync(join(tmpdir(), 'prepatch-xdelta3-'));
    const [before, after] = [jar('old'), jar('something new')];
    const home = new ManifestHome('4.2', { [PLUGIN.slice(1)]: before });
    try {
      writeFileSync(join(folder, 'before.jar'), before);
      writeFileSync(join(folder, 'after.jar'), after);
      execFileSync('xdelta3', ['-e', ...options, '-s', 'before.jar', 'after.jar', 'delta'], { cwd: folder });
      const delta = readFileSync(join(folder, 'delta'));
      expect(delta.length).toBeLessThan(after.length / 2);
      home.patch(
        'patch0001',
        {
          files: [
            {
              kind: 'update',
              path: PLUGIN,
              delta: { source: 'files/d', before: { md5: md5(before) }, after: { sha256: sha256(after) } },
            },
          ],
        },
        { 'files/d': delta },
      );
      expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0001'], problems: [] });
      expect(readFileSync(home.path(PLUGIN))).toEqual(after);
      home.unpatch('patch0001');
      expect(await home.apply()).toMatchObject({ exitCode: 0, revert: ['patch0001'] });
      expect(readFileSync(home.path(PLUGIN))).toEqual(before);
    } finally {
      home.dispose();
      rmSync(folder, { recursive: true });
    }
  },
);
