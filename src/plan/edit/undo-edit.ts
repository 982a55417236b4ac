// What takes an edit back: the logical place, the exact text that was there, the exact text that was put there. A revert
// finds the place by its name and features, never by an offset, and changes it only where the text is still ours.
// docs/edits.md, "Taking edits back". Pure; records are JSON.
import {
  applySplice,
  differsOnlyAt,
  type EditFormat,
  indexPath,
  isFailure,
  lacksOnly,
  lineStart,
  type Splice,
  type TextNode,
} from './text-tree.js';

/** One step from the root towards a place. */
interface Step {
  readonly label: string;
  readonly keyed: boolean;
  readonly features: readonly string[];
  /** It had no sibling of the same label. */
  readonly alone: boolean;
}

/** A place, and which it is (`ordinal` of `total`) among places that look the same. */
interface Place {
  readonly steps: readonly Step[];
  readonly ordinal: number;
  readonly total: number;
}

/** A sibling that a removed entry stood beside. */
interface Anchor {
  readonly label: string;
  readonly features: readonly string[];
  readonly text: string;
}

/** The undo of one primitive change; an edit may come to several. Serialisable as JSON. */
export type EditUndo =
  | { readonly kind: 'unchanged'; readonly path: string }
  | {
      readonly kind: 'replaced';
      readonly path: string;
      readonly place: Place;
      readonly whole: boolean;
      readonly before: string;
      readonly after: string;
    }
  | {
      readonly kind: 'inserted';
      readonly path: string;
      readonly place: Place;
      /** The region's text before and after; the new entry starts `offset` units into `after`. */
      readonly before: string;
      readonly after: string;
      readonly offset: number;
      readonly body: string;
      readonly container: boolean;
      /** Entries of the same label beside it, itself included. */
      readonly siblings: number;
    }
  | {
      readonly kind: 'removed';
      readonly path: string;
      /** The parent's place. */
      readonly place: Place;
      readonly before: string;
      readonly after: string;
      readonly label: string;
      readonly keyed: boolean;
      readonly body: string;
      readonly index: number;
      /** Children of the parent, and those that look like the removed one, once it was gone. */
      readonly count: number;
      readonly twins: number;
      readonly previous: readonly Anchor[];
      readonly next: readonly Anchor[];
      /** What stood between the neighbours and the region. */
      readonly lead: string;
      readonly trail: string;
      readonly wholeLines: boolean;
    };

