import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  application,
  fetchToken,
  fill,
  makeAccount,
  makeRule,
  onboard,
  readTransactions,
  rule,
  someTransactions,
  startSession,
  type Company,
  type LinkedAccount,
  type OwnSession,
  type Reply,
} from './session.js';

const runMs = 60_000;

let session: OwnSession;
let company: Company;
let account: LinkedAccount;
beforeEach(async () => {
  session = await startSession({ reprocessRunMs: runMs });
  company = await onboard(session);
  account = await makeAccount(session, company);
  await fill(session, account, someTransactions(3));
});
afterEach(() => session.close());

const start = (transactionIds: unknown, at = account): Promise<Reply> =>
  session.call('POST', `${at.path}/reprocesstransactions`, {
    token: company.token,
    body: { transactionIds },
  });
const poll = (route: string): Promise<Reply> => session.call('GET', route, { token: company.token });
const makeDebitRule = (ruleName: string): Promise<Reply> =>
  makeRule(session, company, account, rule([['$baseType', 'eq', 'debit']], { ruleName }));

interface Shown {
  transactionId: number;
  predictedActions: { source: string; actions: { accountsPostings: { createdBy: string }[] } }[];
}

function predictedNames(reply: Reply): string[][] {
  const transactions: Shown[] = reply.body.transactions;
  return transactions.map((transaction) =>
    transaction.predictedActions.map(
      (action) => action.actions.accountsPostings[0]?.createdBy ?? action.source,
    ),
  );
}

describe('reprocessing (contract 10)', () => {
  it('goes from accepted to done at one address that may be polled repeatedly', async () => {
    await makeDebitRule('Energy');
    const started = await start([1, 3, 99]);
    expect(started.status).toBe(202);
    expect(started.body).toEqual({
      requestId: expect.any(String) as string,
      pollRoute: `${session.url}${account.path}/reprocesstransactions?requestId=${started.body.requestId}`,
      pollPeriod: 1_000,
    });
    const waiting = await poll(started.body.pollRoute);
    expect([waiting.status, waiting.body]).toEqual([202, started.body]);
    await session.advance(runMs);
    for (let polls = 0; polls < 2; polls += 1) {
      const done = await poll(started.body.pollRoute);
      expect(done.status).toBe(200);
      expect(predictedNames(done)).toEqual([['Energy'], ['Energy']]);
    }
    const { body } = await readTransactions(session, company, account);
    expect(body.bankTransactionList.transactions[1].predictedActions).toEqual([]);
    expect(await session.violations()).toEqual([]);
  });

  it('requires application and token, unlike the poll route of a link', async () => {
    const { pollRoute } = (await start([1])).body;
    expect((await session.call('GET', pollRoute)).status).toBe(401);
    const bare = { token: company.token, headers: { 'x-application': null } };
    expect((await session.call('GET', pollRoute, bare)).status).toBe(401);
  });

  it('ignores a body on the GET, as the guide’s own example has one', async () => {
    const { pollRoute } = (await start([1])).body;
    const body = 'not even JSON';
    const authorization = `Bearer ${company.token}`;
    const headers = { 'x-application': application, authorization, 'content-length': body.length };
    const asked = request(pollRoute, { method: 'GET', headers });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(202);
  });

  it('uses the rules at the time of the run, not of the request', async () => {
    const { pollRoute } = (await start([1])).body;
    await makeDebitRule('Late');
    const { body } = await readTransactions(session, company, account);
    expect(body.bankTransactionList.transactions[0].predictedActions).toEqual([]);
    await session.advance(runMs);
    expect(predictedNames(await poll(pollRoute))).toEqual([['Late']]);
  });

  it('replaces what rules predicted and keeps what auto categorisation did', async () => {
    const first = await makeDebitRule('First');
    await session.control('POST', `/accounts/${account.id}/predictions`, { transaction_id: 1 });
    const run = async () => {
      const { pollRoute } = (await start([1])).body;
      await session.advance(runMs);
      return predictedNames(await poll(pollRoute));
    };
    expect(await run()).toEqual([['First', 'autoCategorisation']]);
    await session.call('DELETE', `${account.path}/rules/${first.body.ruleId}`, { token: company.token });
    expect(await run()).toEqual([['autoCategorisation']]);
  });

  it('processes two runs of one account one after the other', async () => {
    const one = (await start([1])).body;
    const two = (await start([2])).body;
    await session.advance(runMs);
    expect([(await poll(one.pollRoute)).status, (await poll(two.pollRoute)).status]).toEqual([200, 202]);
    await session.advance(runMs);
    expect((await poll(two.pollRoute)).status).toBe(200);
  });

  it('can fail, for good, with the earlier predictions kept', async () => {
    await makeDebitRule('Energy');
    const good = (await start([1])).body;
    await session.advance(runMs);
    expect((await poll(good.pollRoute)).status).toBe(200);
    await session.control('POST', '/faults', { kind: 'reprocess_fails' });
    const bad = (await start([1])).body;
    await session.advance(runMs);
    for (let polls = 0; polls < 2; polls += 1) {
      const reply = await poll(bad.pollRoute);
      expect([reply.status, reply.body.error.code]).toEqual([500, 'internal']);
    }
    expect(predictedNames(await poll(good.pollRoute))).toEqual([['Energy']]);
  });

  it('can be slow, or never end', async () => {
    await session.control('POST', '/faults', { kind: 'slow_reprocess', run_ms: 2 * runMs });
    const slow = (await start([1])).body;
    await session.advance(runMs);
    expect((await poll(slow.pollRoute)).status).toBe(202);
    await session.advance(runMs);
    expect((await poll(slow.pollRoute)).status).toBe(200);
    await session.control('POST', '/faults', { kind: 'reprocess_never_ends' });
    const endless = (await start([1])).body;
    await session.advance(10 * runMs);
    expect((await poll(endless.pollRoute)).status).toBe(202);
  });

  it('keeps results for a day; afterwards, and for an unknown request, it is 404', async () => {
    const { pollRoute } = (await start([1])).body;
    await session.advance(runMs);
    await session.advance(24 * 3_600_000 - 1_000);
    company = { ...company, token: await fetchToken(session, company) };
    expect((await poll(pollRoute)).status).toBe(200);
    await session.advance(1_000);
    expect((await poll(pollRoute)).status).toBe(404);
    expect((await poll(`${account.path}/reprocesstransactions?requestId=none`)).status).toBe(404);
    expect((await poll(`${account.path}/reprocesstransactions`)).status).toBe(400);
  });

  it.each([
    { what: 'an empty list', ids: [] },
    { what: 'no list', ids: 1 },
    { what: 'ids that are no numbers', ids: ['1'] },
    { what: 'more than 1,000 ids', ids: Array.from({ length: 1_001 }, (_, index) => index) },
  ])('is 400 for $what', async ({ ids }) => {
    expect((await start(ids)).status).toBe(400);
  });
});
