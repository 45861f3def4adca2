import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordHandoffChoice } from '../../../src/db/rutter/handoffs.js';
import { readChosenAccounts } from '../../../src/db/rutter/sharing-progress.js';
import {
  addConnection,
  addCustomer,
  newChallenge,
  newVisitor,
  password,
  signInAt,
  startPages,
  type PagesFixture,
} from '../pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages();
});
afterAll(async () => {
  await pages.stop();
});

const setAccount = (accountId: string, change: string) =>
  pages.pool.query(`UPDATE accounts SET ${change} WHERE account_id = $1`, [accountId]);

/** Ids of the accounts whose boxes are ticked. */
const tickedIn = (text: string) =>
  [...text.matchAll(/type="checkbox"[^>]*value="([^"]*)"[^>]*\schecked/g)].map(([, id]) => id);

/** The last characters that are shown beside the names of accounts. */
const maskedIn = (text: string) =>
  [...text.matchAll(/class="digits masked">([^<]*)</g)].map(([, shown]) => shown);

describe('the choice of accounts', () => {
  test('leaves out accounts that are not to be published or that Rutter could not take', async () => {
    const { username, accountIds } = await addCustomer(pages, [
      ['Trading', '5094'],
      ['Kept here', '7731'],
      ['Belarusian', '7732'],
    ]);
    await setAccount(accountIds[1]!, `publishable = false`);
    await setAccount(accountIds[2]!, `currency = 'BYN'`);
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, newChallenge().link, username);
    expect(form.text).toContain('Trading');
    // What is shared beside the transactions is said before it is.
    expect(form.text).toMatch(/name and number of each account that you tick, details such as its balances/);
    expect(form.text).not.toMatch(/Kept here|Belarusian/);
    // A form that was changed cannot share them either.
    for (const accountId of accountIds.slice(1)) {
      const answer = await visitor.post(form.path, { form_token: form.formToken, account: [accountId] });
      expect(answer.status).toBe(400);
    }
    expect(pages.facade.calls.map(({ name }) => name)).not.toContain('accountsShared');
  });

  test('offers no account that is closed today or before, and one that closes later', async () => {
    const { username, accountIds } = await addCustomer(pages, [
      ['Open', '7740'],
      ['Closed long ago', '7741'],
      ['Closed today', '7742'],
      ['Closes later', '7743'],
    ]);
    await setAccount(accountIds[1]!, `closed_on = '2019-01-01'`);
    await setAccount(accountIds[2]!, `closed_on = (now() AT TIME ZONE 'UTC')::date`);
    await setAccount(accountIds[3]!, `closed_on = (now() AT TIME ZONE 'UTC')::date + 2`);
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, newChallenge().link, username);
    expect(form.text).toContain('Open');
    expect(form.text).toContain('Closes later');
    expect(form.text).not.toMatch(/Closed long ago|Closed today/);
    const answer = await visitor.post(form.path, { form_token: form.formToken, account: [accountIds[1]!] });
    expect(answer.status).toBe(400);
  });

  test('an account that is not offered any more gives the form again, with the other ticks', async () => {
    const { username, accountIds } = await addCustomer(pages, [
      ['Open', '7750'],
      ['<b>Closing</b>', '7751'],
      ['Not ticked', '7752'],
    ]);
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, newChallenge().link, username);
    await setAccount(accountIds[1]!, `closed_on = '2019-01-01'`);
    const fields = { form_token: form.formToken, account: accountIds.slice(0, 2) };
    const answer = await visitor.post(form.path, fields);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('“&lt;b&gt;Closing&lt;/b&gt;” is not offered for sharing any more');
    expect(answer.text).not.toContain('could not read the form');
    expect(tickedIn(answer.text)).toEqual([accountIds[0]]);
    await setAccount(accountIds[2]!, `publishable = false`);
    const both = await visitor.post(form.path, { form_token: answer.formToken, account: accountIds });
    expect(both.text).toContain('“&lt;b&gt;Closing&lt;/b&gt;”, “Not ticked” are not offered');
    expect(tickedIn(both.text)).toEqual([accountIds[0]]);
    await setAccount(accountIds[0]!, `publishable = false`);
    const none = await visitor.post(form.path, { form_token: both.formToken, account: accountIds });
    expect(none.status).toBe(400);
    expect(none.text).toContain('There is no account to share');
    expect(pages.facade.calls.map(({ name }) => name)).not.toContain('accountsShared');
  });

  test('a choice that is stored is not asked for again when one of its accounts is not offered any more', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, link, username);
    await recordHandoffChoice(pages.pool, { handoffId, customerId, connectionId: null, accountIds });
    await setAccount(accountIds[1]!, `publishable = false`);
    const answer = await visitor.post(form.path, { form_token: form.formToken, account: accountIds });
    expect(answer).toMatchObject({ status: 303, location: `/login/${handoffId}/finish` });
  });

  test('says of an account of another customer no more than of one that does not exist', async () => {
    const stranger = await addCustomer(pages, [['Stranger’s savings', '9999']]);
    const { username, accountIds } = await addCustomer(pages);
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, newChallenge().link, username);
    for (const id of [stranger.accountIds[0]!, 'unknown', 'with\0nul']) {
      const account = [accountIds[0]!, id];
      const answer = await visitor.post(form.path, { form_token: form.formToken, account });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('An account that you chose is not offered for sharing any more');
      expect(answer.text).not.toContain('Stranger');
      expect(tickedIn(answer.text)).toEqual([accountIds[0]]);
    }
  });

  test('says that there is none when no account may be published', async () => {
    const { username, accountIds } = await addCustomer(pages, [['Kept here', '7731']]);
    await setAccount(accountIds[0]!, `publishable = false`);
    const form = await signInAt(newVisitor(pages), newChallenge().link, username);
    expect(form.text).toContain('There is no account to share');
  });
});

