import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.js';
import {
  addConnection,
  addCustomer,
  arriveAt,
  makeReady,
  newChallenge,
  newVisitor,
  password,
  signInAt,
  startPages,
  type PagesFixture,
  type Visitor,
} from '../pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});
afterEach(() => {
  pages.facade.calls.length = 0;
});

interface Sharing {
  visitor: Visitor;
  handoffId: string;
  link: string;
  customerId: string;
  accountIds: string[];
  connectionId: string;
  formToken: string;
  finish: string;
  first: { status: number; text: string };
}

/** A customer who has shared `count` accounts on a connection; the workflow does nothing by itself here. */
async function shared(count: number): Promise<Sharing> {
  const names = Array.from(
    { length: count },
    (_, index) => [`Site ${String(index).padStart(2, '0')}`, `50${String(index).padStart(2, '0')}`] as const,
  );
  const { customerId, username, accountIds } = await addCustomer(pages, names);
  const { connectionId } = await addConnection(pages, { customerId });
  const { handoffId, link } = newChallenge();
  const visitor = newVisitor(pages);
  const accounts = await signInAt(visitor, link, username);
  const { formToken } = accounts;
  const first = await visitor.post(accounts.path, { form_token: formToken, account: accountIds });
  const finish = `/login/${handoffId}/finish`;
  return { visitor, handoffId, link, customerId, accountIds, connectionId, formToken, finish, first };
}

/** What the activity stores: the first `published` accounts have feeds, the last `refused` ones were refused. */
async function publish(
  sharing: Sharing,
  input: { published: number; refused?: number; later?: boolean },
): Promise<void> {
  const { pool } = pages;
  const { connectionId, customerId, accountIds, handoffId } = sharing;
  await pool.query(
    `INSERT INTO publications (connection_id, account_id, publish_key, handoff_id)
     SELECT $1, unnest($2::text[]), gen_random_uuid(), $3 ON CONFLICT DO NOTHING`,
    [connectionId, accountIds, handoffId],
  );
  await pool.query(
    `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, state, published_at)
     SELECT gen_random_uuid(), $1, id, $2, gen_random_uuid()::text, 'awaiting_activation', now()
       FROM unnest($3::text[]) AS id ON CONFLICT DO NOTHING`,
    [customerId, connectionId, accountIds.slice(0, input.published)],
  );
  if (input.later === true) {
    await pool.query(
      `UPDATE publications SET later_since = now() WHERE connection_id = $1 AND NOT account_id = ANY ($2)`,
      [connectionId, accountIds.slice(0, input.published)],
    );
  }
  if (input.refused === undefined) return;
  await pool.query(
    `UPDATE publications SET refused_reason = 'provider_refused', refused_code = 'PLATFORM_BAD_REQUEST', refused_at = now()
      WHERE connection_id = $1 AND account_id = ANY ($2)`,
    [connectionId, accountIds.slice(-input.refused)],
  );
}

const ask = ({ handoffId }: Sharing) =>
  pages.pool.query(`UPDATE handoffs SET partial_sharing = 'asked' WHERE handoff_id = $1`, [handoffId]);

const partialOf = async ({ handoffId }: Sharing) => {
  const { rows } = await pages.pool.query<{ partial_sharing: string | null }>(
    `SELECT partial_sharing FROM handoffs WHERE handoff_id = $1`,
    [handoffId],
  );
  return rows[0]?.partial_sharing;
};

describe('while many accounts are published', () => {
  test('the page appears at once, counts the shared ones, and loads itself again without a script', async () => {
    const startedAt = Date.now();
    const sharing = await shared(80);
    expect(Date.now() - startedAt).toBeLessThan(15_000);
    expect(sharing.first.text).toContain('0 of 80 shared');
    expect(sharing.first.text).toContain(`http-equiv="refresh" content="2;url=${sharing.finish}"`);
    expect(sharing.first.text).not.toContain('<script');
    await publish(sharing, { published: 12 });
    const later = await sharing.visitor.get(sharing.finish);
    expect(later.text).toContain('12 of 80 shared');
    await publish(sharing, { published: 80 });
    await makeReady(pages, { handoffId: sharing.handoffId, otp: 'otp-80' });
    const ready = await sharing.visitor.get(sharing.finish);
    expect(ready.status).toBe(303);
    expect(ready.location).toContain('otp=otp-80');
  });
});

