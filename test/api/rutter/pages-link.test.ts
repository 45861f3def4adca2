import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addConnection,
  addCustomer,
  linkOrigin,
  newChallenge,
  newVisitor,
  signInAt,
  startPages,
  type PagesFixture,
} from '../pages-fixture.js';

let pages: PagesFixture;
beforeAll(async () => {
  pages = await startPages({ config: { RUTTER_CONNECTION_MODE: 'link' } });
});
afterAll(async () => {
  await pages.stop();
});

const setLink = (connectionId: string, state: string) =>
  pages.pool.query(`UPDATE connections SET link_state = $2 WHERE connection_id = $1`, [connectionId, state]);

describe('a handoff in mode link', () => {
  test('leads to Rutter Link first, waits there without a script, and comes back to the accounts', async () => {
    const { customerId, username } = await addCustomer(pages);
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    const linkPath = `/login/${handoffId}/link`;
    expect(accounts.status).toBe(303);
    expect(accounts.location).toBe(linkPath);

    const begin = await visitor.get(linkPath);
    expect(begin.text).toContain('Connect your Sage first');
    expect(begin.headers.get('cross-origin-opener-policy')).toBeNull();
    const commandId = /name="command_id" value="([^"]+)"/.exec(begin.text)?.[1] ?? '';
    const fields = { form_token: begin.formToken, command_id: commandId };
    expect((await visitor.post(linkPath, { ...fields, form_token: 'wrong' })).status).toBe(403);
    expect((await visitor.post(linkPath, { ...fields, command_id: 'x' })).status).toBe(400);
    const begun = await visitor.post(linkPath, fields);
    expect(begun.location).toBe(`${linkPath}?command=${commandId}`);
    expect((await visitor.post(linkPath, fields)).status).toBe(303);
    const { rows } = await pages.pool.query(`SELECT 1 FROM commands WHERE customer_id = $1`, [customerId]);
    expect(rows).toHaveLength(1);
    const preparing = await visitor.get(begun.location!);
    expect(preparing.text).toContain('http-equiv="refresh"');

    const { connectionId } = await addConnection(pages, { customerId });
    await setLink(connectionId, 'awaited');
    pages.facade.calls.length = 0;
    const waiting = await visitor.get(linkPath);
    expect(waiting.text).toContain(`href="${linkOrigin}/connection/${connectionId}" target="_blank"`);
    expect(waiting.text).toContain('http-equiv="refresh"');
    expect(waiting.headers.get('cross-origin-opener-policy')).toBeNull();
    expect(pages.facade.calls).toEqual([{ name: 'wakeConnection', input: { connectionId } }]);

    await setLink(connectionId, 'done');
    const done = await visitor.get(linkPath);
    expect(done.location).toBe(`/login/${handoffId}/accounts`);
    expect((await visitor.get(done.location!)).text).toContain('Share accounts');
  });

  test('asks for it only when a company is new to the customer', async () => {
    const { customerId, username, accountIds } = await addCustomer(pages);
    await addConnection(pages, { customerId, accountId: accountIds[0]!, name: 'Joinery books' });
    const { handoffId, link } = newChallenge();
    const visitor = newVisitor(pages);
    const accounts = await signInAt(visitor, link, username);
    expect(accounts.status).toBe(200);
    const fields = { form_token: accounts.formToken, account: accountIds, connection: 'new' };
    const linking = await visitor.post(accounts.path, fields);
    expect(linking.location).toBe(`/login/${handoffId}/link`);
    const { connectionId } = await addConnection(pages, { customerId });
    await setLink(connectionId, 'done');
    const back = await visitor.get(linking.location!);
    expect(back.location).toBe(`/login/${handoffId}/accounts?connection=new`);
    expect((await visitor.get(back.location!)).text).toMatch(/value="new"\s+required\s+checked/);
  });

  test('does not use a connection that was created without Rutter Link for a new company', async () => {
    const { customerId, username } = await addCustomer(pages);
    await addConnection(pages, { customerId });
    const { handoffId, link } = newChallenge();
    const accounts = await signInAt(newVisitor(pages), link, username);
    expect(accounts.location).toBe(`/login/${handoffId}/link`);
  });

  test('shows nothing of it to a browser that has not signed in', async () => {
    const { handoffId } = newChallenge();
    expect((await newVisitor(pages).get(`/login/${handoffId}/link`)).status).toBe(403);
  });
});
