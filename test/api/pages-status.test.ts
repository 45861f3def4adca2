import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { finishCommand, failCommand } from '../../src/db/commands.js';
import { writeTimeline } from '../../src/db/timeline.js';
import { WorkflowsUnavailable } from '../../src/temporal/calls.js';
import { addConnection, addCustomer, linkOrigin, newVisitor, password, startPages } from './pages-fixture.js';
import type { PagesFixture, Visitor } from './pages-fixture.js';

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

async function signedIn(accounts?: readonly (readonly [string, string])[]) {
  const customer = await addCustomer(pages, accounts);
  const visitor = newVisitor(pages);
  const form = await visitor.get('/status/sign-in');
  const fields = { form_token: form.formToken, username: customer.username, password };
  const answer = await visitor.post('/status/sign-in', fields);
  expect(answer.location).toBe('/status');
  return { ...customer, visitor };
}

async function formTokenOf(visitor: Visitor) {
  return (await visitor.get('/status')).formToken;
}

test('without a session every page below /status redirects to the sign-in page', async () => {
  const id = randomUUID();
  for (const path of ['/status', `/status/connect/${id}`, `/status/feeds/${id}/stop`]) {
    expect((await newVisitor(pages).get(path)).location).toBe('/status/sign-in');
  }
  for (const path of ['/status/sign-out', '/status/connect', `/status/feeds/${id}/stop`]) {
    expect((await newVisitor(pages).post(path, {})).location).toBe('/status/sign-in');
  }
});

