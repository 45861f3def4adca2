import {
  closeSync,
  createReadStream,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { jsonText } from './json-text.js';

const newline = 0x0a;

/**
 * An append-only file of JSON lines. append() returns after the write to the operating system, so a killed process
 * loses no acknowledged change. A crash of the machine may lose some: a sandbox does not fsync.
 */
export class Journal<Event> {
  readonly #fd: number;
  #bytes: number;

  private constructor(fd: number, bytes: number) {
    this.#fd = fd;
    this.#bytes = bytes;
  }

  /**
   * Replays `path` into `apply` and opens it for appending. An incomplete last line (no newline: the process was killed
   * while writing) was never acknowledged and is removed.
   * @throws Error naming the line when a complete line is not JSON: the file is damaged, and a start would lose data.
   */
  static async open<Event>(path: string, apply: (event: Event) => void): Promise<Journal<Event>> {
    mkdirSync(dirname(path), { recursive: true });
    const goodBytes = existsSync(path) ? await replay(path, (event) => apply(event as Event)) : 0;
    if (existsSync(path) && statSync(path).size > goodBytes) truncateSync(path, goodBytes);
    return new Journal<Event>(openSync(path, 'a'), goodBytes);
  }

  /** @throws the file system's error, after truncating the file to the last complete line. */
  append(event: Event): void {
    const line = Buffer.from(`${jsonText(event)}\n`);
    try {
      let written = 0;
      while (written < line.length) written += writeSync(this.#fd, line, written);
    } catch (error) {
      ftruncateSync(this.#fd, this.#bytes);
      throw error;
    }
    this.#bytes += line.length;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Returns the length in bytes of the whole lines. */
async function replay(path: string, apply: (event: unknown) => void): Promise<number> {
  let rest: Buffer[] = [];
  let goodBytes = 0;
  let lineNumber = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      start = end + 1;
      lineNumber += 1;
      goodBytes += line.length + 1;
      apply(parseLine(line, path, lineNumber));
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  return goodBytes;
}

function parseLine(line: Buffer, path: string, lineNumber: number): unknown {
  try {
    return JSON.parse(line.toString('utf8')) as unknown;
  } catch (error) {
    throw new Error(`${path} is damaged at line ${lineNumber}; move it away to begin again`, {
      cause: error,
    });
  }
}
