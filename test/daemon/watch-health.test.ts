// Asking a server for its health while another run has the home: who waits for the lock hears the end of the server.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readSettings } from '../../src/daemon/read-settings.js';
import { checkHealthOnce } from '../../src/daemon/watch-health.js';
import { makeLayout } from '../../src/home/layout.js';
import { openHome } from '../../src/index.js';
import { RealFiles } from '../../src/system/real-files.js';
import { Lock } from '../../src/transaction/lock.js';
import { TestHome } from '../support/home-builder.js';

let home: TestHome;

afterEach(() => {
  home.dispose();
});

test.each([
  ['ends the wait for another run', 'keeps it'],
  ['is heard when the other run has ended', 'ends'],
] as const)('the end of the server %s, and nothing is recorded', { timeout: 60_000 }, async (_, other) => {
  home = new TestHome('4.2', {
    plugins: [{ name: 'org.a', version: '1.0.0', tag: 'a' }],
    patches: { patch0001: [{ name: 'org.a', version: '1.0.0', tag: 'a1' }] },
  });
  const files = new RealFiles();
  const layout = makeLayout(home.root, 'carbon-4.2');
  let lock: Lock | undefined;
  const ended = new AbortController();
  // Another run takes the lock while the server answers, and keeps it when the server ends.
  const server = createServer((_request, response) => {
    void Lock.take(files, layout, 0).then((taken) => {
      lock = taken;
      response.end('well');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  try {
    const { port } = server.address() as AddressInfo;
    const health = { kind: 'url', url: `http://127.0.0.1:${port}/`, timeoutSeconds: 600 };
    const manifest = { id: 'patch0001', version: '1.0.0', health };
    writeFileSync(home.path('patches/patch0001.json'), JSON.stringify(manifest));
    const opened = await openHome(home.root, { environment: {} });
    await opened.boot();
    writeFileSync(join(home.root, 'prepatch.yaml'), 'waitSeconds: 20\n');
    const settings = { environment: {}, given: { name: 'test', values: {} } };
    const { config } = await readSettings(files, home.root, settings);
    const use = { files, home: home.root, config, complain: () => undefined };
    const asking = checkHealthOnce(use, ended.signal);
    await expect
      .poll(() => home.logBodies().some((line) => line.startsWith('Waiting for process')), { timeout: 10_000 })
      .toBe(true);
    ended.abort();
    if (other === 'ends') lock?.release();
    expect(await asking).toMatchObject({ passed: [], waiting: [{ packs: ['patch0001'] }] });
  } finally {
    lock?.release();
    server.close();
  }
});
