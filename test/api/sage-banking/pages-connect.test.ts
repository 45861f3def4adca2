import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { harbourBank, millBank, oldCountyBank } from '../../../sandbox/sage-banking/seed-banks.js';
import { seal } from '../../../src/crypto/seal.js';
import { makeBankCustomer, makeSageCompany } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import { until } from '../../support/until.js';
import type { PageAnswer, Visitor } from '../pages-fixture.js';
import { hiddenValue, send, completed, signInTo, textOf } from './pages-fixture.js';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  await fixture.close();
});

/** A customer with a company at Sage, signed in. */
async function connected() {
  const customer = await signInTo(fixture);
  const company = await makeSageCompany(fixture, customer);
  return { ...customer, ...company };
}

async function search(visitor: Visitor, name: string, country = 'GBR') {
  const form = await visitor.get('/status/sage/connect');
  const answer = await send(visitor, form, '/status/sage/connect', { name, country });
  expect(answer.status).toBe(303);
  return await completed(visitor, answer.location!);
}

/** The form of a bank that the search has found. */
async function choose(visitor: Visitor, name: string, bankId: string) {
  const found = await search(visitor, name);
  const path = `${found.path}/${bankId}`;
  expect(found.text).toContain(`href="${path}"`);
  return { ...(await visitor.get(path)), path };
}

const today = () => new Date().toISOString().slice(0, 10);

/** Waits for the redirect to the bank; returns the page with its address. */
async function bankConsent(visitor: Visitor, path: string): Promise<PageAnswer & { href: string }> {
  return await until(
    async () => {
      const page = await visitor.get(path);
      const href = /href="([^"]+)"\s+target="_blank"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&');
      return href === undefined ? null : { ...page, href };
    },
    { timeoutMs: 20_000, describe: 'the redirect to the bank is shown' },
  );
}

const authorisationOf = (href: string) => new URL(href).searchParams.get('authorisation_id')!;

async function linkCount(customerId: string): Promise<number> {
  const { rows } = await fixture.pool.query(`SELECT 1 FROM sage_links WHERE customer_id = $1`, [customerId]);
  return rows.length;
}

describe('the search', () => {
  test('finds banks by a part of the name and shows of which kind they are', async () => {
    const { visitor } = await connected();
    const found = await search(visitor, 'bank');
    expect(textOf(found)).toContain('Harbour Bank United Kingdom');
    expect(textOf(found)).toMatch(/Old County Bank United Kingdom · You ask the bank yourself/);
    expect(textOf(found)).not.toContain('Lake National Bank');
    expect(textOf(await search(visitor, 'bank', 'USA'))).toContain('Lake National Bank');
  });

  test('reports that nothing was found, and offers to search again', async () => {
    const { visitor } = await connected();
    const found = await search(visitor, 'no such bank');
    expect(textOf(found)).toContain('No bank of that name was found there');
    expect(found.text).toContain('href="/status/sage/connect"');
  });

  test.each([
    ['no name', { name: '  ', country: 'GBR' }, 'part of the bank’s name'],
    ['a country that is not offered', { name: 'Harbour', country: 'ZZZ' }, 'Choose a country'],
    ['markup for a name that is too long', { name: `"><b>${'x'.repeat(200)}`, country: 'GBR' }, 'part of'],
  ])(
    'with %s nothing is requested from Sage, and the error is shown beside the field',
    async (_case, fields, words) => {
      const { visitor, customerId } = await connected();
      const form = await visitor.get('/status/sage/connect');
      const answer = await send(visitor, form, '/status/sage/connect', fields);
      expect(answer.status).toBe(422);
      expect(textOf(answer)).toContain(words);
      expect(answer.text).toMatch(/aria-invalid="true"/);
      expect(answer.text).not.toContain('<b>x');
      const { rows } = await fixture.pool.query(`SELECT 1 FROM commands WHERE customer_id = $1`, [
        customerId,
      ]);
      expect(rows).toEqual([]);
    },
  );

  test('of another customer is not there', async () => {
    const { visitor } = await connected();
    const found = await search(visitor, 'Harbour');
    const other = await connected();
    expect((await other.visitor.get(found.path)).status).toBe(404);
    expect((await other.visitor.get(`${found.path}/${harbourBank}`)).status).toBe(404);
  });
});

