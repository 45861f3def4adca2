import { jsonText } from './json-text.js';

/** Endpoints under `/_sandbox` answer immediately: a longer wait means that the sandbox hangs. */
const controlTimeoutMs = 30_000;

/**
 * Calls a control endpoint of a running sandbox: for tests, benchmarks and scripts.
 * @throws Error with the endpoint and the sandbox's error text
 */
export async function askControl<Answer = Record<string, unknown>>(input: {
  url: string;
  method: string;
  path: string;
  body?: unknown;
}): Promise<Answer> {
  const { url, method, path, body } = input;
  const response = await fetch(`${url}/_sandbox${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(controlTimeoutMs),
    ...(body === undefined ? {} : { body: jsonText(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`sandbox: ${method} ${path}: ${text}`);
  return JSON.parse(text) as Answer;
}
