import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { access, answerJson, sageErrorOf, startRawSage } from '../../support/sage-banking/raw-client.js';
import type { RawSage } from '../../support/sage-banking/raw-client.js';

let sage: RawSage;

beforeAll(async () => {
  sage = await startRawSage();
});

afterAll(() => sage.close());

beforeEach(() => {
  sage.reset();
});

const bankAccountId = 'b4b1d2c3-0000-4000-8000-000000000001';
const redirect = 'https://bank.example/auth?state=1';

/** Foreign addresses, most of which resemble `origin`. */
function foreign(origin: string): [address: string, host: string][] {
  const { host, port } = new URL(origin);
  return [
    ['https://evil.example/poll', 'evil.example'],
    [`https://${host}/poll`, host],
    [`http://${host}.evil.example/poll`, `${host}.evil.example`],
    ['http://127.0.0.1:1/poll', '127.0.0.1:1'],
    [`http://localhost:${port}/poll`, `localhost:${port}`],
    [`http://user:pass@${host}/poll`, host],
    [`http://${host}@evil.example/poll`, 'evil.example'],
    ['file:///etc/passwd', 'file:'],
    ['data:application/json,{}', 'data:'],
    ['/api/v1/poll', 'no address'],
    ['', 'no address'],
  ];
}

