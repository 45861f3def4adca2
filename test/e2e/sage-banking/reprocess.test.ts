import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sageReprocessWorkflowId } from '../../../src/domain/ids.js';
import {
  makeSageAccount,
  someLines,
  transactionIds,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type ApiAnswer, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

test('a run stores what the rules of this moment predict, for the transactions that were named and no other', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(3) });
  const [first = 0, second = 0, third = 0] = await transactionIds(fixture, account);
  await makeRule(account, 'Cards');

  const answer = await reprocess(account, { transaction_ids: [third, first, third] });
  expect(answer).toMatchObject({ status: 202, body: { state: 'running', total: 2, left_out: [] } });
  expect(answer.headers.get('location')).toBe(`/v1/sage/reprocesses/${answer.body.reprocess_id}`);

  const run = await ended(answer);
  expect(run).toMatchObject({ state: 'done', reason: null, total: 2, done: 2, left_out_total: 0 });
  expect(run.transactions.map(namedRules)).toEqual([
    [first, ['Cards']],
    [third, ['Cards']],
  ]);
  expect(await stored(account)).toEqual([
    [first, ['Cards']],
    [second, []],
    [third, ['Cards']],
  ]);
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE feed_id = $1 AND kind LIKE 'sage_reprocess%' ORDER BY entry_id`,
    [account.sageAccountId],
  );
  expect(rows.map(({ kind }) => kind)).toEqual(['sage_reprocess_begun', 'sage_reprocess_done']);
});

test('2,345 pending transactions go to Sage in three chunks, and those that have postings stay out', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2_350) });
  const ids = await transactionIds(fixture, account);
  const worked = ids.slice(100, 105);
  await fixture.pool.query(
    `UPDATE sage_transactions SET body = body || '{"accountsPostings": [{"postings": []}]}'
      WHERE sage_account_id = $1 AND transaction_id = ANY ($2)`,
    [account.sageAccountId, worked],
  );
  await makeRule(account, 'Cards');
  const before = await counter('reprocess_posts');

  const run = await ended(await reprocess(account, { all_pending: true }));
  expect(run).toMatchObject({ state: 'done', total: 2_345, done: 2_345, left_out_total: 0 });
  expect((await counter('reprocess_posts')) - before).toBe(3);
  const predicted = (await stored(account)).filter(([, rules]) => rules.length > 0).map(([id]) => id);
  expect(predicted).toEqual(ids.filter((id) => !worked.includes(id)));

  const paged: number[] = [];
  let cursor: string | null = '';
  for (let pages = 0; cursor !== null && pages < 20; pages += 1) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const { body } = await fixture.api('GET', `/v1/sage/reprocesses/${run.reprocess_id}?limit=200${query}`);
    paged.push(...(body.transactions as Suggested[]).map(({ transactionId }) => transactionId));
    cursor = body.next_cursor;
  }
  expect(paged).toEqual(predicted);
});

test('a run that fails at Sage again and again ends failed, and what was suggested before stays', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2) });
  await makeRule(account, 'Earlier');
  await ended(await reprocess(account, { all_pending: true }));
  await makeRule(account, 'Later', 1);
  const before = await counter('reprocess_posts');

  const run = await withFault(account, { kind: 'reprocess_fails', times: 0 }, async () =>
    ended(await reprocess(account, { all_pending: true })),
  );
  expect(run).toMatchObject({
    state: 'failed',
    reason: 'reprocess_failed_at_sage',
    done: 0,
    transactions: [],
  });
  expect(run.message).toBe('the transactions could not be reprocessed');
  expect((await counter('reprocess_posts')) - before).toBe(3);
  expect((await stored(account)).map(([, rules]) => rules)).toEqual([['Earlier'], ['Earlier']]);
});

test('a run that fails once is begun again', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2) });
  await makeRule(account, 'Cards');
  const run = await withFault(account, { kind: 'reprocess_fails', times: 1 }, async () =>
    ended(await reprocess(account, { all_pending: true })),
  );
  expect(run).toMatchObject({ state: 'done', done: 2 });
});

test('an answer too large to read halves the chunk; a transaction that is too large by itself is left out and reported', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(4) });
  const [first = 0, ...others] = await transactionIds(fixture, account);
  await makeRule(account, 'Cards');
  const before = await counter('reprocess_posts');
  const match = { method: 'GET', path: '/reprocesstransactions$', account: account.bankAccountId };
  const huge = { kind: 'malformed_body', shape: 'huge', bytes: 11 * 1024 * 1024, times: 3, match };
  await fixture.control('POST', '/faults', huge);

  const run = await ended(await reprocess(account, { all_pending: true }));
  expect(run).toMatchObject({ state: 'done', total: 4, done: 3, left_out: [first], left_out_total: 1 });
  expect((await stored(account)).filter(([, rules]) => rules.length > 0).map(([id]) => id)).toEqual(others);
  // Four, two and one that are too large; then two, and the last.
  expect((await counter('reprocess_posts')) - before).toBe(5);
});

test('answers that get lost, at the start and at a poll, cost another request and nothing else', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2) });
  await makeRule(account, 'Cards');
  const path = '/reprocesstransactions$';
  const faults = [
    { kind: 'reset_after_effect', times: 2, match: { method: 'POST', path, account: account.bankAccountId } },
    { kind: 'reset_after_effect', times: 1, match: { method: 'GET', path, account: account.bankAccountId } },
  ];
  for (const fault of faults) await fixture.control('POST', '/faults', fault);
  const before = await counter('reprocess_posts');
  const run = await ended(await reprocess(account, { all_pending: true }));
  expect(run).toMatchObject({ state: 'done', done: 2, left_out_total: 0 });
  expect((await counter('reprocess_posts')) - before).toBe(3);
  expect((await stored(account)).map(([, rules]) => rules)).toEqual([['Cards'], ['Cards']]);
});

test('runs at Sage that never end are given up after a quarter of an hour each, the third time for good', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2) });
  const run = await withFault(account, { kind: 'reprocess_never_ends', times: 0 }, async () => {
    const answer = await reprocess(account, { all_pending: true });
    const id: string = answer.body.reprocess_id;
    return await until(
      async () => {
        // The quarter of an hour passes: the database's clock is the one that counts.
        await fixture.pool.query(
          `UPDATE sage_reprocesses SET chunk_began_at = now() - interval '16 minutes' WHERE reprocess_id = $1`,
          [id],
        );
        const { body } = await fixture.api('GET', `/v1/sage/reprocesses/${id}`);
        return body.state === 'running' ? null : (body as Run);
      },
      { timeoutMs: 60_000, describe: 'an endless run is given up' },
    );
  });
  expect(run).toMatchObject({ state: 'failed', reason: 'reprocess_never_ended', done: 0 });
  const workflow = fixture.client.workflow.getHandle(sageReprocessWorkflowId(run.reprocess_id));
  await until(async () => (await workflow.describe()).status.name === 'COMPLETED', {
    timeoutMs: 10_000,
    describe: 'its workflow is over',
  });
});

test('workers that are replaced in the middle continue the chunk in progress', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1_500) });
  await makeRule(account, 'Cards');
  const before = await counter('reprocess_posts');
  const polledBefore = await counter('reprocess_polls');
  const slow = { kind: 'slow_reprocess', times: 1, run_ms: 4_000 };
  const answer = await withFault(account, slow, async () => {
    const begun = await reprocess(account, { all_pending: true });
    await until(async () => (await counter('reprocess_posts')) > before, {
      timeoutMs: 20_000,
      describe: 'the first chunk is at Sage',
    });
    return begun;
  });
  await until(async () => (await counter('reprocess_polls')) > polledBefore, {
    timeoutMs: 20_000,
    describe: 'it is polled',
  });
  await fixture.restartWorkers();
  const run = await ended(answer);
  expect(run).toMatchObject({ state: 'done', done: 1_500 });
  expect((await counter('reprocess_posts')) - before).toBe(2);
});

test('one run of an account at a time: another is refused with the id of the first; the same key is the same run', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1) });
  const key = randomUUID();
  await withFault(account, { kind: 'slow_reprocess', times: 1, run_ms: 2_000 }, async () => {
    const first = await reprocess(account, { all_pending: true }, key);
    expect(first.status).toBe(202);
    expect((await reprocess(account, { all_pending: true }, key)).body).toEqual(first.body);
    const second = await reprocess(account, { all_pending: true });
    expect(second).toMatchObject({
      status: 409,
      body: { code: 'reprocess_running', reprocess_id: first.body.reprocess_id },
    });
    await ended(first);
  });
  expect((await reprocess(account, { all_pending: true })).status).toBe(202);
});

test('ids that we or Sage do not have are left out and reported; without any other the call is refused', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(2) });
  const [first = 0] = await transactionIds(fixture, account);
  await fixture.pool.query(
    `INSERT INTO sage_transactions (sage_account_id, transaction_id, transaction_amount, body)
     VALUES ($1, 777777, 1, '{"transactionId": 777777}')`,
    [account.sageAccountId],
  );
  const answer = await reprocess(account, { transaction_ids: [888888, first, 777777] });
  expect(answer.body).toMatchObject({ total: 2, left_out: [888888] });
  const run = await ended(answer);
  expect(run).toMatchObject({ state: 'done', done: 1, left_out: [888888, 777777], left_out_total: 2 });
  expect(run.transactions.map(({ transactionId }) => transactionId)).toEqual([first]);

  expect(await reprocess(account, { transaction_ids: [888888] })).toMatchObject({
    status: 422,
    body: { code: 'unknown_transactions', errors: [{ pointer: '/transaction_ids' }] },
  });
});

test('an account without pending transactions is done at once, without a call to Sage', async () => {
  const account = await makeSageAccount(fixture);
  const before = await counter('reprocess_posts');
  const run = await ended(await reprocess(account, { all_pending: true }));
  expect(run).toMatchObject({ state: 'done', total: 0, done: 0, transactions: [] });
  expect(await counter('reprocess_posts')).toBe(before);
});

test('a cancelled account is refused; one that is cancelled meanwhile ends the run with that reason', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1) });
  await clientOf().deleteBankAccount(account);
  const run = await ended(await reprocess(account, { all_pending: true }));
  expect(run).toMatchObject({ state: 'failed', reason: 'reprocess_account_cancelled' });
  await fixture.pool.query(`UPDATE sage_accounts SET status = 'cancelled' WHERE sage_account_id = $1`, [
    account.sageAccountId,
  ]);
  expect(await reprocess(account, { all_pending: true })).toMatchObject({
    status: 409,
    body: { code: 'wrong_state', state: 'cancelled' },
  });
});

test('an address to poll on a foreign host is not called: the run ends with that reason', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1) });
  const polledBefore = await counter('reprocess_polls');
  const foreign = { kind: 'rewrite_body', find: fixture.sandboxUrl, replace: 'https://elsewhere.example' };
  const run = await withFault(account, { ...foreign, times: 0 }, async () =>
    ended(await reprocess(account, { all_pending: true })),
  );
  expect(run).toMatchObject({ state: 'failed', reason: 'reprocess_foreign_address', done: 0 });
  expect(await counter('reprocess_polls')).toBe(polledBefore);
});

test('credentials that Sage does not accept end the run with that reason, after one fresh token', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1) });
  const run = await withFault(account, { kind: 'unauthorised', times: 0 }, async () =>
    ended(await reprocess(account, { all_pending: true })),
  );
  expect(run).toMatchObject({ state: 'failed', reason: 'reprocess_not_authorised' });
});

test('after a day no further chunk is begun, and what is reprocessed by then stays', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1_200) });
  await makeRule(account, 'Cards');
  const slow = { kind: 'slow_reprocess', times: 1, run_ms: 3_000 };
  const answer = await withFault(account, slow, async () => {
    const begun = await reprocess(account, { all_pending: true });
    await until(async () => (await chunkOf(begun)) > 0, {
      timeoutMs: 20_000,
      describe: 'the first chunk is at Sage',
    });
    return begun;
  });
  await fixture.pool.query(
    `UPDATE sage_reprocesses SET created_at = now() - interval '25 hours' WHERE reprocess_id = $1`,
    [answer.body.reprocess_id],
  );
  const run = await ended(answer);
  expect(run).toMatchObject({
    state: 'failed',
    reason: 'reprocess_took_too_long',
    done: 1_000,
    total: 1_200,
  });
  expect((await stored(account)).filter(([, rules]) => rules.length > 0)).toHaveLength(1_000);
});

test('a run that Sage has forgotten is begun again', async () => {
  const account = await makeSageAccount(fixture, { transactions: someLines(1) });
  await makeRule(account, 'Cards');
  const before = await counter('reprocess_posts');
  const run = await withFault(account, { kind: 'slow_reprocess', times: 1, run_ms: 60_000 }, async () => {
    const answer = await reprocess(account, { all_pending: true });
    await until(async () => (await chunkOf(answer)) > 0, {
      timeoutMs: 20_000,
      describe: 'the chunk is at Sage',
    });
    await fixture.control('POST', '/clock', { advance_ms: 25 * 3_600_000 });
    return await ended(answer);
  });
  expect(run).toMatchObject({ state: 'done', done: 1 });
  expect((await counter('reprocess_posts')) - before).toBe(2);
});

test('a call that names neither ids nor all, both, or too many is refused; unknown accounts and runs are not found', async () => {
  const account = await makeSageAccount(fixture);
  const tooMany = Array.from({ length: 10_001 }, (_, index) => index + 1);
  const bodies = [{}, { all_pending: true, transaction_ids: [1] }, { transaction_ids: tooMany }];
  for (const body of bodies) expect((await reprocess(account, body)).status).toBe(422);
  expect((await reprocess({ sageAccountId: randomUUID() }, { all_pending: true })).status).toBe(404);
  expect((await fixture.api('GET', `/v1/sage/reprocesses/${randomUUID()}`)).status).toBe(404);
});

interface Suggested {
  transactionId: number;
  predictedActions: { actions: { accountsPostings: { createdBy: string }[] } }[];
}
interface Run {
  reprocess_id: string;
  state: string;
  message: string | null;
  transactions: Suggested[];
}

function namedRules({ transactionId, predictedActions }: Suggested): [number, string[]] {
  return [transactionId, predictedActions.map(({ actions }) => actions.accountsPostings[0]?.createdBy ?? '')];
}

async function stored(account: SageTestAccount): Promise<[number, string[]][]> {
  const { rows } = await fixture.pool.query<{ id: string; predicted: Suggested['predictedActions'] }>(
    `SELECT transaction_id AS id, predicted_actions AS predicted FROM sage_transactions
      WHERE sage_account_id = $1 ORDER BY transaction_id`,
    [account.sageAccountId],
  );
  return rows.map(({ id, predicted }) =>
    namedRules({ transactionId: Number(id), predictedActions: predicted }),
  );
}

function reprocess(account: { sageAccountId: string }, json: object, key?: string): Promise<ApiAnswer> {
  const path = `/v1/sage/accounts/${account.sageAccountId}/reprocess`;
  return fixture.api('POST', path, { json, ...(key === undefined ? {} : { key }) });
}

function ended(answer: ApiAnswer): Promise<Run> {
  expect(answer.status).toBe(202);
  return until(
    async () => {
      const { body } = await fixture.api('GET', `/v1/sage/reprocesses/${answer.body.reprocess_id}?limit=200`);
      return body.state === 'running' ? null : (body as Run);
    },
    { timeoutMs: 60_000, describe: 'the run ends' },
  );
}

async function withFault<T>(account: SageTestAccount, fault: object, work: () => Promise<T>): Promise<T> {
  const match = { account: account.bankAccountId };
  const { id } = (await fixture.control('POST', '/faults', { match, ...fault })) as { id: string };
  try {
    return await work();
  } finally {
    await fixture.control('DELETE', `/faults/${id}`).catch(() => undefined);
  }
}

async function counter(name: string): Promise<number> {
  const counters = (await fixture.control('GET', '/counters')) as Record<string, number>;
  return counters[name] ?? 0;
}

/** Transactions of the chunk that Sage has taken. */
async function chunkOf(answer: ApiAnswer): Promise<number> {
  const { rows } = await fixture.pool.query<{ ids: string[] | null; route: string | null }>(
    `SELECT chunk_ids AS ids, poll_route_sealed AS route FROM sage_reprocesses WHERE reprocess_id = $1`,
    [answer.body.reprocess_id],
  );
  return rows[0]?.route === null ? 0 : (rows[0]?.ids?.length ?? 0);
}

function clientOf() {
  if (fixture.deps.sage === null) throw new Error('a fixture without Sage');
  return fixture.deps.sage.client;
}

function makeRule(account: SageTestAccount, ruleName: string, ruleRank?: number) {
  return clientOf().createRule({
    ...account,
    rule: {
      ruleName,
      ruleConditions: [
        { ruleField: 'transactionNarrative', ruleOperation: 'containsWords', ruleCriteria: 'CARD' },
      ],
      ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] }],
      ...(ruleRank === undefined ? {} : { ruleRank }),
    },
  });
}
