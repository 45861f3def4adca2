import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SageBankingClient } from '../../../src/clients/sage-banking/client.js';
import { createSageBankingClient } from '../../../src/clients/sage-banking/create-client.js';
import { signatureOf } from '../../../src/clients/sage-banking/signature.js';
import {
  access,
  answerJson,
  answerToken,
  applicationId,
  makeJwt,
  sageErrorOf,
  startRawSage,
} from '../../support/sage-banking/raw-client.js';
import type { RawSage } from '../../support/sage-banking/raw-client.js';

const minuteMs = 60_000;
const startMs = Date.parse('2026-02-03T09:00:00Z');

let sage: RawSage;
let nowMs: number;
let client: SageBankingClient;

beforeAll(async () => {
  sage = await startRawSage();
});

afterAll(() => sage.close());

beforeEach(() => {
  sage.reset();
  sage.answer = answerJson(200, { bankAccounts: [] });
  nowMs = startMs;
  // A thousand calls at the same time take long on a busy machine.
  client = sage.clientOf({ nowMs: () => nowMs, timeoutMs: 120_000 });
});

const call = (of: object = {}): Promise<unknown> => client.listBankAccounts({ access: { ...access, ...of } });

const bearers = (): (string | undefined)[] => sage.requests.map(({ headers }) => headers.authorization);

describe('a token is fetched', () => {
  test('once for a thousand concurrent calls, and once for a thousand in sequence', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => call()));
    for (let count = 0; count < 1_000; count += 1) await call();
    expect(sage.requests).toHaveLength(2_000);
    expect(sage.tokenRequests).toHaveLength(1);
    expect(new Set(bearers()).size).toBe(1);
  });

  test('signed with the key of the organisation, for organisation and company, at the Authentication Service', async () => {
    await call();
    const headers = sage.tokenRequests[0]?.headers ?? {};
    expect(headers).toMatchObject({
      'x-application': applicationId,
      'x-organisation-id': access.organisationId,
      'x-company-id': access.companyId,
      'content-type': 'application/json',
    });
    const nonce = String(headers['x-nonce']);
    const url = new URL('/auth-v1/accessToken', sage.url);
    expect(headers['x-signature']).toBe(signatureOf({ method: 'POST', url, nonce }, access.signingKey));
  });

  test('with another nonce each time', async () => {
    await client.proveAccess({ access });
    await client.proveAccess({ access });
    const [first, second] = sage.tokenRequests.map(({ headers }) => headers['x-nonce']);
    expect(first).not.toBe(second);
  });

  test('for each company separately', async () => {
    await call();
    await call({ companyId: 'another' });
    expect(sage.tokenRequests.map(({ headers }) => headers['x-company-id'])).toEqual([
      access.companyId,
      'another',
    ]);
  });

  test('again for another signing key: a wrong key never uses a token of the right one', async () => {
    await call();
    await call({ signingKey: 'another key' });
    expect(sage.tokenRequests).toHaveLength(2);
  });

  test('again, despite a cached one, to prove that ids and key belong together', async () => {
    await call();
    await client.proveAccess({ access });
    expect(sage.tokenRequests).toHaveLength(2);
    await call();
    expect(sage.tokenRequests).toHaveLength(2);
  });
});

describe('a token is renewed', () => {
  test.each([
    ['two minutes before its 20 are over', { iat: 1_000, exp: 2_200 }, 18 * minuteMs],
    ['by its own life time, when that is shorter', { iat: 0, exp: 600 }, 8 * minuteMs],
    ['after half its life, when that is shorter than our reserve', { iat: 0, exp: 60 }, minuteMs / 2],
    [
      'after 18 minutes, when it claims a longer life time than documented',
      { iat: 0, exp: 86_400 },
      18 * minuteMs,
    ],
    ['after 18 minutes, when it has no life time', {}, 18 * minuteMs],
    ['after 18 minutes, when it ends before it began', { iat: 5_000, exp: 4_000 }, 18 * minuteMs],
    [
      'by its life time, not by the instants of a clock that differs by years',
      { iat: 10, exp: 1_210 },
      18 * minuteMs,
    ],
  ])('%s', async (_, claims, goodForMs) => {
    sage.token = answerToken(claims);
    await call();
    nowMs = startMs + goodForMs - 1;
    await call();
    expect(sage.tokenRequests).toHaveLength(1);
    nowMs = startMs + goodForMs;
    await call();
    expect(sage.tokenRequests).toHaveLength(2);
    expect(bearers()[2]).not.toBe(bearers()[0]);
  });

  test('after 18 minutes, when it is no JWT at all', async () => {
    sage.token = answerJson(200, { jwt: 'opaque' });
    await call();
    nowMs = startMs + 18 * minuteMs - 1;
    await call();
    expect(sage.tokenRequests).toHaveLength(1);
  });

  test('counted from the request, since a slow answer is an older token', async () => {
    sage.token = (response, request) => {
      nowMs += 10 * minuteMs;
      answerToken()(response, request);
    };
    await call();
    nowMs = startMs + 18 * minuteMs;
    await call();
    expect(sage.tokenRequests).toHaveLength(2);
  });

  test('once on a 401, and the call is made once more with the new one', async () => {
    await call();
    const [stale] = bearers();
    sage.answer = (response, request) => {
      const isStale = request.headers.authorization === stale;
      answerJson(isStale ? 401 : 200, { bankAccounts: [] })(response, request);
    };
    await expect(call()).resolves.toEqual([]);
    expect(sage.tokenRequests).toHaveLength(2);
    expect(sage.requests).toHaveLength(3);
    expect(bearers()[2]).not.toBe(stale);
  });

  test('once for a thousand calls that were answered 401 at the same time', async () => {
    await call();
    const [stale] = bearers();
    sage.answer = (response, request) => {
      const isStale = request.headers.authorization === stale;
      answerJson(isStale ? 401 : 200, { bankAccounts: [] })(response, request);
    };
    await Promise.all(Array.from({ length: 1_000 }, () => call()));
    expect(sage.tokenRequests).toHaveLength(2);
    expect(sage.requests).toHaveLength(2_001);
  });

  test('not twice: a second 401 is final for the call', async () => {
    sage.answer = answerJson(401, { error: { code: 'unauthorised', message: 'no' } });
    expect(await sageErrorOf(call())).toMatchObject({
      kind: 'unauthorized',
      operation: 'listBankAccounts',
      httpStatus: 401,
    });
    expect(sage.requests).toHaveLength(2);
    expect(sage.tokenRequests).toHaveLength(2);
  });

  test.each([403, 404, 429, 500, 503])('not on a %s, and the call is not repeated', async (status) => {
    sage.answer = answerJson(status, {});
    await sageErrorOf(call());
    expect(sage.requests).toHaveLength(1);
    expect(sage.tokenRequests).toHaveLength(1);
  });

  test('for a write too, with the same bytes', async () => {
    let count = 0;
    sage.answer = (response, request) => {
      count += 1;
      const transactions = { requestId: 'r', pollRoute: `${sage.url}/poll`, pollPeriod: 1_000 };
      answerJson(count === 1 ? 401 : 202, transactions)(response, request);
    };
    await client.startReprocess({ access, bankAccountId: 'a', transactionIds: [1, 2] });
    expect(sage.requests.map(({ body }) => body)).toEqual([
      '{"transactionIds":[1,2]}',
      '{"transactionIds":[1,2]}',
    ]);
  });
});

