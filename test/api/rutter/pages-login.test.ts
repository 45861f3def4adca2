import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../../src/domain/limits.js';
import { WorkflowsUnavailable } from '../../../src/temporal/calls.js';
import { until } from '../../support/until.js';
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
} from '../pages-fixture.js';
import type { PagesFixture } from '../pages-fixture.js';

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
  pages.facade.onAccountsShared = async () => true;
});

async function rowOf(handoffId: string) {
  const { rows } = await pages.pool.query(`SELECT * FROM handoffs WHERE handoff_id = $1`, [handoffId]);
  return rows[0] as Record<string, unknown> | undefined;
}

describe('from Rutter’s link to the redirect', () => {
  test('who signs in and shares accounts is sent to Rutter once, with challenge and one-time password', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const { challenge, handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    expect(accounts.text).toContain('Sage, through Rutter');
    expect(accounts.text).toContain('Trading account');
    expect(accounts.text).toContain('5094');

    pages.facade.onAccountsShared = async (id) => {
      await makeReady(pages, { handoffId: id, otp: 'otp-1234' });
      return true;
    };
    const shared = await visitor.post(accounts.path, {
      form_token: accounts.formToken,
      account: [accountIds[0]!],
    });
    expect(shared.status).toBe(303);
    expect(shared.location).toBe(`${linkOrigin}/sage_redirect?challenge=${challenge}&otp=otp-1234`);
    expect(pages.facade.calls).toEqual([
      { name: 'loginSucceeded', input: { handoffId, customerId } },
      { name: 'accountsShared', input: { handoffId, customerId } },
    ]);
    const row = await rowOf(handoffId);
    expect(row).toMatchObject({ state: 'taken', answer_sealed: null, customer_id: customerId });
    expect(row?.account_ids).toEqual([accountIds[0]]);
    expect(row?.connection_id).toBeNull();
    expect(row?.connection_key).not.toBeNull();

    const again = await visitor.get(`/login/${handoffId}/finish`);
    expect(again.status).toBe(410);
    expect(again.text).toContain('already gone on to Sage');
    expect((await visitor.get(link)).status).toBe(410);
  });

  test('an encoded inner address is read like an un-encoded one', async () => {
    const { challenge, handoffId } = newChallenge();
    const redirect = encodeURIComponent(`${linkOrigin}/sage_redirect?challenge=${challenge}`);
    const form = await arriveAt(newVisitor(pages), `/login?redirect_uri=${redirect}&challenge=${challenge}`);
    expect(form.path).toBe(`/login/${handoffId}`);
    expect(form.text).toContain('<label for="username">Username</label>');
    expect(form.text).toContain('<label for="password">Password</label>');
  });

  test('a deadline counts from the first arrival, however often the link is opened', async () => {
    const { handoffId, link } = newChallenge();
    await arriveAt(newVisitor(pages), link);
    const first = await rowOf(handoffId);
    await arriveAt(newVisitor(pages), link);
    expect(await rowOf(handoffId)).toEqual(first);
    const lifetimeMs = Date.parse(String(first?.deadline_at)) - Date.parse(String(first?.first_seen_at));
    expect(lifetimeMs).toBe(570_000);
  });

  test('no workflow is signaled before the sign-in', async () => {
    const { link } = newChallenge();
    await arriveAt(newVisitor(pages), link);
    expect(pages.facade.calls).toEqual([]);
  });

  test('the browser that closed while it waited leaves the redirect for its next load', async () => {
    const { username, accountIds } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const leaving = new AbortController();
    const signaled = new Promise<void>((resolve) => {
      pages.facade.onAccountsShared = async () => {
        resolve();
        return true;
      };
    });
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = new URLSearchParams({ form_token: accounts.formToken, account: accountIds[0]! });
    const left = fetch(new URL(accounts.path, pages.url), {
      method: 'POST',
      body,
      headers: { cookie },
      redirect: 'manual',
      signal: leaving.signal,
    });
    await signaled;
    leaving.abort();
    await expect(left).rejects.toThrow();
    await until(() => pages.logLines.some((line) => line.includes('browser left before the redirect')), {
      timeoutMs: 5_000,
      describe: 'the waiting request noticed',
    });
    await makeReady(pages, { handoffId, otp: 'otp-late' });
    const finished = await visitor.get(`/login/${handoffId}/finish`);
    expect(finished.status).toBe(303);
    expect(finished.location).toContain('otp=otp-late');
  });

  test('two waiting windows of one browser: one is redirected, the other gets a message', async () => {
    const { username, accountIds } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const fields = { form_token: accounts.formToken, account: accountIds };
    const both = Promise.all([visitor.post(accounts.path, fields), visitor.post(accounts.path, fields)]);
    await makeReadyOnceShared(handoffId);
    expect((await both).map(({ status }) => status).sort()).toEqual([303, 410]);
  });

  test('a second sign-in in another window of the browser does not end the first one', async () => {
    const { username, accountIds } = await addCustomer(pages);
    const [one, two] = [newChallenge(), newChallenge()];
    const visitor = newVisitor(pages);
    const first = await signInAt(visitor, one.link, username);
    await signInAt(visitor, two.link, username);
    pages.facade.onAccountsShared = async (id) => {
      await makeReady(pages, { handoffId: id, otp: 'otp-first' });
      return true;
    };
    const shared = await visitor.post(first.path, { form_token: first.formToken, account: accountIds });
    expect(shared.location).toContain(`challenge=${one.challenge}&otp=otp-first`);
  });

  test('a double click on Sign in ends on the accounts, whichever answer the browser keeps', async () => {
    const { username } = await addCustomer(pages);
    const visitor = newVisitor(pages);
    const form = await arriveAt(visitor, newChallenge().link);
    const fields = { form_token: form.formToken, username, password };
    const copies = [newVisitor(pages), newVisitor(pages)];
    for (const copy of copies) for (const [name, value] of visitor.cookies) copy.cookies.set(name, value);
    const answers = await Promise.all(copies.map((copy) => copy.post(form.path, fields)));
    expect(answers.map(({ status }) => status)).toEqual([303, 303]);
    for (const copy of copies) expect((await copy.get(`${form.path}/accounts`)).status).toBe(200);
  });

  test('signing in makes a new session id', async () => {
    const { username } = await addCustomer(pages);
    const visitor = newVisitor(pages);
    const { link } = newChallenge();
    const form = await arriveAt(visitor, link);
    const before = visitor.cookies.get('__Host-bankfeeds');
    await visitor.post(form.path, { form_token: form.formToken, username, password });
    expect(before).toBeDefined();
    expect(visitor.cookies.get('__Host-bankfeeds')).not.toBe(before);
    const old = newVisitor(pages);
    old.cookies.set('__Host-bankfeeds', before!);
    expect((await old.get(`${form.path}/accounts`)).status).toBe(403);
  });
});