describe('the feeds', () => {
  test('are shown with times in the zone of their account, and with the start date as a day of no zone', async () => {
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]!, name: 'Books' });
    await pages.pool.query(
      `UPDATE feeds SET state = 'live', last_synced_at = '2026-07-03T02:14:00Z',
              transaction_start_date = '2026-06-01T00:00:00Z', start_day = '2026-06-01' WHERE feed_id = $1`,
      [feedId],
    );
    await pages.pool.query(`UPDATE customers SET time_zone = 'Europe/Berlin' WHERE customer_id = $1`, [
      customerId,
    ]);
    expect((await visitor.get('/status')).text).toContain('3 Jul 2026, 04:14 CEST');
    await pages.pool.query(`UPDATE accounts SET time_zone = 'America/New_York' WHERE account_id = $1`, [
      accountIds[0],
    ]);
    const { text } = await visitor.get('/status');
    expect(text).toContain('2 Jul 2026, 22:14 GMT-4');
    expect(text).toContain('1 June 2026');
  });

  test.each([
    ['awaiting_activation', 'Choose this account and a start date in Sage'],
    ['backfilling', 'Sending history'],
    ['live', 'Up to date'],
    ['paused', 'Your bank has paused this feed'],
    ['reauth_required', 'Reconnect in Sage'],
    ['disconnected', 'no longer chosen in Sage'],
    ['closed', 'Nothing is sent any more'],
  ])('in state %s the page shows the next step: %s', async (state, words) => {
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]!, name: 'Books' });
    await pages.pool.query(`UPDATE feeds SET state = $2 WHERE feed_id = $1`, [feedId, state]);
    const { text } = await visitor.get('/status');
    expect(text).toContain('Trading account');
    expect(text).toContain(words);
    expect(text.includes(`/status/feeds/${feedId!}/stop`)).toBe(state !== 'closed');
  });

  test.each([
    ['provider_unavailable', 'provider_timeout', 'live', 'Delayed', 'Sage is not answering at the moment'],
    ['provider_unavailable', 'rate_limited', 'backfilling', 'Delayed', 'Sage is not answering at the moment'],
    [
      'credentials_rejected',
      'credentials_rejected',
      'syncing',
      'Delayed',
      'We cannot send to Sage at the moment',
    ],
    ['unexpected_failure', 'unexpected_failure', 'live', 'Delayed', 'We cannot send to Sage at the moment'],
    ['attempts_exhausted', null, 'live', 'Held back', 'your bank looks into a question'],
    ['provider_unavailable', 'provider_error', 'paused', 'Paused', 'Your bank has paused this feed'],
    ['provider_unavailable', 'provider_error', 'disconnected', 'Disconnected', 'no longer chosen in Sage'],
  ])('with %s (%s) in state %s the page is not green and says one sentence: %s', async (...row) => {
    const [reason, cause, state, label, words] = row;
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]!, name: 'Books' });
    await pages.pool.query(
      `UPDATE feeds SET state = $2, reason = $3, reason_at = now(), degraded_cause = $4 WHERE feed_id = $1`,
      [feedId, state, reason, cause],
    );
    const { text } = await visitor.get('/status');
    expect(text).toContain(label);
    expect(text).toContain(words);
    expect(text).not.toContain('is-good');
    expect(text).not.toContain('Up to date');
    const sentences = [
      'Sage is not answering',
      'We cannot send',
      'Sending is held back',
      'New transactions are',
    ];
    expect(sentences.filter((sentence) => text.includes(sentence)).length).toBeLessThanOrEqual(1);
  });

  test.each([
    [
      'an open feed of a closed account',
      'live',
      'running',
      null,
      'The last day of this account is 5 March 2026',
    ],
    [
      'a feed that closed with its account',
      'closed',
      'closed',
      'account',
      'This account was closed on 5 March 2026',
    ],
    [
      'a feed whose connection was ended',
      'closed',
      'closed',
      'connection',
      'Your bank has ended the connection',
    ],
    ['a feed that the customer stopped', 'closed', 'closed', 'request', 'To share the account again'],
  ])('%s says so plainly', async (_, state, operator, closedBy, words) => {
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]!, name: 'Books' });
    await pages.pool.query(`UPDATE feeds SET state = $2, operator = $3, closed_by = $4 WHERE feed_id = $1`, [
      feedId,
      state,
      operator,
      closedBy,
    ]);
    await pages.pool.query(`UPDATE accounts SET closed_on = '2026-03-05' WHERE account_id = $1`, [
      accountIds[0]!,
    ]);
    expect((await visitor.get('/status')).text).toContain(words);
  });

  test('delivered transactions are counted and events are listed, names escaped', async () => {
    const { customerId, accountIds, visitor } = await signedIn([['<b>Till</b> & "Co"', '1111']]);
    const accountId = accountIds[0]!;
    const { feedId, connectionId } = await addConnection(pages, { customerId, accountId });
    for (const [number, delivered] of [1_000, 234].entries()) {
      await pages.pool.query(
        `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                              last_posted_at, state, delivered_count)
         VALUES ($1, $2, $3, 'lock', $4, 1000, 'x', now(), now(), 'delivered', $5)`,
        [randomUUID(), feedId, connectionId, number, delivered],
      );
    }
    const entry = { customerId, feedId, connectionId };
    await writeTimeline(pages.pool, { ...entry, kind: 'batch_delivered', detail: { delivered: 234 } });
    await writeTimeline(pages.pool, { ...entry, kind: 'lock_taken_over' });
    const { text } = await visitor.get('/status');
    expect(text).toContain('1,234');
    expect(text).toContain('234 transactions of &lt;b&gt;Till&lt;/b&gt; &amp; &quot;Co&quot; sent to Sage.');
    expect(text).not.toContain('<b>Till');
    expect(text).not.toContain('lock_taken_over');
  });

  test('the card says up to which day is sent and taken by Sage, and claims nothing that Rutter does not say', async () => {
    const { customerId, accountIds, visitor } = await signedIn();
    const accountId = accountIds[0]!;
    const { feedId, connectionId } = await addConnection(pages, { customerId, accountId, name: 'Books' });
    const factsOf = async () => {
      const { text } = await visitor.get('/status');
      const valueOf = (name: string) =>
        new RegExp(`<dt>${name}</dt>\\s*<dd>([^<]*)</dd>`).exec(text)?.[1]?.trim();
      return { sent: valueOf('Sent up to'), taken: valueOf('Taken by Sage up to'), text };
    };
    expect(await factsOf()).toMatchObject({ sent: undefined, taken: undefined });

    const batchId = randomUUID();
    await pages.pool.query(
      `INSERT INTO postings (account_id, transaction_id, sequence, posted_at, amount, description, transaction_type,
                             status, content_hash)
       VALUES ($1, 'tx-1', 1, '2026-03-05T10:00:00Z', -1, 'Fuel', 'debit', 'posted', sha256('x'))`,
      [accountId],
    );
    await pages.pool.query(
      `INSERT INTO batches (batch_id, feed_id, connection_id, delivery_lock_id, number, size, body_hash, first_posted_at,
                            last_posted_at, state, delivered_count)
       VALUES ($1, $2, $3, 'lock', 1, 1, 'x', '2026-03-05T10:00:00Z', '2026-03-05T10:00:00Z', 'delivered', 1)`,
      [batchId, feedId, connectionId],
    );
    await pages.pool.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position) VALUES ($1, 'tx-1', $2, 0)`,
      [feedId, batchId],
    );
    // Rutter has never said whether Sage takes anything.
    expect(await factsOf()).toMatchObject({ sent: '5 March 2026', taken: 'Not known' });

    await pages.pool.query(`UPDATE feeds SET taken_is_known = true WHERE feed_id = $1`, [feedId]);
    const sent = await factsOf();
    expect(sent).toMatchObject({ sent: '5 March 2026', taken: 'Not taken yet' });
    expect(sent.text).toContain('Transactions sent');

    await pages.pool.query(`UPDATE batches SET taken_at = now() WHERE batch_id = $1`, [batchId]);
    await pages.pool.query(`UPDATE feeds SET taken_through = '2026-03-05' WHERE feed_id = $1`, [feedId]);
    expect(await factsOf()).toMatchObject({ sent: '5 March 2026', taken: '5 March 2026' });
  });

  test('another customer’s feeds are neither shown nor stopped', async () => {
    const stranger = await addCustomer(pages, [['Stranger’s account', '9999']]);
    const foreign = await addConnection(pages, {
      customerId: stranger.customerId,
      accountId: stranger.accountIds[0]!,
    });
    const { visitor } = await signedIn();
    const feeds = await visitor.get('/status');
    expect(feeds.text).not.toContain('9999');
    const path = `/status/feeds/${foreign.feedId!}/stop`;
    expect((await visitor.get(path)).status).toBe(404);
    expect((await visitor.post(path, { form_token: feeds.formToken })).status).toBe(404);
    expect(pages.facade.calls).toEqual([]);
  });
});

describe('stop sharing', () => {
  test('asks first, then asks the feed’s workflow to close it', async () => {
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]! });
    const path = `/status/feeds/${feedId!}/stop`;
    const question = await visitor.get(path);
    expect(question.text).toContain('Stop sharing Trading account?');
    expect(pages.facade.calls).toEqual([]);
    const answer = visitor.post(path, { form_token: question.formToken });
    await pages.pool.query(`UPDATE feeds SET state = 'closed', operator = 'closed' WHERE feed_id = $1`, [
      feedId,
    ]);
    const { location } = await answer;
    expect(location).toBe('/status?stopped=1');
    expect((await visitor.get(location!)).text).toContain('We stop sharing this account now.');
  });

  test('when Temporal is unavailable a page reports it, and nothing is shown as stopped', async () => {
    const { customerId, accountIds, visitor } = await signedIn();
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]! });
    pages.facade.fail = new WorkflowsUnavailable(new Error('away'));
    const form_token = await formTokenOf(visitor);
    const answer = await visitor.post(`/status/feeds/${feedId!}/stop`, { form_token });
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('try again in a minute');
  });
});

describe('connecting a Sage by Rutter Link', () => {
  test('requests one connection however often the button is pressed, waits, and shows the link', async () => {
    const { customerId, visitor } = await signedIn();
    const { text, formToken } = await visitor.get('/status');
    const command_id = /name="command_id" value="([^"]+)"/.exec(text)![1]!;
    const fields = { form_token: formToken, command_id };
    const first = await visitor.post('/status/connect', fields);
    const second = await visitor.post('/status/connect', fields);
    expect(first.location).toBe(`/status/connect/${command_id}`);
    expect(second.location).toBe(first.location);
    expect(pages.facade.calls).toEqual([
      { name: 'runCommand', input: { commandId: command_id, channel: 'rutter' } },
      { name: 'runCommand', input: { commandId: command_id, channel: 'rutter' } },
    ]);
    const rows = await pages.pool.query(`SELECT kind, customer_id FROM commands WHERE command_id = $1`, [
      command_id,
    ]);
    expect(rows.rows).toEqual([{ kind: 'create_connection', customer_id: customerId }]);
    const waiting = await visitor.get(first.location!);
    expect(waiting.text).toContain(`content="2;url=/status/connect/${command_id}"`);
    const link_url = `${linkOrigin}/connection/abc`;
    await finishCommand(pages.pool, {
      commandId: command_id,
      result: { connection_id: randomUUID(), platform: 'SAGE_BANK_FEEDS', status: 'ok', link_url },
    });
    const done = await visitor.get(first.location!);
    expect(done.text).toContain(`href="${link_url}"`);
    expect(done.text).not.toContain('http-equiv="refresh"');
  });

  test('a failure is reported; the command of another customer is not found', async () => {
    const { visitor } = await signedIn();
    const { text, formToken } = await visitor.get('/status');
    const command_id = /name="command_id" value="([^"]+)"/.exec(text)![1]!;
    await visitor.post('/status/connect', { form_token: formToken, command_id });
    const problem = { code: 'provider_refused', message: 'no' } as const;
    await failCommand(pages.pool, { commandId: command_id, problem });
    expect((await visitor.get(`/status/connect/${command_id}`)).status).toBe(502);
    const other = await signedIn();
    expect((await other.visitor.get(`/status/connect/${command_id}`)).status).toBe(404);
    const form_token = await formTokenOf(other.visitor);
    expect((await other.visitor.post('/status/connect', { form_token, command_id })).status).toBe(400);
  });

  test('a connection that nobody uses is offered again instead of making another', async () => {
    const { customerId, visitor } = await signedIn();
    const { connectionId } = await addConnection(pages, { customerId });
    const { text } = await visitor.get('/status');
    expect(text).toContain(`href="${linkOrigin}/connection/${connectionId}"`);
    expect(text).not.toContain('action="/status/connect"');
  });

  test('an address that is no web address is not shown as a link', async () => {
    const { customerId, visitor } = await signedIn();
    await addConnection(pages, { customerId });
    await pages.pool.query(`UPDATE connections SET link_url = 'javascript:alert(1)' WHERE customer_id = $1`, [
      customerId,
    ]);
    expect((await visitor.get('/status')).text).not.toContain('javascript:');
  });
});

describe('an account on more than one connection', () => {
  test('is marked on each of its feeds until one is closed, and other accounts are not', async () => {
    const { customerId, accountIds, visitor } = await signedIn();
    const [accountId, otherId] = [accountIds[0]!, accountIds[1]!];
    const first = await addConnection(pages, { customerId, accountId, name: 'Books' });
    await addConnection(pages, { customerId, accountId: otherId, name: 'Books' });
    const words = 'shared over more than one connection to Sage';
    expect((await visitor.get('/status')).text).not.toContain(words);
    await addConnection(pages, { customerId, accountId, name: 'More books' });
    expect((await visitor.get('/status')).text.split(words)).toHaveLength(3);
    await pages.pool.query(`UPDATE feeds SET operator = 'closed', state = 'closed' WHERE feed_id = $1`, [
      first.feedId,
    ]);
    expect((await visitor.get('/status')).text).not.toContain(words);
  });
});

test('the customer sees how many transactions the bank must check, and nothing of their content', async () => {
  const { customerId, accountIds, visitor } = await signedIn();
  const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]! });
  expect((await visitor.get('/status')).text).not.toContain('ask your bank');
  for (const [id, exception] of [
    ['a', 'quarantined'],
    ['b', 'conflict'],
    ['c', 'discarded'],
    ['d', 'duplicate'],
  ]) {
    await pages.pool.query(
      `INSERT INTO ledger (feed_id, transaction_id, batch_id, position, exception, detail)
       VALUES ($1, $2, gen_random_uuid(), 0, $3, 'refused: the words of Sage')`,
      [feedId, id, exception],
    );
  }
  const { text } = await visitor.get('/status');
  expect(text).toContain('2 transactions could not be delivered as they are');
  expect(text).not.toContain('the words of Sage');
});

test('signing out ends the session for good', async () => {
  const { visitor } = await signedIn();
  const kept = new Map(visitor.cookies);
  await visitor.post('/status/sign-out', { form_token: await formTokenOf(visitor) });
  visitor.cookies.clear();
  for (const [name, value] of kept) visitor.cookies.set(name, value);
  expect((await visitor.get('/status')).location).toBe('/status/sign-in');
});
