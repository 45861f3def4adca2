import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ACCOUNTS,
  CLIENT_ID,
  CLIENT_SECRET,
  makeAccount,
  makeConnection,
  startSession,
  type Session,
} from './session.js';

let session: Session;
beforeEach(async () => {
  session = await startSession();
});
afterEach(() => session.close());

const EXCHANGE = '/item/public_token/exchange';

async function exchange(publicToken: string, secret = CLIENT_SECRET) {
  const body = { client_id: CLIENT_ID, secret, public_token: publicToken };
  return session.call('POST', EXCHANGE, { body, headers: { authorization: null } });
}

async function publicToken(platform: string): Promise<string> {
  return (await session.control('POST', '/public-tokens', { platform })).body.public_token;
}

describe("Rutter's connections", () => {
  it('creates one of a creatable platform at once, with a link and a token', async () => {
    const reply = await session.call('POST', '/connections/create', {
      body: { platform: 'SAGE_BANK_FEEDS' },
    });
    expect(reply.status).toBe(200);
    const { connection } = reply.body;
    expect(connection).toMatchObject({ name: null, link_url: `${session.url}/connection/${connection.id}` });
    const list = await session.call('GET', '/connections');
    expect(list.body.connections).toMatchObject([
      { id: connection.id, platform: 'SAGE_BANK_FEEDS', status: 'active' },
    ]);
    expect((await session.call('GET', ACCOUNTS, { token: connection.access_token })).status).toBe(200);
  });

  it('refuses platforms that only Link can connect', async () => {
    const reply = await session.call('POST', '/connections/create', {
      body: { platform: 'SAGE_BUSINESS_CLOUD' },
    });
    expect(reply.status).toBe(400);
  });

  it('hides broken connections unless the request filters by state', async () => {
    const { id } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, { status: 'needs_reauth' });
    const ids = async (query: Record<string, string>) => {
      const reply = await session.call('GET', '/connections', { query });
      return reply.body.connections.map((connection) => connection.id);
    };
    expect(await ids({})).toEqual([]);
    expect(await ids({ status: 'needs_reauth' })).toEqual([id]);
    expect(await ids({ status: 'any' })).toEqual([id]);
  });

  it('refuses the token of a broken connection in both documented forms', async () => {
    const { id, token } = await makeConnection(session);
    await session.control('POST', `/connections/${id}/status`, {
      status: 'disabled',
      reason: 'SHOP_NOT_FOUND',
    });
    const byToken = await session.call('GET', '/connections/access_token', { token });
    expect(byToken.body.connection).toMatchObject({ id, disabled: true, needs_update: false });
    const { body } = await session.call('GET', '/connections/status', { token });
    const disabled = { is_disabled: true, disabled_reason: 'SHOP_NOT_FOUND' };
    expect(body.status).toMatchObject({ disabled_status: disabled, is_healthy: false });
  });

  it('keeps names unique and within thirty characters', async () => {
    const first = await makeConnection(session);
    const second = await makeConnection(session);
    const rename = (id: string, name: string) =>
      session.call('PATCH', `/connections/${id}`, { body: { name } });
    expect((await rename(first.id, 'n'.repeat(31))).status).toBe(400);
    expect((await rename(first.id, 'Harbour Joinery')).body.connection.name).toBe('Harbour Joinery');
    expect((await rename(second.id, 'Harbour Joinery')).status).toBe(400);
  });

  it('refuses the old token as soon as a new one is made', async () => {
    const { token } = await makeConnection(session);
    const reply = await session.call('POST', '/connections/access_token/invalidate', { token });
    expect((await session.call('GET', ACCOUNTS, { token })).status).toBe(401);
    expect((await session.call('GET', ACCOUNTS, { token: reply.body.new_access_token })).status).toBe(200);
  });

  it('does not return a deleted connection', async () => {
    const { id, token } = await makeConnection(session);
    expect((await session.call('DELETE', `/connections/${id}`)).body).toEqual({ success: true });
    expect((await session.call('GET', ACCOUNTS, { token })).status).toBe(401);
    expect((await session.call('DELETE', `/connections/${id}`)).status).toBe(410);
  });

  it('deletes one connection alone, with its accounts, and needs our credentials for it', async () => {
    const [gone, kept] = [await makeConnection(session), await makeConnection(session)];
    for (const { token } of [gone, kept]) await makeAccount(session, token);
    const path = `/connections/${gone.id}`;
    expect((await session.call('DELETE', path, { headers: { authorization: null } })).status).toBe(401);
    expect((await session.call('GET', ACCOUNTS, { token: gone.token })).status).toBe(200);
    expect((await session.call('DELETE', path)).status).toBe(200);
    const { connections } = (await session.call('GET', '/connections', { query: { status: 'any' } })).body;
    expect(connections.map(({ id }) => id)).toEqual([kept.id]);
    expect((await session.call('GET', ACCOUNTS, { token: gone.token })).status).toBe(401);
    expect((await session.call('GET', ACCOUNTS, { token: kept.token })).body.bank_feed_accounts).toHaveLength(
      1,
    );
    expect((await session.call('DELETE', '/connections/unknown')).status).toBe(410);
  });

  it('has no incremental sync for bank feeds', async () => {
    const { token } = await makeConnection(session);
    const sync = (types: string[]) =>
      session.call('POST', '/connections/incremental_sync', { token, body: { object_types: types } });
    expect((await sync(['bank_feed_account'])).status).toBe(400);
    expect((await sync(['INVOICE'])).body).toEqual({ success: true });
  });
});

describe("Rutter's public tokens", () => {
  it('exchanges one once, by the credentials in the body', async () => {
    const token = await publicToken('SAGE_INTACCT');
    expect((await exchange(token, 'wrong')).status).toBe(401);
    const reply = await exchange(token);
    expect(reply.body).toMatchObject({ is_ready: true, platform: 'SAGE_INTACCT', name: null });
    expect((await session.call('GET', ACCOUNTS, { token: reply.body.access_token })).status).toBe(200);
    expect((await exchange(token)).status).toBe(400);
  });

  it('expires one after thirty minutes', async () => {
    const token = await publicToken('SAGE_INTACCT');
    await session.control('POST', '/clock', { advance_ms: 30 * 60_000 + 1 });
    expect((await exchange(token)).status).toBe(400);
  });
});

describe("Rutter's configuration and events", () => {
  it('lists no deletions for Sage', async () => {
    const { token } = await makeConnection(session);
    const reply = await session.call('GET', '/events', { token, query: { type: 'object_deleted' } });
    expect(reply.body.events).toEqual([]);
    expect((await session.call('GET', '/configs/webhooks')).body).toEqual({ webhooks: [] });
  });
});
