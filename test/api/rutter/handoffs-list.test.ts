import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reviewAlerts } from '../../../src/db/alerts.js';
import { dbChannels } from '../../../src/db/channels.js';
import { endHandoff } from '../../../src/db/rutter/handoff-progress.js';
import { recordRefusedLink } from '../../../src/db/rutter/handoff-ends.js';
import { takeHandoffAnswer } from '../../../src/db/rutter/handoffs.js';
import { transaction } from '../../../src/db/pool.js';
import { channelIds } from '../../../src/domain/channel.js';
import { countedAtOnce, createRefusedLinks } from '../../../src/pages/rutter/refused-links.js';
import { startApi, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());
beforeEach(async () => {
  for (const table of ['alerts', 'handoffs', 'handoff_counts']) await api.rows(`DELETE FROM ${table}`);
});

interface Handoff {
  handoff_id: string;
  state: string;
  reason: string | null;
  customer_id: string | null;
}

/** A handoff in the rows, which arrived `ageMin` minutes ago. */
async function add(input: {
  state: string;
  customerId?: string | null;
  ageMin?: number;
  reason?: string;
  set?: string;
}): Promise<string> {
  const handoffId = randomUUID();
  const { customerId = null, ageMin = 1 } = input;
  if (customerId !== null) {
    await api.rows(
      `INSERT INTO customers (customer_id, name) VALUES ($1, 'Harbour Joinery') ON CONFLICT DO NOTHING`,
      [customerId],
    );
  }
  await api.rows(
    `INSERT INTO handoffs (handoff_id, state, customer_id, redirect_sealed, answer_sealed, first_seen_at, deadline_at, reason)
     VALUES ($1, $2, $3, 'canary-redirect', 'canary-otp', now() - make_interval(mins => $4),
             now() - make_interval(mins => $4) + interval '570 seconds', $5)`,
    [handoffId, input.state, customerId, ageMin, input.reason ?? null],
  );
  if (input.set !== undefined)
    await api.rows(`UPDATE handoffs SET ${input.set} WHERE handoff_id = $1`, [handoffId]);
  return handoffId;
}

const fail = (handoffId: string, reason: Parameters<typeof endHandoff>[1]['reason'], errorCode?: string) =>
  transaction(api.pool, (db) =>
    endHandoff(db, {
      handoffId,
      state: reason === null ? 'expired' : 'refused',
      reason,
      ...(errorCode === undefined ? {} : { errorCode }),
    }),
  );
const complete = async (customerId: string) => {
  const handoffId = await add({ state: 'ready', customerId });
  await transaction(api.pool, (db) => takeHandoffAnswer(db, { handoffId, customerId }));
};
const list = async (query = '') => {
  const { status, body } = await api.call('GET', `/v1/handoffs${query}`, { role: 'ops' });
  return { status, handoffs: body['handoffs'] as Handoff[], next: body.next_cursor };
};
const ids = async (query: string) => (await list(query)).handoffs.map(({ handoff_id }) => handoff_id);

