import { insertCommand } from '../../../src/db/commands.js';
import { readSageCommand } from '../../../src/db/sage-banking/commands.js';
import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivities } from '../../../src/activities/channels.js';
import { deleteOldReadings } from '../../../src/db/sage-banking/commands.js';
import type { RuleDraft } from '../../../src/domain/sage-banking/rules/rule.js';
import { makeSageAccount, type SageTestAccount } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

let fixture: SageFixture;
let account: SageTestAccount;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  const violations = await fixture.violations();
  await fixture.close();
  expect(violations).toEqual([]);
});

/** T1 to T3 of contract 9.7. */
const lines = [
  {
    transactionAmount: -84,
    narrative1: 'DD NORTHGATE ENERGY',
    referenceNumber: 'A-771',
    datePosted: '2024-03-05',
  },
  { transactionAmount: 1250, narrative1: 'FPS', description: 'Harbour Cafe Ltd', datePosted: '2024-03-06' },
  { transactionAmount: 0, narrative1: 'FEE WAIVED', datePosted: '2024-03-06' },
];

function draft(field: string, operation: string, criteria: string, more: Record<string, unknown> = {}) {
  return {
    ruleName: `Rule ${randomUUID()}`,
    ruleConditions: [{ ruleField: field, ruleOperation: operation, ruleCriteria: criteria }],
    ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] }],
    ...more,
  };
}

const rulesPath = (of = account) => `/v1/sage/accounts/${of.sageAccountId}/rules`;

/** What the sandbox holds, unlike what we were answered. */
async function namesAtSage(of = account): Promise<string[]> {
  const rules = await fixture.deps.sage!.client.listRules({
    access: of.access,
    bankAccountId: of.bankAccountId,
  });
  return rules.map(({ ruleName }) => ruleName);
}

async function timelineKinds(of: SageTestAccount): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ kind: string }>(
    `SELECT kind FROM timeline WHERE feed_id = $1 AND kind LIKE 'sage_rule%' ORDER BY entry_id`,
    [of.sageAccountId],
  );
  return rows.map(({ kind }) => kind);
}

