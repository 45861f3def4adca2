import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivities } from '../../../src/activities/channels.js';
import { insertCommand } from '../../../src/db/commands.js';
import {
  makeBankCustomer,
  makeSageAccount,
  makeSageCompany,
  someLines,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  const violations = await fixture.violations();
  await fixture.close();
  expect(violations).toEqual([]);
});

function draft(ruleName: string, criteria = ruleName) {
  return {
    ruleName,
    ruleConditions: [
      { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: criteria },
    ],
    ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] }],
  };
}

const pathOf = (account: SageTestAccount, end: string) => `/v1/sage/accounts/${account.sageAccountId}/${end}`;
const atSage = (account: SageTestAccount) => ({
  access: account.access,
  bankAccountId: account.bankAccountId,
});

interface Reconnected {
  old: SageTestAccount;
  fresh: SageTestAccount;
  /** Ids of the old account's rules, by name. */
  oldIds: Record<string, string>;
}

/** An account with rules is disconnected and connected again. */
async function reconnect(names = ['Energy', 'Rent', 'Fees'], lines = someLines(3)): Promise<Reconnected> {
  const company = await makeSageCompany(fixture);
  const at = await makeBankCustomer(fixture);
  const old = await makeSageAccount(fixture, { company, at });
  const oldIds: Record<string, string> = {};
  for (const name of names) {
    const { body } = await fixture.api('POST', pathOf(old, 'rules'), { json: draft(name) });
    oldIds[name] = body.ruleId as string;
  }
  await cancel(old);
  return { old, fresh: await makeSageAccount(fixture, { company, at, transactions: lines }), oldIds };
}

async function cancel(account: SageTestAccount): Promise<void> {
  await fixture.deps.sage!.client.deleteBankAccount(atSage(account));
  await fixture.pool.query(
    `UPDATE sage_accounts SET status = 'cancelled', cancelled_at = now() WHERE sage_account_id = $1`,
    [account.sageAccountId],
  );
}

/** Names at Sage in the order of their ranks. */
async function namesAtSage(account: SageTestAccount): Promise<string[]> {
  const rules = await fixture.deps.sage!.client.listRules(atSage(account));
  return rules.map(({ ruleName }) => ruleName);
}

/** The order without its workflow, which a test plays. */
async function orderRestore(account: SageTestAccount, ruleIds: readonly string[]): Promise<string> {
  const commandId = randomUUID();
  await insertCommand(fixture.pool, {
    commandId,
    customerId: account.customerId,
    kind: 'sage_restore_rules',
    secretSealed: null,
    input: { sage_account_id: account.sageAccountId, rule_ids: ruleIds },
  });
  return commandId;
}

async function failWrites(account: SageTestAccount, match: { nth: number }): Promise<void> {
  await fixture.control('POST', '/faults', {
    kind: 'server_error_before_effect',
    match: { method: 'POST', account: account.bankAccountId, ...match },
    times: 0,
  });
}

async function restore(account: SageTestAccount, ruleIds: (string | undefined)[]) {
  return await fixture.api('POST', pathOf(account, 'restore-rules'), { json: { rule_ids: ruleIds } });
}

