import type { IncomingMessage, ServerResponse } from 'node:http';
import { accountActions } from './control-accounts.js';
import { connectionActions } from './control-connections.js';
import { machineActions } from './control-machine.js';
import { recordActions } from './control-records.js';
import type { ControlAction } from './control-action.js';
import { ControlError } from './control-action.js';
import { ApiError, isObject, parseJson, readBody } from './http.js';
import { matchPath } from './route.js';
import type { Sandbox } from './sandbox.js';

const PREFIX = '/_sandbox';
const ACTIONS: readonly ControlAction[] = [
  ...connectionActions,
  ...accountActions,
  ...recordActions,
  ...machineActions,
];

/** Answers one request under `/_sandbox`: no auth, JSON in and out, errors as `{error}` with a sentence. */
export async function handleControl(
  sandbox: Sandbox,
  message: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const { status, body } = await run(sandbox, message, url);
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': bytes.length,
  });
  response.end(bytes);
}

async function run(
  sandbox: Sandbox,
  message: IncomingMessage,
  url: URL,
): Promise<{ status: number; body: unknown }> {
  try {
    const raw = await readBody(message);
    const body = raw.length === 0 ? {} : parseJson(raw);
    if (!isObject(body)) throw new ControlError(400, 'the body must be a JSON object');
    const path = url.pathname.slice(PREFIX.length);
    for (const action of ACTIONS) {
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
    if (error instanceof ControlError || error instanceof ApiError) {
      return { status: error.status, body: { error: error.message } };
    }
    return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}
