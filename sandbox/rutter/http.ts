import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { assumedCode, assumedStatus, assumedType, bodyBytesMax } from './assumptions.js';
import { BodyTooLarge, readBytes } from '../stand-in/body.js';
import type { Answer } from '../stand-in/transmit.js';
import type { ConnectionRecord } from './records.js';

export { isObject, newId, parseJson, sha256 } from '../stand-in/body.js';
export type { Answer } from '../stand-in/transmit.js';

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
  /** The connection of the access_token; undefined where the endpoint has none. */
  connection: ConnectionRecord | undefined;
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

export function invalidInput(message: string, code: string = assumedCode.invalidInput): ApiError {
  return new ApiError(assumedStatus.ruleBroken, assumedType.request, code, message);
}

/** Documented: endpoint known, resource unknown. */
export function gone(what: string): ApiError {
  return new ApiError(410, assumedType.request, assumedCode.notFound, `${what} was not found`);
}

export function notSupported(message: string): ApiError {
  return new ApiError(
    assumedStatus.unsupportedOnSage,
    assumedType.request,
    assumedCode.notSupported,
    message,
  );
}

/** Reads a request body. @throws ApiError 413 above the limit of bytes. */
export async function readBody(message: IncomingMessage, bytesMax: number = bodyBytesMax): Promise<Buffer> {
  try {
    return await readBytes(message, bytesMax);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    throw new ApiError(
      assumedStatus.bodyTooLarge,
      assumedType.request,
      assumedCode.invalidInput,
      error.message,
    );
  }
}

/** The path without the secret, for logs and for `request.url` of jobs. */
export function redactedTarget(path: string, query: URLSearchParams): string {
  const shown = new URLSearchParams(query);
  if (shown.has('access_token')) shown.set('access_token', 'redacted');
  const text = shown.toString();
  return text === '' ? path : `${path}?${text}`;
}
