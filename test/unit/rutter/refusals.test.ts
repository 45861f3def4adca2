import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  accessToken,
  clientSecret,
  idempotencyKey,
  jobId,
  json,
  rutterErrorOf,
  startRawRutter,
} from '../../support/rutter/raw-client.js';
import type { RawAnswer, RawRutter } from '../../support/rutter/raw-client.js';

let rutter: RawRutter;

beforeAll(async () => {
  rutter = await startRawRutter();
});

afterAll(() => rutter.close());

beforeEach(() => {
  rutter.requests.length = 0;
  rutter.pauses.length = 0;
});

const post = (): Promise<unknown> =>
  rutter.client.postTransactions({ accessToken, idempotencyKey, body: '{"a":1}' });
const read = (): Promise<unknown> => rutter.client.listAccounts({ accessToken });

test('a 4xx is a refusal with type and code, accepted only with a job header', async () => {
  const body = {
    error_type: 'PLATFORM_ERROR',
    error_code: 'PLATFORM_BAD_REQUEST',
    error_message: 'tx-1 is odd',
  };
  rutter.answer = (response) => response.writeHead(450, json).end(JSON.stringify(body));
  expect(await rutterErrorOf(post())).toMatchObject({
    kind: 'refused',
    httpStatus: 450,
    errorType: 'PLATFORM_ERROR',
    errorCode: 'PLATFORM_BAD_REQUEST',
    errorMessage: 'tx-1 is odd',
    accepted: false,
    jobId: undefined,
  });
  rutter.answer = (response) =>
    response.writeHead(450, { ...json, 'x-rutter-job-id': jobId }).end(JSON.stringify(body));
  expect(await rutterErrorOf(post())).toMatchObject({ kind: 'refused', accepted: true, jobId });
});

test.each(['', '<html>', '{"error_code":', '[]', 'x'.repeat(200_000)])(
  'a 4xx whose body is no error body is still a refusal (%#)',
  async (text) => {
    rutter.answer = (response) => response.writeHead(409, json).end(text);
    expect(await rutterErrorOf(post())).toMatchObject({ kind: 'refused', httpStatus: 409, errorCode: null });
  },
);

test.each([
  [401, null, 'unauthorized'],
  [401, 'INVALID_CREDENTIALS', 'unauthorized'],
  [400, 'INVALID_CREDENTIALS', 'unauthorized'],
  [403, null, 'unauthorized'],
  [403, 'PRODUCT_NOT_ALLOWED', 'refused'],
  [400, 'NEEDS_UPDATE', 'refused'],
  [410, 'NOT_FOUND', 'refused'],
  [418, null, 'refused'],
  [429, null, 'rate_limited'],
  [452, null, 'rate_limited'],
  [400, 'RATE_LIMIT_EXCEEDED', 'rate_limited'],
  [400, 'PLATFORM_RATE_LIMITED', 'rate_limited'],
])('%s %s is %s: the code decides before the status', async (status, code, kind) => {
  rutter.answer = (response) => response.writeHead(status, json).end(JSON.stringify({ error_code: code }));
  expect(await rutterErrorOf(post())).toMatchObject({ kind, httpStatus: status });
});

test('429 and 452 slow all senders for the requested time, at most a minute', async () => {
  const limited =
    (status: number, retryAfter?: string): RawAnswer =>
    (response) => {
      if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
      response.writeHead(status, json).end('{}');
    };
  rutter.answer = limited(429, '7');
  expect(await rutterErrorOf(read())).toMatchObject({ platform: false, retryAfterMs: 7_000 });
  rutter.answer = limited(429, '1000000000');
  expect(await rutterErrorOf(read())).toMatchObject({ platform: false, retryAfterMs: 60_000 });
  rutter.answer = limited(429, '-1');
  expect(await rutterErrorOf(read())).toMatchObject({ platform: false, retryAfterMs: undefined });
  rutter.answer = limited(452, '5');
  expect(await rutterErrorOf(read())).toMatchObject({ platform: true, retryAfterMs: 5_000 });
  rutter.answer = limited(452);
  expect(await rutterErrorOf(read())).toMatchObject({ platform: true, retryAfterMs: undefined });
  expect(rutter.pauses).toEqual([7_000, 60_000, 2_000, 5_000, 2_000]);
});

