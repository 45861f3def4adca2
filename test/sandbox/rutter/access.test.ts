import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNTS, makeConnection, startSession, type Session } from './session.js';

let session: Session;
beforeEach(async () => {
  session = await startSession();
});
afterEach(() => session.close());

describe('authentication and authorization at Rutter', () => {
  it('refuses wrong credentials with 401 and quotes a request id', async () => {
    const reply = await session.call('GET', '/connections', { headers: { authorization: 'Basic eDp5' } });
    expect(reply.status).toBe(401);
    expect(reply.body).toMatchObject({ error_type: 'CONNECTION_ERROR', error_code: 'INVALID_CREDENTIALS' });
    expect(reply.headers.get('x-rutter-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers a probe of an unknown job with 410 when the credentials are good', async () => {
    const probe = '/jobs/7b0d4a52-0f6e-4a43-8e51-0e1f6ad5e111';
    expect((await session.call('GET', probe)).status).toBe(410);
    await session.control('POST', '/organisations/revoke', { revoked: true });
    expect((await session.call('GET', probe)).status).toBe(401);
    await session.control('POST', '/organisations/revoke', { revoked: false });
    expect((await session.call('GET', probe)).status).toBe(410);
  });

  it('refuses a request without a known version header, and records it', async () => {
    const reply = await session.call('GET', '/connections', { headers: { 'x-rutter-version': null } });
    expect(reply.status).toBe(400);
    expect(
      (await session.call('GET', '/connections', { headers: { 'x-rutter-version': '1999' } })).status,
    ).toBe(400);
    expect(await session.violations()).toEqual(['missing_version_header', 'missing_version_header']);
  });

  it('accepts the access token in the query only and records it elsewhere', async () => {
    const { token } = await makeConnection(session);
    const without = await session.call('GET', ACCOUNTS, { headers: { 'x-access-token': token } });
    expect(without.body.error_code).toBe('MISSING_ACCESS_TOKEN');
    expect(await session.violations()).toEqual(['access_token_in_header']);
  });

  it('refuses a revoked token of one connection and leaves the others alone', async () => {
    const first = await makeConnection(session);
    const second = await makeConnection(session);
    await session.control('POST', `/connections/${first.id}/token`, { revoked: true });
    expect((await session.call('GET', ACCOUNTS, { token: first.token })).status).toBe(401);
    expect((await session.call('GET', ACCOUNTS, { token: second.token })).status).toBe(200);
    await session.control('POST', `/connections/${first.id}/token`, { revoked: false });
    expect((await session.call('GET', ACCOUNTS, { token: first.token })).status).toBe(200);
  });

  it('never shows an access token in its request log', async () => {
    const { token } = await makeConnection(session);
    await session.call('GET', ACCOUNTS, { token });
    const log = await session.control('GET', '/requests');
    expect(log.text).not.toContain(token);
    expect(log.body.requests.at(-1)?.path).toBe(`${ACCOUNTS}?access_token=redacted`);
  });
});

describe("Rutter's rate limit", () => {
  it('accepts 500 requests in ten seconds over all connections and refuses the 501st', async () => {
    for (let sent = 0; sent < 500; sent += 50) {
      const replies = await Promise.all(
        Array.from({ length: 50 }, () => session.call('GET', '/connections')),
      );
      expect(replies.every((reply) => reply.status === 200)).toBe(true);
    }
    const refused = await session.call('GET', '/connections');
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ error_type: 'RATE_LIMIT_ERROR', error_code: 'RATE_LIMIT_EXCEEDED' });
    expect(refused.headers.get('retry-after')).toBeNull();
    await session.control('POST', '/clock', { advance_ms: 10_001 });
    expect((await session.call('GET', '/connections')).status).toBe(200);
    expect(await session.violations()).toEqual(['rate_limit_exceeded']);
  });
});

describe("the states of Rutter's connections", () => {
  it.each([
    ['needs_reauth', 400, 'NEEDS_UPDATE'],
    ['disabled', 400, 'CONNECTION_DISABLED'],
    ['not_ready', 400, 'PRODUCT_NOT_READY'],
    ['unhealthy', 200, undefined],
  ])('answers reads of a %s connection with %i', async (status, expected, code) => {
    const { id, token } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, { status });
    const reply = await session.call('GET', ACCOUNTS, { token });
    expect(reply.status).toBe(expected);
    expect(reply.body.error_code).toBe(code);
  });

  it('lets force_fetch read a connection whose first sync is not finished', async () => {
    const { id, token } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, { status: 'not_ready' });
    expect((await session.call('GET', ACCOUNTS, { token, query: { force_fetch: 'true' } })).status).toBe(200);
  });
});
