// Test runs: real files and processes, so a process per file and a generous limit. Tests that need more than npm are left
// out unless PREPATCH_TESTS=all or CI=true asks for them (CONTRIBUTING.md).
import { configDefaults, defineConfig } from 'vitest/config';

const everything = process.env.PREPATCH_TESTS === 'all' || process.env.CI === 'true';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(everything ? [] : ['test/**/*.needs-*.test.ts'])],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
