import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { raiseMissing, reviewAlerts } from '../../src/db/alerts.js';
import { dbChannels } from '../../src/db/channels.js';
import { recordAccountsSeen } from '../../src/db/rutter/feed-facts.js';
import { channelIds } from '../../src/domain/channel.js';
import { until } from '../support/until.js';
import { startApi, transaction, type ApiFixture } from './machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(async () => {
  await api.rows(`DELETE FROM alerts`);
  await api.rows(`DELETE FROM ingestion_problems`);
  await api.rows(`DELETE FROM publications`);
  await api.rows(`UPDATE feeds SET state = 'closed', operator = 'closed'`);
});

interface Alert {
  alert_id: string;
  code: string;
  severity: string;
  since: string;
  count: number;
  runbook: string;
  raised_at: string;
  subject: string;
  feed_id: string | null;
  detail: Record<string, unknown>;
}
const send = (accountId: string, ...transactions: unknown[]) =>
  api.call('POST', `/v1/accounts/${accountId}/transactions`, { json: { transactions } });
const sendBad = (accountId: string, id = 'bad') => send(accountId, transaction(id, { memo: 'x' }));
const acknowledge = (alertId: string, reason = 'sent again') =>
  api.call('POST', `/v1/alerts/${alertId}/acknowledge`, { role: 'ops', json: { reason } });

/** The open alerts after a review, as operators list them, by subject. */
async function reviewed(): Promise<Alert[]> {
  const settings = { feedSyncIntervalMs: 86_400_000, configuredChannels: channelIds };
  expect(await reviewAlerts(api.pool, dbChannels, settings)).toEqual([]);
  const { body } = await api.call('GET', '/v1/alerts?limit=200', { role: 'ops' });
  return (body['alerts'] as Alert[]).sort((one, other) => (one.subject < other.subject ? -1 : 1));
}
const codes = async () => (await reviewed()).map(({ code }) => code).sort();