/** A place that is no longer as the edit left it. `expected` and `found` are texts of the file, cut at 200 characters. */
export interface EditConflict {
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

const CONTEXT_LIMIT = 2_000;
const ANCHORS = 4;
const LEAST_SIMILARITY = 0.5;

export function recordReplaced(
  path: string,
  before: string,
  text: string,
  root: TextNode,
  node: TextNode,
  whole: boolean,
): EditUndo {
  const after = partOf(text, node, whole);
  const place = placeOf(root, node, (other) => partOf(text, other, whole) === after);
  return { kind: 'replaced', path, place, whole, before, after };
}

/** `text` and `root` are those after the insertion, `before` is what the splice replaced. */
export function recordInserted(
  path: string,
  before: string,
  splice: Splice,
  text: string,
  root: TextNode,
  node: TextNode,
  container: boolean,
): EditUndo {
  const body = text.slice(node.start, node.end);
  const place = placeOf(root, node, (other) => text.slice(other.start, other.end) === body);
  const siblings = (node.parent?.children ?? []).filter((child) => child.label === node.label).length;
  const offset = node.start - splice.start;
  return { kind: 'inserted', path, place, before, after: splice.text, offset, body, container, siblings };
}

/** `oldText` and `node` are those before the removal, `text` and `parent` those after it. */
export function recordRemoved(
  path: string,
  oldText: string,
  node: TextNode,
  splice: Splice,
  text: string,
  root: TextNode,
  parent: TextNode,
): EditUndo {
  const index = (node.parent as TextNode).children.indexOf(node);
  const body = oldText.slice(node.start, node.end);
  const before = oldText.slice(splice.start, splice.end);
  const siblings = parent.children;
  const anchor = (child: TextNode): Anchor => ({
    label: child.label,
    features: child.features,
    text: text.slice(child.start, Math.min(child.end, child.start + CONTEXT_LIMIT)),
  });
  const gapStart = siblings[index - 1]?.end ?? parent.interiorStart;
  const gapEnd = siblings[index]?.start ?? parent.interiorEnd;
  const resumed = splice.start + splice.text.length;
  return {
    kind: 'removed',
    path,
    place: placeOf(root, parent, () => true),
    before,
    after: splice.text,
    label: node.label,
    keyed: node.keyed,
    body,
    index,
    count: siblings.length,
    twins: countTwins(text, parent, node.label, node.keyed, body),
    previous: siblings
      .slice(Math.max(0, index - ANCHORS), index)
      .reverse()
      .map(anchor),
    next: siblings.slice(index, index + ANCHORS).map(anchor),
    lead: text.slice(Math.max(Math.min(gapStart, splice.start), splice.start - CONTEXT_LIMIT), splice.start),
    trail: text.slice(resumed, Math.min(Math.max(gapEnd, resumed), resumed + CONTEXT_LIMIT)),
    wholeLines: lineStart(oldText, splice.start) === splice.start && before.endsWith('\n') && splice.text === '',
  };
}

/** The text with the change taken back, or the conflict. The same text where there is nothing to take back. */
export function revertUndo<E>(
  format: EditFormat<E>,
  text: string,
  root: TextNode,
  undo: EditUndo,
): { readonly kind: 'text'; readonly text: string } | { readonly kind: 'conflict'; readonly conflict: EditConflict } {
  const back = (value: string) => ({ kind: 'text', text: value }) as const;
  const conflict = (expected: string, found: string) =>
    ({ kind: 'conflict', conflict: { path: undo.path, expected: cut(expected), found: cut(found) } }) as const;
  switch (undo.kind) {
    case 'unchanged':
      return back(text);
    case 'replaced': {
      const part = (node: TextNode) => partOf(text, node, undo.whole);
      const alike = findAlike(root, undo.place.steps);
      const node = chooseOurs(undo.place, alike, (other) => part(other) === undo.after);
      if (node === undefined) {
        const [only, ...others] = alike;
        if (only !== undefined && others.length === 0 && part(only) === undo.before) return back(text);
        return conflict(undo.after, describe(alike.map(part)));
      }
      const start = undo.whole ? node.start : node.valueStart;
      const next = applySplice(text, { start, end: start + undo.after.length, text: undo.before });
      const after = format.parse(next);
      if (!isFailure(after) && differsOnlyAt(root, text, after, next, indexPath(node))) return back(next);
      return conflict(undo.after, 'surroundings in which the old value cannot stand');
    }
    case 'inserted': {
      const alike = findAlike(root, undo.place.steps);
      const core = (node: TextNode) => text.slice(node.start, node.end);
      const node = chooseOurs(undo.place, alike, (other) => core(other) === undo.body);
      if (node === undefined) {
        if (alike.length === 0) return back(text);
        const [only] = alike as [TextNode];
        if (undo.container && alike.length === 1 && only.children.length > 0) return back(text);
        const siblings = (only.parent?.children ?? []).filter((child) => child.label === only.label).length;
        const mayBeGone = !only.keyed && siblings < undo.siblings && !alike.some((other) => core(other) === undo.body);
        return mayBeGone ? back(text) : conflict(undo.body, describe(alike.map(core)));
      }
      if (undo.container && node.children.length > 0) return back(text);
      const start = node.start - undo.offset;
      const exact =
        start >= 0 && text.startsWith(undo.after, start)
          ? { start, end: start + undo.after.length, text: undo.before }
          : undefined;
      for (const splice of [exact, format.remove(text, node)]) {
        if (splice === undefined) continue;
        const next = applySplice(text, splice);
        const after = format.parse(next);
        if (!isFailure(after) && lacksOnly(after, next, root, text, indexPath(node))) return back(next);
      }
      return conflict(undo.body, 'surroundings from which it cannot be taken');
    }
    case 'removed': {
      const alike = findAlike(root, undo.place.steps);
      const parent = chooseOurs(undo.place, alike, () => true);
      if (parent === undefined)
        return conflict('the place that it was taken from', describe(alike.map(() => 'a place like it')));
      if (countTwins(text, parent, undo.label, undo.keyed, undo.body) > undo.twins) {
        const twins = parent.children.filter((child) => child.label === undo.label);
        const same = twins.some((child) => text.slice(child.start, child.end) === undo.body);
        return same ? back(text) : conflict('', describe(twins.map((child) => text.slice(child.start, child.end))));
      }
      const point = findGap(text, parent, undo);
      const candidates = [
        point.offset === undefined
          ? undefined
          : { start: point.offset, end: point.offset + undo.after.length, text: undo.before },
        format.insert(text, parent, point.index, undo.body),
      ];
      for (const splice of candidates) {
        if (splice === undefined) continue;
        const next = applySplice(text, splice);
        const after = format.parse(next);
        if (isFailure(after)) continue;
        const path = insertedPath(after, indexPath(parent), splice, undo.label);
        if (path !== undefined && lacksOnly(root, text, after, next, path)) return back(next);
      }
      return conflict('', 'surroundings into which it cannot be put back');
    }
  }
}

/** The path of the child of `label` that lies in an applied splice, below the parent at `parentPath`. */
export function insertedPath(
  root: TextNode,
  parentPath: readonly number[],
  splice: Splice,
  label: string | undefined,
): number[] | undefined {
  let parent: TextNode | undefined = root;
  for (const index of parentPath) parent = parent?.children[index];
  const end = splice.start + splice.text.length;
  const index = (parent?.children ?? []).findIndex(
    (child) => child.start >= splice.start && child.end <= end && (label === undefined || child.label === label),
  );
  return index < 0 ? undefined : [...parentPath, index];
}

function partOf(text: string, node: TextNode, whole: boolean): string {
  return whole ? text.slice(node.start, node.end) : text.slice(node.valueStart, node.valueEnd);
}

function placeOf(root: TextNode, node: TextNode, ours: (node: TextNode) => boolean): Place {
  const steps: Step[] = [];
  for (let at = node; at.parent !== undefined; at = at.parent) {
    const { label, keyed, features } = at;
    const alone = at.parent.children.filter((child) => child.label === label).length === 1;
    steps.unshift({ label, keyed, features, alone });
  }
  const alike = findAlike(root, steps).filter(ours);
  return { steps, ordinal: alike.indexOf(node), total: alike.length };
}

/** The places that fit the steps best, in the text's order; several where nothing tells them apart. */
function findAlike(root: TextNode, steps: readonly Step[]): TextNode[] {
  let found = [{ node: root, score: 0 }];
  for (const step of steps) {
    const deeper: typeof found = [];
    for (const { node, score } of found) {
      const named = node.children.filter((child) => child.label === step.label);
      for (const child of named) {
        const alone = step.alone && named.length === 1;
        const similarity = step.keyed || alone ? 1 : similarityOf(step.features, child.features);
        if (similarity >= LEAST_SIMILARITY) deeper.push({ node: child, score: score + similarity });
      }
    }
    found = deeper;
  }
  const best = found.reduce((most, { score }) => Math.max(most, score), 0);
  return found.filter(({ score }) => best - score < 1e-9).map(({ node }) => node);
}

function similarityOf(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 && b.length === 0) return 1;
  const known = new Set(a);
  return b.filter((feature) => known.has(feature)).length / Math.max(a.length, b.length);
}

