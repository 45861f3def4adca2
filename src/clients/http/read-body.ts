import { isUtf8 } from 'node:buffer';

/** An answer is read up to this many bytes, after decompression; the longest regular page of a list is under 1 MB. */
export const answerBytesMax = 10 * 1024 * 1024;

/** An error body longer than this is not read: codes and message need far less. */
export const errorBodyBytesMax = 64 * 1024;

/** The answer is longer than `answerBytesMax`. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** The answer's bytes are not UTF-8. */
export class BodyNotText extends Error {
  override readonly name = 'BodyNotText';
}

/**
 * Reads a body as UTF-8 text, counting decompressed bytes as they stream in and stopping at the limit: neither a long
 * body nor a decompression bomb can fill the memory.
 *
 * @throws BodyTooLarge, BodyNotText, or the error of the stream
 */
export async function readBody(response: Response, bytesMax: number = answerBytesMax): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop by an error cancels the stream, and with it the connection.
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new BodyTooLarge('the answer is too large');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!isUtf8(body)) throw new BodyNotText('the answer is not UTF-8');
  return body.toString('utf8');
}

/** Releases the connection without reading the rest. */
export async function discardBody(response: Response): Promise<void> {
  try {
    await response.body?.cancel();
  } catch {
    // Already closed.
  }
}