test('a poll route of a foreign host is refused before any request, with only its host in the error', async () => {
  for (const [pollRoute, host] of foreign(sage.url)) {
    // The host of the sandbox with text after its port is no valid address.
    const isAddress = URL.canParse(pollRoute);
    const expected = { kind: 'foreign_address', host: isAddress ? host : 'no address' };
    const link = await sageErrorOf(sage.client.pollLink({ pollRoute }));
    expect(link).toMatchObject({ ...expected, operation: 'pollLink' });
    expect(JSON.stringify([link.message, link])).not.toMatch(/pass|poll\b.*\//);
    expect(await sageErrorOf(sage.client.pollReprocess({ access, pollRoute }))).toMatchObject({
      ...expected,
      operation: 'pollReprocess',
    });
  }
  expect(sage.requests).toEqual([]);
  expect(sage.tokenRequests).toEqual([]);
});

test('a foreign poll route in an answer is refused at once, before the customer is redirected', async () => {
  const pollRoute = 'https://evil.example/poll?signature=1';
  const body = { redirect, pollRoute, pollPeriod: 1_000 };
  const error = { kind: 'foreign_address', host: 'evil.example' };
  sage.answer = answerJson(302, body);
  expect(await sageErrorOf(sage.client.startLink({ access, bankId: 'b' }))).toMatchObject(error);
  expect(await sageErrorOf(sage.client.startReauthorisation({ access, bankAccountId }))).toMatchObject(error);
  sage.answer = answerJson(202, body);
  const work = sage.client.startReprocess({ access, bankAccountId, transactionIds: [1] });
  expect(await sageErrorOf(work)).toMatchObject(error);
  expect(await sageErrorOf(sage.client.pollLink({ pollRoute: `${sage.url}/poll` }))).toMatchObject(error);
});

test('a poll route of another configured origin is followed', async () => {
  const other = await startRawSage();
  const client = sage.clientOf({ linkOrigins: [`${other.url}/`] });
  other.answer = answerJson(200, { account: null, success: false });
  expect(await client.pollLink({ pollRoute: `${other.url}/poll` })).toEqual({ kind: 'failed' });
  expect(await sageErrorOf(client.pollLink({ pollRoute: `${sage.url}/poll` }))).toMatchObject({
    kind: 'foreign_address',
  });
  await other.close();
});

test('a link is polled without headers of ours, at the unchanged address', async () => {
  sage.answer = answerJson(200, { account: null, success: false });
  await sage.client.pollLink({ pollRoute: `${sage.url}/API/v1/linkpolls/a%2Fb/1?signature=%2B1&x=` });
  const [request] = sage.requests;
  expect(request?.url).toBe('/API/v1/linkpolls/a%2Fb/1?signature=%2B1&x=');
  const sent = Object.keys(request?.headers ?? {}).filter((name) =>
    /^(x-|authorization|content-|cookie)/.test(name),
  );
  expect(sent).toEqual([]);
  expect(sage.tokenRequests).toEqual([]);
});

test('a reprocess run is polled with product and token', async () => {
  sage.answer = answerJson(200, { transactions: [] });
  await sage.client.pollReprocess({ access, pollRoute: `${sage.url}/run?requestId=1` });
  expect(sage.requests[0]?.headers).toMatchObject({
    'x-application': 'Sage.UK.Ledger',
    authorization: expect.stringMatching(/^Bearer /) as string,
  });
});

test.each([
  redirect,
  'https://bank.example:8443/',
  'http://localhost:8091/bank/auth',
  'http://127.0.0.1:1/bank',
  'http://[::1]:8091/bank',
])('a customer may be redirected to %s', async (address) => {
  sage.answer = answerJson(302, { redirect: address, pollRoute: `${sage.url}/poll`, pollPeriod: 5_000 });
  expect(await sage.client.startLink({ access, bankId: 'b' })).toEqual({
    redirect: address,
    pollRoute: `${sage.url}/poll`,
    pollPeriodMs: 5_000,
  });
});

test.each([
  ['http://bank.example/auth', 'bank.example'],
  ['http://localhost.evil.example/auth', 'localhost.evil.example'],
  ['javascript:alert(1)', 'javascript:'],
  ['data:text/html,<p>', 'data:'],
  ['https://sage.example@evil.example/', 'evil.example'],
  ['ftp://localhost/', 'localhost'],
  ['//bank.example/auth', 'no address'],
  ['bank', 'no address'],
])('no customer is redirected to %s', async (address, host) => {
  sage.answer = answerJson(302, { redirect: address, pollRoute: `${sage.url}/poll`, pollPeriod: 5_000 });
  const expected = { kind: 'foreign_address', host };
  expect(await sageErrorOf(sage.client.startLink({ access, bankId: 'b' }))).toMatchObject({
    ...expected,
    operation: 'startLink',
  });
  expect(await sageErrorOf(sage.client.startReauthorisation({ access, bankAccountId }))).toMatchObject({
    ...expected,
    operation: 'startReauthorisation',
  });
});

test('no customer is redirected to localhost in plain http where the service itself uses https', async () => {
  const bankingUrl = 'https://api.sage.example';
  const client = sage.clientOf({
    bankingUrl,
    fetch: (input, init) => fetch((input as URL).href.replace(bankingUrl, sage.url), init),
  });
  for (const address of ['http://localhost:8091/bank', 'http://127.0.0.1/', 'http://api.sage.example/bank']) {
    sage.answer = answerJson(302, { redirect: address, pollRoute: `${sage.url}/poll`, pollPeriod: 1 });
    const link = client.startLink({ access, bankId: 'b' });
    expect(await sageErrorOf(link)).toMatchObject({ kind: 'foreign_address', host: new URL(address).host });
  }
  sage.answer = answerJson(302, { redirect, pollRoute: `${sage.url}/poll`, pollPeriod: 1 });
  await expect(client.startLink({ access, bankId: 'b' })).resolves.toMatchObject({ redirect });
});

test('a redirect to the service’s own origin may be plain http, as with the sandbox in a container', async () => {
  const bankingUrl = 'http://sage.internal:8091';
  const client = sage.clientOf({
    bankingUrl,
    fetch: (input, init) => fetch((input as URL).href.replace(bankingUrl, sage.url), init),
  });
  sage.answer = answerJson(302, {
    redirect: `${bankingUrl}/bank`,
    pollRoute: `${sage.url}/poll`,
    pollPeriod: 1,
  });
  await expect(client.startLink({ access, bankId: 'b' })).resolves.toMatchObject({
    redirect: `${bankingUrl}/bank`,
  });
});
