// Amounts for people: bytes and times, short. Pure.

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** `0 bytes`, `812 bytes`, `1.4 kB`, `33 MB`; units of 1,000. */
export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} bytes`;
  let value = sizeBytes;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < UNITS.length - 1);
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

/** `0 ms`, `812 ms`, then as `formatDuration`. */
export function formatStep(durationMs: number): string {
  const whole = Math.round(Math.max(0, durationMs));
  return whole < 1000 ? `${whole} ms` : formatDuration(durationMs);
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, durationMs) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