describe('an alert about items that were not taken', () => {
  it('is raised once an account and kind, names feed and counts, and ends when it is acknowledged', async () => {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed(account);
    await send(account.accountId, transaction('a'), transaction('b', { memo: 'x' }));
    await send(account.accountId, transaction('a', { amount: '-1' }));
    await sendBad(account.accountId);
    const alerts = await reviewed();
    expect(alerts.map(({ code, subject, feed_id, detail }) => [code, subject, feed_id, detail])).toEqual([
      ['postings_conflicting', account.accountId, feedId, expect.objectContaining({ count: 1, total: 1 })],
      ['postings_rejected', account.accountId, feedId, expect.objectContaining({ count: 2, total: 2 })],
    ]);
    for (const { alert_id } of alerts) {
      const answer = await acknowledge(alert_id);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        alert_id,
        acknowledged_reason: 'sent again',
        acknowledged_at: expect.any(String) as string,
        ended_at: expect.any(String) as string,
      });
    }
    expect(await reviewed()).toEqual([]);
    const timeline = await api.call('GET', `/v1/feeds/${feedId}/timeline`, { role: 'ops' });
    expect(timeline.body['timeline']).toMatchObject([
      { kind: 'alert_acknowledged', detail: { reason: 'sent again' } },
      { kind: 'alert_acknowledged' },
      { kind: 'postings_conflicting' },
      { kind: 'postings_rejected' },
    ]);
    const feed = await api.call('GET', `/v1/feeds/${feedId}`, { role: 'ops' });
    expect(feed.body['ingestion_problems']).toMatchObject({
      rejected: { count: 2 },
      conflicting: { count: 1 },
    });
  });

  it('comes back for new items only, also for those between its last review and the acknowledgement', async () => {
    const { accountId } = await api.makeAccount();
    await sendBad(accountId);
    const [first] = await reviewed();
    await sendBad(accountId);
    await acknowledge(first!.alert_id);
    const [second] = await reviewed();
    expect(second).toMatchObject({ code: 'postings_rejected', detail: { count: 1, total: 2 } });
    await acknowledge(second!.alert_id);
    expect(await reviewed()).toEqual([]);
    await sendBad(accountId);
    expect(await reviewed()).toMatchObject([{ detail: { count: 1, total: 3 } }]);
  });

  it('is one an account up to 20 accounts, and one summary above, which is acknowledged as a whole', async () => {
    const accounts = await Promise.all(Array.from({ length: 21 }, () => api.makeAccount()));
    for (const { accountId } of accounts.slice(1)) await sendBad(accountId);
    const twenty = await reviewed();
    expect(twenty.map(({ subject }) => subject)).toEqual(
      accounts
        .slice(1)
        .map((each) => each.accountId)
        .sort(),
    );
    await sendBad(accounts[0]!.accountId);
    const [summary, ...others] = await reviewed();
    expect(others).toEqual([]);
    expect(summary).toMatchObject({ subject: 'service', detail: { accounts: 21, count: 21 } });
    expect(summary?.detail['account_ids']).toHaveLength(20);
    expect((await acknowledge(twenty[0]!.alert_id)).body.code).toBe('alert_ended');
    await sendBad(accounts[3]!.accountId);
    expect((await acknowledge(summary!.alert_id)).status).toBe(200);
    // The one item that the summary did not know of.
    expect(await reviewed()).toMatchObject([{ subject: accounts[3]!.accountId }]);
  });

  it('is acknowledged by an operator with a reason, once, under any number of repeats', async () => {
    const { accountId } = await api.makeAccount();
    await sendBad(accountId);
    const [alert] = await reviewed();
    const path = `/v1/alerts/${alert!.alert_id}/acknowledge`;
    expect((await api.call('POST', path, { json: { reason: 'x' } })).status).toBe(403);
    for (const json of [{}, { reason: '' }, { reason: 7 }, { reason: 'x', other: 1 }]) {
      expect((await api.call('POST', path, { role: 'ops', json })).status).toBe(422);
    }
    for (const id of ['0', '999999999999', 'x', '99999999999999999999']) {
      expect((await acknowledge(id)).status).toBe(404);
    }
    const [first, again] = [
      await acknowledge(alert!.alert_id, 'one'),
      await acknowledge(alert!.alert_id, 'two'),
    ];
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(again.body['acknowledged_reason']).toBe('one');
    const both = await Promise.all([sendBad(accountId), sendBad(accountId)]);
    expect(both.map(({ status }) => status)).toEqual([422, 422]);
  });

  it('cannot be acknowledged when it ends by itself: 409 says so', async () => {
    await api.makeFeed({ ...(await api.makeAccount()), reason: 'job_lost', state: 'live' });
    const [alert] = await reviewed();
    const answer = await acknowledge(alert!.alert_id);
    expect([answer.status, answer.body.code]).toEqual([409, 'alert_ends_by_itself']);
    expect(await codes()).toEqual(['feed_blocked']);
  });
});