test('an accepted job that met a limit slows all senders, any other failure slows none', async () => {
  const jobId = '7f1d6a1e-4b0e-4b1c-9a55-0d8f3c1a2b3c';
  for (const httpStatus of [429, 452, 400, 500]) {
    const result = { http_status: httpStatus, body: { error_code: 'X' } };
    rutter.answer = (response) =>
      response.writeHead(200, json).end(JSON.stringify({ id: jobId, status: 'failure', response: result }));
    expect(await rutter.client.getJob({ jobId })).toMatchObject({ kind: 'failure', httpStatus });
  }
  expect(rutter.pauses).toEqual([2_000, 2_000]);
});

test('no error shows a token, secret or URL, even when Rutter repeats them', async () => {
  const message = `bad access_token=${accessToken} for ${clientSecret} at ${accessToken}`;
  for (const status of [400, 401, 429, 500]) {
    rutter.answer = (response) =>
      response
        .writeHead(status, json)
        .end(JSON.stringify({ error_code: accessToken, error_message: message }));
    const error = await rutterErrorOf(post());
    const shown = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join('\n');
    expect(shown).not.toContain(accessToken);
    expect(shown).not.toContain(clientSecret);
    expect(shown).not.toContain('http://');
  }
});

test('a request carries version, Basic credentials and key in headers, the token in the query, and its bytes unchanged', async () => {
  let body = '';
  rutter.answer = (response, request) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.writeHead(200, json).end('{"bank_feed_transactions":[]}'));
  };
  await rutter.client.postTransactions({ accessToken, idempotencyKey, body: '{"name":"Café"}' });
  expect(body).toBe('{"name":"Café"}');
  expect(rutter.requests[0]?.url).toBe(
    `/versioned/accounting/bank_feeds/transactions?access_token=${accessToken}`,
  );
  expect(rutter.requests[0]?.headers).toMatchObject({
    'x-rutter-version': '2024-08-31',
    'idempotency-key': idempotencyKey,
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from(`rc_test_51a0:${clientSecret}`).toString('base64')}`,
  });
});

test('an id with special characters stays one segment of the path', async () => {
  rutter.answer = (response) => response.writeHead(410, json).end('{}');
  await rutterErrorOf(rutter.client.getJob({ jobId: '../connections?a=b#c' }));
  expect(rutter.requests[0]?.url).toBe('/versioned/jobs/..%2Fconnections%3Fa%3Db%23c');
});

const jobBody = (changes: object): string =>
  JSON.stringify({
    id: jobId,
    status: 'success',
    request: { url: 'x' },
    response: { http_status: 200, body: { bank_feed_transactions: [] } },
    ...changes,
  });

test.each([
  { status: 'prequeued', response: undefined },
  { status: 'pending', response: null },
  { status: 'partial_success' },
  { status: 'SUCCESS' },
])('a job of status %j is running, never taken as ended', async (changes) => {
  rutter.answer = (response) => response.writeHead(200, json).end(jobBody(changes));
  expect(await rutter.client.getJob({ jobId })).toEqual({ kind: 'running', status: changes.status });
});

test.each([
  { response: undefined },
  { response: { http_status: 200 } },
  { response: { http_status: 200, body: { bank_feed_transactions: [{}] } } },
  { response: { http_status: 450, body: { bank_feed_transactions: [] } } },
  { response: { body: { bank_feed_transactions: [] } } },
  { id: 'another' },
])('a successful job without its result is no success: %j', async (changes) => {
  rutter.answer = (response) => response.writeHead(200, json).end(jobBody(changes));
  expect(await rutterErrorOf(rutter.client.getJob({ jobId }))).toMatchObject({ kind: 'unexpected_answer' });
});

test('a failed job has its status and code, and no status when there is none', async () => {
  const failed = {
    error_type: 'PLATFORM_ERROR',
    error_code: 'PLATFORM_BAD_REQUEST',
    error_message: 'closed',
  };
  rutter.answer = (response) =>
    response
      .writeHead(200, json)
      .end(jobBody({ status: 'failure', response: { http_status: 450, body: failed } }));
  expect(await rutter.client.getJob({ jobId })).toEqual({
    kind: 'failure',
    httpStatus: 450,
    error: { errorType: 'PLATFORM_ERROR', errorCode: 'PLATFORM_BAD_REQUEST', errorMessage: 'closed' },
  });
  rutter.answer = (response) =>
    response.writeHead(200, json).end(jobBody({ status: 'failure', response: null }));
  expect(await rutter.client.getJob({ jobId })).toMatchObject({ kind: 'failure', httpStatus: null });
});

test('a 5xx of an accepted request carries its job, which can be polled for the outcome', async () => {
  rutter.answer = (response) => response.writeHead(500, { 'x-rutter-job-id': jobId }).end();
  expect(await rutterErrorOf(post())).toMatchObject({ kind: 'outcome_unknown', httpStatus: 500, jobId });
});
