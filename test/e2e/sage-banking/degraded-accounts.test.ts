import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { sageBankAccountWorkflowId } from '../../../src/domain/ids.js';
import {
  makeSageAccount,
  postStatement,
  someLines,
  type SageTestAccount,
} from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';

/* Sage fails for a while: the account is degraded at once, wherever one looks, and returns by itself. */

const soon = { timeoutMs: 60_000, everyMs: 100 };
let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterEach(async () => {
  await fixture.control('DELETE', '/faults');
});
afterAll(() => fixture.close());

const feedOf = async ({ sageAccountId }: SageTestAccount) =>
  (await fixture.api('GET', `/v1/feeds/${sageAccountId}`, { role: 'ops' })).body;

async function isListed(query: string, { sageAccountId }: SageTestAccount): Promise<boolean> {
  const { body } = await fixture.api('GET', `/v1/feeds?${query}`, { role: 'ops' });
  return (body.feeds as { feed_id: string }[]).some(({ feed_id: id }) => id === sageAccountId);
}

async function isFound(query: string, { sageAccountId }: SageTestAccount): Promise<boolean> {
  for await (const { workflowId } of fixture.client.workflow.list({ query })) {
    if (workflowId === sageBankAccountWorkflowId(sageAccountId)) return true;
  }
  return false;
}

async function detailsOf({ sageAccountId }: SageTestAccount): Promise<string> {
  const handle = fixture.client.workflow.getHandle(sageBankAccountWorkflowId(sageAccountId));
  const { currentDetails } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return currentDetails ?? '';
}

async function openAlerts({ sageAccountId }: SageTestAccount): Promise<string[]> {
  await reviewAlerts(fixture.pool, dbChannels, {
    feedSyncIntervalMs: 86_400_000,
    configuredChannels: ['rutter', 'sage-banking'],
  });
  const { rows } = await fixture.pool.query<{ code: string }>(
    `SELECT code FROM alerts WHERE feed_id = $1 AND ended_at IS NULL`,
    [sageAccountId],
  );
  return rows.map(({ code }) => code);
}

async function liveAccount(): Promise<SageTestAccount> {
  const account = await makeSageAccount(fixture, {});
  await postStatement(fixture, account, someLines(1));
  await fixture.deps.sage!.workflows.wakeAccount(account);
  await until(async () => (await feedOf(account)).counts.received === 1, { ...soon, describe: 'it is read' });
  return account;
}

const sync = ({ sageAccountId }: SageTestAccount) =>
  fixture.api('POST', `/v1/feeds/${sageAccountId}/sync`, { role: 'ops' });

describe('while Sage fails, an account is degraded at once and returns by itself', () => {
  it.each([
    ['500', { kind: 'server_error_before_effect' }, 'provider_error'],
    ['429', { kind: 'rate_limited', retry_after: '1' }, 'rate_limited'],
    ['no connection', { kind: 'reset_before_effect' }, 'connection_lost'],
  ])('with %s', async (_, fault, cause) => {
    const account = await liveAccount();
    await fixture.control('POST', '/faults', { times: 0, match: { path: '/transactions$' }, ...fault });
    await sync(account);
    await until(() => isFound(`FeedReason = 'provider_unavailable'`, account), {
      ...soon,
      describe: 'the search attribute finds the workflow',
    });
    expect(await detailsOf(account)).toContain(`: ${cause}.`);
    const feed = await feedOf(account);
    expect(feed).toMatchObject({
      state: 'live',
      reason: 'provider_unavailable',
      degraded: { cause, waiting: null },
      waiting_since: null,
    });
    for (const query of ['degraded=true', 'reason=provider_unavailable', 'channel=sage-banking&state=live']) {
      expect([query, await isListed(query, account)]).toEqual([query, true]);
    }
    expect(await isListed('degraded=false', account)).toBe(false);
    expect(await openAlerts(account)).toEqual([]);
    await fixture.pool.query(
      `UPDATE sage_accounts SET degraded_since = degraded_since - interval '31 seconds' WHERE sage_account_id = $1`,
      [account.sageAccountId],
    );
    expect(await openAlerts(account)).toEqual(['failure_persists']);

    await fixture.control('DELETE', '/faults');
    expect((await sync(account)).status).toBeLessThan(300);
    await until(async () => (await feedOf(account)).degraded === null, {
      ...soon,
      describe: 'it is read again',
    });
    expect(await feedOf(account)).toMatchObject({ state: 'live', reason: null });
    await until(async () => !(await isFound(`FeedReason = 'provider_unavailable'`, account)), {
      ...soon,
      describe: 'the search attribute is gone',
    });
    expect(await detailsOf(account)).toBe('Everything is read; waiting for the next check.');
    expect(await openAlerts(account)).toEqual([]);
  });

  it('a requested check ends the wait for the next attempt', async () => {
    const account = await liveAccount();
    const path = { path: '/transactions$' };
    await fixture.control('POST', '/faults', {
      times: 0,
      match: path,
      kind: 'rate_limited',
      retry_after: '60',
    });
    await sync(account);
    const nextInMs = async () =>
      Date.parse((await feedOf(account)).degraded?.next_attempt_at ?? '') - Date.now();
    await until(async () => (await nextInMs()) > 30_000, { ...soon, describe: 'the next attempt is far' });
    await until(() => isFound(`FeedReason = 'provider_unavailable'`, account), {
      ...soon,
      describe: 'the workflow knows of it',
    });
    await fixture.control('DELETE', '/faults');
    const askedAtMs = Date.now();
    const farMs = await nextInMs();
    await sync(account);
    await until(async () => (await feedOf(account)).degraded === null, {
      ...soon,
      describe: 'it is read again',
    });
    expect(Date.now() - askedAtMs).toBeLessThan(farMs);
  });
});
