// docs/actions.md, kept true: its packs are read without an error, its module runs, and the stages that it promises are those
// that stages.test.ts looks at.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parsePackManifest } from '../../../src/plan/pack-manifest.js';
import { RealFiles } from '../../../src/system/real-files.js';
import { ActionHome } from './action-home.js';

const GUIDE = readFileSync(
  join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'docs', 'actions.md'),
  'utf8',
);

function blocks(fence: string): string[] {
  return [...GUIDE.matchAll(new RegExp(`^\`\`\`${fence}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1] ?? '');
}

test('every pack of the guide is read without an error, and every kind is in one', async () => {
  const packs = blocks('json patch');
  for (const text of packs) expect(await parsePackManifest(text, 'actions.md')).toMatchObject({ kind: 'manifest' });
  const kinds = new Set(packs.join().match(/(?<="kind": ")\w+/g));
  expect([...kinds].sort()).toEqual(
    ['create', 'delete', 'editProperties', 'editXml', 'forEach', 'module', 'notify', 'rename', 'run', 'setValue']
      .concat(['startService', 'stopService', 'unzip', 'update'])
      .sort(),
  );
});

test('the module of the guide runs, and is rolled back', async () => {
  const [source = ''] = blocks('js');
  const top = mkdtempSync(join(tmpdir(), 'prepatch-guide-'));
  try {
    const components = join(top, 'repository/components');
    for (const folder of ['plugins', 'servicepacks', 'patches/patch0001', 'patches/.payload/patch0001'])
      mkdirSync(join(components, folder), { recursive: true });
    writeFileSync(join(components, 'patches/.payload/patch0001/migrate.mjs'), source);
    const home = new ActionHome(new RealFiles(), top);
    const actions = [{ kind: 'module', id: 'migrate', file: 'migrate.mjs', options: { table: 'UM_USER' } }];
    const done = await home.start([{ name: 'patch0001', actions }]);
    expect(done.kind === 'failed' ? done.error.message : done.kind).toBe('done');
    expect(home.logs).toContain('patch0001: migrate: migrated UM_USER');
    expect((await home.start([])).kind).toBe('done');
    expect(home.logs).toContain('Action revert of patch0001: migrate is done');
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});
