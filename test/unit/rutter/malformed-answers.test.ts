import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  accessToken,
  idempotencyKey,
  jobId,
  json,
  rutterErrorOf,
  startRawRutter,
} from '../../support/rutter/raw-client.js';
import { transactionsAnswerBytesMax } from '../../../src/clients/rutter/body-sizes.js';
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

const post = (client = rutter.client): Promise<unknown> =>
  client.postTransactions({ accessToken, idempotencyKey, body: '{"a":1}' });
const read = (client = rutter.client): Promise<unknown> => client.listAccounts({ accessToken });

/** A valid answer for both calls, which each case changes. */
const goodBody = JSON.stringify({
  bank_feed_transactions: [{ id: 'a', transaction_id: 't', amount: 1 }],
  bank_feed_accounts: [],
});

/** Compressed beforehand, since that takes longer than the client waits. */
const gzipBomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));

const misread: [string, string, RawAnswer][] = [
  [
    'truncated JSON',
    'unreadable_body',
    (response) => response.writeHead(200, json).end(goodBody.slice(0, -9)),
  ],
  [
    'an HTML page',
    'unreadable_body',
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  ],
  [
    'JSON called text',
    'unreadable_body',
    (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(goodBody),
  ],
  ['JSON called nothing', 'unreadable_body', (response) => response.writeHead(200).end(goodBody)],
  ['an empty body', 'unreadable_body', (response) => response.writeHead(200, json).end()],
  ['no content at all', 'unreadable_body', (response) => response.writeHead(204).end()],
  [
    'bytes that are no text',
    'unreadable_body',
    (response) => response.writeHead(200, json).end(Buffer.from([0x22, 0xff, 0x22])),
  ],
  [
    'more bytes than a full batch can have',
    'body_too_large',
    (response) => response.writeHead(200, json).end(' '.repeat(transactionsAnswerBytesMax) + goodBody),
  ],
  [
    'a gzip bomb',
    'body_too_large',
    (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipBomb),
  ],
  [
    'JSON of another shape',
    'unexpected_shape',
    (response) => response.writeHead(200, json).end('{"ok":true}'),
  ],
  [
    'an item without id',
    'unexpected_shape',
    (response) =>
      response
        .writeHead(200, json)
        .end('{"bank_feed_transactions":[{"amount":1}],"bank_feed_accounts":[{"name":"x"}]}'),
  ],
];

test.each(misread)(
  '%s as answer to a write is never success: outcome unknown, with the job id',
  async (_, reason, spoilt) => {
    rutter.answer = (response, request) => {
      response.setHeader('x-rutter-job-id', jobId);
      spoilt(response, request);
    };
    expect(await rutterErrorOf(post(rutter.patientClient))).toMatchObject({
      kind: 'outcome_unknown',
      reason,
      jobId,
    });
  },
);

test.each(misread)('%s as answer to a read is an unexpected answer', async (_, reason, spoilt) => {
  rutter.answer = spoilt;
  expect(await rutterErrorOf(read(rutter.patientClient))).toMatchObject({
    kind: 'unexpected_answer',
    reason,
  });
});

const broken: [string, string, RawAnswer][] = [
  ['a reset before any byte', 'connection_lost', (response) => response.socket?.resetAndDestroy()],
  [
    'a reset after the headers',
    'connection_lost',
    (response) => {
      response.writeHead(200, { ...json, 'content-length': '500' }).flushHeaders();
      setImmediate(() => response.socket?.destroy());
    },
  ],
  [
    'a reset after half a body',
    'connection_lost',
    (response) => {
      response.writeHead(200, { ...json, 'content-length': '500' });
      response.write('{"bank_feed', () => response.socket?.destroy());
    },
  ],
  ['no answer', 'timeout', () => undefined],
  [
    'a body that stops',
    'timeout',
    (response) => response.writeHead(200, { ...json, 'content-length': '500' }).write('{'),
  ],
  [
    '500',
    'server_error',
    (response) =>
      response.writeHead(500, json).end('{"error_type":"X","error_code":"Y","error_message":"Z"}'),
  ],
  [
    '502 with a page',
    'server_error',
    (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
  ],
  [
    '503 with half a body',
    'server_error',
    (response) => {
      response.writeHead(503, { ...json, 'content-length': '500' });
      response.write('{"error', () => response.socket?.destroy());
    },
  ],
  ['408 of a gateway', 'server_error', (response) => response.writeHead(408).end()],
  [
    'a redirect',
    'redirect',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/stolen' }).end(),
  ],
  [
    'a redirect to itself',
    'redirect',
    (response, request) => response.writeHead(302, { location: request.url ?? '/' }).end(),
  ],
];

test.each(broken)(
  '%s leaves the outcome of a write unknown and is not followed or repeated',
  async (_, reason, spoil) => {
    rutter.answer = spoil;
    expect(await rutterErrorOf(post())).toMatchObject({ kind: 'outcome_unknown', reason });
    expect(rutter.requests).toHaveLength(1);
  },
);

test.each(broken)(
  '%s on a read is a retryable error, and no redirect is followed',
  async (_, reason, spoil) => {
    rutter.answer = spoil;
    expect(await rutterErrorOf(read())).toMatchObject({ kind: 'outcome_unknown', reason });
    expect(rutter.requests).toHaveLength(1);
  },
);

test('a refused connection and an unknown host are distinguished from lost answers: nothing was sent', async () => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const refused = rutter
    .clientOf(`http://127.0.0.1:${String(port)}`)
    .createOtp({ accessToken, idempotencyKey });
  expect(await rutterErrorOf(refused)).toMatchObject({ kind: 'unreachable', code: 'ECONNREFUSED' });
  // Both addresses of the name are tried and refused.
  const both = rutter.clientOf(`http://localhost:${String(port)}`).createOtp({ accessToken, idempotencyKey });
  expect(await rutterErrorOf(both)).toMatchObject({ kind: 'unreachable', code: 'ECONNREFUSED' });
});

test('an endless list of accounts is read up to a limit', async () => {
  rutter.answer = (response) =>
    response.writeHead(200, json).end('{"bank_feed_accounts":[],"next_cursor":"same"}');
  expect(await rutterErrorOf(rutter.client.listAllAccounts({ accessToken }))).toMatchObject({
    kind: 'unexpected_answer',
  });
  expect(rutter.requests).toHaveLength(2);
});

test('an aborted read fails with the reason of its caller; an aborted write has an unknown outcome', async () => {
  const reason = new Error('shutting down');
  const abortWhenAsked = (): AbortSignal => {
    const controller = new AbortController();
    rutter.answer = () => {
      controller.abort(reason);
    };
    return controller.signal;
  };
  await expect(rutter.client.listAccounts({ accessToken, signal: abortWhenAsked() })).rejects.toBe(reason);
  const write = rutter.client.createOtp({ accessToken, idempotencyKey, signal: abortWhenAsked() });
  expect(await rutterErrorOf(write)).toMatchObject({ kind: 'outcome_unknown', reason: 'aborted' });
  rutter.requests.length = 0;
  await expect(
    rutter.client.createOtp({ accessToken, idempotencyKey, signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason);
  expect(rutter.requests).toHaveLength(0);
});