async function makeReadyOnceShared(handoffId: string) {
  const shared = async () => (await rowOf(handoffId))?.state === 'sharing';
  await until(shared, { timeoutMs: 5_000, everyMs: 20, describe: 'the choice is stored' });
  await makeReady(pages, { handoffId, otp: 'otp-two' });
}

describe('when Temporal does not take a message', () => {
  test('signing in continues, and sharing signals both to the workflow', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    pages.facade.fail = new WorkflowsUnavailable(new Error('away'));
    const accounts = await signInAt(visitor, link, username);
    expect(accounts.status).toBe(200);
    pages.facade.fail = undefined;
    let known = false;
    pages.facade.onAccountsShared = async (id) => {
      const before = known;
      known = true;
      if (before) await makeReady(pages, { handoffId: id, otp: 'otp-1' });
      return before;
    };
    const shared = await visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
    expect(shared.status).toBe(303);
    expect(pages.facade.calls.map(({ name }) => name)).toEqual([
      'accountsShared',
      'loginSucceeded',
      'accountsShared',
    ]);
    expect(pages.facade.calls[1]?.input).toMatchObject({ handoffId, customerId });
  });
});

describe('which Sage company', () => {
  test('a customer without a connection is asked nothing', async () => {
    const { username } = await addCustomer(pages);
    const accounts = await signInAt(newVisitor(pages), newChallenge().link, username);
    expect(accounts.text).not.toContain('type="radio"');
  });

  test('a connection that nobody used yet is taken without a question', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const { connectionId } = await addConnection(pages, { customerId });
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    expect(accounts.text).not.toContain('type="radio"');
    const shared = visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
    await makeReadyOnceShared(handoffId);
    expect((await shared).status).toBe(303);
    expect(await rowOf(handoffId)).toMatchObject({ connection_id: connectionId, connection_key: null });
  });

  test('a connection with feeds is offered by name beside a new one, and the choice is kept', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const accountId = accountIds[0]!;
    const { connectionId } = await addConnection(pages, { customerId, accountId, name: 'Joinery books' });
    const [one, two] = [newChallenge(), newChallenge()];
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, one.link, username);
    expect(accounts.text).toContain('Reconnect this Sage company: Joinery books');
    const fields = { form_token: accounts.formToken, account: accountIds };
    const shared = visitor.post(accounts.path, { ...fields, connection: connectionId });
    await makeReadyOnceShared(one.handoffId);
    expect((await shared).status).toBe(303);
    expect(await rowOf(one.handoffId)).toMatchObject({ connection_id: connectionId });

    const second = await signInAt(visitor, two.link, username);
    const sharedNew = visitor.post(second.path, {
      form_token: second.formToken,
      account: accountIds,
      connection: 'new',
    });
    await makeReadyOnceShared(two.handoffId);
    expect((await sharedNew).status).toBe(303);
    expect(await rowOf(two.handoffId)).toMatchObject({ connection_id: null });
    expect((await rowOf(two.handoffId))?.connection_key).not.toBeNull();
  });

  test('another customer’s connection or account cannot be chosen', async () => {
    const stranger = await addCustomer(pages);
    const foreign = await addConnection(pages, {
      customerId: stranger.customerId,
      accountId: stranger.accountIds[0]!,
    });
    const { customerId, username, accountIds } = await addCustomer(pages);
    await addConnection(pages, { customerId, accountId: accountIds[0]! });
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const fields = { form_token: accounts.formToken, connection: foreign.connectionId, account: accountIds };
    expect((await visitor.post(accounts.path, fields)).status).toBe(400);
    const account = [...accountIds, stranger.accountIds[0]!];
    expect((await visitor.post(accounts.path, { ...fields, connection: 'new', account })).status).toBe(400);
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in', account_ids: null });
  });

  test('no account is ticked beforehand, and Select all ticks every one without sharing any', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    await addConnection(pages, { customerId, accountId: accountIds[0]! });
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const checkedBoxes = /type="checkbox"[^>]*\schecked/g;
    expect(accounts.text).toContain('Select all');
    expect(accounts.text.match(checkedBoxes)).toBeNull();
    const select = { form_token: accounts.formToken, connection: 'new', select: 'all' };
    const selected = await visitor.post(accounts.path, select);
    expect(selected.status).toBe(303);
    const all = await visitor.get(selected.location!);
    expect(all.status).toBe(200);
    expect(all.text.match(checkedBoxes)).toHaveLength(2);
    expect(all.text).toMatch(/value="new"\s+required\s+checked/);
    expect(await rowOf(handoffId)).toMatchObject({ state: 'logged_in', account_ids: null });
    expect((await visitor.post(accounts.path, { ...select, form_token: 'wrong' })).status).toBe(403);
  });

  test('a customer with a thousand accounts of the longest ids can share them all', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => [`Site ${String(index)}`, '0001'] as const);
    const { customerId, username } = await addCustomer(pages, names);
    const longest = '語'.repeat(limits.idLengthMax - 40);
    await pages.pool.query(`UPDATE accounts SET account_id = account_id || $2 WHERE customer_id = $1`, [
      customerId,
      longest,
    ]);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const ids = [...accounts.text.matchAll(/name="account"[^>]*value="([^"]+)"/g)].map(([, id]) => id!);
    expect(ids).toHaveLength(1_000);
    pages.facade.onAccountsShared = async (id) => {
      await makeReady(pages, { handoffId: id, otp: 'otp-1' });
      return true;
    };
    const shared = await visitor.post(accounts.path, { form_token: accounts.formToken, account: ids });
    expect(shared.status).toBe(303);
    expect((await rowOf(handoffId))?.account_ids).toHaveLength(1_000);
  });

  test('of more accounts than a page can offer the page says that some are missing, and what to do', async () => {
    const names = Array.from({ length: 1_001 }, (_, index) => {
      return [`Site ${String(index).padStart(4, '0')}`, '0001'] as const;
    });
    const { customerId, username } = await addCustomer(pages, names);
    const show = async () => {
      const { text } = await signInAt(newVisitor(pages), newChallenge().link, username);
      return { count: text.match(/name="account"/g)?.length, text };
    };
    const cut = await show();
    expect(cut.count).toBe(1_000);
    expect(cut.text).toContain('Site 0999');
    expect(cut.text).not.toContain('Site 1000');
    expect(cut.text).toContain(
      'Not all of your accounts are shown: this list holds the first 1,000 by name.',
    );
    expect(cut.text).toContain('ask your bank to take accounts that you do not need in Sage off the list');

    // What can never be offered takes no place in the list.
    const change = (set: string) =>
      pages.pool.query(`UPDATE accounts SET ${set} WHERE customer_id = $1 AND name = 'Site 0000'`, [
        customerId,
      ]);
    for (const set of ['publishable = false', `publishable = true, closed_on = '2026-01-31'`]) {
      await change(set);
      const all = await show();
      expect(all.count).toBe(1_000);
      expect(all.text).toContain('Site 1000');
      expect(all.text).not.toContain('Not all of your accounts');
    }
  });

  test('no ticked account: the page reports it and keeps the rest of the choice', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    await addConnection(pages, { customerId, accountId: accountIds[0]! });
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, newChallenge().link, username);
    const none = await visitor.post(accounts.path, { form_token: accounts.formToken, connection: 'new' });
    expect(none.status).toBe(400);
    expect(none.text).toContain('Tick at least one account');
    expect(none.text).toMatch(/value="new"\s+required\s+checked/);
  });
});