/** The one that is ours; undefined where none is, or where it cannot be told which. */
function chooseOurs(place: Place, alike: readonly TextNode[], ours: (node: TextNode) => boolean): TextNode | undefined {
  const mine = alike.filter(ours);
  return mine.length === place.total ? mine[place.ordinal] : undefined;
}

function countTwins(text: string, parent: TextNode, label: string, keyed: boolean, body: string): number {
  return parent.children.filter(
    (child) => child.label === label && (keyed || text.slice(child.start, child.end) === body),
  ).length;
}

/** Where a removed entry belongs: between the neighbours that are left, where the text around fits best. */
function findGap(
  text: string,
  parent: TextNode,
  undo: Extract<EditUndo, { kind: 'removed' }>,
): { readonly offset: number | undefined; readonly index: number } {
  const children = parent.children;
  const resolve = (anchors: readonly Anchor[], expected: (nearness: number) => number) => {
    for (const [nearness, anchor] of anchors.entries()) {
      const named = children.filter((child) => child.label === anchor.label);
      const exact = named.filter((child) => text.startsWith(anchor.text, child.start));
      const like = exact.length > 0 ? exact : named.filter((child) => isLike(child, anchor));
      const there = children[expected(nearness)];
      const chosen =
        children.length === undo.count && there !== undefined && like.includes(there)
          ? there
          : like.length === 1
            ? like[0]
            : undefined;
      if (chosen !== undefined) return { index: children.indexOf(chosen), nearest: nearness === 0 };
    }
    return undefined;
  };
  const previous = resolve(undo.previous, (nearness) => undo.index - 1 - nearness);
  const next = resolve(undo.next, (nearness) => undo.index + nearness);
  const low = previous?.index ?? -1;
  let high = next?.index ?? children.length;
  if (high <= low) high = low + 1;
  // Where every neighbour that was recorded is gone, the entry goes to that side's end of what is left.
  const first = previous === undefined && undo.previous.length > 0 && next !== undefined ? high - 1 : low;
  const last = next === undefined && undo.next.length > 0 && previous !== undefined ? low + 1 : high;

  let best: { offset: number; score: number; index: number } | undefined;
  for (let gap = first; gap < last; gap += 1) {
    const start = children[gap]?.end ?? parent.interiorStart;
    const end = children[gap + 1]?.start ?? parent.interiorEnd;
    const afterNearest = undo.previous.length === 0 ? gap === -1 : previous?.nearest === true && gap === previous.index;
    const beforeNearest =
      undo.next.length === 0 ? gap === children.length - 1 : next?.nearest === true && gap + 1 === next.index;
    for (let at = start; at + undo.after.length <= end; at += 1) {
      if (undo.wholeLines && lineStart(text, at) !== at) {
        const newline = text.indexOf('\n', at);
        if (newline < 0) break;
        at = newline;
        continue;
      }
      if (!text.startsWith(undo.after, at)) continue;
      const lead = commonSuffix(text, start, at, undo.lead);
      const trail = commonPrefix(text, at + undo.after.length, end, undo.trail);
      const whole =
        (afterNearest && lead === undo.lead.length && at - lead === start ? CONTEXT_LIMIT : 0) +
        (beforeNearest && trail === undo.trail.length && at + undo.after.length + trail === end ? CONTEXT_LIMIT : 0);
      const score = lead + trail + whole;
      if (best === undefined || score > best.score) best = { offset: at, score, index: gap + 1 };
    }
  }
  return { offset: best?.offset, index: best?.index ?? low + 1 };
}

function isLike(child: TextNode, anchor: Anchor): boolean {
  return (
    child.keyed || (anchor.features.length > 0 && similarityOf(anchor.features, child.features) >= LEAST_SIMILARITY)
  );
}

function commonSuffix(text: string, from: number, to: number, pattern: string): number {
  let length = 0;
  while (
    length < pattern.length &&
    to - length > from &&
    text[to - 1 - length] === pattern[pattern.length - 1 - length]
  ) {
    length += 1;
  }
  return length;
}

function commonPrefix(text: string, from: number, to: number, pattern: string): number {
  let length = 0;
  while (length < pattern.length && from + length < to && text[from + length] === pattern[length]) length += 1;
  return length;
}

function describe(texts: readonly string[]): string {
  return texts.length === 1
    ? (texts[0] as string)
    : texts.length === 0
      ? ''
      : `${texts.length} places: ${texts.join(' | ')}`;
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
