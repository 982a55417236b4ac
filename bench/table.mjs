// A result against its bounds, and results as a table.

/**
 * One figure, measured. `ratio` is what the bounds are about; `sides` has the medians behind it, in milliseconds.
 * @typedef {{ figure: string, what: string, against: string, unit?: string, ratio?: number, reach?: number, aim?: number,
 *   atLeast?: boolean, sides?: Record<string, number>, rounds?: number, notMeasured?: string, notes?: readonly string[] }} Result
 */

/** @param {Result} result */
export function judge(result) {
  const { ratio, reach, aim } = result;
  if (ratio === undefined) return { verdict: 'not measured' };
  if (reach === undefined) return { verdict: '' };
  const meets = (bound) => (result.atLeast === true ? ratio >= bound : ratio <= bound);
  return { verdict: aim !== undefined && meets(aim) ? 'aim' : meets(reach) ? 'reach' : 'missed' };
}

export function formatTable(results) {
  const rows = results.map((result) => [
    result.figure,
    result.what,
    result.against,
    result.ratio === undefined ? '–' : `${result.ratio.toFixed(2)}${result.unit ?? ''}`,
    bound(result, result.reach),
    bound(result, result.aim),
    result.verdict,
    Object.entries(result.sides ?? {})
      .map(([name, value]) => `${name} ${value < 10 ? value.toFixed(1) : Math.round(value)}`)
      .join(', '),
  ]);
  const head = ['#', 'figure', 'against', 'measured', 'reach', 'aim', 'is', 'medians in ms, of which ours first'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const notes = results.flatMap((result) =>
    [...(result.notMeasured === undefined ? [] : [`not measured: ${result.notMeasured}`]), ...(result.notes ?? [])].map(
      (note) => `${result.figure}: ${note}`,
    ),
  );
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), ...notes].join('\n');
}

function bound(result, value) {
  if (value === undefined) return '';
  return `${result.atLeast === true ? '≥' : '≤'} ${value}${result.unit ?? ''}`;
}
