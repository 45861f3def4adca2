import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordUnlinked } from '../../../src/db/rutter/unlink-connection.js';
import { startApi, type ApiFixture } from '../machine-api-fixture.js';

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
/** The workflow deletes the connection as soon as it is woken. */
const unlinkAtOnce = async ({ name, input }: { name: string; input: unknown }) => {
  if (name !== 'wakeConnection') return;
  const { connectionId } = input as { connectionId: string };
  await recordUnlinked(api.pool, { connectionId, wasGone: false, feedInFlight: null });
};
beforeEach(() => {
  api.facade.calls.length = 0;
  api.facade.onCall = unlinkAtOnce;
});

async function linked() {
  const account = await api.makeAccount();
  const feedId = await api.makeFeed({ ...account, account_status: 'active', state: 'live' });
  const [row] = await api.rows<{ connection_id: string }>(
    `SELECT connection_id FROM feeds WHERE feed_id = $1`,
    [feedId],
  );
  return { ...account, feedId, connectionId: row?.connection_id ?? '' };
}

const unlink = (id: string, confirm: string | null = id, role: 'core' | 'ops' = 'core') =>
  api.call('DELETE', `/v1/connections/${id}${confirm === null ? '' : `?confirm=${confirm}`}`, { role });

describe('unlinking a connection', () => {
  it('is answered with the unlinked connection, its feeds are closed, and a repeat is the same', async () => {
    const { connectionId, feedId } = await linked();
    const answer = await unlink(connectionId);
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { connection_id: connectionId, status: 'unlinked', linked_feeds: 0, open_batch_feed_id: null },
    ]);
    expect(answer.body['unlinked_at']).not.toBeNull();
    const feed = await api.call('GET', `/v1/feeds/${feedId}`);
    expect(feed.body).toMatchObject({ state: 'closed', allowed_actions: ['close'] });
    const again = await unlink(connectionId, connectionId, 'ops');
    expect([again.status, again.body]).toEqual([200, answer.body]);
    expect((await api.call('GET', `/v1/connections/${connectionId}`)).body).toEqual(answer.body);
  });

  it('wakes the feeds, one of which completes the open batch, and the connection; also when repeated', async () => {
    const { connectionId, feedId } = await linked();
    api.facade.onCall = () => Promise.resolve();
    const pending = unlink(connectionId);
    const repeated = unlink(connectionId);
    const names = () => api.facade.calls.map(({ name, input }) => `${name} ${JSON.stringify(input)}`);
    const expected = [
      `feedFactsChanged ${JSON.stringify({ feedId })}`,
      `wakeConnection ${JSON.stringify({ connectionId })}`,
    ];
    const answers = await Promise.all([pending, repeated]);
    expect(names().sort()).toEqual([...expected, ...expected].sort());
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('location')]).toEqual([
        202,
        `/v1/connections/${connectionId}`,
      ]);
      expect(answer.body).toMatchObject({ status: 'unlinking', unlinked_at: null });
    }
    api.facade.onCall = unlinkAtOnce;
    expect((await unlink(connectionId)).status).toBe(200);
  });

  it.each([
    ['without a confirmation', null],
    ['with an empty one', ''],
    ['with that of another connection', randomUUID()],
    ['with yes', 'yes'],
  ])('%s is 422 with what to send, and changes nothing', async (_, confirm) => {
    const { connectionId } = await linked();
    const answer = await unlink(connectionId, confirm);
    expect([answer.status, answer.body.code]).toEqual([422, 'not_confirmed']);
    expect(answer.body.detail).toContain(`DELETE /v1/connections/${connectionId}?confirm=${connectionId}`);
    expect((await api.call('GET', `/v1/connections/${connectionId}`)).body).toMatchObject({
      status: 'ok',
      unlink_requested_at: null,
    });
    expect(api.facade.calls).toEqual([]);
  });

  it('that does not exist is 404, and an unknown parameter 400', async () => {
    expect((await unlink(randomUUID())).status).toBe(404);
    expect((await unlink('x')).status).toBe(404);
    const { connectionId } = await linked();
    const odd = await api.call('DELETE', `/v1/connections/${connectionId}?confirm=${connectionId}&force=1`);
    expect(odd.status).toBe(400);
  });

  it('of the Banking Service is 409 with the way to disconnect its accounts', async () => {
    const { customerId } = await api.makeAccount();
    const connectionId = randomUUID();
    await api.pool.query(
      `INSERT INTO sage_companies (connection_id, customer_id, organisation_id, company_id, name, signing_key_sealed)
       VALUES ($1::uuid, $2, $1::uuid::text, 'c', 'A company', 'sealed')`,
      [connectionId, customerId],
    );
    const answer = await unlink(connectionId);
    expect([answer.status, answer.body.code]).toEqual([409, 'other_channel']);
    expect(answer.body.detail).toContain('DELETE /v1/sage/accounts/');
  });
});
