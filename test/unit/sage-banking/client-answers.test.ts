import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  access,
  answerJson,
  json,
  sageErrorOf,
  startRawSage,
} from '../../support/sage-banking/raw-client.js';
import type { RawAnswer, RawSage } from '../../support/sage-banking/raw-client.js';

let sage: RawSage;

beforeAll(async () => {
  sage = await startRawSage();
});

afterAll(() => sage.close());

beforeEach(() => {
  sage.reset();
});

const bankAccountId = 'b4b1d2c3-0000-4000-8000-000000000001';
const at = { access, bankAccountId };
const rule = { ruleName: 'r', ruleConditions: [], ruleActions: [] };
const accountInput = { bankId: 'b', accountName: 'n', accountIdentifier: '31001001' };

const calls: Record<string, () => Promise<unknown>> = {
  createOrganisation: () => sage.client.createOrganisation({ organisation: { company: { name: 'n' } } }),
  getCaptcha: () => sage.client.getCaptcha({}),
  listBanks: () => sage.client.listBanks({}),
  getBank: () => sage.client.getBank({ bankId: 'b' }),
  startLink: () => sage.client.startLink({ access, bankId: 'b' }),
  startReauthorisation: () => sage.client.startReauthorisation(at),
  pollLink: () => sage.client.pollLink({ pollRoute: `${sage.url}/poll/1` }),
  createBankAccount: () => sage.client.createBankAccount({ access, account: accountInput }),
  listBankAccounts: () => sage.client.listBankAccounts({ access }),
  getBankAccount: () => sage.client.getBankAccount(at),
  readTransactions: () => sage.client.readTransactions({ ...at, startIndex: 1 }),
  listRules: () => sage.client.listRules(at),
  getRule: () => sage.client.getRule({ ...at, ruleId: 'r' }),
  createRule: () => sage.client.createRule({ ...at, rule }),
  replaceRule: () => sage.client.replaceRule({ ...at, ruleId: 'r', rule }),
  amendRule: () => sage.client.amendRule({ ...at, ruleId: 'r', changes: { ruleName: 's' } }),
  listDisconnectedRules: () => sage.client.listDisconnectedRules({ access }),
  startReprocess: () => sage.client.startReprocess({ ...at, transactionIds: [1] }),
  pollReprocess: () => sage.client.pollReprocess({ access, pollRoute: `${sage.url}/poll/2` }),
};
/** Calls whose answer needs no body. */
const silentCalls: Record<string, () => Promise<unknown>> = {
  requestToken: () => sage.client.requestToken({ licenceDetails: [{ key: 'serial', value: 'ABC-123' }] }),
  deleteBankAccount: () => sage.client.deleteBankAccount(at),
  deleteRule: () => sage.client.deleteRule({ ...at, ruleId: 'r' }),
};
const everyCall = Object.entries({ ...calls, ...silentCalls });

/** Compressed beforehand, since that takes longer than the client waits. */
const gzipBomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
const html: RawAnswer = (response) =>
  response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Please sign in</p>');