describe('the start date', () => {
  test('is asked for before the bank, and is ninety days back by default', async () => {
    const { visitor } = await connected();
    const form = await choose(visitor, 'Harbour', harbourBank);
    const shown = /id="startDate"\s+name="startDate"\s+value="([^"]+)"/.exec(form.text)![1]!;
    const days = (Date.parse(today()) - Date.parse(shown)) / 86_400_000;
    expect(days).toBe(90);
    // The customer's own today is a start date everywhere on earth.
    const latestDay = new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10);
    expect(form.text).toContain(`max="${latestDay}"`);
  });

  test.each([
    ['in the future', '2999-01-01', 'must not lie in the future'],
    ['that does not exist', '2026-02-30', 'Enter a date'],
    ['that is none', 'yesterday', 'Enter a date'],
    ['left out', '', 'Enter a date'],
    ['of the year 26', '0026-01-01', 'before the year 1900'],
  ])('%s is refused beside the field, and nothing is begun', async (_case, startDate, words) => {
    const { visitor, customerId } = await connected();
    const form = await choose(visitor, 'Harbour', harbourBank);
    const answer = await send(visitor, form, form.path, { startDate });
    expect(answer.status).toBe(422);
    expect(textOf(answer)).toContain(words);
    expect(await linkCount(customerId)).toBe(0);
    const { rows } = await fixture.pool.query(
      `SELECT detail FROM timeline WHERE customer_id = $1 AND kind = 'sage_link_refused'`,
      [customerId],
    );
    expect(JSON.stringify(rows)).toContain('"field":"requested_start_date"');
    expect(rows).toHaveLength(1);
  });

  test('may be today', async () => {
    const { visitor, customerId } = await connected();
    const form = await choose(visitor, 'Harbour', harbourBank);
    expect((await send(visitor, form, form.path, { startDate: today() })).status).toBe(303);
    expect(await linkCount(customerId)).toBe(1);
  });
});

