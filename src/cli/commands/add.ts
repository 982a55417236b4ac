// `prepatch add PATH…`: checks folders, zips and JARs and puts them into the drop folders.

import { resolve } from 'node:path';
import { ExitCode } from '../../error.js';
import { formatBytes } from '../../report/format-amount.js';
import { escapeControls } from '../../report/log-line.js';
import { renderProblems } from '../../report/problem-text.js';
import type { Style } from '../../report/style.js';
import { type AddedJar, type AddedPack, type AddReport, addPacks } from '../../shelf/add-packs.js';
import type { UseCase, UseCaseResult } from '../use-case.js';
import { withShelf } from './shelf.js';

export async function runAdd(use: UseCase): Promise<UseCaseResult> {
  const { request, style } = use;
  const name = request.options['name'];
  const report = await withShelf(use, (doors) =>
    addPacks(doors, {
      paths: request.words.map((word) => resolve(word)),
      name: typeof name === 'string' ? name : undefined,
      dryRun: request.options['dry-run'] === true,
    }),
  );
  return { exitCode: ExitCode.done, document: report, text: renderAdded(report, style) };
}

function renderAdded(report: AddReport, style: Style): string {
  const lines = report.packs.flatMap((pack) => [packText(pack, style), ...pack.jars.map(jarText)]);
  lines.push(...renderProblems(report.problems, style));
  const paths = report.changes.length === 1 ? '1 path' : `${report.changes.length} paths`;
  if (report.dryRun) lines.push('Nothing was added.');
  else if (report.changes.length > 0) lines.push(`The next start changes ${paths}.`);
  return lines.join('\n');
}

function packText(pack: AddedPack, style: Style): string {
  const files = pack.files === 1 ? '1 file' : `${pack.files} files`;
  const size = `${files}, ${formatBytes(pack.sizeBytes)}`;
  switch (pack.outcome) {
    case 'added':
      return `${style.good('added')} ${escapeControls(pack.path)} (${size})`;
    case 'would-be-added':
      return `would add ${escapeControls(pack.path)} (${size})`;
    case 'there-already':
      return `${escapeControls(pack.path)} is there already, with the same content`;
  }
}

function jarText(jar: AddedJar): string {
  const target = escapeControls(jar.target);
  if (jar.before === null) return `  ${target}: new plugin, MD5 ${jar.after}`;
  return jar.before === jar.after
    ? `  ${target}: same as now, MD5 ${jar.after}`
    : `  replaces ${target}: MD5 ${jar.before} → ${jar.after}`;
}