describe('rules', () => {
  beforeAll(async () => {
    account = await makeSageAccount(fixture, { transactions: lines });
  });

  it('are created, read, replaced, changed, ranked and deleted, and each step is recorded', async () => {
    const of = await makeSageAccount(fixture);
    const first = await fixture.api('POST', rulesPath(of), { json: draft('checkNum', 'eq', '1') });
    const second = await fixture.api('POST', rulesPath(of), { json: draft('checkNum', 'eq', '2') });
    expect([first.status, first.body.ruleRank, second.status, second.body.ruleRank]).toEqual([
      201, 1, 201, 2,
    ]);
    const path = `${rulesPath(of)}/${second.body.ruleId as string}`;
    expect((await fixture.api('GET', path)).body).toEqual(second.body);

    const asRead = { ...second.body, ruleName: 'Renamed' };
    const replaced = await fixture.api('PUT', path, { json: asRead });
    expect([replaced.status, replaced.body]).toEqual([200, { ...asRead, modified: expect.any(String) }]);
    const moved = await fixture.api('PATCH', path, { json: { ruleRank: 1 } });
    expect([moved.status, moved.body.ruleRank]).toEqual([200, 1]);
    const listed = await fixture.api('GET', rulesPath(of));
    expect((listed.body.rules as { ruleId: string }[]).map(({ ruleId }) => ruleId)).toEqual([
      second.body.ruleId,
      first.body.ruleId,
    ]);

    expect(await fixture.api('DELETE', path)).toMatchObject({
      status: 200,
      body: { rule_id: second.body.ruleId, deleted: true },
    });
    expect(await fixture.api('DELETE', path)).toMatchObject({
      status: 404,
      body: { code: 'rule_not_found' },
    });
    expect(await fixture.api('GET', path)).toMatchObject({ status: 404, body: { code: 'rule_not_found' } });
    expect(await namesAtSage(of)).toEqual([first.body.ruleName]);
    expect(await timelineKinds(of)).toEqual([
      'sage_rule_created',
      'sage_rule_created',
      'sage_rule_replaced',
      'sage_rule_amended',
      'sage_rule_deleted',
    ]);
  });

  it('with anything wrong are refused with all of it at once, before Sage is asked', async () => {
    const bad = draft('datePosted', 'eq', '2024-03-05', {
      ruleActions: [50, 50].map((splitPercentage) => ({
        splitPercentage,
        accountsPostings: [{ type: 'nominal', code: '7200' }],
      })),
      ruleRank: 0,
    });
    const of = await makeSageAccount(fixture);
    const before = (await requestsAtSage()).length;
    for (const path of [rulesPath(of), `${rulesPath(of)}?dry_run=true`]) {
      const answer = await fixture.api('POST', path, { json: bad });
      expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_rule' } });
      expect((answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
        '/ruleConditions/0/ruleOperation',
        '/ruleActions/1/splitPercentage',
        '/ruleRank',
      ]);
    }
    const changed = await fixture.api('PATCH', `${rulesPath(of)}/any`, { json: { ruleRnk: 2 } });
    expect(changed).toMatchObject({ status: 422, body: { errors: [{ pointer: '/ruleRnk' }] } });
    expect(await requestsAtSage()).toHaveLength(before);
    expect(await timelineKinds(of)).toEqual(Array(3).fill('sage_rule_refused'));
  });

  it('with a name that another has are refused with that reason', async () => {
    const rule = draft('checkNum', 'eq', '1');
    expect((await fixture.api('POST', rulesPath(), { json: rule })).status).toBe(201);
    const again = await fixture.api('POST', rulesPath(), { json: rule });
    expect(again).toMatchObject({ status: 409, body: { code: 'rule_name_taken' } });
  });

  it('sent twice under one key are one rule', async () => {
    const rule = draft('checkNum', 'eq', '1');
    const key = randomUUID();
    const answers = [
      await fixture.api('POST', rulesPath(), { json: rule, key }),
      await fixture.api('POST', rulesPath(), { json: rule, key }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[1]!.body).toEqual(answers[0]!.body);
  });

  it.each([
    ['server_error_after_effect', 1],
    ['reset_after_effect', 1],
    // Nothing had happened: posted again.
    ['server_error_before_effect', 2],
  ])('are created once although the answer got lost (%s)', async (kind, posts) => {
    const rule = draft('checkNum', 'eq', '1');
    const path = `/api/v1/organisations/${account.access.organisationId}/companies/${account.access.companyId}/bankaccounts/${account.bankAccountId}/rules`;
    const isPost = (request: { method: string; path: string }) =>
      request.method === 'POST' && request.path === path;
    await fixture.control('POST', '/faults', { kind, match: { method: 'POST', path }, times: 1 });
    const before = (await requestsAtSage()).filter(isPost).length;
    const made = await fixture.api('POST', rulesPath(), { json: rule });
    expect((await requestsAtSage()).filter(isPost).length - before).toBe(posts);
    expect(made).toMatchObject({ status: 201, body: { ruleName: rule.ruleName } });
    expect((await namesAtSage()).filter((name) => name === rule.ruleName)).toHaveLength(1);
  });

  it('are gone although the answer to deleting them got lost', async () => {
    const made = await fixture.api('POST', rulesPath(), { json: draft('checkNum', 'eq', '1') });
    const faults = { kind: 'server_error_after_effect', match: { method: 'DELETE' }, times: 1 };
    await fixture.control('POST', '/faults', faults);
    const answer = await fixture.api('DELETE', `${rulesPath()}/${made.body.ruleId as string}`);
    expect(answer).toMatchObject({ status: 200, body: { deleted: true } });
  });

  it('are not changed back by an earlier order whose answer was lost, after a later one', async () => {
    const rule = draft('checkNum', 'eq', '1');
    const { ruleId } = (await fixture.api('POST', rulesPath(), { json: rule })).body as { ruleId: string };
    const path = `${rulesPath()}/${ruleId}`;
    const [earlier, alone] = [randomUUID(), randomUUID()];
    await lose(earlier, { rule_id: ruleId, rule: { ...rule, ruleName: `Earlier ${rule.ruleName}` } });
    const later = `Later ${rule.ruleName}`;
    expect((await fixture.api('PATCH', path, { json: { ruleName: later } })).status).toBe(200);
    expect(await attempt(earlier)).toEqual({ state: 'failed' });
    expect((await readSageCommand(fixture.pool, { commandId: earlier }))?.problem?.code).toBe('superseded');
    expect((await fixture.api('GET', path)).body.ruleName).toBe(later);

    await lose(alone, { rule_id: ruleId, rule: { ...rule, ruleName: `Alone ${rule.ruleName}` } });
    expect(await attempt(alone)).toEqual({ state: 'done' });
    expect((await fixture.api('GET', path)).body.ruleName).toBe(`Alone ${rule.ruleName}`);
  });

  it('are shown with members that are unknown here, and not silently replaced without them', async () => {
    const made = await fixture.api('POST', rulesPath(), { json: draft('checkNum', 'eq', '1') });
    const path = `${rulesPath()}/${made.body.ruleId as string}`;
    await fixture.control('POST', '/faults', {
      kind: 'rewrite_body',
      match: { method: 'GET', account: account.bankAccountId },
      times: 1,
      find: '"type":"nominal"',
      replace: '"shade":"light\\u0000blue","type":"nominal"',
    });
    const { body } = await fixture.api('GET', path);
    expect(body.ruleActions[0].accountsPostings[0]).toMatchObject({ shade: 'light\ufffdblue' });
    expect(await fixture.api('PUT', path, { json: body })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/ruleActions/0/accountsPostings/0/shade' }] },
    });
  });

  it('of a cancelled account are 409 with its state', async () => {
    const of = await makeSageAccount(fixture);
    await fixture.pool.query(`UPDATE sage_accounts SET status = 'cancelled' WHERE sage_account_id = $1`, [
      of.sageAccountId,
    ]);
    const answer = await fixture.api('POST', rulesPath(of), { json: draft('checkNum', 'eq', '1') });
    expect(answer).toMatchObject({ status: 409, body: { code: 'wrong_state', state: 'cancelled' } });
  });

  it('of an account that Sage alone has cancelled are 409, too', async () => {
    const of = await makeSageAccount(fixture);
    await fixture.deps.sage!.client.deleteBankAccount({ access: of.access, bankAccountId: of.bankAccountId });
    const answer = await fixture.api('POST', rulesPath(of), { json: draft('checkNum', 'eq', '1') });
    expect(answer).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  });

  it('of an unknown account are 404', async () => {
    const path = `/v1/sage/accounts/${randomUUID()}/rules`;
    expect((await fixture.api('GET', path)).status).toBe(404);
    expect((await fixture.api('POST', path, { json: draft('checkNum', 'eq', '1') })).status).toBe(404);
  });
});

