/** A line longer than this is rejected; a posting with the longest texts has about 15 KB. */
export const ndjsonLineBytesMax = 64 * 1024;

/** One line without its line feed, or the note that it was too long to be kept. */
export type NdjsonLine = Buffer | 'too_long';

const lineFeed = 0x0a;

/**
 * Splits a stream into lines. Memory is bounded whatever their length, since nothing is kept of a line that is too long.
 * The last line needs no line feed.
 */
export async function* ndjsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<NdjsonLine> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const take = (): NdjsonLine => {
    const line = bytes > ndjsonLineBytesMax ? 'too_long' : Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(lineFeed, start);
      const part = chunk.subarray(start, end < 0 ? chunk.length : end);
      bytes += part.length;
      if (bytes > ndjsonLineBytesMax) parts = [];
      else parts.push(part);
      if (end < 0) break;
      yield take();
      start = end + 1;
    }
  }
  if (bytes > 0) yield take();
}