describe('when some accounts cannot be published', () => {
  test('the page names each with the reason and asks; the answer is stored and the workflow signaled', async () => {
    const sharing = await shared(6);
    await publish(sharing, { published: 4, refused: 2 });
    await ask(sharing);
    pages.facade.calls.length = 0;
    const question = await sharing.visitor.get(sharing.finish);
    expect(question.status).toBe(200);
    expect(question.text).toContain('2 accounts cannot be shared');
    for (const name of ['Site 04', 'Site 05']) expect(question.text).toContain(name);
    expect(question.text).not.toContain('Site 03');
    expect(question.text).toContain('PLATFORM_BAD_REQUEST');
    expect(question.text).toContain('Continue with the other 4 accounts');
    expect(question.text).not.toContain('http-equiv="refresh"');
    // The workflow waits for the customer: loading the question again is no news to it.
    expect(pages.facade.calls).toEqual([]);

    const decision = `/login/${sharing.handoffId}/decision`;
    const answered = sharing.visitor.post(decision, { form_token: question.formToken, decision: 'continue' });
    await until(async () => (await partialOf(sharing)) === 'accepted', {
      timeoutMs: 10_000,
      everyMs: 20,
      describe: 'the answer is stored',
    });
    await makeReady(pages, { handoffId: sharing.handoffId, otp: 'otp-4' });
    expect((await answered).status).toBe(303);
  });

  test('a forged, unknown or foreign answer changes nothing', async () => {
    const sharing = await shared(6);
    await publish(sharing, { published: 4, refused: 2 });
    await ask(sharing);
    const decision = `/login/${sharing.handoffId}/decision`;
    const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      sharing.visitor.post(decision, fields, headers);
    const own = { form_token: sharing.formToken };
    expect((await post({ form_token: 'wrong', decision: 'continue' })).status).toBe(403);
    expect((await post({ ...own, decision: 'continue' }, { origin: 'https://evil.example' })).status).toBe(
      403,
    );
    expect((await post({ ...own, decision: 'maybe' })).status).toBe(400);
    expect((await post(own)).status).toBe(400);
    expect((await newVisitor(pages).post(decision, { ...own, decision: 'continue' })).status).toBe(403);
    expect(await partialOf(sharing)).toBe('asked');
  });

  test('who stops sees that nothing was connected', async () => {
    const sharing = await shared(6);
    await publish(sharing, { published: 4, refused: 2 });
    await ask(sharing);
    const refuse = async () => {
      if ((await partialOf(sharing)) === 'declined') {
        await pages.pool.query(
          `UPDATE handoffs SET state = 'refused', reason = 'declined' WHERE handoff_id = $1`,
          [sharing.handoffId],
        );
      }
      return true;
    };
    pages.facade.onAccountsShared = refuse;
    const stopped = await sharing.visitor.post(`/login/${sharing.handoffId}/decision`, {
      form_token: sharing.formToken,
      decision: 'stop',
    });
    pages.facade.onAccountsShared = async () => true;
    expect(stopped.status).toBe(409);
    expect(stopped.text).toContain('No account was connected to your Sage company');
  });

  test('no account left: the page names every refused one, to its own customer only', async () => {
    const sharing = await shared(2);
    await publish(sharing, { published: 0, refused: 2 });
    await pages.pool.query(
      `UPDATE handoffs SET state = 'refused', reason = 'provider_refused' WHERE handoff_id = $1`,
      [sharing.handoffId],
    );
    const over = await sharing.visitor.get(sharing.finish);
    expect(over.status).toBe(409);
    expect(over.text).toContain('Site 00');
    expect(over.text).toContain('Site 01');
    expect(over.text).toContain('PLATFORM_BAD_REQUEST');
    const stranger = await newVisitor(pages).get(sharing.link);
    expect(stranger.text).not.toContain('Site 00');
  });
});

describe('when time ran short', () => {
  test('the missing accounts are named once before the redirect, then the page goes on by itself', async () => {
    const sharing = await shared(30);
    await publish(sharing, { published: 5, later: true });
    await makeReady(pages, { handoffId: sharing.handoffId, otp: 'otp-5' });
    const missing = await sharing.visitor.get(sharing.finish);
    expect(missing.status).toBe(200);
    expect(missing.text).toContain('5 of 30 shared');
    expect(missing.text).toContain('Site 05');
    expect(missing.text).toContain('and 5 more');
    expect(missing.text).not.toContain('otp-5');
    const next = /http-equiv="refresh" content="10;url=([^"]+)"/.exec(missing.text)?.[1];
    expect(next).toBe(`${sharing.finish}?seen=1`);
    const gone = await sharing.visitor.get(next!);
    expect(gone.status).toBe(303);
    expect(gone.location).toContain('otp=otp-5');
  });

  test('with little time left the redirect comes first', async () => {
    const sharing = await shared(6);
    await publish(sharing, { published: 5, later: true });
    await makeReady(pages, { handoffId: sharing.handoffId, otp: 'otp-5' });
    await pages.pool.query(
      `UPDATE handoffs SET deadline_at = now() + interval '19 seconds' WHERE handoff_id = $1`,
      [sharing.handoffId],
    );
    expect((await sharing.visitor.get(sharing.finish)).status).toBe(303);
  });

  test('/status names the accounts that follow, and those that could not be shared', async () => {
    const sharing = await shared(3);
    await publish(sharing, { published: 1, refused: 1 });
    await pages.pool.query(
      `UPDATE publications SET later_since = now() WHERE connection_id = $1 AND account_id = $2`,
      [sharing.connectionId, sharing.accountIds[1]],
    );
    const username = `user-${sharing.customerId}`;
    const visitor = newVisitor(pages);
    const form = await visitor.get('/status/sign-in');
    await visitor.post('/status/sign-in', { form_token: form.formToken, username, password });
    const status = await visitor.get('/status');
    expect(status.text).toContain('We are still sharing these accounts');
    expect(status.text).toContain('Site 01');
    expect(status.text).toContain('This account could not be shared');
    expect(status.text).toContain('Site 02');
  });
});

test('an arrival at the finish page of somebody else shows nothing', async () => {
  const sharing = await shared(6);
  const stranger = newVisitor(pages);
  await arriveAt(stranger, newChallenge().link);
  expect((await stranger.get(sharing.finish)).status).toBe(403);
});
