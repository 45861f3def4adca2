import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { harbourBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { makeSageAccount } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { addCustomer, newVisitor, password, startPages, type Visitor } from '../pages-fixture.js';
import { send, completed, signInTo, textOf, type SageCustomer } from './pages-fixture.js';

let fixture: SageFixture;
let owner: SageCustomer;
let stranger: SageCustomer;
/** Addresses of everything that the owner has. */
let shown: string[];
let done: string[];
beforeAll(async () => {
  fixture = await createSageFixture();
  owner = await signInTo(fixture);
  stranger = await signInTo(fixture);
  const account = await makeSageAccount(fixture, { ...owner, transactions: [{ transactionAmount: -1 }] });
  await makeSageAccount(fixture, stranger);
  const base = `/status/sage/accounts/${account.sageAccountId}`;
  const rule = await fixture.api('POST', `/v1/sage/accounts/${account.sageAccountId}/rules`, {
    json: {
      ruleName: 'All',
      ruleConditions: [{ ruleField: '$baseType', ruleOperation: 'eq', ruleCriteria: 'debit' }],
      ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '1' }] }],
    },
  });
  const ruleId: string = rule.body.ruleId;
  const { visitor } = owner;
  const form = await visitor.get('/status/sage/connect');
  const search = await send(visitor, form, '/status/sage/connect', { name: 'Harbour', country: 'GBR' });
  await completed(visitor, search.location!);
  const bank = `${search.location!}/${harbourBank}`;
  const link = await send(visitor, await visitor.get(bank), bank, { startDate: '2026-01-01' });
  const run = await send(visitor, await visitor.get(base), `${base}/reprocess`, { of: 'all' });
  shown = [
    search.location!,
    bank,
    link.location!,
    run.location!,
    base,
    `${base}/disconnect`,
    `${base}/restore`,
    `${base}/rules`,
    `${base}/new-rule`,
    `${base}/rules/${ruleId}`,
    `${base}/rules/${ruleId}/delete`,
  ];
  done = [
    bank,
    `${link.location!}/again`,
    `${base}/reauthorise`,
    `${base}/disconnect`,
    `${base}/reprocess`,
    `${base}/restore`,
    `${base}/new-rule`,
    `${base}/rules/${ruleId}`,
    `${base}/rules/${ruleId}/move`,
    `${base}/rules/${ruleId}/delete`,
  ];
});
afterAll(async () => {
  await fixture.close();
});

/** All that a form of these pages may send at once. */
const everyField = {
  of: 'all',
  rank: '1',
  rule_id: 'x',
  do: 'save',
  startDate: '2026-01-01',
  name: 'Harbour',
  country: 'GBR',
};

/** The rows that an order leaves, and the state of the account. */
async function traces(): Promise<unknown> {
  const { rows } = await fixture.pool.query(
    `SELECT (SELECT count(*) FROM commands WHERE kind NOT LIKE 'sage_list_%') AS commands,
            (SELECT count(*) FROM sage_links) AS links, (SELECT count(*) FROM sage_reprocesses) AS runs,
            (SELECT count(*) FROM sage_accounts WHERE cancel_requested_at IS NOT NULL) AS cancelled`,
  );
  return rows[0];
}

describe('who is not signed in', () => {
  test('is redirected to sign in from every page, and nothing is done', async () => {
    const before = await traces();
    for (const path of [...shown, '/status/sage/begin', '/status/sage/connect']) {
      expect([path, (await newVisitor(fixture).get(path)).location]).toEqual([path, '/status/sign-in']);
    }
    for (const path of [...done, '/status/sage/connect']) {
      expect([path, (await newVisitor(fixture).post(path, everyField)).location]).toEqual([
        path,
        '/status/sign-in',
      ]);
    }
    expect(await traces()).toEqual(before);
  });
});

