import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A body is longer than the limit; the caller decides the answer. */
export class BodyTooLarge extends Error {
  constructor(readonly bytesMax: number) {
    super(`the body is longer than ${bytesMax} bytes`);
  }
}

/** Reads a request body whole. @throws BodyTooLarge above the limit. */
export async function readBytes(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new BodyTooLarge(bytesMax);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** Undefined for an empty or broken body; the endpoint decides whether that is an error. */
export function parseJson(raw: Buffer): unknown {
  if (raw.length === 0) return undefined;
  try {
    return JSON.parse(raw.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

export function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

export function newId(): string {
  return randomUUID();
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
