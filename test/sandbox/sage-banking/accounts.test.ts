import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { harbourBank, lakeBank, millBank, oldCountyBank } from '../../../sandbox/sage-banking/seed-banks.js';
import {
  startDate,
  accountBody,
  fetchToken,
  fill,
  linkAccount,
  makeAccount,
  makeRule,
  onboard,
  poll,
  readTransactions,
  rule,
  someTransactions,
  startLink,
  startSession,
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

const post = (body: unknown, by = company) =>
  session.call('POST', `${by.path}/bankaccounts`, { token: by.token, body });
const statusOf = async (path: string) =>
  (await session.call('GET', path, { token: company.token })).body.status;

const directBody = (more: Record<string, unknown> = {}) =>
  accountBody(
    { accountName: 'Branch account', accountIdentifier: '55779911', bankIdentifier: '20-00-00' },
    { bankId: oldCountyBank, ...more },
  );

describe('an indirect bank account (contract 6.2)', () => {
  it('is made from the result of a link, pending, and can be read', async () => {
    const linked = await linkAccount(session, company);
    const made = await post(accountBody(linked, { featureObject: { autoCategorisation: true } }));
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      status: 'pending',
      statusReason: 'standardAuthentication',
      dataProvider: 'indirect',
      accountName: linked.accountName,
      requestedStartDate: startDate,
      featureObject: { autoCategorisation: true },
    });
    expect(made.body).not.toHaveProperty('lastTransactionId');
    const path = `${company.path}/bankaccounts/${made.body.bankAccountId}`;
    // The sources spell the path in two ways.
    for (const spelled of [path, path.replace('bankaccounts', 'bankAccounts')]) {
      expect((await session.call('GET', spelled, { token: company.token })).body).toEqual(made.body);
    }
    expect(await session.violations()).toEqual([]);
  });

  it('takes "1" for an accountKey that the poll did not give', async () => {
    await session.control('POST', '/knobs', { accountKeyMissing: true, bankIdentifierMissing: true });
    const linked = await linkAccount(session, company);
    expect(linked).not.toHaveProperty('accountKey');
    expect((await post(accountBody({ ...linked, accountKey: '1' }))).status).toBe(201);
  });

  it('is 400 when no link of this company yielded it, naming the field', async () => {
    const linked = await linkAccount(session, company);
    const other = await onboard(session);
    for (const attempt of [
      post(accountBody({ ...linked, accountIdentifier: '99' })),
      post(accountBody({ ...linked, accountKey: 'made up' })),
      post(accountBody(linked, { bankId: lakeBank, accountType: 'CHECKING' })),
      post(accountBody(linked), other),
    ]) {
      const { status, body } = await attempt;
      expect([status, body.error.details[0].field]).toEqual([400, 'accountKey']);
    }
  });

  it('is 409 a second time, until the first is cancelled; a result of a link serves once', async () => {
    const linked = await linkAccount(session, company);
    const first = await post(accountBody(linked));
    expect((await post(accountBody(linked))).status).toBe(409);
    await session.call('DELETE', `${company.path}/bankaccounts/${first.body.bankAccountId}`, {
      token: company.token,
    });
    expect((await post(accountBody(linked))).status).toBe(400);
    const again = await post(accountBody(await linkAccount(session, company)));
    expect(again.status).toBe(201);
    expect(again.body.bankAccountId).not.toBe(first.body.bankAccountId);
  });

  it('may be linked in another company too', async () => {
    await makeAccount(session, company);
    const other = await onboard(session);
    expect((await post(accountBody(await linkAccount(session, other)), other)).status).toBe(201);
  });

  it('is refused with all faults at once: missing fields, a future start, a wrong type', async () => {
    const { body, status } = await post({
      bankId: harbourBank,
      accountType: 'LOAN',
      requestedStartDate: '2999-01-01T00:00:00Z',
      defaultCurrency: 'pounds',
    });
    expect(status).toBe(400);
    const fields = (body.error.details as { field: string }[]).map((fault) => fault.field);
    expect(fields).toEqual([
      'accountName',
      'accountIdentifier',
      'accountType',
      'defaultCurrency',
      'requestedStartDate',
    ]);
    expect((await post({})).body.error.details[0].field).toBe('bankId');
    expect((await post({ bankId: 'none' })).status).toBe(404);
  });
});