describe('the last characters of an account', () => {
  test('are those of the IBAN, wherever the account is listed, when it has no number', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages, [
      ['Only an IBAN', '0000'],
      ['Number and IBAN', '7761'],
      ['Neither', '0000'],
    ]);
    await setAccount(accountIds[0]!, `number_last4 = NULL, iban_last4 = '3000'`);
    await setAccount(accountIds[1]!, `iban_last4 = '4000'`);
    await setAccount(accountIds[2]!, `number_last4 = NULL`);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const form = await signInAt(visitor, link, username);
    expect(maskedIn(form.text)).toEqual(['7761', '3000']);

    const choice = { handoffId, customerId, connectionId: null, accountIds };
    await recordHandoffChoice(pages.pool, choice);
    const chosen = await readChosenAccounts(pages.pool, { handoffId });
    expect(chosen.map(({ numberLast4 }) => numberLast4)).toEqual(['3000', '7761', null]);

    for (const accountId of accountIds) await addConnection(pages, { customerId, accountId });
    const { formToken } = await visitor.get('/status/sign-in');
    await visitor.post('/status/sign-in', { form_token: formToken, username, password });
    const status = (await visitor.get('/status')).text;
    expect([...status.matchAll(/ending (\w+)/g)].map(([, last4]) => last4)).toEqual(['7761', '3000']);
  });
});

describe('the page of the customer', () => {
  async function statusOf(change: string) {
    const { customerId, username, accountIds } = await addCustomer(pages);
    const { feedId } = await addConnection(pages, { customerId, accountId: accountIds[0]! });
    await pages.pool.query(`UPDATE feeds SET ${change} WHERE feed_id = $1`, [feedId]);
    const visitor = newVisitor(pages);
    const { formToken } = await visitor.get('/status/sign-in');
    await visitor.post('/status/sign-in', { form_token: formToken, username, password });
    return (await visitor.get('/status')).text;
  }

  test('says what Sage still shows, escaped', async () => {
    const text = await statusOf(
      `rutter_name = '<b>Main</b>', rutter_number_last4 = '2222', rutter_currency = 'EUR',
       account_differences = '{name,number,currency}'`,
    );
    expect(text).toContain('Sage still shows this account as “&lt;b&gt;Main&lt;/b&gt;”.');
    expect(text).toContain('Sage still shows the account number that ends in 2222.');
    expect(text).toContain('Sage still shows the currency EUR.');
    expect(text).not.toContain('<b>Main');
  });

  test('says nothing of it where Sage shows the same, or the feed is closed', async () => {
    expect(await statusOf(`rutter_name = 'Trading account'`)).not.toContain('Sage still shows');
    const closed = await statusOf(
      `operator = 'closed', state = 'closed', rutter_name = 'Main', account_differences = '{name}'`,
    );
    expect(closed).not.toContain('Sage still shows');
  });
});