describe('every alert', () => {
  it('has a severity, since when, how many and its section of the runbook', async () => {
    const old = { state: 'reauth_required', state_since: new Date(Date.now() - 7_200_000).toISOString() };
    const first = await api.makeFeed({ ...(await api.makeAccount()), ...old });
    const second = await api.makeFeed({ ...(await api.makeAccount()), ...old });
    await api.rows(
      `UPDATE feeds SET connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1) WHERE feed_id = $2`,
      [first, second],
    );
    const { accountId } = await api.makeAccount();
    await sendBad(accountId, 'one');
    await sendBad(accountId, 'two');
    await api.rows(`INSERT INTO alerts (code, subject) VALUES ('workflow_missing', 'lost')`);
    await raiseMissing(api.pool, [
      { subject: 'lost', feedId: null, connectionId: randomUUID(), customerId: 'c' },
    ]);
    const byCode = new Map((await reviewed()).map((alert) => [alert.code, alert]));
    expect(byCode.get('reauth_required')).toMatchObject({
      severity: 'info',
      since: old.state_since,
      count: 2,
      runbook: 'docs/operations/runbook.md#alert-reauth_required',
    });
    expect(byCode.get('postings_rejected')).toMatchObject({ severity: 'warning', count: 2 });
    const missing = byCode.get('workflow_missing');
    expect(missing).toMatchObject({ severity: 'warning', count: 2, since: missing?.raised_at });
    const listed = async (query: string) => {
      const { status, body } = await api.call('GET', `/v1/alerts?${query}`, { role: 'ops' });
      return status === 200 ? (body['alerts'] as Alert[]).map(({ code }) => code) : status;
    };
    expect(await listed('severity=info')).toEqual(['reauth_required']);
    expect(await listed('severity=info&code=postings_rejected')).toEqual([]);
    expect(await listed('severity=urgent')).toBe(400);
  });

  it('that is acknowledged while a review runs stays as it was acknowledged', async () => {
    const { accountId } = await api.makeAccount();
    await sendBad(accountId, 'one');
    const [alert] = await reviewed();
    await sendBad(accountId, 'two');
    const other = await api.pool.connect();
    try {
      // The review has read its snapshot when it meets this lock.
      await other.query('BEGIN');
      await other.query(
        `UPDATE alerts SET ended_at = '2026-01-02T03:04:05Z', acknowledged_at = now() WHERE alert_id = $1`,
        [alert!.alert_id],
      );
      await other.query(`UPDATE ingestion_problems SET acknowledged_count = 1 WHERE account_id = $1`, [
        accountId,
      ]);
      const review = reviewAlerts(api.pool, dbChannels, {
        feedSyncIntervalMs: 86_400_000,
        configuredChannels: channelIds,
      });
      await until(
        async () =>
          (
            await api.rows(
              `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'WITH found AS%'`,
            )
          ).length > 0,
        { timeoutMs: 10_000, describe: 'the review waits for the alert' },
      );
      await other.query('COMMIT');
      expect(await review).toEqual([]);
    } finally {
      other.release();
    }
    const [row] = await api.rows<{ detail: object; ended_at: string }>(
      `SELECT detail, ended_at FROM alerts WHERE alert_id = $1`,
      [alert!.alert_id],
    );
    expect(row).toMatchObject({ detail: { count: 1, total: 1 }, ended_at: '2026-01-02T03:04:05.000Z' });
    expect(await reviewed()).toMatchObject([{ code: 'postings_rejected', detail: { count: 1, total: 2 } }]);
  });
});

describe('an alert about a feed that waits for its customer', () => {
  const since = (interval: string) => new Date(Date.now() - Number(interval) * 60_000).toISOString();
  const minutes = { hour: 60, day: 24 * 60, threeDays: 3 * 24 * 60 };

  it.each([
    ['reauth_required', 'reauth_required', minutes.hour],
    ['disconnected', 'disconnected', minutes.day],
    ['awaiting_activation', 'waiting_for_start_date', minutes.threeDays],
  ])('in the state %s is raised as %s after %i minutes and ends by itself', async (state, code, limit) => {
    const account = await api.makeAccount();
    const at = (minute: number) => ({ state, state_since: since(String(minute)) });
    const feedId = await api.makeFeed({ ...account, ...at(limit - 1) });
    expect(await codes()).toEqual([]);
    await api.rows(`UPDATE feeds SET state_since = $2 WHERE feed_id = $1`, [
      feedId,
      at(limit + 1).state_since,
    ]);
    expect(await reviewed()).toMatchObject([
      { code, feed_id: feedId, detail: { since: expect.any(String) as string } },
    ]);
    await api.rows(`UPDATE feeds SET state = 'live', account_status = 'active' WHERE feed_id = $1`, [feedId]);
    expect(await codes()).not.toContain(code);
  });

  it('is one for a connection with many refused feeds', async () => {
    const old = { state: 'reauth_required', state_since: since('61') };
    const first = await api.makeFeed({ ...(await api.makeAccount()), ...old });
    const second = await api.makeFeed({ ...(await api.makeAccount()), ...old });
    await api.rows(
      `UPDATE feeds SET connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1) WHERE feed_id = $2`,
      [first, second],
    );
    expect(await reviewed()).toMatchObject([
      { code: 'reauth_required', feed_id: null, detail: { feeds: 2 } },
    ]);
  });

  it('is not raised for an account that was not chosen beside one that was', async () => {
    const old = { state: 'awaiting_activation', state_since: since('9000') };
    const first = await api.makeFeed({ ...(await api.makeAccount()), ...old });
    const second = await api.makeFeed({
      ...(await api.makeAccount()),
      state: 'live',
      account_status: 'active',
      last_synced_at: new Date().toISOString(),
    });
    await api.rows(
      `UPDATE feeds SET connection_id = (SELECT connection_id FROM feeds WHERE feed_id = $1) WHERE feed_id = $2`,
      [first, second],
    );
    expect(await codes()).toEqual([]);
  });

  it('is raised an hour after an account is ready without a start date, and ends when it has one', async () => {
    const feedId = await api.makeFeed({
      ...(await api.makeAccount()),
      state: 'awaiting_activation',
      rutter_account_id: 'r-1',
    });
    const [{ connection_id: connectionId }] = (await api.rows<{ connection_id: string }>(
      `SELECT connection_id FROM feeds WHERE feed_id = $1`,
      [feedId],
    )) as [{ connection_id: string }];
    const see = (ready: boolean, date: string | null) =>
      recordAccountsSeen(api.pool, {
        connectionId,
        bankTimeZone: null,
        accounts: [{ rutterAccountId: 'r-1', ready, transactionStartDate: date }],
      });
    const age = (text: string) =>
      api.rows(
        `UPDATE feeds SET start_date_awaited_since = start_date_awaited_since - $2::interval WHERE feed_id = $1`,
        [feedId, text],
      );
    await see(false, null);
    await age('2 hours');
    expect(await codes()).toEqual([]);
    await see(true, null);
    await age('59 minutes');
    await see(true, null);
    expect(await codes()).toEqual([]);
    await age('1 minute');
    expect(await reviewed()).toMatchObject([{ code: 'waiting_for_start_date', feed_id: feedId }]);
    await see(true, '2026-03-01T00:00:00.000Z');
    expect(await codes()).not.toContain('waiting_for_start_date');
  });
});

