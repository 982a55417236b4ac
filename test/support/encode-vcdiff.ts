// Writes deltas in VCDIFF (RFC 3284) by hand: one window for each piece, what both sides begin and end with as copies, the rest
// as it is. No good compressor, but every byte of the format is chosen here, so that a test can choose others.

export interface WindowOf {
  /** `basis`, `target` (what came before), or nothing to copy from. */
  readonly from?: 'basis' | 'target';
  readonly sourceBytes?: number;
  readonly sourcePosition?: number;
  readonly targetBytes: number;
  readonly data?: Uint8Array;
  readonly instructions: readonly number[];
  readonly addresses?: readonly number[];
  readonly checksum?: number;
}

export function vcdiff(windows: readonly WindowOf[], header: readonly number[] = [0]): Buffer {
  return Buffer.concat([Buffer.from([0xd6, 0xc3, 0xc4, 0, ...header]), ...windows.map(windowBytes)]);
}

/** Base 128, the highest digits first. */
export function number(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) + 128);
  return digits;
}

function windowBytes(window: WindowOf): Buffer {
  const { from, sourceBytes = 0, sourcePosition = 0, targetBytes, instructions, addresses = [], checksum } = window;
  const data = window.data ?? new Uint8Array();
  const sum = Buffer.alloc(checksum === undefined ? 0 : 4);
  if (checksum !== undefined) sum.writeUInt32BE(checksum);
  const body = Buffer.concat([
    Buffer.from([
      ...number(targetBytes),
      0,
      ...number(data.length),
      ...number(instructions.length),
      ...number(addresses.length),
    ]),
    sum,
    data,
    Buffer.from([...instructions, ...addresses]),
  ]);
  const source = from === undefined ? [] : [...number(sourceBytes), ...number(sourcePosition)];
  const indicator = (from === 'basis' ? 1 : from === 'target' ? 2 : 0) | (checksum === undefined ? 0 : 4);
  return Buffer.concat([Buffer.from([indicator, ...source, ...number(body.length)]), body]);
}

export const ADD = 1;
export const RUN = 0;
/** Of any size, the address as it is. */
export const COPY = 19;

/** A delta that makes `target` of `basis`. */
export function encodeVcdiff(basis: Uint8Array, target: Uint8Array): Buffer {
  let head = 0;
  while (head < basis.length && head < target.length && basis[head] === target[head]) head++;
  let tail = 0;
  while (tail < basis.length - head && tail < target.length - head && basis.at(-1 - tail) === target.at(-1 - tail))
    tail++;
  const middle = target.subarray(head, target.length - tail);
  const instructions = [
    ...(head === 0 ? [] : [COPY, ...number(head)]),
    ...(middle.length === 0 ? [] : [ADD, ...number(middle.length)]),
    ...(tail === 0 ? [] : [COPY, ...number(tail)]),
  ];
  const addresses = [...(head === 0 ? [] : [0]), ...(tail === 0 ? [] : number(basis.length - tail))];
  return vcdiff([
    { from: 'basis', sourceBytes: basis.length, targetBytes: target.length, data: middle, instructions, addresses },
  ]);
}