describe('the bank’s pages', () => {
  test('opens in a new window under the bank’s own name, and ends in the account with its start date', async () => {
    const { visitor, customerId } = await connected();
    const at = await makeBankCustomer(fixture);
    const form = await choose(visitor, 'Harbour', harbourBank);
    const begun = await send(visitor, form, form.path, { startDate: '2024-02-03' });
    const repeated = await send(visitor, form, form.path, { startDate: '2024-02-03' });
    expect(repeated.location).toBe(begun.location);
    expect(await linkCount(customerId)).toBe(1);
    const waiting = await bankConsent(visitor, begun.location!);
    expect(waiting.text).toMatch(/target="_blank"\s+rel="noopener noreferrer"/);
    expect(textOf(waiting)).toContain(new URL(fixture.sandboxUrl).host);
    expect(waiting.text).toContain(`url=${begun.location!}"`);
    await fixture.control('POST', `/links/${authorisationOf(waiting.href)}/finish`, {
      username: at.username,
      account: at.accountName,
    });
    const done = await completed(visitor, begun.location!);
    expect(textOf(done)).toContain('The account is connected');
    const path = /href="(\/status\/sage\/accounts\/[^"/]+)"/.exec(done.text)![1]!;
    const account = await visitor.get(path);
    expect(textOf(account)).toContain(at.accountName);
    expect(textOf(account)).toContain('3 February 2024');
    expect(textOf(await visitor.get('/status'))).toContain(at.accountName);
    expect(await fixture.violations()).toEqual([]);
  });

  test('refused by the bank it reports it, and starts again with the same start date', async () => {
    const { visitor, customerId } = await connected();
    const form = await choose(visitor, 'Harbour', harbourBank);
    const begun = await send(visitor, form, form.path, { startDate: '2024-02-03' });
    const waiting = await bankConsent(visitor, begun.location!);
    await fixture.control('POST', `/links/${authorisationOf(waiting.href)}/finish`, { success: false });
    const refused = await completed(visitor, begun.location!);
    expect(textOf(refused)).toContain('The bank did not agree, or you stopped on the way');
    const again = await send(visitor, refused, `${begun.location!}/again`);
    const twice = await send(visitor, refused, `${begun.location!}/again`);
    expect(twice.location).toBe(again.location);
    expect(again.location).not.toBe(begun.location);
    const { rows } = await fixture.pool.query<{ date: string }>(
      `SELECT DISTINCT requested_start_date AS date FROM sage_links WHERE customer_id = $1`,
      [customerId],
    );
    expect(rows.map(({ date }) => date.slice(0, 10))).toEqual(['2024-02-03']);
    expect((await bankConsent(visitor, again.location!)).href).not.toBe(waiting.href);
  });

  test.each(['http://bank.example/auth', 'javascript:alert(1)', 'https://user@bank.example/'])(
    'nobody is sent to %s',
    async (address) => {
      const { visitor } = await connected();
      const form = await choose(visitor, 'Harbour', harbourBank);
      const begun = await send(visitor, form, form.path, { startDate: '2024-02-03' });
      await bankConsent(visitor, begun.location!);
      const linkId = begun.location!.split('/').at(-1)!;
      const context = { table: 'sage_links', row: linkId, column: 'redirect' };
      await fixture.pool.query(`UPDATE sage_links SET redirect_sealed = $2 WHERE link_id = $1`, [
        linkId,
        seal(fixture.keyring, address, context),
      ]);
      const page = await visitor.get(begun.location!);
      expect(page.status).toBe(502);
      expect(textOf(page)).toContain('not safe');
      expect(page.text).not.toContain(address);
    },
  );

  test('with several companies asks for one, and accepts none of another customer', async () => {
    const { visitor, customerId } = await connected();
    const second = await makeSageCompany(fixture, { customerId });
    const stranger = await connected();
    const form = await choose(visitor, 'Harbour', harbourBank);
    expect(textOf(form)).toContain('Which Sage company is this for?');
    const fields = { startDate: today() };
    for (const connectionId of ['', stranger.connectionId, randomUUID()]) {
      const answer = await send(visitor, form, form.path, { ...fields, connectionId });
      expect([answer.status, textOf(answer)]).toEqual([
        422,
        expect.stringContaining('Choose the Sage company'),
      ]);
    }
    const answer = await send(visitor, form, form.path, { ...fields, connectionId: second.connectionId });
    expect(answer.status).toBe(303);
    const { rows } = await fixture.pool.query(`SELECT connection_id FROM sage_links WHERE customer_id = $1`, [
      customerId,
    ]);
    expect(rows).toEqual([{ connection_id: second.connectionId }]);
  });

  test('changed after going back is refused under the used id, and the first entries stay', async () => {
    const { visitor, customerId, connectionId } = await connected();
    const second = await makeSageCompany(fixture, { customerId });
    const form = await choose(visitor, 'Harbour', harbourBank);
    const fields = { startDate: '2024-02-03', connectionId };
    const begun = await send(visitor, form, form.path, fields);
    expect(begun.status).toBe(303);
    for (const changed of [{ startDate: '2024-02-04' }, { connectionId: second.connectionId }]) {
      const answer = await send(visitor, form, form.path, { ...fields, ...changed });
      expect([answer.status, textOf(answer)]).toEqual([409, expect.stringContaining('sent already')]);
    }
    expect((await send(visitor, form, form.path, fields)).location).toBe(begun.location);
    const { rows } = await fixture.pool.query(`SELECT connection_id FROM sage_links WHERE customer_id = $1`, [
      customerId,
    ]);
    expect(rows).toEqual([{ connection_id: connectionId }]);
  });

  test.each([
    ['link', 'The account was not connected'],
    ['reauthorise', 'The account was not authorised again'],
  ])(
    'that has run out of time (%s) is reported, with an offer to start again: %s',
    async (purpose, heading) => {
      const { visitor } = await connected();
      const form = await choose(visitor, 'Harbour', harbourBank);
      const begun = await send(visitor, form, form.path, { startDate: '2024-02-03' });
      await bankConsent(visitor, begun.location!);
      await fixture.pool.query(
        `UPDATE sage_links SET state = 'expired', reason = 'out_of_time', purpose = $2, redirect_sealed = NULL
        WHERE link_id = $1`,
        [begun.location!.split('/').at(-1), purpose],
      );
      const page = await visitor.get(begun.location!);
      expect(textOf(page)).toContain(heading);
      expect(textOf(page)).toContain('The time has run out');
      expect(textOf(page)).not.toContain('The bank did not agree');
      expect(page.text).toContain(`action="${begun.location!}/again"`);
      expect(page.text).not.toContain('http-equiv="refresh"');
    },
  );

  test('under an id of another customer’s link is refused', async () => {
    const mine = await connected();
    const other = await connected();
    const form = await choose(mine.visitor, 'Harbour', harbourBank);
    const begun = await send(mine.visitor, form, form.path, { startDate: today() });
    const theirs = await choose(other.visitor, 'Harbour', harbourBank);
    const order_id = hiddenValue(form, 'order_id');
    const answer = await send(other.visitor, theirs, theirs.path, { startDate: today(), order_id });
    expect(answer.status).toBe(400);
    expect((await other.visitor.get(begun.location!)).status).toBe(404);
    expect((await send(other.visitor, theirs, `${begun.location!}/again`)).status).toBe(404);
  });
});

