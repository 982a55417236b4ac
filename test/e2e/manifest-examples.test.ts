// Every example pack of the authoring guide, as it lies in examples/packs/authoring, applied and taken away again.
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { codesOf, ManifestHome, type Texts } from '../support/manifest-home.js';
import { compareTrees } from '../support/tree-snapshot.js';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const EXAMPLES = join(CHECKOUT, 'examples', 'packs', 'authoring');

const homes: ManifestHome[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.dispose();
});

function makeHome(example: string, more: Texts = {}): ManifestHome {
  const home = new ManifestHome('4.2', {
    'repository/conf/server.xml': '<Server port="8080"/>\n',
    'repository/conf/old.xml': '<old/>\n',
    'repository/deployment/server/webapps/ROOT/index.html': '<html/>',
    ...more,
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

test('edits: one place in each of five files, and the other bytes as they were', async () => {
  const files = {
    'repository/conf/server.properties': '# the server\nserver.port = 8080\nserver.name=a\n',
    'repository/conf/server.ini': '; the server\n[server]\nport=8080\nname=a\n',
    'repository/conf/server.json': '{\n  // the server\n  "server": { "port": 8080, "hosts": ["node-1"] }\n}\n',
    'repository/conf/server.yaml': '# the server\nserver:\n  port: 8080 # plain\n  name: a\n',
  };
  const home = makeHome('edits', files);
  const before = home.snapshot();
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0106'], problems: [] });
  expect(home.read('repository/conf/server.xml')).toBe('<Server port="8443"/>\n');
  expect(home.read('repository/conf/server.properties')).toBe('# the server\nserver.port = 8443\nserver.name=a\n');
  expect(home.read('repository/conf/server.ini')).toBe('; the server\n[server]\nport=8443\nname=a\n');
  expect(JSON.parse(home.read('repository/conf/server.json').replace('// the server', ''))).toEqual({
    server: { port: 8443, hosts: ['node-1', 'node-2'] },
  });
  expect(home.read('repository/conf/server.yaml')).toContain('  port: 8443 # plain\n');
  // What the operator changes elsewhere in the same file survives the revert.
  const changed = 'repository/conf/server.properties';
  home.write(changed, `${home.read(changed)}mine=1\n`);
  await takeAllAway(home);
  expect(home.read(changed)).toBe(`${files[changed]}mine=1\n`);
  home.write(changed, files[changed]);
  expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
});

test('commands: a service that stands still meanwhile, a loop over what a command says, a failure that is told', async () => {
  const home = makeHome('commands', { 'repository/data/tenants.txt': 'one\ntwo\n' });
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0107'], problems: [] });
  expect(statSync(home.path('repository/data/two/queue')).isDirectory()).toBe(true);
  expect(home.read('repository/data/registered.txt')).toBe('registered\n');
  expect(home.read('repository/data/service.txt')).toBe('stop\nstart\n');
  await takeAllAway(home);
  expect(existsSync(home.path('repository/data/two'))).toBe(false);
  expect(existsSync(home.path('repository/data/registered.txt'))).toBe(false);
  expect(home.read('repository/data/service.txt')).toBe('stop\nstart\nstop\nstart\n');
  expect(existsSync(home.path('bin/service.sh'))).toBe(false);

  const failing = makeHome('commands', { 'repository/data/other.txt': '' });
  expect(await failing.apply()).toMatchObject({ exitCode: 1, failure: { code: 'ACTION_FAILED' } });
  expect(failing.read('repository/data/alarm.txt')).toMatch(/^patch0107: .*list/);
  expect(failing.read('repository/data/service.txt')).toBe('stop\nstart\n');
});

test('module: refused unless policy allows it; done, and undone', async () => {
  const table = 'name,mail\na,a@example.org\nb,b@example.org\n';
  const home = makeHome('module', { 'repository/data/users.csv': table });
  const refused = await home.apply();
  expect(codesOf(refused.problems)).toEqual(['PACK_REFUSED patch0108']);
  home.write('prepatch.yaml', 'allowModules: true\n');
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0108'], problems: [] });
  expect(home.read('repository/data/users.csv')).toBe('name,mail,active\na,a@example.org,yes\nb,b@example.org,yes\n');
  expect(home.home.logBodies().join('\n')).toContain('patch0108: migrate: 2 rows of repository/data/users.csv');
  await takeAllAway(home);
  expect(home.read('repository/data/users.csv')).toBe(table);
});

test('unzip, and file operations among the actions', async () => {
  const home = makeHome('unzip');
  const before = home.snapshot();
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0109'], problems: [] });
  const webapps = 'repository/deployment/server/webapps';
  expect(home.read(`${webapps}/console/WEB-INF/web.xml`)).toBe('<web-app/>\n');
  expect(home.read('repository/conf/server.xml')).toBe('<Server port="9443"/>\n');
  expect(existsSync(home.path('repository/conf/old.xml'))).toBe(false);
  expect(home.read(`${webapps}/ROOT/old.html`)).toBe('<html/>');
  await takeAllAway(home);
  expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
});

test('delta: made by xdelta3, and only for the file that it was made of', async () => {
  const home = makeHome('delta');
  const before = home.snapshot();
  expect(await home.apply()).toMatchObject({ exitCode: 0, apply: ['patch0110'], problems: [] });
  expect(home.read('repository/conf/server.xml')).toBe('<Server port="8443" secure="true"/>\n');
  await takeAllAway(home);
  expect(compareTrees(home.snapshot(), before).filter((line) => !line.includes('prePatched'))).toEqual([]);
  const other = makeHome('delta', { 'repository/conf/server.xml': '<Server port="1"/>\n' });
  expect((await other.apply()).problems[0]?.message).toContain('(wrong-basis)');
});

test('health: kept where the server touches its file, taken back where it does not', async () => {
  const home = makeHome('health');
  const boot = () => runPrepatch(['boot', '--home', home.home.root]);
  await boot();
  expect(await home.status()).toMatchObject({ state: 'probation', applied: ['patch0111'] });
  home.write('repository/data/alive', '');
  await boot();
  expect(await home.status()).toMatchObject({ state: 'clean', applied: ['patch0111'] });
  const other = makeHome('health');
  for (let start = 0; start < 2; start++) await runPrepatch(['boot', '--home', other.home.root]);
  expect(await other.status()).toMatchObject({ state: 'clean', applied: [] });
});

test('the examples show every kind of action, and of edit', () => {
  const shown = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((path) => /patch\d+\.json$/.test(path))
    .map((path) => readFileSync(join(EXAMPLES, path), 'utf8'))
    .join('\n');
  const schema = readFileSync(join(CHECKOUT, 'schemas', 'patch.schema.json'), 'utf8');
  const { definitions } = JSON.parse(schema) as {
    definitions: Record<string, { properties?: { kind?: { const?: string; enum?: string[] } } }>;
  };
  const kinds = Object.entries(definitions)
    .filter(([name]) => name.startsWith('action-'))
    .flatMap(([, { properties }]) => properties?.kind?.enum ?? properties?.kind?.const ?? []);
  expect(kinds.length).toBeGreaterThan(10);
  expect(kinds.filter((kind) => !shown.includes(`"kind": "${kind}"`))).toEqual([]);
});

test('the guide names every example, and nothing else', () => {
  const guide = readFileSync(join(CHECKOUT, 'docs', 'authoring.md'), 'utf8');
  const named = [...guide.matchAll(/examples\/packs\/authoring\/([a-z0-9]+)/g)].map((match) => match[1]);
  expect([...new Set(named)].sort()).toEqual(readdirSync(EXAMPLES).sort());
});