/** An order to replace a rule whose first attempt does not get through; its workflow is played by the test. */
async function lose(commandId: string, order: { rule_id: string; rule: RuleDraft }): Promise<void> {
  const { customerId, sageAccountId, bankAccountId } = account;
  await insertCommand(fixture.pool, {
    commandId,
    customerId,
    kind: 'sage_replace_rule',
    secretSealed: null,
    input: { sage_account_id: sageAccountId, ...order },
  });
  const match = { method: 'PUT', account: bankAccountId };
  await fixture.control('POST', '/faults', { kind: 'server_error_before_effect', match, times: 1 });
  await expect(attempt(commandId)).rejects.toThrow();
}

function attempt(commandId: string) {
  const { providerRunCommand } = createActivities(fixture.deps);
  return new MockActivityEnvironment().run(providerRunCommand, {
    commandId,
    channel: 'sage-banking' as const,
  });
}

describe('a dry run', () => {
  beforeAll(async () => {
    account = await makeSageAccount(fixture, { transactions: lines });
  });

  async function preview(json: unknown, more = '') {
    const answer = await fixture.api('POST', `${rulesPath()}?dry_run=true${more}`, { json });
    expect(answer.status).toBe(200);
    return answer.body;
  }

  it('shows which stored transactions a rule would match and how it would split them, and saves nothing', async () => {
    const ruleActions = [33, 100].map((splitPercentage) => ({
      splitPercentage,
      accountsPostings: [{ type: 'nominal', code: '7200' }],
    }));
    const found = await preview(draft('transactionNarrative', 'contains', 'ENERGY A-771', { ruleActions }));
    const { rows } = await fixture.pool.query<{ id: string }>(
      `SELECT transaction_id AS id FROM sage_transactions WHERE sage_account_id = $1 ORDER BY 1 LIMIT 1`,
      [account.sageAccountId],
    );
    const id = Number(rows[0]!.id);
    expect(found).toEqual({
      checked_count: 3,
      hits: 1,
      transaction_ids: [id],
      samples: [
        { transaction_id: id, amount: '-84', currency: 'GBP', shares: ['-27.72', '-56.28'], taken_by: null },
      ],
      beside: { rank: 1, applied: 1, taken_first: [], not_evaluated: [], same_name_rule_id: null },
    });
    expect(await namesAtSage()).toEqual([]);
  });

  it('shows which rules of a better rank come first, and leaves out the one that is edited', async () => {
    const first = await fixture.api('POST', rulesPath(), { json: draft('transactionAmount', 'gt', '10') });
    const last = await fixture.api('POST', rulesPath(), { json: draft('currency', 'eq', 'EUR') });
    const credit = draft('$baseType', 'eq', 'credit');
    const added = await preview(credit);
    expect(added.hits).toBe(2);
    expect(added.beside).toMatchObject({
      rank: 3,
      applied: 1,
      taken_first: [{ rule_id: first.body.ruleId, rule_rank: 1, hits: 1 }],
    });
    expect((await preview({ ...credit, ruleRank: 1 })).beside).toMatchObject({
      rank: 1,
      applied: 2,
      taken_first: [],
    });
    const edited = await preview({ ...credit, ruleName: last.body.ruleName });
    expect(edited.beside).toMatchObject({ rank: 2, same_name_rule_id: last.body.ruleId });
    const renamed = await preview(credit, `&rule_id=${first.body.ruleId as string}`);
    expect(renamed.beside).toMatchObject({ rank: 1, applied: 2, same_name_rule_id: null });
    const path = `${rulesPath()}?rule_id=${first.body.ruleId as string}`;
    expect((await fixture.api('POST', path, { json: credit })).status).toBe(400);
  });

  it('agrees with what Sage then predicts', async () => {
    const rule = draft('$baseType', 'eq', 'credit', { ruleRank: 1 });
    const { transaction_ids: wanted } = await preview(rule);
    const made = await fixture.api('POST', rulesPath(), { json: rule });
    expect(made.status).toBe(201);
    const { client } = fixture.deps.sage!;
    const page = await client.readTransactions({ ...account, startIndex: 1 });
    const transactionIds = page.transactions.map(({ transactionId }) => transactionId);
    const begun = await client.startReprocess({ ...account, transactionIds });
    let polled = await client.pollReprocess({ ...account, pollRoute: begun.pollRoute });
    for (let polls = 0; polled.kind === 'waiting' && polls < 100; polls += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      polled = await client.pollReprocess({ ...account, pollRoute: polled.pollRoute });
    }
    if (polled.kind !== 'done') throw new Error(polled.kind);
    const predicted = polled.transactions
      .filter(({ predictedActions }) => JSON.stringify(predictedActions).includes(made.body.ruleId as string))
      .map(({ transactionId }) => transactionId);
    expect(predicted).toEqual(wanted);
  });

  it('reads whole objects where a rule asks for more than amount, narrative, date and currency', async () => {
    const of = await makeSageAccount(fixture, {
      transactions: [
        { transactionAmount: -1, checkNumber: '007', datePosted: '2024-03-05' },
        { transactionAmount: -1, checkNumber: '7', datePosted: '2024-03-05' },
      ],
    });
    const json = draft('checkNum', 'eq', '007');
    const answer = await fixture.api('POST', `${rulesPath(of)}?dry_run=true`, { json });
    expect(answer.body).toMatchObject({ checked_count: 2, hits: 1 });
  });

  it('shows all but the other rules while Sage does not answer', async () => {
    await fixture.control('POST', '/faults', {
      kind: 'server_error_before_effect',
      match: { method: 'GET', account: account.bankAccountId },
      times: 1,
    });
    const found = await preview(draft('$baseType', 'eq', 'debit'));
    expect([found.hits, found.beside]).toEqual([1, null]);
  });
});

