import { randomUUID } from 'node:crypto';
import { amountLengthMax, InexactNumber, jsonNumberDigitsMax, significantDigits } from '../domain/money.js';

/** Each one needs an object of its own: more than a call of any size has by mistake, and far from filling the memory. */
const inexactNumbersMax = 100_000;
/** Nesting of objects and lists; our bodies need four levels. */
const depthMax = 16;

export type JsonResult =
  | { readonly value: unknown }
  | {
      readonly problem: 'malformed' | 'name_twice' | 'too_deep' | 'inexact_numbers';
      readonly detail: string;
    };

/**
 * Reads a JSON text more strictly than `JSON.parse`, which keeps the last of two equal names and rounds long numbers,
 * both silently. A name that occurs twice in one object is refused. A number that a double does not carry (more
 * significant digits, or too small or too large) is read as an {@link InexactNumber} with its text, which
 * every field refuses: never as the nearest double.
 */
export function parseJson(text: string): JsonResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: 'malformed', detail: `is not valid JSON${positionOf(error, text)}` };
  }
  const scan = scanText(text);
  if (scan.inexact.length > inexactNumbersMax) {
    const detail = `has more than ${inexactNumbersMax} numbers that cannot be read exactly: write amounts as strings`;
    return { problem: 'inexact_numbers', detail };
  }
  if (scan.inexact.length > 0) value = parseInexact(text, scan.inexact);
  const count = countNames(value);
  if (count === null) return { problem: 'too_deep', detail: `is nested deeper than ${depthMax} levels` };
  if (count !== scan.names) {
    return {
      problem: 'name_twice',
      detail: `has a name that occurs twice in one object${findRepeated(text)}`,
    };
  }
  return { value };
}

interface Scan {
  /** Members written in the text, whether or not a later one replaced them. */
  readonly names: number;
  /** Start and end of numbers that a double does not carry. */
  readonly inexact: readonly (readonly [number, number])[];
}

/** `1e400`: no shorter number is too small or too large for a double. */
const exponentGapMin = 5;
/** Doubles beyond these bounds lose digits, become zero or infinite. */
const magnitudeMin = 1e-300;
const magnitudeMax = 1e300;

/** Steps from string to string; only numbers and punctuation are in between. The text is valid JSON. */
function scanText(text: string): Scan {
  const inexact: [number, number][] = [];
  let names = 0;
  let position = 0;
  for (;;) {
    const open = text.indexOf('"', position);
    const gapEnd = open < 0 ? text.length : open;
    const gap = gapEnd - position;
    if (gap > jsonNumberDigitsMax || (gap >= exponentGapMin && hasExponent(text, position, gapEnd))) {
      collectInexact(text, position, gapEnd, inexact);
    }
    if (open < 0 || inexact.length > inexactNumbersMax) return { names, inexact };
    position = endOfString(text, open);
    if (nextCharacter(text, position) === ':') names += 1;
  }
}

/** True for `true` and `false` as well, which costs a little time and nothing else. */
function hasExponent(text: string, start: number, end: number): boolean {
  for (let position = start; position < end; position += 1) {
    const character = text[position];
    if (character === 'e' || character === 'E') return true;
  }
  return false;
}

function collectInexact(text: string, start: number, end: number, into: [number, number][]): void {
  for (const match of text.slice(start, end).matchAll(/(-?\d[\d.]*)(?:[eE][+-]?\d+)?/g)) {
    if (isExact(match[0], match[1] ?? '')) continue;
    into.push([start + match.index, start + match.index + match[0].length]);
    if (into.length > inexactNumbersMax) return;
  }
}

/** Up to 15 significant digits a decimal is the shortest text of the double nearest to it, which gives it back. */
function isExact(number: string, mantissa: string): boolean {
  if (number.length > amountLengthMax) return false;
  const digits = significantDigits(mantissa);
  if (digits === 0 || digits > jsonNumberDigitsMax) return digits === 0;
  const magnitude = Math.abs(Number(number));
  return magnitude > magnitudeMin && magnitude < magnitudeMax;
}

/** Parses with a marker in place of each such number, then puts the number's text in place of the marker. */
function parseInexact(text: string, ranges: Scan['inexact']): unknown {
  // A private-use character and a random part: no text of a caller is taken for a marker.
  const marker = `\uE000${randomUUID()}:`;
  const texts = ranges.map(([start, end]) => text.slice(start, end));
  let marked = '';
  let position = 0;
  ranges.forEach(([start, end], index) => {
    marked += `${text.slice(position, start)}"${marker}${index}"`;
    position = end;
  });
  return withInexactNumbers(JSON.parse(marked + text.slice(position)), (value) =>
    typeof value === 'string' && value.startsWith(marker)
      ? new InexactNumber(texts[Number(value.slice(marker.length))] ?? '')
      : value,
  );
}

/** Not recursive: a text may be nested deeper than the stack, and is refused for that only afterwards. */
function withInexactNumbers(value: unknown, replace: (value: unknown) => unknown): unknown {
  const root = { value };
  const open: object[] = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const [name, inner] of Object.entries(next) as [string, unknown][]) {
      const replaced = replace(inner);
      // Never assigned: `__proto__` is a name like any other here.
      if (replaced !== inner) Object.defineProperty(next, name, { value: replaced });
      else if (typeof inner === 'object' && inner !== null) open.push(inner);
    }
  }
  return root.value;
}

/** The position after the closing quote of the string that opens at `open`. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close + 1;
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0;
  while (text[position - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

function nextCharacter(text: string, from: number): string | undefined {
  let position = from;
  while (text.charCodeAt(position) <= 0x20) position += 1;
  return text[position];
}

/** Members of all objects in a value; null when it is nested too deep. */
function countNames(value: unknown): number | null {
  let names = 0;
  const open: { value: object; depth: number }[] = [];
  const visit = (inner: unknown, depth: number) => {
    const isContainer = typeof inner === 'object' && inner !== null && !(inner instanceof InexactNumber);
    if (isContainer) open.push({ value: inner, depth });
  };
  visit(value, 1);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.depth > depthMax) return null;
    const inner = Object.values(next.value) as unknown[];
    if (!Array.isArray(next.value)) names += inner.length;
    for (const item of inner) visit(item, next.depth + 1);
  }
  return names;
}

/** The position of the first repeated name. Runs only when there is one, so it need not be fast. */
function findRepeated(text: string): string {
  const open: (Set<string> | null)[] = [];
  let position = 0;
  while (position < text.length) {
    const character = text[position];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    if (character !== '"') {
      position += 1;
      continue;
    }
    const end = endOfString(text, position);
    const names = open.at(-1);
    if (nextCharacter(text, end) === ':' && names) {
      const name = JSON.parse(text.slice(position, end)) as string;
      if (names.has(name)) return lineAndColumn(text, position);
      names.add(name);
    }
    position = end;
  }
  return '';
}

/** V8 names the position in its message; the rest of the message quotes the text and is not passed on. */
function positionOf(error: unknown, text: string): string {
  const match = /at position (\d+)/.exec(error instanceof Error ? error.message : '');
  return match === null ? lineAndColumn(text, text.length) : lineAndColumn(text, Number(match[1]));
}

function lineAndColumn(text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}