describe('a direct bank account (contract 6.3)', () => {
  it('carries the address of its form, valid for an hour and new on every read', async () => {
    const made = await post(directBody());
    expect(made.status).toBe(201);
    const form = await fetch(made.body.authorisationData.formUrl);
    expect([form.status, form.headers.get('content-type')]).toEqual([200, 'application/pdf']);
    expect((await fetch(`${made.body.authorisationData.formUrl}0`)).status).toBe(410);
    await session.advance(3_600_000);
    expect((await fetch(made.body.authorisationData.formUrl)).status).toBe(410);
    const path = `${company.path}/bankaccounts/${made.body.bankAccountId}`;
    const token = await fetchToken(session, company);
    const again = await session.call('GET', path, { token });
    expect((await fetch(again.body.authorisationData.formUrl)).status).toBe(200);
  });

  it('has no form where the bank gives instructions', async () => {
    const made = await post(directBody({ bankId: millBank }));
    expect([made.status, made.body.authorisationData]).toEqual([201, undefined]);
  });

  it('exists once in the service, and wants its bank identifier', async () => {
    await post(directBody());
    expect((await post(directBody())).status).toBe(409);
    expect((await post(directBody(), await onboard(session))).status).toBe(409);
    expect((await post(directBody({ bankIdentifier: null }))).status).toBe(400);
  });

  it('is active with its first transactions', async () => {
    const { bankAccountId: id } = (await post(directBody())).body;
    const path = `${company.path}/bankaccounts/${id}`;
    await fill(session, { id, path }, someTransactions(1));
    expect(await statusOf(path)).toBe('active');
  });
});

describe('the status of an account (contract 6.4)', () => {
  it('changes from pending to active to authRequired, as statements require', async () => {
    const account = await makeAccount(session, company);
    expect(await statusOf(account.path)).toBe('pending');
    await fill(session, account, someTransactions(1), { balance: 12.5 });
    expect(await statusOf(account.path)).toBe('active');
    await fill(session, account, [], { status: 'authRequired' });
    const { body } = await readTransactions(session, company, account);
    expect(body.bankAccount).toMatchObject({
      status: 'authRequired',
      ledgerBalance: 12.5,
      lastTransactionId: 1,
    });
  });

  it('becomes active by a statement without transactions, and authRequired from pending', async () => {
    const account = await makeAccount(session, company);
    await fill(session, account, [], { status: 'authRequired' });
    expect(await statusOf(account.path)).toBe('authRequired');
    await fill(session, account, [], { status: 'active' });
    expect(await statusOf(account.path)).toBe('active');
  });
});

