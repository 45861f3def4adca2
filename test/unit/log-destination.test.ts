import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogDestination } from '../../src/logger-destination.js';

/** Takes bytes until `room` is used up, then fails with `failure`, as a small disk or a pipe does. */
function createOutput(room: number, failure: string) {
  const output = { text: '', room, failure, tries: 0 };
  const write = (bytes: Uint8Array): number => {
    output.tries += 1;
    if (output.room === 0) throw Object.assign(new Error(output.failure), { code: output.failure });
    const written = Math.min(output.room, bytes.length);
    output.text += Buffer.from(bytes.subarray(0, written)).toString();
    output.room -= written;
    return written;
  };
  const destination = createLogDestination({
    write,
    describeDropped: ({ count, failure: code }) => `${count} dropped ${code}\n`,
  });
  return { output, destination };
}

const waitingMax = 256_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the destination of log lines', () => {
  it('writes each line at once while there is room', () => {
    const { output, destination } = createOutput(100, 'ENOSPC');
    destination.write('one\n');
    expect(output.text).toBe('one\n');
    expect(destination.state()).toEqual({ droppedTotal: 0, failure: null });
  });

  it.each(['ENOSPC', 'EPIPE', 'EIO'])(
    'drops and counts lines on %s, and reports it when it can write again',
    (code) => {
      const { output, destination } = createOutput(0, code);
      destination.write('one\n');
      destination.write('two\n');
      expect(destination.state()).toEqual({ droppedTotal: 2, failure: code });
      output.room = 1_000;
      destination.write('three\n');
      expect(output.text).toBe(`2 dropped ${code}\nthree\n`);
      expect(destination.state()).toEqual({ droppedTotal: 2, failure: null });
    },
  );

  it('reports dropped lines although no further line comes', () => {
    const { output, destination } = createOutput(0, 'ENOSPC');
    destination.write('one\n');
    vi.advanceTimersByTime(1_000);
    expect(destination.state().failure).toBe('ENOSPC');
    output.room = 1_000;
    vi.advanceTimersByTime(1_000);
    expect(output.text).toBe('1 dropped ENOSPC\n');
    expect(destination.state()).toEqual({ droppedTotal: 1, failure: null });
  });

  it('completes a line of which a full disk took only the beginning, before anything else', () => {
    const { output, destination } = createOutput(6, 'ENOSPC');
    destination.write('one\n');
    destination.write('two\n');
    destination.write('three\n');
    expect(output.text).toBe('one\ntw');
    expect(destination.state()).toEqual({ droppedTotal: 1, failure: 'ENOSPC' });
    output.room = 5;
    vi.advanceTimersByTime(1_000);
    expect(output.text).toBe('one\ntwo\n1 d');
    output.room = 1_000;
    destination.write('four\n');
    expect(output.text).toBe('one\ntwo\n1 dropped ENOSPC\nfour\n');
  });

  it('counts a report that could not be written with the lines of the next one', () => {
    const { output, destination } = createOutput(0, 'ENOSPC');
    destination.write('one\n');
    vi.advanceTimersByTime(5_000);
    destination.write('two\n');
    output.room = 1_000;
    vi.advanceTimersByTime(1_000);
    expect(output.text).toBe('2 dropped ENOSPC\n');
  });

  it('keeps lines for a slow reader, and writes all of them in order', () => {
    const { output, destination } = createOutput(6, 'EAGAIN');
    for (const line of ['one\n', 'two\n', 'three\n']) destination.write(line);
    expect(destination.state()).toEqual({ droppedTotal: 0, failure: null });
    output.room = 1_000;
    vi.advanceTimersByTime(50);
    expect(output.text).toBe('one\ntwo\nthree\n');
  });

  it.each([
    { lines: 256, droppedTotal: 0, failure: null },
    { lines: 257, droppedTotal: 1, failure: 'EAGAIN' },
  ])('of $lines KB for a reader that does not read it drops $droppedTotal lines', ({ lines, ...state }) => {
    const { output, destination } = createOutput(0, 'EAGAIN');
    const line = `${'x'.repeat(999)}\n`;
    for (let count = 0; count < lines; count += 1) destination.write(line);
    expect(destination.state()).toEqual(state);
    output.room = 1_000_000;
    vi.advanceTimersByTime(50);
    const report = state.droppedTotal === 0 ? '' : '1 dropped EAGAIN\n';
    expect(output.text.length).toBe(waitingMax + report.length);
    expect(output.text.endsWith(report)).toBe(true);
    expect(destination.state()).toEqual({ ...state, failure: null });
  });

  it('after dropped lines takes no line before it has reported them, so that the order stays', () => {
    const { output, destination } = createOutput(0, 'EAGAIN');
    const line = `${'x'.repeat(9_999)}\n`;
    for (let count = 0; count < 26; count += 1) destination.write(line);
    expect(destination.state().droppedTotal).toBe(1);
    output.room = 10_000;
    destination.write('next\n');
    expect(destination.state().droppedTotal).toBe(2);
    output.room = 1_000_000;
    destination.write('last\n');
    expect(output.text.endsWith('x\n2 dropped EAGAIN\nlast\n')).toBe(true);
  });

  it('at the end of the process waits for a slow reader, but not long, and not for a full disk', () => {
    vi.useRealTimers();
    const slow = createOutput(2, 'EAGAIN');
    slow.destination.write('one\n');
    const beganMs = performance.now();
    slow.destination.flush();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect(slow.output.tries).toBeGreaterThan(3);
    const full = createOutput(2, 'ENOSPC');
    full.destination.write('one\n');
    const { tries } = full.output;
    full.destination.flush();
    expect(full.output.tries).toBe(tries + 1);
  });
});
