import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  lakeBank,
  harbourBank,
  meadowBank,
  oldCountyBank,
} from '../../../sandbox/sage-banking/seed-banks.js';
import {
  consumer,
  accountBody,
  fill,
  makeAccount,
  onboard,
  poll,
  signInAtBank,
  startLink,
  startSession,
  submit,
  type Company,
  type OwnSession,
} from './session.js';

let session: OwnSession;
let company: Company;
beforeEach(async () => {
  session = await startSession();
  company = await onboard(session);
});
afterEach(() => session.close());

describe('banks (contract 4)', () => {
  it('are listed for the region’s country, filtered and paged', async () => {
    const list = async (query: string) => (await session.call('GET', `${consumer}/banks${query}`)).body;
    const all = await list('');
    expect([all.startIndex, all.endIndex, all.total, all.banks.length]).toEqual([1, 5, 5, 5]);
    expect((await list('?primaryCountry=USA')).banks[0].bankId).toBe(lakeBank);
    expect((await list('?name=mEADow')).banks[0].bankId).toBe(meadowBank);
    expect((await list('?topBanks=true')).total).toBe(1);
    expect((await list('?dataProvider=direct')).total).toBe(3);
    const page = await list('?startIndex=2&limit=2');
    expect([page.startIndex, page.endIndex, page.total]).toEqual([2, 3, 5]);
    expect((await session.call('GET', `${consumer}/banks?limit=101`)).status).toBe(400);
  });

  it('show how a direct one is authorised, and an unknown one is 404', async () => {
    const direct = await session.call('GET', `${consumer}/banks/${oldCountyBank}`);
    expect(direct.body).toMatchObject({ dataProvider: 'direct', authorisationMechanism: { type: 'pdf' } });
    const indirect = await session.call('GET', `${consumer}/banks/${harbourBank}`);
    expect(indirect.body).toMatchObject({ dataProvider: 'indirect', authorisationMechanism: null });
    expect((await session.call('GET', `${consumer}/banks/none`)).status).toBe(404);
  });
});

describe('a link (contract 5.1)', () => {
  const start = (query: string) =>
    session.call('GET', `${company.path}/indirectlinkaccount${query}`, { token: company.token });

  it('starts with a 302 that has a body', async () => {
    const reply = await start(`?bankid=${harbourBank}&web=true`);
    expect(reply.status).toBe(302);
    expect(reply.headers.get('location')).toBe(reply.body.redirect);
    expect(Object.keys(reply.body)).toEqual(['redirect', 'pollRoute', 'pollPeriod']);
    expect(reply.body.pollPeriod).toBe(5_000);
  });

  it('has no poll route unless it is for the web', async () => {
    expect(Object.keys((await start(`?bankId=${harbourBank}`)).body)).toEqual(['redirect']);
  });

  it('is 400 for a direct bank or none, and 404 for an unknown one', async () => {
    expect((await start(`?bankId=${oldCountyBank}&web=true`)).status).toBe(400);
    expect((await start('?web=true')).status).toBe(400);
    expect((await start('?bankId=none&web=true')).status).toBe(404);
    expect(await session.violations()).toEqual(['invalid_request', 'invalid_request']);
  });

  it('loses its body to a client that follows the redirect, which is a violation', async () => {
    await fetch((await startLink(session, company)).redirect);
    expect(await session.violations()).toEqual(['redirect_followed']);
  });
});

describe('a poll route (contract 5.2)', () => {
  it('returns a new one while the user is busy, and each works once', async () => {
    const first = await startLink(session, company);
    const second = await poll(session, first.pollRoute);
    expect([second.status, second.body.pollPeriod]).toEqual([202, 5_000]);
    expect(second.body.pollRoute).not.toBe(first.pollRoute);
    expect((await poll(session, first.pollRoute)).status).toBe(410);
    expect((await poll(session, second.body.pollRoute)).status).toBe(202);
    expect(await session.violations()).toEqual([]);
    expect(await session.notes()).toContain('answered_410');
  });

  it('ends with the account, once', async () => {
    const link = await startLink(session, company);
    await session.control('POST', `/links/${link.id}/finish`, { account: 'Savings account' });
    const done = await poll(session, link.pollRoute);
    expect(done.status).toBe(200);
    expect(done.body).toMatchObject({
      success: true,
      account: { accountName: 'Savings account', accountIdentifier: '31001002' },
    });
    expect((await poll(session, link.pollRoute)).status).toBe(410);
  });

  it('ends without an account when the user gives up', async () => {
    const link = await startLink(session, company);
    await session.control('POST', `/links/${link.id}/finish`, { success: false });
    const done = await poll(session, link.pollRoute);
    expect([done.status, done.body]).toEqual([200, { account: null, success: false }]);
  });

  it('ends without an account when twenty minutes are over, and the bank’s page with it', async () => {
    const link = await startLink(session, company);
    await session.advance(20 * 60_000 - 1_000);
    const alive = await poll(session, link.pollRoute);
    expect(alive.status).toBe(202);
    await session.advance(1_000);
    expect((await signInAtBank(link.redirect)).status).toBe(410);
    const over = await poll(session, alive.body.pollRoute);
    expect([over.status, over.body]).toEqual([200, { account: null, success: false }]);
  });

  it('cannot be continued when its 202 was lost: the link is started again, and creates one account', async () => {
    const lost = await startLink(session, company);
    await session.control('POST', '/faults', { kind: 'reset_after_effect', match: { path: '/linkpolls/' } });
    await expect(poll(session, lost.pollRoute)).rejects.toThrow();
    expect((await poll(session, lost.pollRoute)).status).toBe(410);
    await makeAccount(session, company);
    const { body } = await session.call('GET', `${company.path}/bankaccounts`, { token: company.token });
    expect(body.bankAccounts).toHaveLength(1);
    expect(await session.violations()).toEqual([]);
  });

  it('is 410 and a violation when it is forged', async () => {
    const { pollRoute } = await startLink(session, company);
    expect((await poll(session, pollRoute.replace('/1?', '/2?'))).status).toBe(410);
    expect((await poll(session, pollRoute.replace(/.$/, '!'))).status).toBe(410);
    expect(await session.violations()).toEqual(['poll_route_forged', 'poll_route_forged']);
  });

  it('accepts no headers: a token is a violation', async () => {
    const { pollRoute } = await startLink(session, company);
    await session.call('GET', pollRoute, { token: company.token });
    expect(await session.violations()).toEqual(['headers_on_poll_route']);
  });

  it('notes a client that polls faster than the period, and answers it', async () => {
    const { pollRoute } = await startLink(session, company);
    await session.advance(5_000);
    const second = await poll(session, pollRoute);
    expect(await session.notes()).toEqual([]);
    expect((await poll(session, second.body.pollRoute)).status).toBe(202);
    expect(await session.notes()).toEqual(['polled_early']);
  });
});