describe('links that are refused', () => {
  const foreign = 'https://link.rutterapi.com.evil.example/sage_redirect';
  const cases: Record<string, string> = {
    'no parameter': '/login',
    'no challenge': `/login?redirect_uri=${linkOrigin}/sage_redirect?challenge=a`,
    'no redirect_uri': '/login?challenge=a',
    'two challenges': `/login?challenge=a&challenge=a&redirect_uri=${linkOrigin}/sage_redirect?challenge=a`,
    'two redirect_uris': `/login?challenge=a&redirect_uri=${linkOrigin}/sage_redirect?challenge=a&redirect_uri=${linkOrigin}/sage_redirect?challenge=a`,
    'an array': `/login?challenge[]=a&redirect_uri=${linkOrigin}/sage_redirect?challenge=a`,
    'another challenge inside': `/login?challenge=a&redirect_uri=${linkOrigin}/sage_redirect?challenge=b`,
    'a foreign origin': `/login?challenge=a&redirect_uri=${foreign}?challenge=a`,
    'an endless challenge': `/login?challenge=${'a'.repeat(5_000)}&redirect_uri=${linkOrigin}/sage_redirect?challenge=${'a'.repeat(5_000)}`,
    'a challenge of markup': `/login?challenge=%3Cb%3E&redirect_uri=${linkOrigin}/sage_redirect?challenge=%3Cb%3E`,
  };
  for (const [name, path] of Object.entries(cases)) {
    test(`${name}: a page that shows what to do, and a row that says only that`, async () => {
      const known = await pages.pool.query<{ handoff_id: string }>(`SELECT handoff_id FROM handoffs`);
      const answer = await newVisitor(pages).get(path);
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('Go back to Sage and choose your bank there again.');
      expect(answer.headers.getSetCookie()).toEqual([]);
      const added = await pages.pool.query<Record<string, unknown>>(
        `SELECT * FROM handoffs WHERE handoff_id <> ALL ($1)`,
        [known.rows.map((row) => row.handoff_id)],
      );
      expect(added.rows).toMatchObject([
        { state: 'refused', reason: 'link_refused', redirect_sealed: '', customer_id: null },
      ]);
      expect(added.rows[0]?.['handoff_id']).toMatch(/^refused-link-[0-9a-f-]{36}$/);
      expect(added.rows[0]?.['error_code']).toMatch(/^[a-z_]+$/);
    });
  }
});

