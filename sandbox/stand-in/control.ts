import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLarge, isObject, parseJson, readBytes } from './body.js';
import { jsonText } from './json-text.js';
import { matchPath } from './match-path.js';

const prefix = '/_sandbox';
/** Longest body of a control endpoint. */
const bodyBytesMax = 10 * 1024 * 1024;

export interface ControlRequest {
  params: Record<string, string>;
  body: Record<string, unknown>;
  query: URLSearchParams;
}

/** One control endpoint of a stand-in. */
export interface ControlAction<Sandbox> {
  method: 'GET' | 'POST' | 'DELETE';
  /** Relative to `/_sandbox`; `:name` matches one segment. */
  path: string;
  run: (sandbox: Sandbox, request: ControlRequest) => unknown;
}

export class ControlError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Answers one request under `/_sandbox`: no auth, JSON in and out, errors as `{error}` with a sentence. */
export async function answerControl<Sandbox>(
  actions: readonly ControlAction<Sandbox>[],
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const { status, body } = await run(actions, sandbox, message, url);
  const bytes = Buffer.from(jsonText(body));
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': bytes.length,
  });
  response.end(bytes);
}

async function run<Sandbox>(
  actions: readonly ControlAction<Sandbox>[],
  sandbox: Sandbox,
  message: IncomingMessage,
  url: URL,
): Promise<{ status: number; body: unknown }> {
  try {
    const raw = await readBytes(message, bodyBytesMax);
    const body = raw.length === 0 ? {} : parseJson(raw);
    if (!isObject(body)) throw new ControlError(400, 'the body must be a JSON object');
    const path = url.pathname.slice(prefix.length);
    for (const action of actions) {
      const params = action.method === message.method ? matchPath(action.path, path) : undefined;
      if (params !== undefined) {
        return { status: 200, body: await action.run(sandbox, { params, body, query: url.searchParams }) };
      }
    }
    throw new ControlError(
      404,
      `no control endpoint ${message.method ?? ''} ${url.pathname}; see sandbox/README.md`,
    );
  } catch (error) {
    return {
      status: statusOf(error),
      body: { error: error instanceof Error ? error.message : String(error) },
    };
  }
}

/** An error of the stand-in's own API keeps its status. */
function statusOf(error: unknown): number {
  if (error instanceof BodyTooLarge) return 413;
  const status = error instanceof Error ? (error as { status?: unknown }).status : undefined;
  return typeof status === 'number' ? status : 500;
}

export function booleanOf(value: unknown, name: string, fallback?: boolean): boolean {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'boolean') throw new ControlError(400, `${name} must be true or false`);
  return value;
}

export function integerOf(value: unknown, name: string, fallback?: number): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ControlError(400, `${name} must be a whole number`);
  return value;
}

export function textOf(value: unknown, name: string, fallback?: string): string {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'string' || value === '') throw new ControlError(400, `${name} must be text`);
  return value;
}

/** A whole number of a query parameter. @throws ControlError */
export function countParameter(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^\d{1,15}$/.test(text)) throw new ControlError(400, `${name} must be a whole number`);
  return Number(text);
}
