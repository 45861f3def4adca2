import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.js';

/** A body is given up when no byte arrives for this long. */
export const bodyIdleMaxMs = 30_000;

/** Accepts unencoded bodies only, which excludes gzip bombs. @throws {Problem} 415 */
export function refuseEncodedBody(request: IncomingMessage): void {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new Problem({
    status: 415,
    code: 'unsupported_encoding',
    detail: 'send the body without Content-Encoding',
  });
}

/** The media type without parameters, in lower case; a charset other than UTF-8 is refused. */
export function mediaTypeOf(request: IncomingMessage): string {
  const [type, ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset === undefined || charset === 'utf-8' || charset === 'utf8') continue;
    throw new Problem({ status: 415, code: 'unsupported_charset', detail: 'the body must be UTF-8' });
  }
  return (type ?? '').trim();
}

/**
 * The body's chunks as they arrive. Leaving the loop early keeps the connection open, so that an answer can be sent.
 * @throws {Problem} 408 when nothing comes for {@link bodyIdleMaxMs}
 */
export async function* bodyChunks(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  const iterator = request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  try {
    for (;;) {
      const next = await withIdleLimit(iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Releases the stream, so that Node discards the rest of the body; after an idle time it would wait for ever.
    void iterator.return?.();
  }
}

async function withIdleLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new Problem({
          status: 408,
          code: 'body_idle',
          detail: 'the body stopped arriving before its end',
          headers: { Connection: 'close' },
        }),
      );
    }, bodyIdleMaxMs);
  });
  try {
    return await Promise.race([work, idle]);
  } finally {
    clearTimeout(timer);
  }
}

/** The whole body, at most `bytesMax`. @throws {Problem} 413, 415, 408 */
export async function readBody(request: IncomingMessage, input: { bytesMax: number }): Promise<Buffer> {
  refuseEncodedBody(request);
  const tooLarge = () =>
    new Problem({
      status: 413,
      code: 'body_too_large',
      detail: `the body has more than ${input.bytesMax} bytes; nothing was stored`,
    });
  if (Number(request.headers['content-length'] ?? 0) > input.bytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(request)) {
    bytes += chunk.length;
    if (bytes > input.bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Bytes as UTF-8 text, or null when they are not UTF-8: an invalid byte must not become a replacement character. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
