import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import {
  addConnection,
  addCustomer,
  newChallenge,
  newVisitor,
  signInAt,
  startPages,
  type PageAnswer,
  type PagesFixture,
} from '../pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});
afterEach(() => {
  pages.facade.fail = undefined;
});

const headings = { provider: 'Sage is not answering', service: 'We are not ready yet', none: 'Finishing' };

/** A customer who has shared `count` accounts; the row then is as `set` says, and the page is loaded. */
async function waiting(
  set: string,
  count = 5,
): Promise<PageAnswer & { handoffId: string; load: () => Promise<PageAnswer> }> {
  const names = Array.from({ length: count }, (_, index) => [`Site ${String(index)}`, '5094'] as const);
  const { customerId, username, accountIds } = await addCustomer(pages, names);
  const { connectionId } = await addConnection(pages, { customerId });
  const { handoffId, link } = newChallenge();
  const visitor = newVisitor(pages);
  await signInAt(visitor, link, username);
  await pages.pool.query(
    `UPDATE handoffs SET state = 'sharing', connection_id = $2, account_ids = $3, shared_at = now(), progress_at = now()
      WHERE handoff_id = $1`,
    [handoffId, connectionId, accountIds],
  );
  await pages.pool.query(
    `INSERT INTO publications (connection_id, account_id, publish_key, handoff_id)
     SELECT $1, unnest($2::text[]), gen_random_uuid(), $3`,
    [connectionId, accountIds, handoffId],
  );
  await pages.pool.query(`UPDATE handoffs SET ${set} WHERE handoff_id = $1`, [handoffId]);
  const load = () => visitor.get(`/login/${handoffId}/finish`);
  return { ...(await load()), handoffId, load };
}

const quiet = (seconds: number) =>
  `progress_at = now() - interval '${String(seconds)} seconds', shared_at = now() - interval '${String(seconds)} seconds'`;
const headingOf = ({ text }: PageAnswer) => /<h1>([^<]*)<\/h1>/.exec(text)?.[1];

describe('the page of a handoff that takes its time', () => {
  test.each([
    ['17 s', `${quiet(17)}, worked_at = now()`, headings.none],
    ['20 s with a worker', `${quiet(20)}, worked_at = now()`, headings.provider],
    [
      'a failed attempt',
      `${quiet(30)}, worked_at = now(), failure_cause = 'provider_unavailable'`,
      headings.provider,
    ],
    [
      'a limited request',
      `${quiet(30)}, worked_at = now(), failure_cause = 'rate_limited'`,
      headings.provider,
    ],
    [
      'our own failure',
      `${quiet(30)}, worked_at = now(), failure_cause = 'service_unavailable'`,
      headings.service,
    ],
    ['no worker at all', quiet(30), headings.service],
    ['a worker that is gone', `${quiet(60)}, worked_at = now() - interval '20 seconds'`, headings.service],
  ])('after %s', async (_, set, heading) => {
    const page = await waiting(set);
    expect([page.status, headingOf(page)]).toEqual([200, heading]);
    const isDelayed = heading !== headings.none;
    expect(page.text.includes('press Cancel')).toBe(isDelayed);
    expect(/minutes are left/.test(page.text)).toBe(isDelayed);
    // It goes on by itself, and offers the way back in any case.
    expect(page.text).toContain('http-equiv="refresh"');
    expect(page.text).toMatch(/<button type="submit" class="quiet">Cancel<\/button>/);
  });

  test.each([
    [`interval '7 minutes 30 seconds'`, 'About 7 minutes are left'],
    [`interval '90 seconds'`, 'About one minute is left'],
    [`interval '30 seconds'`, 'Less than a minute is left'],
  ])('says how much time is left: %s', async (left, text) => {
    const page = await waiting(`${quiet(30)}, worked_at = now(), deadline_at = now() + ${left}`);
    expect(page.text).toContain(text);
  });

  test('does not say so while accounts are published one after the other', async () => {
    const page = await waiting(`${quiet(60)}, worked_at = now()`);
    expect(headingOf(page)).toBe(headings.provider);
    await pages.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, state, published_at)
       SELECT gen_random_uuid(), customer_id, account_ids[1], connection_id, gen_random_uuid()::text, 'awaiting_activation', now()
         FROM handoffs WHERE handoff_id = $1`,
      [page.handoffId],
    );
    const again = await page.load();
    expect(headingOf(again)).toBe(headings.none);
    expect(again.text).toContain('1 of 5 shared.');
  });

  test('says it twenty seconds after the choice, in the very request that waits, while Temporal does not answer', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    await addConnection(pages, { customerId });
    const { link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    pages.facade.fail = new WorkflowsUnavailable(new Error('away'));
    const startedAt = Date.now();
    const page = await visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
    const tookMs = Date.now() - startedAt;
    expect([page.status, headingOf(page)]).toEqual([200, headings.service]);
    expect(tookMs).toBeGreaterThan(19_000);
    expect(tookMs).toBeLessThan(26_000);
  });

  test('says after the deadline why it ended, also before the end is recorded', async () => {
    const late = `deadline_at = now() - interval '1 second'`;
    const provider = await waiting(`${quiet(60)}, worked_at = now(), ${late}`);
    expect([provider.status, headingOf(provider)]).toEqual([410, 'Sage did not answer in time']);
    const service = await waiting(`${quiet(60)}, ${late}`);
    expect([service.status, headingOf(service)]).toEqual([410, 'We could not finish in time']);
  });
});

describe('while our own database does not answer', () => {
  test('a page of the handoff says so in its own words, loads itself again, and offers the way out', async () => {
    const { username } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const query = vi.spyOn(pages.pool, 'query').mockRejectedValue(refused);
    try {
      const page = await visitor.get(accounts.path);
      expect([page.status, headingOf(page)]).toEqual([503, 'We are not answering at the moment']);
      expect(page.text).toContain(`content="5;url=${accounts.path}"`);
      expect(page.text).toMatch(
        new RegExp(`<form method="get" action="/login/${handoffId}/cancel">[^]*>Cancel<`),
      );
      const posted = await visitor.post(`/login/${handoffId}/decision`, { form_token: accounts.formToken });
      expect(posted.text).toContain(`href="/login/${handoffId}/finish"`);
      expect(posted.text).not.toContain('http-equiv="refresh"');
      expect((await visitor.get('/status')).text).toContain('We cannot do this right now');
    } finally {
      query.mockRestore();
    }
    expect((await visitor.get(accounts.path)).status).toBe(200);
  });
});
