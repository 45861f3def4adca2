import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { redactMessage } from '../../../src/clients/sage-banking/redact.js';
import {
  access,
  answerJson,
  applicationId,
  applicationKey,
  makeJwt,
  sageErrorOf,
  startRawSage,
} from '../../support/sage-banking/raw-client.js';
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
const licenceDetails = [{ key: 'serial', value: 'LICENCE-7731' }];
const desktop = { licenceDetails, captchaId: 'c', captchaText: 'XKCDQZ' };
const company = { name: 'Harbour Cafe' };

test('no error shows a key, token, signed address, licence, captcha or account number, even when Sage repeats them', async () => {
  const jwt = makeJwt();
  sage.token = answerJson(200, { jwt });
  const pollRoute = `${sage.url}/api/v1/linkpolls/9d1c/4?signature=8e6c1f2a9b7d`;
  const secrets = [
    ...[applicationKey, access.signingKey, jwt, pollRoute, '8e6c1f2a9b7d', 'LICENCE-7731', 'XKCDQZ'],
    ...['31001001', 'key-of-the-account'],
  ];
  const account = {
    bankId: 'b',
    accountName: 'n',
    accountIdentifier: '31001001',
    accountKey: 'key-of-the-account',
  };
  const calls: [work: () => Promise<unknown>, own: string[]][] = [
    [() => sage.client.createOrganisation({ organisation: { company } }), [applicationKey]],
    [
      () => sage.client.createOrganisation({ organisation: { company, desktop } }),
      ['LICENCE-7731', 'XKCDQZ'],
    ],
    [() => sage.client.requestToken({ licenceDetails }), ['LICENCE-7731']],
    [() => sage.client.listBankAccounts({ access }), [access.signingKey, jwt]],
    [() => sage.client.pollLink({ pollRoute }), [pollRoute, '8e6c1f2a9b7d']],
    [() => sage.client.pollReprocess({ access, pollRoute }), [access.signingKey, jwt]],
    [() => sage.client.createBankAccount({ access, account }), ['31001001', 'key-of-the-account']],
  ];
  for (const status of [400, 401, 410, 429, 503]) {
    for (const [work, own] of calls) {
      const message = `bad: ${own.join(' and ')}`;
      const error = { code: own[0], message, details: [{ field: own[0], reason: message }] };
      sage.answer = answerJson(status, { error });
      const thrown = await sageErrorOf(work());
      const shown = [thrown.message, thrown.stack, JSON.stringify(thrown), String(thrown.cause)].join('\n');
      expect(shown).toContain('[redacted]');
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  }
});

test('a key that the token call repeats is not shown', async () => {
  sage.token = answerJson(401, { error: { code: 'unauthorised', message: `not ${access.signingKey}` } });
  expect(await sageErrorOf(sage.client.proveAccess({ access }))).toMatchObject({
    errorMessage: 'not [redacted]',
  });
});

test('an unexpected shape is reported by paths, never by values', async () => {
  sage.answer = answerJson(200, {
    bankAccounts: [{ bankAccountId: 'a', bankId: 'b', status: 'HARBOUR-31001001' }],
  });
  const error = await sageErrorOf(sage.client.listBankAccounts({ access }));
  expect(error).toMatchObject({ detail: 'bankAccounts.0.status: invalid_value' });
  expect(JSON.stringify(error)).not.toContain('31001001');
});

test.each([
  'https://x.test/api/v1/linkpolls/1/2?signature=s3cr3t',
  'https%3A%2F%2Fx.test%3Fsignature%3Ds3cr3t',
  '{"token": "s3cr3t", "organisationId": "o"}',
  '{"signingKey":"s3cr3t"}',
  '{"captchaText":"s3cr3t"}',
  'x-signature=s3cr3t',
  'Authorization: Bearer s3cr3t',
])('secrets of Sage are redacted without knowing their values: %s', (text) => {
  const redacted = redactMessage(text);
  expect(redacted).not.toContain('s3cr3t');
  expect(redacted).toContain('[redacted]');
});

test('a JWT is recognized by its shape', () => {
  const jwt = makeJwt();
  expect(redactMessage(`the token ${jwt} is not valid`)).toBe('the token [redacted] is not valid');
});

test('the call that is signed carries a fresh nonce and no token; a company’s call carries its token and no signature', async () => {
  sage.answer = answerJson(200, { bankAccounts: [], organisationId: 'o', companies: ['c'], token: 'k' });
  await sage.client.createOrganisation({ organisation: { company } });
  await sage.client.createOrganisation({ organisation: { company } });
  await sage.client.listBankAccounts({ access });
  const [first, second, third] = sage.requests.map(({ headers }) => headers);
  expect(first).toMatchObject({ 'x-application': applicationId, 'content-type': 'application/json' });
  expect(first).not.toHaveProperty('authorization');
  expect(first?.['x-nonce']).not.toBe(second?.['x-nonce']);
  expect(third).toMatchObject({ 'x-application': applicationId, accept: 'application/json' });
  expect(third?.authorization).toMatch(/^Bearer eyJ/);
  expect(third).not.toHaveProperty('x-signature');
});

test('a request for a desktop customer is not signed, and its licence and captcha are sent unchanged', async () => {
  sage.answer = answerJson(200, { organisationId: 'o', companies: ['c', 'd'], token: 'k' });
  const made = await sage.client.createOrganisation({ organisation: { company, crmId: '7', desktop } });
  expect(made).toEqual({ organisationId: 'o', companyId: 'c', signingKey: 'k' });
  expect(sage.requests[0]?.headers).not.toHaveProperty('x-signature');
  expect(JSON.parse(sage.requests[0]?.body ?? '')).toEqual({ company, crmId: '7', ...desktop });
});

test('without signing key or provider the call names the missing variable, and sends nothing', async () => {
  const bare = sage.clientOf({ signingKey: undefined, provider: undefined });
  expect(await sageErrorOf(bare.createOrganisation({ organisation: { company } }))).toMatchObject({
    kind: 'not_configured',
    variable: 'SAGE_SIGNING_KEY',
  });
  expect(await sageErrorOf(bare.requestToken({ licenceDetails }))).toMatchObject({
    kind: 'not_configured',
    variable: 'SAGE_PROVIDER',
  });
  expect(sage.requests).toEqual([]);
});

test.each(['..', '.', '', 'a\u0000b', 'ä', '\ud800', 'x'.repeat(201)])(
  'an impossible id (%j) is not found without a request, since it could name another resource',
  async (id) => {
    const notFound = { kind: 'refused', httpStatus: 404 };
    for (const work of [
      () => sage.client.deleteRule({ access, bankAccountId, ruleId: id }),
      () => sage.client.getBankAccount({ access, bankAccountId: id }),
      () => sage.client.getBank({ bankId: id }),
    ]) {
      expect(await sageErrorOf(work())).toMatchObject(notFound);
    }
    expect(sage.requests).toEqual([]);
  },
);

test('an id with special characters stays one segment of the path', async () => {
  sage.answer = answerJson(404, {});
  await sageErrorOf(sage.client.getRule({ access, bankAccountId, ruleId: '../rules?a=b#c%2e' }));
  const company = `/api/v1/organisations/${access.organisationId}/companies/${access.companyId}`;
  expect(sage.requests[0]?.url).toBe(
    `${company}/bankaccounts/${bankAccountId}/rules/..%2Frules%3Fa%3Db%23c%252e`,
  );
});
