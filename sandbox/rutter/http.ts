import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ASSUMED_CODE, ASSUMED_STATUS, ASSUMED_TYPE, BODY_BYTES_MAX } from './assumptions.js';
import type { ConnectionRecord } from './records.js';

/** One request to Rutter's API, read whole. */
export interface ApiRequest {
  method: string;
  /** Without the `/versioned` prefix and without parameters. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  rawBody: Buffer;
  bodySha256: string;
  /** Parsed body; undefined when there is none or it is not JSON. */
  json: unknown;
  requestId: string;
  /** Named parts of the path. */
  params: Record<string, string>;
  /** Whose access_token came along; undefined where the endpoint takes none. */
  connection: ConnectionRecord | undefined;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** A refusal in Rutter's error shape. Never recorded under an Idempotency-Key: the request was not accepted. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly errorType: string,
    readonly errorCode: string,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }

  toAnswer(): Answer {
    return {
      status: this.status,
      headers: this.headers,
      body: errorBody(this.errorType, this.errorCode, this.message),
    };
  }
}

export function errorBody(type: string, code: string, message: string): Record<string, string> {
  return { error_type: type, error_code: code, error_message: message };
}

export function invalidInput(message: string, code: string = ASSUMED_CODE.invalidInput): ApiError {
  return new ApiError(ASSUMED_STATUS.ruleBroken, ASSUMED_TYPE.request, code, message);
}

/** Documented: endpoint known, resource unknown. */
export function gone(what: string): ApiError {
  return new ApiError(410, ASSUMED_TYPE.request, ASSUMED_CODE.notFound, `${what} was not found`);
}

export function notSupported(message: string): ApiError {
  return new ApiError(
    ASSUMED_STATUS.unsupportedOnSage,
    ASSUMED_TYPE.request,
    ASSUMED_CODE.notSupported,
    message,
  );
}

/** Reads a request body. @throws ApiError 413 above the limit of bytes. */
export async function readBody(message: IncomingMessage, bytesMax: number = BODY_BYTES_MAX): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      const text = `the body is longer than ${bytesMax} bytes`;
      throw new ApiError(ASSUMED_STATUS.bodyTooLarge, ASSUMED_TYPE.request, ASSUMED_CODE.invalidInput, text);
    }
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

/** The path with the secret cut out, for logs and for `request.url` of jobs. */
export function redactedTarget(path: string, query: URLSearchParams): string {
  const shown = new URLSearchParams(query);
  if (shown.has('access_token')) shown.set('access_token', 'redacted');
  const text = shown.toString();
  return text === '' ? path : `${path}?${text}`;
}
