import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readHandoffCounts } from '../../../src/db/rutter/handoff-counts.js';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import {
  addConnection,
  addCustomer,
  arriveAt,
  linkOrigin,
  makeReady,
  newChallenge,
  newVisitor,
  password,
  signInAt,
  startPages,
  type PageAnswer,
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
  pages.facade.fail = undefined;
});

const sage = { referer: 'https://app.sage.com/' };

/** The button that ends the handoff, as its own form. */
const cancelButton = (handoffId: string, method: 'post' | 'get') =>
  new RegExp(`<form method="${method}" action="/login/${handoffId}/cancel"[^]*?>Cancel</button>`);

/** Presses Cancel on a page that was shown, as a browser does. */
async function press(visitor: Visitor, page: PageAnswer, handoffId: string) {
  const posted = await visitor.post(`/login/${handoffId}/cancel`, { form_token: page.formToken });
  const end = posted.location === null ? undefined : await visitor.get(posted.location);
  return { posted, end };
}

async function rowOf(handoffId: string) {
  const { rows } = await pages.pool.query<Record<string, unknown>>(
    `SELECT state, reason, answer_sealed, ended_at IS NOT NULL AS ended FROM handoffs WHERE handoff_id = $1`,
    [handoffId],
  );
  return rows[0];
}

async function countOf(outcome: string): Promise<number> {
  const counts = await readHandoffCounts(pages.pool);
  return counts.find((each) => each.outcome === outcome)?.count ?? 0;
}

const cancelled = { state: 'refused', reason: 'cancelled', answer_sealed: null, ended: true };

async function signedIn(options: { linked?: boolean } = {}) {
  const customer = await addCustomer(pages);
  const { connectionId } = await addConnection(pages, {
    customerId: customer.customerId,
    ...(options.linked === true ? { accountId: customer.accountIds[0]! } : {}),
  });
  const { handoffId, link } = newChallenge();
  const visitor = newVisitor(pages);
  const accounts = await signInAt(visitor, link, customer.username);
  return { ...customer, connectionId, handoffId, link, visitor, accounts };
}