describe('handoffs that are over', () => {
  async function withState(change: string) {
    const { username } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    await pages.pool.query(`UPDATE handoffs SET ${change} WHERE handoff_id = $1`, [handoffId]);
    return { visitor, accounts, link };
  }
  test.each([
    [`state = 'superseded'`, 409, 'Continued in another window'],
    [`state = 'expired'`, 410, 'The time for this connection has run out'],
    [`deadline_at = now()`, 410, 'The time for this connection has run out'],
    [`state = 'refused', reason = 'connection_refused'`, 409, 'Sage no longer accepts this connection'],
    [`state = 'taken'`, 410, 'already gone on to Sage'],
  ])('%s: every step shows what to do next', async (change, status, words) => {
    const { visitor, accounts, link } = await withState(change);
    const token = { form_token: accounts.formToken };
    const signInPath = accounts.path.replace('/accounts', '');
    for (const answer of [
      await visitor.get(accounts.path),
      await visitor.post(accounts.path, token),
      await visitor.get(signInPath),
      await visitor.post(signInPath, token),
      await visitor.get(`${signInPath}/finish`),
      await visitor.get(link),
    ]) {
      expect(answer.status).toBe(status);
      expect(answer.text).toContain(words);
    }
  });

  test('a handoff that is superseded while the page waits reports it', async () => {
    const { username, accountIds } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    pages.facade.onAccountsShared = async () => {
      await pages.pool.query(`UPDATE handoffs SET state = 'superseded' WHERE handoff_id = $1`, [handoffId]);
      return true;
    };
    const answer = await visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
    expect(answer.status).toBe(409);
    expect(answer.text).toContain('Continued in another window');
  });

  test('a stored redirect to another address or of another challenge is not followed', async () => {
    const { username, accountIds } = await addCustomer(pages);
    const { challenge } = newChallenge();
    for (const answer of [
      `https://evil.example/sage_redirect?challenge=${challenge}&otp=1`,
      `${linkOrigin}/sage_redirect?challenge=other&otp=1`,
    ]) {
      const visitor = newVisitor(pages);
      const accounts = await signInAt(visitor, newChallenge().link, username);
      pages.facade.onAccountsShared = async (id) => {
        await makeReady(pages, { handoffId: id, otp: '', answer });
        return true;
      };
      const refused = await visitor.post(accounts.path, {
        form_token: accounts.formToken,
        account: accountIds,
      });
      expect(refused.status).toBe(409);
      expect(refused.location).toBeNull();
    }
  });
});