describe('the generic bank’s pages', () => {
  const asBrowser = { headers: { accept: 'text/html' } };

  it('lead from the login and the choice of one account back to the application, without a script', async () => {
    const { redirect, pollRoute } = await startLink(session, company);
    const page = await (await fetch(redirect, asBrowser)).text();
    expect(page).toContain('Username');
    expect(page).not.toContain('<script');
    const choice = await (await signInAtBank(redirect)).text();
    expect(choice).toContain('Tax account');
    const value = /value="(ext-[^"]+)"> Tax account/.exec(choice)![1]!;
    const back = await submit(redirect, '/bank/share', { account: value });
    expect(back.status).toBe(303);
    expect(back.headers.get('location')).toMatch(/\/api\/v1\/indirectredirect\/[\w-]+\?state=\w+$/);
    expect((await fetch(back.headers.get('location')!, asBrowser)).status).toBe(200);
    expect((await poll(session, pollRoute)).body.account.accountName).toBe('Tax account');
    expect((await fetch(redirect, asBrowser)).status).toBe(410);
    expect(await session.violations()).toEqual([]);
  });

  it('refuse a wrong password, a missing sign-in and a state of another link', async () => {
    const { redirect } = await startLink(session, company);
    expect((await signInAtBank(redirect, 'wrong')).status).toBe(401);
    expect((await submit(redirect, '/bank/share', { account: 'ext-1-1' })).status).toBe(401);
    expect((await submit(redirect, '/bank/share', { state: 'forged' })).status).toBe(400);
  });

  it('accept a cancellation', async () => {
    const { redirect, pollRoute } = await startLink(session, company);
    expect((await submit(redirect, '/bank/cancel', {})).status).toBe(303);
    expect((await poll(session, pollRoute)).body).toEqual({ account: null, success: false });
  });
});

describe('re-authorisation (contract 6.4)', () => {
  it('makes an account active again, through the bank’s page and a poll', async () => {
    const account = await makeAccount(session, company);
    await fill(session, account, [], { status: 'authRequired' });
    const path = `${account.path}/indirectauth?web=true`;
    const reply = await session.call('GET', path, { token: company.token });
    expect([reply.status, reply.body.pollPeriod]).toEqual([302, 5_000]);
    await signInAtBank(reply.body.redirect);
    expect((await submit(reply.body.redirect, '/bank/share', {})).status).toBe(303);
    const done = await poll(session, reply.body.pollRoute);
    expect(done.body).toEqual({ account: null, success: true });
    expect((await session.call('GET', account.path, { token: company.token })).body.status).toBe('active');
  });

  it('changes nothing when it fails', async () => {
    const account = await makeAccount(session, company);
    await fill(session, account, [], { status: 'authRequired' });
    const path = `${account.path}/indirectauth?web=true`;
    const { body } = await session.call('GET', path, { token: company.token });
    await submit(body.redirect, '/bank/cancel', {});
    expect((await poll(session, body.pollRoute)).body).toEqual({ account: null, success: false });
    expect((await session.call('GET', account.path, { token: company.token })).body.status).toBe(
      'authRequired',
    );
  });

  it('is 400 for an account that does not wait for it, or of a direct bank', async () => {
    const account = await makeAccount(session, company);
    const ask = (path: string) =>
      session.call('GET', `${path}/indirectauth?web=true`, { token: company.token });
    expect((await ask(account.path)).status).toBe(400);
    const body = accountBody(
      { accountName: 'Branch', accountIdentifier: '1', bankIdentifier: '20-00-00' },
      { bankId: oldCountyBank },
    );
    const direct = await session.call('POST', `${company.path}/bankaccounts`, { token: company.token, body });
    await fill(session, { id: direct.body.bankAccountId, path: '' }, [], { status: 'authRequired' });
    expect((await ask(`${company.path}/bankaccounts/${direct.body.bankAccountId}`)).status).toBe(400);
  });
});
