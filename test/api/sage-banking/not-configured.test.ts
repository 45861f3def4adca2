import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApiChannels } from '../../../src/api/channels.js';
import { createOpenApi } from '../../../src/api/openapi.js';
import { createRoutes } from '../../../src/api/routes/index.js';
import type { SageBankingFacade } from '../../../src/temporal/sage-banking/facade.js';
import { startApi, type ApiFixture } from '../machine-api-fixture.js';

/** The fixture's app has no configuration of the `sage-banking` channel. */
let api: ApiFixture;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.stop());

it('every route of a channel without configuration answers 501 and names the variable to set', async () => {
  const routes = api.routes.filter(({ path }) => path.startsWith('/v1/sage/'));
  expect(routes).toHaveLength(27);
  for (const { method, path, roles } of routes) {
    const target = path.replaceAll(/\{\w+\}/g, randomUUID());
    const answer = await api.call(method.toUpperCase(), target, { role: roles[0] ?? 'core' });
    expect([method, path, answer.status, answer.body.code]).toEqual([
      method,
      path,
      501,
      'channel_not_configured',
    ]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ title: 'Not configured', channel: 'sage-banking' });
    expect(answer.body.detail).toContain('SAGE_BANKING_URL');
  }
});

it('a caller without a token is not shown which channels are configured', async () => {
  const path = `/v1/sage/accounts/${randomUUID()}`;
  expect((await api.call('GET', path, { role: 'none' })).status).toBe(401);
});

it('an action on a feed of that channel is 501 too, and nothing is requested', async () => {
  const { customerId } = await api.makeAccount();
  const [connectionId, feedId] = [randomUUID(), randomUUID()];
  await api.pool.query(
    `INSERT INTO sage_companies (connection_id, customer_id, organisation_id, company_id, name, signing_key_sealed)
     VALUES ($1, $2, 'org', 'company', 'Harbour Joinery Ltd', 'sealed')`,
    [connectionId, customerId],
  );
  await api.pool.query(
    `INSERT INTO sage_accounts (sage_account_id, customer_id, connection_id, bank_account_id, bank_id, bank_name,
                                data_provider, name, identity_hash, status)
     VALUES ($1, $2, $3, $4, 'bank', 'A bank', 'indirect', 'Current', 'hash', 'active')`,
    [feedId, customerId, connectionId, randomUUID()],
  );
  const answer = await api.call('POST', `/v1/feeds/${feedId}/close`, { role: 'ops' });
  expect([answer.status, answer.body.code]).toEqual([501, 'channel_not_configured']);
  const asked = await api.rows(`SELECT 1 FROM sage_accounts WHERE cancel_requested_at IS NOT NULL`);
  expect(asked).toEqual([]);
});

it('the reference is the same in every installation', () => {
  const documentOf = (sageBanking: { facade: SageBankingFacade } | null) => {
    const channels = createApiChannels({
      rutter: { facade: api.facade, verifyWebhook: () => false },
      sageBanking,
    });
    return createOpenApi({ channels, routes: createRoutes(channels), publicUrl: 'http://localhost' });
  };
  // No handler runs here, so nothing of the facade is called.
  expect(documentOf(null)).toEqual(documentOf({ facade: {} as SageBankingFacade }));
});