describe('one link, one browser, one customer', () => {
  test('the pages of a handoff are closed to a browser that did not come by the link', async () => {
    const { username } = await addCustomer(pages);
    const { link } = newChallenge();
    const accounts = await signInAt(newVisitor(pages), link, username);
    for (const path of [accounts.path, accounts.path.replace('accounts', 'finish')]) {
      const stranger = await newVisitor(pages).get(path);
      expect(stranger.status).toBe(403);
      expect(stranger.text).toContain('Please start again in Sage');
    }
  });

  test('a link that somebody has signed in with is closed to other browsers', async () => {
    const { username } = await addCustomer(pages);
    const { link } = newChallenge();
    await signInAt(newVisitor(pages), link, username);
    const second = await newVisitor(pages).get(link);
    expect(second.status).toBe(409);
    expect(second.text).toContain('in use in another window');
  });

  test('of two browsers that opened one link, the second customer to sign in is refused', async () => {
    const [first, second] = [await addCustomer(pages), await addCustomer(pages)];
    const { handoffId, link } = newChallenge();
    const [one, two] = [newVisitor(pages), newVisitor(pages)];
    const formOne = await arriveAt(one, link);
    const formTwo = await arriveAt(two, link);
    const fields = { username: first.username, password };
    expect((await one.post(formOne.path, { form_token: formOne.formToken, ...fields })).status).toBe(303);
    const late = await two.post(formTwo.path, {
      form_token: formTwo.formToken,
      username: second.username,
      password,
    });
    expect(late.status).toBe(409);
    expect(await rowOf(handoffId)).toMatchObject({ customer_id: first.customerId });
    expect(pages.facade.calls).toHaveLength(1);
  });
});

test('challenge, one-time password, password and account numbers are in no page, log line, session or row in plain text', async () => {
  const { username, accountIds } = await addCustomer(pages);
  const { challenge, handoffId, link } = newChallenge();
  const visitor = newVisitor(pages);
  const accounts = await signInAt(visitor, link, username);
  const form = await arriveAt(newVisitor(pages), newChallenge().link);
  pages.facade.onAccountsShared = async (id) => {
    await makeReady(pages, { handoffId: id, otp: 'otp-canary-77' });
    return true;
  };
  const waiting = await visitor.post(accounts.path, { form_token: accounts.formToken, account: accountIds });
  const over = await visitor.get(`/login/${handoffId}/finish`);
  expect(waiting.location).toContain(challenge);
  const dump = await pages.pool.query<{ text: string }>(
    `SELECT sess::text AS text FROM sessions UNION ALL SELECT to_json(h)::text FROM handoffs h
      UNION ALL SELECT to_json(t)::text FROM timeline t UNION ALL SELECT to_json(l)::text FROM login_throttle l`,
  );
  const everything = [
    accounts.text,
    form.text,
    waiting.text,
    over.text,
    ...pages.logLines,
    ...dump.rows.map(({ text }) => text),
  ].join('\n');
  expect(dump.rows.length).toBeGreaterThan(5);
  expect(pages.logLines.length).toBeGreaterThan(5);
  for (const [name, secret] of Object.entries({ challenge, otp: 'otp-canary-77', password })) {
    expect(everything.includes(secret), `${name} in clear`).toBe(false);
  }
});