describe('the list of handoffs', () => {
  it('shows each with customer, reason and times, and no secret', async () => {
    const handoffId = await add({ state: 'sharing', customerId: 'c-1', set: `account_ids = '{a,b}'` });
    await fail(handoffId, 'provider_refused', 'PLATFORM_BAD_REQUEST');
    const { handoffs } = await list('?state=failed');
    expect(handoffs).toEqual([
      {
        handoff_id: handoffId,
        state: 'failed',
        reason: 'provider_refused',
        error_code: 'PLATFORM_BAD_REQUEST',
        customer_id: 'c-1',
        connection_id: null,
        accounts: 2,
        arrived_at: expect.stringMatching(/Z$/) as string,
        deadline_at: expect.stringMatching(/Z$/) as string,
        ended_at: expect.stringMatching(/Z$/) as string,
      },
    ]);
    expect(JSON.stringify(handoffs)).not.toContain('canary');
  });

  it('derives state and reason of those whose end is not recorded yet, on both sides of the deadline', async () => {
    const expected: [string, string | null][] = [
      ['open', null],
      ['failed', 'not_signed_in'],
      ['failed', 'sign_in_refused'],
      ['failed', 'not_finished'],
      ['failed', 'service_unavailable'],
      ['failed', 'provider_unavailable'],
      ['completed', null],
      ['superseded', null],
    ];
    const added = [
      await add({ state: 'sharing', ageMin: 9 }),
      await add({ state: 'opened', ageMin: 10 }),
      await add({ state: 'opened', ageMin: 10, set: 'sign_in_failures = 2' }),
      await add({ state: 'logged_in', ageMin: 10 }),
      await add({ state: 'sharing', ageMin: 10 }),
      await add({ state: 'sharing', ageMin: 10, set: 'worked_at = now()' }),
      await add({ state: 'taken', ageMin: 10 }),
      await add({ state: 'superseded', ageMin: 10 }),
    ];
    const { handoffs } = await list();
    const found = new Map(handoffs.map(({ handoff_id, state, reason }) => [handoff_id, [state, reason]]));
    expect(added.map((id) => found.get(id))).toEqual(expected);
    expect(await ids('?state=open')).toEqual([added[0]]);
    expect(await ids('?state=completed')).toEqual([added[6]]);
    expect((await ids('?state=failed')).sort()).toEqual(added.slice(1, 6).sort());
  });

  it('is filtered by state, reason and customer, and read page by page, newest first', async () => {
    const all: string[] = [];
    for (let age = 25; age > 0; age -= 1) {
      all.unshift(
        await add({
          state: 'refused',
          reason: age % 2 ? 'declined' : 'no_accounts',
          ageMin: age,
          customerId: 'c-2',
        }),
      );
    }
    const same = `first_seen_at = date_trunc('hour', now())`;
    const tied = [await add({ state: 'opened', set: same }), await add({ state: 'opened', set: same })];
    const pages: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { handoffs, next } = await list(`?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
      pages.push(...handoffs.map(({ handoff_id }) => handoff_id));
      cursor = next;
    }
    expect(pages.filter((id) => !tied.includes(id))).toEqual(all);
    expect(pages).toHaveLength(27);
    expect(new Set(pages).size).toBe(27);
    expect(await ids('?reason=no_accounts&customer_id=c-2')).toEqual(
      all.filter((_, index) => index % 2 === 1),
    );
    expect(await ids('?customer_id=nobody')).toEqual([]);
  });

  it.each([
    'state=lost',
    'reason=no_reason',
    'cursor=eA',
    `cursor=${Buffer.from('1 ../x').toString('base64url')}`,
    'limit=0',
    'other=1',
  ])('refuses %s', async (query) => {
    expect((await list(`?${query}`)).status).toBe(400);
  });

  it('is shown to operators alone', async () => {
    expect((await api.call('GET', '/v1/handoffs')).status).toBe(403);
    expect((await api.call('GET', '/v1/handoffs', { role: 'none' })).status).toBe(401);
    const far = Buffer.from('99999999999999999 z').toString('base64url');
    expect(await ids(`?cursor=${far}`)).toEqual([]);
  });
});

describe('the metric of handoffs', () => {
  const counted = async (labels: string) => {
    const { text } = await api.call('GET', '/metrics', { role: 'none' });
    return Number(new RegExp(`^bankfeeds_handoffs_total\\{${labels}\\} (.+)$`, 'm').exec(text)?.[1]);
  };

  it('counts each end once, by outcome and reason, from zero on', async () => {
    expect(await counted('outcome="failed",reason="provider_unavailable"')).toBe(0);
    const handoffId = await add({ state: 'sharing', customerId: 'c-3' });
    await fail(handoffId, 'provider_unavailable');
    await fail(handoffId, 'provider_unavailable');
    await complete('c-3');
    await complete('c-3');
    await recordRefusedLink(api.pool, {
      handoffId: 'refused-link-1',
      problem: 'parameter_missing',
      fetchSite: null,
      refererOrigin: null,
      count: 1,
    });
    expect(await counted('outcome="failed",reason="provider_unavailable"')).toBe(1);
    expect(await counted('outcome="completed",reason=""')).toBe(2);
    expect(await counted('outcome="failed",reason="link_refused"')).toBe(1);
    expect(await counted('outcome="cancelled",reason="cancelled"')).toBe(0);
  });

  it('counts refused links in few rows and few statements, for each network and for all together', async () => {
    const refusedLinks = createRefusedLinks(api.pool);
    const refuse = (source: string, problem = 'parameter_missing') =>
      refusedLinks.record({
        source,
        handoffId: `refused-link-${randomUUID()}`,
        problem,
        fetchSite: null,
        refererOrigin: null,
      });
    const found = async () => [
      await counted('outcome="failed",reason="link_refused"'),
      (await api.rows(`SELECT 1 FROM handoffs`)).length,
    ];
    for (let n = 0; n < 20 + countedAtOnce - 1; n += 1) await refuse(`2001:db8::${String(n)}`);
    expect(await found()).toEqual([20, 20]);
    await refuse('2001:db8::1');
    expect(await found()).toEqual([20 + countedAtOnce, 20]);
    await refuse('2001:db8::1');
    await refuse('198.51.100.1');
    expect(await found()).toEqual([22 + countedAtOnce, 21]);
    for (let n = 0; n < 300; n += 1) await refuse(`203.0.113.${String(n)}`);
    expect(await found()).toEqual([expect.any(Number), 200]);
    await refuse('2001:db8::1', 'redirect_foreign');
    expect(await found()).toEqual([20 + countedAtOnce + 2 + 300 + 1, 201]);
  });
});

describe('alerts about handoffs', () => {
  const alerts = async () => {
    const settings = { feedSyncIntervalMs: 86_400_000, configuredChannels: channelIds };
    expect(await reviewAlerts(api.pool, dbChannels, settings)).toEqual([]);
    const { body } = await api.call('GET', '/v1/alerts', { role: 'ops' });
    return (body['alerts'] as { code: string; subject: string; count: number; detail: object }[]).map(
      ({ code, subject, count }) => ({ code, subject, count }),
    );
  };
  const failMany = async (count: number, reason: Parameters<typeof fail>[1]) => {
    for (let n = 0; n < count; n += 1) {
      await fail(await add({ state: 'sharing', customerId: `many-${n}` }), reason);
    }
  };

  it('are raised at five failures of Rutter or ours within an hour, if no fewer than succeeded', async () => {
    await failMany(4, 'provider_unavailable');
    expect(await alerts()).toEqual([]);
    await failMany(1, 'service_unavailable');
    expect(await alerts()).toEqual([{ code: 'handoffs_failing', subject: 'service', count: 5 }]);
    for (let n = 0; n < 5; n += 1) await complete(`works-${n}`);
    expect(await alerts()).toHaveLength(1);
    await complete('works-6');
    expect(await alerts()).toEqual([]);
    await api.rows(`DELETE FROM handoffs WHERE state = 'taken'`);
    expect(await alerts()).toHaveLength(1);
    await api.rows(`UPDATE handoffs SET ended_at = now() - interval '61 minutes'`);
    expect(await alerts()).toEqual([]);
  });

  it('are raised for one customer at three failures within a day, until a login succeeds', async () => {
    const once = async () => fail(await add({ state: 'logged_in', customerId: 'c-9' }), null);
    await once();
    await once();
    expect(await alerts()).toEqual([]);
    await once();
    expect(await alerts()).toEqual([{ code: 'customer_cannot_connect', subject: 'c-9', count: 3 }]);
    await complete('c-9');
    expect(await alerts()).toEqual([]);
    await once();
    await once();
    expect(await alerts()).toEqual([]);
    await once();
    expect(await alerts()).toHaveLength(1);
  });

  it('are not raised for what customers cancelled or declined, nor for links that nobody used', async () => {
    for (const reason of ['cancelled', 'declined'] as const) {
      for (let n = 0; n < 6; n += 1) await fail(await add({ state: 'sharing', customerId: 'c-10' }), reason);
    }
    for (let n = 0; n < 6; n += 1) await fail(await add({ state: 'opened', ageMin: 10 }), null);
    expect(await alerts()).toEqual([]);
  });

  it('are raised when links are refused for their redirect and none is accepted', async () => {
    const refuse = (problem: string) =>
      recordRefusedLink(api.pool, {
        handoffId: `refused-link-${randomUUID()}`,
        problem,
        fetchSite: null,
        refererOrigin: null,
        count: 1,
      });
    for (let n = 0; n < 9; n += 1) await refuse('parameter_missing');
    for (let n = 0; n < 4; n += 1) await refuse('redirect_foreign');
    expect(await alerts()).toEqual([]);
    await refuse('redirect_foreign');
    expect(await alerts()).toEqual([{ code: 'login_links_refused', subject: 'service', count: 5 }]);
    await add({ state: 'opened' });
    expect(await alerts()).toEqual([]);
  });
});
