import { jsonText } from '../../../sandbox/stand-in/json-text.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fill,
  makeAccount,
  onboard,
  readTransactions,
  someTransactions,
  startSession,
  type Company,
  type LinkedAccount,
  type OwnSession,
} from './session.js';

let session: OwnSession;
let company: Company;
let account: LinkedAccount;
beforeEach(async () => {
  session = await startSession();
  company = await onboard(session);
  account = await makeAccount(session, company);
});
afterEach(() => session.close());

interface Page {
  startIndex: number;
  endIndex: number;
  total: number;
  transactions: { transactionId: number; serverTransactionId: string }[];
  next?: string;
  last: string;
}

async function read(query = ''): Promise<Page> {
  return (await readTransactions(session, company, account, query)).body.bankTransactionList;
}

describe('reading by cursor (contract 7.1)', () => {
  it('has pages of 100, linked by next, and returns each transaction once although ids have gaps', async () => {
    await fill(session, account, someTransactions(245));
    const pages: Page[] = [];
    let address: string | undefined = `${account.path}/transactions`;
    while (address !== undefined) {
      const { body } = await session.call('GET', address, { token: company.token });
      pages.push(body.bankTransactionList);
      address = pages.at(-1)!.next;
    }
    expect(pages.map((page) => page.transactions.length)).toEqual([100, 100, 45]);
    expect(pages.map((page) => page.total)).toEqual([245, 145, 45]);
    const ids = pages.flatMap((page) => page.transactions.map((transaction) => transaction.transactionId));
    expect(ids.toSorted((a, b) => a - b)).toEqual(ids);
    expect(ids.some((id) => id % 10 === 0)).toBe(false);
    const sent = pages.flatMap((page) =>
      page.transactions.map((transaction) => transaction.serverTransactionId),
    );
    expect(new Set(sent).size).toBe(245);
    expect(pages[0]!.endIndex).toBe(pages[0]!.transactions.at(-1)!.transactionId);
    expect(pages[0]!.last).toContain(`startIndex=${pages[2]!.startIndex}`);
    expect(await session.violations()).toEqual([]);
  });

  it('includes startIndex', async () => {
    await fill(session, account, someTransactions(12));
    expect((await read('?startIndex=9')).transactions.map((item) => item.transactionId)).toEqual([
      9, 11, 12, 13,
    ]);
    expect((await read('?startIndex=10')).transactions.map((item) => item.transactionId)).toEqual([
      11, 12, 13,
    ]);
    expect((await read('?startIndex=3&endIndex=5')).transactions).toHaveLength(3);
  });

  it('is empty beyond the end, where the next ones then appear', async () => {
    await fill(session, account, someTransactions(2));
    const beyond = await read('?startIndex=3');
    expect(beyond).toMatchObject({ startIndex: 3, endIndex: 2, total: 0, transactions: [] });
    expect(beyond).not.toHaveProperty('next');
    await fill(session, account, someTransactions(1, 'later'));
    expect((await read('?startIndex=3')).transactions).toHaveLength(1);
  });

  it.each(['0', '-1', 'x', '1.5', ''])('refuses the startIndex "%s"', async (index) => {
    expect((await readTransactions(session, company, account, `?startIndex=${index}`)).status).toBe(400);
  });

  it('has no gaps when the knob is set', async () => {
    await session.control('POST', '/knobs', { idGapEvery: 0 });
    await fill(session, account, someTransactions(12));
    expect((await read()).endIndex).toBe(12);
  });
});

describe('a transaction (contract 7.2)', () => {
  it('keeps the provider’s fields, with the narrative derived in the documented order', async () => {
    await fill(session, account, [
      {
        uniqueId: 'u-1',
        transactionAmount: -84,
        transactionType: 'DEBIT',
        datePosted: '2024-03-05',
        narrative1: 'ONE',
        narrative2: ' ',
        description: 'NAME',
        referenceNumber: 'REF',
        extendedName: 'EXT',
        checkNumber: '7',
        payee: { payeeDescription: 'PAYEE', city: 'Hull' },
      },
    ]);
    const [first] = (await read()).transactions;
    expect(first).toMatchObject({
      transactionId: 1,
      serverTransactionId: 'u-1',
      transactionStatus: 'posted',
      transactionNarrative: 'ONE NAME REF EXT PAYEE 7',
      name: 'NAME',
      checkNum: '7',
      currency: 'EUR',
      payee: { payeeId: 'PAYEE', city: 'Hull' },
      predictedActions: [],
    });
  });

  it('accepts the application’s own fields, and nothing else', async () => {
    await fill(session, account, someTransactions(1));
    const write = (id: number, body: unknown) =>
      session.call('PATCH', `${account.path}/transactions/${id}`, { token: company.token, body });
    const postings = [{ createdBy: 'ledger', postings: [] }];
    expect((await write(1, { accountsPostings: postings })).body.accountsPostings).toEqual(postings);
    expect((await write(1, { transactionNarrative: 'Edited' })).body.transactionNarrative).toBe('Edited');
    expect((await write(1, { transactionAmount: 5 })).status).toBe(400);
    expect((await write(2, { accountsPostings: [] })).status).toBe(404);
  });
});

