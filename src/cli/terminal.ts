import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command writes, and whether a person reads it there. */
export interface Terminal {
  /** The result. */
  print(line: string): void;
  /** Progress and errors. */
  note(line: string): void;
  /** A line of progress that the next one replaces; nothing where no person watches. Empty: remove it. */
  progress(text: string): void;
  /** Colors in a terminal only, and not where NO_COLOR asks for none. */
  paint(style: Style, text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Clears the line and returns to its begin. */
const clearLine = '\r\u001b[K';

export function createTerminal(input: {
  stdout: Stream;
  stderr: Stream;
  environment: Readonly<Record<string, string | undefined>>;
}): Terminal {
  const { stdout, stderr, environment } = input;
  const isDumb = environment['TERM'] === 'dumb';
  const colors = stdout.isTTY === true && !environment['NO_COLOR'] && !isDumb;
  const watched = stderr.isTTY === true && !isDumb;
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write(clearLine);
    shown = false;
  };
  return {
    print: (line) => {
      clear();
      stdout.write(`${line}\n`);
    },
    note: (line) => {
      clear();
      stderr.write(`${line}\n`);
    },
    progress: (text) => {
      clear();
      if (!watched || text === '') return;
      stderr.write(text);
      shown = true;
    },
    paint: (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** Rows under their titles, in columns as wide as their widest value. Widths count characters. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [titles, ...rows].map((row) => row.map(printable));
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((value, column) => value.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Text of other systems, without the characters that move a terminal's cursor or change its colors. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\uFFFD');
}
