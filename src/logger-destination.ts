import { constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** What becomes of the log lines of a process. */
export interface LogState {
  /** Lines that were not written since the process began. */
  readonly droppedTotal: number;
  /** Why lines are dropped at present, as the system's error code: `ENOSPC`, `EPIPE`, `EAGAIN` (nobody reads). Else null. */
  readonly failure: string | null;
}

/** Where a process writes its log lines. A line that cannot be written neither stops nor delays the process. */
export interface LogDestination {
  /** One whole line, with its line break. */
  write(line: string): void;
  state(): LogState;
  /** Gives a slow reader a short time for the lines that wait: for the end of a process. */
  flush(): void;
}

export interface LogDestinationInput {
  /** Writes some of the bytes and returns how many, as `fs.writeSync` does. It must not wait. */
  readonly write: (bytes: Uint8Array) => number;
  /** The line that reports dropped lines, once lines can be written again. */
  readonly describeDropped: (dropped: DroppedLines) => string;
}

export interface DroppedLines {
  readonly count: number;
  /** The system's error code. */
  readonly failure: string;
}

/** Bytes of lines that wait for a slow reader: a burst of a thousand lines. A pipe itself holds 64 KB. */
const waitingBytesMax = 256_000;
/** A reader that is only slow has read a part of the pipe by then. */
const slowReaderRetryMs = 50;
/** A full disk is tried this often, so that its end is noticed although no new line comes. */
const failureRetryMs = 1_000;
/** For the end of a process: longer than a reader that reads needs for all lines that may wait. */
const flushMaxMs = 500;
const flushPauseMs = 10;

/**
 * Writes lines at once. While the reader of a pipe is slow (`EAGAIN`) lines wait, up to a limit; beyond it, and on every
 * other failure, they are dropped and counted. A line of which the system took only a part is completed first: no reader
 * sees half a line followed by another.
 */
export function createLogDestination(input: LogDestinationInput): LogDestination {
  const waiting = createWaitingLines(input.write);
  let dropped: { count: number; failure: string } | null = null;
  let droppedTotal = 0;
  let failure: string | null = null;
  let retry: NodeJS.Timeout | undefined;

  const drop = (count: number, code: string): void => {
    failure = code;
    droppedTotal += count;
    if (count > 0) dropped = { count: (dropped?.count ?? 0) + count, failure: code };
  };
  /** Writes the lines that wait, then the number of dropped ones. @returns the code of what prevents it, or null */
  const writeWaiting = (): string | null => {
    try {
      waiting.write();
      if (dropped === null) return null;
      // Not among the waiting lines before a part of it was written: as one of them it could be dropped.
      const report = Buffer.from(input.describeDropped(dropped));
      const written = input.write(report);
      dropped = null;
      waiting.addRest(report.subarray(written));
      waiting.write();
      return null;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unknown';
    }
  };
  const attempt = (): string | null => {
    clearTimeout(retry);
    const code = writeWaiting();
    if (code === null) failure = null;
    else {
      if (code !== 'EAGAIN') drop(waiting.removeWholeLines(), code);
      retry = setTimeout(attempt, code === 'EAGAIN' ? slowReaderRetryMs : failureRetryMs).unref();
    }
    return code;
  };
  return {
    write: (line) => {
      const bytes = Buffer.from(line);
      const code = waiting.bytes() === 0 && dropped === null ? null : attempt();
      const mayWait = code === null || (code === 'EAGAIN' && dropped === null);
      if (!mayWait || waiting.bytes() + bytes.length > waitingBytesMax) return drop(1, code ?? 'EAGAIN');
      waiting.add(bytes);
      if (code === null) attempt();
    },
    state: () => ({ droppedTotal, failure }),
    flush: () => {
      const deadline = performance.now() + flushMaxMs;
      while (waiting.bytes() > 0 && attempt() === 'EAGAIN' && performance.now() < deadline)
        pause(flushPauseMs);
    },
  };
}

/** Lines in their order; the first may be the rest of a line whose beginning was written. */
function createWaitingLines(write: LogDestinationInput['write']) {
  let lines: Buffer[] = [];
  let restIsFirst = false;
  return {
    bytes: (): number => lines.reduce((sum, line) => sum + line.length, 0),
    add: (line: Buffer): void => void lines.push(line),
    /** Only when no line waits. */
    addRest: (rest: Buffer): void => {
      restIsFirst = rest.length > 0;
      if (restIsFirst) lines.push(rest);
    },
    /** @throws the system's error; the lines that were not written wait on */
    write: (): void => {
      for (let first = lines[0]; first !== undefined; first = lines[0]) {
        const written = write(first);
        restIsFirst = written < first.length;
        if (restIsFirst) lines[0] = first.subarray(written);
        else lines.shift();
      }
    },
    /** All but the rest of a line. @returns how many */
    removeWholeLines: (): number => {
      const kept = restIsFirst ? lines.slice(0, 1) : [];
      const removed = lines.length - kept.length;
      lines = kept;
      return removed;
    },
  };
}

/**
 * Writes to the standard output without ever waiting for its reader: a pipe or socket that nobody reads and a paused
 * terminal answer `EAGAIN`. Also keeps what others write to the two standard streams from waiting, and from ending the
 * process: libraries and Node itself write to stderr.
 */
export function writerToStandardOutput(): (bytes: Uint8Array) => number {
  // Node makes a pipe or a socket non-blocking when it makes its stream, which is at the first use.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const descriptor = ownDescriptor(process.stdout.fd);
  return (bytes) => writeSync(descriptor, bytes);
}

/** A terminal is shared with the shell, which cannot work with a non-blocking one: so it is opened once more. */
function ownDescriptor(fd: number): number {
  if (!isatty(fd)) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
