// Every relative link in the documents leads to a file of the checkout, and every `#anchor` to a heading of it. Code is not looked
// at. The finder is tried on a text with broken links first, so that a rule that finds nothing is known to look.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TOP = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];

function documents(): string[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return [...TOP, ...docs.map((name) => `docs/${name}`)];
}

/** The text without fenced blocks and code spans: what is in them is no link. */
function withoutCode(text: string): string {
  return text.replace(/^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, '').replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, '');
}

/** Targets of inline links and of reference definitions. */
function linksOf(text: string): string[] {
  const plain = withoutCode(text);
  const inline = [...plain.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...plain.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)];
  return [...inline, ...references].map((match) => match[1] as string);
}

/** The anchors that a renderer such as GitHub's gives the headings of a document, and those that it sets by hand. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const plain = text.replace(/^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, '');
  for (const [, heading] of plain.matchAll(/^#{1,6}\s+(.+?)\s*#*\s*$/gm)) {
    const words = (heading as string).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  for (const [, id] of plain.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id as string);
  return anchors;
}

/** What is wrong with the links of a document, one a line. */
function brokenLinks(root: string, document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return linksOf(text).flatMap((link) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? join(root, document) : resolve(root, dirname(document), decodeURIComponent(path));
    if (relative(root, target).startsWith('..')) return [`${document}: ${link} leads out of the checkout`];
    if (!existsSync(target)) return [`${document}: ${link} leads nowhere`];
    if (anchor === undefined) return [];
    if (!statSync(target).isFile() || !anchorsOf(readFileSync(target, 'utf8')).has(decodeURIComponent(anchor)))
      return [`${document}: ${link} names no heading there`];
    return [];
  });
}

test('the finder sees links that lead nowhere, out of the checkout, and to no heading, and leaves code alone', () => {
  const root = mkdtempSync(join(tmpdir(), 'prepatch-links-'));
  try {
    mkdirSync(join(root, 'docs'));
    writeFileSync(join(root, 'README.md'), '# One\n\n## Two, `three` and 4\n\n## One\n');
    writeFileSync(
      join(root, 'docs', 'a.md'),
      [
        '[good](../README.md#two-three-and-4) [second](../README.md#one-1) [web](https://example.org/x) [folder](../docs)',
        '[gone](gone.md) [no heading](../README.md#three) [own](#missing) [out](../../x.md) [folder](../docs#x)',
        '`[code](nowhere.md)` ``[more `code`](nowhere.md)``',
        '```text',
        '[fenced](nowhere.md)',
        '```',
        '[by reference][1]',
        '',
        '[1]: also-gone.md',
      ].join('\n'),
    );
    expect(brokenLinks(root, 'docs/a.md')).toEqual([
      'docs/a.md: gone.md leads nowhere',
      'docs/a.md: ../README.md#three names no heading there',
      'docs/a.md: #missing names no heading there',
      'docs/a.md: ../../x.md leads out of the checkout',
      'docs/a.md: ../docs#x names no heading there',
      'docs/a.md: also-gone.md leads nowhere',
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test.each(documents())('%s: every relative link leads somewhere', (document) => {
  expect(brokenLinks(ROOT, document)).toEqual([]);
});

test('every document in docs is in the index', () => {
  const linked = new Set(
    linksOf(readFileSync(join(ROOT, 'docs', 'README.md'), 'utf8')).map((link) => link.split('#')[0]),
  );
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
  expect(docs.filter((name) => !linked.has(name))).toEqual([]);
});
