import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OTP, makeConnection, startSession, type Session, type TestConnection } from './session.js';

let session: Session;
let connection: TestConnection;
beforeEach(async () => {
  session = await startSession({}, { sageLandingUrl: 'http://sage.example/landing' });
  connection = await makeConnection(session);
});
afterEach(() => session.close());

async function startLogin(): Promise<{ challenge: string; redirect_uri: string; login_query: string }> {
  return (await session.control('POST', '/challenges', {})).body;
}

async function makeOtp(key?: string) {
  const options = { token: connection.token, body: {}, ...(key === undefined ? {} : { key }) };
  return (await session.call('POST', OTP, options)).body.bank_feed_otp;
}

async function arrive(url: string) {
  const response = await fetch(url, { redirect: 'manual' });
  return { status: response.status, location: response.headers.get('location'), text: await response.text() };
}

async function isLinked(): Promise<boolean> {
  return (await session.control('GET', `/connections/${connection.id}`)).body.linked;
}

describe("the end of a login at Rutter's sage_redirect", () => {
  it('links the company and redirects the browser when challenge and OTP are valid', async () => {
    const login = await startLogin();
    expect(login.login_query).toBe(`challenge=${login.challenge}&redirect_uri=${login.redirect_uri}`);
    const { otp, redirect_uri: redirectUri } = await makeOtp();
    const outcome = await arrive(`${String(redirectUri)}?challenge=${login.challenge}&otp=${otp}`);
    expect(outcome).toMatchObject({
      status: 302,
      location: `http://sage.example/landing?connection_id=${connection.id}`,
    });
    expect(await isLinked()).toBe(true);
  });

  it('shows a page, links nothing and keeps the OTP valid when the challenge is invalid', async () => {
    const { otp } = await makeOtp();
    const bad = await arrive(`${session.url}/sage_redirect?challenge=unknown&otp=${otp}`);
    expect(bad.status).toBe(400);
    expect(bad.text).toContain('<!doctype html>');
    expect(bad.text).not.toContain(otp);
    expect(await isLinked()).toBe(false);
    const { redirect_uri: redirectUri } = await startLogin();
    expect((await arrive(`${redirectUri}&otp=${otp}`)).status).toBe(302);
  });

  it('refuses a missing OTP and a repeated challenge', async () => {
    const { redirect_uri: redirectUri } = await startLogin();
    const { otp } = await makeOtp();
    expect((await arrive(redirectUri)).status).toBe(400);
    expect((await arrive(`${redirectUri}&otp=${otp}&challenge=again`)).status).toBe(400);
  });

  it('expires the challenge after ten minutes, long before the OTP', async () => {
    const early = await startLogin();
    const { otp } = await makeOtp();
    await session.control('POST', '/clock', { advance_ms: 600_001 });
    expect((await arrive(`${early.redirect_uri}&otp=${otp}`)).status).toBe(400);
    expect((await arrive(`${(await startLogin()).redirect_uri}&otp=${otp}`)).status).toBe(302);
  });

  it('expires an OTP after an hour', async () => {
    const { otp } = await makeOtp();
    await session.control('POST', '/clock', { advance_ms: 3_600_001 });
    expect((await arrive(`${(await startLogin()).redirect_uri}&otp=${otp}`)).status).toBe(400);
  });

  it('cancels every earlier OTP of the connection with a new one', async () => {
    const first = await makeOtp();
    const second = await makeOtp();
    const { redirect_uri: redirectUri } = await startLogin();
    expect((await arrive(`${redirectUri}&otp=${first.otp}`)).status).toBe(400);
    expect((await arrive(`${redirectUri}&otp=${second.otp}`)).status).toBe(302);
    const { body } = await session.control('GET', '/violations');
    const rules = body.notes.map((note) => note.rule);
    expect(rules).toEqual(['otp_repeated', 'superseded_otp_arrived']);
  });

  it('replays the same OTP under the same Idempotency-Key', async () => {
    const first = await makeOtp('key-of-this-login');
    expect(await makeOtp('key-of-this-login')).toEqual(first);
  });

  it('accepts a pair once: a reload is only noted, another challenge is a violation', async () => {
    const login = await startLogin();
    const { otp } = await makeOtp();
    await arrive(`${login.redirect_uri}&otp=${otp}`);
    expect((await arrive(`${login.redirect_uri}&otp=${otp}`)).status).toBe(400);
    expect(await session.violations()).toEqual([]);
    expect((await arrive(`${(await startLogin()).redirect_uri}&otp=${otp}`)).status).toBe(400);
    expect(await session.violations()).toEqual(['otp_reuse']);
  });

  it('may leave the redirect of the OTP empty', async () => {
    await session.control('POST', '/knobs', { nullRedirectUri: true });
    expect((await makeOtp()).redirect_uri).toBeNull();
  });

  it('records an OTP asked for without an Idempotency-Key', async () => {
    await session.call('POST', OTP, { token: connection.token, body: {}, key: null });
    expect(await session.violations()).toEqual(['missing_idempotency_key']);
  });
});
