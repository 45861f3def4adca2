import { jsonNumberDigitsMax, significantDigits } from '../domain/money.js';

/** Nesting of objects and lists; our bodies need four levels. */
const depthMax = 16;

export type JsonResult =
  | { readonly value: unknown }
  | { readonly problem: 'malformed' | 'name_twice' | 'too_deep'; readonly detail: string };

/**
 * Reads a JSON text more strictly than `JSON.parse`, which keeps the last of two equal names and rounds long numbers,
 * both silently. A name that occurs twice in one object is refused. A number of more significant digits than a
 * double carries is read as 10^300, which every field refuses as too long: never as the nearest double.
 */
export function parseJson(text: string): JsonResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: 'malformed', detail: `is not valid JSON${positionOf(error, text)}` };
  }
  const scan = scanText(text);
  if (scan.longNumbers.length > 0) value = JSON.parse(withoutLongNumbers(text, scan.longNumbers));
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
  /** Start and end of numbers with too many digits. */
  readonly longNumbers: readonly (readonly [number, number])[];
}

/** Steps from string to string; only numbers and punctuation are in between. The text is valid JSON. */
function scanText(text: string): Scan {
  const longNumbers: [number, number][] = [];
  let names = 0;
  let position = 0;
  for (;;) {
    const open = text.indexOf('"', position);
    const gapEnd = open < 0 ? text.length : open;
    if (gapEnd - position > jsonNumberDigitsMax) collectLongNumbers(text, position, gapEnd, longNumbers);
    if (open < 0) return { names, longNumbers };
    position = endOfString(text, open);
    if (nextCharacter(text, position) === ':') names += 1;
  }
}

function collectLongNumbers(text: string, start: number, end: number, into: [number, number][]): void {
  for (const match of text.slice(start, end).matchAll(/(-?\d[\d.]*)(?:[eE][+-]?\d+)?/g)) {
    if (significantDigits(match[1] ?? '') <= jsonNumberDigitsMax) continue;
    into.push([start + match.index, start + match.index + match[0].length]);
  }
}

function withoutLongNumbers(text: string, ranges: Scan['longNumbers']): string {
  let result = '';
  let position = 0;
  for (const [start, end] of ranges) {
    result += `${text.slice(position, start)}1e300`;
    position = end;
  }
  return result + text.slice(position);
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
    if (typeof inner === 'object' && inner !== null) open.push({ value: inner, depth });
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
