import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A standard output on which a process cannot write as it wishes. */
export interface Output {
  /** For `stdio` of a process. */
  readonly fd: number;
  /** Everything that was written and is still there. */
  read(): string;
  close(): void;
}

/** As on a disk without space. */
export function openFullOutput(): Output {
  const fd = openSync('/dev/full', 'w');
  return { fd, read: () => '', close: () => closeSync(fd) };
}

/** A pipe that nobody reads until `read` is called. */
export function openUnreadPipe(): Output {
  const { folder, path } = makePipe();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  return {
    fd,
    read: () => readAll(reader),
    close: () => {
      closeSync(reader);
      closeSync(fd);
      rmSync(folder, { recursive: true });
    },
  };
}

/** A pipe whose reader has ended. */
export function openClosedPipe(): Output {
  const { folder, path } = makePipe();
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  closeSync(reader);
  rmSync(folder, { recursive: true });
  return { fd, read: () => '', close: () => closeSync(fd) };
}

function makePipe(): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bankfeeds-output-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  return { folder, path };
}

function readAll(reader: number): string {
  const buffer = Buffer.alloc(1_000_000);
  let text = '';
  for (;;) {
    try {
      const count = readSync(reader, buffer);
      if (count === 0) return text;
      text += buffer.toString('utf8', 0, count);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text;
      throw error;
    }
  }
}
