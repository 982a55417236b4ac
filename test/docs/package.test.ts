// What the documents that ship send a reader to is in the package too; and every switch that a test, a script or CI reads from the
// environment is listed for contributors.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { files: shipped } = JSON.parse(read('package.json')) as { files: readonly string[] };
/** Only of use in a checkout, and said to be. */
const CHECKOUT_ONLY = new Set([
  'CONTRIBUTING.md',
  'bench/README.md',
  'examples/packs/patch0002',
  'examples/packs/servicepack001',
]);

function ships(path: string): boolean {
  const isListed = shipped.some((one) => (one.endsWith('/') ? `${path}/`.startsWith(one) : path === one));
  // npm adds these to every package.
  return isListed || path === 'README.md' || path === 'package.json';
}

test('the documents that ship name only what ships', () => {
  const named = readdirSync(join(ROOT, 'docs')).flatMap((name) => {
    const text = read(`docs/${name}`);
    const links = [...text.matchAll(/\]\(\.\.\/([^)#]+)/g)].map((match) => match[1] as string);
    const examples = [...text.matchAll(/\bexamples\/[\w./-]*\w/g)].map((match) => match[0]);
    return [...links, ...examples];
  });
  expect(named).toContain('examples/hooks/systemd/prepatch.conf');
  expect([...new Set(named)].filter((path) => !ships(path) && !CHECKOUT_ONLY.has(path)).sort()).toEqual([]);
});

test('CONTRIBUTING lists every switch of tests, scripts and CI', () => {
  const paths = ['test', 'scripts'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|mjs)$/.test(name))
      .map((name) => join(folder, name)),
  );
  const used = [...paths, 'vitest.config.ts'].flatMap((path) =>
    [...read(path).matchAll(/\bprocess\.env\.([A-Z_]+)/g)].map((match) => match[1] as string),
  );
  used.push(...[...read('.ci/run').matchAll(/\$\{(PREPATCH_\w+)/g)].map((match) => match[1] as string));
  const listed = read('CONTRIBUTING.md');
  const ordinary = new Set(['PATH', 'HOME']);
  expect(used).toContain('FUZZ_CASES');
  expect([...new Set(used)].filter((name) => !ordinary.has(name) && !listed.includes(`\`${name}`)).sort()).toEqual([]);
});

test('the types name those of Node that they use, for a program whose tsconfig names none', () => {
  expect(read('dist/types/index.d.ts')).toMatch(/^\/\/\/ <reference types="node"/m);
});
