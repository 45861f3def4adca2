import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseString, signatureOf } from '../../../sandbox/sage-banking/signature.js';
import {
  application,
  companyFields,
  consumer,
  DESKTOP,
  SIGNING_KEY,
  fetchToken,
  onboard,
  signed,
  startSession,
  type OwnSession,
} from './session.js';

let session: OwnSession;
beforeEach(async () => {
  session = await startSession();
});
afterEach(() => session.close());

const ORGANISATIONS = `${consumer}/organisations`;
const BODY = JSON.stringify(companyFields);

function create(headers: Record<string, string | null>, body = BODY) {
  return session.call('POST', ORGANISATIONS, { rawBody: body, headers });
}

describe('a request signature (contract 2.1)', () => {
  /** Vectors of our own, worked out with openssl from the documented steps. */
  const withQuery = {
    method: 'get',
    url: 'https://Example.test/API/v1/things',
    query: new URLSearchParams('web=true&bankId=a b'),
    body: Buffer.alloc(0),
    nonce: "n(1)*'!",
  };
  const withBody = {
    method: 'POST',
    url: 'https://example.test/api/v1/organisations',
    query: new URLSearchParams(),
    body: Buffer.from('{"a":1}'),
    nonce: '6f9619ff-8b86-d011-b42d-00c04fc964ff',
  };

  it('is made of four parts, the parameters sorted and encoded once more', () => {
    expect(baseString(withQuery)).toBe(
      'GET&https%3A%2F%2Fexample.test%2Fapi%2Fv1%2Fthings&bankId%3Da%2520b%26web%3Dtrue&n%281%29%2A%27%21',
    );
    expect(baseString(withBody)).toBe(
      'POST&https%3A%2F%2Fexample.test%2Fapi%2Fv1%2Forganisations&body%3DeyJhIjoxfQ%253D%253D&6f9619ff-8b86-d011-b42d-00c04fc964ff',
    );
  });

  it('has three ampersands even with no body and no parameters', () => {
    const bare = baseString({ ...withQuery, query: new URLSearchParams() });
    expect(bare.split('&')).toHaveLength(4);
    expect(bare.split('&')[2]).toBe('');
  });

  it('is base64 of HMAC-SHA1, keyed with the key and &null', () => {
    expect(signatureOf(withQuery, 'key')).toBe('rKyRot6o4iqNV9QfWM65VXHWL+k=');
    expect(signatureOf(withBody, 'key')).toBe('R8NJJUzIZqGYh6wu6XBWEMjCffU=');
  });

  it('opens an organisation with its company and its own signing key', async () => {
    const reply = await create(signed('POST', `${session.url}${ORGANISATIONS}`, SIGNING_KEY, BODY));
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body)).toEqual(['organisationId', 'companies', 'token']);
    expect(reply.body.companies).toHaveLength(1);
    expect(await session.violations()).toEqual([]);
  });

  it('is refused over other bytes, with another key, missing, or of another method', async () => {
    const url = `${session.url}${ORGANISATIONS}`;
    const attempts = [
      create(signed('POST', url, SIGNING_KEY, `${BODY} `)),
      create(signed('POST', url, 'another key', BODY)),
      create(signed('PUT', url, SIGNING_KEY, BODY)),
      create({}),
    ];
    for (const attempt of attempts) expect((await attempt).status).toBe(401);
    expect((await session.violations()).sort()).toEqual([
      'bad_signature',
      'bad_signature',
      'bad_signature',
      'missing_signature',
    ]);
    expect((await session.control('GET', '/organisations')).body.organisations).toEqual([]);
  });

  it('works once: its nonce is used up, but not by an invalid signature', async () => {
    const url = `${session.url}${ORGANISATIONS}`;
    expect((await create(signed('POST', url, 'wrong', BODY, 'nonce-1'))).status).toBe(401);
    expect((await create(signed('POST', url, SIGNING_KEY, BODY, 'nonce-1'))).status).toBe(200);
    expect((await create(signed('POST', url, SIGNING_KEY, BODY, 'nonce-1'))).status).toBe(401);
    expect(await session.violations()).toEqual(['bad_signature', 'nonce_repeated']);
  });

  it('is refused with a nonce of more than 200 characters', async () => {
    const url = `${session.url}${ORGANISATIONS}`;
    expect((await create(signed('POST', url, SIGNING_KEY, BODY, 'n'.repeat(200)))).status).toBe(200);
    expect((await create(signed('POST', url, SIGNING_KEY, BODY, 'n'.repeat(201)))).status).toBe(401);
    expect(await session.violations()).toEqual(['bad_nonce']);
  });
});

