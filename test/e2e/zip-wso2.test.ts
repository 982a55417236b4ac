// A patch as WSO2 ships them, on a home of real JARs: a zip with JARs, a web application, a README and edits of three settings.
// The operator changes other parts of the same settings; after the revert they are what the operator would expect.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import JSZip from 'jszip';
import { expect, test } from 'vitest';
import { runPrepatch } from '../support/command.js';
import { md5, sha256, type Texts, zipOf } from '../support/manifest-home.js';
import { compareTrees, isOwnState, snapshotTree } from '../support/tree-snapshot.js';
import { copyLabHome, needLabHome } from './lab-home.js';

const WSO2 = 'WSO2-CARBON-PATCH-4.4.0-0999';
const LONG = { timeout: 300_000 };

/** The JAR with one entry more: another build of the same bundle. */
async function rebuilt(path: string): Promise<Uint8Array> {
  const zip = await JSZip.loadAsync(readFileSync(path));
  zip.file('rebuilt.txt', 'rebuilt');
  return zip.generateAsync({ type: 'uint8array', compression: 'DEFLATE' });
}

test.skipIf(needLabHome() !== undefined).each([
  ['4.2', 'none'],
  ['4.4', 'none'],
  ['4.4', 'carbon'],
] as const)('applied and reverted (layout %s, companion %s)', LONG, async (layout, companion) => {
  const home = copyLabHome('medium', layout);
  const path = (inside: string) => join(home, inside);
  const components = (inside: string) => path(`repository/components/${inside}`);
  const run = async (...words: string[]) => {
    const { exitCode, stdout } = await runPrepatch([...words, '--json', '--home', home], {
      env: { PREPATCH_COMPANION: companion },
      timeoutMs: 120_000,
    });
    expect({ exitCode, stdout: exitCode === 0 ? '' : stdout }).toEqual({ exitCode: 0, stdout: '' });
    return JSON.parse(stdout) as {
      outcome: string;
      apply: string[];
      revert: string[];
      problems: { message: string }[];
    };
  };
  try {
    await run('apply');
    const skip = (one: string) => isOwnState(one) || /components\/(patches|servicepacks)(\/|$)/.test(one);
    const before = snapshotTree(home, skip);
    const names = readdirSync(components('plugins'))
      .filter((name) => name.endsWith('.jar') && statSync(components(`plugins/${name}`)).size < 200_000)
      .slice(0, 2);
    const manifest = {
      id: WSO2,
      version: '1.0.0',
      appliesTo: { versions: ['>=4.4.0 <5'] },
      fixes: ['CVE-2022-29464'],
      files: [
        { kind: 'create', type: 'directory', path: '/repository/deployment/server/webapps/x', source: 'webapps/x' },
      ],
      actions: [
        {
          kind: 'editXml',
          file: '/repository/conf/carbon.xml',
          edits: [
            {
              op: 'setText',
              xpath: '/c:Server/c:HostName',
              namespaces: { c: 'http://wso2.org/projects/carbon/carbon.xml' },
              value: 'patched.example.org',
            },
          ],
        },
        {
          kind: 'editProperties',
          file: '/repository/conf/log4j.properties',
          edits: [{ op: 'set', key: 'log4j.logger.org.wso2', value: 'WARN' }],
        },
        {
          kind: 'editJson',
          file: '/repository/conf/features.json',
          edits: [{ op: 'set', pointer: '/features/tracing', value: true }],
        },
      ],
    };
    const content: Record<string, string | Uint8Array> = {
      'webapps/x/index.html': '<html/>',
      'webapps/x/WEB-INF/web.xml': '<web-app/>',
      'README.txt': 'Stop the server, copy the folder, edit three files …',
    };
    for (const name of names) content[`patch0999/${name}`] = await rebuilt(components(`plugins/${name}`));
    const digests = Object.fromEntries(
      Object.entries(content).map(([name, data]) => [name, { sha256: sha256(data), md5: md5(data) }]),
    );
    const files: Texts = {
      ...Object.fromEntries(Object.entries(content).map(([name, data]) => [`${WSO2}/${name}`, data])),
      [`${WSO2}/patch.json`]: JSON.stringify({ ...manifest, digests }),
    };
    writeFileSync(components('patches/patch0999.zip'), await zipOf(files));

    const applied = await run('apply');
    expect(applied).toMatchObject({ outcome: 'changed', apply: ['patch0999'] });
    expect(readFileSync(path('repository/deployment/server/webapps/x/WEB-INF/web.xml'), 'utf8')).toBe('<web-app/>');
    for (const name of names)
      expect(md5(readFileSync(components(`plugins/${name}`)))).toBe(md5(content[`patch0999/${name}`] ?? ''));
    expect(readFileSync(path('repository/conf/carbon.xml'), 'utf8')).toContain(
      '<HostName>patched.example.org</HostName>',
    );
    expect(existsSync(components('plugins/README.txt'))).toBe(false);
    const again = await run('apply');
    expect(again).toMatchObject({ outcome: 'nothing', apply: [], revert: [], changes: [] });

    const edit = (file: string, from: string, to: string) => {
      const text = readFileSync(path(file), 'latin1');
      expect(text).toContain(from);
      writeFileSync(path(file), text.replace(from, to), 'latin1');
    };
    edit('repository/conf/carbon.xml', '<ServerKey>PS</ServerKey>', '<ServerKey>MINE</ServerKey>');
    edit('repository/conf/log4j.properties', 'log4j.rootLogger=INFO', 'log4j.rootLogger=DEBUG');
    edit('repository/conf/features.json', '"connections": 500', '"connections": 501');

    if (companion === 'carbon') rmSync(components('patches/patch0999'), { recursive: true });
    else rmSync(components('patches/patch0999.zip'));
    const reverted = await run('apply');
    expect(reverted.revert).toEqual(['patch0999']);
    expect(reverted.problems.map(({ message }) => message).join()).toContain('reopens CVE-2022-29464');
    edit('repository/conf/carbon.xml', '<ServerKey>MINE</ServerKey>', '<ServerKey>PS</ServerKey>');
    edit('repository/conf/log4j.properties', 'log4j.rootLogger=DEBUG', 'log4j.rootLogger=INFO');
    edit('repository/conf/features.json', '"connections": 501', '"connections": 500');
    expect(compareTrees(snapshotTree(home, skip), before)).toEqual([]);
    expect((await run('apply')).outcome).toBe('nothing');
  } finally {
    rmSync(join(home, '..'), { recursive: true });
  }
});
