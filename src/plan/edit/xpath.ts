// The part of XPath 1.0 that edits of XML need: absolute paths of child and descendant steps, name tests with prefixes,
// `*`, and the predicates [2], [last()], [@a], [@a='x'], [child='x'], [.='x'], [text()='x']. docs/edits.md. Pure.

/** Undefined in `prefix` means: no prefix was written. */
export interface NameTest {
  readonly prefix: string | undefined;
  /** `*` is any name. */
  readonly local: string;
}

export type Predicate =
  | { readonly kind: 'position'; readonly position: number }
  | { readonly kind: 'last' }
  | { readonly kind: 'attribute'; readonly name: NameTest; readonly value: string | undefined }
  | { readonly kind: 'child'; readonly name: NameTest; readonly value: string | undefined }
  | { readonly kind: 'text'; readonly value: string };

export interface XPathStep {
  /** Preceded by `//`. */
  readonly deep: boolean;
  readonly name: NameTest;
  readonly predicates: readonly Predicate[];
}

export interface XPath {
  readonly steps: readonly XPathStep[];
  /** What the last step picks of the element. */
  readonly part: 'element' | 'text' | { readonly attribute: NameTest };
}

const NAME = /^(?:([\p{L}_][\p{L}\p{N}_.-]*):)?(\*|[\p{L}_][\p{L}\p{N}_.-]*)/u;

/** Undefined for what is not of this part of XPath. */
export function parseXPath(source: string): XPath | undefined {
  let rest = source.trim();
  const steps: XPathStep[] = [];
  const skip = (length: number) => {
    rest = rest.slice(length).trimStart();
  };
  const readName = (): NameTest | undefined => {
    const match = NAME.exec(rest);
    if (match === null) return undefined;
    skip(match[0].length);
    return { prefix: match[1], local: match[2] as string };
  };
  const readLiteral = (): string | undefined => {
    const match = /^(?:'([^']*)'|"([^"]*)")/.exec(rest);
    if (match === null) return undefined;
    skip(match[0].length);
    return match[1] ?? match[2];
  };
  const readEquals = (): { readonly value: string | undefined } | undefined => {
    if (!rest.startsWith('=')) return { value: undefined };
    skip(1);
    const value = readLiteral();
    return value === undefined ? undefined : { value };
  };
  const readPredicate = (): Predicate | undefined => {
    const position = /^[1-9]\d{0,8}(?=\s*\])/.exec(rest)?.[0];
    if (position !== undefined) {
      skip(position.length);
      return { kind: 'position', position: Number(position) };
    }
    const last = /^last\s*\(\s*\)/.exec(rest)?.[0];
    if (last !== undefined) {
      skip(last.length);
      return { kind: 'last' };
    }
    const self = /^(?:\.|text\s*\(\s*\))/.exec(rest)?.[0];
    if (self !== undefined) {
      skip(self.length);
      const test = readEquals();
      return test?.value === undefined ? undefined : { kind: 'text', value: test.value };
    }
    const kind = rest.startsWith('@') ? 'attribute' : 'child';
    if (kind === 'attribute') skip(1);
    const name = readName();
    const test = name === undefined ? undefined : readEquals();
    return name === undefined || test === undefined ? undefined : { kind, name, value: test.value };
  };

  while (rest !== '') {
    const slashes = /^\/\/?/.exec(rest)?.[0];
    if (slashes === undefined) return undefined;
    skip(slashes.length);
    if (rest.startsWith('@')) {
      skip(1);
      const attribute = readName();
      const misplaced = slashes === '//' || steps.length === 0 || rest !== '';
      return attribute === undefined || attribute.local === '*' || misplaced
        ? undefined
        : { steps, part: { attribute } };
    }
    if (/^text\s*\(\s*\)$/.test(rest))
      return slashes === '//' || steps.length === 0 ? undefined : { steps, part: 'text' };
    const name = readName();
    if (name === undefined) return undefined;
    const predicates: Predicate[] = [];
    while (rest.startsWith('[')) {
      skip(1);
      const predicate = readPredicate();
      if (predicate === undefined || !rest.startsWith(']')) return undefined;
      skip(1);
      predicates.push(predicate);
    }
    steps.push({ deep: slashes === '//', name, predicates });
  }
  return steps.length === 0 ? undefined : { steps, part: 'element' };
}