describe('disconnecting (contract 6.5)', () => {
  it('cancels for good, deletes transactions, disconnects the rules and notifies the provider', async () => {
    const account = await makeAccount(session, company);
    await fill(session, account, someTransactions(2));
    await makeRule(session, company, account, rule([['$baseType', 'eq', 'debit']]));
    const { token } = company;
    expect((await session.call('DELETE', account.path, { token })).status).toBe(204);
    expect((await session.call('DELETE', account.path, { token })).status).toBe(204);
    expect(await statusOf(account.path)).toBe('cancelled');
    const { body } = await readTransactions(session, company, account);
    expect(body.bankTransactionList).toMatchObject({ transactions: [], total: 0 });
    const rules = await session.call('GET', `${company.path}/rules?status=disconnected`, { token });
    expect(rules.body.rules).toMatchObject([{ bankAccountId: account.id, status: 'disconnected' }]);
    const notifications: unknown[] = (await session.control('GET', '/notifications')).body.notifications;
    expect(notifications.at(-1)).toMatchObject({
      type: 'resourceDeleted',
      resource: { type: 'bankAccount', id: account.id },
    });
  });

  it('leaves every other write with 409', async () => {
    const account = await makeAccount(session, company);
    await fill(session, account, someTransactions(1));
    const { token } = company;
    const made = await makeRule(session, company, account, rule([['$baseType', 'eq', 'debit']]));
    const rulePath = `${account.path}/rules/${made.body.ruleId}`;
    await session.call('DELETE', account.path, { token });
    const writes: [method: string, path: string, body?: unknown][] = [
      ['PATCH', account.path, { accountName: 'New' }],
      ['POST', `${account.path}/rules`, rule([['$baseType', 'eq', 'credit']])],
      ['PATCH', rulePath, { ruleName: 'New' }],
      ['PUT', rulePath, rule([['$baseType', 'eq', 'credit']])],
      ['DELETE', rulePath],
      ['POST', `${account.path}/reprocesstransactions`, { transactionIds: [1] }],
      ['PATCH', `${account.path}/transactions/1`, { transactionNarrative: 'New' }],
    ];
    for (const [method, path, body] of writes) {
      const reply = await session.call(method, path, { token, body });
      expect([method, path, reply.status]).toEqual([method, path, 409]);
    }
    expect((await fill(session, account, someTransactions(1, 'late'))).status).toBe(409);
  });

  it('removes the account from the list, unless cancelled ones are requested', async () => {
    const account = await makeAccount(session, company);
    await session.call('DELETE', account.path, { token: company.token });
    const count = async (query: string) => {
      const { body } = await session.call('GET', `${company.path}/bankaccounts${query}`, {
        token: company.token,
      });
      return body.bankAccounts.length;
    };
    expect([await count(''), await count('?includeCancelled=true')]).toEqual([0, 1]);
  });
});

describe('changing an account (contract 6.1)', () => {
  it('accepts the name and the switches and refuses any other field', async () => {
    const account = await makeAccount(session, company);
    const change = (body: unknown) => session.call('PATCH', account.path, { token: company.token, body });
    const changed = await change({ accountName: 'Till', featureOptions: { autoCategorisation: false } });
    expect(changed.body).toMatchObject({
      accountName: 'Till',
      featureOptions: { autoCategorisation: false },
    });
    expect((await change({ status: 'active' })).status).toBe(400);
  });
});

describe('an account of another company', () => {
  it('is not there', async () => {
    const account = await makeAccount(session, company);
    const other = await onboard(session);
    const path = `${other.path}/bankaccounts/${account.id}`;
    expect((await session.call('GET', path, { token: other.token })).status).toBe(404);
    expect(
      (await session.call('GET', `${company.path}/bankaccounts/none`, { token: company.token })).status,
    ).toBe(404);
  });
});

describe('further accounts of one authorisation (contract 6.6)', () => {
  const list = async (id: string) => {
    const path = `${company.path}/availablebankaccounts?bankAccountIds=${id}`;
    return (await session.call('GET', path, { token: company.token })).body.availableAccounts;
  };
  const link = (bankAccountCandidateId: string) =>
    session.call('POST', `${company.path}/linkavailablebankaccount`, {
      token: company.token,
      body: { bankAccountCandidateId, requestedStartDate: startDate },
    });

  it('are known after a refresh, and linked without another login', async () => {
    const account = await makeAccount(session, company);
    expect(await list(account.id)).toEqual([]);
    expect(await list(account.id)).toEqual([]);
    await session.advance(10_000);
    const known: { bankAccountCandidateId: string; metadata: { connected: boolean } }[] = await list(
      account.id,
    );
    expect(known.map((candidate) => candidate.metadata.connected)).toEqual([true, false, false]);
    const [connected, free] = known;
    const made = await link(free!.bankAccountCandidateId);
    expect([made.status, made.body.status]).toEqual([201, 'pending']);
    expect((await link(connected!.bankAccountCandidateId)).status).toBe(409);
    expect((await link('none')).status).toBe(404);
  });

  it('are also those of a login by the bank’s own customers', async () => {
    const customer = { bank_id: harbourBank, username: 'till', password: 'till' };
    const accounts = [{ name: 'Till account', account_identifier: '70000001' }];
    await session.control('POST', '/bank-customers', { ...customer, accounts });
    const started = await startLink(session, company);
    await session.control('POST', `/links/${started.id}/finish`, { username: 'till' });
    expect((await poll(session, started.pollRoute)).body.account.accountIdentifier).toBe('70000001');
  });
});
