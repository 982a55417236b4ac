// `npm test`: from a fresh clone to a verdict. Sets the checkout up and runs vitest; the last line is `N passed, N failed`.
// Tests that need more than npm (test/**/*.needs-*.test.ts) run with --all, when named, or where CI=true.
// Other arguments go to vitest: `npm test -- test/plan`.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './build-stamp.mjs';
import { setUp } from './set-up.mjs';

setUp();
const given = process.argv.slice(2);
const passedOn = given.filter((argument) => argument !== '--all');
const everything =
  given.includes('--all') || process.env.CI === 'true' || passedOn.some((name) => name.includes('needs-'));
const folder = mkdtempSync(join(tmpdir(), 'prepatch-test-'));
try {
  const report = join(folder, 'report.json');
  const { status } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...passedOn,
    ],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...(everything && { PREPATCH_TESTS: 'all' }) } },
  );
  const { passed, failed, skipped } = countResults(readReport(report), status);
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A file that could not be loaded has no tests and counts as one failure, and so does a failure that no test accounts for. */
function countResults(report, status) {
  const files = report?.testResults ?? [];
  const unloaded = files.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  const failed = (report?.numFailedTests ?? 0) + unloaded;
  return {
    passed: report?.numPassedTests ?? 0,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
}