describe('a fetch that fails', () => {
  test.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [429, 'rate_limited'],
    [404, 'refused'],
    [500, 'outcome_unknown'],
  ])('with %s is %s of getAccessToken: the call itself was not made', async (status, kind) => {
    sage.token = answerJson(status, {});
    expect(await sageErrorOf(call())).toMatchObject({ kind, operation: 'getAccessToken' });
    expect(sage.requests).toEqual([]);
    expect(sage.tokenRequests).toHaveLength(1);
  });

  test.each([{}, { jwt: '' }, { jwt: 7 }, { jwt: 'two\r\nlines' }, [], null])(
    'with the answer %j is an unexpected answer',
    async (body) => {
      sage.token = answerJson(200, body);
      expect(await sageErrorOf(call())).toMatchObject({
        kind: 'outcome_unknown',
        reason: 'unexpected_shape',
        operation: 'getAccessToken',
      });
    },
  );

  test('fails all calls that waited for it, and no later one', async () => {
    sage.token = answerJson(503, {});
    const failed = await Promise.all([sageErrorOf(call()), sageErrorOf(call())]);
    expect(failed.map(({ operation }) => operation)).toEqual(['getAccessToken', 'getAccessToken']);
    expect(sage.tokenRequests).toHaveLength(1);
    sage.token = answerToken();
    await expect(call()).resolves.toEqual([]);
  });

  test('because one caller aborted does not affect others that wait for it', async () => {
    const stopped = new AbortController();
    const reason = new Error('shutting down');
    sage.token = (response, request) => {
      stopped.abort(reason);
      setTimeout(() => {
        answerToken()(response, request);
      }, 50);
    };
    const given = client.listBankAccounts({ access, signal: stopped.signal });
    const other = call();
    await expect(given).rejects.toBe(reason);
    await expect(other).resolves.toEqual([]);
    expect(sage.tokenRequests).toHaveLength(1);
  });
});

test.each([{ organisationId: '..' }, { companyId: '' }, { organisationId: 'é' }, { companyId: 'a\nb' }])(
  'ids that no header can contain are not found, without a request: %j',
  async (ids) => {
    expect(await sageErrorOf(client.proveAccess({ access: { ...access, ...ids } }))).toMatchObject({
      kind: 'refused',
      httpStatus: 404,
    });
    expect(sage.tokenRequests).toEqual([]);
  },
);

test('at most ten thousand tokens are cached, and the oldest is removed first', async () => {
  let fetches = 0;
  const ok = (body: object): Promise<Response> =>
    Promise.resolve(new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } }));
  const crowded = createSageBankingClient({
    bankingUrl: sage.url,
    authUrl: sage.url,
    tokenServiceUrl: sage.url,
    linkOrigins: [sage.url],
    applicationId,
    signingKey: undefined,
    provider: undefined,
    // Only the network is simulated: ten thousand real requests would take a minute.
    fetch: (input) => {
      if (!(input as URL).href.endsWith('/auth-v1/accessToken')) return ok({ bankAccounts: [] });
      fetches += 1;
      return ok({ jwt: makeJwt() });
    },
  });
  const ask = (company: number): Promise<unknown> =>
    crowded.listBankAccounts({ access: { ...access, companyId: `company-${String(company)}` } });
  for (let company = 0; company <= 10_000; company += 1) await ask(company);
  await ask(1);
  expect(fetches).toBe(10_001);
  await ask(0);
  expect(fetches).toBe(10_002);
});