describe('another customer', () => {
  test('finds none of these pages, and changes nothing', async () => {
    const before = await traces();
    const { formToken } = await stranger.visitor.get('/status');
    for (const path of shown) expect([path, (await stranger.visitor.get(path)).status]).toEqual([path, 404]);
    for (const path of done) {
      const fields = { form_token: formToken, order_id: randomUUID(), ...everyField };
      expect([path, (await stranger.visitor.post(path, fields)).status]).toEqual([path, 404]);
    }
    expect(await traces()).toEqual(before);
    expect(textOf(await stranger.visitor.get('/status'))).not.toContain('Disconnected');
  });

  test('their owner finds all of them', async () => {
    for (const path of shown) expect([path, (await owner.visitor.get(path)).status]).toEqual([path, 200]);
  });
});

describe('a form that is not our own', () => {
  const paths = () => [...done, '/status/sage/connect', `/status/sage/begin/${randomUUID()}/captcha`];

  test.each([
    ['without its token', {}, {}],
    ['with another token', { form_token: 'x'.repeat(43) }, {}],
  ])('%s is refused everywhere, and does nothing', async (_case, fields, headers) => {
    await expectRefused(
      owner.visitor,
      paths(),
      { ...everyField, order_id: randomUUID(), ...fields },
      headers,
    );
  });

  test.each([
    ['another site', { origin: 'https://evil.example' }],
    ['nowhere', { origin: 'null' }],
    ['a cross-site frame', { 'sec-fetch-site': 'cross-site' }],
  ])('sent from %s is refused everywhere, though its token is right', async (_case, headers) => {
    const { formToken } = await owner.visitor.get('/status');
    const fields = { ...everyField, form_token: formToken, order_id: randomUUID() };
    await expectRefused(owner.visitor, paths(), fields, headers);
  });

  test('without an id for its order is refused, and so is one with an invalid id', async () => {
    const before = await traces();
    const { formToken } = await owner.visitor.get('/status');
    const ordering = done.filter((path) => !/(disconnect|reauthorise)$/.test(path));
    for (const order_id of ['', '1', "'; DROP TABLE commands; --"]) {
      for (const path of ordering) {
        if (path.endsWith('/again')) continue;
        const answer = await owner.visitor.post(path, { ...everyField, form_token: formToken, order_id });
        expect([path, answer.status]).toEqual([path, 400]);
      }
    }
    expect(await traces()).toEqual(before);
  });

  async function expectRefused(
    visitor: Visitor,
    all: readonly string[],
    fields: Record<string, string>,
    headers: Record<string, string>,
  ): Promise<void> {
    const before = await traces();
    for (const path of all) {
      expect([path, (await visitor.post(path, fields, headers)).status]).toEqual([path, 403]);
    }
    expect(await traces()).toEqual(before);
  }
});

test.each(['not-an-id', randomUUID(), '%E0%A4%A', "' OR 1=1"])('nothing is found under %s', async (id) => {
  for (const path of [
    `accounts/${id}`,
    `accounts/${id}/rules`,
    `links/${id}`,
    `reprocesses/${id}`,
    `connect/${id}`,
  ]) {
    const { status } = await owner.visitor.get(`/status/sage/${path}`);
    expect([path, [400, 404].includes(status)]).toEqual([path, true]);
  }
});

test('characters that PostgreSQL cannot keep are refused with the form, and nothing breaks', async () => {
  const { visitor } = owner;
  const base = shown.find((path) => path.endsWith('/new-rule'))!.replace('/new-rule', '');
  const { formToken } = await visitor.get('/status');
  const nul = 'a\0b';
  const typed = { name: nul, accountName: nul, rule_name: nul, rule_id: nul, transaction_id: nul, rank: nul };
  for (const [path, status] of [
    ['/status/sage/connect', 422],
    [`${base}/new-rule`, 422],
    [`${base}/restore`, 400],
    [`${base}/reprocess`, 400],
    [`${base}/rules/a%00b/move`, 400],
    [`${base}/rules/a%00b/delete`, 404],
  ] as const) {
    const fields = { ...everyField, ...typed, of: 'ticked', form_token: formToken, order_id: randomUUID() };
    expect([path, (await visitor.post(path, fields)).status]).toEqual([path, status]);
  }
  expect((await visitor.get(`${base}/rules/a%00b`)).status).toBe(404);
});