describe('a direct bank', () => {
  const account = {
    accountName: 'Rates',
    accountNumber: '1020 3040',
    sortCode: '20-30-40',
    accountType: 'DEBIT',
  };

  test('has a form of its own, and shows the bank’s form on the account until it is active', async () => {
    const { visitor } = await connected();
    const form = await choose(visitor, 'Old County', oldCountyBank);
    expect(textOf(form)).toContain('Sage then prepares a form');
    const accountNumber = String(Date.now()).slice(-8);
    const begun = await send(visitor, form, form.path, { ...account, accountNumber, startDate: today() });
    const done = await completed(visitor, begun.location!);
    expect(textOf(done)).toContain('The account is connected');
    const path = /href="(\/status\/sage\/accounts\/[^"/]+)"/.exec(done.text)![1]!;
    const page = await visitor.get(path);
    expect(textOf(page)).toContain('Waiting for the bank');
    expect(page.text).toMatch(/href="http:\/\/[^"]+\/bank\/forms\/[^"]+"\s+target="_blank"/);
    const { rows } = await fixture.pool.query<{ row: string }>(
      `SELECT to_jsonb(l)::text AS row FROM sage_links l UNION ALL SELECT to_jsonb(a)::text FROM sage_accounts a`,
    );
    expect(rows.filter(({ row }) => row.includes(accountNumber))).toEqual([]);
  });

  test('with instructions shows them', async () => {
    const { visitor } = await connected();
    const form = await choose(visitor, 'Mill', millBank);
    const accountNumber = String(Date.now() + 1).slice(-8);
    const begun = await send(visitor, form, form.path, { ...account, accountNumber, startDate: today() });
    const done = await completed(visitor, begun.location!);
    const path = /href="(\/status\/sage\/accounts\/[^"/]+)"/.exec(done.text)![1]!;
    expect(textOf(await visitor.get(path))).toContain('Ask your branch to send statements to Sage.');
  });

  test('requires name, number and code, each with a message beside its field', async () => {
    const { visitor, customerId } = await connected();
    const form = await choose(visitor, 'Old County', oldCountyBank);
    const bad = { accountName: '', accountNumber: '<1>', sortCode: '', accountType: 'GOLD' };
    const answer = await send(visitor, form, form.path, { ...bad, startDate: '2999-01-01' });
    expect(answer.status).toBe(422);
    for (const words of [
      'Give the account a name',
      'Enter the account number',
      'sort code',
      'Choose a type',
      'future',
    ]) {
      expect(textOf(answer)).toContain(words);
    }
    expect(await linkCount(customerId)).toBe(0);
  });
});

test('a bank that connects again is a new account, and offers the rules of the former one', async () => {
  const { visitor } = await connected();
  const at = await makeBankCustomer(fixture);
  const link = async () => {
    const form = await choose(visitor, 'Harbour', harbourBank);
    const begun = await send(visitor, form, form.path, { startDate: today() });
    const waiting = await bankConsent(visitor, begun.location!);
    const entered = { username: at.username, account: at.accountName };
    await fixture.control('POST', `/links/${authorisationOf(waiting.href)}/finish`, entered);
    return await completed(visitor, begun.location!);
  };
  const pathIn = (text: string) => /href="(\/status\/sage\/accounts\/[^"/]+)"/.exec(text)![1]!;
  const first = await link();
  expect(textOf(first)).not.toContain('The rules of then can be restored');
  const formerPath = pathIn(first.text);
  const question = await visitor.get(`${formerPath}/disconnect`);
  expect(textOf(question)).toContain('This cannot be undone');
  await send(visitor, question, `${formerPath}/disconnect`);
  await until(async () => textOf(await visitor.get(formerPath)).includes('Disconnected'), {
    timeoutMs: 20_000,
    describe: 'the account is disconnected',
  });
  const done = await link();
  const path = pathIn(done.text);
  expect(path).not.toBe(formerPath);
  expect(textOf(done)).toContain('The rules of then can be restored');
  expect(done.text).toContain(`href="${path}/restore"`);
  expect((await visitor.get(formerPath)).text).toContain(`href="${path}"`);
  expect((await visitor.get(path)).text).toContain(`href="${path}/restore"`);
  expect(await fixture.violations()).toEqual([]);
});