describe('rules of a disconnected account', () => {
  it('are offered to the reconnected one and restored in the order of their ranks, rule by rule', async () => {
    const { old, fresh, oldIds } = await reconnect();
    const offered = await fixture.api('GET', pathOf(fresh, 'restorable-rules'));
    expect(offered.status).toBe(200);
    expect(offered.body.rules).toMatchObject(
      ['Energy', 'Rent', 'Fees'].map((ruleName, index) => ({
        ruleName,
        ruleId: oldIds[ruleName],
        ruleRank: index + 1,
        sage_account_id: old.sageAccountId,
        restored_rule_id: null,
      })),
    );

    const answer = await restore(fresh, [oldIds.Fees, oldIds.Energy, 'unheard-of']);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      restored: [{ rule_id: oldIds.Energy }, { rule_id: oldIds.Fees }],
      failed: [
        { rule_id: 'unheard-of', reason: expect.stringContaining('no rule of a disconnected account') },
      ],
      reprocess_suggested: true,
      pending: 3,
    });
    expect(await namesAtSage(fresh)).toEqual(['Energy', 'Fees']);

    const later = await restore(fresh, [oldIds.Rent]);
    expect(later.body.failed).toEqual([]);
    expect(await namesAtSage(fresh)).toEqual(['Energy', 'Rent', 'Fees']);
    const listed = await fixture.api('GET', pathOf(fresh, 'restorable-rules'));
    const newIds = (listed.body.rules as { restored_rule_id: string }[]).map((rule) => rule.restored_rule_id);
    const made = await fixture.deps.sage!.client.listRules(atSage(fresh));
    expect(newIds).toEqual(made.map(({ ruleId }) => ruleId));
  });

  it('are restored once, however often they are asked for', async () => {
    const { fresh, oldIds } = await reconnect();
    const ids = Object.values(oldIds);
    const first = await restore(fresh, ids);
    const second = await restore(fresh, ids);
    expect(second.body.restored).toHaveLength(3);
    expect(new Set(second.body.restored as unknown[])).toEqual(new Set(first.body.restored as unknown[]));
    expect(await namesAtSage(fresh)).toEqual(['Energy', 'Rent', 'Fees']);
  });

  it('are restored once although two ask at a time', async () => {
    const { fresh, oldIds } = await reconnect();
    const ids = Object.values(oldIds);
    const answers = await Promise.all([restore(fresh, ids), restore(fresh, ids)]);
    for (const answer of answers) expect(answer.body).toMatchObject({ failed: [] });
    expect((await namesAtSage(fresh)).sort()).toEqual(['Energy', 'Fees', 'Rent']);
  });

  it.each(['server_error_after_effect', 'reset_after_effect', 'server_error_before_effect'])(
    'are restored once although an answer got lost in the middle (%s)',
    async (kind) => {
      const { fresh, oldIds } = await reconnect();
      const { organisationId, companyId } = fresh.access;
      const path = `/api/v1/organisations/${organisationId}/companies/${companyId}/bankaccounts/${fresh.bankAccountId}/rules`;
      await fixture.control('POST', '/faults', { kind, match: { method: 'POST', path }, times: 2 });
      const answer = await restore(fresh, Object.values(oldIds));
      expect(answer.body).toMatchObject({ restored: [{}, {}, {}], failed: [] });
      expect(await namesAtSage(fresh)).toEqual(['Energy', 'Rent', 'Fees']);
    },
  );

  it('with a name that another rule has are reported as failed, with a message, and the rest is restored', async () => {
    const { fresh, oldIds } = await reconnect();
    await fixture.api('POST', pathOf(fresh, 'rules'), { json: draft('Rent', 'SOMETHING ELSE') });
    const answer = await restore(fresh, Object.values(oldIds));
    expect(answer.body).toMatchObject({
      restored: [{ rule_id: oldIds.Energy }, { rule_id: oldIds.Fees }],
      failed: [{ rule_id: oldIds.Rent, reason: expect.stringContaining('has the name') }],
    });
    const { rows } = await fixture.pool.query(
      `SELECT old_rule_id, new_rule_id IS NOT NULL AS restored, reason IS NOT NULL AS failed
         FROM sage_restored_rules WHERE sage_account_id = $1 AND old_rule_id = $2`,
      [fresh.sageAccountId, oldIds.Rent],
    );
    expect(rows).toEqual([{ old_rule_id: oldIds.Rent, restored: false, failed: true }]);
  });

  it('that were deleted after their restoring may be restored again', async () => {
    const { fresh, oldIds } = await reconnect(['Energy']);
    const first = await restore(fresh, [oldIds.Energy]);
    await fixture.api('DELETE', pathOf(fresh, `rules/${first.body.restored[0].new_rule_id as string}`));
    expect(await namesAtSage(fresh)).toEqual([]);
    expect((await restore(fresh, [oldIds.Energy])).body.restored).toHaveLength(1);
    expect(await namesAtSage(fresh)).toEqual(['Energy']);
  });

  it('that were deleted elsewhere after their restoring are offered and restored again', async () => {
    const { fresh, oldIds } = await reconnect(['Energy', 'Rent']);
    const first = await restore(fresh, Object.values(oldIds));
    const { new_rule_id: ruleId } = (first.body.restored as { rule_id: string; new_rule_id: string }[]).find(
      ({ rule_id }) => rule_id === oldIds.Energy,
    )!;
    await fixture.deps.sage!.client.deleteRule({ ...atSage(fresh), ruleId });

    const offered = await fixture.api('GET', pathOf(fresh, 'restorable-rules'));
    const restoredIds = (offered.body.rules as { ruleName: string; restored_rule_id: string | null }[]).map(
      ({ ruleName, restored_rule_id }) => [ruleName, restored_rule_id !== null],
    );
    expect(restoredIds).toEqual([
      ['Energy', false],
      ['Rent', true],
    ]);
    const second = await restore(fresh, Object.values(oldIds));
    expect(second.body).toMatchObject({ restored: [{}, {}], failed: [] });
    expect(await namesAtSage(fresh)).toEqual(['Energy', 'Rent']);
  });

  it('keep their order when they come from two accounts', async () => {
    const { old, fresh, oldIds } = await reconnect(['A1', 'A2']);
    const other = await makeSageAccount(fixture, { company: old });
    for (const name of ['B1', 'B2']) {
      const { body } = await fixture.api('POST', pathOf(other, 'rules'), { json: draft(name) });
      oldIds[name] = body.ruleId as string;
    }
    await cancel(other);
    await restore(fresh, Object.values(oldIds));
    expect(await namesAtSage(fresh)).toEqual(['A1', 'A2', 'B1', 'B2']);
  });

  it('that the command did not reach in time are reported rule by rule, and a repeat continues with them', async () => {
    const { fresh, oldIds } = await reconnect();
    const commandId = await orderRestore(fresh, Object.values(oldIds));
    await failWrites(fresh, { nth: 2 });
    const { providerRunCommand, dbFailCommand } = createActivities(fixture.deps);
    const activity = new MockActivityEnvironment();
    await expect(
      activity.run(providerRunCommand, { commandId, channel: 'sage-banking' as const }),
    ).rejects.toThrow();
    const failed = { commandId, code: 'provider_unavailable', channel: 'sage-banking' } as const;
    expect(await activity.run(dbFailCommand, failed)).toEqual({ state: 'done' });
    await fixture.control('DELETE', '/faults');

    const { body } = await fixture.api('GET', `/v1/commands/${commandId}`);
    const notReached = { code: 'not_reached', reason: expect.stringContaining('Ask again') };
    expect(body.result).toMatchObject({
      restored: [{ rule_id: oldIds.Energy }],
      failed: [
        { rule_id: oldIds.Rent, ...notReached },
        { rule_id: oldIds.Fees, ...notReached },
      ],
      reprocess_suggested: true,
      pending: 3,
    });
    expect((await restore(fresh, Object.values(oldIds))).body).toMatchObject({ restored: [{}, {}, {}] });
    expect(await namesAtSage(fresh)).toEqual(['Energy', 'Rent', 'Fees']);
  });

  it('of which none was reached in time fail as a whole', async () => {
    const { fresh, oldIds } = await reconnect(['Energy']);
    const commandId = await orderRestore(fresh, [oldIds.Energy!]);
    const { dbFailCommand } = createActivities(fixture.deps);
    const failed = { commandId, code: 'provider_unavailable', channel: 'sage-banking' } as const;
    expect(await new MockActivityEnvironment().run(dbFailCommand, failed)).toEqual({ state: 'failed' });
  });

  it('are restored although the transactions that wait for them cannot be counted in time', async () => {
    const { fresh, oldIds } = await reconnect(['Energy']);
    const lock = await fixture.pool.connect();
    try {
      await lock.query('BEGIN');
      await lock.query('LOCK TABLE sage_transactions');
      const answer = await restore(fresh, [oldIds.Energy]);
      expect(answer.body).toMatchObject({ restored: [{}], reprocess_suggested: true, pending: null });
    } finally {
      await lock.query('ROLLBACK');
      lock.release();
    }
  });

  it('suggest no reprocessing where nothing waits for it', async () => {
    const { fresh, oldIds } = await reconnect(['Energy'], []);
    const answer = await restore(fresh, [oldIds.Energy]);
    expect(answer.body).toMatchObject({ reprocess_suggested: false, pending: 0 });
  });

  it('are not restored to a cancelled account', async () => {
    const { old, fresh, oldIds } = await reconnect();
    expect(await restore(old, [oldIds.Energy])).toMatchObject({
      status: 409,
      body: { code: 'wrong_state', state: 'cancelled' },
    });
    // Cancelled at Sage, and our row does not know yet.
    await fixture.deps.sage!.client.deleteBankAccount(atSage(fresh));
    expect(await restore(fresh, [oldIds.Energy])).toMatchObject({
      status: 409,
      body: { code: 'wrong_state' },
    });
  });

  it('of another company are not offered and not restored', async () => {
    const { oldIds } = await reconnect();
    const stranger = await makeSageAccount(fixture);
    const offered = await fixture.api('GET', pathOf(stranger, 'restorable-rules'));
    expect(offered.body).toEqual({ rules: [] });
    const answer = await restore(stranger, [oldIds.Energy, randomUUID()]);
    expect(answer.body).toMatchObject({ restored: [], reprocess_suggested: false });
    expect(answer.body.failed).toHaveLength(2);
  });
});
