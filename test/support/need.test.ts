// The helper that decides whether a test may be skipped: what is missing is said, and never skipped where CI=true.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { need } from './need.js';

describe('need', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test('finds nothing missing where every tool is there', () => {
    vi.stubEnv('CI', 'true');
    expect(need()).toBeUndefined();
  });

  test('gives the reason and the command that installs the tool, and prints them', () => {
    vi.stubEnv('CI', 'false');
    vi.stubEnv('HOME', '/nonexistent');
    const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const reason = need('lab-jars');
    expect(reason).toContain('fetch-jars --small');
    expect(printed).toHaveBeenCalledWith(`skipped: ${reason}\n`);
  });

  test('throws where CI=true', () => {
    vi.stubEnv('CI', 'true');
    vi.stubEnv('HOME', '/nonexistent');
    expect(() => need('lab-jars')).toThrow(/JARs of the lab.*fetch-jars --small.*CI=true/);
  });
});