const misread: [string, string, RawAnswer][] = [
  ['truncated JSON', 'unreadable_body', (response) => response.writeHead(200, json).end('{"a":[1,')],
  ['a page', 'unreadable_body', html],
  [
    'JSON called text',
    'unreadable_body',
    (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('{}'),
  ],
  ['JSON called nothing', 'unreadable_body', (response) => response.writeHead(200).end('{}')],
  [
    'bytes that are no text',
    'unreadable_body',
    (response) => response.writeHead(200, json).end(Buffer.from([0x22, 0xff, 0x22])),
  ],
  ['11 MB', 'body_too_large', (response) => response.writeHead(200, json).end(' '.repeat(11 * 1024 * 1024))],
  [
    'a gzip bomb',
    'body_too_large',
    (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipBomb),
  ],
];
const empty: [string, string, RawAnswer][] = [
  ['an empty body', 'unreadable_body', (response) => response.writeHead(200, json).end()],
  ['no content at all', 'unreadable_body', (response) => response.writeHead(204).end()],
];
const broken: [string, string, RawAnswer][] = [
  ['a reset before any byte', 'connection_lost', (response) => response.socket?.resetAndDestroy()],
  [
    'a reset after half a body',
    'connection_lost',
    (response) => {
      response.writeHead(200, { ...json, 'content-length': '500' });
      response.write('{"bank', () => response.socket?.destroy());
    },
  ],
  ['500', 'server_error', answerJson(500, {})],
  [
    '502 with a page',
    'server_error',
    (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
  ],
  [
    '503 with an error body',
    'server_error',
    answerJson(503, { error: { code: 'internal', message: 'later' } }),
  ],
  ['408 of a gateway', 'server_error', (response) => response.writeHead(408).end()],
  [
    'a 307',
    'redirect',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/stolen' }).end(),
  ],
  [
    'a 301 to itself',
    'redirect',
    (response, request) => response.writeHead(301, { location: request.url ?? '/' }).end(),
  ],
];

describe('an unreadable answer is an unknown outcome, never a success, and is not requested again:', () => {
  for (const [name, call] of everyCall) {
    test.each([...misread, ...broken])(`${name} met with %s`, async (_, reason, spoil) => {
      sage.answer = spoil;
      expect(await sageErrorOf(call())).toMatchObject({ kind: 'outcome_unknown', reason, operation: name });
      expect(sage.requests).toHaveLength(1);
    });
  }
  for (const [name, call] of Object.entries(calls)) {
    test.each(empty)(`${name} met with %s`, async (_, reason, spoil) => {
      sage.answer = spoil;
      expect(await sageErrorOf(call())).toMatchObject({ kind: 'outcome_unknown', reason });
    });
    test.each([{ ok: true }, [], null, 'text', 7, { error: { code: 'notFound' } }])(
      `${name} met with %j`,
      async (body) => {
        sage.answer = answerJson(200, body);
        expect(await sageErrorOf(call())).toMatchObject({
          kind: 'outcome_unknown',
          reason: 'unexpected_shape',
        });
      },
    );
  }
});

test.each(['createBankAccount', 'listBanks'])('%s without an answer times out', async (name) => {
  const quick = sage.clientOf({ timeoutMs: 300 });
  for (const silent of [
    () => undefined,
    (response: Parameters<RawAnswer>[0]) =>
      response.writeHead(200, { ...json, 'content-length': '500' }).write('{'),
  ]) {
    sage.answer = silent;
    const call =
      name === 'listBanks' ? quick.listBanks({}) : quick.createBankAccount({ access, account: accountInput });
    expect(await sageErrorOf(call)).toMatchObject({ kind: 'outcome_unknown', reason: 'timeout' });
  }
});

test.each(Object.entries(silentCalls))(
  '%s accepts an empty answer, 204 and JSON as success',
  async (_, call) => {
    for (const answer of [...empty.map(([, , spoil]) => spoil), answerJson(200, { requestId: 'r' })]) {
      sage.answer = answer;
      await expect(call()).resolves.toBeUndefined();
    }
  },
);

test.each(everyCall.filter(([name]) => !['startLink', 'startReauthorisation'].includes(name)))(
  '%s met with a 302 has an unknown outcome, and the redirect is not followed',
  async (_, call) => {
    sage.answer = (response) =>
      response
        .writeHead(302, { ...json, location: `${sage.url}/elsewhere` })
        .end('{"redirect":"https://x.test/","pollRoute":"https://x.test/","pollPeriod":1}');
    expect(await sageErrorOf(call())).toMatchObject({ kind: 'outcome_unknown', reason: 'redirect' });
    expect(sage.requests).toHaveLength(1);
  },
);

const account = { bankAccountId, bankId: 'b', status: 'active' };
const page = (transactions: unknown[], more: object = {}): object => ({
  bankAccount: account,
  bankTransactionList: { startIndex: 5, endIndex: 9, total: 9, transactions, ...more },
});
const tx = (transactionId: unknown): object => ({ transactionId, transactionAmount: -1 });

test.each<[string, string, unknown]>([
  ['an account of another id', 'getBankAccount', { ...account, bankAccountId: 'another' }],
  ['an unknown status', 'getBankAccount', { ...account, status: 'sleeping' }],
  [
    'one invalid account in the list',
    'listBankAccounts',
    { bankAccounts: [account, { ...account, status: 1 }] },
  ],
  ['a bank of another id', 'getBank', { bankId: 'c', name: 'n', dataProvider: 'direct' }],
  [
    'a bank of neither kind',
    'listBanks',
    { banks: [{ bankId: 'c', name: 'n', dataProvider: 'both' }], total: 1 },
  ],
  ['a rule of another id', 'getRule', { ...rule, ruleId: 'x', ruleRank: 1 }],
  ['no company', 'createOrganisation', { organisationId: 'o', companies: [], token: 't' }],
  ['no signing key', 'createOrganisation', { organisationId: 'o', companies: ['c'] }],
  ['a captcha that is a page', 'getCaptcha', { captchaId: 'c', image: 'data:text/html;base64,PHA+' }],
  ['a captcha elsewhere', 'getCaptcha', { captchaId: 'c', image: 'https://x.test/a.png' }],
  [
    'transactions of another account',
    'readTransactions',
    { ...page([]), bankAccount: { ...account, bankAccountId: 'x' } },
  ],
  ['an id before the one asked for', 'readTransactions', page([tx(0)])],
  ['an id that is text', 'readTransactions', page([tx('7')])],
  ['an id that is no whole number', 'readTransactions', page([tx(7.5)])],
  ['ids that go back', 'readTransactions', page([tx(7), tx(6)])],
  ['an id twice', 'readTransactions', page([tx(7), tx(7)])],
  ['a result of a link without identifier', 'pollLink', { success: true, account: { accountName: 'n' } }],
  ['a result of a link that is neither', 'pollLink', { account: null }],
])('%s is an unexpected answer (%s)', async (_, name, body) => {
  sage.answer = answerJson(200, body);
  expect(await sageErrorOf(calls[name]!())).toMatchObject({
    kind: 'outcome_unknown',
    reason: 'unexpected_shape',
  });
});

describe('a page of transactions', () => {
  const read = () => sage.client.readTransactions({ ...at, startIndex: 5 });

  test('ends at its last row, whatever the answer claims, and keeps every member of a row', async () => {
    const next = `${sage.url}/next`;
    sage.answer = answerJson(200, page([tx(5), { ...tx(8), newMember: { a: 1 } }], { endIndex: 99, next }));
    expect(await read()).toMatchObject({
      endIndex: 8,
      hasMore: true,
      transactions: [{}, { newMember: { a: 1 } }],
    });
  });

  test('is read whatever its rows contain besides their ids: one malformed row does not stop later ones', async () => {
    const odd = { transactionId: 7, transactionAmount: { of: '1' }, datePosted: 7, predictedActions: 'none' };
    sage.answer = answerJson(200, page([tx(5), odd, tx(8)]));
    expect(await read()).toMatchObject({ endIndex: 8, transactions: [tx(5), odd, tx(8)] });
  });

  test('that is empty ends before the requested id and has no next one, whatever the answer claims', async () => {
    sage.answer = answerJson(200, page([], { next: `${sage.url}/next` }));
    expect(await read()).toMatchObject({ endIndex: 4, hasMore: false, transactions: [] });
  });

  test('without a next page is the last', async () => {
    for (const more of [{}, { next: null }]) {
      sage.answer = answerJson(200, page([tx(6)], more));
      expect(await read()).toMatchObject({ endIndex: 6, hasMore: false });
    }
  });
});

describe('a reprocess run', () => {
  test('that ended with 500 and an error body is a final failure, with the provider message', async () => {
    sage.answer = answerJson(500, { error: { code: 'internal', message: 'could not' } });
    expect(await calls['pollReprocess']!()).toEqual({ kind: 'failed', message: 'could not' });
  });

  test.each([
    [500, {}],
    [500, { error: 'internal' }],
    [502, { error: { code: 'internal', message: 'could not' } }],
    [503, { error: { code: 'internal', message: 'could not' } }],
  ])('met with %s and %j has an unknown outcome and has not failed', async (status, body) => {
    sage.answer = answerJson(status, body);
    expect(await sageErrorOf(calls['pollReprocess']!())).toMatchObject({
      kind: 'outcome_unknown',
      reason: 'server_error',
    });
  });
});

test.each([
  [400, 'refused'],
  [401, 'unauthorized'],
  [403, 'unauthorized'],
  [404, 'refused'],
  [409, 'refused'],
  [410, 'gone'],
  [418, 'refused'],
  [429, 'rate_limited'],
])('a %s is %s, with the code, the provider message and the invalid fields', async (status, kind) => {
  const details = [{ field: 'company.name', reason: 'is required' }, 'odd', { field: 7 }];
  sage.answer = answerJson(status, { error: { code: 'someCode', message: 'provider message', details } });
  expect(await sageErrorOf(calls['createOrganisation']!())).toMatchObject({
    kind,
    httpStatus: status,
    operation: 'createOrganisation',
    errorCode: 'someCode',
    errorMessage: 'provider message',
    fields: [
      { field: 'company.name', reason: 'is required' },
      { field: '', reason: '' },
      { field: '', reason: '' },
    ],
  });
});

test.each(['', '<html>', '{"error":', '[]', '{"error":"no"}', 'x'.repeat(200_000)])(
  'a 4xx whose body is no error body is still a refusal (%#)',
  async (text) => {
    sage.answer = (response) => response.writeHead(409, json).end(text);
    expect(await sageErrorOf(calls['createBankAccount']!())).toMatchObject({
      kind: 'refused',
      httpStatus: 409,
      errorCode: null,
      errorMessage: null,
      fields: [],
    });
  },
);

test.each([
  ['7', 7_000],
  ['1000000000', 60_000],
  ['-1', undefined],
  [undefined, undefined],
])('a 429 with Retry-After %s asks for a wait of %s ms', async (header, retryAfterMs) => {
  sage.answer = (response) => {
    if (header !== undefined) response.setHeader('retry-after', header);
    response.writeHead(429).end();
  };
  expect(await sageErrorOf(calls['listBanks']!())).toMatchObject({ kind: 'rate_limited', retryAfterMs });
});

test.each([
  [-5, 500],
  [0, 500],
  [499, 500],
  [5_000, 5_000],
  [1e12, 60_000],
])('a poll period of %s ms is limited to %s ms', async (pollPeriod, pollPeriodMs) => {
  sage.answer = answerJson(202, { pollRoute: `${sage.url}/poll/2`, pollPeriod });
  for (const name of ['pollLink', 'pollReprocess', 'startReprocess']) {
    expect(await calls[name]!()).toMatchObject({ pollPeriodMs });
  }
});

test('a refused connection and an unknown host are distinguished from lost answers: nothing was sent', async () => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  for (const host of ['127.0.0.1', 'localhost']) {
    const client = sage.clientOf({ bankingUrl: `http://${host}:${String(port)}` });
    const call = client.createOrganisation({ organisation: { company: { name: 'n' } } });
    expect(await sageErrorOf(call)).toMatchObject({ kind: 'unreachable', code: 'ECONNREFUSED' });
  }
});

test('an aborted read fails with the reason of its caller; a call that may have had an effect has an unknown outcome', async () => {
  const reason = new Error('shutting down');
  const abortWhenAsked = (): AbortSignal => {
    const controller = new AbortController();
    sage.answer = () => {
      controller.abort(reason);
    };
    return controller.signal;
  };
  await expect(sage.client.listBankAccounts({ access, signal: abortWhenAsked() })).rejects.toBe(reason);
  const unknownOutcome = { kind: 'outcome_unknown', reason: 'aborted' };
  const write = sage.client.createBankAccount({ access, account: accountInput, signal: abortWhenAsked() });
  expect(await sageErrorOf(write)).toMatchObject(unknownOutcome);
  // A GET after which its poll route cannot be used again.
  const poll = sage.client.pollLink({ pollRoute: `${sage.url}/poll/1`, signal: abortWhenAsked() });
  expect(await sageErrorOf(poll)).toMatchObject(unknownOutcome);
  sage.requests.length = 0;
  const gone = sage.client.createBankAccount({
    access,
    account: accountInput,
    signal: AbortSignal.abort(reason),
  });
  await expect(gone).rejects.toBe(reason);
  expect(sage.requests).toEqual([]);
});