describe('Cancel', () => {
  test('is on the sign-in page, also after a refused attempt, and ends the handoff before anybody has signed in', async () => {
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const arrival = await visitor.get(link, sage);
    const form = await visitor.get(arrival.location!);
    expect(form.text).toMatch(cancelButton(handoffId, 'post'));
    const again = await visitor.post(`/login/${handoffId}`, {
      form_token: form.formToken,
      username: 'nobody',
      password,
    });
    expect([again.status, cancelButton(handoffId, 'post').test(again.text)]).toEqual([401, true]);
    const before = await countOf('cancelled');
    const { posted, end } = await press(visitor, form, handoffId);
    expect([posted.status, end?.status]).toEqual([303, 200]);
    expect(end?.text).toContain('You cancelled the connection');
    expect(end?.text).toContain('You can close this window now.');
    expect(end?.text).toContain('<a class="button" href="https://app.sage.com/" target="_top"');
    expect(await rowOf(handoffId)).toEqual(cancelled);
    expect(await countOf('cancelled')).toBe(before + 1);
    // The link and the form are of no more use.
    expect((await visitor.get(link)).status).toBe(409);
    const late = await visitor.post(`/login/${handoffId}`, {
      form_token: form.formToken,
      username: 'nobody',
      password,
    });
    expect([late.status, late.text.includes('You cancelled the connection')]).toEqual([409, true]);
  });

  test('is on the page of accounts and on the form that is shown again, and wakes the workflow', async () => {
    const { handoffId, visitor, accounts, accountIds } = await signedIn();
    expect(accounts.text).toMatch(cancelButton(handoffId, 'post'));
    const again = await visitor.post(accounts.path, { form_token: accounts.formToken });
    expect([again.status, cancelButton(handoffId, 'post').test(again.text)]).toEqual([400, true]);
    pages.facade.calls.length = 0;
    const { end } = await press(visitor, accounts, handoffId);
    expect(end?.text).not.toContain('Back to Sage');
    expect(pages.facade.calls).toEqual([{ name: 'accountsShared', input: { handoffId } }]);
    const share = await visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
    expect([share.status, share.text.includes('You cancelled the connection')]).toEqual([409, true]);
    expect(await rowOf(handoffId)).toEqual(cancelled);
  });

  test('is on the page without accounts', async () => {
    const { username } = await addCustomer(pages, []);
    const { handoffId, link } = newChallenge();
    const accounts = await signInAt(newVisitor(pages), link, username);
    expect(accounts.text).toContain('There is no account to share');
    expect(accounts.text).toMatch(cancelButton(handoffId, 'post'));
  });

  test('while accounts are shared closes the feeds that this handoff opened, and no other', async () => {
    const shared = await signedIn({ linked: true });
    const { visitor, accounts, handoffId, accountIds, connectionId, customerId } = shared;
    const posting = visitor.post(accounts.path, {
      form_token: accounts.formToken,
      account: accountIds,
      connection: connectionId,
    });
    await expect.poll(() => rowOf(handoffId), { timeout: 20_000 }).toMatchObject({ state: 'sharing' });
    // As the activity does it: both accounts are of the handoff, the second one got its feed in it.
    await pages.pool.query(
      `INSERT INTO publications (connection_id, account_id, publish_key, handoff_id, later_since)
       SELECT $1, unnest($2::text[]), gen_random_uuid(), $3, now()`,
      [connectionId, accountIds, handoffId],
    );
    await pages.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, state, published_at)
       VALUES (gen_random_uuid(), $1, $2, $3, gen_random_uuid()::text, 'awaiting_activation', now())`,
      [customerId, accountIds[1], connectionId],
    );
    pages.facade.calls.length = 0;
    const { end } = await press(visitor, accounts, handoffId);
    expect(end?.text).toContain('One account had already been prepared');
    // The request that waited shows the same.
    expect((await posting).text).toContain('You cancelled the connection');
    const { rows } = await pages.pool.query<{
      feed_id: string;
      account_id: string;
      state: string;
      closed_by: string;
    }>(
      `SELECT feed_id, account_id, state, closed_by FROM feeds WHERE connection_id = $1 ORDER BY account_id`,
      [connectionId],
    );
    expect(rows).toMatchObject([
      { account_id: accountIds[0], state: 'live', closed_by: null },
      { account_id: accountIds[1], state: 'closed', closed_by: 'request' },
    ]);
    expect(pages.facade.calls.map(({ name, input }) => [name, input])).toContainEqual([
      'feedFactsChanged',
      { feedId: rows[1]!.feed_id },
    ]);
    const left = await pages.pool.query(
      `SELECT 1 FROM publications WHERE connection_id = $1 AND later_since IS NOT NULL`,
      [connectionId],
    );
    expect(left.rowCount).toBe(0);
    const timeline = await pages.pool.query<{ detail: object }>(
      `SELECT detail FROM timeline WHERE customer_id = $1 AND kind = 'handoff_cancelled'`,
      [customerId],
    );
    expect(timeline.rows).toEqual([{ detail: { feeds_closed: 1 } }]);
  });

  test('closes a feed that this handoff opened again, and not one whose connection came back meanwhile', async () => {
    const { visitor, accounts, handoffId, accountIds, connectionId, customerId } = await signedIn();
    const { rows: feeds } = await pages.pool.query<{ feed_id: string }>(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, operator, state, state_since,
                          published_at)
       SELECT gen_random_uuid(), $1, a.id, $2, gen_random_uuid()::text, a.operator,
              CASE a.operator WHEN 'closed' THEN 'closed' ELSE 'reauth_required' END, now() - interval '1 day',
              now() - interval '2 days'
         FROM unnest($3::text[], ARRAY['running', 'closed']) AS a (id, operator) RETURNING feed_id`,
      [customerId, connectionId, accountIds],
    );
    const posting = visitor.post(accounts.path, {
      form_token: accounts.formToken,
      account: accountIds,
      connection: connectionId,
    });
    await expect.poll(() => rowOf(handoffId), { timeout: 20_000 }).toMatchObject({ state: 'sharing' });
    await pages.pool.query(
      `INSERT INTO publications (connection_id, account_id, publish_key, handoff_id)
       SELECT $1, unnest($2::text[]), gen_random_uuid(), $3`,
      [connectionId, accountIds, handoffId],
    );
    await pages.pool.query(
      `UPDATE feeds SET operator = 'running', state = 'awaiting_activation', state_since = now()
        WHERE connection_id = $1`,
      [connectionId],
    );
    await pages.pool.query(`INSERT INTO timeline (feed_id, kind) VALUES ($1, 'feed_reopened')`, [
      feeds[1]!.feed_id,
    ]);
    const { end } = await press(visitor, accounts, handoffId);
    expect(end?.text).toContain('One account had already been prepared');
    await posting;
    const { rows } = await pages.pool.query(
      `SELECT state FROM feeds WHERE connection_id = $1 ORDER BY account_id = $2 DESC`,
      [connectionId, accountIds[0]],
    );
    expect(rows).toEqual([{ state: 'awaiting_activation' }, { state: 'closed' }]);
  });

  test('pressed twice or many times at once changes nothing more', async () => {
    const { handoffId, visitor, accounts, customerId } = await signedIn();
    const before = await countOf('cancelled');
    const answers = await Promise.all(Array.from({ length: 8 }, () => press(visitor, accounts, handoffId)));
    for (const { posted, end } of answers) {
      expect([posted.status, end?.status]).toEqual([303, 200]);
      expect(end?.text).toContain('You cancelled the connection');
    }
    expect(await countOf('cancelled')).toBe(before + 1);
    const timeline = await pages.pool.query(
      `SELECT 1 FROM timeline WHERE customer_id = $1 AND kind = 'handoff_cancelled'`,
      [customerId],
    );
    expect(timeline.rowCount).toBe(1);
  });

  test('clears a redirect that nobody has taken; once it is taken the page says that it is too late', async () => {
    const first = await signedIn();
    await makeReady(pages, { handoffId: first.handoffId, otp: '111' });
    await press(first.visitor, first.accounts, first.handoffId);
    expect(await rowOf(first.handoffId)).toEqual(cancelled);
    const finish = await first.visitor.get(`/login/${first.handoffId}/finish`);
    expect([finish.status, finish.location]).toEqual([409, null]);

    const second = await signedIn();
    await makeReady(pages, { handoffId: second.handoffId, otp: '222' });
    const redirect = await second.visitor.get(`/login/${second.handoffId}/finish`);
    expect(redirect.location).toMatch(new RegExp(`^${linkOrigin}/sage_redirect\\?challenge=.*&otp=222$`));
    const { end } = await press(second.visitor, second.accounts, second.handoffId);
    expect(end?.text).toContain('It is too late to cancel here');
    expect(await rowOf(second.handoffId)).toMatchObject({ state: 'taken', reason: null });
  });

  test('and the redirect race: the browser either goes on or has cancelled, never both', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { handoffId, visitor, accounts } = await signedIn();
      await makeReady(pages, { handoffId, otp: '333' });
      const [finish] = await Promise.all([
        visitor.get(`/login/${handoffId}/finish`),
        press(visitor, accounts, handoffId),
      ]);
      const row = await rowOf(handoffId);
      expect([finish.status, row?.['state']]).toEqual(
        row?.['state'] === 'taken' ? [303, 'taken'] : [409, 'refused'],
      );
    }
  });

  test('after the deadline ends nothing, and the page says why the handoff ended', async () => {
    const { handoffId, visitor, accounts } = await signedIn();
    await pages.pool.query(`UPDATE handoffs SET deadline_at = now() WHERE handoff_id = $1`, [handoffId]);
    const { end } = await press(visitor, accounts, handoffId);
    expect(end?.text).toContain('The time for this connection has run out');
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in', reason: null });
  });

  test('works while Temporal does not answer: the row is the truth', async () => {
    const { handoffId, visitor, accounts } = await signedIn();
    pages.facade.fail = new WorkflowsUnavailable(new Error('away'));
    const { end } = await press(visitor, accounts, handoffId);
    expect(end?.text).toContain('You cancelled the connection');
    expect(await rowOf(handoffId)).toEqual(cancelled);
  });

  test('is refused without the token of the form, from another site, and from another browser', async () => {
    const { handoffId, visitor, accounts, link } = await signedIn();
    const path = `/login/${handoffId}/cancel`;
    const forged = await visitor.post(path, { form_token: 'x' });
    expect([forged.status, cancelButton(handoffId, 'get').test(forged.text)]).toEqual([403, true]);
    const foreign = await visitor.post(
      path,
      { form_token: accounts.formToken },
      { origin: 'https://evil.example' },
    );
    expect(foreign.status).toBe(403);
    const stranger = newVisitor(pages);
    expect((await stranger.get(link)).status).toBe(409);
    for (const answer of [
      await stranger.get(path),
      await stranger.post(path, { form_token: accounts.formToken }),
    ]) {
      expect([answer.status, answer.text.includes('There is nothing to cancel in this window')]).toEqual([
        403,
        true,
      ]);
    }
    expect((await visitor.get('/login/short/cancel')).status).toBe(404);
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in' });
  });

  test('in a browser that opened the link first does not end the handoff of a customer who signed in elsewhere', async () => {
    const { username } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const first = newVisitor(pages);
    const form = await arriveAt(first, link);
    await signInAt(newVisitor(pages), link, username);
    const { posted } = await press(first, form, handoffId);
    expect(posted.status).toBe(403);
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in' });
  });

  test('on an error page asks first, since that page may have no session', async () => {
    const { handoffId, visitor, accounts } = await signedIn();
    const missing = await visitor.get(`/login/${handoffId}/nothing-here`);
    expect([missing.status, cancelButton(handoffId, 'get').test(missing.text)]).toEqual([404, true]);
    const ask = await visitor.get(`/login/${handoffId}/cancel`);
    expect([ask.status, ask.text.includes('Cancel the connection to Sage?')]).toEqual([200, true]);
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in' });
    const { end } = await press(visitor, ask, handoffId);
    expect(end?.text).toContain('You cancelled the connection');
    expect(accounts.formToken).toBe(ask.formToken);
  });

  test.each(['superseded', 'expired', 'refused', 'taken'])(
    'is on the page of a handoff that is %s, and leads to its last words',
    async (state) => {
      const { handoffId, visitor, accounts } = await signedIn();
      await pages.pool.query(`UPDATE handoffs SET state = $2, reason = $3 WHERE handoff_id = $1`, [
        handoffId,
        state,
        state === 'refused' ? 'provider_refused' : null,
      ]);
      const over = await visitor.get(accounts.path);
      expect(over.text).toMatch(cancelButton(handoffId, 'get'));
      const end = await visitor.get(`/login/${handoffId}/cancel`);
      expect(end.status).toBe(200);
      expect(end.text).toContain(
        state === 'taken' ? 'It is too late to cancel here' : 'You can close this window now.',
      );
    },
  );
});