test('pages of this channel may not be framed, and are stored nowhere', async () => {
  for (const path of shown) {
    const { headers } = await owner.visitor.get(path);
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('same-origin');
  }
});

test('where the channel has no configuration there are no such pages, and /status has no links to them', async () => {
  const closed = await startPages();
  try {
    const customer = await addCustomer(closed);
    const visitor = newVisitor(closed);
    const form = await visitor.get('/status/sign-in');
    await visitor.post('/status/sign-in', {
      form_token: form.formToken,
      username: customer.username,
      password,
    });
    const page = await visitor.get('/status');
    expect(page.status).toBe(200);
    expect(page.text).not.toContain('/status/sage');
    for (const path of shown) expect((await visitor.get(path)).status).toBe(404);
    expect((await visitor.get('/status/sage/begin')).status).toBe(404);
  } finally {
    await closed.stop();
  }
});

test('feeds of both channels are in one list, the open ones by name', async () => {
  const customer = await signInTo(fixture);
  const base = { type: 'bank', currency: 'GBP' };
  for (const [accountId, name] of [
    ['one', 'Alder'],
    ['two', 'Zinnia'],
  ]) {
    const path = `/v1/customers/${customer.customerId}/accounts/${customer.customerId}-${accountId!}`;
    expect((await fixture.api('PUT', path, { json: { ...base, name } })).status).toBe(201);
    const connectionId = randomUUID();
    await fixture.pool.query(
      `INSERT INTO connections (connection_id, customer_id, platform, rutter_connection_id, access_token_sealed)
       VALUES ($1, $2, 'SAGE_BANK_FEEDS', $3, 'sealed')`,
      [connectionId, customer.customerId, randomUUID()],
    );
    await fixture.pool.query(
      `INSERT INTO feeds (feed_id, customer_id, account_id, connection_id, rutter_account_id, account_status, state,
                          published_at, caught_up_at)
       VALUES ($1, $2, $3, $4, $5, 'active', 'live', now(), now())`,
      [randomUUID(), customer.customerId, `${customer.customerId}-${accountId!}`, connectionId, randomUUID()],
    );
  }
  const open = await makeSageAccount(fixture, customer);
  const over = await makeSageAccount(fixture, customer);
  for (const [account, name, status] of [
    [open, 'Maple', 'active'],
    [over, 'Birch', 'cancelled'],
  ] as const) {
    await fixture.pool.query(`UPDATE sage_accounts SET name = $2, status = $3 WHERE sage_account_id = $1`, [
      account.sageAccountId,
      name,
      status,
    ]);
  }
  const { text } = await customer.visitor.get('/status');
  const names = [...text.matchAll(/<h2 class="first" id="feed-[^"]+">\s*<bdi>([^<]+)</g)].map(
    (match) => match[1],
  );
  expect(names).toEqual(['Alder', 'Maple', 'Zinnia', 'Birch']);
  expect(text).toContain(`href="/status/sage/accounts/${open.sageAccountId}"`);
});

test('what happened to an account is in the list of events', async () => {
  const customer = await signInTo(fixture);
  const account = await makeSageAccount(fixture, customer);
  const record = (kind: string, detail: object) =>
    fixture.pool.query(`INSERT INTO timeline (kind, customer_id, feed_id, detail) VALUES ($1, $2, $3, $4)`, [
      kind,
      customer.customerId,
      account.sageAccountId,
      JSON.stringify(detail),
    ]);
  await fixture.pool.query(`UPDATE sage_accounts SET name = 'Maple' WHERE sage_account_id = $1`, [
    account.sageAccountId,
  ]);
  await record('sage_account_linked', {});
  await record('sage_account_status', { from: 'pending', to: 'active' });
  await record('sage_account_status', { from: 'active', to: 'authRequired' });
  await record('sage_account_status', { from: 'active', to: 'pending' });
  const words = textOf(await customer.visitor.get('/status'));
  expect(words).toContain('You connected Maple.');
  expect(words).toContain('Maple sends its transactions.');
  expect(words).toContain('The bank of Maple wants you to authorise it again.');
});