describe('an alert about an account that was not published', () => {
  /** A publication whose account was refused, or is published later, so many minutes ago. */
  async function publication(column: 'refused_at' | 'later_since', minutesAgo: number) {
    const account = await api.makeAccount();
    const feedId = await api.makeFeed({ ...account, operator: 'closed', state: 'closed' });
    await api.rows(
      `INSERT INTO publications (connection_id, account_id, publish_key, ${column}, refused_reason, refused_code)
       SELECT connection_id, account_id, gen_random_uuid(), now() - make_interval(mins => $2), $3, $4
         FROM feeds WHERE feed_id = $1`,
      [feedId, minutesAgo, ...(column === 'refused_at' ? ['provider_refused', 'X_1'] : [null, null])],
    );
    return { ...account, feedId };
  }
  const week = 7 * 24 * 60;

  it.each([
    ['refused_at', { reason: 'provider_refused', error_code: 'X_1' }],
    ['later_since', { reason: 'not_published_yet', error_code: null }],
  ] as const)('is raised from ten minutes to a week after %s', async (column, detail) => {
    const { accountId, customerId } = await publication(column, 11);
    await publication(column, 9);
    await publication(column, week + 1);
    expect(await reviewed()).toMatchObject([
      {
        code: 'account_not_published',
        customer_id: customerId,
        detail: { account_id: accountId, ...detail },
      },
    ]);
  });

  it.each([
    [
      'it is published',
      `UPDATE feeds SET operator = 'running', state = 'awaiting_activation' WHERE account_id = $1`,
    ],
    ['its account is closed', `UPDATE accounts SET closed_on = '2020-01-01' WHERE account_id = $1`],
    ['its account is not to be published', `UPDATE accounts SET publishable = false WHERE account_id = $1`],
    [
      'it is withdrawn',
      `UPDATE publications SET refused_at = NULL, refused_reason = NULL WHERE account_id = $1`,
    ],
  ])('ends by itself when %s', async (_, change) => {
    const { accountId } = await publication('refused_at', 60);
    expect(await codes()).toContain('account_not_published');
    await api.rows(change, [accountId]);
    expect(await codes()).not.toContain('account_not_published');
  });
});