describe('a statement (contract 12.4)', () => {
  const line = (uniqueId: string, more: Record<string, unknown> = {}) => ({
    uniqueId,
    transactionAmount: -1,
    transactionType: 'DEBIT',
    datePosted: '2024-03-05',
    ...more,
  });
  const post = (transactionDetails: unknown[], more: Record<string, unknown> = {}) =>
    session.control('POST', '/statements', {
      principalId: account.id,
      expected: {},
      accountDetails: [{ bankAccountId: account.id, status: 'active' }],
      transactionDetails,
      ...more,
    });

  it('reports balances, which stay until others are reported; what is no balance is refused', async () => {
    const shown = async () => {
      const { body } = await readTransactions(session, company, account);
      const { ledgerBalance, ledgerBalanceDate, availableBalance } = body.bankAccount;
      return [ledgerBalance, ledgerBalanceDate, availableBalance];
    };
    const withBalances = (balances: unknown) =>
      post([], { accountDetails: [{ bankAccountId: account.id, balances }] });
    expect(await shown()).toEqual([null, null, null]);
    await withBalances({ ledgerBalance: -12.5, ledgerBalanceDate: '2024-03-05', availableBalance: 100 });
    expect(await shown()).toEqual([-12.5, '2024-03-05', 100]);
    await withBalances({ ledgerBalance: 7 });
    expect(await shown()).toEqual([7, '2024-03-05', 100]);
    for (const wrong of [{ ledgerBalance: '7' }, { ledgerBalanceDate: 'today' }, { balance: 7 }, 7]) {
      expect((await withBalances(wrong)).status).toBe(400);
    }
    expect(await shown()).toEqual([7, '2024-03-05', 100]);
  });

  it('carries a correction through as its provider sends it', async () => {
    await post([line('a'), line('b', { correctionId: 'a', correctionAction: 'REPLACE' })]);
    const [original, correction] = (await read()).transactions;
    expect(original).toMatchObject({ serverTransactionId: 'a' });
    expect(correction).toMatchObject({ correctionId: 'a', correctionAction: 'REPLACE' });
  });

  it('may have a member of any depth', async () => {
    const deep = JSON.parse('['.repeat(10_000) + ']'.repeat(10_000)) as unknown;
    const body = jsonText({
      principalId: account.id,
      accountDetails: [{ bankAccountId: account.id, status: 'active' }],
      transactionDetails: [line('a', { extra: deep })],
    });
    const posted = await fetch(`${session.url}/_sandbox/statements`, { method: 'POST', body });
    expect(((await posted.json()) as { status: string }).status).toBe('completed');
    expect((await readTransactions(session, company, account)).text).toContain('['.repeat(10_000));
  });

  it('is refused as a whole when it contains a known id, so a repeat duplicates nothing', async () => {
    expect((await post([line('a'), line('b')])).body.status).toBe('completed');
    const again = await post([line('b'), line('c')]);
    expect(again.body).toMatchObject({
      status: 'failed',
      error: { details: [{ field: 'b', reason: 'was sent before' }] },
    });
    expect((await read()).transactions.map((item) => item.serverTransactionId)).toEqual(['a', 'b']);
  });

  it('is refused as a whole for wrong sums, wrong order, an age of two weeks or a duplicate', async () => {
    const counted = {
      transactionDetailsCount: 1,
      accountDetailsCount: 1,
      transactionCreditSum: 0,
      transactionDebitSum: -1,
    };
    const refused = [
      post([line('a')], { expected: { ...counted, transactionDebitSum: -2 } }),
      post([line('a'), line('b', { datePosted: '2024-03-04' })]),
      post([line('a', { datePosted: '2024-02-01' }), line('b')]),
      post([line('a'), line('a')]),
    ];
    for (const reply of await Promise.all(refused)) expect(reply.body.status).toBe('failed');
    expect((await read()).total).toBe(0);
    expect((await post([line('a')], { expected: counted })).body.status).toBe('completed');
  });

  it('is 400 with more lines than allowed, two accounts, or a pending line; 404 for an unknown account', async () => {
    await session.control('POST', '/knobs', { statementTransactionsMax: 2 });
    expect((await post(someTransactions(3))).status).toBe(400);
    expect((await post([], { accountDetails: [{}, {}] })).status).toBe(400);
    expect((await post([line('a', { transactionStatus: 'pending' })])).status).toBe(400);
    expect((await post([], { principalId: 'none' })).status).toBe(404);
  });

  it('is processed for a while, and a second one during that time is 409', async () => {
    await session.control('POST', '/knobs', { statementRunMs: 60_000 });
    const first = await post([line('a')]);
    expect(first.body.status).toBe('queued');
    expect((await post([line('b')])).status).toBe(409);
    await session.advance(40_000);
    expect((await session.control('GET', `/statements/${first.body._id}`)).body.status).toBe('processing');
    expect((await read()).total).toBe(0);
    await session.advance(20_000);
    expect((await read()).total).toBe(1);
    expect((await session.control('GET', `/statements/${first.body._id}`)).body.status).toBe('completed');
  });
});
