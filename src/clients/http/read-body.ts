import { isUtf8 } from 'node:buffer';
import pLimit from 'p-limit';

/** An answer is read up to this many bytes, after decompression, where a call does not name its own limit. */
export const answerBytesMax = 10 * 1024 * 1024;

/** An error body longer than this is not read: codes and message need far less. */
export const errorBodyBytesMax = 64 * 1024;

/** An answer longer than this is read on only while few others are: a hundred at once must not fill the memory. */
const longAnswerBytes = 1024 * 1024;
const longAnswersAtOnce = 4;
const longAnswers = pLimit(longAnswersAtOnce);

/** The answer is longer than the limit of its call. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** The answer's bytes are not UTF-8. */
export class BodyNotText extends Error {
  override readonly name = 'BodyNotText';
}

/**
 * Reads a body as UTF-8 text, counting decompressed bytes as they stream in and stopping at the limit: neither a long
 * body nor a decompression bomb can fill the memory. Of long ones, a few are read at a time; the others wait, within the
 * time-out of their request.
 *
 * @throws BodyTooLarge, BodyNotText, or the error of the stream
 */
export async function readBody(response: Response, bytesMax: number = answerBytesMax): Promise<string> {
  if (response.body === null) return '';
  const body = new BodyReader(response.body, bytesMax);
  try {
    if (await body.readUpTo(longAnswerBytes)) return body.text();
    return await longAnswers(async () => {
      await body.readUpTo(Infinity);
      return body.text();
    });
  } finally {
    // An error leaves the stream unread: canceling it releases the connection.
    await body.release();
  }
}

class BodyReader {
  private readonly chunks: Uint8Array[] = [];
  private bytes = 0;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(
    stream: ReadableStream<Uint8Array>,
    private readonly bytesMax: number,
  ) {
    this.reader = stream.getReader();
  }

  /** Reads until the end or until more than `bytes` have come; answers whether it was the end. */
  async readUpTo(bytes: number): Promise<boolean> {
    while (this.bytes <= bytes) {
      const { done, value } = await this.reader.read();
      if (done) return true;
      this.bytes += value.byteLength;
      if (this.bytes > this.bytesMax) throw new BodyTooLarge('the answer is too large');
      this.chunks.push(value);
    }
    return false;
  }

  text(): string {
    const body = Buffer.concat(this.chunks);
    if (!isUtf8(body)) throw new BodyNotText('the answer is not UTF-8');
    return body.toString('utf8');
  }

  async release(): Promise<void> {
    await this.reader.cancel().catch(() => undefined);
  }
}

/** Releases the connection without reading the rest. */
export async function discardBody(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // Already closed.
  }
}