describe('an access token (contract 2.2)', () => {
  it('is valid for twenty minutes and names organisation and company', async () => {
    const { token, organisationId, companyId, path } = await onboard(session);
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(claims).toMatchObject({ organisationId, companyId, sourceProduct: application, iss: 'wpb-auth' });
    expect(claims.exp - claims.iat).toBe(1_200);
    const accounts = `${path}/bankaccounts`;
    await session.advance(1_198_000);
    expect((await session.call('GET', accounts, { token })).status).toBe(200);
    await session.advance(2_000);
    expect((await session.call('GET', accounts, { token })).status).toBe(401);
    // An expired token is no breach: the client notices by the 401.
    expect(await session.violations()).toEqual([]);
  });

  it('is issued by either service, under either spelling of the organisation’s header', async () => {
    const { organisationId, signingKey } = await onboard(session);
    const path = '/auth-v1/accessToken';
    const headers = {
      ...signed('POST', `${session.url}${path}`, signingKey),
      'X-OrganisationId': organisationId,
    };
    const reply = await session.call('POST', path, { headers });
    expect(reply.status).toBe(200);
    expect(reply.body.jwt).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('is refused when it is missing, forged or not of this company', async () => {
    const one = await onboard(session);
    const other = await onboard(session);
    const accounts = `${one.path}/bankaccounts`;
    const [head, , signature] = one.token.split('.');
    const claims = Buffer.from(JSON.stringify({ organisationId: one.organisationId, exp: 9e9 })).toString(
      'base64url',
    );
    const status = async (token?: string) =>
      (await session.call('GET', accounts, token === undefined ? {} : { token })).status;
    expect(await status()).toBe(401);
    expect(await status(`${head}.${claims}.${signature}`)).toBe(401);
    expect(await status(other.token)).toBe(403);
    const { companyId: _companyId, ...organisation } = one;
    expect(await status(await fetchToken(session, organisation))).toBe(403);
    expect(await session.violations()).toEqual([
      'missing_token',
      'malformed_token',
      'foreign_token',
      'foreign_token',
    ]);
  });

  it('is not made for a company of another organisation', async () => {
    const one = await onboard(session);
    const other = await onboard(session);
    expect(await fetchToken(session, { ...one, companyId: other.companyId })).toBeUndefined();
    expect(await session.violations()).toEqual(['foreign_company']);
  });

  it('of the organisation opens a company through the Authentication Service', async () => {
    const path = '/auth-v1/organisations';
    const body = JSON.stringify({ name: 'Northgate Trading' });
    const headers = signed('POST', `${session.url}${path}`, SIGNING_KEY, body);
    const made = await session.call('POST', path, { rawBody: body, headers });
    const { organisationId, PrimarySigningKey: signingKey } = made.body;
    const token = await fetchToken(session, { organisationId, signingKey });
    const company = await session.call('POST', `${path}/${organisationId}/companies`, {
      token,
      body: { name: 'A' },
    });
    expect(company.status).toBe(201);
    const { companyId } = company.body;
    const ofCompany = await fetchToken(session, { organisationId, companyId, signingKey });
    const accounts = `${consumer}/organisations/${organisationId}/companies/${companyId}/bankaccounts`;
    expect((await session.call('GET', accounts, { token: ofCompany })).status).toBe(200);
  });
});

describe('x-application (contract 1)', () => {
  it('is required everywhere but at a poll route, also for the public list of banks', async () => {
    const banks = `${consumer}/banks`;
    expect((await session.call('GET', banks)).status).toBe(200);
    expect((await session.call('GET', banks, { headers: { 'x-application': null } })).status).toBe(401);
    expect(
      (await session.call('GET', banks, { headers: { 'x-application': 'Sage.UK.Nobody' } })).status,
    ).toBe(401);
    expect(await session.violations()).toEqual(['unknown_application', 'unknown_application']);
  });

  it('of a desktop product cannot sign', async () => {
    const headers = signed('POST', `${session.url}${ORGANISATIONS}`, SIGNING_KEY, BODY);
    expect((await create({ ...headers, 'x-application': DESKTOP })).status).toBe(401);
  });
});

describe('an endpoint that the service does not have', () => {
  it('is 404 and a violation', async () => {
    expect((await session.call('GET', `${consumer}/nothing`)).status).toBe(404);
    expect(await session.violations()).toEqual(['unknown_endpoint']);
  });
});
