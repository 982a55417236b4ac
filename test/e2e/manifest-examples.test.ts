// Every example pack of the authoring guide, as it lies in examples/packs/authoring, applied and taken away again.
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { codesOf, ManifestHome } from '../support/manifest-home.js';
import { compareTrees } from '../support/tree-snapshot.js';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const EXAMPLES = join(CHECKOUT, 'examples', 'packs', 'authoring');

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(example: string): ManifestHome {
  const home = new ManifestHome('4.2', {
    'repository/conf/server.xml': '<Server port="8080"/>\n',
    'repository/conf/old.xml': '<old/>\n',
    'repository/deployment/server/webapps/ROOT/index.html': '<html/>',
  });
  homes.push(home);
  cpSync(join(EXAMPLES, example), home.home.path('patches'), { recursive: true });
  return home;
}

async function takeAllAway(home: ManifestHome): Promise<void> {
  for (const name of readdirSync(home.home.path('patches'))) home.remove(`repository/components/patches/${name}`);
  expect((await home.apply()).exitCode).toBe(0);
}

test('files: a web application, a check, a setting', async () => {
  const home = makeHome('files');
  const before = home.snapshot();
  const ran = await home.apply();
  expect(ran).toMatchObject({ exitCode: 0, apply: ['patch0101'], problems: [] });
  expect(home.read('repository/deployment/server/webapps/console/WEB-INF/web.xml')).toBe('<web-app/>\n');
  expect(home.read('repository/conf/server.xml')).toBe('<Server port="8443"/>\n');
  expect(home.read('repository/conf/archive/old.xml')).toBe('<old/>\n');
  expect(statSync(home.path('bin/check.sh')).mode & 0o100).toBe(0o100);
  expect([...home.home.files('plugins').keys()]).toEqual(['example.txt']);
  await takeAllAway(home);
  expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
});

test('digests: every byte is listed', async () => {
  const home = makeHome('digests');
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0102'], problems: [] });
  home.write('repository/components/patches/patch0102/example.txt', 'another byte is listed\n');
  expect(codesOf((await home.plan()).problems)).toEqual(['PACK_REFUSED patch0102']);
});

test('chain: from version to version, and a stop in the middle', async () => {
  const home = makeHome('chain');
  expect(await home.apply()).toMatchObject({ apply: ['patch0103', 'patch0104'] });
  expect(await home.apply()).toMatchObject({ apply: ['patch0105'] });
  expect(home.read('repository/components/plugins/example.txt')).toBe('version 4.4.3\n');
});

test('the guide names every example, and nothing else', () => {
  const guide = readFileSync(join(CHECKOUT, 'docs', 'authoring.md'), 'utf8');
  const named = [...guide.matchAll(/examples\/packs\/authoring\/([a-z0-9]+)/g)].map((match) => match[1]);
  expect([...new Set(named)].sort()).toEqual(readdirSync(EXAMPLES).sort());
});
