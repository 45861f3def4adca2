import { describe, expect, test } from 'vitest';
import { createTerminal, printable, table } from '../../src/cli/terminal.js';

function streams(isTTY: boolean) {
  const written: string[] = [];
  return { stream: { isTTY, write: (text: string) => written.push(text) }, written };
}

describe('the terminal of a command', () => {
  test('colors appear in a terminal only, and not where NO_COLOR or a dumb terminal asks for none', () => {
    const paint = (isTTY: boolean, environment: Record<string, string> = {}) => {
      const { stream } = streams(isTTY);
      return createTerminal({ stdout: stream, stderr: stream, environment }).paint('red', 'failed');
    };
    expect(paint(true)).toBe('\u001b[31mfailed\u001b[39m');
    expect(paint(false)).toBe('failed');
    expect(paint(true, { NO_COLOR: '1' })).toBe('failed');
    expect(paint(true, { TERM: 'dumb' })).toBe('failed');
  });

  test('progress is written to a watched stderr only, and removed before the next line', () => {
    for (const isTTY of [true, false]) {
      const stdout = streams(isTTY);
      const stderr = streams(isTTY);
      const terminal = createTerminal({ stdout: stdout.stream, stderr: stderr.stream, environment: {} });
      terminal.progress('checked 1/2');
      terminal.print('result');
      terminal.progress('');
      expect(stdout.written).toEqual(['result\n']);
      expect(stderr.written).toEqual(isTTY ? ['checked 1/2', '\r\u001b[K'] : []);
    }
  });

  test('columns are as wide as their widest value', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['long value', 'x'],
          ['y', ''],
        ],
      ),
    ).toEqual(['A           B', 'long value  x', 'y']);
  });

  test('text of other systems cannot move the cursor', () => {
    expect(printable('a\u001b[2Jb\r\nc\u009bd')).toBe('a\uFFFD[2Jb\uFFFD\uFFFDc\uFFFDd');
  });
});
