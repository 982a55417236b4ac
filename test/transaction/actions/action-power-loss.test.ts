// The power goes while a pack with an action of each kind that changes files is applied, and while it is reverted: whatever no
// flush covers is lost, and recovery still finds exactly before or exactly after. A sample; CRASH_FULL=1 goes through all of them.
import { expect, test } from 'vitest';
import { cutPower } from '../../support/power-cut.js';
import {
  configOf,
  emptyHome,
  HOME,
  jar,
  PATCHES,
  put,
  putPlugins,
  removeTree,
  settled,
  type SmallHome,
} from '../../support/small-homes.js';
import { forgeZip } from '../../support/zip-forge.js';

const config = configOf();
const MOST = 40;

const KINDS: Readonly<Record<string, readonly object[]>> = {
  'create a file': [{ kind: 'create', path: '/new/deep/f.txt', source: 'files/f.txt' }],
  'create a folder': [{ kind: 'create', type: 'directory', path: '/new/tree', source: 'files/tree' }],
  'update a file': [{ kind: 'update', path: '/conf/a.xml', source: 'files/f.txt', mode: '0600' }],
  'update a folder': [{ kind: 'update', type: 'directory', path: '/webapps/old', source: 'files/tree' }],
  'delete a file': [{ kind: 'delete', path: '/conf/a.xml' }],
  'delete a folder': [{ kind: 'delete', type: 'directory', path: '/webapps/old' }],
  'rename a file': [{ kind: 'rename', path: '/conf/a.xml', to: '/other/b.xml' }],
  'rename a folder': [{ kind: 'rename', type: 'directory', path: '/webapps/old', to: '/webapps/new/place' }],
  unzip: [{ kind: 'unzip', archive: 'files/w.war', into: '/webapps/old' }],
  editXml: [{ kind: 'editXml', file: '/conf/a.xml', edits: [{ op: 'setText', xpath: '/Server/Offset', value: '1' }] }],
  editProperties: [
    { kind: 'editProperties', file: '/conf/a.properties', edits: [{ op: 'set', key: 'level', value: 'WARN' }] },
  ],
  editIni: [{ kind: 'editIni', file: '/conf/a.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '1' }] }],
  editJson: [{ kind: 'editJson', file: '/conf/a.json', edits: [{ op: 'set', pointer: '/port', value: 1 }] }],
  editYaml: [{ kind: 'editYaml', file: '/conf/a.yaml', edits: [{ op: 'set', path: ['port'], value: 1 }] }],
  'several of one file': [
    { kind: 'editIni', file: '/conf/a.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '1' }] },
    { kind: 'rename', path: '/conf/a.ini', to: '/conf/b.ini' },
    { kind: 'create', path: '/conf/a.ini', source: 'files/f.txt' },
    { kind: 'editIni', file: '/conf/b.ini', edits: [{ op: 'set', section: 's', key: 'port', value: '2' }] },
  ],
};

function makeHome(actions: readonly object[]): SmallHome {
  const files = emptyHome();
  putPlugins(files, 'a');
  put(files, `${HOME}/conf/a.xml`, '<Server><Offset>0</Offset></Server>\n', 0o640);
  put(files, `${HOME}/conf/a.properties`, 'level = INFO\n');
  put(files, `${HOME}/conf/a.ini`, '[s]\nport = 0\n');
  put(files, `${HOME}/conf/a.json`, '{ "port": 0 }\n');
  put(files, `${HOME}/conf/a.yaml`, 'port: 0 # the port\n');
  put(files, `${HOME}/webapps/old/index.html`, 'old');
  put(files, `${HOME}/webapps/old/js/a.js`, 'a', 0o600);
  const pack = `${PATCHES}/patch0001`;
  put(files, `${pack}/a_1.0.0.jar`, jar('a', '1.0.0', 'one'));
  put(files, `${pack}/files/f.txt`, 'new');
  put(files, `${pack}/files/tree/index.html`, 'newer');
  put(files, `${pack}/files/tree/css/a.css`, 'css');
  const entries = ['index.html', 'WEB-INF/web.xml'].map((name) => ({ name, data: `of the archive: ${name}` }));
  put(files, `${pack}/files/w.war`, forgeZip({ entries }));
  put(files, `${pack}.json`, JSON.stringify({ id: 'p', version: '1.0.0', actions }));
  return { name: 'apply', files, config, policy: 'strict' };
}

async function makeReverting(actions: readonly object[]): Promise<SmallHome> {
  const { files } = makeHome(actions);
  await settled(files, config);
  removeTree(files, `${PATCHES}/patch0001`);
  files.unlink(`${PATCHES}/patch0001.json`);
  return { name: 'revert', files, config, policy: 'strict' };
}

for (const [kind, actions] of Object.entries(KINDS)) {
  test(`${kind}: power is lost at every moment of an apply and of a revert`, { timeout: 1_800_000 }, async () => {
    for (const home of [makeHome(actions), await makeReverting(actions)]) {
      for (const strictRename of [false, true]) {
        const { bad, tried } = await cutPower(home, strictRename, MOST);
        expect(tried).toBeGreaterThanOrEqual(MOST);
        expect(bad).toEqual([]);
      }
    }
  });
}
