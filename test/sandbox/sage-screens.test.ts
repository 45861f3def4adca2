import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSageScreens, type RunningScreens } from '../../sandbox/sage-screens/server.js';
import {
  ACCOUNTS,
  CLIENT_ID,
  CLIENT_SECRET,
  OTP,
  TRANSACTIONS,
  batch,
  makeAccount,
  makeConnection,
  startSession,
  transaction,
  type Session,
} from './rutter/session.js';

const LOGIN_URL = 'http://localhost:1/login';

let session: Session;
let screens: RunningScreens;
beforeEach(async () => {
  session = await startSession();
  screens = await startSageScreens({ rutterUrl: session.url, loginUrl: LOGIN_URL });
});
afterEach(async () => {
  await screens.close();
  await session.close();
});

async function open(path: string, form?: [string, string][]) {
  const init: RequestInit = { redirect: 'manual' };
  if (form !== undefined) Object.assign(init, { method: 'POST', body: new URLSearchParams(form) });
  const response = await fetch(new URL(path, screens.url), init);
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    headers: response.headers,
    text: await response.text(),
  };
}

/** From "Connect your bank" through the bank's login, request by request. */
async function linkedConnection() {
  const connection = await makeConnection(session);
  const accountId = await makeAccount(session, connection.token);
  const { location } = await open('/connect', []);
  const redirectUri = location.slice(location.indexOf('redirect_uri=') + 'redirect_uri='.length);
  const { otp } = (await session.call('POST', OTP, { token: connection.token, body: {} })).body.bank_feed_otp;
  const arrived = await fetch(`${redirectUri}&otp=${otp}`, { redirect: 'manual' });
  expect(arrived.status).toBe(302);
  return { ...connection, accountId };
}

describe("the pages that play Sage's side", () => {
  it("send the browser to the bank's login with the inner address un-encoded", async () => {
    const { status, location } = await open('/connect', []);
    expect(status).toBe(303);
    const challenge = new URL(location).searchParams.get('challenge') ?? '';
    const inner = `${session.url}/sage_redirect?challenge=${challenge}`;
    expect(location).toBe(`${LOGIN_URL}?challenge=${challenge}&redirect_uri=${inner}`);
  });

  it('offer the accounts of the linked connection and start their feeds to the millisecond', async () => {
    const { id, token, accountId } = await linkedConnection();
    const landing = await open(`/landing?connection_id=${id}`);
    expect(landing.text).toContain('Start date of Trading account (UTC)');
    const form: [string, string][] = [
      ['connection_id', id],
      ['account', accountId],
      [`start-${accountId}`, '2026-01-10T08:30:00.250'],
    ];
    expect((await open('/start-feed', form)).location).toBe(`/register?connection_id=${id}`);
    const { body } = await session.call('GET', `${ACCOUNTS}/${accountId}`, { token });
    expect(body.bank_feed_account).toMatchObject({
      feed_status: 'active',
      transaction_ready: true,
      transaction_start_date: '2026-01-10T08:30:00.250Z',
    });
    await session.call('POST', TRANSACTIONS, {
      token,
      body: batch(accountId, [transaction(1, { description: '<b>Bold & co</b>' })]),
    });
    const register = await open(`/register?connection_id=${id}`);
    expect(register.text).toContain('&lt;b&gt;Bold &amp; co&lt;/b&gt;');
    expect(register.text).toContain('http-equiv="refresh"');
    await open('/disconnect', [
      ['connection_id', id],
      ['disconnect', accountId],
    ]);
    const stopped = await session.call('GET', `${ACCOUNTS}/${accountId}`, { token });
    expect(stopped.body.bank_feed_account.feed_status).toBe('inactive');
  });

  it('start no feed on a connection that no login has linked', async () => {
    const { id, token } = await makeConnection(session);
    const accountId = await makeAccount(session, token);
    const reply = await open('/start-feed', [
      ['connection_id', id],
      ['account', accountId],
      [`start-${accountId}`, '2026-01-10T08:30'],
    ]);
    expect(reply.status).toBe(409);
    expect(reply.text).toContain('role="alert"');
  });

  it('frame the login from another site, and keep the opener', async () => {
    const moved = await fetch(`http://localhost:${screens.port}/frame`, { redirect: 'manual' });
    expect(moved.headers.get('location')).toBe(`http://127.0.0.1:${screens.port}/frame`);
    const page = await open('/frame');
    expect(page.text).toContain('<iframe src="/connect"');
    expect(page.headers.get('cross-origin-opener-policy')).toBeNull();
  });
});

describe("the page that simulates Rutter's Link", () => {
  it('returns to the application with a public token that can be exchanged', async () => {
    const reply = await open('/link', [
      ['platform', 'SAGE_BUSINESS_CLOUD'],
      ['return_to', 'http://localhost:8080/status?x=1'],
    ]);
    expect(reply.status).toBe(303);
    const back = new URL(reply.location);
    expect(`${back.origin}${back.pathname}`).toBe('http://localhost:8080/status');
    const exchanged = await session.call('POST', '/item/public_token/exchange', {
      body: {
        client_id: CLIENT_ID,
        secret: CLIENT_SECRET,
        public_token: back.searchParams.get('public_token'),
      },
    });
    expect(exchanged.body.platform).toBe('SAGE_BUSINESS_CLOUD');
  });

  it('redirects to web addresses only', async () => {
    const reply = await open('/link', [
      ['platform', 'SAGE_INTACCT'],
      ['return_to', 'javascript:alert(1)'],
    ]);
    expect(reply.status).toBe(400);
  });

  it('reactivates a connection that needed its customer, under the same token', async () => {
    const { id, token } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, { status: 'needs_reauth' });
    expect((await open(`/connection/${id}`)).text).toContain('Reconnect');
    await open(`/connection/${id}`, [['platform', 'SAGE_BANK_FEEDS']]);
    expect((await session.call('GET', ACCOUNTS, { token })).status).toBe(200);
  });
});