describe('bank search', () => {
  it("answers Sage's banks by a part of the name", async () => {
    const found = await fixture.api('GET', '/v1/sage/banks?name=harbour');
    expect(found.status).toBe(200);
    expect(found.body).toMatchObject({ total: 1, next_index: null, banks: [{ name: 'Harbour Bank' }] });
    const american = await fixture.api('GET', '/v1/sage/banks?country=USA');
    expect((american.body.banks as { name: string }[]).map(({ name }) => name)).toEqual([
      'Lake National Bank',
    ]);
  });

  it('refuses a country that is none', async () => {
    const answer = await fixture.api('GET', '/v1/sage/banks?country=gb');
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: '/country' }] } });
  });
});

describe('answers that were only read', () => {
  it('are removed after a day, and orders are kept', async () => {
    const of = await makeSageAccount(fixture);
    await fixture.api('GET', rulesPath(of));
    await fixture.api('POST', rulesPath(of), { json: draft('checkNum', 'eq', '1') });
    const kinds = async () => {
      const { rows } = await fixture.pool.query<{ kind: string }>(
        `SELECT kind FROM commands WHERE customer_id = $1 ORDER BY kind`,
        [of.customerId],
      );
      return rows.map(({ kind }) => kind);
    };
    await deleteOldReadings(fixture.pool);
    expect(await kinds()).toEqual(['sage_create_rule', 'sage_list_rules']);
    await fixture.pool.query(
      `UPDATE commands SET created_at = now() - interval '25 hours' WHERE customer_id = $1`,
      [of.customerId],
    );
    expect(await deleteOldReadings(fixture.pool)).toBe(1);
    expect(await kinds()).toEqual(['sage_create_rule']);
  });
});

/** The latest first or last: only their number and kind count here. */
async function requestsAtSage(): Promise<{ method: string; path: string; faults: string[] }[]> {
  return ((await fixture.control('GET', '/requests')) as { requests: never[] }).requests;
}
